#!/usr/bin/python3
"""Writes the seeds of corpus/qubesdb: what a server says to a reader that has just come. Run it
after a change of what is read and commit what it wrote."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "qubesdb"
OK, NO_ENTRY, ERROR, VALUE, ENTRY, NAME, FIRED = range(7, 14)
TARGET = "/qubes-firewall/10.137.0.25"
WATCHES = 6


def message(kind, path="", data=b""):
    return struct.pack("=B64s3xI", kind, path.encode(), len(data)) + data


def many(kind, *entries):
    return b"".join(message(kind, path, data) for path, data in entries) + message(kind)


def write(name, *messages, piece=255):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(bytes([piece]) + b"".join(messages))


BEGIN = message(OK) * WATCHES
RULES = [(f"{TARGET}/policy", b"drop"), (f"{TARGET}/0000", b"action=accept dsthost=.a.test"),
         (f"{TARGET}/0002", b"action=accept dst4=192.0.2.1/32 proto=tcp dstports=443-443"),
         (f"{TARGET}/0003", b"action=accept specialtarget=dns")]
FILES = many(ENTRY, ("/vm-config/dnspin.work", b"accept a.test;accept *.b.test"))
VALUES = (message(VALUE, "/connected-ips", b"10.137.0.25 10.137.0.26") + message(NO_ENTRY) +
          message(VALUE, "/qubes-netvm-primary-dns", b"10.139.1.1") + message(NO_ENTRY))

write("empty", BEGIN, many(NAME), many(ENTRY), message(NO_ENTRY) * 4)
write("whole", BEGIN, many(NAME, (TARGET, b""), (f"{TARGET}/0000", b"")), FILES, VALUES,
      many(ENTRY, *RULES))
write("octets", BEGIN, many(NAME, (TARGET, b"")), FILES, VALUES, many(ENTRY, *RULES), piece=0)
write("trigger", BEGIN, many(NAME), many(ENTRY), message(NO_ENTRY) * 4, message(FIRED, TARGET),
      many(ENTRY, *RULES), message(FIRED, "/connected-ips"), message(NO_ENTRY))
write("removed_between", BEGIN, many(NAME), many(ENTRY), message(NO_ENTRY) * 4,
      message(FIRED, TARGET), message(FIRED, TARGET + "/"), many(ENTRY, *RULES[:1]),
      message(FIRED, TARGET), many(ENTRY, *RULES))
write("broken_rule", BEGIN, many(NAME, (TARGET, b"")), many(ENTRY), message(NO_ENTRY) * 4,
      many(ENTRY, (f"{TARGET}/policy", b"drop"), (f"{TARGET}/0000", b"action=accpt")))
write("matches_nothing", BEGIN, many(NAME, (TARGET, b"")), many(ENTRY), message(NO_ENTRY) * 4,
      many(ENTRY, (f"{TARGET}/policy", b"accept"),
           (f"{TARGET}/0000", b"action=accept dsthost=.com")))
write("longest_value", BEGIN, many(NAME), many(ENTRY, ("/vm-config/dnspin.a", 3071 * b"x")))
write("too_long", BEGIN, struct.pack("=B64s3xI", VALUE, b"/a", 3072))
write("not_asked", message(ERROR))
write("no_answer", message(0, "/a"))
write("path_without_end", struct.pack("=B64s3xI", FIRED, b"/" + 63 * b"a", 0))
