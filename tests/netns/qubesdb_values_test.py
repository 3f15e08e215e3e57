#!/usr/bin/python3 -B
"""What dom0 says to a netvm beside rules, and what dnspin says there: who is connected, local
rules, the virtual DNS servers; what names resolve to, and how often targets were handled."""

import ast
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import records, topology, trial  # noqa: E402
from lab.dom0 import addresses_of  # noqa: E402
from lab.qubes_os import SETTINGS  # noqa: E402
from lab.qubes_waits import becomes, becomes_open, becomes_shut, becomes_told, seen  # noqa: E402
from lab.steady import (  # noqa: E402
    CASINO, DOCS, DOCS6, EDGE, FORBIDDEN, SIX, assert_open, assert_shut)

IP_TRANSPARENT = 19
DEAD, DEAD6 = "10.137.0.77", "fd09:24ef:4179::a89:4d"


def connected(lab, _):
    """Who may be behind this netvm comes and goes by no other interface, there or not"""
    work = lab.qube("work")
    watch = {}
    for family, dead in (("ip", DEAD), ("ip6", DEAD6)):
        watch[family] = f"""add table {family} watch
add chain {family} watch came {{ type filter hook prerouting priority raw + 10; }}
add chain {family} watch goes {{ type filter hook postrouting priority raw + 10; }}
add rule {family} watch came iifname eth0 {family} saddr {dead} counter
add rule {family} watch goes oifname eth0 {family} daddr {dead} counter
"""

    def passed():
        """In by the uplink and out by it, of each family."""
        for dead in (DEAD, DEAD6):
            for _ in range(3):
                work.connect(dead, timeout=0.05)
                family = socket.AF_INET6 if ":" in dead else socket.AF_INET
                with lab.internet.socket(family) as sock:
                    sock.settimeout(0.05)
                    if family == socket.AF_INET:
                        sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
                    sock.bind((dead, 0))
                    sock.connect_ex((topology.UPLINK6 if ":" in dead else topology.UPLINK, 9))
        return [rule["rule"]["expr"][-1]["counter"]["packets"] for family in watch
                for rule in lab.netvm.nft_json("table", family, "watch") if "rule" in rule]

    def again():
        for family, text in watch.items():
            lab.netvm.nft(f"add table {family} watch\ndelete table {family} watch\n{text}")

    with trial.with_qubes(lab, "connected", {work: ["accept"]}) as (_, dom0, _):
        again()
        before = passed()
        assert all(before), before
        dom0.connected([*addresses_of(work), DEAD, DEAD6])
        seen(dom0, work)
        again()
        assert not any(passed()), "with them connected"
        assert_open(work, DOCS)
        assert_open(work, DOCS6)
        dom0.connected(addresses_of(work))
        seen(dom0, work)
        again()
        assert all(passed()), "without them"
        lab.netvm.nft("delete table ip watch\ndelete table ip6 watch")
    return f"{sum(before)} packets before, 0 then"


