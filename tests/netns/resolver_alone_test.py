#!/usr/bin/python3 -B
"""dnspin-resolver on real sockets, with this test in the place of its launcher and of dnspind."""

import os
import pathlib
import socket
import struct
import sys
import time

import dns.message
import dns.rcode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import Reply, dnswire, records, topology, trial  # noqa: E402
from lab.lone_reader import DONE, FAILED, LIMITS, QUOTA, STALE, Resolver, Served  # noqa: E402

PROHIBITED = 18
ADDRESS = "198.51.100.7"
LISTED = ["action=accept dsthost=.alone.test proto=tcp dstports=443-443", "action=drop"]


def framed(message):
    return struct.pack("!H", len(message)) + message


def query(name, **options):
    return dns.message.make_query(name, "A", use_edns=0, **options)


def read_reply(sock):
    length = sock.recv(2, socket.MSG_WAITALL)
    if len(length) < 2:
        return None
    return dns.message.from_wire(sock.recv(struct.unpack("!H", length)[0], socket.MSG_WAITALL))


def prepare(lab, servers):
    if "10.139.1.1" not in lab.netvm.run(["ip", "addr"]).stdout:
        lab.netvm.ip("addr add 10.139.1.1/32 dev lo\naddr add 10.139.1.2/32 dev lo")
    servers.authority.under("alone.test", records([ADDRESS, "2001:db8:a::7"], ttl=60))
    return lab.qube("work")


def told_by_one_word(served, server, tcp):
    """By dnspind's word, then as its pins last, then as octets. A machine that takes longer than
    dnspind's word is good for asks again, which is right too."""
    before = len(served.requests)
    for _ in range(3):
        reply = served.ask(f"a{before}.alone.test", server=server, tcp=tcp)
        assert reply.addresses == [ADDRESS], (server, tcp, reply)
    asked = len(served.requests) - before
    assert asked > 0, "told unpinned"
    return asked == 1


def doors(lab, servers):
    """UDP and TCP, IPv4 and IPv6: answered, pinned before, and from the address that was asked"""
    work = prepare(lab, servers)
    with Resolver(lab) as resolver:
        served = Served(lab, resolver, work, LISTED)
        for server in ("10.139.1.1", "10.139.1.2", topology.GATEWAY6):
            for tcp in (False, True):
                assert any(told_by_one_word(served, server, tcp) for _ in range(50)), "in vain"
        assert served.ask("a.alone.test", "AAAA").addresses == ["2001:db8:a::7"]
        assert served.ask("other.test").ede == PROHIBITED
        assert servers.authority.count("a.alone.test") == 1
        assert trial.wait_until(lambda: served.counters.get("answered", 0) >= 7)
        assert served.counters["unpinned"] == 0, served.counters
    assert resolver.process.returncode == 0
    return f"{len(served.requests)} requests before as many answers"


def strangers(lab, servers):
    """A question from another's interface, or with another's address, is dropped and counted"""
    work, personal = prepare(lab, servers), lab.qube("personal")
    work.ip("addr add 10.137.0.99/32 dev eth0")
    lab.netvm.ip(f"route add 10.137.0.99 dev {work.vif}")
    personal.ip(f"addr add {work.address}/32 dev eth0")
    try:
        with Resolver(lab) as resolver:
            served = Served(lab, resolver, work, LISTED)
            for qube, source in ((personal, personal.address), (work, "10.137.0.99"),
                                 (personal, work.address)):
                with qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(0.5)
                    sock.bind((source, 0))
                    sock.sendto(query("a.alone.test").to_wire(), ("10.139.1.1", served.port))
                    try:
                        raise AssertionError(f"{source} of {qube.name} heard {sock.recv(4096)}")
                    except TimeoutError:
                        pass
            with personal.socket() as sock:
                sock.settimeout(2)
                sock.connect(("10.139.1.1", served.port))
                assert sock.recv(1) == b"", "a stranger's connection stays"
            assert trial.wait_until(lambda: served.counters.get("dropped", 0) >= 4)
            assert served.ask("a.alone.test").addresses == [ADDRESS]
    finally:
        personal.ip(f"addr del {work.address}/32 dev eth0")
    return f"{served.counters['dropped']} dropped"


