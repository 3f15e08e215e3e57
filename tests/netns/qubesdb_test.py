#!/usr/bin/python3 -B
"""Rules from QubesDB: what dom0 writes holds for real traffic, from its trigger on. What else dom0
says, and what dnspin says there, is qubesdb_values_test.py's; how it bears a QubesDB that
misbehaves qubesdb_faults_test.py's; how qubes come and go vif_test.py's."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import Reply, dnswire, records, topology, trial  # noqa: E402
from lab.dom0 import addresses_of  # noqa: E402
from lab.qubes_waits import (  # noqa: E402
    becomes, becomes_open, becomes_shut, becomes_told, clients, pins, seen, structure, traces)
from lab.servers import NSD_ADDRESS  # noqa: E402
from lab.steady import (  # noqa: E402
    CASINO, DOCS, DOCS6, EDGE, FORBIDDEN, SIX, assert_open, assert_shut)

EDGE6 = "2001:db8:5::21"
DEAD, DEAD6 = "10.137.0.77", "fd09:24ef:4179::a89:4d"
ANY_NAME = "accept specialtarget=dns"


def enforced(lab, _):
    """dom0's rules hold for dig, TCP and UDP of both families, and nothing else passes"""
    work, personal = lab.qubes[:2]
    rules = {work: ["accept docs.test tcp 80", "accept .shop.test tcp 80-443",
                    "drop 203.0.113.99", f"accept {NSD_ADDRESS} udp 53",
                    "accept 203.0.113.96/29 tcp 8080", "accept six.test"],
             personal: ["accept casino.test", ANY_NAME, "drop"]}
    with trial.with_qubes(lab, "enforced", rules) as (dnspin, _, _):
        assert work.dig("docs.test").addresses == [DOCS]
        assert work.dig("docs.test", "AAAA", "+tcp").addresses == [DOCS6]
        assert work.dig("www.shop.test").addresses == [EDGE]
        assert work.dig("casino.test", server=NSD_ADDRESS).addresses == [CASINO]
        refused = work.dig("casino.test")
        assert (refused.status, refused.ede) == ("REFUSED", 18), refused
        assert work.curl("http://docs.test/").stdout.startswith(f"Hello from {DOCS}")
        shut = [(DOCS, 443), (DOCS6, 443), (CASINO, 80), (FORBIDDEN, 8080), (NSD_ADDRESS, 80),
                (topology.UPSTREAM, 53)]
        for address, port in [(DOCS6, 80), (EDGE, 443), ("203.0.113.98", 8080)]:
            assert_open(work, address, port)
        assert work.ask("six.test", "AAAA").addresses == [SIX]
        assert_open(work, SIX, 8080)
        for address, port in shut:
            assert work.connect(address, port).outcome == "prohibited", (address, port)
        assert personal.ask("docs.test").addresses == [DOCS], "it may ask for any name"
        assert personal.ask("casino.test").addresses == [CASINO]
        assert_open(personal, CASINO, 443)
        assert personal.connect(DOCS).outcome == "prohibited", "and its pins are its own"
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
        table = lab.netvm.nft_list("table", "ip", "qubes-firewall")
        for chain in ("forward", "qubes-forward", "prerouting", "postrouting", "qbs-10-137-0-25"):
            assert f"chain {chain} {{" in table, chain
    return f"{len(shut) + 2} ways shut"


def trigger(lab, _):
    """What dom0 is in the middle of writing counts for nothing until its trigger"""
    work, personal = lab.qubes[:2]
    rules = {work: ["accept docs.test tcp 80"], personal: []}
    with trial.with_qubes(lab, "trigger", rules) as (_, dom0, _):
        server, folder = dom0.server, f"/qubes-firewall/{work.address}/"
        assert work.ask("docs.test").addresses == [DOCS]
        assert work.ask("docs.test", "AAAA").addresses == [DOCS6]
        before, steps = structure(lab), 0
        for step in (lambda: server.rm(folder), lambda: server.write(folder + "policy", "accept"),
                     lambda: server.write(folder + "0000", "action=accept"),
                     lambda: server.write(folder + "0000", "action=accept dsthost=casino.test"),
                     lambda: server.write(folder + "0001", "nonsense"),
                     lambda: server.rm(folder + "0001")):
            step()
            seen(dom0, personal)
            assert structure(lab) == before, "the firewall changed"
            assert work.ask("docs.test").addresses == [DOCS]
            assert work.ask("casino.test").status == "REFUSED"
            assert_shut(work, FORBIDDEN)
            steps += 1
        server.write(folder + "policy", "drop")
        for address in addresses_of(work):
            dom0.firewall(address, ["accept casino.test"])
        becomes_told(work, "casino.test", [CASINO])
        becomes_shut(work, DOCS)
        assert work.ask("docs.test").status == "REFUSED"
        count = dom0.handled(work.address)
        for _ in range(20):  # and one that changes nothing is a trigger as well
            dom0.trigger(work.address)
        becomes(lambda: dom0.handled(work.address) >= count + 1, "they are counted")
        assert_open(work, CASINO)
    return f"{steps} steps without effect"


