#!/usr/bin/python3 -B
"""One client asks too much, in every way; the other's questions are all answered meanwhile.

    tests/netns/load_test.py [full] [STORY...]     full: long enough for a p99, and prints them

A limit of each kind is reached on the way, is counted, and ends nothing else.
"""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import topology, trial  # noqa: E402
from lab.daemon import build_folder  # noqa: E402
from lab.servers import start_nsd  # noqa: E402
from lab.zones import APEX, race_address  # noqa: E402

FULL = "full" in sys.argv[1:]
NSD = "192.0.2.77"
SECONDS = 20 if FULL else 0.9
RATE = 50
PATIENT = 2.0  # seconds, for the slowest answer on a busy machine
CLIENTS = {"work": "accept .load.test\naccept .many.test", "personal": "accept .calm.test"}
ZONES = {"calm.test": APEX + "".join(f"{i} IN A {race_address(i)}\n" for i in range(5000)),
         "load.test": APEX + "* IN A 203.0.113.50\n",
         "many.test": APEX + "".join(f"* IN A {race_address(i)}\n" for i in range(200))}
# What dnspin-flood does: KIND ZONE RATE COUNT NAME_OCTETS.
ATTACKS = {
    "all names new": ("datagrams", "load.test", 0, 0, 0),
    "exfiltration": ("datagrams", "load.test", 5000, 0, 180),
    "names refused": ("datagrams", "other.test", 0, 0, 0),
    "200 addresses": ("datagrams", "many.test", 0, 1, 0),
    "2000 connections": ("connections", "load.test", 0, 2000, 0),
    "slow writers": ("writers", "load.test", 0, 2000, 0),
    "slow readers": ("readers", "load.test", 0, 2000, 0),
}


class Flood:
    def __init__(self, qube, kind, zone, rate, count, name_octets):
        self.process = qube.popen(
            [build_folder() / "dnspin-flood", kind, topology.VIRTUAL_DNS[0], zone, rate, count,
             name_octets], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def end(self, stop=True):
        if stop:
            self.process.terminate()
        said = self.process.stdout.readline()
        self.process.stdout.close()
        self.process.wait()
        return json.loads(said)


def ask(qube):
    return Flood(qube, "ask", "calm.test", RATE, int(RATE * SECONDS), 0).end(stop=False)


def assert_all_answered(asked, what):
    assert asked["answered"] == asked["asked"] >= RATE * SECONDS - 1, f"{what}: {asked}"
    assert asked["max"] < PATIENT * 1e6, f"{what}: {asked}"


def under_load(lab, isolation):
    work, personal, rows = lab.qube("work"), lab.qube("personal"), {}
    with trial.with_dnspin(lab, f"load-{isolation}", clients=CLIENTS, upstream=[NSD],
                           settings={"dns": {"isolation": isolation}}) as dnspin:
        ask(personal)
        rows["quiet"] = ask(personal), {}
        for what, attack in ATTACKS.items():
            flood = Flood(work, *attack)
            time.sleep(0.2)
            asked = ask(personal)
            rows[what] = asked, flood.end()
            if FULL:
                time.sleep(3)
        counters = {name: int(dnspin.metric(f"dnspin_{name}_total"))
                    for name in ("over_rate", "over_in_flight", "over_connections", "over_names",
                                 "readers_restarted", "answers_released_unpinned")}
    quiet = rows["quiet"][0]
    for what, (asked, flooded) in rows.items():
        print(f"       {what:18} p50 {asked['p50'] / 1000:6.2f} ms, p99 {asked['p99'] / 1000:6.2f} "
              f"ms ({asked['p99'] / quiet['p99']:4.1f} x), max {asked['max'] / 1000:6.1f} ms; "
              f"{asked['answered']} of {asked['asked']}; {flooded or ''}", flush=True)
        assert_all_answered(asked, what)
    assert counters.pop("readers_restarted") == counters.pop("answers_released_unpinned") == 0
    assert counters["over_rate"] > 0 and counters["over_connections"] > 0, counters
    return f"{counters}"


def isolated(lab, servers):
    """A reader for each client: one floods, the other's questions are answered"""
    start_nsd(lab, ZONES, NSD, "nsd-load")
    return under_load(lab, "client")


def shared(lab, _):
    """One reader for both: one floods, the other's questions are answered"""
    return under_load(lab, "shared")


if __name__ == "__main__":
    trial.run(isolated, shared)
