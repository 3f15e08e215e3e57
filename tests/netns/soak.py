#!/usr/bin/python3 -B
"""Soak: a storm of low strength for minutes; what dnspin uses stays as it is, and its counters add
up. Not among the tests: `./dev soak [MINUTES]`.

In the first quarter processes are killed as well, later they are left to grow old.
"""

import dataclasses
import pathlib
import re
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.download import serve_streams  # noqa: E402
from lab.processes import roles  # noqa: E402
from lab.storm import Pace, Storm  # noqa: E402

MINUTES = 20
WARM = 150          # seconds: the kernel remembers ended flows for 120
EVERY = 5           # seconds between two looks
PRINTED = 6         # one look of so many
PROGRAMS = ("dnspind", "launcher", "resolver")
# What a median over a quarter of the time may be more than it was: a share, and so many besides.
GROWTH = {"memory": (0.03, 256), "descriptors": (0.0, 4), "sets": (0.0, 2),
          "elements": (0.02, 16), "flows": (0.10, 500)}
PACE = Pace(questions=500, names=2000, reload=1.0, flush=10.0, fail=1.0, kill=5.0)


@dataclasses.dataclass
class Look:
    seconds: float
    memory: dict       # KiB, of each program, of its own: shares of libraries vary with others
    descriptors: dict
    sets: int
    elements: int
    flows: int

    def __str__(self):
        programs = ", ".join(f"{program} {self.memory[program]} KiB {self.descriptors[program]} fd"
                             for program in PROGRAMS)
        return (f"{self.seconds:6.0f} s  {programs}, {self.sets} sets, {self.elements} elements, "
                f"{self.flows} flows")


def look(lab, dnspin, seconds):
    pids = dict(zip(PROGRAMS, (pids[0] for pids in roles(dnspin.pid).values())))
    proc = {program: pathlib.Path(f"/proc/{pid}") for program, pid in pids.items()}
    items = [item["set"] for family in ("ip", "ip6")
             for item in lab.netvm.nft_json("table", family, "dnspin") if "set" in item]
    return Look(
        seconds,
        {program: int(re.search(r"^Pss_Anon: +(\d+)", (path / "smaps_rollup").read_text(), re.M)[1])
         for program, path in proc.items()},
        {program: len(list((path / "fd").iterdir())) for program, path in proc.items()},
        len(items), sum(len(item.get("elem", [])) for item in items),
        int(lab.netvm.run(["conntrack", "-C"], check=True).stdout))


def assert_flat(looks):
    """Between the first and the last quarter of them nothing has grown."""
    quarter = max(len(looks) // 4, 1)
    grown = []
    for what, (share, more) in GROWTH.items():
        keys = PROGRAMS if what in ("memory", "descriptors") else (None,)
        for key in keys:
            was, now = (statistics.median(
                getattr(one, what)[key] if key else getattr(one, what) for one in part)
                for part in (looks[:quarter], looks[-quarter:]))
            if now > was * (1 + share) + more:
                grown.append(f"{key or ''} {what}: {was} to {now}")
    assert not grown, grown


def soak(lab, servers):
    """In bad weather it uses no more in the end than in the beginning"""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    serve_streams(lab)
    killed_until = 60 * minutes / 4  # the last one killed has to start again
    looks, warm = [], max(min(WARM, 30 * minutes), killed_until + EVERY)
    with trial.with_dnspin(lab, "soak", clients={"work": ""},
                           settings={"pins": {"per_client": 65_536},
                                     "limits": {"names_per_pattern": 1_000_000}}) as dnspin:
        storm, began = Storm(lab, servers, dnspin, PACE), time.monotonic()

        def over(_):
            seconds = time.monotonic() - began
            storm.killing = seconds < killed_until
            if not storm.killing and seconds >= (looks[-1].seconds if looks else warm) + EVERY:
                looks.append(look(lab, dnspin, seconds))
                if len(looks) % PRINTED == 1:
                    print(looks[-1], flush=True)
            return seconds > 60 * minutes

        storm.run(over)
        said = storm.verdict()
        print(looks[-1])
        assert_flat(looks)
        totals = dnspin.control("metrics")
    return f"{said}; {len(looks)} looks; {totals}"


if __name__ == "__main__":
    trial.run(soak)