def numbers(lab, _):
    """Rules stand in the order of their numbers, whatever is missing between them"""
    work = lab.qube("work")
    rules = {0: "drop 203.0.113.30", 3: None, 17: "accept docs.test tcp 80", 18: "drop dst6=::/0",
             409: f"accept {CASINO}", 410: "drop 203.0.113.0/24",
             9997: "accept 203.0.113.0/24", 9998: "accept 198.51.100.0/24"}
    with trial.with_qubes(lab, "numbers", {work: rules}) as (_, dom0, _):
        assert work.ask("docs.test", "AAAA").addresses == [DOCS6]
        for address in (DOCS6, CASINO, "198.51.100.7"):
            assert_open(work, address)
        for address in (DOCS, FORBIDDEN, SIX):
            assert_shut(work, address)
        written = sorted(path[-4:] for path in dom0.server.list("/qubes-firewall/"))
        # dom0 writes in the order of numbers, the tree has its own: neither is what counts.
        for address in addresses_of(work):
            dom0.firewall(address, dict(reversed([*rules.items(), (5, f"accept {FORBIDDEN}")])))
        becomes_open(work, FORBIDDEN)
        assert_shut(work, DOCS)
    return f"{len(written)} entries"


def two_targets(lab, _):
    """Both families' targets are one client: an AAAA asked over IPv4 opens its IPv6 address"""
    work, personal = lab.qubes[:2]
    rules = ["accept .shop.test tcp 80", "accept 2001:db8:99::/64 tcp 80", "accept 192.0.2.0/24"]
    with trial.with_qubes(lab, "two", {work: rules, personal: rules}) as (dnspin, dom0, _):
        known = clients(dnspin)
        assert known.keys() == {work.address, personal.address}, known
        assert known[work.address]["addresses"] == [work.address, work.address6], known
        assert known[work.address]["interface"] == work.vif
        assert_shut(work, EDGE6)
        assert work.ask("www.shop.test", "AAAA").addresses == [EDGE6]
        assert_open(work, EDGE6)
        assert pins(lab, work).keys() == {EDGE6} and not pins(lab, personal)
        assert_shut(personal, EDGE6)
        assert_open(work, "2001:db8:99::1")
        # A change of one family's rules is one of that family alone.
        dom0.qube(work, [*rules, "accept 198.51.100.0/24"])
        becomes_open(work, "198.51.100.7")
        assert_open(work, EDGE6)
        assert len(clients(dnspin)) == 2
    return "2 clients of 2 addresses each"


def one_target(lab, _):
    """A target that changes without the other (IPv6 switched off in dom0) shuts the other family"""
    work = lab.qube("work")
    old, new = ["accept docs.test", "accept 198.51.100.0/24", "accept 2001:db8:51::/64"], [
        "accept casino.test", "accept 192.0.2.0/24", "accept 2001:db8:52::/64"]
    with trial.with_qubes(lab, "one-target", {work: old}) as (dnspin, dom0, _):
        assert work.ask("docs.test").addresses == [DOCS]
        assert_open(work, "2001:db8:51::1")
        dom0.firewall(work.address, new)
        for _ in range(3):  # now and in the long run
            becomes_open(work, "192.0.2.7")
            becomes_told(work, "casino.test", [CASINO])
            assert_open(work, CASINO)
            assert_shut(work, "198.51.100.7")
            becomes_shut(work, "2001:db8:51::1")
            assert_shut(work, "2001:db8:52::1")
            seen(dom0, work)
        assert dnspin.wait_log("the other address is shut")
        dom0.firewall(work.address6, new)
        becomes_open(work, "2001:db8:52::1")
        becomes_shut(work, "2001:db8:51::1")
        assert_open(work, "192.0.2.7")
        assert len(clients(dnspin)) == 1
        # And a policy of accept is what it says.
        dom0.qube(work, ["drop 203.0.113.99"], policy="accept")
        becomes_open(work, "198.51.100.7")
        assert_open(work, "2001:db8:51::1")
        assert_shut(work, FORBIDDEN)
        assert work.ask("casino.test").addresses == [CASINO]
    return "1 target, then the other"


