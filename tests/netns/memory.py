#!/usr/bin/python3 -B
"""What dnspin holds in memory in a netvm of 1, 10 and 30 qubes with 20 rules each, whose names have
all been asked. No test: it prints a table.

    tests/netns/memory.py [QUBES...]
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.processes import family, kibibytes  # noqa: E402

NAMES = 20
COUNTS = (1, 10, 30)


def program(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def measure(lab, count):
    rules = [f"accept h{number}.files.test tcp 80" for number in range(NAMES - 1)]
    rules.append("accept specialtarget=dns")
    qubes = {qube: rules for qube in lab.qubes[:count]}
    with trial.with_qubes(lab, f"memory{count}", qubes) as (dnspin, _, _):
        for qube in qubes:
            for number in range(NAMES - 1):
                assert qube.ask(f"h{number}.files.test").addresses
        for pid in family(dnspin.pid):
            print(f"{count:3} qubes  {program(pid):16} resident {kibibytes([pid], 'Rss'):6} KiB, "
                  f"proportional {kibibytes([pid]):6} KiB")
        everyone = family(dnspin.pid)
        print(f"{count:3} qubes  {'all together':16} resident {kibibytes(everyone, 'Rss'):6} KiB, "
              f"proportional {kibibytes(everyone):6} KiB", flush=True)


def counts(lab, _):
    """Memory of a netvm"""
    for count in COUNTS:
        measure(lab, count)
    return "see above"


if __name__ == "__main__":
    COUNTS = [int(word) for word in sys.argv[1:]] or COUNTS
    sys.argv[1:] = []
    trial.run(counts, qubes=[f"q{number}" for number in range(max(COUNTS))])
