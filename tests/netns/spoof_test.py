#!/usr/bin/python3 -B
"""Forged answers from beyond the uplink, and from a client: none is believed.

    tests/netns/spoof_test.py [full] [STORY...]       full: ten million of them
"""

import collections
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import spoofer, trial  # noqa: E402

FULL = "full" in sys.argv[1:]
RULES = "accept .slow.test\naccept .tardy.test\naccept .prompt.test\naccept specialtarget=dns"
LIMITS = {"limits": {"names_per_pattern": 1_000_000, "questions_per_second": 1_000_000,
                     "questions_burst": 1_000_000}, "pins": {"per_client": 65_536}}
# What is wrong with the forged ones; all the rest is right. These come to the socket,
HEARD = ("id", "name", "type", "class", "query", "no-question")
# and these the kernel keeps from it, or they lead to TCP.
UNHEARD = ("port", "case", "source", "source-port", "fragments", "icmp")
PORTS = 65536 - 1024
SIGMAS = 6  # so unlikely a test of chance does not fail by chance


def with_dnspin(lab, servers, name):
    """The flood is to reach dnspin's sockets, and neither the machine's ICMP nor its conntrack: a
    netvm's input chain would keep most of it away."""
    spoofer.install(servers.authority)
    lab.netvm.run(["sysctl", "-qw", "net.ipv4.icmp_ratelimit=1000"], check=True)
    lab.netvm.nft("""add table ip lab-flood
delete table ip lab-flood
table ip lab-flood {
  chain in {
    type filter hook prerouting priority raw
    iifname eth0 udp sport != 53 notrack
  }
}""")
    return trial.with_dnspin(lab, name, clients={"work": RULES}, settings=LIMITS)


def assert_true_ones_only(mode, attacked):
    told = dict(attacked.told)
    assert told.pop("right", 0) > 0 and not told, f"{mode}: {attacked}"
    assert attacked.forged > 0 and attacked.seen > 0, f"{mode}: {attacked}"


def table(rows, came):
    for mode, one in rows:
        print(f"       {mode:12} {one.forged:8} forged ({one.lost} lost), {one.seen:5} questions: "
              f"told {dict(one.told)}", flush=True)
    return f"{sum(one.forged for _, one in rows)} forged, {came} came to a socket, 0 told"


def on_path(lab, servers):
    """Who sees ID, port and spelling is believed: the test can fail"""
    with with_dnspin(lab, servers, "onpath"):
        attacked = spoofer.attack(lab, "on-path", names=50, each=1)
    assert attacked.told["forged"] >= 45, attacked
    return f"{attacked.told['forged']} of 50 told"


def one_thing_wrong(lab, servers):
    """All is right but one thing, and it comes before the true answer: never told"""
    names, each = (150, 2500) if FULL else (40, 150)
    with with_dnspin(lab, servers, "wrong") as dnspin:
        rows = [(mode, spoofer.attack(lab, mode, names, each, at_once=4 if FULL else 16))
                for mode in HEARD]
        came = spoofer.counted(dnspin)
        rows += [(mode, spoofer.attack(lab, mode, names, each, at_once=4 if FULL else 16))
                 for mode in UNHEARD]
    for mode, attacked in rows:
        assert_true_ones_only(mode, attacked)
    assert came >= names * len(HEARD), came
    return table(rows, came)


def late(lab, servers):
    """All is right, but it comes behind the true answer"""
    names, each = (2000, 250) if FULL else (60, 100)
    with with_dnspin(lab, servers, "late") as dnspin:
        attacked = spoofer.attack(lab, "late", names, each, at_once=4, zone="prompt.test")
        came = spoofer.counted(dnspin)
    assert_true_ones_only("late", attacked)
    return table([("late", attacked)], came)


def from_a_client(lab, servers):
    """All is right, but it comes by a client's interface"""
    names, each = (200, 2500) if FULL else (40, 200)
    with with_dnspin(lab, servers, "client") as dnspin:
        attacked = spoofer.attack(lab, "on-path", names, each, origin=lab.qube("personal"))
        came = spoofer.counted(dnspin)
    assert_true_ones_only("client", attacked)
    assert came == 0, came
    return table([("from a vif", attacked)], came)


def blind(lab, servers):
    """Guesses at port, ID and spelling while hundreds of questions wait, each asked three times"""
    names, each, total = (12_000, 250, 5_000_000) if FULL else (300, 60, 50_000)
    with with_dnspin(lab, servers, "blind") as dnspin:
        attacked = spoofer.attack(lab, "blind", names, each, total, at_once=300, zone="tardy.test")
        came = spoofer.counted(dnspin)
    assert_true_ones_only("blind", attacked)
    return table([("blind", attacked)], came)


def sigmas(values, buckets):
    """How far a chi-square test over so many equal buckets is from what chance brings."""
    counts, expected = collections.Counter(values), len(values) / buckets
    square = sum((counts[bucket] - expected) ** 2 for bucket in range(buckets)) / expected
    return (square - (buckets - 1)) / math.sqrt(2 * (buckets - 1))


def entropy(lab, servers):
    """Ports, IDs and spelling as they leave are what chance brings"""
    names = 100_000 if FULL else 15_000
    with with_dnspin(lab, servers, "entropy"):
        attacked = spoofer.attack(lab, "on-path", names, 1, at_once=128, zone="dark.test")
    ports = [int(secret[0]) - 1024 for secret in attacked.secrets]
    ids = [int(secret[1]) for secret in attacked.secrets]
    capitals = [secret[2] for secret in attacked.secrets]
    count = len(ports)
    assert count >= names and min(ports) >= 0, (count, min(ports))
    letters = len(capitals[0])
    assert {len(one) for one in capitals} == {letters} and letters >= 32
    spelled = [int(one[:10], 2) for one in capitals]
    tests = {
        "ports": sigmas([port * 1008 // PORTS for port in ports], 1008),
        "low bits of ports": sigmas([port % 1008 for port in ports], 1008),
        "IDs": sigmas([number >> 6 for number in ids], 1024),
        "low bits of IDs": sigmas([number & 1023 for number in ids], 1024),
        "an ID after an ID": sigmas([(a ^ b) >> 6 for a, b in zip(ids, ids[1:])], 1024),
        "a port after a port": sigmas([(a - b) % PORTS * 1008 // PORTS
                                       for a, b in zip(ports, ports[1:])], 1008),
        "a port and its ID": sigmas([(number >> 6) ^ (port & 1023)
                                     for number, port in zip(ids, ports)], 1024),
        "spelling": sigmas(spelled, 1024),
        "a spelling after a spelling": sigmas([a ^ b for a, b in zip(spelled, spelled[1:])], 1024),
        "letters": max(abs(sum(one[i] == "1" for one in capitals) - count / 2) / math.sqrt(
            count / 4) for i in range(letters)),
    }
    off = {name: round(sigma, 1) for name, sigma in tests.items() if abs(sigma) > SIGMAS}
    assert not off, f"standard deviations from chance: {off}"
    distinct, due = len(set(ports)), PORTS * (1 - math.exp(-count / PORTS))
    assert abs(distinct - due) < SIGMAS * math.sqrt(due), (distinct, due)
    assert max(ports) - min(ports) >= 60_000
    return (f"{count} questions, {distinct} ports of {min(ports) + 1024} to {max(ports) + 1024} "
            f"(chance: {due:.0f}), {len(set(ids))} IDs, {letters} letters; standard deviations: "
            + ", ".join(f"{name} {sigma:.1f}" for name, sigma in tests.items()))


if __name__ == "__main__":
    trial.run(on_path, one_thing_wrong, late, from_a_client, blind, entropy)