def leftovers(lab, _):
    """Targets of qubes that are gone, or never were, are nobody's"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "leftovers", {work: ["accept docs.test"]}, start=False) as (
            dnspin, dom0, _):
        dead = [f"10.138.{i // 250}.{i % 250 + 1}" for i in range(400)] + [DEAD, DEAD6]
        for address in dead:
            dom0.firewall(address, ["accept", "nonsense"])
        dnspin.start()
        assert clients(dnspin).keys() == {work.address}
        assert "10-138" not in structure(lab) and "10-137-0-77" not in structure(lab)
        for address in dead[:50]:
            dom0.firewall(address, ["accept"])
        seen(dom0, work)
        assert clients(dnspin).keys() == {work.address}
        assert not [line for line in dnspin.log() if "10.138." in line.text]
    return f"{len(dead)} targets without a qube"


def long_values(lab, _):
    """Values of 3071 octets are taken whole"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "long", {work: ["accept"]}) as (_, dom0, _):
        connected, number = work.address, 0
        while len(connected) + 15 <= 3071:
            connected += f" 10.138.{number // 200 + 20}.{number % 200 + 20}"
            number += 1
        last = connected.split()[-1]
        dom0.server.write("/connected-ips", connected.ljust(3071))
        becomes(lambda: last in lab.netvm.nft_list("table", "ip", "qubes-firewall"),
                "the last of the connected addresses")
        text = f"address {work.address};"
        while len(text) < 3000:
            text += f"accept n{len(text)}.test;"
        text += "accept docs.test;"
        dom0.vm_config("dnspin.work", text + "#" * (3071 - len(text)))
        # An answer of the moment in which the rules change may still be one of the former rules.
        becomes(lambda: work.ask("casino.test", timeout=1).addresses and
                not work.connect(CASINO).passed and
                work.ask("docs.test", timeout=1).addresses == [DOCS] and
                work.connect(DOCS).passed,
                "the rules of a value in full length")
        dom0.vm_config("dnspin.work", None)
        becomes_open(work, CASINO)
    return f"{number} addresses, {text.count(';')} lines"


def many_rules(lab, _):
    """9999 rules of one qube"""
    work = lab.qube("work")
    rules = [f"accept 100.{64 + i // 200}.{i % 200}.7 tcp 80" for i in range(9998)]
    with trial.with_qubes(lab, "many", {work: ["accept docs.test"]}) as (dnspin, dom0, _):
        dom0.qube(work, rules + ["accept casino.test tcp 80"])
        assert trial.wait_until(lambda: work.ask("casino.test", timeout=5).addresses == [CASINO],
                                timeout=120)
        for address in ("100.64.0.7", "100.90.1.7", "100.113.197.7", CASINO):
            assert_open(work, address)
        assert_shut(work, "100.113.198.7")
        assert_shut(work, DOCS)
        assert clients(dnspin)[work.address]["rules"] == len(rules) + 1
    return f"{len(rules) + 1} rules"


BROKEN = ("acton=accept", "action=allow", "action=accept dsthost=docs.test dpi=on",
          "action=accept action=accept", "action=accept dst4=1.2.3.4.5",
          "action=accept dstports=80-80 proto=tcp dstports=81-81", "action=accept proto=sctp",
          "action=accept dst4=192.0.2.1/32 dsthost=docs.test", "", "dsthost=docs.test",
          "action=accept proto=tcp dstports=70000-70000", "action=accept " + 3050 * "x")


