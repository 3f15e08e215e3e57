#!/usr/bin/python3
"""Writes the seeds of corpus/qubesdb: what a server says to a reader that has just come. Run it
after a change of what is read and commit what it wrote."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "qubesdb"
OK, NO_ENTRY, ERROR, VALUE, ENTRY, _, FIRED = range(7, 14)
TARGET = "/qubes-firewall/10.137.0.25"
WATCHES, VALUES_READ = 7, 5


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
FILES = many(ENTRY, ("/vm-config/dnspin.work", b"address 10.137.0.25;accept a.test;*.b.test"))
VALUES = (message(VALUE, "/connected-ips", b"10.137.0.25 10.137.0.26") + message(NO_ENTRY) +
          message(VALUE, "/qubes-netvm-primary-dns", b"10.139.1.1") + message(NO_ENTRY) +
          message(VALUE, "/vm-config/dnspin-rebind-ok", b".lan.test"))
NOTHING = many(ENTRY) + message(NO_ENTRY) * VALUES_READ
SIXTH = "/qubes-firewall/fd09:24ef:4179::a89:19"


def targets(rules, rules6=()):
    """What was counted as handled, and what stands there, of each address that is followed."""
    return b"".join((message(NO_ENTRY), many(ENTRY), message(VALUE, "/qubes-firewall-handled/x",
                                                             b"3"), many(ENTRY, *rules),
                     message(NO_ENTRY), many(ENTRY, *rules6)))


write("empty", BEGIN, NOTHING, targets([]))
write("whole", BEGIN, FILES, VALUES, targets(RULES))
write("both", BEGIN, NOTHING, targets(RULES, [
    (f"{SIXTH}/policy", b"drop"), (f"{SIXTH}/0000", b"action=accept dsthost=.a.test"),
    (f"{SIXTH}/0001", b"action=drop dst6=2001:db8::/32"),
    (f"{SIXTH}/0003", b"action=accept specialtarget=dns")]))
write("disagree", BEGIN, NOTHING, targets(RULES, [(f"{SIXTH}/policy", b"accept")]))
write("octets", BEGIN, FILES, VALUES, targets(RULES), piece=0)
write("trigger", BEGIN, NOTHING, targets([]), message(FIRED, TARGET), many(ENTRY, *RULES),
      message(FIRED, "/connected-ips"), message(NO_ENTRY))
write("stranger", BEGIN, NOTHING, targets([]), message(FIRED, "/qubes-firewall/10.9.9.9"),
      message(VALUE, "/qubes-firewall-handled/10.9.9.9", b"7"))
write("removed_between", BEGIN, NOTHING, targets([]), message(FIRED, TARGET),
      message(FIRED, TARGET + "/"), many(ENTRY, *RULES[:1]), message(FIRED, TARGET),
      many(ENTRY, *RULES))
write("broken_rule", BEGIN, NOTHING, targets([
    (f"{TARGET}/policy", b"drop"), (f"{TARGET}/0000", b"action=accpt")]))
write("matches_nothing", BEGIN, NOTHING, targets([
    (f"{TARGET}/policy", b"accept"), (f"{TARGET}/0000", b"action=accept dsthost=.com")]))
write("longest_value", BEGIN, many(ENTRY, ("/vm-config/dnspin.a", 3071 * b"x")))
write("too_long", BEGIN, struct.pack("=B64s3xI", VALUE, b"/a", 3072))
write("not_asked", message(ERROR))
write("no_answer", message(0, "/a"))
write("path_without_end", struct.pack("=B64s3xI", FIRED, b"/" + 63 * b"a", 0))