def destination(lab, servers):
    """By TCP the resolver learns from the kernel where a redirected question was meant to go"""
    work = prepare(lab, servers)
    with Resolver(lab) as resolver:
        served = Served(lab, resolver, work, ["action=accept dst4=10.139.1.1/32 proto=udp "
                                              "dstports=53-53"])
        lab.netvm.nft(f"""add table ip alone
add chain ip alone doors {{ type nat hook prerouting priority dstnat; }}
add rule ip alone doors iifname {work.vif} tcp dport 53 redirect to :{served.port}""")
        try:
            assert work.ask("b.alone.test", tcp=True).addresses == [ADDRESS]
            reply = work.ask("b.alone.test", server="10.139.1.2", tcp=True)
            assert reply.ede == PROHIBITED, reply
            reply = work.ask("b.alone.test", server="203.0.113.53", tcp=True)
            assert reply.ede == PROHIBITED, reply
        finally:
            lab.netvm.nft("delete table ip alone")
    return "allowed to the one, refused to the others"


def streams(lab, servers):
    """TCP: octet by octet, out of order, half closed, too many, of no length"""
    work = prepare(lab, servers)
    servers.authority.at("slow.alone.test", lambda asked: Reply(
        answer=dnswire.addresses(asked, [ADDRESS]).answer, delay=0.7))
    with Resolver(lab) as resolver:
        served = Served(lab, resolver, work, LISTED)
        with served.stream() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in framed(query("octets.alone.test").to_wire()):
                sock.send(bytes([octet]))
            assert read_reply(sock).answer
            slow, fast = query("slow.alone.test"), query("fast.alone.test")
            sock.sendall(framed(slow.to_wire()) + framed(fast.to_wire()))
            assert [read_reply(sock).id for _ in range(2)] == [fast.id, slow.id]
        with served.stream() as sock:
            servers.authority.at("half.alone.test", lambda asked: Reply(
                answer=dnswire.addresses(asked, [ADDRESS]).answer, delay=0.3))
            sock.sendall(framed(query("half.alone.test").to_wire()))
            sock.shutdown(socket.SHUT_WR)
            before = cpu(resolver)
            assert read_reply(sock).answer and sock.recv(1) == b""
            assert cpu(resolver) - before < 0.1, "it span while it waited"
        with served.stream() as sock:
            sock.sendall(b"\0\0" + framed(query("zero.alone.test").to_wire()))
            assert sock.recv(1) == b""
        with served.stream() as sock:  # more than are taken at once, each in need of a pin
            for _ in range(2):
                served.doubt_pins()
                asked = [query(f"n{number}.alone.test") for number in range(100)]
                sock.sendall(b"".join(framed(one.to_wire()) for one in asked))
                assert all(read_reply(sock).answer for _ in asked), "some were not pinned in time"
        many = [served.stream() for _ in range(40)]
        time.sleep(0.2)
        open_ones = sum(is_kept(sock) for sock in many)
        assert [sock.close() for sock in many] and open_ones == LIMITS["connections"], open_ones
        assert trial.wait_until(lambda: len(open_connections(lab, served.port)) == 0)
        assert served.ask("after.alone.test", tcp=True).addresses
    return f"{open_ones} of 40 connections kept"


def is_kept(sock):
    try:
        sock.sendall(framed(query("many.alone.test").to_wire()))
        return read_reply(sock) is not None
    except OSError:
        return False


def open_connections(lab, port):
    return lab.netvm.run(["ss", "-Htn", "sport", "=", f":{port}"]).stdout.splitlines()


