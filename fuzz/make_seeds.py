#!/usr/bin/python3
"""Writes the seeds of corpus/question and corpus/answer, made with dnspython.

Run it after a change here and commit what it wrote. Other files there are left as they are, so that
findings may lie beside the seeds.
"""

import pathlib
import random
import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

HERE = pathlib.Path(__file__).resolve().parent / "corpus"
NAME = dns.name.from_text("www.Example.com.").to_wire()
HEADER = struct.Struct("!6H")


def write(corpus, name, octets):
    folder = HERE / corpus
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def query(name="www.Example.com.", rdtype="A", rdclass="IN", **kwargs):
    message = dns.message.make_query(name, rdtype, rdclass, **kwargs)
    message.id = 0x1234
    return message.to_wire()


def raw_query(flags=0x0100, counts=(1, 0, 0, 0), name=NAME, rdtype=1, rdclass=1, rest=b""):
    question = name + struct.pack("!2H", rdtype, rdclass) if counts[0] else b""
    return HEADER.pack(0x1234, flags, *counts) + question + rest


def opt(owner=b"\0", octets=1232, ttl=0, options=b""):
    return owner + struct.pack("!2HIH", 41, octets, ttl, len(options)) + options


def questions():
    subnet = dns.edns.ECSOption("192.0.2.0", 24)
    cookie = dns.edns.GenericOption(10, b"8octets!")
    yield "plain", query()
    yield "root", query(".", "NS")
    yield "edns", query(use_edns=0, payload=4096)
    yield "edns_small", query(use_edns=0, payload=100)
    yield "dnssec", query(rdtype="AAAA", want_dnssec=True)
    yield "options", query(use_edns=0, options=[subnet, cookie])
    yield "https", query(rdtype="HTTPS")
    yield "unknown_type", query(rdtype="TYPE666")
    yield "any", query(rdtype="ANY")
    yield "axfr", query(rdtype="AXFR")
    yield "chaos", query("version.bind.", "TXT", "CH", use_edns=0)
    yield "long_name", query(".".join(["a" * 63] * 3 + ["b" * 61]) + ".")
    yield "many_labels", query("a." * 127)
    yield "version_1", query(use_edns=1)
    yield "checking_disabled", raw_query(flags=0x0110)
    yield "no_recursion", raw_query(flags=0)
    yield "reply", raw_query(flags=0x8180)
    yield "update", raw_query(flags=0x2800)
    yield "notify_header_only", raw_query(flags=0x2000, counts=(0, 0, 0, 0))
    yield "header_only", raw_query(counts=(0, 0, 0, 0))
    yield "two_questions", raw_query(counts=(2, 0, 0, 0), rest=NAME + b"\0\1\0\1")
    yield "an_answer", raw_query(counts=(1, 1, 0, 0), rest=b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2\3\4")
    yield "pointer", raw_query(name=b"\3www\xc0\x0c")
    yield "label_64", raw_query(name=b"\x40" + b"a" * 64 + b"\0")
    yield "name_256", raw_query(name=(b"\x3f" + b"a" * 63) * 4 + b"\0")
    yield "trailing", raw_query(rest=b"!")
    yield "two_opts", raw_query(counts=(1, 0, 0, 2), rest=opt() + opt())
    yield "opt_owner", raw_query(counts=(1, 0, 0, 1), rest=opt(owner=NAME))
    yield "opt_overrun", raw_query(counts=(1, 0, 0, 1), rest=opt(options=b"\0\3\0\x10ab"))
    yield "tsig", raw_query(counts=(1, 0, 0, 1), rest=b"\0\0\xfa\0\xff\0\0\0\0\0\0")


ZONE = {
    "a": [("www.example.com.", "A", ["192.0.2.1", "192.0.2.2"])],
    "aaaa": [("www.example.com.", "AAAA", ["2001:db8::1"])],
    "cname_chain": [("www.example.com.", "CNAME", ["a.cdn.example.net."]),
                    ("a.cdn.example.net.", "CNAME", ["b.cdn.example.net."]),
                    ("b.cdn.example.net.", "A", ["198.51.100.7"])],
    "cname_loop": [("www.example.com.", "CNAME", ["b.example.com."]),
                   ("b.example.com.", "CNAME", ["www.example.com."])],
    "dname": [("example.com.", "DNAME", ["example.net."]),
              ("www.example.com.", "CNAME", ["www.example.net."]),
              ("www.example.net.", "A", ["192.0.2.9"])],
    "foreign": [("www.example.com.", "A", ["192.0.2.1"]), ("bank.example.", "A", ["203.0.113.6"])],
    "mx": [("example.com.", "MX", ["10 mail.example.com.", "20 mail.example.net."])],
    "txt": [("example.com.", "TXT", ['"v=spf1 -all"', '"a" "" "b"'])],
    "soa": [("example.com.", "SOA", ["ns.example.com. root.example.com. 1 2 3 4 5"])],
    "srv": [("_sip._tcp.example.com.", "SRV", ["1 2 5060 sip.example.com."])],
    "naptr": [("example.com.", "NAPTR", ['1 2 "u" "E2U+sip" "!^.*$!sip:a@b!" .'])],
    "caa": [("example.com.", "CAA", ['0 issue "ca.example"'])],
    "https": [("www.example.com.", "HTTPS", [
        "1 . mandatory=alpn,ipv4hint alpn=h2,h3 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1",
        "0 pool.example.net."])],
    "svcb": [("_dns.example.com.", "SVCB", ["1 dns.example.com. alpn=dot port=853 key667=hello"])],
    "dnssec": [("www.example.com.", "A", ["192.0.2.1"]),
               ("www.example.com.", "RRSIG",
                ["A 8 3 60 20300101000000 20200101000000 1 example.com. c2lnbmF0dXJl"])],
    "dnskey": [("example.com.", "DNSKEY", ["257 3 13 a2V5a2V5a2V5"]),
               ("example.com.", "DS", ["1 13 2 " + "ab" * 32])],
    "nsec": [("a.example.com.", "NSEC", ["b.example.com. A RRSIG NSEC TYPE666"]),
             ("c.example.com.", "NSEC3", ["1 0 5 aabb 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG"])],
    "sshfp": [("example.com.", "SSHFP", ["1 1 " + "cd" * 20]),
              ("_443._tcp.example.com.", "TLSA", ["3 1 1 " + "ef" * 32])],
    "rare": [("example.com.", "HINFO", ['"RFC8482" ""']), ("example.com.", "RP", ["a.b. c.d."]),
             ("example.com.", "AFSDB", ["1 afs.example.com."]),
             ("example.com.", "URI", ['1 2 "https://example.com/"']),
             ("example.com.", "LOC", ["52 22 23 N 4 53 32 E -2 0 10000 10"]),
             ("example.com.", "APL", ["1:192.0.2.0/24"]),
             ("example.com.", "EUI48", ["0a-0b-0c-0d-0e-0f"]),
             ("example.com.", "HIP", [
                 "2 200100107B1A74DF365639CC39F1D578 AwEAAbdx rvs.example.com."]),
             ("example.com.", "NSEC3PARAM", ["1 0 5 aabb"]),
             ("example.com.", "CSYNC", ["1 3 A NS"])],
    "unknown": [("example.com.", "TYPE666", [r"\# 4 c00c0001"])],
}


def reply(sections, rdtype=None, rcode=0, authority=(), edns=None):
    rdtype = rdtype or (sections or [("", "A", [])])[-1][1]
    asked = "www.Example.com." if rdtype in ("A", "AAAA", "HTTPS") else (
        sections[0][0] if sections else "www.Example.com.")
    message = dns.message.make_response(dns.message.make_query(asked, rdtype, use_edns=edns))
    message.id = 0x1234
    message.set_rcode(rcode)
    for section, records in ((message.answer, sections), (message.authority, authority)):
        for owner, kind, values in records:
            section.append(dns.rrset.from_text_list(owner, 60, "IN", kind, values))
    return message.to_wire()


def raw_reply(counts, rest, flags=0x8180, questions=1):
    return HEADER.pack(0x1234, flags, questions, *counts) + NAME + b"\0\1\0\1" + rest


def record(rdtype, rdata, owner=b"\xc0\x0c", length=None, ttl=60):
    length = len(rdata) if length is None else length
    return owner + struct.pack("!2HIH", rdtype, 1, ttl, length) + rdata


def aliases(links, ttls=(60, 60), ident=0):
    """So many aliases, then an address. The ID says under what rules it is judged."""
    message = dns.message.make_response(dns.message.make_query("a0.example.com.", "A"))
    message.id = ident
    for i in range(links):
        message.answer.append(dns.rrset.from_text(f"a{i}.example.com.", ttls[0], "IN", "CNAME",
                                                  f"a{i + 1}.example.com."))
    message.answer.append(dns.rrset.from_text(f"a{links}.example.com.", ttls[1], "IN", "A",
                                              "192.0.2.9", "10.0.0.9", "127.0.0.9"))
    return message.to_wire()


def answers():
    soa = [("example.com.", "SOA", ["ns.example.com. root.example.com. 1 2 3 4 5"])]
    for name, sections in ZONE.items():
        yield name, reply(sections)
    yield "chain_of_16", aliases(16)
    yield "chain_of_17", aliases(17)
    yield "chain_of_short_life", aliases(2, (5, 200))
    yield "chain_to_short_life", aliases(2, (200, 5))
    yield "chain_told_late", aliases(2, (5, 200), 512)
    yield "chain_unlisted", aliases(2, (5, 200), 1)
    yield "chain_dropped", aliases(2, ident=2)
    yield "chain_to_private", aliases(2, ident=4)
    yield "chain_to_own", aliases(2, ident=20)
    yield "nxdomain", reply([], rcode=3, authority=soa, edns=0)
    yield "nodata", reply([], authority=soa)
    yield "servfail", reply([], rcode=2)
    yield "edns", reply(ZONE["a"], edns=0)
    hidden = record(1, b"\x42\x42\x42\x42")
    good = record(1, b"\xc0\0\2\1")
    yield "hidden_record", raw_reply((2, 0, 0), record(1, b"\xc0\0\2\1" + hidden))
    yield "short_cname", raw_reply((1, 0, 0), record(5, NAME, length=4))
    yield "empty_address", raw_reply((1, 0, 0), record(1, b""))
    yield "forward_pointer", raw_reply((1, 0, 0), record(5, b"\xc0\x40" + b"\0" * 40))
    yield "header_pointer", raw_reply((1, 0, 0), record(1, b"\xc0\0\2\1", owner=b"\xc0\0"))
    yield "opt_in_answer", raw_reply((2, 0, 0), good + opt())
    yield "two_opts", raw_reply((1, 0, 2), good + opt() + opt())
    yield "extended_rcode", raw_reply((1, 0, 1), good + opt(ttl=0x01000000))
    yield "tsig", raw_reply((1, 0, 1), good + record(250, b"\0" * 20))
    yield "trailing", raw_reply((1, 0, 0), good + b"!")
    yield "no_question", (HEADER.pack(0x1234, 0x8180, 0, 1, 0, 0) +
                          record(1, b"\xc0\0\2\1", owner=NAME))
    yield "ttl_top_bit", raw_reply((1, 0, 0), record(1, b"\xc0\0\2\1", ttl=0xFFFFFFFF))
    yield "empty_strings", raw_reply((1, 0, 0), record(16, b"\0" * 300))
    chain = b"".join(b"\xc0" + bytes([12 + len(NAME) + 4 + 12 + 2 * i - 2]) for i in range(1, 60))
    yield "pointer_chain", raw_reply((2, 0, 0),
                                     record(666, b"\0\0" + chain) + record(5, b"\xc0\x80"))
    yield "truncated", raw_reply((0, 0, 0), b"", flags=0x8380)


random.seed(1)  # dnspython shuffles records
for seed, octets in questions():
    write("question", seed, octets)
for seed, octets in answers():
    write("answer", seed, octets)
