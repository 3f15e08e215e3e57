#!/usr/bin/python3 -B
"""Bugs that others had, continued: whom a name opens what for, each story with its number in the
project's list of such traps."""

import pathlib
import socket
import sys
import time

import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import dnswire, evil, records, topology, trial  # noqa: E402
from lab.steady import assert_open, assert_shut, pins  # noqa: E402

PATIENT = 10  # seconds for what must open
SILENT = 0.7  # seconds for what must not
PROHIBITED = 18  # RFC 8914


WILDCARD_RULES = """\
accept exact.test tcp 1001
accept .apex.test tcp 1002
accept *.below.test tcp 1003
accept ~cdn[0-9]+\\.regex\\.test tcp 1004
accept bücher.test tcp 1005
"""
LONG = ".".join(["l" * 63, "m" * 63, "n" * 63, "o" * (255 - 3 * 64 - 1 - 1 - len("_apex_test_"))])
WILDCARDS = {  # asked: the port that opens, 0 for none
    "exact.test": 1001, "EXACT.TEST.": 1001, "www.exact.test": 0, "xexact.test": 0,
    "exact.test.evil.test": 0, "exactxtest": 0, "exact\\.test": 0, "est": 0, "test": 0,
    "apex.test": 1002, "www.apex.test": 1002, "a.b.C.aPEX.tESt": 1002, "evilapex.test": 0,
    "apex.test.evil.test": 0, "www.apex\\.test": 0, "www\\.apex.test": 0, "_tcp.apex.test": 1002,
    "x" * 63 + ".apex.test": 1002, LONG + ".apex.test": 1002,
    "below.test": 0, "a.below.test": 1003, "a.b.below.test": 1003, "evilbelow.test": 0,
    "\\*.below.test": 0, "cdn1.regex.test": 1004, "CDN22.regex.test": 1004, "cdn.regex.test": 0,
    "xcdn1.regex.test": 0, "cdn1xregex.test": 0, "cdn1.regex.test.evil.test": 0,
    "cdn1.regex.testx": 0, "cdn1\\010.regex.test": 0, "xn--bcher-kva.test": 1005,
    "www.xn--bcher-kva.test": 0, "b\\195\\188cher.test": 0, "bucher.test": 0,
}
REFUSED_HOSTS = ("*", ".", ".com", "*.com", "*.co.uk", ".co.uk", "a..b.test", "x" * 64 + ".test",
                 "*foo.com", "a.*.test")


def wildcards(lab, servers):
    """Trap 14: a pattern means what it says, for its look-alikes too"""
    work, opened, refused, addresses = lab.qube("work"), 0, 0, {}

    def own_address(query):
        address = addresses.setdefault(query.name.lower(), f"198.51.100.{len(addresses) + 1}")
        return records([address])(query)

    for zone in ("exact.test", "apex.test", "below.test", "regex.test", "evil.test", "com", "test"):
        servers.authority.under(zone, own_address)
    try:
        with trial.with_dnspin(lab, "wild", clients={"work": WILDCARD_RULES}) as dnspin:
            for name, port in WILDCARDS.items():
                asked, before = servers.authority.count(), pins(lab, work)
                reply = work.dig(name, "A", "+noidnin")
                after = pins(lab, work)
                fresh = after.keys() - before.keys()
                if port:
                    assert len(reply.addresses) == 1 and fresh <= set(reply.addresses), (
                        name, reply.text)
                    assert after[reply.addresses[0]].set.endswith(f"-{port - 1000}"), (name, after)
                    opened += 1
                else:
                    assert (reply.status, reply.ede) == ("REFUSED", PROHIBITED), (name, reply.text)
                    assert not fresh and servers.authority.count() == asked, name
                    refused += 1
            for host in REFUSED_HOSTS:
                dnspin.write_client("work", WILDCARD_RULES + f"accept {host} tcp 80")
                checked = dnspin.check()
                assert checked.returncode == 1, host
                assert ":7:8: error: " in checked.stderr, (host, checked.stderr)
                assert not dnspin.reload(), host
    finally:
        for zone in ("com", "test", "evil.test"):
            servers.authority.forget(zone)
        servers.authority.under("evil.test", evil.answer)
    return (f"{opened} names opened their port, {refused} refused; "
            f"{len(REFUSED_HOSTS)} rules refused")


