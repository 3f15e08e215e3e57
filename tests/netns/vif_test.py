#!/usr/bin/python3 -B
"""Clients come and go with their interfaces: a vif that appears has its door and chain before it
can use anything, one that goes takes everything with it, and the next qube of that address starts
with nothing."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import topology, trial  # noqa: E402
from lab.dom0 import addresses_of  # noqa: E402
from lab.download import Downloads, serve_streams  # noqa: E402
from lab.fake_ip import FakeIp  # noqa: E402
from lab.qubes_waits import (  # noqa: E402
    becomes, becomes_open, becomes_told, clients, pins, seen, traces)
from lab.steady import (  # noqa: E402
    CASINO, DOCS, DOCS6, EDGE, FORBIDDEN, assert_open, assert_shut)
from lab.trespass import Trespass  # noqa: E402

EDGE6 = "2001:db8:5::21"
RULES = ["accept .shop.test", "accept docs.test tcp 80"]
STREAMS = []


def downloads_of(lab, qube):
    if not STREAMS:
        STREAMS.append(serve_streams(lab))
    return Downloads(lab, qube)


def look_up(qube):
    """Pins for both families, of a name that nobody looks up by itself."""
    becomes_told(qube, "www.shop.test", [EDGE])
    if qube.address6:
        becomes_told(qube, "www.shop.test", [EDGE6], "AAAA")
        assert_open(qube, EDGE6)
    assert_open(qube, EDGE)
    assert qube.ask("casino.test").status == "REFUSED"
    assert_shut(qube, CASINO)


def look_up_4(qube):
    becomes_told(qube, "www.shop.test", [EDGE])
    assert_open(qube, EDGE)
    assert_shut(qube, CASINO)


def gone(lab, dnspin, qube):
    becomes(lambda: not traces(lab, qube), f"no trace of {qube.name} is left")
    becomes(lambda: not lab.netvm.flows(qube), f"no flow of {qube.name} is left")
    assert qube.address not in clients(dnspin)


def comes(lab, servers):
    """A vif that appears has its chain and door, and before it has them nothing passes"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "comes", {work: RULES}) as (dnspin, dom0, base):
        for number in range(5):
            late = lab.add_qube(f"comes{number}", plug=False)
            dom0.qube(late, RULES)
            seen(dom0, work)
            assert not traces(lab, late) and late.address not in clients(dnspin)
            lab.plug(late)
            asked = servers.authority.count("casino.test", "A")
            with Trespass(lab, late) as trespass:
                base.vif_online(late.vif, addresses_of(late))
                for _ in range(20):
                    assert late.ask("casino.test", timeout=0.05).status in ("TIMEOUT", "REFUSED")
                look_up(late)
                assert trespass.sent > 20
            assert not trespass.arrived, f"{len(trespass.arrived)} of {trespass.sent} passed"
            assert servers.authority.count("casino.test", "A") == asked, "it went past dnspin"
            assert clients(dnspin)[late.address]["interface"] == late.vif
            look_up(work)
            base.leave(late)
            gone(lab, dnspin, late)
        # dom0 speaks after the vif has come.
        with base.qube("early") as early:
            seen(dom0, work)
            assert_shut(early, DOCS)
            assert early.ask("docs.test", timeout=0.3).status == "TIMEOUT"
            dom0.qube(early, RULES)
            look_up(early)
    return "6 qubes"


def goes(lab, _):
    """A vif that goes takes pins, flows, chain, sets, door and elements with it"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "goes", {work: RULES}) as (dnspin, dom0, base):
        for unplug in (True, False):  # with its interface, or while that is still there
            qube = lab.add_qube(f"goes{unplug}", plug=False)
            lab.plug(qube)
            dom0.qube(qube, RULES)
            base.vif_online(qube.vif, addresses_of(qube))
            look_up(qube)
            look_up(work)
            downloads, theirs = downloads_of(lab, qube), downloads_of(lab, work)
            flows = [downloads.begin(EDGE), downloads.begin(EDGE6),
                     downloads.begin(EDGE, kind="udp")]
            beside = theirs.begin(EDGE)
            downloads.go_on(*flows)
            before = traces(lab, qube)
            assert pins(lab, qube).keys() >= {EDGE, EDGE6} and len(before) > 8, before
            base.vif_offline(qube.vif, addresses_of(qube))
            if unplug:
                lab.unplug(qube.vif)
            gone(lab, dnspin, qube)
            theirs.go_on(beside)
            assert beside.whole and not any(one.ended == "closed" for one in flows)
            look_up(work)
            if not unplug:
                assert_shut(qube, EDGE)
                lab.unplug(qube.vif)
            theirs.end(beside)
            downloads.close()
            lab.remove_qube(qube)
        assert clients(dnspin).keys() == {work.address}
    return f"{len(before)} lines of the ruleset named it, 0 then"


def replaced(lab, servers):
    """The next qube of an address starts with nothing, also where all of it is one burst"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "replaced", {work: RULES}) as (dnspin, dom0, base):
        first = lab.add_qube("disp", plug=False)
        lab.plug(first)
        dom0.qube(first, RULES)
        base.vif_online(first.vif, addresses_of(first))
        for number in range(1, 7):
            look_up(first)
            asked = servers.authority.count("www.shop.test")
            old = pins(lab, first)
            assert old.keys() >= {EDGE, EDGE6}
            second = lab.add_qube(f"disp{number}", like=first, vif=f"vif{200 + number}.0",
                                  plug=False)
            lab.plug(second)
            stop = number % 2 == 0
            if stop:
                dnspin.process.send_signal(signal.SIGSTOP)
            base.vif_offline(first.vif, addresses_of(first))
            dom0.qube(second, RULES)  # as dom0 does before each start
            base.vif_online(second.vif, addresses_of(second))
            if stop:
                dnspin.process.send_signal(signal.SIGCONT)
            lab.unplug(first.vif)
            lab.remove_qube(first)
            becomes(lambda: clients(dnspin).get(second.address, {}).get("interface") == second.vif,
                    "it is a client behind its own vif")
            assert EDGE not in pins(lab, second) and EDGE6 not in pins(lab, second)
            assert_shut(second, EDGE)
            assert_shut(second, EDGE6)
            look_up(second)
            assert servers.authority.count("www.shop.test") > asked, "from the other's cache"
            first = second
        base.leave(first)
        gone(lab, dnspin, first)
    return f"{number} times"


