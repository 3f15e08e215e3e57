#!/usr/bin/python3
"""Writes the seeds of corpus/adoption: what a restart finds in the kernel (the fields and lists are
adoption_fuzz.cc's and judge_stage.h's). Run it after a change there and commit what it wrote."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "adoption"
FOLDER.mkdir(parents=True, exist_ok=True)
HOSTS = [".a.test", "b.test", "*.c.test", "x.test", ".ads.a.test"]
NAMES = ["a.test", "www.a.test", "ads.a.test", "nas.a.test", "b.test", "c.test", "www.c.test",
         "late.test", "d.test", "edge.net"]
PUBLIC, OWN, PRIVATE, LOOP, IPV6 = 0, 4, 5, 6, 9


def head(way, address, seconds):
    return struct.pack("!BBH", way, address, seconds * 125)


def text(octets):
    return bytes([len(octets)]) + octets


def ours(host, name, address=PUBLIC, group=1, seconds=60):
    return head(0, address, seconds) + bytes([group, HOSTS.index(host), NAMES.index(name)])


def anyones(set_name, comment, address=PUBLIC, seconds=60):
    return head(3, address, seconds) + text(set_name) + text(comment)


SET = b"pin-10-137-0-1-1"
CASES = {
    "listed": ours(".a.test", "www.a.test") + ours(".a.test", "a.test", IPV6),
    "two_names_of_one": ours(".a.test", "www.a.test") + ours(".a.test", "a.test"),
    "granted": ours("b.test", "edge.net"),
    "dropped": ours(".a.test", "ads.a.test"),
    "another_rule": ours("b.test", "www.a.test"),
    "no_rule": ours("x.test", "a.test"),
    "own": ours(".a.test", "www.a.test", OWN),
    "private": ours(".a.test", "nas.a.test", PRIVATE) + ours(".a.test", "www.a.test", PRIVATE),
    "granted_private": ours("b.test", "edge.net", PRIVATE),
    "loop": ours(".a.test", "www.a.test", LOOP),
    "ended": ours(".a.test", "www.a.test", seconds=0),
    "another_set": ours(".a.test", "www.a.test", group=7),
    "by_hand": anyones(SET, b".a.test < www.a.test"),
    "of_another_client": anyones(b"pin-10-137-0-2-1", b".a.test < www.a.test"),
    "no_set_of_ours": anyones(b"pin-10-137-0-1-01", b".a.test"),
    "no_comment": anyones(SET, b""),
    "cut": anyones(SET, (b".a.test < " + b"w." * 64)[:128]),
    "rule_alone": anyones(SET, b"b.test"),
    "no_name": anyones(SET, b".a.test < \xff\x00"),
}
for case, octets in CASES.items():
    (FOLDER / case).write_bytes(b"\0" + octets)
(FOLDER / "other_rules").write_bytes(b"\1" + CASES["listed"] + CASES["dropped"])
