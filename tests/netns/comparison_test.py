#!/usr/bin/python3 -B
"""The comparison with dnspin's peers in miniature: that it measures, and that it can fail.

    tests/netns/comparison_test.py [STORY...]
"""

import dataclasses
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from bench.compare import peers, works  # noqa: E402
from bench.compare.measure import measure  # noqa: E402
from bench.compare.peer import Peer  # noqa: E402
from bench.compare.reachability import Race, race, stale  # noqa: E402
from bench.compare.stage import Stage  # noqa: E402
from bench.compare.start import one_reload, one_start, prepared  # noqa: E402

SECONDS = 0.3


class ShutPeer(Peer):
    """Its pins open nothing."""

    def start(self, stage, gated=False):
        server = super().start(stage, gated)
        stage.netvm.nft("flush chain inet lab forward")
        return server


def shut(name):
    peer = peers.named(name)
    return ShutPeer(**{field.name: getattr(peer, field.name)
                       for field in dataclasses.fields(Peer)})


def rates(stage, upstream):
    """The limit and dnspin answer every question that they are asked, and the pins are as many"""
    counts = []
    for name, work, mode in (("echo", "hot", "full"), ("dnspin", "unique", "full"),
                             ("dnspin", "hot", "steady")):
        line = measure(stage, upstream, peers.named(name), works.named(work), mode, SECONDS, 0.5)
        assert line["completed"] == line["noerror"] > 50, line
        assert line["server_cpu_s"] > 0 and line["cpu_s_per_100k"] > 0, line
        assert name == "echo" or (line["no_answer"] == 0 and line["pins"] > 0), line
        counts.append(f"{line['completed']} of {name}")
        if work == "unique":  # what was lost may be pinned or not
            assert line["pins_right"], line
    return ", ".join(counts)


def races(stage, _):
    """No packet after an answer is lost; where the firewall is shut, each is, and is counted"""
    line = race(stage, peers.named("dnspin"), Race(clients=8, neighbour=True), 40)
    lost = line["first_packet_lost"], line["packets_dropped"]
    assert line["answered"] == 40 and lost == (0, 0), line
    assert line["packets_tried"] >= 40, line
    lost = race(stage, shut("pinecho"), Race(give_up_ms=50), 5)
    assert lost["answered"] == lost["first_packet_lost"] == lost["never_reachable"] == 5, lost
    assert lost["packets_dropped"] == lost["packets_tried"] >= 5, lost
    return f"{line['packets_tried']} and {lost['packets_tried']} packets"


def stale_answers(stage, _):
    """Sets that others empty: what comes from the cache is reachable"""
    line = stale(stage, peers.named("dnspin"), clients=2, names=10)
    lost = [line[key] for key in ("fresh_lost", "at_once_lost", "later_lost", "never_reachable")]
    assert line["answered"] == 10 and lost == [0, 0, 0, 0], line
    return "10 names, twice"


def starts(stage, _):
    """200 clients: all of them are answered, fresh and again; and a rule that comes is in force"""
    daemon, noted = prepared(stage, peers.named("dnspin"), "starts")
    for again in (False, True):
        answers, cpu = one_start(stage, daemon, noted, 200, 5000)
        assert len(answers) == 200 and 0 < answers[0] <= answers[-1], answers
        assert cpu["dnspind"] > 0, cpu
        served = daemon.control("clients")
        assert len(served) == 200 and all(one["resolver_pid"] for one in served)
        if not again:
            daemon.stop()
    took = one_reload(stage, daemon, ["t300-1.t.pin.example"])
    assert took > 0, took
    daemon.stop()
    return f"first after {answers[0]:.0f} ms, all after {answers[-1]:.0f}; {took:.0f} ms"


def main():
    if os.geteuid() != 0:
        print("network namespaces need root", file=sys.stderr)
        return 2
    stories = (rates, races, stale_answers, starts)
    with Stage() as stage, stage.upstream() as upstream:
        for story in [one for one in stories if one.__name__ in sys.argv[1:]] or stories:
            print(f"ok     {story.__doc__}: {story(stage, upstream)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
