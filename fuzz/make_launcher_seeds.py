#!/usr/bin/python3
"""Writes the seeds of corpus/launcher_request. Run it after a change of the requests and commit
what it wrote; what it does not write is left as it is, so findings may lie beside."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "launcher_request"
OPEN, CLOSE, START, SERVE, KILL = range(1, 6)
MANY = b"\xfe"


def request(kind, reader=0, client=0, port=0, descriptors=0, cut=0):
    return bytes([16 | descriptors << 5 | cut << 7]) + struct.pack("<4I", kind, reader, client,
                                                                   port)


def ends(pid):
    return bytes([0xFF, pid - 1000])


def write(name, *steps):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(b"".join(steps))


life = (request(OPEN, client=7), request(START, 1), request(SERVE, 1, 7, descriptors=1))
write("life", *life, request(KILL, 1), ends(1001), request(CLOSE, client=7))
write("restart", *life, ends(1001), request(START, 2), request(SERVE, 2, 7, descriptors=1))
write("twice", *life, *life)
write("two_clients", *life, request(OPEN, client=8, port=53), request(SERVE, 1, 8, descriptors=1))
write("wished_port", request(OPEN, client=7, port=65535), request(OPEN, client=8, port=65536))
write("no_descriptor", request(OPEN, client=7), request(START, 1), request(SERVE, 1, 7))
write("two_descriptors", *life, request(SERVE, 1, 7, descriptors=2))
write("descriptor_for_nothing", request(OPEN, client=7, descriptors=1),
      request(START, 1, descriptors=3))
write("cut", request(OPEN, client=7, cut=1))
write("unknown", request(0), request(6), request(0xFFFFFFFF))
write("strangers", request(CLOSE, client=9), request(KILL, 9), request(SERVE, 9, 9, descriptors=1),
      ends(1200))
write("short", b"\x0f" + bytes(15))
write("long", b"\x11" + bytes(17))
write("empty", b"\x00")
write("limits", *8 * (MANY,), *life)
write("limits_and_end", *8 * (MANY,), ends(1001), request(START, 1), request(OPEN, client=1))
write("failures", *(request(OPEN, client=client) for client in range(20)),
      *(request(START, reader) for reader in range(20)),
      *(request(SERVE, number, number, descriptors=1) for number in range(20)),
      *(request(KILL, number) for number in range(20)))
