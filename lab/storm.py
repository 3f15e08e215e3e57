"""Everything at once: questions, downloads under rules that stay and that come and go, reloads,
foreign flushes and failing batches, and kill -9, each at a pace of its own.

    storm = Storm(lab, servers, dnspin, Pace(questions=200))
    storm.run(lambda storm: storm.reloads >= 100)
    storm.verdict()

A flush while dnspind is dead loses the pins, which live in the kernel alone: the two take turns.
"""

import collections
import contextlib
import dataclasses
import functools
import math
import os
import random
import signal
import threading
import time

from lab import records
from lab.asker import Askers
from lab.download import Downloads
from lab.loop import Loop
from lab.trespass import Trespass
from lab.trial import wait_until

RESTORED = ": it is again as it was"
KEPT = [f"198.51.100.{number}" for number in range(1, 6)]
PASSING = {f"p{number}.passing.test": f"198.51.100.{100 + number}" for number in range(5)}
EACH = 5              # downloads of each of those addresses
ON, OFF = 2.0, 4.5    # seconds that a passing rule is in force, and then is not
LATE = 3.0            # seconds until what is removed must have stopped
SLACK = 0.1           # seconds from when something came until it is heard
PATIENT = 30
FAILING = ("add table ip mine\nadd rule ip mine nowhere accept\n",
           "add element ip dnspin no-such-set { 192.0.2.1 }\n")


@dataclasses.dataclass
class Pace:
    """Pauses are in seconds."""
    questions: int = 200      # a second
    names: int = 2000         # that are asked for in turn
    reload: float = 0.0
    flush: float = 0.5
    fail: float = 0.05
    kill: float = 1.0         # of a resolver and of dnspind in turn
    trespass: float = 0.005


