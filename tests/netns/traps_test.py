#!/usr/bin/python3 -B
"""Bugs that others had, each a story with the number it has in the project's list of such traps."""

import dataclasses
import ipaddress
import os
import pathlib
import re
import signal
import socket
import struct
import sys
import time

import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import Reply, dnswire, evil, records, trial, zones  # noqa: E402
from lab.steady import assert_open, assert_shut, pins  # noqa: E402

PATIENT = 10  # seconds for what must open
SILENT = 0.7  # seconds for what must not
FILTERED = 17  # RFC 8914


def same(texts):
    return {ipaddress.ip_address(text) for text in texts}


def cached(lab, servers):
    """Trap 1: an answer from the cache opens what is not open any more"""
    work, address, lost = lab.qube("work"), "198.51.100.1", 0

    def delete(pin):
        lab.netvm.nft(f"delete element ip dnspin {pin.set} {{ {address} }}")

    def flush(pin):
        lab.netvm.nft(f"flush set ip dnspin {pin.set}")

    def expire(pin):
        delete(pin)
        lab.netvm.nft(f"add element ip dnspin {pin.set} {{ {address} timeout 1s }}")
        assert trial.wait_until(lambda: address not in lab.netvm.pinned_addresses(work))

    servers.authority.at("cached.test", records([address], ttl=300))
    with trial.with_dnspin(lab, "cached", clients={"work": "accept cached.test tcp 80"}) as dnspin:
        assert work.ask("cached.test").addresses == [address]
        assert_open(work, address)
        for take_away in (delete, flush, expire):
            for tcp in (False, True):
                os.kill(dnspin.pid, signal.SIGSTOP)  # or it would put it back at once
                try:
                    take_away(pins(lab, work)[address])
                    assert_shut(work, address)
                finally:
                    os.kill(dnspin.pid, signal.SIGCONT)
                reply = work.ask("cached.test", tcp=tcp)
                assert reply.addresses == [address] and reply.ttls[0] <= 300, reply
                assert_open(work, address)
                assert pins(lab, work)[address].expires > reply.ttls[0]
                lost += 1
        assert work.curl("http://cached.test/").returncode == 0
        assert servers.authority.count("cached.test", "A") == 1, "upstream was asked again"
        assert trial.wait_until(lambda: dnspin.metric("dnspin_cache_hits_total") >= lost)
    return f"{lost} times lost and open again, upstream asked once"


def at_once(qube, first, count):
    """Connects in the instant in which each answer arrives; what did not go well."""
    wrong = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("10.139.1.1", 53))
        sock.settimeout(PATIENT)
        for number in range(first, first + count):
            sock.send(dns.message.make_query(f"{number}.race.test", "A").to_wire())
            told = ipaddress.ip_address(sock.recv(4096)[-4:])  # without EDNS the address is last
            attempt = qube.connect(str(told), 80, timeout=PATIENT)
            if not attempt or str(told) != zones.race_address(number):
                wrong.append((number, told, attempt.outcome))
    return wrong


def slow_pin(lab, dnspin, qube, name, address, hold):
    """dnspind stands still for a while: what the client heard, and how much of it too early."""
    query = dns.message.make_query(name, "A", use_edns=0)
    with qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("10.139.1.1", 53))
        os.kill(dnspin.pid, signal.SIGSTOP)
        early, began = [], time.monotonic()
        try:
            sock.send(query.to_wire())
            while (left := began + hold - time.monotonic()) > 0:
                sock.settimeout(left)
                try:
                    early.append(dns.message.from_wire(sock.recv(4096)))
                except TimeoutError:
                    break
            assert address not in lab.netvm.pinned_addresses(qube)
        finally:
            os.kill(dnspin.pid, signal.SIGCONT)
        assert not any(reply.answer for reply in early), f"told before it was pinned: {early}"
        if early:
            assert [reply.rcode() for reply in early] == [dnswire.SERVFAIL], early
            return "SERVFAIL while it stood still"
        sock.settimeout(PATIENT)
        reply = dns.message.from_wire(sock.recv(4096))
        if reply.rcode() == dnswire.SERVFAIL:
            return "SERVFAIL afterwards"
        assert reply.answer[0][0].to_text() == address, reply
        assert_open(qube, address)
        return "told afterwards"


