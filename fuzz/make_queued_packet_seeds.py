#!/usr/bin/python3
"""Writes the seeds of corpus/queued_packet. Run it after a change of the script that
queued_packet_fuzz.cc reads and commit what it wrote; what it does not write is left as it is."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "queued_packet"
LENGTHS, CHECKSUMS = 1, 2
MESSAGE = (struct.pack(">6H", 0x1234, 0x8180, 1, 1, 0, 0) + b"\3www\7example\3com\0\0\1\0\1"
           + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1")
SERVER, CLIENT = b"\xc0\0\2\x35", b"\xc0\0\2\7"
SERVER6, CLIENT6 = (b"\x20\1\x0d\xb8" + 11 * b"\0" + end for end in (b"\x35", b"\7"))
UDP, HOP, ROUTING, FRAGMENT, OPTIONS = 17, 0, 43, 44, 60


def checksum(octets):
    octets += len(octets) % 2 * b"\0"
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF


def udp(message, ends, length=None, check=None):
    octets = 8 + len(message)
    head = struct.pack(">3H", 53, 40007, octets if length is None else length)
    right = checksum(ends + struct.pack(">HH", UDP, octets) + head + b"\0\0" + message) or 0xFFFF
    return head + struct.pack(">H", right if check is None else check) + message


def ipv4(message=MESSAGE, options=b"", fragment=0, protocol=UDP, words=None, **fields):
    rest = udp(message, SERVER + CLIENT, **fields)
    octets = 20 + len(options)
    words = octets // 4 if words is None else words
    front = struct.pack(">BBHHHBB", 0x40 | words, 0, octets + len(rest), 7, fragment, 64, protocol)
    back = SERVER + CLIENT + options
    return front + struct.pack(">H", checksum(front + b"\0\0" + back)) + back + rest


def ipv6(message=MESSAGE, first=UDP, extensions=b"", payload=None, **fields):
    rest = extensions + udp(message, SERVER6 + CLIENT6, **fields)
    payload = len(rest) if payload is None else payload
    return struct.pack(">IHBB", 0x60012345, payload, first, 64) + SERVER6 + CLIENT6 + rest


def options(following, octets=8):
    return bytes([following, octets // 8 - 1, 1, octets - 4]) + bytes(octets - 4)


def routing(following, left=0):
    return bytes([following, 2, 2, left, 0, 0, 0, 0]) + CLIENT6


# The message of two octets whose checksum comes out as zero.
def zero(make):
    packet = make(b"\0\0")
    return packet[-4:-2]


def write(name, packet, message=MESSAGE, octets=None, mend=0, bit=77):
    octets = len(message) if octets is None else octets
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(struct.pack(">BHHB", mend, bit, octets, len(message))
                                + message + packet)


write("ipv4", ipv4())
write("ipv4_shorter", ipv4(), b"short")
write("ipv4_longer", ipv4(), b"long", 3001)
write("ipv4_brim", ipv4(), b"long", 65507)
write("ipv4_too_long", ipv4(), b"long", 65508)
write("ipv4_emptied", ipv4(), b"")
write("ipv4_empty", ipv4(b""))
write("ipv4_odd", ipv4(b"odd"), b"even")
write("ipv4_options", ipv4(options=b"\x94\4\0\0" + 36 * b"\1"), b"odd")
write("ipv4_no_checksum", ipv4(check=0), b"odd")
write("ipv4_checksum_to_zero", ipv4(), zero(ipv4))
write("ipv4_checksum_65535", ipv4(zero(ipv4)))
SUM_ZERO = ipv4(options=b"\1\1" + ipv4(options=b"\1\1\0\0")[10:12])
assert SUM_ZERO[10:12] == b"\0\0"
write("ipv4_header_checksum_zero", SUM_ZERO)
write("ipv4_header_checksum_65535", SUM_ZERO[:10] + b"\xff\xff" + SUM_ZERO[12:])
write("ipv4_wrong_checksum", ipv4(check=1))
write("ipv4_header_flip", ipv4(), bit=8 * 8)
write("ipv4_address_flip", ipv4(), bit=8 * 15)
# Over this message the checksum is 1: one turned bit, and there is none.
ONE = struct.pack(">H", struct.unpack(">H", zero(ipv4))[0] - 1)
assert ipv4(ONE)[26:28] == b"\0\1"
write("ipv4_checksum_flip_to_none", ipv4(ONE), bit=8 * 27)
write("ipv4_message_flip", ipv4(), bit=8 * 40 + 3)
write("ipv4_fragment_first", ipv4(fragment=0x2000), mend=CHECKSUMS)
write("ipv4_fragment_last", ipv4(fragment=1), mend=CHECKSUMS)
write("ipv4_words_4", ipv4(words=4), mend=CHECKSUMS)
write("ipv4_words_15", ipv4(words=15), mend=LENGTHS | CHECKSUMS)
write("ipv4_tcp", ipv4(protocol=6))
write("ipv4_trailing", ipv4() + b"x")
write("ipv4_trailing_in_udp", ipv4(length=len(MESSAGE) + 9) + b"x", mend=CHECKSUMS)
write("ipv4_cut", ipv4()[:-1])
write("ipv4_udp_short", ipv4(length=20), mend=CHECKSUMS)
write("ipv4_udp_long", ipv4(length=900), mend=CHECKSUMS)
write("ipv4_mended", ipv4(length=900, check=1), mend=LENGTHS | CHECKSUMS)
write("ipv6", ipv6())
write("ipv6_shorter", ipv6(), b"short")
write("ipv6_brim", ipv6(), b"long", 65487)
write("ipv6_too_long", ipv6(), b"long", 65488)
write("ipv6_odd", ipv6(b"odd"), b"even")
write("ipv6_checksum_to_zero", ipv6(), zero(ipv6))
write("ipv6_no_checksum", ipv6(check=0))
write("ipv6_address_flip", ipv6(), bit=8 * 12)
write("ipv6_message_flip", ipv6(), bit=8 * 60)
write("ipv6_hop_by_hop", ipv6(first=HOP, extensions=options(UDP)))
write("ipv6_all_headers", ipv6(
    first=HOP, extensions=options(OPTIONS) + options(ROUTING, 24) + routing(OPTIONS)
    + options(UDP)), b"odd")
write("ipv6_eight_headers", ipv6(first=OPTIONS, extensions=7 * options(OPTIONS) + options(UDP)))
write("ipv6_nine_headers", ipv6(first=OPTIONS, extensions=8 * options(OPTIONS) + options(UDP)))
write("ipv6_hop_by_hop_later", ipv6(first=OPTIONS, extensions=options(HOP) + options(UDP)))
write("ipv6_route_with_stops", ipv6(first=ROUTING, extensions=routing(UDP, 1)))
write("ipv6_atomic_fragment", ipv6(first=FRAGMENT, extensions=bytes([UDP]) + bytes(7)))
write("ipv6_esp", ipv6(first=50))
write("ipv6_ah", ipv6(first=51, extensions=options(UDP)))
write("ipv6_jumbogram", ipv6(first=HOP, extensions=options(UDP), payload=0))
write("ipv6_extension_cut", ipv6(first=OPTIONS, extensions=b"\x11\xff"))
write("ipv6_extension_to_the_end", ipv6(b"", first=OPTIONS, extensions=b"\x11\1" + bytes(6)))
write("ipv6_trailing", ipv6() + b"x")
write("ipv6_trailing_in_udp", ipv6(length=len(MESSAGE) + 9) + b"x", mend=CHECKSUMS)
write("ipv6_cut", ipv6()[:-1])
write("version_5", b"\x55" + ipv4()[1:])
write("nothing", b"")
