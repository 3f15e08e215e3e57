#!/usr/bin/python3 -B
"""Nothing else opens: who owns an allowed name, or forges what its server says, plays every trick
of lab/evil.py and cuts an answer at every octet, and the kernel holds no element beyond the honest
ones. A good answer before and between the tricks does open, so that "nothing opened" can fail.
"""

import collections
import pathlib
import selectors
import socket
import sys
import time

import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import Reply, dnswire, evil, records, trial  # noqa: E402
from lab.dnswire import POINTER_TO_QUESTION as ASKED, Record, address  # noqa: E402

RULES = "accept .evil.test tcp 80\naccept .good.test tcp 80"
HONEST = {evil.GOOD, evil.GOOD6}
PATIENT = 10
TOGETHER = 100  # questions in flight


def with_dnspin(lab, name):
    return trial.with_dnspin(lab, name, clients={"work": RULES, "personal": RULES})


def open_honest(qube):
    assert qube.ask("good.evil.test").addresses == [evil.GOOD]
    assert qube.ask("good.evil.test", "AAAA").addresses == [evil.GOOD6]
    for text in HONEST:
        assert qube.connect(text, timeout=PATIENT), text


def count_elements(lab):
    """How many elements the kernel holds in all the sets of pins, whoever's they are."""
    return sum(len(item["set"].get("elem", [])) for family in ("ip", "ip6")
               for item in lab.netvm.nft_json("table", family, "dnspin")
               if item.get("set", {}).get("name", "").startswith("pin-"))


def assert_only_honest(lab, dnspin, pids):
    """Whom it may reach, whom it may not, and that none of this broke anything."""
    work, personal = lab.qubes[:2]
    open_honest(work)
    assert lab.netvm.pinned_addresses(work) == HONEST
    assert lab.netvm.pinned_addresses(personal) == set() and count_elements(lab) == 2
    for text in (evil.VICTIM, evil.VICTIM6):
        assert not work.connect(text).passed, text
    assert not personal.connect(evil.GOOD).passed
    assert dnspin.resolver_pids() == pids, "the resolver died of it"
    for metric in ("readers_restarted", "channel_breaches", "answers_released_unpinned"):
        assert dnspin.metric(f"dnspin_{metric}_total") == 0, metric


def ask_many(qube, names):
    """(name, status, addresses) of many questions over UDP, many in flight."""
    waiting, done, left = {}, [], list(reversed(names))
    with selectors.DefaultSelector() as selector:
        while left or waiting:
            while left and len(waiting) < TOGETHER:
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.connect(("10.139.1.1", 53))
                sock.send(dns.message.make_query(left[-1], "A").to_wire())
                waiting[sock] = (left.pop(), time.monotonic() + PATIENT)
                selector.register(sock, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(0.2)}
            for sock, (name, end) in list(waiting.items()):
                if sock not in ready and time.monotonic() < end:
                    continue
                done.append((name, *read_reply(sock)) if sock in ready else (name, "TIMEOUT", []))
                selector.unregister(sock)
                del waiting[sock]
                sock.close()
    return done


def read_reply(sock):
    reply = dns.message.from_wire(sock.recv(4096))
    return dns.rcode.to_text(reply.rcode()), [
        data.to_text() for rrset in reply.answer for data in rrset
        if rrset.rdtype == dns.rdatatype.A]


def tricks(lab, _):
    """No trick opens anything"""
    work, outcomes = lab.qube("work"), collections.Counter()
    with with_dnspin(lab, "tricks") as dnspin:
        pids = dnspin.resolver_pids()
        open_honest(work)
        for trick in evil.TRICKS:
            for tcp in (False, True):
                reply = work.ask(trick.name, trick.kind, tcp=tcp)
                assert set(reply.addresses) <= HONEST, (trick.what, reply)
                assert reply.status in ("NOERROR", "SERVFAIL", "NXDOMAIN"), (trick.what, reply)
                outcomes[reply.status] += 1
            pinned = lab.netvm.pinned_addresses(work)
            assert pinned == HONEST, (trick.what, pinned - HONEST)
            opened = evil.opened(lab, work, trick) if trick.forbidden[0] != evil.VICTIM else []
            assert not opened, (trick.what, opened)
        assert outcomes["NOERROR"] > 30 and outcomes["SERVFAIL"] > 30, outcomes
        assert_only_honest(lab, dnspin, pids)
    return f"{len(evil.TRICKS)} tricks over UDP and TCP, 2 elements, {dict(outcomes)}"


