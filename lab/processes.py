"""Processes, as the kernel has them: who has started whom, and what they hold in memory, in KiB."""

import pathlib
import re


def dead(pid):
    """It has ended, whether anybody has taken note or not."""
    try:
        return "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


def family(pid):
    """A process and all that it has started, by pid."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def roles(pid):
    """Those of a dnspind by what they are."""
    launcher, *readers = family(pid)[1:]
    return {"dnspind": [pid], "launcher": [launcher], "reader": readers}


def kibibytes(pids, field="Pss"):
    """`Rss`, `Pss` (a page that many share is shared out), `Pss_Anon` (their own), of all together.
    """
    return sum(int(re.search(rf"^{field}: +(\d+)",
                             pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
               for pid in pids)