def three_qubes(lab, servers):
    """Trap 18: one name, three clients: each opens its own ports for itself alone"""
    name, address = "shared.test", "198.51.100.60"
    ports = dict(zip(("work", "personal", "third"), (80, 443, 8080)))
    servers.authority.at(name, records([address, "2001:db8:51::60"]))
    work, personal = lab.qubes[:2]
    spoof = "10.137.0.25"
    assert work.address == spoof
    with lab.internet.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 80))
        server.settimeout(SILENT)
        personal.ip(f"addr add {spoof}/32 dev eth0")
        try:
            send_as(personal, spoof, address, 80)
            assert server.recv(9) == b"spoofed", "without a firewall it does not get through"
            with trial.with_dnspin(lab, "three", clients={
                    qube: f"accept {name} tcp {port}\naccept {name} udp 80"
                    for qube, port in ports.items()}) as dnspin:
                for turn, (owner, own) in enumerate(ports.items()):
                    for kind in ("A", "AAAA"):
                        assert lab.qube(owner).ask(name, kind).addresses, (owner, kind)
                    for qube in lab.qubes:
                        for port in ports.values():
                            for text in (address, "2001:db8:51::60"):
                                may = list(ports).index(qube.name) <= turn and \
                                    ports[qube.name] == port
                                (assert_open if may else assert_shut)(qube, text, port)
                assert servers.authority.count(name, "A") <= 3
                # In another's name.
                assert trial.wait_until(lambda: dnspin.metric("dnspin_questions_total") == 6)
                send_as(work, spoof, address, 80)
                assert server.recv(9) == b"spoofed", "it does not pass as the one it is either"
                lab.netvm.run(["conntrack", "-F"])
                send_as(personal, spoof, address, 80)
                query = dns.message.make_query("x" + name, "A").to_wire()
                send_as(personal, spoof, "10.139.1.1", 53, query)
                assert not personal.connect(address, 80, SILENT, source=spoof).passed
                try:
                    raise AssertionError(f"spoofed and received: {server.recv(9)}")
                except TimeoutError:
                    pass
                assert personal.ask(name).addresses == [address], "personal is served no more"
                assert trial.wait_until(lambda: dnspin.metric("dnspin_questions_total") > 6)
                assert dnspin.metric("dnspin_questions_total") == 7
        finally:
            personal.ip(f"addr del {spoof}/32 dev eth0")
    return "54 connections as the rules say; 3 spoofed packets dropped, 1 honest one passed"


def send_as(qube, source, address, port, octets=b"spoofed"):
    with qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.sendto(octets, (address, port))