def pinned_first(lab, servers):
    """Trap 3: who connects in the instant of the answer is let through; no pin, no answer"""
    work, outcomes, count = lab.qube("work"), [], 200
    with trial.with_dnspin(lab, "first", clients={"work": "accept .race.test tcp 80\n"
                                                          "accept .late.test tcp 80"}) as dnspin:
        wrong = work.call(at_once, work, 0, count)
        assert not wrong, wrong
        for turn, hold in enumerate((0.02, 0.1, 0.3, 0.7, 2.5)):
            name, address = f"n{turn}.late.test", f"198.51.100.{10 + turn}"
            servers.authority.at(name, records([address]))
            outcomes.append(slow_pin(lab, dnspin, work, name, address, hold))
            reply = trial.wait_until(lambda n=name: work.ask(n).addresses)
            assert reply == [address], (name, reply)
            assert_open(work, address)
        assert "told afterwards" in outcomes[:3], outcomes
        assert outcomes[4] == "SERVFAIL while it stood still", outcomes
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return f"{count} connections at once; held 0.02 to 2.5 s: {', '.join(outcomes)}"


def truncated(lab, servers):
    """Trap 7: what came truncated is neither told nor pinned; a slow question holds up no other"""
    work, authority = lab.qube("work"), servers.authority
    whole, part = [f"198.51.100.{n}" for n in range(1, 13)], ["198.51.100.1", "198.51.100.99"]

    def partial(query):
        if query.transport == "udp":
            return dataclasses.replace(dnswire.addresses(query, part), truncate=True,
                                       keep_records=True)
        return dnswire.addresses(query, whole)

    def no_stream(query):
        return partial(query) if query.transport == "udp" else None

    authority.at("partial.cut.test", partial)
    authority.at("dead.cut.test", no_stream)
    for kind, name in (("A", "a"), ("AAAA", "aaaa")):
        authority.at(f"{name}.cut.test", lambda query, slow=kind: dataclasses.replace(
            dnswire.addresses(query, ["198.51.100.50", "2001:db8:51::50"]),
            delay=0.7 if query.kind == slow else 0))
    with trial.with_dnspin(lab, "cut", clients={"work": "accept .cut.test tcp 80\n"
                                                        "accept .odd.test tcp 80"}) as dnspin:
        reply = work.ask("dead.cut.test")
        assert reply.status == "SERVFAIL" and not pins(lab, work), reply
        reply = work.ask("partial.cut.test")
        assert reply.addresses == whole, reply
        assert pins(lab, work).keys() == set(whole)
        # More than a datagram holds: empty with TC, and all of it over TCP.
        reply = work.dig("many-150.odd.test", "A", "+ignore")
        assert " tc " in reply.text and not reply.addresses, reply.text
        reply = work.dig("many-150.odd.test")
        assert len(reply.addresses) == 150 and ";; Truncated, retrying in TCP" in reply.text, reply
        assert pins(lab, work).keys() == set(whole + reply.addresses)
        assert_open(work, reply.addresses[-1])
        orders = [pipelined(work, f"{name}.cut.test") for name in ("a", "aaaa")]
        assert orders == [["AAAA", "A"], ["A", "AAAA"]], orders
        assert_open(work, "198.51.100.50")
        assert_open(work, "2001:db8:51::50")
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return "12 of 12 told, then 150 of 150; 2 pipelined questions, the fast one is answered first"


def pipelined(qube, name):
    """The types in the order in which one TCP stream brought them, the slow one asked first."""
    kinds = ["A", "AAAA"] if name.startswith("a.") else ["AAAA", "A"]
    with qube.socket() as sock:
        sock.settimeout(PATIENT)
        sock.connect(("10.139.1.1", 53))
        messages = [dns.message.make_query(name, kind).to_wire() for kind in kinds]
        sock.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in messages))
        stream = sock.makefile("rb")
        replies = [dns.message.from_wire(stream.read(int.from_bytes(stream.read(2), "big")))
                   for _ in kinds]
    assert all(reply.answer for reply in replies), replies
    return [dns.rdatatype.to_text(reply.question[0].rdtype) for reply in replies]