def vm_config(lab, _):
    """/vm-config/dnspin.NAME is a client file in one line, beside dom0's rules"""
    work, personal = lab.qubes[:2]
    rules = {work: ["drop 203.0.113.30", "accept"], personal: ["accept"]}
    with trial.with_qubes(lab, "config", rules) as (dnspin, dom0, _):
        assert_open(work, FORBIDDEN)
        dom0.vm_config("dnspin.desk", f"# one\\; not a rule;address {work.address} {work.address6};"
                       "accept *.shop.test tcp 80;accept ~(docs\\;|docs)\\.test;")
        becomes_shut(work, FORBIDDEN)
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_open(work, EDGE)
        assert work.ask("docs.test", "AAAA").addresses == [DOCS6]
        assert_open(work, DOCS6, 8080)
        assert work.ask("docs.test").addresses == [DOCS]
        assert_shut(work, DOCS)  # dom0's drop of a destination stands before it
        assert work.ask("casino.test").addresses == [CASINO], "dom0's accept is one of DNS now"
        assert_shut(work, CASINO)
        assert [one["client"] for one in dnspin.control("clients")].count("desk") == 1
        assert {pin["address"] for pin in dnspin.control("pins", "desk")} >= {EDGE, DOCS6}
        assert_open(personal, FORBIDDEN)
        dom0.vm_config("dnspin.desk", f"address {work.address};accept casino.test")
        becomes(lambda: work.ask("casino.test").addresses and work.connect(CASINO), "other rules")
        becomes_shut(work, EDGE)
        dom0.vm_config("dnspin.desk", f"address {work.address};acept casino.test")
        becomes_shut(work, CASINO)
        becomes(lambda: [line for line in dnspin.log() if "/vm-config/dnspin.desk" in line.text
                         and "acept" in line.text], "the log says where and what")
        assert_open(personal, FORBIDDEN)
        dom0.vm_config("dnspin.desk", None)
        becomes_open(work, FORBIDDEN)
        dom0.vm_config("dnspin.desk", f"address {work.address};accept casino.test")
        becomes_shut(work, FORBIDDEN)
        dom0.vm_config("dnspin.other", "accept casino.test;accept")  # nobody's
        dom0.vm_config("dnspin.desk", f"address {work.address};accept")
        becomes_shut(work, CASINO)  # beside dom0's rules there is no bare accept: blocked
        becomes(lambda: [line for line in dnspin.log() if "/vm-config/dnspin.desk" in line.text
                         and "accepts all" in line.text], "the log says why")
        dom0.server.rm("/vm-config/")
        becomes_open(work, FORBIDDEN)
    return "7 versions"


def rebind_ok(lab, servers):
    """/vm-config/dnspin-rebind-ok says which names may answer with private addresses"""
    work, private = lab.qube("work"), "192.168.77.5"
    servers.authority.at("nas.odd.test", records([private], ttl=1))
    servers.authority.at("other.odd.test", records([private], ttl=1))
    with trial.with_qubes(lab, "rebind", {work: ["accept nas.odd.test", "accept other.odd.test"]}
                          ) as (_, dom0, _):
        assert work.ask("nas.odd.test").addresses == []
        assert_shut(work, private)
        dom0.vm_config("dnspin-rebind-ok", "nas.odd.test *.nothing.test")
        becomes_told(work, "nas.odd.test", [private])
        assert_open(work, private)
        assert work.ask("other.odd.test").addresses == []
        dom0.vm_config("dnspin-rebind-ok", None)
        becomes_told(work, "nas.odd.test", [])
        becomes_shut(work, private)
    for name in ("nas.odd.test", "other.odd.test"):
        servers.authority.forget(name)
    return "1 name of 2"


def local_rules(lab, _):
    """Files stand beside dom0's rules: a profile restricts a qube at Qubes' default, live"""
    work, personal = lab.qubes[:2]
    with trial.with_qubes(lab, "local", {work: ["accept"], personal: ["accept"]},
                          clients={"work": "use shop"},
                          profiles={"shop": "accept .shop.test tcp 80"}) as (dnspin, dom0, _):
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_open(work, EDGE)
        assert work.ask("casino.test").addresses == [CASINO], "dom0's accept is one of DNS"
        assert_shut(work, CASINO)
        assert_open(personal, CASINO)
        assert [line for line in dnspin.log() if "DNS and ICMP" in line.text], "it is said"
        dom0.qube(work, ["drop .shop.test", f"drop {EDGE}", "accept"])
        becomes_shut(work, EDGE)
        assert_shut(work, CASINO)
        dom0.qube(work, ["accept 198.51.100.0/24"])
        becomes_open(work, "198.51.100.7")
        becomes_told(work, "www.shop.test", [EDGE])
        assert_open(work, EDGE)
        assert work.ask("casino.test").status == "REFUSED"
        # SIGHUP reads files; one with an error changes nothing, and dom0 goes on.
        dnspin.write_client("work", "use nothing")
        assert not dnspin.reload()
        assert_open(work, EDGE)
        dom0.qube(work, ["accept 192.0.2.0/24"])
        becomes_open(work, "192.0.2.7")
        becomes_shut(work, "198.51.100.7")
        assert_open(work, EDGE)
        dnspin.remove_client("work")
        assert dnspin.hang_up()
        becomes_shut(work, EDGE)
        dom0.qube(work, ["accept"])
        becomes_open(work, CASINO)
        dnspin.write_client("work", "use shop")
        assert dnspin.reload()
        becomes_shut(work, CASINO)
        dnspin.write_settings({**SETTINGS, "clients": {**SETTINGS["clients"], "dom0_accept": True}})
        assert dnspin.reload()
        becomes_open(work, CASINO)
    return "8 changes"


