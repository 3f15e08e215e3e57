#!/usr/bin/python3
"""Writes the seeds of corpus/stream: what a client does on its TCP connection, step by step (the
steps are stream_fuzz.cc's). Run it after a change there and commit what it wrote."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "stream"
READ, IGNORE, WRITE = b"\2", b"\4", b"\5"


def framed(octets):
    return struct.pack("!H", len(octets)) + octets


def say(octets):
    return b"".join(bytes([0, len(part)]) + part
                    for part in (octets[at:at + 255] for at in range(0, len(octets), 255)))


def many(count, octets):
    return struct.pack("!BBH", 1, count, octets)


def answer(octets=20, ending=0):
    return struct.pack("!BH", 3 + 8 * ending, octets)


def hear(octets=0xFFFF):
    return struct.pack("!BH", 6, octets)


def wait(milliseconds=0, hang_up=False):
    return struct.pack("!BH", 0x87 if hang_up else 7, milliseconds)


QUESTION = framed(bytes.fromhex("123401000001000000000000") + b"\3www\7example\3com\0\0\1\0\1")
SEEDS = {
    "one": say(QUESTION) + READ + answer() + WRITE + hear(),
    "pipelined": say(3 * QUESTION) + READ + 2 * answer() + WRITE + hear() + answer() + WRITE,
    "octets": b"".join(say(QUESTION[at:at + 1]) + READ for at in range(len(QUESTION))) + answer(),
    "length_cut": say(QUESTION[:1]) + READ + wait(4000) + say(QUESTION[1:]) + READ + answer(),
    "zero": say(QUESTION + framed(b"") + QUESTION) + READ + answer() + WRITE + hear(),
    "dribble": say(QUESTION[:9]) + READ + wait(4999) + wait(1) + say(QUESTION[9:]) + READ,
    "half_closed": say(2 * QUESTION) + wait(hang_up=True) + READ + 2 * answer() + WRITE + hear(),
    "idle": say(QUESTION) + READ + answer() + WRITE + hear() + wait(9999) + wait(1),
    "longest": many(1, 65535) + 5 * READ + answer(65535) + 9 * (WRITE + hear(9000)),
    "open_65": many(100, 12) + READ + 40 * (answer() + READ) + WRITE + hear(),
    "last_ones": 5 * (many(255, 1) + 5 * (READ + 64 * IGNORE)),
    "does_not_read": many(9, 12) + READ + 9 * answer(60000),
    "stuck": many(9, 12) + READ + answer(60000) + WRITE + wait(4999) + wait(1) + hear(),
    "reads_slowly": many(4, 12) + READ + 2 * answer(30000) + 20 * (WRITE + hear(512) + wait(1000)),
    "endings": many(4, 12) + READ + b"".join(answer(ending=n) for n in range(4)) + WRITE + hear(),
}

FOLDER.mkdir(parents=True, exist_ok=True)
for name, octets in SEEDS.items():
    (FOLDER / name).write_bytes(octets)