def while_away(lab, _):
    """A qube that came while dnspind was not running does not inherit the pins of its address"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "away", {work: RULES}) as (dnspin, dom0, base):
        first = lab.add_qube("before", plug=False)
        lab.plug(first)
        dom0.qube(first, RULES)
        base.vif_online(first.vif, addresses_of(first))
        look_up(first)
        look_up(work)
        dnspin.kill()
        base.leave(first)
        with base.qube("after", like=first, vif="vif230.0") as second:
            dnspin.start()
            assert pins(lab, work).keys() >= {EDGE, EDGE6}, "the others' pins stay"
            assert EDGE not in pins(lab, second), "it has the pins of another qube"
            assert_shut(second, EDGE)
            look_up(second)
        gone(lab, dnspin, second)
    return "1 qube"


def two_vifs(lab, _):
    """An HVM's two vifs of one address are one client, until the last of them goes"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "two-vifs", {work: RULES}) as (dnspin, dom0, base):
        with base.qube("hvm", vif="vif105.0") as hvm:
            lab.plug(hvm, "vif106.0", "eth1")
            base.vif_online("vif106.0", addresses_of(hvm))
            dom0.qube(hvm, RULES)
            look_up(hvm)
            assert list(clients(dnspin)) .count(hvm.address) == 1
            before = pins(lab, hvm)
            hvm.ip("link set eth0 down")  # now it speaks by the other one
            look_up(hvm)
            assert pins(lab, hvm).keys() == before.keys()
            base.vif_offline("vif105.0", addresses_of(hvm))
            seen(dom0, work)
            look_up(hvm)
            assert pins(lab, hvm).keys() == before.keys(), "it is still there"
            base.vif_offline("vif106.0", addresses_of(hvm))
            lab.unplug("vif106.0")
        gone(lab, dnspin, hvm)
    return f"{len(before)} pins stayed while one vif was there"


def one_family(lab, _):
    """A qube without IPv6 is served like any other"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "one-family", {work: RULES}) as (dnspin, dom0, base):
        with base.qube("v4", ipv6=False) as qube:
            dom0.qube(qube, [*RULES, "accept 2001:db8::/32"])
            look_up(qube)
            assert clients(dnspin)[qube.address]["addresses"] == [qube.address]
            assert not [line for line in traces(lab, qube) if ":" in line and "fd09" in line]
            assert not dnspin.metric("dnspin_answers_released_unpinned_total")
        gone(lab, dnspin, qube)
    return "1 qube"


def readdressed(lab, _):
    """A qube that gets another address on its vif is another client; what has no target is shut"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "readdressed", {work: RULES}) as (dnspin, dom0, base):
        with base.qube("moves") as qube:
            dom0.firewall(qube.address, RULES)  # and nothing of its IPv6
            look_up_4(qube)
            assert qube.ask("www.shop.test", "AAAA").status in ("NOERROR", "SERVFAIL")
            assert_shut(qube, EDGE6)
            assert_shut(qube, DOCS6)
            old, new = qube.address, "10.137.0.211"
            dom0.firewall(new, ["accept .shop.test"])
            base.vif_offline(qube.vif, addresses_of(qube))
            qube.ip(f"addr del {old}/32 dev eth0\naddr add {new}/32 dev eth0")
            gone(lab, dnspin, qube)
            qube.address = new
            base.vif_online(qube.vif, [new])
            qube.ip(f"route replace {topology.GATEWAY} scope link dev eth0\n"
                    f"route replace default via {topology.GATEWAY} onlink dev eth0")
            look_up_4(qube)
            qube.address6 = ""
            assert clients(dnspin).keys() == {work.address, new}
        gone(lab, dnspin, qube)
    return "2 addresses"