class Storm:
    def __init__(self, lab, servers, dnspin, pace):
        self.lab, self.dnspin, self.pace = lab, dnspin, pace
        self.work = lab.qube("work")
        self.reloads, self.stopped, self.slowest = 0, 0, 0.0
        self.kills, self.killing = collections.Counter(), True
        self.gaps = []           # [from, to], monotonic: from a foreign flush until all is restored
        self.too_late = []       # of downloads under removed rules: what came, in seconds
        self.kept, self.tally, self.trespass, self.unpinned = [], None, None, 0
        self._downloads, self._passing, self._removed = None, {}, []
        self._due = {name: time.monotonic() + number for number, name in enumerate(PASSING)}
        self._random = random.Random(1)
        self._turn, self._killed, self._alive = threading.Lock(), False, threading.Event()
        servers.authority.at("kept.test", records(KEPT))
        for name, address in PASSING.items():
            servers.authority.at(name, records([address]))

    def run(self, enough):
        """Until enough(self), and then in calm until all that is to be seen was seen."""
        with contextlib.ExitStack() as ends:
            ends.callback(self._alive.set)
            self._downloads = Downloads(self.lab, self.work)
            ends.callback(self._downloads.close)
            self._put_in_force()
            for address in self._look_up("kept.test"):
                self.kept += [self._downloads.begin(address) for _ in range(EACH)]
            askers = Askers(self.work, self.pace.questions, names=self.pace.names)
            ends.callback(askers.stop)
            with Trespass(self.lab, self.work, pause=self.pace.trespass) as self.trespass:
                with contextlib.ExitStack() as loops:
                    self._begin(loops)
                    while not enough(self):
                        self.step()
                    self._alive.set()
                self._calm()
            self.tally = askers.end()
            self._count_unpinned()
            assert wait_until(self._adds_up), self.dnspin.control("metrics")

    def verdict(self):
        """Says what was seen; all of it was well."""
        assert not self.tally.lost and not self.tally.wrong, self.tally
        assert self.tally.told == self.tally.open > 0, self.tally
        assert self.unpinned == 0, f"{self.unpinned} answers were told unpinned"
        assert not self.too_late, f"{len(self.too_late)} came too late: {self.too_late[:5]}"
        outside = self.trespass.outside(self.gaps)
        assert not outside, f"{len(outside)} trespassers passed: {outside[:5]}"
        assert self.stopped > 0 and self.trespass.sent > 0
        gaps = sorted(self.trespass.gaps(self.gaps))
        octets = sum(one.octets for one in self.kept)
        return (f"{self.tally.told} names told and connected to, {self.reloads} reloads, "
                f"{len(self.gaps)} flushes, {self.kills['dnspind']} + {self.kills['resolver']} "
                f"kills; {octets} octets of {len(self.kept)} downloads, 0 lost; {self.stopped} "
                f"stopped after {self.slowest:.2f} s at most; of {self.trespass.sent} trespassers "
                f"{len(self.trespass.arrived)} passed, all in a gap (p50 "
                f"{1000 * gaps[len(gaps) // 2]:.0f} ms, p99 "
                f"{1000 * gaps[-1 - len(gaps) // 100]:.0f} ms)")

    # The one thread that reloads, restarts and has downloads begin and end.

    def step(self):
        """One reload, and what follows from it."""
        due = [name for name in PASSING if time.monotonic() >= self._due[name]]
        went = [name for name in due if name in self._passing]
        gone = [one for name in went for one in self._passing.pop(name)]
        came = [name for name in due if name not in went]
        self._passing.update({name: [] for name in came})
        self._put_in_force()
        self._remove(gone)
        for name in came:
            for address in self._look_up(name):
                self._passing[name] += [self._downloads.begin(address) for _ in range(EACH)]
        for name in due:
            self._due[name] = time.monotonic() + (OFF if name in went else ON)
        self._judge_removed()
        time.sleep(self.pace.reload)

    def _calm(self):
        gone = [one for those in self._passing.values() for one in those]
        self._passing.clear()
        self._put_in_force()
        self._remove(gone)
        self._downloads.go_on(*self.kept)
        time.sleep(LATE + 1)
        self._judge_removed()
        self._downloads.go_on(*self.kept)

    def _rules(self):
        """They differ each time, not only by the rules that pass."""
        lines = ["accept .race.test tcp 80", "accept kept.test tcp 8090",
                 *(f"accept {name} tcp 8090" for name in self._passing)]
        lines.insert(self._random.randrange(3), f"accept r{self.reloads}.test tcp 443")
        if self._random.random() < 0.3:
            lines.insert(0, "accept kept.test")
        return "\n".join(lines) + "\n"

    def _put_in_force(self):
        self.dnspin.write_client("work", self._rules())
        while not self._restart() and not self.dnspin.hang_up(timeout=PATIENT):
            assert self.dnspin.process.poll() is not None, "no reload in time"
        self.reloads += 1

    def _restart(self):
        """If it was killed; then it has the rules as they are."""
        if self.dnspin.process.poll() is None:
            return False
        assert self._killed, f"dnspind ended by itself: {self.dnspin.process.returncode}"
        self._killed = False
        self.dnspin.start(timeout=PATIENT)
        self._alive.set()
        return True

    def _look_up(self, name):
        end = time.monotonic() + PATIENT
        while time.monotonic() < end:
            self._restart()
            told = self.work.ask(name, timeout=1).addresses
            if told:
                return told
        raise AssertionError(f"{name} is not told")

    def _remove(self, gone):
        broken = [str(one) for one in gone if not one.whole]
        assert not broken, f"under rules in force: {broken}"
        self._removed += [(one, time.monotonic()) for one in gone]

    def _judge_removed(self):
        for one, removed in list(self._removed):
            if time.monotonic() < removed + LATE + SLACK:
                break
            for moment in one.heard:
                if moment > removed and not any(began <= moment <= ended + SLACK
                                                for began, ended in self.gaps):
                    self.slowest = max(self.slowest, moment - removed)
                    if moment > removed + LATE:
                        self.too_late.append((str(one), moment - removed))
            self._removed.remove((one, removed))
            self._downloads.end(one)
            self.stopped += 1

    # The others.

    def _begin(self, loops):
        fail = [functools.partial(self.lab.netvm.run, ["nft", "-f", "-"], input=text)
                for text in FAILING]
        for pause, actions in ((self.pace.flush, [self._flush]), (self.pace.fail, fail),
                               (self.pace.kill, [self._kill_resolver, self._kill_dnspind])):
            loops.enter_context(Loop(*actions, pause=pause))

    def _flush(self):
        with self._turn, open(self.dnspin.log_file, "rb") as log:
            if self._killed:
                return  # at the end nobody starts it anew before we are done
            log.seek(0, os.SEEK_END)
            said, end = b"", time.monotonic() + PATIENT
            gap = [time.monotonic(), math.inf]
            self.gaps.append(gap)
            self.lab.netvm.nft("flush ruleset")
            while RESTORED.encode() not in said:
                assert time.monotonic() < end, "what was flushed does not come back"
                time.sleep(0.002)
                said += log.read()
            gap[1] = time.monotonic()

    def _kill_resolver(self):
        with self._turn:
            if not self.killing:
                return
            for pid in self.dnspin.resolver_pids():
                os.kill(pid, signal.SIGKILL)
            self.kills["resolver"] += 1

    def _kill_dnspind(self):
        with self._turn:
            if not self.killing:
                return
            self._count_unpinned()
            self._alive.clear()
            self._killed = True
            os.kill(self.dnspin.pid, signal.SIGKILL)
            self.kills["dnspind"] += 1
            self._alive.wait(PATIENT)

    def _adds_up(self):
        """Nothing waits any more, and whatever was received has ended once."""
        totals = self.dnspin.control("metrics")
        return totals["received"] == sum(
            totals[ending] for ending in ("answered", "refused", "failed", "dropped"))

    def _count_unpinned(self):
        self.unpinned += self.dnspin.metric("dnspin_answers_released_unpinned_total")
