"""What processes hold in memory, in KiB, as the kernel counts it."""

import pathlib
import re


def family(pid):
    """A process and all that it has started, by pid."""
    found = [pid]
    for one in found:
        for task in pathlib.Path(f"/proc/{one}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
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
