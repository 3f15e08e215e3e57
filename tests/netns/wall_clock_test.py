#!/usr/bin/python3 -B
"""The wall clock, set while dnspind and its readers run: it ends rules with `expire=`, and nothing
else that they do depends on it."""

import contextlib
import functools
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.download import Downloads, serve_streams  # noqa: E402
from lab.faults import Page  # noqa: E402
from lab.steady import (  # noqa: E402
    CASINO, DOCS, EDGE, FLOOR, assert_kept, assert_open, assert_shut, pins)
from lab.zones import race_address  # noqa: E402

EDGE6 = "2001:db8:5::21"
HOUR, YEAR = 3600, 31_556_952
LASTING = "accept .shop.test tcp\naccept .race.test tcp 80\n"
LIFE = 100  # seconds: FLOOR, no TTL here is longer
YEAR_9999 = 253_402_300_799
ENDED = ["revoked work docs.test 203.0.113.30: no rule lists it any more",
         "cut 1 flows that no rule allows", "1 rules have ended"]
ODD = (0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, -2**31, -2**32, YEAR_9999 - 60, -2**40)


def until(name, end):
    return f"accept dsthost={name} proto=tcp expire={int(end)}\n"


@functools.cache
def downloads_of(lab):
    serve_streams(lab)
    return Downloads(lab, lab.qube("work"))


class Watched:
    """A qube with downloads from those that its rules let it reach, and what was pinned then."""

    def __init__(self, lab, dnspin, page):
        self.work, self.dnspin, self.page, self._lab = lab.qube("work"), dnspin, page, lab
        self.downloads, self.of = downloads_of(lab), {}

    def begin(self, name, address):
        assert self.work.ask(name).addresses == [address], name
        self.of[address] = self.downloads.begin(address)
        self.downloads.go_on(self.of[address])

    def remember(self):
        self.told = self.work.ask("www.shop.test", "AAAA")
        self.readers = self.dnspin.resolver_pids()  # in a later turn: all is said
        self.pinned, self.at, self.said = pins(self._lab, self.work), time.monotonic(), self.log()

    def log(self):
        return [line.text for line in self.dnspin.log()]

    def said_since(self):
        return self.log()[len(self.said):]

    def only(self, *addresses):
        return pins(self._lab, self.work).keys() == {EDGE6, *addresses}

    def assert_untouched(self, *addresses):
        """Pinned as before, for no longer, as nobody has asked for them again; another name is
        told as before, its TTL goes on, and so do downloads."""
        time_passed = time.monotonic() - self.at
        assert_kept(self.pinned, pins(self._lab, self.work), addresses, time_passed)
        again = self.work.ask("www.shop.test", "AAAA")
        assert again.addresses == self.told.addresses == [EDGE6]
        before, ttl = self.told.ttls[0], again.ttls[0]
        assert before - (time.monotonic() - self.at) - 2 <= ttl <= before, (ttl, before)
        self.downloads.go_on(*(self.of[address] for address in addresses), more=2)
        assert self.dnspin.resolver_pids() == self.readers, "a reader was started anew"
        assert self.dnspin.metric("dnspin_answers_released_unpinned_total") == 0

    def assert_ended(self, name, address, *kept):
        """By itself: nobody asks anything meanwhile."""
        began = time.monotonic()
        assert trial.wait_until(lambda: self.only(*kept), timeout=30, pause=0.05), self.log()[-3:]
        took = time.monotonic() - began
        self.downloads.stops(self.of[address], beside=self.of[kept[0]])
        assert self.said_since() == ENDED, self.said_since()
        assert self.work.ask(name).status == "REFUSED"
        assert_shut(self.work, address)
        return took


