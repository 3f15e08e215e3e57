#!/usr/bin/python3
"""Writes the seeds of corpus/packet_log, as a kernel would say it. Run it after a change."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "packet_log"
PAYLOAD, PREFIX = 9, 10
CLIENT, SERVER = bytes([10, 137, 0, 25]), bytes([192, 0, 2, 1])
CLIENT6, SERVER6 = b"\xfd" + 14 * b"\0" + b"\x19", b"\x20\x01\x0d\xb8" + 11 * b"\0" + b"\x01"


def attribute(kind, value, length=None):
    length = 4 + len(value) if length is None else length
    return struct.pack("=HH", length, kind) + value + b"\0" * (-len(value) % 4)


def message(packet, prefix=b"dnspin refused\0", kind=0x0400):
    body = struct.pack("=BBH", 2, 0, 0) + attribute(PREFIX, prefix) + attribute(PAYLOAD, packet)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def ipv4(protocol=6, port=443, words=5, fragment=0):
    return (bytes([0x40 | words, 0]) + struct.pack(">HHHBBH", 60, 7, fragment, 61, protocol, 0)
            + CLIENT + SERVER + bytes(4 * max(0, words - 5))
            + struct.pack(">HH", 40007, port) + 16 * b"\0")


def ipv6(first=17, extensions=b"", port=443):
    return (struct.pack(">IHBB", 0x60000000, 40, first, 61) + CLIENT6 + SERVER6 + extensions
            + struct.pack(">HH", 40007, port) + 8 * b"\0")


def write(name, octets, cut=0):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(bytes([cut]) + octets)


write("tcp", message(ipv4()))
write("accepted", message(ipv4(17, 53), prefix=b"dnspin accepted\0"))
write("two", message(ipv4()) + message(ipv6()))
write("icmp", message(ipv4(1)))
write("options", message(ipv4(words=15)))
write("words_4", message(ipv4(words=4)))
write("fragment", message(ipv4(fragment=0x2001)))
write("only_header", message(ipv4()[:20]))
write("ipv6_options", message(ipv6(0, bytes([17, 0, 1, 4, 0, 0, 0, 0]))))
write("ipv6_fragment", message(ipv6(44, bytes([17, 0, 0, 0, 0, 0, 0, 9]))))
write("ipv6_second_fragment", message(ipv6(44, bytes([17, 0, 0, 8, 0, 0, 0, 9]))))
write("ipv6_long_options", message(ipv6(60, bytes([17, 255, 1, 4, 0, 0, 0, 0]))))
write("ipv6_many", message(ipv6(60, 9 * bytes([60, 0, 1, 4, 0, 0, 0, 0]))))
write("version_5", message(b"\x55" + ipv4()[1:]))
write("nothing", message(b""))
write("cut", message(ipv4())[:-20], cut=1)
write("other_kind", message(ipv4(), kind=0x0300))
write("packet_alone", ipv4())
write("packet_alone_6", ipv6())
write("empty", b"")
