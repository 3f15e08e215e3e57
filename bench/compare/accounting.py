"""What a span of time cost: the server's CPU, the cores', and that of processes that are not ours.

A server's CPU is the scheduler's own count of all its threads, so it holds what the kernel does in
its system calls; over veth that is the packet's way into the other side's socket, too.
"""

import os
import pathlib
import resource
import time

from bench.compare.stage import LOAD_CORE, SERVER_CORE
from lab import processes

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            total += sum(int((task / "schedstat").read_text().split()[0])
                         for task in pathlib.Path(f"/proc/{pid}/task").iterdir())
        except OSError:  # it has ended
            pass
    return total / 1e9


def _all_pids():
    return {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}


def _is_kernel_thread(pid):
    try:
        return not os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return True


def _user_seconds():
    """Of all processes, sampled; and of ours that have ended, exactly."""
    user, nice = pathlib.Path("/proc/stat").read_text().split()[1:3]
    return (int(user) + int(nice)) / TICKS


def _own_user_seconds(pids):
    total = sum(resource.getrusage(who).ru_utime
                for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    for pid in pids - {os.getpid()}:
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
            total += int(stat.split()[11]) / TICKS
        except OSError:
            pass
    return total


def _cores():
    """Ticks of each core: (busy, all, stolen)."""
    found = {}
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks = [int(value) for value in values[:8]]
            found[int(name[3:])] = sum(ticks) - ticks[3] - ticks[4], sum(ticks), ticks[7]
    return found


class Meter:
    """From here to done()."""

    def __init__(self, server_pids, upstream_pid):
        self._server, self._upstream = server_pids, upstream_pid
        self._before = self._look()

    def _look(self):
        ours = set(processes.family(os.getpid()))
        return {"time": time.monotonic(), "server": cpu_seconds(self._server()),
                "upstream": cpu_seconds([self._upstream]), "cores": _cores(),
                "foreign": {pid: cpu_seconds([pid]) for pid in _all_pids() - ours
                            if not _is_kernel_thread(pid)},
                "foreign user": _user_seconds() - _own_user_seconds(ours)}

    def done(self, steady=False):
        """`steady`: a fixed rate, with which what is sampled may keep step; it does not count."""
        before, after = self._before, self._look()
        span = after["time"] - before["time"]

        def percent(seconds):
            return round(100 * seconds / span, 1)

        foreign = sum(spent - before["foreign"].get(pid, 0)
                      for pid, spent in after["foreign"].items())
        sampled = 0 if steady else after["foreign user"] - before["foreign user"]
        figures = {"server_cpu_s": round(after["server"] - before["server"], 4),
                   "server_pct": percent(after["server"] - before["server"]),
                   "upstream_pct": percent(after["upstream"] - before["upstream"]),
                   "foreign_pct": max(percent(foreign), percent(sampled), 0)}
        for core, name in ((LOAD_CORE, "load"), (SERVER_CORE, "server")):
            busy, total, stolen = (now - then for now, then in
                                   zip(after["cores"][core], before["cores"][core]))
            figures[f"{name}_core_pct"] = round(100 * busy / max(total, 1), 1)
            figures[f"{name}_stolen_pct"] = round(100 * stolen / max(total, 1), 1)
        return figures
