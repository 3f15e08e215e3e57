"""Qubes that start, have their rules changed by dom0 and leave, at random, while they all use the
network: fifty of them, a hundred rules each.

    churn = Churn(lab, base, dom0, dnspin, qubes, seed=1)
    churn.run(seconds=120)
    churn.verdict()

Some threads are dom0 and Xen, others people in the qubes. Whoever is being changed is left
alone until dnspind says that it is done, so that what is allowed and what is not is known whenever
it is tried. Downloads go on all the while: one under a rule that every version has, and one under a
rule that comes and goes.
"""

import collections
import contextlib
import dataclasses
import itertools
import random
import threading
import time

from lab.download import Downloads
from lab.loop import Loop
from lab.qubes_waits import TABLE, traces
from lab.steady import FORBIDDEN
from lab.trial import wait_until
from lab.zones import race_address

PATIENT = 30
RULES = 100
NAMES = 60_000           # that there are in race.test
KEPT, PASSING = "198.51.100.1", "198.51.100.2"
LATE = 3.0               # seconds in which what is removed must have stopped
PEOPLE, HANDS = 4, 3     # threads: of those in the qubes, and of dom0 and Xen
DUE = ("came", "left", "changed", "open", "shut", "stopped")  # each of them at least once


@dataclasses.dataclass
class Inhabitant:
    qube: object
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    there: bool = False
    names: list = dataclasses.field(default_factory=list)      # numbers in race.test
    addresses: list = dataclasses.field(default_factory=list)  # that rules spell
    former: list = dataclasses.field(default_factory=list)     # addresses that may be no more
    downloads: object = None
    kept: object = None
    passing: object = None


