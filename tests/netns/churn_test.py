#!/usr/bin/python3 -B
"""Churn: fifty qubes with a hundred rules each come, change and leave while they use the network.
No packet outside the rules in force, no flow cut that they allow, nothing left behind.

    tests/netns/churn_test.py full [SEED]      two minutes
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.churn import Churn  # noqa: E402
from lab.dom0 import Dom0  # noqa: E402
from lab.download import serve_streams  # noqa: E402
from lab.processes import family, kibibytes  # noqa: E402
from lab.qubes_os import SETTINGS, QubesBase  # noqa: E402
from lab.qubesdb import QubesdbServer  # noqa: E402

TIDY = 6                 # seconds, after which dnspind has given back what it does not need
GROWN, SLACK = 1.1, 512  # times the memory of before, and KiB, at most


def come_and_go(lab, name, count, seconds, seed):
    serve_streams(lab)
    qubes = [lab.add_qube(f"q{number}", plug=False) for number in range(count)]
    server = QubesdbServer(lab.netvm.run_folder / "qubes")
    base, dom0 = QubesBase(lab), Dom0(server)
    dom0.connected([address for qube in qubes for address in (qube.address, qube.address6)])
    with trial.with_dnspin(lab, name, settings=SETTINGS) as dnspin:
        churn = Churn(lab, base, dom0, dnspin, qubes, seed)
        churn.run(seconds / 3)  # what is made once is made, and what grows has grown
        churn.verdict()
        pids = family(dnspin.pid)
        time.sleep(TIDY)
        before = kibibytes(pids, "Pss_Anon")
        churn.run(seconds)
        said = churn.verdict()
        assert family(dnspin.pid) == pids, "processes came or went"
        time.sleep(TIDY)
        after = kibibytes(pids, "Pss_Anon")
        assert after < GROWN * before + SLACK, f"{before} to {after} KiB"
        assert churn.unpinned == 0
    return f"seed {seed}: {said}; {before} KiB before, {after} after"


def brief(lab, _):
    """Twelve qubes come, change and leave for a while"""
    return come_and_go(lab, "brief", 12, 12, 1)


def full(lab, _):
    """Fifty qubes come, change and leave for two minutes"""
    seed = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 1
    return come_and_go(lab, "full", 50, 120, seed)


if __name__ == "__main__":
    trial.run(*((full,) if "full" in sys.argv else (brief,)), qubes=())
