#!/usr/bin/python3 -B
"""One client asks too much, in every way; the other's questions are all answered meanwhile.

    tests/netns/load_test.py [full] [STORY...]     full: long enough for a p99, and prints them

A limit of each kind is reached on the way, is counted, and ends nothing else.
"""

import collections
import functools
import json
import pathlib
import select
import socket
import subprocess
import sys
import time

import dns.message
import dns.query
import dns.rcode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import topology, trial  # noqa: E402
from lab.daemon import build_folder  # noqa: E402
from lab.servers import start_nsd  # noqa: E402
from lab.zones import APEX, race_address  # noqa: E402

FULL = "full" in sys.argv[1:]
NSD = "192.0.2.77"
SECONDS = 20 if FULL else 0.7
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


@functools.cache
def serve_zones(lab):
    return start_nsd(lab, ZONES, NSD, "nsd-load")


def under_load(lab, isolation, attacks):
    serve_zones(lab)
    work, personal, rows = lab.qube("work"), lab.qube("personal"), {}
    with trial.with_dnspin(lab, f"load-{isolation}", clients=CLIENTS, upstream=[NSD],
                           settings={"dns": {"isolation": isolation}}) as dnspin:
        ask(personal)
        rows["quiet"] = ask(personal), {}
        for what in attacks:
            flood = Flood(work, *ATTACKS[what])
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
    return under_load(lab, "client", ATTACKS)


def shared(lab, _):
    """One reader for both: one floods, the other's questions are answered"""
    some = ("all names new", "2000 connections", "slow readers")
    return under_load(lab, "shared", ATTACKS if FULL else some)


def ask_datagrams(qube, count, seconds):
    """Asks so many names that are refused, at once; how many refusals came, and in what time."""
    began = time.monotonic()
    with qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((topology.VIRTUAL_DNS[0], 53))
        for number in range(count):
            sock.send(dns.message.make_query(f"{number}.other.test", "A").to_wire())
        end, heard = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            heard += bool(select.select([sock], [], [], 0.05)[0] and sock.recv(4096))
    return heard, time.monotonic() - began


def connect(qube):
    sock = qube.socket()
    sock.settimeout(10)
    sock.connect((topology.VIRTUAL_DNS[0], 53))
    return sock


def ask_stream(sock, count):
    """The same over TCP, pipelined; seconds until all were refused."""
    began = time.monotonic()
    for number in range(count):
        octets = dns.message.make_query(f"{number}.other.test", "A").to_wire()
        sock.sendall(len(octets).to_bytes(2, "big") + octets)
    for _ in range(count):
        assert dns.query.receive_tcp(sock, time.time() + 10)[0].rcode() == dns.rcode.REFUSED
    return time.monotonic() - began


def counter(dnspin, name, value):
    assert trial.wait_until(lambda: dnspin.metric(f"dnspin_{name}_total") == value, 5), (
        name, dnspin.metric(f"dnspin_{name}_total"), value)


def limits(lab, servers):
    """Each limit is reached: what is said then, what is counted, and another one by a reload"""
    work = lab.qube("work")
    servers.authority.under("mute.test", lambda query: None)
    small = {"questions_in_flight": 4, "questions_per_second": 200, "questions_burst": 50,
             "connections": 3, "names_per_pattern": 5}
    with trial.with_dnspin(lab, "limits", settings={"limits": small}, clients={
            "work": "accept .race.test\naccept specialtarget=dns dsthost=.mute.test"}) as dnspin:
        reader = dnspin.resolver_pids()
        # New names under a pattern.
        replies = [work.ask(f"{number}.race.test") for number in (1, 2, 3, 4, 5, 6, 1, 7)]
        assert [one.status for one in replies] == ["NOERROR"] * 5 + [
            "REFUSED", "NOERROR", "REFUSED"], replies
        assert replies[-1].ede == 0
        counter(dnspin, "over_names", 2)
        assert dnspin.wait_log("refused work 6.race.test: its server refuses, or it is one new")
        # Connections.
        streams = [connect(work) for _ in range(5)]
        assert [one.recv(1) for one in streams[3:]] == [b"", b""]
        counter(dnspin, "over_connections", 2)
        # The rate: nothing is lost that the kernel can keep, and a stream waits.
        time.sleep(0.3)
        took = ask_stream(streams[0], 150)
        assert took > 0.4, took
        for one in streams:
            one.close()
        time.sleep(0.3)
        heard, took_datagrams = ask_datagrams(work, 250, 0.5)
        assert 50 <= heard <= 50 + 200 * (took_datagrams + 0.1), (heard, took_datagrams)
        assert dnspin.metric("dnspin_over_rate_total") >= 1, "the stream that waited"
        time.sleep(1)
        # What waits.
        asked = [work.start(work.ask, f"{number}.mute.test") for number in range(5)]
        statuses = collections.Counter((one.status, one.ede) for one in (
            worker.result() for worker in asked))
        assert statuses == {("SERVFAIL", 22): 4, ("SERVFAIL", 0): 1}, statuses
        counter(dnspin, "over_in_flight", 1)
        dnspin.write_settings({"limits": {**small, "questions_per_second": 1_000_000,
                                          "questions_burst": 1_000_000}})
        assert dnspin.reload()
        assert ask_datagrams(work, 250, 0.5)[0] > 200
        dnspin.write_settings({"limits": {"connections": 0}})
        said = dnspin.check().stderr
        assert ":15: error: a number from 1 to 4096 is wanted here, not '0'" in said, said
        assert not dnspin.reload()
        assert dnspin.resolver_pids() == reader
    return f"a stream of 150 took {took:.1f} s, {heard} of 250 datagrams answered in 0.5 s"


if __name__ == "__main__":
    trial.run(limits, isolated, shared)
