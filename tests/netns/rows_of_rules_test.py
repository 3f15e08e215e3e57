#!/usr/bin/python3 -B
"""What Qubes OS' firewall does, row by row of the feature table: rows 1 to 15, what
rules can say. README's table says which rows hold; rows 16 to 25 are rows_of_changes_test.py's, the
rest of 33 rows_of_netvms_test.py's."""

import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import RoundRobin, records, topology, trial, zones  # noqa: E402
from lab.attempts import assert_passes, assert_prohibited, attempt  # noqa: E402
from lab.packets import PROHIBITED  # noqa: E402
from lab.qubes_waits import becomes, becomes_open, becomes_told, pins  # noqa: E402
from lab.qvm_firewall import QvmFirewall  # noqa: E402
from lab.rows import (  # noqa: E402
    ECHO, ECHO6, FORBIDDEN6, NEAR, NEAR6, TIMESTAMP, downloads_of, every_kind, tcp)
from lab.servers import NSD_ADDRESS  # noqa: E402
from lab.steady import CASINO, DOCS, DOCS6, EDGE, FORBIDDEN, SIX  # noqa: E402


def row_01_lists_per_client(lab, _):
    """row 1: each client has its own list, the first rule that matches decides, none is drop"""
    work, personal = lab.qubes[:2]
    first = [f"accept {NEAR(7)}", "drop 198.51.100.0/24", f"accept {NEAR(9)}",
             f"accept {NEAR6(7)}", "drop 2001:db8:51::/64", f"accept {NEAR6(9)}"]
    with trial.with_qubes(lab, "row-1", {
            work: first, personal: [f"accept {NEAR(9)}", f"accept {NEAR6(9)}"]}) as (_, dom0, _):
        assert_passes(work, *tcp(NEAR(7), NEAR6(7)))
        assert_prohibited(work, *tcp(NEAR(9), NEAR(8), NEAR6(9), FORBIDDEN, FORBIDDEN6))
        assert_passes(personal, *tcp(NEAR(9), NEAR6(9)))
        assert_prohibited(personal, *tcp(NEAR(7), NEAR6(7), FORBIDDEN, FORBIDDEN6))
        QvmFirewall(dom0, work, *reversed(first))
        assert_passes(work, *tcp(NEAR(9), NEAR6(9)))
        assert_prohibited(work, *tcp(NEAR(7), NEAR6(7)))
        QvmFirewall(dom0, work, "drop")
        assert_prohibited(work, *tcp(NEAR(9), NEAR6(9)))
    return "2 clients, 3 lists"