def broken_rule(lab, _):
    """A rule that does not parse blocks its qube alone, and the log names it"""
    work, personal = lab.qubes[:2]
    good = ["accept docs.test", "accept 198.51.100.0/24", "accept 2001:db8:51::/64"]
    with trial.with_qubes(lab, "broken", {work: good, personal: good}) as (dnspin, dom0, _):
        for text in BROKEN:
            log = len(dnspin.log())
            for address in addresses_of(work):  # as it is, whatever dom0 would make of it
                dom0.firewall(address, good, trigger=False)
                dom0.server.write(f"/qubes-firewall/{address}/0007", text)
                dom0.trigger(address)
            becomes_shut(work, "198.51.100.7")
            becomes_shut(work, "2001:db8:51::1")
            assert work.ask("docs.test", timeout=1).status != "NOERROR", text
            name = f"/qubes-firewall/{work.address}/0007"
            becomes(lambda: [line for line in dnspin.log()[log:]
                             if name in line.text], f"the log names {name} for {text[:60]}")
            assert_open(personal, "198.51.100.7")
            assert personal.ask("docs.test").addresses == [DOCS]
            dom0.qube(work, good)
            becomes_open(work, "198.51.100.7")
            becomes_told(work, "docs.test", [DOCS])
        for address in addresses_of(work):
            dom0.firewall(address, good, policy=None)
        becomes_shut(work, "198.51.100.7")
        dom0.qube(work, good)
        becomes_open(work, "198.51.100.7")
        for address in addresses_of(work):
            dom0.firewall(address, good, trigger=False)
            dom0.server.write(f"/qubes-firewall/{address}/extra", "action=accept")
            dom0.trigger(address)
        becomes_shut(work, "198.51.100.7")
        assert_open(personal, "198.51.100.7")
    return f"{len(BROKEN) + 2} faults"


def unresolvable(lab, servers):
    """A name that does not resolve, or not in a family, matches nothing and blocks nobody"""
    work = lab.qube("work")
    names = ["nx.odd.test", "servfail.odd.test", "refused.odd.test", "silent.odd.test"]
    servers.authority.reset()
    servers.authority.at("later.odd.test", lambda query: Reply(rcode=dnswire.SERVFAIL))
    with trial.with_qubes(lab, "unresolvable", {work: [*(f"accept {name}" for name in names),
               "accept later.odd.test", "accept casino.test", "accept six.test",
               "accept docs.test"]}) as (dnspin, _, _):
        assert work.ask("docs.test").addresses == [DOCS]
        assert work.ask("docs.test", "AAAA").addresses == [DOCS6]
        assert work.ask("casino.test", "AAAA").status == "NOERROR"
        for address in (DOCS, DOCS6):
            assert_open(work, address)
        becomes_open(work, CASINO)
        becomes_open(work, SIX)
        assert_shut(work, FORBIDDEN)
        becomes(lambda: servers.authority.count("later.odd.test", "A") >= 3, "it is retried")
        servers.authority.at("later.odd.test", records([EDGE]))
        becomes_told(work, "later.odd.test", [EDGE])
        assert_open(work, EDGE)
        asked = sum(servers.authority.count(name) for name in names)
        assert not [line for line in dnspin.log() if line.priority <= 3], dnspin.log()
    servers.authority.forget("later.odd.test")
    return f"{len(names)} names that do not, asked {asked} times"






def restarted(lab, _):
    """A new dnspind reads dom0's rules again and goes on with the pins"""
    work = lab.qube("work")
    rules = {work: ["accept .shop.test", "accept casino.test"]}
    with trial.with_qubes(lab, "restarted", rules) as (dnspin, dom0, _):
        assert work.ask("www.shop.test").addresses == [EDGE]
        becomes_open(work, CASINO)
        before = pins(lab, work)
        dnspin.kill()
        assert_open(work, EDGE)
        dom0.qube(work, ["accept .shop.test"])
        dnspin.start()
        assert pins(lab, work).keys() == {EDGE}
        assert_open(work, EDGE)
        assert_shut(work, CASINO)
        dnspin.stop()
        assert_shut(work, FORBIDDEN)  # stopping opens nothing
        assert traces(lab, work)
        assert_open(work, EDGE)
        torn = lab.netvm.run([dnspin.bin / "dnspind", "--config", dnspin.config, "--teardown"])
        assert torn.returncode == 0, torn.stderr
        assert not structure(lab)
        for family in ("ip", "ip6"):
            assert "dnspin" not in lab.netvm.nft_list("table", family, "qubes")
    return f"{len(before)} pins, 1 stays"


if __name__ == "__main__":
    trial.run(enforced, trigger, numbers, two_targets, one_target, leftovers, long_values,
              many_rules, broken_rule, unresolvable, restarted)