class Churn:
    def __init__(self, lab, base, dom0, dnspin, qubes, seed):
        self.lab, self.base, self.dom0, self.dnspin = lab, base, dom0, dnspin
        self.inhabitants = [Inhabitant(qube) for qube in qubes]
        self.count, self.unpinned = collections.Counter(), 0
        self._random, self._numbers = random.Random(seed), itertools.count(100)

    def run(self, seconds):
        end = time.monotonic() + seconds
        for one in self.inhabitants[:len(self.inhabitants) // 2]:
            self._come(one)
        loops = [Loop(self._use) for _ in range(PEOPLE)] + [Loop(self._step) for _ in range(HANDS)]
        with contextlib.ExitStack() as running:
            for loop in loops:
                running.enter_context(loop)
            time.sleep(max(end - time.monotonic(), 0))
            # A slow machine may not have come to all of it by then.
            wait_until(lambda: all(self.count[what] for what in DUE) or any(
                loop.failed for loop in loops), PATIENT)
        for one in self.inhabitants:
            if one.there:
                self._leave(one)

    def verdict(self):
        for what in DUE:
            assert self.count[what] > 0, f"nobody {what}: {self.count}"
        left = {one.qube.name: found for one in self.inhabitants
                if (found := traces(self.lab, one.qube))}
        assert not left, f"left behind: {left}"
        assert self.dnspin.control("clients") == []
        return ", ".join(f"{number} {what}" for what, number in sorted(self.count.items()))

    # dom0 and Xen.

    def _step(self):
        one = self._random.choice(self.inhabitants)
        if not one.lock.acquire(blocking=False):
            return
        try:
            if not one.there:
                self._come(one)
            elif self._random.random() < 0.3:
                self._leave(one)
            else:
                self._change(one)
        finally:
            one.lock.release()

    def _rules(self, one):
        """Another hundred; those that stay from version to version are about half of them."""
        keep = self._random.random()
        one.former += [race_address(number) for number in one.names] + one.addresses
        one.names = [number for number in one.names if self._random.random() < keep]
        one.addresses = [text for text in one.addresses if self._random.random() < keep]
        while len(one.names) < RULES // 4:
            one.names.append(self._random.randrange(NAMES))
        while len(one.addresses) < RULES - RULES // 4 - 4:
            one.addresses.append(f"198.19.{self._random.randrange(256)}"
                                 f".{self._random.randrange(256)}")
        rules = [f"action=accept dsthost={number}.race.test proto=tcp dstports=80-80"
                 for number in one.names]
        rules += [f"action=accept dst4={address}/32 proto=tcp dstports=80-80"
                  for address in one.addresses]
        self._random.shuffle(rules)
        rules.insert(self._random.randrange(len(rules)),
                     f"action=accept dst4={KEPT}/32 proto=tcp dstports=8090-8090")
        if one.passing is None:
            rules.append(f"action=accept dst4={PASSING}/32 proto=tcp dstports=8090-8090")
        return rules + ["action=accept proto=icmp", "action=drop"]

    def _put_in_force(self, one):
        before = self._handled(one)
        self.dom0.qube(one.qube, self._rules(one))
        assert wait_until(lambda: all(now > was for now, was in zip(self._handled(one), before)),
                          PATIENT), f"the rules of {one.qube.name} are not in force"

    def _handled(self, one):
        return [self.dom0.handled(address) for address in (one.qube.address, one.qube.address6)]

    def _come(self, one):
        """Rules first, as dom0 does it, then an interface that no other qube has had."""
        one.qube.vif = f"vif{next(self._numbers)}.0"
        one.passing, one.there = None, True
        self._put_in_force(one)
        self.lab.plug(one.qube)
        self.base.vif_online(one.qube.vif, [one.qube.address, one.qube.address6])
        assert wait_until(lambda: one.qube.connect(KEPT, 8090), PATIENT), \
            f"{one.qube.name} is not served"
        # Both families: IPv6 may come a moment later.
        assert wait_until(lambda: len(self._addresses(one)) == 2, PATIENT)
        one.downloads = Downloads(self.lab, one.qube)
        one.kept = one.downloads.begin(KEPT)
        one.passing = one.downloads.begin(PASSING)
        self.count["came"] += 1

    def _addresses(self, one):
        return next((client["addresses"] for client in self.dnspin.control("clients")
                     if one.qube.address in client["addresses"]), [])

    def _change(self, one):
        ends = one.passing is not None
        self._put_in_force(one)
        if ends:
            # Its rule is there no more, and so it stops; or it comes back.
            one.downloads.stops(one.passing, beside=one.kept, within=LATE)
            one.downloads.end(one.passing)
            one.passing = None
            self.count["stopped"] += 1
        else:
            one.passing = one.downloads.begin(PASSING)
        assert one.kept.whole, f"under a rule in force: {one.kept}"
        self.count["changed"] += 1

    def _leave(self, one):
        assert one.kept.whole, f"under a rule in force: {one.kept}"
        self.count["octets"] += one.kept.octets
        self.unpinned += self.dnspin.metric("dnspin_answers_released_unpinned_total") or 0
        self.lab.unplug(one.qube.vif)
        self.base.vif_offline(one.qube.vif, [one.qube.address, one.qube.address6])
        assert wait_until(lambda: not self._still_has(one.qube), PATIENT), \
            f"{one.qube.name} left {self._still_has(one.qube)}"
        assert wait_until(lambda: not self.lab.netvm.flows(one.qube), PATIENT), \
            f"{one.qube.name} left {self.lab.netvm.flows(one.qube)[:3]}"
        one.downloads.close()
        one.there = False
        self.count["left"] += 1

    def _still_has(self, qube):
        """Its chains alone: nft lists whole tables only while nobody changes them."""
        return [address for family, address in (("ip", qube.address), ("ip6", qube.address6))
                if self.lab.netvm.nft_list("chain", family, TABLE, "qbs-" + address.replace(
                    ".", "-").replace(":", "-"))]

    # People.

    def _use(self):
        one = random.choice(self.inhabitants)
        if not one.lock.acquire(blocking=False):
            return
        try:
            if one.there:
                random.choice((self._ask, self._go, self._try_former, self._try_forbidden))(one)
        finally:
            one.lock.release()

    def _ask(self, one):
        number = random.choice(one.names)
        reply = one.qube.ask(f"{number}.race.test", timeout=10)
        assert reply.addresses == [race_address(number)], (one.qube.name, number, reply)
        self._open(one, race_address(number))

    def _go(self, one):
        self._open(one, random.choice(one.addresses))

    def _open(self, one, address):
        attempt = one.qube.connect(address, timeout=10)
        assert attempt, f"{one.qube.name} to {address}: {attempt.outcome}"
        self.count["open"] += 1

    def _try_former(self, one):
        allowed = {race_address(number) for number in one.names} | set(one.addresses)
        shut = [address for address in one.former[-4 * RULES:] if address not in allowed]
        if shut:
            self._shut(one, random.choice(shut), 80)

    def _try_forbidden(self, one):
        self._shut(one, FORBIDDEN, 80)
        number = random.randrange(NAMES)
        if number not in one.names:
            status = one.qube.ask(f"{number}.race.test", timeout=10).status
            assert status == "REFUSED", (one.qube.name, number, status)

    def _shut(self, one, address, port):
        attempt = one.qube.connect(address, port, timeout=10)
        assert attempt.outcome == "prohibited", f"{one.qube.name} to {address}: {attempt.outcome}"
        self.count["shut"] += 1