def told_by_icmp(qube, address):
    """Type and code of what comes back for a datagram."""
    six = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (
        socket.AF_INET, socket.IPPROTO_ICMP)
    with qube.socket(family, socket.SOCK_RAW, protocol) as ear:
        ear.settimeout(5)
        with qube.socket(family, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(b"dnspin", (address, 9))
        while True:
            octets = ear.recv(2048)[0 if six else 20:]
            if octets[0] in (1, 3):
                return octets[0], octets[1]


def row_02_accept_and_drop(lab, _):
    """row 2: what is dropped is rejected as admin-prohibited, whatever it is"""
    work = lab.qube("work")
    downloads_of(lab)
    rules = [f"drop {NEAR(1)}", f"drop {NEAR6(1)}", "accept 198.51.100.0/24",
             "accept 2001:db8:51::/64"]
    with trial.with_qubes(lab, "row-2", {work: rules}):
        for address in (NEAR(2), NEAR6(2)):
            assert_passes(work, *every_kind(address))
        for address in (NEAR(1), NEAR6(1), FORBIDDEN, FORBIDDEN6):  # by a rule, and by none
            assert_prohibited(work, *every_kind(address))
            assert told_by_icmp(work, address) == PROHIBITED[6 if ":" in address else 4]
    return "4 protocols of 2 families"


def row_03_any_destination(lab, _):
    """row 3: a rule without a destination is for all of them"""
    work = lab.qube("work")
    downloads_of(lab)
    with trial.with_qubes(lab, "row-3", {work: [f"drop {NEAR(1)}", "accept"]}) as (_, dom0, _):
        for address in (NEAR(2), NEAR6(1), FORBIDDEN, FORBIDDEN6):
            assert_passes(work, *every_kind(address), ("tcp", address, 25))
        assert_prohibited(work, *every_kind(NEAR(1)))
        assert work.ask("casino.test").addresses == [CASINO] and not pins(lab, work)
        QvmFirewall(dom0, work, "action=accept proto=tcp dstports=8080-8080")
        assert_passes(work, *tcp(NEAR(1), NEAR6(1), FORBIDDEN, FORBIDDEN6, port=8080))
        assert_prohibited(work, *tcp(NEAR(2), NEAR6(1), FORBIDDEN, FORBIDDEN6))
        assert work.ask("casino.test").status == "REFUSED"
    return "with and without a service"


def row_04_ipv4(lab, _):
    """row 4: IPv4 addresses and CIDR, to their edges"""
    work = lab.qube("work")
    rules = ["accept 203.0.113.64/26", f"accept {NEAR(1)}", "drop 192.0.2.128/25",
             "accept dst4=192.0.0.0/16"]
    with trial.with_qubes(lab, "row-4", {work: rules}):
        assert_passes(work, *tcp("203.0.113.64", "203.0.113.127", NEAR(1), "192.0.0.1",
                                 "192.0.255.254", "192.0.2.127"))
        assert_prohibited(work, *tcp("203.0.113.63", "203.0.113.128", NEAR(0), NEAR(2),
                                     "192.0.2.128", "192.0.2.254", "191.255.255.254", "192.1.0.1"))
    return "6 open, 8 shut"


def row_05_ipv6(lab, _):
    """row 5: IPv6 addresses and CIDR, to their edges"""
    work = lab.qube("work")
    rules = ["accept 2001:db8:5:40::/58", f"accept {NEAR6(1)}", "drop 2001:db8:6:8000::/49",
             "accept dst6=2001:db8:6::/48"]
    with trial.with_qubes(lab, "row-5", {work: rules}):
        assert_passes(work, *tcp("2001:db8:5:40::", "2001:db8:5:7f:ffff:ffff:ffff:ffff", NEAR6(1),
                                 "2001:db8:6::1", "2001:db8:6:7fff::1"))
        assert_prohibited(work, *tcp("2001:db8:5:3f::1", "2001:db8:5:80::1", NEAR6(2),
                                     "2001:db8:6:8000::1", "2001:db8:7::1", NEAR(1)))
    return "5 open, 6 shut"


def row_06_host_name(lab, servers):
    """row 6: a host name stands for the addresses that it has now, of both families"""
    work, told, private = lab.qube("work"), set(), "192.168.77.5"
    servers.authority.at("rr.test", RoundRobin(zones.ROUND_ROBIN, ttl=1))
    servers.authority.at("nas.odd.test", records([private], ttl=1))
    with trial.with_qubes(lab, "row-6", {work: [
            "accept rr.test tcp 80", "accept docs.test", "accept .shop.test",
            "accept nas.odd.test"]}) as (_, dom0, _):
        for address in (DOCS, DOCS6):
            becomes_open(work, address)  # nobody has asked for it
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_passes(work, *tcp(EDGE))
        end = time.monotonic() + 20
        while len(told) < 40 and time.monotonic() < end:
            now = work.ask("rr.test").addresses
            assert now, "it is not told"
            assert_passes(work, *tcp(*now))
            told |= set(now)
            time.sleep(0.3)
        assert len(told) >= 40, f"{len(told)} of a site of 200 addresses"
        assert_prohibited(work, *tcp(sorted(told)[0], port=443),
                          *tcp(CASINO, FORBIDDEN, FORBIDDEN6))
        for name in ("www.docs.test", "docs.tes", "xdocs.test", "casino.test"):
            assert work.ask(name).status == "REFUSED", name
        assert work.ask("nas.odd.test").addresses == []  # private ones wait for a word of dom0's
        assert_prohibited(work, *tcp(private))
        dom0.vm_config("dnspin-rebind-ok", "nas.odd.test")
        becomes_told(work, "nas.odd.test", [private])
        assert_passes(work, *tcp(private))
    servers.authority.forget("nas.odd.test")
    zones.install(servers.authority)
    return f"{len(told)} addresses of one name"


def row_07_host_name_in_a_drop_rule(lab, _):
    """row 7: a name in a drop rule is refused in DNS, and its addresses are rejected"""
    work = lab.qube("work")
    rules = ["drop casino.test", "drop docs.test tcp 443", "drop six.test", "accept"]
    with trial.with_qubes(lab, "row-7", {work: rules}) as (_, dom0, _):
        becomes_open(work, "203.0.113.41")
        for address in (CASINO, SIX):
            assert_prohibited(work, *every_kind(address))
        for address in (DOCS, DOCS6):
            assert_prohibited(work, *tcp(address, port=443))
            assert_passes(work, *tcp(address))
        for name, kind in (("casino.test", "A"), ("six.test", "AAAA")):
            refused = work.dig(name, kind)
            assert (refused.status, refused.ede) == ("REFUSED", 15), refused
        assert work.ask("docs.test").addresses == [DOCS]
        assert work.ask("www.casino.test").addresses == ["203.0.113.41"]
        # One that does not exist drops nothing; behind one that nobody can tell nothing is open.
        rules = QvmFirewall(dom0, work, "drop nx.odd.test", "accept")
        becomes_open(work, CASINO)
        rules.set(f"accept {NEAR(1)}", "drop silent.odd.test", "accept")
        assert_passes(work, *tcp(NEAR(1)))
        assert_prohibited(work, *tcp(CASINO, NEAR(2)))
    return "5 names"


def row_08_protocol(lab, _):
    """row 8: tcp, udp, icmp or any, of both families"""
    work = lab.qube("work")
    downloads_of(lab)
    protocols = ("tcp", "udp", "icmp", "any")
    rules = [f"accept {near(number)}" + ("" if protocol == "any" else f" {protocol}")
             for near in (NEAR, NEAR6) for number, protocol in enumerate(protocols, 1)]
    with trial.with_qubes(lab, "row-8", {work: rules}) as (_, dom0, _):
        for near in (NEAR, NEAR6):
            for number, protocol in enumerate(protocols, 1):
                for what in every_kind(near(number)):
                    good = protocol in (what[0], "any")
                    (assert_passes if good else assert_prohibited)(work, what)
        QvmFirewall(dom0, work, "action=drop proto=udp", "action=accept")
        for address in (NEAR(1), NEAR6(1)):
            kinds = every_kind(address)
            assert_prohibited(work, kinds[1])
            assert_passes(work, kinds[0], *kinds[2:])
    return f"{8 * len(protocols)} packets"


def row_09_ports(lab, _):
    """row 9: a port, or a range of ports that are numbers, for new packets and for running flows"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    rules = [f"accept {NEAR(1)} tcp 80", f"accept {NEAR(2)} udp 8085-8090",
             f"accept {NEAR6(3)} tcp 443-1000", "accept docs.test tcp 1000-20000"]
    with trial.with_qubes(lab, "row-9", {work: rules}) as (_, dom0, _):
        becomes_told(work, "docs.test", [DOCS])
        assert_passes(work, ("tcp", NEAR(1), 80),
                      *(("udp", NEAR(2), port) for port in (8085, 8090)),
                      *(("tcp", NEAR6(3), port) for port in (443, 1000)),
                      *(("tcp", DOCS, port) for port in (1000, 9999, 20000)))
        assert_prohibited(work, *(("tcp", NEAR(1), port) for port in (79, 81, 8080)),
                          ("udp", NEAR(1), 80), ("udp", NEAR(2), 8084), ("udp", NEAR(2), 8091),
                          ("tcp", NEAR(2), 8090),
                          *(("tcp", NEAR6(3), port) for port in (442, 1001)),
                          *(("tcp", DOCS, port) for port in (80, 999, 20001)))
        # As texts 8090 is not between 1000 and 20000.
        running = [downloads.begin(DOCS, 8090), downloads.begin(NEAR(2), 8090, "udp")]
        downloads.go_on(*running)
        QvmFirewall(dom0, work, f"accept {NEAR(9)} tcp 80", *rules)
        downloads.go_on(*running, more=20)
        downloads.end_all()
    return "4 ranges, 2 flows"


def row_10_icmp_type(lab, _):
    """row 10: an ICMP type, which in IPv6 is the type of that number"""
    work = lab.qube("work")
    rules = [f"accept {NEAR(1)} icmp {ECHO}", f"accept {NEAR(2)} icmp {TIMESTAMP}",
             f"accept {NEAR(3)} icmp", f"accept {NEAR6(1)} icmp {ECHO6}",
             f"accept {NEAR6(2)} icmp {ECHO}", f"accept {NEAR6(3)} icmp"]
    with trial.with_qubes(lab, "row-10", {work: rules}):
        opened = [(NEAR(1), ECHO), (NEAR(2), TIMESTAMP), (NEAR(3), ECHO), (NEAR(3), TIMESTAMP),
                  (NEAR6(1), ECHO6), (NEAR6(3), ECHO6)]
        shut = [(NEAR(1), TIMESTAMP), (NEAR(2), ECHO), (NEAR(4), ECHO), (NEAR6(2), ECHO6),
                (NEAR6(4), ECHO6)]
        assert_passes(work, *(("icmp", *what) for what in opened))
        assert_prohibited(work, *(("icmp", *what) for what in shut), *tcp(NEAR(3), NEAR6(3)))
    return f"{len(opened)} open, {len(shut)} shut"


def row_11_specialtarget_dns(lab, _):
    """row 11: specialtarget=dns is port 53 of the resolvers alone, with a protocol or both"""
    work, upstream = lab.qube("work"), topology.UPSTREAM
    direct = {"udp": ("udp", upstream, 53), "tcp": ("tcp", upstream, 53)}
    with trial.with_qubes(lab, "row-11", {work: ["accept specialtarget=dns"]}) as (_, dom0, _):
        for server in (*topology.VIRTUAL_DNS, upstream):
            for options in ([], ["+tcp"]):
                assert work.dig("casino.test", "A", *options, server=server).addresses == [CASINO]
        assert_prohibited(work, *tcp(CASINO, upstream), ("udp", NSD_ADDRESS, 53),
                          ("tcp", NSD_ADDRESS, 53), ("udp", upstream, 5353), ("tcp", upstream, 853))
        assert not pins(lab, work)
        for allowed, other in (("tcp", "udp"), ("udp", "tcp")):
            QvmFirewall(dom0, work, f"action=accept proto={allowed} specialtarget=dns")
            assert work.ask("casino.test", tcp=allowed == "tcp").addresses == [CASINO]
            assert work.ask("www.casino.test", server=upstream, tcp=allowed == "tcp").addresses
            assert_prohibited(work, direct[other])
        assert work.ask("casino.test", tcp=True).addresses, "answers too long for UDP must come"
        QvmFirewall(dom0, work, "action=accept proto=tcp specialtarget=dns")
        assert work.ask("casino.test").status == "REFUSED"
        QvmFirewall(dom0, work, "action=accept dsthost=casino.test specialtarget=dns")
        assert work.ask("casino.test").addresses == [CASINO]
        assert work.ask("docs.test").status == "REFUSED"
        assert_prohibited(work, *tcp(CASINO), *direct.values())
    return "4 rules, 3 servers"


def row_12_expiry(lab, _):
    """row 12: full access for a while ends on time, its flows too, and leaves the rest as it was"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    with trial.with_qubes(lab, "row-12", {work: ["drop"]}) as (_, dom0, _):
        rules = QvmFirewall(dom0, work, "accept docs.test", "drop")
        becomes_open(work, DOCS)
        rules.add("accept", before=0, expire=3)
        assert_passes(work, *every_kind(FORBIDDEN), *every_kind(FORBIDDEN6))
        beside, one = downloads.begin(DOCS), downloads.begin(FORBIDDEN)
        downloads.go_on(beside, one)
        time.sleep(max(rules.kept[0].expire - time.time(), 0))
        rules.reload()  # dom0's timer
        assert_prohibited(work, *every_kind(FORBIDDEN), *every_kind(FORBIDDEN6))
        took = downloads.stops(one, beside=beside)
        folder = f"/qubes-firewall/{work.address}/"
        assert dom0.server.list(folder) == [folder + end for end in ("0001", "0002", "policy")]
        downloads.go_on(beside)
        # In a client file nobody says when: it ends by itself.
        end = int(time.time()) + 5
        dom0.vm_config("dnspin.work", f"address {work.address};accept {NEAR(1)} expire={end}")
        becomes_open(work, NEAR(1))
        becomes(lambda: attempt(work, "tcp", NEAR(1), 80).outcome == "prohibited", "it ends")
        assert time.time() >= end
        downloads.end_all()
    return f"cut after {took:.1f} s"


def row_13_comments(lab, _):
    """row 13: comments stay in dom0, whatever is in them; client files take them too"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "row-13", {work: ["drop"]}) as (_, dom0, _):
        rules = QvmFirewall(dom0, work)
        for number, comment in enumerate(("the manual", "action=drop", "a,b.c[e]/f; drop",
                                          "x" * 900)):
            rules.add(f"accept {NEAR(number)}", comment=comment)
        rules.add("accept docs.test", comment="accept casino.test")
        assert "comment" not in str(dom0.server.entries("/qubes-firewall/"))
        assert_passes(work, *tcp(*map(NEAR, range(4))))
        becomes_open(work, DOCS)
        assert_prohibited(work, *tcp(NEAR(5), CASINO))
        dom0.vm_config("dnspin.work", f"address {work.address};accept casino.test tcp 80 "
                       "comment=play \\; accept all;accept six.test comment=more")
        becomes_told(work, "casino.test", [CASINO])
        becomes_told(work, "six.test", [SIX], "AAAA")
        assert_passes(work, *tcp(CASINO, SIX, DOCS))
        assert_prohibited(work, *tcp(NEAR(5)), *tcp(CASINO, port=443))
    return "7 comments"


def row_14_ordered_lists(lab, _):
    """row 14: insert before a rule, add, delete by number and by rule, reset: each holds at once"""
    work, near = lab.qube("work"), f"{NEAR(7)}/32"
    with trial.with_qubes(lab, "row-14", {work: ["drop"]}) as (_, dom0, _):
        rules = QvmFirewall(dom0, work, "accept 198.51.100.0/24", "accept 2001:db8:51::/64")
        steps = [
            (lambda: rules.add(f"drop {near}"), True),            # behind what accepts it
            (lambda: rules.add(f"drop {near}", before=0), False),
            (lambda: rules.add(f"accept {near}", before=0), True),
            (lambda: rules.add(f"drop {near} tcp", before=1), True),
            (lambda: rules.delete(0), False),
            (lambda: rules.delete(f"drop {near} tcp"), False),    # one more stands before
            (lambda: rules.delete(f"drop {near}"), True),
            (lambda: rules.delete(f"drop {near}"), True),
            (lambda: rules.delete(0), False),
            (lambda: rules.add("accept 2001:db8:6::/64", before=0), False),
            (rules.reset, True),
            (lambda: rules.delete("accept"), False)]
        for number, (step, good) in enumerate(steps):
            step()
            assert bool(work.connect(NEAR(7))) == good, f"after step {number}: {rules.kept}"
            folder = f"/qubes-firewall/{work.address}/"
            assert dom0.server.list(folder) == [
                *(f"{folder}{rule:04}" for rule, kept in enumerate(rules.kept)
                  if "2001:" not in kept.rule), folder + "policy"]
        assert not work.connect(NEAR6(1)).passed
    return f"{len(steps)} steps"


def row_15_reload_resolves_anew(lab, servers):
    """row 15: names are resolved anew as their answers end; a reload is not needed, nor harmful"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    servers.authority.at("moves.test", records([NEAR(1)], ttl=3))
    with trial.with_qubes(lab, "row-15", {work: ["drop"]}) as (_, dom0, _):
        rules = QvmFirewall(dom0, work, "accept moves.test", f"accept {NEAR(9)}")
        becomes_open(work, NEAR(1))
        beside, one = downloads.begin(NEAR(9)), downloads.begin(NEAR(1))
        for number in (2, 3):
            servers.authority.at("moves.test", records([NEAR(number)], ttl=3))
            if number == 3:
                rules.reload()
            becomes_open(work, NEAR(number))
            becomes_told(work, "moves.test", [NEAR(number)])
        rules.reload()
        downloads.go_on(beside, one, more=20)  # to an address that DNS has no more
        downloads.end_all()
    servers.authority.forget("moves.test")
    return "2 moves, 2 reloads"


if __name__ == "__main__":
    trial.run(row_01_lists_per_client, row_02_accept_and_drop, row_03_any_destination, row_04_ipv4,
              row_05_ipv6, row_06_host_name, row_07_host_name_in_a_drop_rule, row_08_protocol,
              row_09_ports, row_10_icmp_type, row_11_specialtarget_dns, row_12_expiry,
              row_13_comments, row_14_ordered_lists, row_15_reload_resolves_anew)
