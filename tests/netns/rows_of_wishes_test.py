#!/usr/bin/python3 -B
"""What users of Qubes OS have asked for, row by row of the feature table: those of
rows 80 to 88 that dnspin meets. README's table says what is not there yet."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import Reply, aliases, dnswire, records, trial  # noqa: E402
from lab.attempts import assert_passes, assert_prohibited  # noqa: E402
from lab.daemon import TREE  # noqa: E402
from lab.dom0 import addresses_of  # noqa: E402
from lab.processes import family, kibibytes  # noqa: E402
from lab.qubes_waits import (  # noqa: E402
    becomes, becomes_open, becomes_shut, becomes_told, pins)
from lab.qvm_firewall import QvmFirewall  # noqa: E402
from lab.rows import (  # noqa: E402
    EDGE6, FORBIDDEN6, NEAR, NEAR6, RULES, downloads_of, look_up, tcp)
from lab.steady import CASINO, DOCS, DOCS6, EDGE, FORBIDDEN, SIX  # noqa: E402

BRIEF = {"pins": {"told_max": "1s", "floor": "1s", "slack": "0s"}}
LONGEST = 253           # octets of a name
QUBES, NAMES = 30, 20
MEMORY = 64 * 1024      # KiB, of the 300 MB of a small netvm; 53 MiB were seen


def row_80_dns_filtered(lab, servers):
    """row 80: only allowed names are asked and told; what an answer leads to counts as well"""
    work, authority = lab.qube("work"), servers.authority
    authority.at("www.odd.test", aliases(["cdn.odd.test"], [NEAR(1), NEAR6(1)]))
    authority.at("x.odd.test", aliases(["track.ads.test"], [NEAR(2)]))
    authority.at("in.odd.test", records(["192.168.0.7", NEAR(3)]))
    rules = ["drop .ads.test", "accept www.odd.test", "accept x.odd.test", "accept in.odd.test",
             "accept dsthost=casino.test specialtarget=dns"]
    unlisted = ("docs.test", "www.casino.test", "secret-of-mine.casino.test", "odd.test")
    with trial.with_qubes(lab, "row-80", {work: rules}) as (_, dom0, _):
        asked = {name: authority.count(name) for name in unlisted}
        for name in unlisted:
            for kind in ("A", "AAAA", "TXT", "MX", "NS", "HTTPS"):
                for tcp_too in (False, True):
                    assert work.ask(name, kind, tcp=tcp_too).status == "REFUSED", (name, kind)
            assert authority.count(name) == asked[name], f"{name} went out"
        assert work.ask("www.odd.test").addresses == [NEAR(1)]
        assert work.ask("www.odd.test", "AAAA").addresses == [NEAR6(1)]
        assert_passes(work, *tcp(NEAR(1), NEAR6(1)))
        dropped = work.dig("x.odd.test")
        assert (dropped.status, dropped.ede, dropped.addresses) == ("REFUSED", 15, []), dropped
        assert work.ask("in.odd.test").addresses == [NEAR(3)], "a private address is told"
        assert work.ask("casino.test").addresses == [CASINO]
        assert_prohibited(work, *tcp(NEAR(2), "192.168.0.7", CASINO))
        QvmFirewall(dom0, work, *rules, "accept specialtarget=dns")
        assert work.ask("docs.test").addresses == [DOCS]
        assert work.ask("x.odd.test").status == "REFUSED"
        assert_prohibited(work, *tcp(NEAR(2)))
    for name in ("www.odd.test", "x.odd.test", "in.odd.test"):
        authority.forget(name)
    return f"{12 * len(unlisted)} questions refused"


def row_81_one_bad_name(lab, servers):
    """row 81: a name that does not resolve takes nothing else with it, and is tried again"""
    work, authority = lab.qube("work"), servers.authority
    bad = ["nx.odd.test", "servfail.odd.test", "silent.odd.test", "a..b", "x" * 64 + ".test"]
    authority.at("later.odd.test", lambda query: Reply(rcode=dnswire.SERVFAIL))
    with trial.with_qubes(lab, "row-81", {work: [*(f"accept {name}" for name in bad), *RULES,
                                                 "accept later.odd.test", "accept casino.test"]}
                          ) as (_, _, _):
        becomes_told(work, "docs.test", [DOCS])
        becomes_open(work, CASINO)
        assert work.ask("www.shop.test", "AAAA").addresses == [EDGE6]
        assert_passes(work, *tcp(EDGE6, DOCS))
        assert_prohibited(work, *tcp(FORBIDDEN, FORBIDDEN6, NEAR(1)))
        before = authority.count("later.odd.test", "A")
        becomes(lambda: authority.count("later.odd.test", "A") > before, "it is tried again")
        authority.at("later.odd.test", records([NEAR(1)]))
        becomes_open(work, NEAR(1))  # nobody has asked for it
    authority.forget("later.odd.test")
    return f"{len(bad)} names that never do, 1 that did not"


def row_82_closed_on_stop(lab, _):
    """row 82: nothing is open before dnspind, after its stop and crash, or for who comes then"""
    work, personal = lab.qubes[:2]
    closed = (TREE / "packaging" / "qubes" / "closed.nft").read_text()
    everything = ("198.51.100.7", "2001:db8::7", FORBIDDEN)
    with trial.with_qubes(lab, "row-82", {work: RULES}, start=False) as (dnspin, dom0, base):
        assert_passes(work, *tcp(*everything))
        lab.netvm.nft(closed)  # dnspin-closed.service
        assert not any(work.connect(address, timeout=0.3).passed for address in everything)
        dnspin.start()
        look_up(work)
        for number, end in enumerate((dnspin.stop, dnspin.kill)):
            end()
            dom0.qube(personal, ["accept"])
            base.vif_online(personal.vif, addresses_of(personal))
            for address in everything:
                assert not work.connect(address, timeout=0.3).passed
                assert not personal.connect(address, timeout=0.3).passed
            assert not personal.ask("docs.test", timeout=0.3).addresses
            lab.netvm.nft(closed)  # loaded again it changes nothing
            assert_passes(work, *tcp(EDGE, EDGE6, DOCS))
            dnspin.start()
            look_up(work)
            becomes_open(personal, everything[number])
            base.vif_offline(personal.vif, addresses_of(personal))
            becomes_shut(personal, everything[number])
        base.vif_online(personal.vif, addresses_of(personal))
    return "1 stop, 1 crash"


def row_84_shared_profiles(lab, _):
    """row 84: one profile serves many qubes, wherever they are configured, and changes for all"""
    work, personal = lab.qubes[:2]
    with trial.with_qubes(lab, "row-84", {work: ["accept"], personal: ["accept 192.0.2.7"]},
                          profiles={"shop": "accept .shop.test tcp 80\naccept docs.test"},
                          clients={"work": "use shop"}) as (dnspin, dom0, _):
        dom0.vm_config("dnspin.personal", f"address {personal.address};use shop;accept six.test")
        for qube in (work, personal):
            becomes_told(qube, "www.shop.test", [EDGE])
            becomes_told(qube, "docs.test", [DOCS])
            assert_passes(qube, *tcp(EDGE, DOCS))
            assert_prohibited(qube, *tcp(FORBIDDEN), *tcp(EDGE, port=443))
        becomes_told(personal, "six.test", [SIX], "AAAA")
        assert_passes(personal, *tcp(SIX, "192.0.2.7"))
        dnspin.write_profile("shop", "accept casino.test")
        assert dnspin.reload()
        for qube in (work, personal):
            becomes_told(qube, "casino.test", [CASINO])
            assert_passes(qube, *tcp(CASINO))
            assert_prohibited(qube, *tcp(EDGE, DOCS))
        assert_passes(personal, *tcp(SIX))
    return "1 profile, 2 qubes"


def row_85_long_and_one_family(lab, servers):
    """row 85: names of 253 octets work, and names without IPv6 leave IPv6 alone"""
    work = lab.qube("work")
    end = ".odd.test"
    long = ".".join(letter * 60 for letter in "abc") + "."
    long += "d" * (LONGEST - len(long) - len(end)) + end
    servers.authority.at(long, records([NEAR(1), NEAR6(1)]))
    with trial.with_qubes(lab, "row-85", {work: ["drop"]}) as (dnspin, dom0, _):
        QvmFirewall(dom0, work, f"accept {long} tcp 80", "accept casino.test", "accept docs.test")
        assert len(long) == LONGEST
        becomes_open(work, NEAR6(1))
        becomes_told(work, long, [NEAR(1)])
        becomes_told(work, "casino.test", [CASINO])
        reply = work.ask("casino.test", "AAAA")
        assert (reply.status, reply.addresses) == ("NOERROR", []), reply
        becomes_open(work, DOCS6)
        assert_passes(work, *tcp(NEAR(1), NEAR6(1), CASINO, DOCS, DOCS6))
        assert_prohibited(work, *tcp(FORBIDDEN6, FORBIDDEN), *tcp(NEAR6(1), port=443))
        becomes(lambda: dom0.server.entries("/dns/"), "what fits is published")
        assert long[:20] not in str(dom0.server.entries("/dns/"))
        assert not [line for line in dnspin.log() if line.priority <= 3], dnspin.log()
    servers.authority.forget(long)
    return f"{LONGEST} octets"


def row_86_live_view(lab, _):
    """row 86: dnspin pins says live which name opens which address, for whom, for how long"""
    work, personal = lab.qubes[:2]
    with trial.with_qubes(lab, "row-86", {work: RULES, personal: ["accept .shop.test"]}) as (
            dnspin, dom0, _):
        look_up(work)
        rules = QvmFirewall(dom0, work, *RULES)

        def shown(*client):
            return {(pin["client"], pin["name"], pin["address"]): pin
                    for pin in dnspin.control("pins", *client)}

        first, www = shown(), (work.address, "www.shop.test", EDGE)
        assert first.keys() == {www, (work.address, "www.shop.test", EDGE6),
                                (work.address, "docs.test", DOCS),
                                (work.address, "docs.test", DOCS6)}, first
        assert first[www]["rule"] == ".shop.test" and first[www]["ports"] == "any"
        assert first[(work.address, "docs.test", DOCS)]["ports"] == "80"
        assert not shown(personal.address)
        time.sleep(2)
        left = shown(work.address)[www]["expires_in_s"]
        assert 0 < left < first[www]["expires_in_s"], left
        kernel = pins(lab, work)[EDGE]
        assert abs(kernel.expires - left) <= 2 and "www.shop.test" in kernel.comment, kernel
        assert personal.ask("www.shop.test").addresses == [EDGE]
        assert (personal.address, "www.shop.test", EDGE) in shown()
        words = dnspin.command("pins", work.address).stdout
        assert "www.shop.test" in words and EDGE in words and personal.address not in words
        rules.delete(0)
        assert www not in shown() and (personal.address, "www.shop.test", EDGE) in shown()
    return f"{len(first)} pins"


def row_87_rotation_cuts_nothing(lab, servers):
    """row 87: a flow that the rules allow goes on, wherever its name has moved meanwhile"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    servers.authority.at("turns.odd.test", records([NEAR(1)], ttl=1))
    with trial.with_qubes(lab, "row-87", {work: ["drop"]}, settings=BRIEF) as (dnspin, dom0, _):
        rules = QvmFirewall(dom0, work, "accept turns.odd.test", f"accept {NEAR(9)}")
        beside, running = downloads.begin(NEAR(9)), []
        for number in range(1, 5):
            servers.authority.at("turns.odd.test", records([NEAR(number)], ttl=1))
            becomes_told(work, "turns.odd.test", [NEAR(number)])
            running += [downloads.begin(NEAR(number)), downloads.begin(NEAR(number), kind="udp")]
        becomes(lambda: not work.connect(NEAR(1)).passed, "its pin has ended")
        counted = dom0.handled(work.address)
        rules.add(f"accept {NEAR(50)}", before=0)
        rules.reload()
        dnspin.hang_up()
        assert dom0.handled(work.address) >= counted + 2, "who waits for changes sees this count"
        downloads.go_on(beside, *running, more=20)
        dnspin.kill()
        dnspin.start()
        downloads.go_on(beside, *running, more=20)
        rules.set(f"accept {NEAR(9)}")
        took = downloads.stops(*running, beside=beside)
        downloads.end_all()
    servers.authority.forget("turns.odd.test")
    return f"{len(running)} flows, cut {took:.2f} s after the rule went"


def row_88_small(lab, _):
    """row 88: it is small enough for a netvm of 300 MB with 30 qubes"""
    while len(lab.qubes) < QUBES:
        lab.add_qube(f"q{len(lab.qubes)}")
    rules = [f"accept h{number}.files.test tcp 80" for number in range(NAMES)]
    with trial.with_qubes(lab, "row-88", {qube: rules for qube in lab.qubes}) as (dnspin, _, _):
        for qube in lab.qubes:
            for number in range(NAMES):
                assert qube.ask(f"h{number}.files.test").addresses
        assert len(pins(lab, lab.qubes[-1])) == NAMES
        pids = family(dnspin.pid)
        size, resident = kibibytes(pids), kibibytes(pids, "Rss")
        assert size < MEMORY, f"{size} KiB"
    return f"{QUBES} qubes: {size} KiB proportional, {resident} KiB resident, {len(pids)} processes"


if __name__ == "__main__":
    trial.run(row_80_dns_filtered, row_81_one_bad_name, row_82_closed_on_stop,
              row_84_shared_profiles, row_85_long_and_one_family, row_86_live_view,
              row_87_rotation_cuts_nothing, row_88_small)
