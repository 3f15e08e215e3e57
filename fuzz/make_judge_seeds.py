#!/usr/bin/python3
"""Writes the seeds of corpus/judge: what two readers say to dnspind, step by step (the steps are
judge_fuzz.cc's, the lists that they choose from judge_stage.h's). Run it after a change there and
commit what it wrote."""

import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "judge"
FOLDER.mkdir(parents=True, exist_ok=True)

HOSTS = [".a.test", "b.test", "*.c.test", "x.test", ".ads.a.test"]
NAMES = ["a.test", "www.a.test", "ads.a.test", "nas.a.test", "b.test", "c.test", "www.c.test",
         "late.test", "d.test", "edge.net", "deep.net", "far.net", "bb.test", "evil.b.test"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "198.51.100.200", "10.0.0.1",
             "127.0.0.1", "169.254.169.254", "224.0.0.1", "2001:db8::1", "2001:db8::2", "fe80::1",
             "fc00::1", "::ffff:10.0.0.1", "::1", "64:ff9b::a00:1"]
NOW, LATER, OLDER = range(3)


def pin(name, host, *addresses, told=60, policy=NOW, second=False, unasked=False):
    chosen = bytes(ADDRESSES.index(one) for one in addresses or ["192.0.2.1"])
    return bytes([128 * second, policy, told // 2, NAMES.index(name), HOSTS.index(host),
                  128 * unasked + len(chosen) - 1]) + chosen


def grant(parent, host, target, ttl=60, policy=NOW, second=False):
    return bytes([2 + 128 * second, policy, ttl // 2, HOSTS.index(host), NAMES.index(parent),
                  NAMES.index(target)])


def drop(name, pieces, policy=NOW):
    return bytes([3, policy, NAMES.index(name), pieces])


def raw(octets):
    return bytes([4, len(octets)]) + octets


def fail(times):
    return bytes([5, times])


def wait(seconds=0):
    return struct.pack("!BH", 6, seconds * 125)


def follow(rules, second=False):
    return bytes([7 + 128 * second, rules])


TURN = wait()
GOOD = pin("www.a.test", ".a.test", "192.0.2.1", "2001:db8::1")
SEEDS = {
    "pin": GOOD + TURN + GOOD,
    "life_grows": GOOD + wait(20) + GOOD + wait(40) + pin("www.a.test", ".a.test", told=2) +
                  wait(60),
    "life_never_shrinks": pin("www.a.test", ".a.test", told=300) + TURN +
                          pin("www.a.test", ".a.test", told=2) + TURN +
                          pin("a.test", ".a.test", told=2) + TURN,
    "not_listed": pin("evil.b.test", "b.test"),
    "another_rule": pin("www.a.test", "b.test"),
    "dropped": pin("ads.a.test", ".a.test"),
    "behind_a_drop": pin("late.test", ".ads.a.test"),
    "older_policy": follow(1) + pin("b.test", "b.test", policy=OLDER) + TURN,
    "later_policy": pin("www.a.test", ".a.test", policy=LATER),
    "told_too_long": pin("www.a.test", ".a.test", told=302),
    "told_nothing": pin("www.a.test", ".a.test", told=0),
    "forbidden": pin("www.a.test", ".a.test", "127.0.0.1"),
    "hidden": pin("www.a.test", ".a.test", "64:ff9b::a00:1"),
    "own": pin("www.a.test", ".a.test", "198.51.100.200"),
    "private": pin("nas.a.test", ".a.test", "10.0.0.1") + TURN +
               pin("b.test", "b.test", "10.0.0.1"),
    "other_family": pin("www.a.test", ".a.test", "2001:db8::1", second=True),
    "two_clients": GOOD + pin("a.test", ".a.test", "192.0.2.2", second=True) + TURN,
    "grant": grant("www.a.test", ".a.test", "edge.net") + pin("edge.net", ".a.test") + TURN,
    "grant_in_two_steps": grant("a.test", ".a.test", "edge.net") +
                          grant("edge.net", ".a.test", "deep.net", ttl=200) +
                          pin("deep.net", ".a.test") + TURN +
                          grant("deep.net", ".a.test", "far.net") + pin("far.net", ".a.test"),
    "grant_ends": grant("b.test", "b.test", "edge.net") + wait(59) + pin("edge.net", "b.test") +
                  wait(2) + pin("edge.net", "b.test") + wait(70) + wait(1) + wait(70) +
                  pin("edge.net", "b.test"),
    "grant_of_private": grant("b.test", "b.test", "edge.net") +
                        pin("edge.net", "b.test", "10.0.0.1"),
    "grant_under_another": grant("b.test", "b.test", "edge.net") + pin("edge.net", ".a.test"),
    "grant_of_nobody": grant("far.net", ".a.test", "edge.net"),
    "rules_go": GOOD + pin("b.test", "b.test") + TURN + follow(3) + TURN + GOOD,
    "rules_swap": GOOD + TURN + follow(1) + GOOD + TURN + follow(0) + TURN,
    "grant_loses_rule": grant("b.test", "b.test", "edge.net") + pin("edge.net", "b.test") + TURN +
                        follow(1) + pin("edge.net", "b.test", policy=OLDER) + TURN,
    "kernel_fails": fail(1) + GOOD + TURN + fail(2) + GOOD + TURN + GOOD + TURN,
    "kernel_fails_for_good": GOOD + fail(7) + TURN + GOOD + fail(7) + TURN + GOOD,
    "quota_of_name": pin("b.test", "b.test", *ADDRESSES[:4]) +
                     pin("b.test", "b.test", *ADDRESSES[9:11]) + TURN +
                     grant("b.test", "b.test", "edge.net") +
                     pin("edge.net", "b.test", *ADDRESSES[:4]) + TURN,
    "quota": b"".join(pin(name, ".a.test", *ADDRESSES[:3]) for name in ("a.test", "www.a.test")) +
             pin("b.test", "b.test", *ADDRESSES[:4]) +
             pin("www.c.test", "*.c.test", *ADDRESSES[:3]),
    "unasked": pin("www.a.test", ".a.test", *ADDRESSES[:3], unasked=True) + TURN +
               pin("b.test", "b.test", *ADDRESSES[:4], unasked=True),
    "drop_name": drop("d.test", 3) + drop("d.test", 1) + drop("d.test", 2) + TURN,
    "no_drop_name": drop("b.test", 3),
    "out_of_order": drop("d.test", 2),
    "no_message": raw(b"\xff") + TURN + raw(b"") + GOOD,
}
for name, octets in SEEDS.items():
    (FOLDER / name).write_bytes(octets)