@contextlib.contextmanager
def served(lab, name, rules, wall=None):
    """By programs to which it is that time when they start, if one is given."""
    with trial.with_dnspin(lab, name, clients={"work": rules}, settings=FLOOR,
                           start=False) as dnspin:
        page = Page.install(dnspin)
        if wall is not None:
            page.set_wall_clock(wall)
        dnspin.start()
        watched = Watched(lab, dnspin, page)
        try:
            yield watched
        finally:
            watched.downloads.end_all()


def ahead_and_back(lab, _):
    """A clock set ahead ends what should have ended; set back it changes nothing until a reload"""
    now = int(time.time())
    with served(lab, "ahead", until("docs.test", now + HOUR) + LASTING) as one:
        one.begin("www.shop.test", EDGE)
        one.begin("docs.test", DOCS)
        one.remember()
        one.page.set_wall_clock(now + HOUR / 2)
        one.assert_untouched(DOCS, EDGE)
        one.page.set_wall_clock(now + 2 * HOUR)
        took = one.assert_ended("docs.test", DOCS, EDGE)
        one.assert_untouched(EDGE)
        one.page.set_wall_clock(now)
        said = one.log()
        for _ in range(20):  # turns of dnspind's
            assert one.dnspin.control("status")
        one.assert_untouched(EDGE)
        assert one.only(EDGE) and one.log() == said, one.log()
        assert one.work.ask("docs.test").status == "REFUSED"
        assert_shut(one.work, DOCS)
        assert one.dnspin.reload()
        assert one.work.ask("docs.test").addresses == [DOCS]
        assert_open(one.work, DOCS)
        one.assert_untouched(EDGE)
    return f"ended after {took:.1f} s, back with the reload"


def odd_times(lab, _):
    """Whatever year it is: answers are told and pinned, for as long as ever"""
    now, count = int(time.time()), 0
    rules = until("docs.test", YEAR_9999) + until("casino.test", 1) + LASTING
    with served(lab, "odd", rules) as one:
        one.begin("www.shop.test", EDGE)
        one.begin("docs.test", DOCS)
        one.remember()
        for wall in (now + 30 * YEAR, now - 30 * YEAR, *ODD, now):
            one.page.set_wall_clock(wall)
            count += 1
            for kind, tcp in (("A", False), ("AAAA", True)):
                address, name = race_address(count, kind), f"{count}.race.test"
                assert one.work.ask(name, kind, tcp=tcp).addresses == [address], (wall, kind)
                pin = pins(lab, one.work)[address]
                assert LIFE - 30 < pin.expires <= LIFE, (wall, pin)
                assert_open(one.work, address)
            assert one.work.ask("casino.test").status == "REFUSED", wall
            assert_shut(one.work, CASINO)
            one.assert_untouched(DOCS, EDGE)
        said = [f"pinned work {number}.race.test {race_address(number, kind)} for {LIFE}s (rule 3)"
                for number in range(1, count + 1) for kind in ("A", "AAAA")]
        refused = ["refused work casino.test: no rule lists it"] * count
        assert sorted(one.said_since()) == sorted(said + refused), one.said_since()
    return f"{count} times, {2 * count} answers"


def not_yet_set(lab, _):
    """Started in 1970 all rules hold; put right, the clock ends those that are over"""
    now = int(time.time())
    rules = until("docs.test", now - HOUR) + until("casino.test", now + HOUR) + LASTING
    with served(lab, "1970", rules, wall=9) as one:
        one.begin("www.shop.test", EDGE)
        one.begin("docs.test", DOCS)
        one.begin("casino.test", CASINO)
        one.remember()
        one.page.set_wall_clock(now)
        took = one.assert_ended("docs.test", DOCS, EDGE, CASINO)
        one.assert_untouched(EDGE, CASINO)
        one.dnspin.kill()
        one.dnspin.start()
        assert one.work.ask("docs.test").status == "REFUSED"
        assert one.only(EDGE, CASINO)
    return f"ended after {took:.1f} s"


if __name__ == "__main__":
    trial.run(ahead_and_back, odd_times, not_yet_set)