def fake_ip(lab, _):
    """With net.fake-ip the netvm sees the real address, and dom0 connects the fake one"""
    work, fake = lab.qube("work"), "192.168.7.2"
    with trial.with_qubes(lab, "fake", {work: RULES}) as (dnspin, dom0, base):
        qube = lab.add_qube("faked", ipv6=False, plug=False)
        FakeIp(lab, qube, fake)
        dom0.connected([*addresses_of(work), fake])
        dom0.server.write(f"/mapped-ip/{qube.address}/visible-ip", fake)
        dom0.qube(qube, RULES)
        base.vif_online(qube.vif, addresses_of(qube))
        look_up(qube)
        assert clients(dnspin)[qube.address]["interface"] == qube.vif
        assert_shut(qube, FORBIDDEN)
        base.leave(qube)
        gone(lab, dnspin, qube)
    return "1 qube"


def by_routes(lab, _):
    """Where the sets `allowed` are missing, host routes say who is there"""
    work, personal = lab.qubes[:2]
    with trial.with_qubes(lab, "routes", {work: RULES, personal: RULES}) as (dnspin, dom0, base):
        look_up(work)
        before = pins(lab, work)
        base.close()  # and with it the tables
        becomes_told(work, "docs.test", [DOCS])
        assert clients(dnspin).keys() == {work.address, personal.address}
        assert pins(lab, work).keys() >= before.keys(), "it is the same qube"
        late = lab.add_qube("by-route", plug=False)
        dom0.qube(late, RULES)
        lab.plug(late)
        lab.netvm.ip(topology.online(late.vif, addresses_of(late)))
        look_up(late)
        look_up(personal)
        lab.netvm.ip(f"route del {late.address} dev {late.vif}\n"
                     f"route del {late.address6} dev {late.vif}")
        gone(lab, dnspin, late)
        lab.netvm.ip(topology.online(late.vif, addresses_of(late)))
        look_up(late)
        lab.unplug(late.vif)
        gone(lab, dnspin, late)
        lab.remove_qube(late)
        # One family by its set, the other by its routes.
        lab.netvm.nft("add table ip qubes\nadd set ip qubes allowed { type ifname . ipv4_addr; }\n"
                      f"add element ip qubes allowed {{ \"{work.vif}\" . {work.address} }}")
        becomes(lambda: clients(dnspin).get(personal.address) is None, "its IPv4 is not there")
        look_up(work)
        assert not [line for line in traces(lab, personal) if personal.address in line]
    return f"{len(before)} pins stayed"


def base_reloaded(lab, _):
    """When Qubes OS loads its base ruleset anew, questions are let in again; users' rules stay"""
    work, personal = lab.qubes[:2]
    with trial.with_qubes(lab, "base", {work: RULES, personal: RULES}) as (dnspin, dom0, base):
        reloads = 5
        for number in range(reloads):
            look_up(work)
            before = pins(lab, work)
            if number % 2:
                base.reload()
            else:
                lab.netvm.nft("flush chain ip qubes custom-input\n"
                              "flush chain ip6 qubes custom-input")
            becomes_told(work, "docs.test", [DOCS])
            becomes_told(personal, "docs.test", [DOCS6], "AAAA")
            assert pins(lab, work).keys() >= before.keys() and len(clients(dnspin)) == 2
            for family in ("ip", "ip6"):
                text = lab.netvm.nft_list("chain", family, "qubes", "custom-input")
                assert text.count("ct status dnat") == text.count("accept") > 0, text
        mine = {"custom-input": "tcp dport 8100 accept comment \"mine\"",
                "custom-forward": "tcp dport 9 drop comment \"mine\""}
        for family in ("ip", "ip6"):
            for chain, rule in mine.items():
                lab.netvm.nft(f"insert rule {family} qubes {chain} {rule}")
            lab.netvm.nft(f"insert rule {family} qubes-firewall qubes-forward tcp dport 7 accept "
                          "comment \"mine\"")
        for number in range(5):
            dom0.qube(work, [*RULES, f"accept n{number}.test"])
            seen(dom0, work)
            base.vif_offline(personal.vif, addresses_of(personal))
            becomes(lambda: len(clients(dnspin)) == 1, "one has gone")
            base.vif_online(personal.vif, addresses_of(personal))
            becomes(lambda: len(clients(dnspin)) == 2, "and is back")
        for family in ("ip", "ip6"):
            for table, chain in (("qubes", "custom-input"), ("qubes", "custom-forward"),
                                 ("qubes-firewall", "qubes-forward")):
                assert lab.netvm.nft_list("chain", family, table, chain).count("mine") == 1, chain
        assert work.connect(FORBIDDEN, 7).outcome == "refused", "the user's rule lets it through"
        becomes_open(work, DOCS)
    return f"{reloads} times"


if __name__ == "__main__":
    trial.run(comes, goes, replaced, while_away, two_vifs, one_family, readdressed, fake_ip,
              by_routes, base_reloaded)
