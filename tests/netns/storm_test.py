#!/usr/bin/python3 -B
"""Storm: questions and downloads amid reloads, foreign flushes, failing batches and kill -9, all at
once. No byte is lost under a rule that stays, what a rule no longer allows stops, nothing passes
outside the rules, nothing is told unpinned.

    tests/netns/storm_test.py full      1,000 reloads and 100 kills of each
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.download import serve_streams  # noqa: E402
from lab.storm import Pace, Storm  # noqa: E402

SETTINGS = {"pins": {"per_client": 65_536}, "limits": {"names_per_pattern": 1_000_000}}


def weather(lab, servers, name, pace, reloads, kills, seconds):
    serve_streams(lab)
    with trial.with_dnspin(lab, name, clients={"work": ""}, settings=SETTINGS) as dnspin:
        storm, began = Storm(lab, servers, dnspin, pace), time.monotonic()
        storm.run(lambda storm: storm.reloads >= reloads and len(storm.gaps) >= kills and
                  min(storm.kills["dnspind"], storm.kills["resolver"]) >= kills and
                  time.monotonic() > began + seconds)
        return storm.verdict()


def brief(lab, servers):
    """Through a storm no byte is lost that is allowed, and none passes that is not"""
    return weather(lab, servers, "brief", Pace(), 100, 8, 30)


def full(lab, servers):
    """Through a long storm no byte is lost that is allowed, and none passes that is not"""
    return weather(lab, servers, "full", Pace(kill=0.4), 1000, 100, 120)


if __name__ == "__main__":
    trial.run(*((full,) if "full" in sys.argv else (brief,)))
