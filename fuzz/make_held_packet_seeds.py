#!/usr/bin/python3
"""Writes the seeds of corpus/held_packet, as a kernel would say it. Run it after a change."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "held_packet"
HEADER, PAYLOAD, CAP_LEN, IFINDEX = 1, 10, 13, 5


def attribute(kind, value, length=None):
    length = 4 + len(value) if length is None else length
    return struct.pack("=HH", length, kind) + value + b"\0" * (-len(value) % 4)


def message(attributes, kind=0x0300, length=None):
    body = struct.pack("=BBH", 2, 0, 0) + attributes
    length = 16 + len(body) if length is None else length
    return struct.pack("=IHHII", length, kind, 0, 0, 0) + body


def number(value):
    return attribute(HEADER, struct.pack(">IHB", value, 0x0800, 2))


def write(name, octets, cut=0):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(bytes([cut]) + octets)


ONE = message(number(7) + attribute(IFINDEX, b"\0\0\0\2") + attribute(PAYLOAD, b"E" * 60))
write("one", ONE)
write("two", ONE + message(number(8) + attribute(PAYLOAD, b"F" * 61)))
write("cut", ONE[:-40], cut=1)
write("cut_unsaid", ONE[:-40])
write("cut_in_the_kernel", message(number(9) + attribute(CAP_LEN, b"\0\0\x20\0")
                                   + attribute(PAYLOAD, b"E" * 60)))
write("no_number", message(attribute(PAYLOAD, b"E" * 60)))
write("no_payload", message(number(9)))
write("number_too_short", message(attribute(HEADER, b"\0\0\0")))
write("attribute_of_3", message(attribute(HEADER, b"", length=3)))
write("attribute_too_long", message(number(9) + attribute(PAYLOAD, b"E", length=6000)))
write("message_of_8", message(number(9), length=8))
write("message_too_long", message(number(9), length=6000))
write("longest_length", message(number(9), length=0xFFFFFFFF), cut=1)
write("late_verdict", struct.pack("=IHHIIi", 36, 2, 0, 0, 0, -2) + b"\0" * 16 + ONE)
write("other_kind", message(number(9), kind=0x0302))
write("empty", b"")