def cut(lab, servers):
    """An answer cut at any octet opens nothing, whole it does"""
    work, length = lab.qube("work"), evil.ANSWER_OCTETS
    with with_dnspin(lab, "cut") as dnspin:
        pids = dnspin.resolver_pids()
        open_honest(work)
        names = [f"cut-{octets:03}.evil.test" for octets in range(length)]
        for name, status, addresses in work.call(ask_many, work, names):
            assert (status, addresses) == ("SERVFAIL", []), (name, status, addresses)
        assert_only_honest(lab, dnspin, pids)
        servers.authority.at(f"cut-{length:03}.evil.test", lambda query: Reply(
            answer=(address(ASKED, evil.GOOD),), mangle=lambda whole: whole[:length]))
        reply = work.ask(f"cut-{length:03}.evil.test")
        assert reply.addresses == [evil.GOOD], "whole it is not told either: the cuts prove nothing"
    return f"{length} cuts, each SERVFAIL; the whole of it told"


def octets_changed(lab, servers):
    """An answer with one octet changed, any of them to many values, opens at most what it says"""
    work, told, pinned = lab.qube("work"), 0, set()
    values = (0x00, 0x01, 0x05, 0x3F, 0x40, 0x80, 0xC0, 0xFF)
    wire = Reply(answer=(address(ASKED, evil.GOOD),
                         Record("bank.test", "A", b"\xcb\0\x71\x42"))).octets
    # Header, question, and two records of which one is foreign: its address must not come in.

    def script(query):
        position, value = (int(part) for part in query.name.split(".")[0].split("-"))
        octets = bytearray(wire(query))
        if position < len(octets):
            octets[position] = value
        return Reply(mangle=lambda _: bytes(octets))

    servers.authority.under("octet.evil.test", script)
    length = 12 + len(dnswire.name_octets("000-000.octet.evil.test")) + 4 + 16 + 25 + 11
    with with_dnspin(lab, "octets") as dnspin:
        pids = dnspin.resolver_pids()
        open_honest(work)
        replies = work.call(ask_many, work, [
            f"{position:03}-{value:03}.octet.evil.test" for position in range(length)
            for value in values])
        for name, status, addresses in replies:
            assert evil.VICTIM not in addresses, f"{name}: {addresses}"
            assert status in ("NOERROR", "SERVFAIL", "NXDOMAIN", "TIMEOUT"), (name, status)
            told += bool(addresses)
            pinned |= set(addresses)
        held = lab.netvm.pinned_addresses(work)
        assert held == pinned | HONEST, held ^ (pinned | HONEST)
        assert not work.connect(evil.VICTIM).passed
        assert dnspin.resolver_pids() == pids and work.ask("good.evil.test").addresses
        assert told > length, "hardly any was told: nothing is proved"
    return f"{len(replies)} answers, {told} told, each element in the kernel is one of those told"


TTLS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1)


def lives(lab, servers):
    """No TTL, and no number of records with different ones, keeps a pin alive beyond its bound"""
    work, longest = lab.qube("work"), 0
    with with_dnspin(lab, "lives"):
        for ttl in TTLS:
            for other in TTLS:
                name, texts = f"t{ttl}-{other}.good.test", [evil.GOOD, "203.0.113.11"]
                servers.authority.at(name, lambda query, a=ttl, b=other, t=texts: Reply(answer=(
                    dnswire.cname(ASKED, "end.good.test", ttl=a),
                    address("end.good.test", t[0], ttl=a), address("end.good.test", t[1], ttl=b))))
                reply = work.ask(name)
                least = min(value if value < 2**31 else 0 for value in (ttl, other))
                assert set(reply.ttls) == {max(1, min(least, 300))}, (ttl, other, reply)
        for pin in lab.netvm.pins(work):
            assert 0 < pin.expires <= pin.timeout <= 331, pin
            longest = max(longest, pin.timeout)
        assert lab.netvm.pinned_addresses(work) == {evil.GOOD, "203.0.113.11"}
        servers.authority.at("end.good.test", records([evil.GOOD]))
    return f"{len(TTLS) ** 2} answers, the longest life is {longest} s"


if __name__ == "__main__":
    trial.run(tricks, cut, octets_changed, lives)