def leaks(lab, servers):
    """Trap 19: neither IPv6 nor a bare address leads around the names"""
    work, address, address6 = lab.qube("work"), "198.51.100.70", "2001:db8:51::70"
    outside = [(server, port) for server in (topology.UPSTREAM, "198.51.100.99", "2001:db8:51::99",
                                             topology.UPSTREAM6) for port in (53, 853, 443)]

    def script(query):
        return dnswire.addresses(query, [address, address6], 60 if query.kind == "A" else 2)

    servers.authority.at("both.test", script)
    for server, port in outside:
        assert work.connect(server, port, PATIENT).passed, f"{server}:{port} without a firewall"
    assert work.ask("both.test", server=topology.UPSTREAM).addresses
    with trial.with_dnspin(lab, "leaks", clients={"work": "accept both.test tcp 80"},
                           settings={"pins": {"floor": "1s", "slack": "2s"}}):
        assert work.ask("both.test", "AAAA").addresses == [address6]
        held = pins(lab, work)
        assert held.keys() == {address6} and held[address6].set.startswith("pin-fd09-"), held
        assert_open(work, address6)
        assert_shut(work, address)
        assert work.ask("both.test").addresses == [address]
        assert pins(lab, work).keys() == {address, address6}, "A evicts AAAA"
        assert pins(lab, work)[address].set.startswith("pin-10-")
        assert_open(work, address)
        assert trial.wait_until(lambda: address6 not in pins(lab, work)), "it never expires"
        assert pins(lab, work)[address].expires > 30
        assert_shut(work, address6)
        assert_open(work, address)
        servers.authority.reset()
        for server, port in outside:
            assert_shut(work, server, port)
        for server in (topology.UPSTREAM, topology.UPSTREAM6, "198.51.100.99"):
            assert work.ask("both.test", server=server, timeout=SILENT).status == "TIMEOUT", server
        assert servers.authority.count() == 0, "the upstream was reached"
    return f"each family expires by itself; {len(outside)} servers reached before, 0 now"


TTLS = {0: 1, 1: 1, 77: 77, 2**31 - 1: 300, 2**31: 1, 2**32 - 1: 1}


def small_numbers(lab, servers):
    """Trap 20: TTLs at the ends, addresses at the ends, and a bad name harms nothing but itself"""
    work = lab.qube("work")
    rules = "accept .ends.test tcp 80\n" + "".join(
        f"accept {name} tcp 80\n" for name in ("nx.odd.test", "silent.odd.test",
                                               "servfail.odd.test", "refused.odd.test"))
    with trial.with_dnspin(lab, "ends", clients={"work": rules},
                           settings={"pins": {"floor": "5s"}}) as dnspin:
        for number, (ttl, told) in enumerate(TTLS.items(), start=1):
            address, name = f"198.51.100.{number}", f"t{number}.ends.test"
            servers.authority.at(name, records([address], ttl=ttl))
            reply = work.ask(name)
            assert reply.addresses == [address] and reply.ttls == [told], (ttl, reply)
            pin = pins(lab, work)[address]
            assert told + 30 - 5 <= pin.expires <= pin.timeout <= told + 31, (ttl, pin)
            assert_open(work, address)
        ends = ["198.51.100.0", "198.51.100.255", "223.255.255.255", "1.0.0.0"]
        servers.authority.at("all.ends.test", records(ends))
        assert work.ask("all.ends.test").addresses == ends
        for address in ends:
            assert_open(work, address)
        assert_shut(work, "198.51.101.0")
        assert_shut(work, "198.51.100.254")
        assert set(ends) < pins(lab, work).keys()
        assert [work.ask(f"{bad}.odd.test").status for bad in ("nx", "servfail", "refused")] == [
            "NXDOMAIN", "SERVFAIL", "SERVFAIL"]
        asker = work.start(work.ask, "silent.odd.test")
        began = time.monotonic()
        assert work.ask("t3.ends.test").addresses and time.monotonic() - began < 1.5
        assert asker.result().status == "SERVFAIL"
        # Rules put in force anew, and changed, in the middle of a download.
        with work.socket() as sock:
            sock.settimeout(PATIENT)
            sock.connect((ends[1], 80))
            for more in ("accept new.test tcp 80\n" + rules, rules):
                sock.sendall(b"GET / HTTP/1.1\r\n")
                dnspin.write_client("work", more)
                assert dnspin.reload()
                sock.sendall(b"Host: all.ends.test\r\n\r\n")
                assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    return f"{len(TTLS)} TTLs, {len(ends)} addresses, 4 bad names, 2 reloads in a download"


if __name__ == "__main__":
    trial.run(wildcards, three_qubes, leaks, small_numbers, qubes=("work", "personal", "third"))