def virtual_dns(lab, _):
    """What QubesDB calls the virtual DNS servers is intercepted, of both families, as it changes"""
    work = lab.qube("work")
    others = ("10.139.7.7", "fd09:24ef:4179::a8b:1")
    with trial.with_qubes(lab, "virtual", {work: ["accept docs.test"]}) as (_, dom0, _):
        for server in topology.VIRTUAL_DNS:
            assert work.dig("docs.test", server=server).addresses == [DOCS]
            assert work.dig("casino.test", "A", "+tcp", server=server).status == "REFUSED"
        dom0.virtual_dns(*others)
        for server in others:
            becomes(lambda: work.ask("docs.test", server=server, timeout=1).addresses,
                    f"{server} answers")
            assert work.dig("docs.test", server=server).addresses == [DOCS]
            assert work.dig("docs.test", "AAAA", "+tcp", server=server).addresses == [DOCS6]
            assert work.dig("casino.test", server=server).status == "REFUSED"
        dom0.virtual_dns(*topology.VIRTUAL_DNS)
        becomes_told(work, "docs.test", [DOCS])
    return "4 addresses"


def published(lab, servers):
    """/dns/ADDRESS/HOST holds what names resolve to now, and each trigger is counted as handled"""
    work, personal = lab.qubes[:2]
    long = "a" * 50 + ".odd.test"
    servers.authority.at("two.odd.test", records(["198.51.100.1", "198.51.100.2"], ttl=5))
    servers.authority.at(long, records([EDGE]))
    rules = ["accept docs.test tcp 80", "accept two.odd.test", f"accept {long}",
             "accept .shop.test", "accept six.test"]
    folder = {address: f"/dns/{address}/" for address in addresses_of(work)}
    own4, own6 = folder.values()
    try:
        with trial.with_qubes(lab, "published", {work: rules, personal: []}, start=False) as (
                dnspin, dom0, _):
            server = dom0.server
            server.write(own4 + "old.test", "{'192.0.2.1/32'}")
            server.write("/qubes-firewall-handled/" + work.address, "41")
            dnspin.start()
            becomes(lambda: server.read(own4 + "docs.test") == f"{{'{DOCS}/32'}}", "docs.test")
            becomes(lambda: server.read(own6 + "docs.test") == f"{{'{DOCS6}/128'}}", "its IPv6")
            becomes(lambda: server.read(own6 + "six.test") == f"{{'{SIX}/128'}}", "six.test")
            becomes(lambda: ast.literal_eval(server.read(own4 + "two.odd.test") or "0") ==
                    {"198.51.100.1/32", "198.51.100.2/32"}, "both of two")
            assert server.read(own4 + "old.test") is None, "what was there has gone"
            becomes_told(work, long, [EDGE])
            servers.authority.at("two.odd.test", records(["198.51.100.3"], ttl=5))
            becomes(lambda: "198.51.100.3/32" in (server.read(own4 + "two.odd.test") or ""),
                    "what it resolves to now")
            assert server.entries("/dns/").keys() == {
                own4 + "docs.test", own4 + "two.odd.test", own6 + "docs.test", own6 + "six.test"}
            before = {address: dom0.handled(address) for address in folder}
            assert before[work.address] >= 41, before
            for _ in range(5):
                dom0.qube(work, rules[:1])
            becomes(lambda: all(dom0.handled(address) >= before[address] + 1 for address in folder),
                    "they are handled")
            becomes(lambda: server.entries("/dns/").keys() == {
                own4 + "docs.test", own6 + "docs.test"}, "names that no rule has any more go")
            told = server.entries("/dns/")
            assert not [line for line in dnspin.log() if line.priority <= 3], "a name too long"
    finally:
        servers.authority.forget("two.odd.test")
        servers.authority.forget(long)
    return f"{told}"


if __name__ == "__main__":
    trial.run(connected, vm_config, rebind_ok, local_rules, virtual_dns, published)