def cpu(resolver):
    text = pathlib.Path(f"/proc/{resolver.process.pid}/stat").read_text()
    return sum(map(int, text.rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def deaf(lab, servers):
    """A client that asks 10,000 times and never reads is bounded; the other is served meanwhile"""
    work, personal = prepare(lab, servers), lab.qube("personal")
    with Resolver(lab) as resolver:
        deaf_one = Served(lab, resolver, work, LISTED)
        other = Served(lab, resolver, personal, LISTED)
        other.ask("c.alone.test")
        message = framed(query("deaf.alone.test").to_wire())
        socks = [deaf_one.stream() for _ in range(10)]
        for sock in socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.setblocking(False)
        datagrams = work.socket(socket.AF_INET, socket.SOCK_DGRAM)
        slowest, asked = 0.0, 0
        for burst in range(50):
            for sock in socks:
                try:
                    sock.send(message * 20)
                except OSError:
                    pass  # cut, or nothing more is taken
            for number in range(200):
                name = f"{burst}-{number}.unheard.alone.test"
                datagrams.sendto(query(name).to_wire(), ("10.139.1.1", deaf_one.port))
                asked += 1
            began = time.monotonic()
            assert other.ask("c.alone.test").addresses == [ADDRESS]
            slowest = max(slowest, time.monotonic() - began)
        assert int(resolver.status("VmHWM")[0]) < 65536
        assert slowest < 1.0, slowest
        del socks  # datagrams stays open: a late answer must not find its port with another
        assert trial.wait_until(lambda: deaf_one.ask("d.alone.test").addresses == [ADDRESS])
    return f"{asked} unheard; the other waited {slowest * 1000:.0f} ms at most"


def firewalls(lab, servers):
    """A firewall that is silent, full, failing or of another policy: nothing is told"""
    work = prepare(lab, servers)
    with Resolver(lab) as resolver:
        served = Served(lab, resolver, work, LISTED)
        for _ in range(3):
            assert served.ask("e.alone.test").addresses == [ADDRESS]
        for outcome in (None, QUOTA, STALE, FAILED):
            served.doubt_pins()
            served.outcome, began = outcome, time.monotonic()
            reply = served.ask("e.alone.test")
            assert reply.status == "SERVFAIL" and not reply.records, (outcome, reply)
            waited = time.monotonic() - began
            assert (0.4 < waited < 1.5) == (outcome in (None, STALE)), (outcome, waited)
        served.outcome = DONE
        assert served.ask("e.alone.test").addresses == [ADDRESS]
        served.tell_policy(["action=drop"])
        assert trial.wait_until(lambda: served.ask("e.alone.test").ede == PROHIBITED)
        served.tell_policy(LISTED, interface_indexes=[])
        assert served.ask("e.alone.test", timeout=0.5).status == "TIMEOUT"
    return "four ways to say no"


def ends(lab, servers):
    """A client ends with its channel, the process with its service socket or by a bad message"""
    work, personal = prepare(lab, servers), lab.qube("personal")
    with Resolver(lab) as resolver:
        first = Served(lab, resolver, work, LISTED)
        second = Served(lab, resolver, personal, LISTED)
        first.channel.shutdown(socket.SHUT_RDWR)
        assert trial.wait_until(lambda: first.ask("f.alone.test", timeout=0.3).status == "TIMEOUT")
        assert second.ask("f.alone.test").addresses == [ADDRESS]
        again = Served(lab, resolver, work, LISTED)
        assert again.ask("f.alone.test").addresses == [ADDRESS]
    assert resolver.process.returncode == 0, resolver.process.returncode
    for bad in (b"x", b"\x10\0", b"\x11\1\0\0\0", b"\1" * 1500):
        with Resolver(lab) as resolver:
            Served(lab, resolver, work, LISTED).channel.send(bad)
            resolver.process.wait(5)
        assert resolver.process.returncode == 3, (bad, resolver.process.returncode)
    for bad in (b"x", struct.pack("<BBHI", 1, 15, 0, 7), struct.pack("<BBHI", 1, 99, 0, 7)):
        with Resolver(lab) as resolver:
            resolver.service.send(bad)
            resolver.process.wait(5)
        assert resolver.process.returncode == 3, (bad, resolver.process.returncode)
    with Resolver(lab, user=0) as resolver:
        resolver.process.wait(5)
    assert resolver.process.returncode == 3, "it runs as root"
    return "0 for a good end, 3 for a breach"


def upstreams(lab, servers):
    """Upstreams: a closed port is passed over, and no question leaves by another interface"""
    work = prepare(lab, servers)
    closed = {"endpoint": "192.0.2.99:5399", "interface": "eth0"}
    good = {"endpoint": topology.UPSTREAM + ":53", "interface": "eth0"}
    with Resolver(lab) as resolver:
        served = Served(lab, resolver, work, LISTED, upstreams=[closed, good])
        began = time.monotonic()
        assert served.ask("g.alone.test").addresses == [ADDRESS]
        assert time.monotonic() - began < 0.4, "a refusal did not hurry it"
        served.tell_policy(LISTED, upstreams=[{**good, "interface": lab.qube("personal").vif}])
        before = servers.authority.count()
        reply = served.ask("h.alone.test", timeout=5)
        assert reply.status == "SERVFAIL", reply
        assert servers.authority.count() == before, "it left by another interface"
        served.tell_policy(LISTED, upstreams=[{**good, "interface": "no-such"}])
        began = time.monotonic()
        assert served.ask("i.alone.test", timeout=5).status == "SERVFAIL"
        assert time.monotonic() - began < 1
        served.tell_policy(LISTED, upstreams=[{"endpoint": f"[{topology.UPSTREAM6}]:53",
                                               "interface": "eth0"}])
        assert served.ask("j.alone.test").addresses == [ADDRESS]
    return "passed over in less than 400 ms"


if __name__ == "__main__":
    trial.run(doors, strangers, destination, streams, deaf, firewalls, ends, upstreams)
