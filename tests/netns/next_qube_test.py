#!/usr/bin/python3 -B
"""The next qube of an address, in states that Qubes OS should not be in, gets nothing of the one
before it; and what is not dnspin's own is left to act. A story each of what a review found."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.dom0 import addresses_of  # noqa: E402
from lab.qubes_waits import (  # noqa: E402
    becomes, becomes_open, becomes_shut, becomes_told, clients, pins, seen)
from lab.steady import DOCS, EDGE, assert_open  # noqa: E402

RULES = ["accept docs.test", "accept .shop.test"]


def gone(lab, qube):
    lab.unplug(qube.vif)
    lab.remove_qube(qube)


def served_before(lab, dom0, base, vif):
    """One that has its pins."""
    qube = lab.add_qube(f"one-{vif}", plug=False, vif=vif)
    lab.plug(qube)
    dom0.qube(qube, RULES)
    base.vif_online(qube.vif, addresses_of(qube))
    becomes_told(qube, "www.shop.test", [EDGE])
    assert_open(qube, EDGE)
    return qube


def left_behind(lab, _):
    """An element of `allowed` whose interface is gone makes nobody the next qube"""
    with trial.with_qubes(lab, "left", {lab.qube("work"): RULES}) as (dnspin, dom0, base):
        before = served_before(lab, dom0, base, "vif203.0")
        gone(lab, before)  # and nobody tells Qubes OS
        becomes(lambda: before.address not in clients(dnspin), "who is gone is no client")
        with base.qube("next-vif204.0", vif="vif204.0", like=before) as qube:
            becomes(lambda: qube.address in clients(dnspin), "the next one is")
            assert not qube.connect(EDGE).passed
            becomes_told(qube, "www.shop.test", [EDGE])
            assert_open(qube, EDGE)
        base.vif_offline(before.vif, addresses_of(before))
    return "1 qube"


def without_qubesdb(lab, _):
    """A qube that comes while QubesDB is away is not served by what it said of the one before"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "away", {work: RULES}) as (dnspin, dom0, base):
        before = served_before(lab, dom0, base, "vif205.0")
        base.vif_offline(before.vif, addresses_of(before))
        gone(lab, before)
        seen(dom0, work)
        dom0.server.stop()
        with base.qube("next-vif206.0", vif="vif206.0", like=before) as qube:
            assert work.ask("docs.test").addresses == [DOCS]  # who was there goes on
            assert qube.ask("www.shop.test", timeout=1).status == "TIMEOUT"
            assert not qube.connect(EDGE).passed
            assert qube.address not in clients(dnspin)
            dom0.server.start()
            becomes_told(qube, "www.shop.test", [EDGE])
    return "served once QubesDB was back"


def without_mark(lab, _):
    """A chain that does not say whose it is is nobody's at the next start"""
    with trial.with_qubes(lab, "mark", {lab.qube("work"): RULES}) as (dnspin, dom0, base):
        before = served_before(lab, dom0, base, "vif207.0")
        dnspin.kill()
        for family, address in (("ip", before.address), ("ip6", before.address6)):
            label = address.replace(".", "-").replace(":", "-")
            lab.netvm.nft(f"flush chain {family} qubes-firewall qbs-{label}")
        base.vif_offline(before.vif, addresses_of(before))
        gone(lab, before)
        with base.qube("next-vif208.0", vif="vif208.0", like=before) as qube:
            dnspin.start()
            assert EDGE not in pins(lab, qube)
            assert not qube.connect(EDGE).passed
    return "1 restart"


def users_rules(lab, _):
    """A user's rule behind dnspin's in prerouting acts for clients"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "users", {work: ["accept docs.test"]}) as (_, dom0, _):
        becomes_told(work, "docs.test", [DOCS])
        assert_open(work, DOCS)
        lab.netvm.nft(f"add rule ip qubes-firewall prerouting ip daddr {DOCS} drop")
        becomes_shut(work, DOCS)
        dom0.qube(work, ["accept docs.test tcp 80"])
        seen(dom0, work)
        assert not work.connect(DOCS).passed
    return "also after a change"


def many_dead(lab, _):
    """Thousands of targets whose qubes are gone keep no change of dom0's from coming into force"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "dead", {work: ["accept docs.test"]}) as (_, dom0, _):
        becomes_told(work, "docs.test", [DOCS])
        assert_open(work, DOCS)
        for number in range(5000):
            dom0.firewall(f"10.138.{number // 250}.{number % 250 + 1}", ["accept"])
        dom0.qube(work, ["accept .shop.test"])
        becomes_shut(work, DOCS)
        becomes_told(work, "www.shop.test", [EDGE])
        becomes_open(work, EDGE)
        dom0.server.stop()
        dom0.server.start()
        dom0.qube(work, ["accept docs.test"])
        becomes_shut(work, EDGE)
    return "5000 dead targets, 1 restart of QubesDB"


if __name__ == "__main__":
    trial.run(left_behind, without_qubesdb, without_mark, users_rules, many_dead)
