"""IP packets as octets, each with a number of its own in it, and what comes back.

    pieces = encode("10.137.0.25", Packet(ip_address("192.0.2.7"), TCP, port=80), 17)
    number_in(octets)                       17, wherever in a packet it is quoted
    refusal_in(octets)                      (3, 13) where an ICMP message quotes it

Extensions of IPv6, in the order of Packet.extensions: hop-by-hop, destination, routing, fragment.
Both families: "pieces", the packet comes in two fragments. IPv4: "options".
Checksums are right: the kernel says nothing about a refused packet that is damaged.
"""

import dataclasses
import ipaddress
import struct

from lab.verdict import ICMP, ICMPV6, TCP, UDP, Packet

MARK = b"dnspin/matrix\0"
NUMBER = struct.Struct("!I")
SIZE = 64           # of what is behind the header of TCP, UDP or ICMP
FIRST_PIECE = 64    # octets of payload in the first of two fragments: the number is in it
GRE, ESP, AUTHENTICATION, NOTHING, SCTP, UDP_LITE = 47, 50, 51, 59, 132, 136
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
PADDING = b"\x01\x04\0\0\0\0"  # PadN, which fills a header of options
AUTHENTICATED = b"\x06\x04\0\0\0\0\x07\0\0\0\0\x01" + b"\0" * 12  # and then TCP
HEADERS = {  # of extension: its number and what follows `next header`
    "hop-by-hop": (HOP_BY_HOP, b"\0" + PADDING),
    "destination": (DESTINATION, b"\0" + PADDING),
    "routing": (ROUTING, b"\0\0\0\0\0\0\0"),
    "fragment": (FRAGMENT, b"\0\0\0\0\0\0\x07"),  # of one fragment
}
PROHIBITED = {4: (3, 13), 6: (1, 1)}  # ICMP type and code of admin-prohibited
# What the kernel sends no ICMP error about: errors, and types that it does not know (RFC 1122
# 3.2.2), as its table icmp_pointers has them; in ICMPv6 all below 128 are errors.
UNANSWERED = frozenset(range(256)) - {0, 8, 13, 14, 15, 16, 17, 18}


def is_answered(packet):
    """If a router that refuses it says so."""
    if packet.protocol == (ICMP if packet.version == 4 else ICMPV6):
        return packet.icmp_type not in UNANSWERED if packet.version == 4 else (
            packet.icmp_type >= 128)
    return packet.version == 4 or packet.protocol != NOTHING


def checksum(octets):
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total >> 16) + (total & 0xFFFF)
    return ~((total >> 16) + total) & 0xFFFF


def _payload(source, packet, number):
    """The packet without IP headers; `number` makes it a flow of its own."""
    inside = (MARK + NUMBER.pack(number)).ljust(SIZE, b".")
    mine, kind = 1024 + number % 64000, packet.protocol
    if kind == AUTHENTICATION:
        return AUTHENTICATED + _payload(source, dataclasses.replace(packet, protocol=TCP), number)
    if kind == TCP:
        octets = struct.pack("!HHIIBBHHH", mine, packet.port, number, 0, 5 << 4, 2, 8192, 0, 0)
        field = 16
    elif kind in (UDP, UDP_LITE):
        octets, field = struct.pack("!HHHH", mine, packet.port, 8 + SIZE, 0), 6
    elif kind == SCTP:  # an INIT chunk
        return struct.pack("!HHIIBBH", mine, packet.port, 0, 0, 1, 0, 4 + SIZE) + inside
    elif kind == GRE:
        return b"\0\0\x08\0" + inside
    elif kind == ESP:
        return b"\0\0\0\x07" + NUMBER.pack(number) + inside
    else:  # ICMP, or whatever has a checksum at its place
        octets, field = struct.pack("!BBHHH", packet.icmp_type, 0, 0, mine, number & 0xFFFF), 2
    octets += inside
    summed = octets
    if packet.version == 6 or kind not in (ICMP, ICMPV6):
        summed = (source.packed + packet.destination.packed +
                  struct.pack("!II", len(octets), kind) + octets)
    if packet.version == 4 and kind not in (TCP, UDP):
        summed = octets
    return octets[:field] + struct.pack("!H", checksum(summed) or 0xFFFF) + octets[field + 2:]


def encode(source, packet, number):
    """The packets to send: one, or its fragments."""
    source = ipaddress.ip_address(source)
    return (_encode4 if packet.version == 4 else _encode6)(
        source, packet, number, _payload(source, packet, number))


def _encode4(source, packet, number, payload):
    options = b"\x01\x01\x01\0" if "options" in packet.extensions else b""
    pieces, length = [(0, payload)], 20 + len(options)
    if "pieces" in packet.extensions:
        pieces = [(0x2000, payload[:FIRST_PIECE]), (FIRST_PIECE // 8, payload[FIRST_PIECE:])]
    sent = []
    for place, octets in pieces:
        header = struct.pack("!BBHHHBBH4s4s", 0x40 + length // 4, 0, length + len(octets),
                             number & 0xFFFF, place, 64, packet.protocol, 0, source.packed,
                             packet.destination.packed) + options
        sent.append(header[:10] + struct.pack("!H", checksum(header)) + header[12:] + octets)
    return sent


def _encode6(source, packet, number, payload):
    headers = [HEADERS[name] for name in packet.extensions if name in HEADERS]
    following = [kind for kind, _ in headers[1:]] + [packet.protocol]
    extensions = b"".join(bytes([after]) + octets for after, (_, octets) in zip(following, headers))
    kind = headers[0][0] if headers else packet.protocol
    pieces = [(kind, extensions + payload)]
    if "pieces" in packet.extensions:
        first = FIRST_PIECE + len(extensions)
        whole = extensions + payload
        pieces = [(FRAGMENT, struct.pack("!BBHI", kind, 0, place, number) + octets)
                  for place, octets in ((1, whole[:first]), (first, whole[first:]))]
    return [struct.pack("!IHBB16s16s", 6 << 28, len(octets), after, 64, source.packed,
                        packet.destination.packed) + octets for after, octets in pieces]


def number_in(octets):
    """Of a packet of encode(), or what quotes one; None if there is none."""
    place = octets.find(MARK)
    if place < 0 or len(octets) < place + len(MARK) + NUMBER.size:
        return None
    return NUMBER.unpack_from(octets, place + len(MARK))[0]


def refusal_in(octets):
    """Type and code of the ICMP message that this is; None if it is none."""
    version, place = octets[0] >> 4, 40 if octets[0] >> 4 == 6 else 4 * (octets[0] & 15)
    protocol = octets[9] if version == 4 else octets[6]
    if protocol != (ICMP if version == 4 else ICMPV6):
        return None
    return octets[place], octets[place + 1]


def datagram(source, destination, source_port, port, octets):
    """A UDP packet of IPv4 with this in it."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    header = struct.pack("!HHHH", source_port, port, 8 + len(octets), 0)  # 0: not summed
    return _encode4(source, Packet(destination, UDP, port), 0, header + octets)[0]


def answer_in(octets, server):
    """The ID of the DNS message in such a packet from this server, and if it is SERVFAIL; None."""
    place = 4 * (octets[0] & 15)
    if octets[0] >> 4 != 4 or octets[9] != UDP or octets[12:16] != (
            ipaddress.ip_address(server).packed):
        return None, False
    return int.from_bytes(octets[place + 8:place + 10], "big"), octets[place + 11] & 15 == 2