LIFTED = ("10.1.2.3", "100.64.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "fc00::1")
VIRTUAL = "10.139.1.1"  # ours to answer, but not an address of the machine


def https_with_hints(query, texts):
    packed = b"".join(ipaddress.ip_address(text).packed for text in texts)
    key = 6 if ":" in texts[0] else 4
    data = b"\0\1\0" + struct.pack("!HH", key, len(packed)) + packed
    return Reply(answer=(dnswire.Record(query.name, "HTTPS", data),))


def hints(reply):
    return re.findall(r'hint="([^"]*)"', reply.records[0][3])[0].split(",")


def rebinding(lab, servers):
    """Trap 11: no private address is pinned, alone, behind a public one, or as a hint"""
    work, public = lab.qube("work"), {"A": "198.51.100.1", "AAAA": "2001:db8:51::1"}
    rows = [("A", text) for text in evil.PRIVATE] + [("AAAA", text) for text in evil.PRIVATE6]
    lifted, removed = 0, 0

    def script(query):
        what, number, _ = query.name.split(".", 2)
        kind, private = rows[int(number)]
        texts = {"alone": [private], "mixed": [public[kind], private, private],
                 "first": [private, public[kind]], "hint": [public[kind], private]}[what]
        return (https_with_hints(query, texts) if query.kind == "HTTPS"
                else dnswire.addresses(query, texts))

    servers.authority.under("matrix.test", script)
    servers.authority.under("lan.test", script)
    rules = "accept .matrix.test tcp 80\naccept .lan.test tcp 80"
    with trial.with_dnspin(lab, "matrix", clients={"work": rules, "personal": rules},
                           settings={"dns": {"rebind_ok": [".lan.test"]}}) as dnspin:
        for number, (kind, private) in enumerate(rows):
            alone = work.ask(f"alone.{number}.matrix.test", kind)
            assert alone.status == "NOERROR" and alone.ede == FILTERED, (private, alone)
            assert not alone.records, (private, alone)
            for what in ("mixed", "first"):
                reply = work.ask(f"{what}.{number}.matrix.test", kind)
                assert reply.addresses == [public[kind]], (private, what, reply)
            hint = work.ask(f"hint.{number}.matrix.test", "HTTPS")
            assert hint.status == "NOERROR" and len(hint.records) == 1, (private, hint)
            assert hints(hint) == [public[kind]], (private, hint)
            removed += 4
        assert lab.netvm.pinned_addresses(work) == set(public.values())
        for number, (kind, private) in enumerate(rows):
            told = work.ask(f"alone.{number}.lan.test", kind).addresses
            wanted = [private] if private in LIFTED + (VIRTUAL,) else []
            assert same(told) == same(wanted), (private, told)
            hint = work.ask(f"hint.{number}.lan.test", "HTTPS")
            assert same(hints(hint)) == same([public[kind]] + wanted), (private, hint)
            lifted += len(told)
        assert lab.netvm.pinned_addresses(work) == {*public.values(), *LIFTED, VIRTUAL}
        for address in (*public.values(), "192.168.1.1", "fc00::1"):
            assert_open(work, address)
        assert_shut(work, lab.qube("personal").address)
        assert_shut(work, "169.254.1.1")
        assert dnspin.wait_log("all its addresses are forbidden ones")
    return f"{len(rows)} ranges, {removed} answers; rebind_ok lifts {lifted} of them"


FOREIGN = ("foreign", "foreign-alias", "only-foreign", "parent", "two-aliases", "loop", "self",
           "family", "family6", "class", "class-any", "dname", "broken-chain", "wrong-id",
           "wrong-port", "wrong-address", "wrong-question", "wrong-type", "dotted")


def foreign(lab, servers):
    """Trap 12: records that the answer is not about are neither told nor pinned"""
    work, told, failed = lab.qube("work"), 0, 0

    def wrong_case(query):
        return evil.victim(query, lower_case=True) if query.transport == "udp" else evil.good(query)

    servers.authority.at("case-of-evil.evil.test", wrong_case)
    with trial.with_dnspin(lab, "foreign", clients={"work": "accept .evil.test tcp 80"}):
        assert work.ask("good.evil.test").addresses == [evil.GOOD]
        assert work.ask("good.evil.test", "AAAA").addresses == [evil.GOOD6]
        assert_open(work, evil.GOOD)
        tricks = [evil.BY_LABEL[label] for label in FOREIGN]
        for name, kind in [(t.name, t.kind) for t in tricks] + [("case-of-evil.evil.test", "A")]:
            reply = work.dig(name, kind)
            assert set(reply.addresses) <= {evil.GOOD, evil.GOOD6}, (name, reply.text)
            assert reply.status in ("NOERROR", "SERVFAIL"), (name, reply.text)
            told += bool(reply.addresses)
            failed += reply.status == "SERVFAIL"
        assert lab.netvm.pinned_addresses(work) == {evil.GOOD, evil.GOOD6}
        assert_shut(work, evil.VICTIM)
        assert_shut(work, evil.VICTIM6)
    return f"{len(tricks) + 1} answers: the good part of {told} told, {failed} SERVFAIL"


if __name__ == "__main__":
    trial.run(cached, pinned_first, truncated, rebinding, foreign)
