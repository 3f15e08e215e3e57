#!/usr/bin/python3 -B
"""kill -9 of dnspind, of its launcher, of a reader, each at a random moment under load. Nothing
passes outside the rules, nothing is told that is not pinned, no pin is lost, no process is left.

    tests/netns/kill_test.py full      100 times each
"""

import collections
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.asker import Askers  # noqa: E402
from lab.fault_stage import RULES, Stage, require  # noqa: E402
from lab.processes import roles  # noqa: E402
from lab.trespass import Trespass  # noqa: E402

SETTINGS = {"pins": {"per_client": 65_536, "floor": "2h"}}  # each pin lives longer than this test
NAMES = 4_000  # the load's; the stage's begin behind them
RATE = 100
LATEST = 0.5  # seconds between a process that works and its end


def kill_one(stage, what, draw):
    """At a random moment; dnspind is started anew as a service manager would."""
    pids = roles(stage.dnspin.pid)[what]
    stage.unpinned += stage.dnspin_metric("answers_released_unpinned")
    time.sleep(draw.uniform(0, LATEST))
    os.kill(draw.choice(pids), signal.SIGKILL)
    code = {"dnspind": -9, "launcher": 3}.get(what)
    if code is not None:
        ended = stage.dnspin.process.wait(10)
        require(ended == code, f"{what} killed: dnspind ends with {ended}")
    stage.judge((code,))


def none_lost(lab, stage):
    """Whatever was told is still in the kernel."""
    for qube in ("work", "personal"):
        pinned = lab.netvm.pinned_addresses(lab.qube(qube))
        lost = {address for who, address in stage.ever if who == qube} - pinned
        require(not lost, f"pins of {qube} are lost: {sorted(lost)[:5]} of {len(pinned)}")


def under_load(lab, times, draw):
    with trial.with_dnspin(lab, "kills", clients={"work": RULES, "personal": RULES},
                           settings=SETTINGS) as dnspin:
        stage = Stage(lab, dnspin, first_name=NAMES + 1)
        stage.unpinned, kills = 0, collections.Counter()
        askers = {qube: Askers(lab.qube(qube), RATE, names=NAMES) for qube in ("work", "personal")}
        try:
            with Trespass(lab, lab.qube("work"), pause=0.005) as trespass:
                order = ["dnspind", "launcher", "reader"] * times
                draw.shuffle(order)
                for what in order:
                    kill_one(stage, what, draw)
                    kills[what] += 1
                none_lost(lab, stage)
                stage.unpinned += stage.dnspin_metric("answers_released_unpinned")
        finally:
            for one in askers.values():
                one.stop()
        tallies = [one.end() for one in askers.values()]
        assert not trespass.arrived, f"{len(trespass.arrived)} of {trespass.sent} came through"
        assert trespass.sent > 0 and stage.unpinned == 0
        for tally in tallies:
            assert tally.told == tally.open > 0 and not tally.lost and not tally.wrong, tally
        told = sum(tally.told for tally in tallies)
    return (f"{', '.join(f'{number} x {what}' for what, number in kills.items())}; {told} names "
            f"told and connected to beside, {len(stage.ever)} pins all there; of {trespass.sent} "
            "trespassers none passed")


def brief(lab, _):
    """A dozen kills under load lose no pin and open nothing"""
    seed = random.randrange(10**6)
    print(f"       seed {seed}", flush=True)
    return under_load(lab, 4, random.Random(seed))


def full(lab, _):
    """A hundred kills of each process under load lose no pin and open nothing"""
    return under_load(lab, 100, random.Random())


if __name__ == "__main__":
    trial.run(*((full,) if "full" in sys.argv else (brief,)))
