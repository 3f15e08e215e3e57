#!/usr/bin/python3 -B
"""Bugs that others had with time, each with the number it has in the project's list of such traps:
lives that shrink, answers that are held too long, clients that use what they were told long ago."""

import os
import pathlib
import signal
import socket
import sys
import time

import dns.message
import dns.rcode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402
from lab.steady import (  # noqa: E402
    ADD_DELETE_ADD, OLD_REFRESH, REFRESH, assert_open, assert_shut, pins)

SITE, SITE6 = "198.51.100.1", "2001:db8:51::1"
LONG, SHORT, SLACK = 300, 5, 30
DNS = ("10.139.1.1", 53)
PATIENT = 10


def grow_only(lab, servers, name, env, way):
    """Of two names with one address, the one that lives longer has its way, whoever comes first."""
    work, looks = lab.qube("work"), 0
    for host, ttl in (("long.two.test", LONG), ("short.two.test", SHORT)):
        servers.authority.at(host, records([SITE, SITE6], ttl=ttl))
    with trial.with_dnspin(lab, name, clients={"work": "accept .two.test tcp 80"}, env=env,
                           settings={"pins": {"floor": "1s", "slack": f"{SLACK}s"}}) as dnspin:
        assert dnspin.control("status")["refresh"] == way
        began = None
        for host in ("short", "long", "short", "short", "long"):
            for kind, address in (("A", SITE), ("AAAA", SITE6)):
                assert work.ask(f"{host}.two.test", kind).addresses == [address]
                began = began or (time.monotonic() if host == "long" else None)
                least = SHORT + SLACK - 2
                if began:
                    least = LONG + SLACK - 2 - (time.monotonic() - began)
                left = pins(lab, work)[address].expires
                assert least <= left <= LONG + SLACK, (host, kind, left, least)
                assert_open(work, address)
                looks += 1
        longest = pins(lab, work)[SITE]
        assert longest.comment == ".two.test < long.two.test", longest
    return f"{looks} answers, none made a life shorter"


def shrink(lab, servers):
    """Trap 2: an answer with a shorter TTL never shortens a pin"""
    return grow_only(lab, servers, "shrink", {}, REFRESH)


def shrink_old_kernel(lab, servers):
    """Trap 2: the same with the refresh of old kernels"""
    return grow_only(lab, servers, "shrink-old", ADD_DELETE_ADD, OLD_REFRESH)


def retries(sockets, queries, patience):
    """What each socket hears: its rcode and addresses, or None; nobody hears another's."""
    heard, end = [], time.monotonic() + patience
    for sock, query in zip(sockets, queries):
        sock.settimeout(max(end - time.monotonic(), 0.05))
        try:
            reply = dns.message.from_wire(sock.recv(4096))
        except TimeoutError:
            heard.append(None)
            continue
        assert reply.id == query.id, "the answer to another's question"
        heard.append((dns.rcode.to_text(reply.rcode()),
                      [data.to_text() for rrset in reply.answer for data in rrset]))
    return heard


def hold(lab, dnspin, name, seconds, count=4):
    """What a client hears that waits 50 ms and asks anew, while dnspind stands still."""
    work, sockets = lab.qube("work"), []
    queries = [dns.message.make_query(name, "A") for _ in range(count)]
    os.kill(dnspin.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for query in queries:
            sock = work.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.connect(DNS)
            sock.send(query.to_wire())
            sockets.append(sock)
            time.sleep(0.05)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        assert SITE not in lab.netvm.pinned_addresses(work)
    finally:
        os.kill(dnspin.pid, signal.SIGCONT)
    heard = retries(sockets, queries, PATIENT)
    for sock in sockets:
        sock.settimeout(0.05)
        try:
            raise AssertionError(f"answered twice: {sock.recv(4096)}")
        except TimeoutError:
            sock.close()
    return heard


def held(lab, servers):
    """Trap 4: retries of a held question are one job; each gets its own reply, at last SERVFAIL"""
    work, told, failed = lab.qube("work"), 0, 0
    with trial.with_dnspin(lab, "held", clients={"work": "accept .held.test tcp 80"}) as dnspin:
        for number, seconds in enumerate((3.0, 0.2, 0.2, 0.2, 0.2)):  # dnspind has half a second
            name, address = f"n{number}.held.test", f"198.51.100.{20 + number}"
            servers.authority.at(name, records([address]))
            heard = hold(lab, dnspin, name, seconds)
            for outcome in heard:
                assert outcome in (("NOERROR", [address]), ("SERVFAIL", [])), heard
            now = sum(rcode == "NOERROR" for rcode, _ in heard)
            told, failed = told + now, failed + len(heard) - now
            assert number > 0 or told == 0, heard
            assert servers.authority.count(name) == 1, "upstream was asked for each retry"
            jobs = [line for line in dnspin.log() if line.text.startswith(f"pinned work {name}")]
            assert len(jobs) <= 1, "more than one job"
            assert trial.wait_until(lambda n=name: work.ask(n).addresses) == [address]
            assert_open(work, address)
        assert told > 0, "each retry failed"
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return f"{told} retries told, {failed} SERVFAIL, none unheard; upstream asked once each"


# A floor of five minutes is for a client that keeps what it was told for two (.NET); here a floor
# of ten seconds, and four of keeping.
SCALED = {"pins": {"told_max": "1s", "floor": "10s", "slack": "1s"}}
KEEPS, IDLES = 4.0, 11.5
REQUEST = b"GET / HTTP/1.1\r\nHost: three.test\r\n\r\n"


def three_clients(lab, servers):
    """Trap 5: clients that obey TTLs, that keep addresses a while, that idle: none is let down"""
    work, opened = lab.qube("work"), 0
    servers.authority.at("three.test", records([SITE], ttl=60))
    servers.authority.at("idle.test", records(["198.51.100.2"], ttl=60))
    with trial.with_dnspin(lab, "three", clients={
            "work": "accept three.test tcp 80\naccept idle.test tcp 80"}, settings=SCALED):
        assert work.ask("idle.test").addresses == ["198.51.100.2"]
        with work.socket() as idle:
            idle.settimeout(PATIENT)
            idle.connect(("198.51.100.2", 80))
            began = kept = time.monotonic()
            assert work.ask("three.test").ttls == [1]
            while time.monotonic() < began + IDLES:
                if time.monotonic() >= kept + KEEPS:  # connects again to what it was told then
                    assert_open(work, SITE)
                    kept = time.monotonic()
                reply = work.ask("three.test")
                assert reply.addresses == [SITE] and reply.ttls == [1], reply
                assert_open(work, SITE)
                opened += 1
                time.sleep(1)
            assert trial.wait_until(
                lambda: "198.51.100.2" not in lab.netvm.pinned_addresses(work)), "it never ends"
            assert_shut(work, "198.51.100.2")
            idle.sendall(REQUEST)
            assert idle.recv(4096).startswith(b"HTTP/1.1 200"), "the idle connection was cut"
        # Who kept its address beyond all that only has to ask.
        assert work.ask("idle.test").addresses == ["198.51.100.2"]
        assert_open(work, "198.51.100.2")
    return f"{opened} times told and open; idle for {IDLES} s, still served"


if __name__ == "__main__":
    trial.run(shrink, shrink_old_kernel, held, three_clients)
