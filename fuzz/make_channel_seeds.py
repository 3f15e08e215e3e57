#!/usr/bin/python3
"""Writes the seeds of corpus/channel_message. Run it after a change of the messages and commit what
it wrote; what it does not write is left as it is, so findings may lie beside."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "channel_message"
NAME = b"\x03api\x06github\x03com\x00"
LONGEST = 3 * (b"\x3f" + 63 * b"a") + b"\x3d" + 61 * b"a" + b"\0"
IPV4 = b"\x04\x8c\x52\x70\x03"
IPV6 = b"\x10\x20\x01\x0d\xb8" + 11 * b"\0" + b"\x01"


def write(name, octets):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(octets)


def text(octets):
    return struct.pack("<H", len(octets)) + octets


def pin(name=NAME, host=b".github.com", addresses=(IPV4,), count=None, told=60, unasked=0):
    numbers = struct.pack("<BQII", 1, 7, 3, told)
    count = len(addresses) if count is None else count
    return (numbers + text(name) + text(host) + bytes([count]) + b"".join(addresses)
            + bytes([unasked]))


def drop(name=NAME, family=0, first=1, last=1, addresses=(IPV4,)):
    flags = bytes([family, first, last, len(addresses)])
    return struct.pack("<BI", 5, 3) + text(name) + flags + b"".join(addresses)


def grant(host=b".github.com", parent=NAME, target=NAME, ttl=60):
    return struct.pack("<BII", 4, 3, ttl) + text(host) + text(parent) + text(target)


def answer(name=NAME, chain=(), addresses=(IPV4,), rcode=0, pinned=1):
    return (struct.pack("<BHBBI", 7, 1, rcode, pinned, 60) + text(name) + bytes([len(chain)])
            + b"".join(text(link) for link in chain)
            + bytes([len(addresses)]) + b"".join(addresses))


def upstream(server=IPV4, failing=0, counts=(7, 1), last=(1200, 350)):
    return (struct.pack("<B", 8) + server + struct.pack("<HBIIB", 53, failing, *counts, bool(last))
            + struct.pack(f"<{len(last)}I", *last))


def logged(flags=0, source=10, protocol=6, port=443):
    return (bytes([flags, source, 137, 0, 25]) + 12 * b"\0" + bytes([192, 0, 2, 1]) + 12 * b"\0"
            + struct.pack(">BH", protocol, port))


write("answer", answer())
write("answer_chain", answer(chain=(LONGEST, NAME), addresses=(IPV4, IPV6)))
write("answer_nothing", answer(addresses=(), rcode=3, pinned=0))
write("answer_17_links", answer(chain=17 * (b"\0",)))
write("answer_rcode_16", answer(rcode=16))
write("upstream", upstream())
write("upstream_failing", upstream(IPV6, 1, (0, 0xFFFFFFFF), ()))
write("upstream_failing_2", upstream(failing=2))
write("upstream_no_news", upstream(counts=(0, 0)))
write("upstream_no_round_trip", upstream(last=(1200,)))
write("upstream_trailing", upstream() + b"\0")
write("upstream_five_octets", upstream(b"\x05\1\2\3\4\5"))
write("logged", logged())
write("logged_28", 28 * logged(2))
write("logged_29", 29 * logged())
write("logged_mixed", logged(1))
write("logged_flags_4", logged(4))
write("pin", pin())
write("pin_both_families", pin(addresses=(IPV4, IPV6)))
write("pin_largest", pin(LONGEST, 256 * b"~", 24 * (IPV6,), told=0xFFFFFFFF))
write("pin_upper_case", pin(NAME.upper()))
write("pin_root", pin(b"\0"))
write("pin_no_address", pin(addresses=()))
write("pin_25_addresses", pin(addresses=25 * (IPV4,)))
write("pin_fewer_addresses", pin(count=2))
write("pin_no_host", pin(host=b""))
write("pin_host_257", pin(host=257 * b"~"))
write("pin_name_256", pin(b"\1a" + LONGEST[:-1] + b"\0"))
write("pin_compressed_name", pin(b"\xc0\x0c"))
write("pin_five_octets", pin(addresses=(b"\x05\1\2\3\4\5",)))
write("pin_trailing", pin() + b"\0")
write("pin_cut", pin()[:-1])
write("pin_unasked", pin(unasked=1))
write("pin_unasked_2", pin(unasked=2))
write("drop", drop())
write("drop_nothing", drop(addresses=()))
write("drop_largest", drop(LONGEST, 1, 0, 0, 24 * (IPV6,)))
write("drop_last_of_nothing", drop(first=0, addresses=()))
write("drop_other_family", drop(addresses=(IPV6,)))
write("drop_25_addresses", drop(addresses=25 * (IPV4,)))
write("drop_cut", drop()[:-1])
write("refusal", struct.pack("<BH", 2, 15) + text(NAME))
write("refusal_longest", struct.pack("<BH", 2, 0xFFFF) + text(LONGEST))
write("refusal_cut", struct.pack("<BH", 2, 15) + text(NAME)[:-1])
write("grant", grant())
write("grant_largest", grant(256 * b"~", LONGEST, LONGEST, 0xFFFFFFFF))
write("grant_no_host", grant(b""))
write("grant_host_257", grant(257 * b"~"))
write("grant_root", grant(target=b"\0"))
write("grant_no_target", grant()[:-len(text(NAME))])
write("grant_trailing", grant() + b"\0")
write("counters", struct.pack("<B16Q", 3, *range(16)))
write("counters_cut", struct.pack("<B15Q", 3, *range(15)))
write("pins_in_doubt", struct.pack("<B", 18))
write("queue", struct.pack("<BH", 19, 40000))
for kind in range(4):
    write(f"held_{kind}", struct.pack("<BHIB", 6, 40000, 7, kind) + text(b""))
    write(f"held_{kind}_packet", struct.pack("<BHIB", 6, 40000, 7, kind) + text(28 * b"E"))
write("held_largest", struct.pack("<BHIB", 6, 40000, 7, 2) + text(4136 * b"E"))
write("held_4137", struct.pack("<BHIB", 6, 40000, 7, 2) + text(4137 * b"E"))
for outcome in range(5):
    write(f"pin_reply_{outcome}", struct.pack("<BQB", 16, 7, outcome))
write("policy", struct.pack("<BI", 17, 3))
write("policy_trailing", struct.pack("<BIB", 17, 3, 0))
write("serve", struct.pack("<BBHI", 1, 0x0F, 0, 7))
write("serve_unknown_socket", struct.pack("<BBHI", 1, 0x10, 0, 7))
write("packet", b"".join(struct.pack("<H", len(one)) + one for one in (
    struct.pack("<BI", 17, 3), struct.pack("<BQB", 16, 7, 0))))
write("packet_cut", struct.pack("<H", 6) + struct.pack("<BI", 17, 3))
write("unknown", b"\xff")
write("empty", b"")
write("too_long", pin() + 1024 * b"\0")
