#!/usr/bin/python3 -B
"""Names and questions that are special, who may ask what, and why an answer is none."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import sys
import time

import dns.flags
import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import Authority, Reply, dnswire, records, topology, trial  # noqa: E402
from lab.dnswire import POINTER_TO_QUESTION as ASKED, Record, address  # noqa: E402

PATIENT = 10
NOT_READY, BLOCKED, FILTERED, PROHIBITED = 14, 15, 17, 18  # RFC 8914
NO_AUTHORITY, NETWORK, INVALID, NOT_SUPPORTED = 22, 23, 24, 21
FIRST, SECOND = "10.139.1.1", "10.139.1.2"  # the servers that a qube knows

SPECIAL = (  # name, type, status, addresses
    ("use-application-dns.net", "A", "NXDOMAIN", []), ("mask.icloud.com", "A", "NXDOMAIN", []),
    ("mask-h2.icloud.com", "AAAA", "NXDOMAIN", []), ("MASK.iCloud.com.", "A", "NXDOMAIN", []),
    ("resolver.arpa", "A", "NOERROR", []), ("_dns.resolver.arpa", "SVCB", "NOERROR", []),
    ("localhost", "A", "NOERROR", ["127.0.0.1"]), ("localhost", "AAAA", "NOERROR", ["::1"]),
    ("www.localhost", "A", "NOERROR", ["127.0.0.1"]), ("localhost", "MX", "NOERROR", []),
    ("a.invalid", "A", "NXDOMAIN", []), ("shop.onion", "A", "NXDOMAIN", []),
    ("a.alt", "A", "NXDOMAIN", []), ("printer.local", "A", "NXDOMAIN", []),
    ("home.arpa", "A", "NOERROR", []), ("nas.home.arpa", "A", "NXDOMAIN", []),
    ("1.0.0.127.in-addr.arpa", "PTR", "NXDOMAIN", []),
    ("3.2.1.10.in-addr.arpa", "PTR", "NXDOMAIN", []),
    ("1.31.172.in-addr.arpa", "PTR", "NXDOMAIN", []),
    ("1.1.168.192.in-addr.arpa", "PTR", "NXDOMAIN", []))
RAW = (  # flags, type, class, rcode: update, notify, status, transfers, CHAOS, any class, OPT
    (0x2800, 6, 1, 4), (0x2000, 6, 1, 4), (0x1000, 1, 1, 4), (0x0100, 252, 1, 5),
    (0x0100, 251, 1, 5), (0x0100, 16, 3, 5), (0x0100, 1, 255, 5), (0x0100, 41, 1, 5))


def with_dnspin(lab, name, rules, **options):
    return trial.with_dnspin(lab, name, clients={"work": rules}, **options)


def special_names(lab, servers):
    """Canaries, names of nobody, ANY, CHAOS, transfers, updates: answered here, at once"""
    work = lab.qube("work")
    rules = ("accept docs.test\naccept use-application-dns.net\naccept .listed.local\n"
             "accept .listed.home.arpa\naccept specialtarget=dns")
    for name in ("www.listed.local", "www.listed.home.arpa"):
        servers.authority.at(name, records(["198.51.100.5"]))
    with with_dnspin(lab, "special", rules) as dnspin:
        servers.authority.reset()
        for name, kind, status, addresses in SPECIAL:
            for tcp in (False, True):
                reply = work.ask(name, kind, tcp=tcp)
                assert (reply.status, reply.addresses) == (status, addresses), (name, kind, reply)
        for flags, kind, cls, rcode in RAW:
            question = dnswire.name_octets("docs.test") + struct.pack("!HH", kind, cls)
            reply = exchange(work, struct.pack("!HHHHHH", 7, flags, 1, 0, 0, 0) + question)
            assert reply[:2] == b"\0\7" and reply[2] & 0x80, (kind, reply)
            assert reply[3] & 15 == rcode, (kind, reply)
        reply = work.dig("version.bind", "TXT", "CH")
        assert (reply.status, reply.ede) == ("REFUSED", NOT_SUPPORTED), reply.text
        reply = work.dig("docs.test", "ANY", "+notcp")
        assert [row[2:] for row in reply.records] == [("HINFO", '"RFC8482" ""')], reply.text
        assert servers.authority.count() == 0, servers.authority.seen()
        assert not lab.netvm.pins(work), "127.0.0.1 may be told, but never pinned"
        for name in ("www.listed.local", "www.listed.home.arpa"):
            assert work.ask(name).addresses == ["198.51.100.5"], "a rule lists it"
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
    return f"{2 * len(SPECIAL)} questions for names, {len(RAW) + 2} others, none went upstream"


def exchange(qube, octets):
    with qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENT)
        sock.sendto(octets, (FIRST, 53))
        return sock.recv(4096)


def reasons(lab, servers):
    """Each refusal says why: extended errors 14, 15, 17, 18, 22, 23 and 24"""
    work, seen = lab.qube("work"), set()
    rules = ("drop .ads.test\naccept .ads.test\naccept .odd.test\naccept .evil.test\n"
             "accept docs.test\naccept .race.test")

    def assert_reason(name, status, ede, **how):
        for _ in range(2):  # from the cache as well
            reply = work.ask(name, **how)
            assert (reply.status, reply.ede) == (status, ede) and not reply.records, (name, reply)
            dug = work.dig(name, "A", timeout=PATIENT)
            assert (dug.status, dug.ede) == (status, ede) and dug.ede_text, dug.text
            assert work.ask(name, edns=False, **how).ede == -1, "it did not ask for EDNS"
        seen.add(ede)

    with with_dnspin(lab, "reasons", rules) as dnspin:
        assert work.ask("docs.test").ede == -1
        assert_reason("www.ads.test", "REFUSED", BLOCKED)
        assert_reason("casino.test", "REFUSED", PROHIBITED)
        assert_reason("private-2.evil.test", "NOERROR", FILTERED)
        assert_reason("loop.evil.test", "SERVFAIL", INVALID)
        assert_reason("links-17.evil.test", "SERVFAIL", INVALID)
        assert_reason("servfail.odd.test", "SERVFAIL", NO_AUTHORITY)
        reply = work.ask("silent.odd.test")
        assert (reply.status, reply.ede) == ("SERVFAIL", NO_AUTHORITY), reply
        os.kill(dnspin.pid, signal.SIGSTOP)
        try:
            reply = work.ask("7.race.test")
        finally:
            os.kill(dnspin.pid, signal.SIGCONT)
        assert (reply.status, reply.ede) == ("SERVFAIL", NOT_READY), reply
        seen.add(NOT_READY)
    with with_dnspin(lab, "closed", rules, upstream=("192.0.2.99",)):
        began = time.monotonic()
        reply = work.ask("docs.test")
        assert (reply.status, reply.ede) == ("SERVFAIL", NETWORK), reply
        seen.add(NETWORK)
        waited = time.monotonic() - began
    with with_dnspin(lab, "mute", rules):
        servers.authority.silent = True
        try:
            reply = work.ask("docs.test")
        finally:
            servers.authority.silent = False
        assert (reply.status, reply.ede) == ("SERVFAIL", NO_AUTHORITY), reply
        assert trial.wait_until(lambda: work.ask("docs.test").addresses), "it never comes back"
    return f"codes {sorted(seen)}; a closed upstream after {waited:.1f} s"


MAY_ASK = (  # rules beside `accept docs.test`; the answer to another name: UDP, TCP, TCP to SECOND
    ("", "---"), ("accept specialtarget=dns", "+++"), ("accept", "+++"), ("drop", "---"),
    ("drop specialtarget=dns\naccept", "---"), ("accept proto=tcp", "-++"),
    ("accept proto=udp dstports=53", "+++"), ("accept proto=udp dstports=54", "---"),
    ("accept dst4=10.139.1.1 proto=udp dstports=53", "-+-"),
    ("accept dst4=10.139.1.0/24 proto=udp dstports=53", "+++"),
    ("accept dst4=10.139.1.2 proto=tcp dstports=53\ndrop\naccept", "--+"),
    ("drop dst4=10.139.1.2\naccept specialtarget=dns", "-+-"))


def who_may_ask(lab, servers):
    """A name that no rule lists is answered only if its question might reach its server"""
    work = lab.qube("work")
    servers.authority.at("other.test", records(["198.51.100.6"]))
    servers.authority.at("askonly.test", records(["198.51.100.7"]))
    with with_dnspin(lab, "may", "accept docs.test tcp 80") as dnspin:
        for rules, wanted in MAY_ASK:
            dnspin.write_client("work", f"accept docs.test tcp 80\n{rules}\n")
            assert dnspin.reload(), rules
            heard = ""
            for tcp, server in ((False, FIRST), (True, FIRST), (True, SECOND)):
                reply = work.ask("other.test", tcp=tcp, server=server)
                assert reply.addresses or (reply.status, reply.ede) == ("REFUSED", PROHIBITED), (
                    rules, reply)
                heard += "+" if reply.addresses else "-"
                assert work.ask("docs.test", tcp=tcp, server=server).addresses, rules
            assert heard == wanted, f"{rules!r}: {heard}, not {wanted}"
            assert lab.netvm.pinned_addresses(work) == {"203.0.113.30"}, rules
        dnspin.write_client("work", "accept dsthost=askonly.test specialtarget=dns")
        assert dnspin.reload() and work.ask("askonly.test").addresses == ["198.51.100.7"]
        assert not lab.netvm.pins(work) and not work.connect("198.51.100.7").passed
        assert work.ask("other.test").status == "REFUSED"
    with with_dnspin(lab, "any", "accept docs.test tcp 80",
                     settings={"dns": {"intercept": "any"}}):
        for server in ("9.9.9.9", "2001:db8:9::9", topology.UPSTREAM, FIRST):
            for tcp in (False, True):
                reply = work.ask("docs.test", server=server, tcp=tcp)
                assert reply.addresses == ["203.0.113.30"], (server, reply)
                assert work.ask("other.test", server=server, tcp=tcp).status == "REFUSED", server
        assert work.connect("203.0.113.30", 80, PATIENT)
    return f"{len(MAY_ASK)} sets of rules; intercept = any answers for 4 servers"


def failover(lab, servers):
    """One of two upstreams dead, mute or back again: every name is told, by one of them"""
    work, told, slowest = lab.qube("work"), 0, []
    with contextlib.closing(Authority(lab.internet, ("192.0.2.77",))) as other:
        for authority, base in ((servers.authority, "198.51.100."), (other, "203.0.113.")):
            authority.under("two.test", lambda query, b=base: dnswire.addresses(
                query, [f"{b}{n}" for n in range(150, 153)]))
        for first in ("192.0.2.99", "192.0.2.77"):
            with with_dnspin(lab, "fail" + first[-2:], "accept .two.test tcp 80",
                             upstream=(first, topology.UPSTREAM)):
                for number, mute in enumerate(("neither", "other", "neither", "ours", "other")):
                    other.silent, servers.authority.silent = mute == "other", mute == "ours"
                    if mute == "ours" and first == "192.0.2.99":
                        continue
                    for turn in range(8):
                        began = time.monotonic()
                        reply = work.ask(f"n{number}-{turn}.two.test")
                        slowest.append(time.monotonic() - began)
                        kinds = {text.rsplit(".", 1)[0] for text in reply.addresses}
                        assert len(reply.addresses) == 3 and len(kinds) == 1, (first, mute, reply)
                        told += 1
                servers.authority.silent = False
        assert other.count() > 0
    # A datagram that says it is cut is followed by a stream.
    with with_dnspin(lab, "stream", "accept .odd.test tcp 80"):
        servers.authority.reset()
        for name in ("tc.odd.test", "tc-with-records.odd.test", "many-200.odd.test"):
            assert work.ask(name, tcp=True).addresses, name
        asked = [(one.transport, one.name) for one in servers.authority.seen()]
        assert [transport for transport, _ in asked] == ["udp", "tcp"] * 3, asked
    return f"{told} of {told} told, the slowest after {max(slowest):.1f} s; 3 turned to TCP"


def rrsig(covered, signer="signed.test"):
    data = struct.pack("!HBBIIIH", covered, 13, 2, 60, 2_000_000_000, 1_500_000_000, 4711)
    return Record(ASKED, "RRSIG", data + dnswire.name_octets(signer) + b"s" * 64)


def signatures(lab, servers):
    """With DO the signatures of what is told come along, of what lost a record they do not"""
    work, good, private = lab.qube("work"), "198.51.100.8", "10.1.2.3"
    scripts = {"whole": (address(ASKED, good), rrsig(1)),
               "half": (address(ASKED, good), address(ASKED, private), rrsig(1)),
               "strange": (address(ASKED, good), rrsig(1, "bank.test"), rrsig(16))}
    for name, answer in scripts.items():
        servers.authority.at(f"{name}.signed.test",
                             lambda query, a=answer: Reply(answer=a, flags=0x81A0))  # AD
    with with_dnspin(lab, "signed", "accept .signed.test tcp 80"):
        for name in scripts:
            for wants in (True, False):
                query = dns.message.make_query(f"{name}.signed.test", "A", want_dnssec=wants)
                query.flags |= dns.flags.AD
                reply = work.exchange(query)
                kinds = sorted(dns.rdatatype.to_text(rrset.rdtype) for rrset in reply.answer)
                signed = ["A", "RRSIG"] if wants and name == "whole" else ["A"]
                assert kinds == signed, (name, wants, kinds)
                assert not reply.flags & dns.flags.AD and bool(
                    reply.ednsflags & dns.flags.DO) == wants, reply
                assert [data.to_text() for data in reply.answer[0]] == [good]
        assert lab.netvm.pinned_addresses(work) == {good}
        reply = work.dig("whole.signed.test", "A", "+dnssec")
        assert [row[2] for row in reply.records] == ["A", "RRSIG"], reply.text
    return f"{len(scripts)} answers, with and without DO"


if __name__ == "__main__":
    trial.run(special_names, reasons, who_may_ask, failover, signatures)
