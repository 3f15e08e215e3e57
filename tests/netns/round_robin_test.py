#!/usr/bin/python3 -B
"""Round robin: 200 addresses told 8 at a time with TTL 5, and every address works while it is told.

A question's DO and CD bits each have a place of their own in the cache, so that one name is asked
anew four times in five seconds and goes round all its addresses while the test runs.
"""

import heapq
import pathlib
import select
import sys
import time

import dns.flags
import dns.message
import dns.rcode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import RoundRobin, trial, zones  # noqa: E402

QUESTIONS, SECONDS = 500, 34
SHORT = {"pins": {"floor": "5s", "slack": "2s"}}
LAST = 0.15  # seconds before the end of its told TTL that an address is tried for the last time


def question(name, number):
    query = dns.message.make_query(name, "A", want_dnssec=bool(number & 1))
    if number & 2:
        query.flags |= dns.flags.CD
    return query


def ask(qube, query, server="10.139.1.1"):
    """The rcode, the addresses, and how long they hold."""
    reply = qube.exchange(query, server=server)
    found = [(data.address, rrset.ttl) for rrset in reply.answer for data in rrset
             if data.rdtype.name == "A"]
    return (dns.rcode.to_text(reply.rcode()), [address for address, _ in found],
            min((ttl for _, ttl in found), default=0))


def visit(qube, name, questions, seconds, server):
    """In the qube: asks evenly over the time; connects to each told address at once, halfway
    through its told TTL, and at the end of it."""
    tally = {"answers": 0, "other answers": {}, "told": set(), "connections": 0, "failed": [],
             "too late": 0, "ttls": set()}
    due, began = [], time.monotonic()
    for number in range(questions):
        time.sleep(max(0.0, began + number * seconds / questions - time.monotonic()))
        rcode, addresses, ttl = ask(qube, question(name, number), server)
        now = time.monotonic()
        if rcode == "NOERROR" and addresses:
            tally["answers"] += 1
        else:
            tally["other answers"][rcode] = tally["other answers"].get(rcode, 0) + 1
        tally["told"] |= set(addresses)
        tally["ttls"].add(ttl)
        for address in addresses:
            connect(qube, address, now + ttl, tally)
            if number % 4 == 0:
                heapq.heappush(due, (now + ttl / 2, address, now + ttl))
                heapq.heappush(due, (now + ttl - LAST, address, now + ttl))
        work_off(qube, due, tally, time.monotonic())
    while due:
        time.sleep(max(0.0, due[0][0] - time.monotonic()))
        work_off(qube, due, tally, time.monotonic())
    return tally


def work_off(qube, due, tally, until):
    while due and due[0][0] <= until:
        _, address, end = heapq.heappop(due)
        connect(qube, address, end, tally)


def connect(qube, address, end, tally):
    """Whether it works is only promised while the address is told."""
    if time.monotonic() >= end:
        tally["too late"] += 1
        return
    attempt = qube.connect(address, timeout=10)
    tally["connections"] += 1
    if not attempt:
        tally["failed"].append((address, attempt.outcome, round(end - time.monotonic(), 2)))


def watch(lab, qube, worker):
    """The most elements that the kernel holds at once until the worker ends."""
    most = 0
    while not select.select([worker.reader], [], [], 0.3)[0]:
        most = max(most, len(lab.netvm.pinned_addresses(qube)))
    return most


def go_round(lab, servers, name, settings, judge, server="10.139.1.1", rules="",
             questions=QUESTIONS, seconds=SECONDS):
    """judge(tally, the most pins at once, what is open at the end) has the last word."""
    work = lab.qube("work")
    servers.authority.at("shop.rr.test", RoundRobin(zones.ROUND_ROBIN, told=8, ttl=5))
    with trial.with_dnspin(lab, name, clients={"work": f"accept shop.rr.test tcp 80\n{rules}"},
                           settings=settings) as dnspin:
        worker = work.start(visit, work, "shop.rr.test", questions, seconds, server)
        most = watch(lab, work, worker)
        tally = worker.result()
        asked = servers.authority.count("shop.rr.test")
        servers.authority.reset()
        print(f"       {questions} questions, {asked} of them upstream, {len(tally['told'])} "
              f"addresses told, {tally['connections']} connections, {len(tally['failed'])} failed, "
              f"{tally['too late']} not tried in time, at most {most} in the kernel", flush=True)
        assert not tally["failed"], tally["failed"][:10]
        assert tally["answers"] == questions, tally["other answers"]
        assert len(tally["told"]) == 200, "it did not go round"
        assert max(tally["ttls"]) == 5 and min(tally["ttls"]) >= 1, tally["ttls"]
        assert tally["too late"] < tally["connections"] / 10, "too busy to say anything"
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
        return judge(tally, most, left_open(lab, work, tally["told"]))


def left_open(lab, work, told):
    """What is still reachable of all that was told, and is that just what the kernel holds?"""
    lab.netvm.run(["conntrack", "-F"])
    before = lab.netvm.pinned_addresses(work)
    opened = {address for address in told if work.connect(address, timeout=3)}
    after = lab.netvm.pinned_addresses(work)
    assert after <= opened <= before, "open and pinned are not the same"
    return opened


def default_floor(lab, servers):
    """200 addresses told 8 at a time, TTL 5, each works while it is told: default floor"""
    def all_stay(tally, most, opened):
        assert most == len(opened) == 200, "no pin goes within its floor"
        return f"{tally['connections']} connections, 0 failed, 200 addresses stay pinned"
    return go_round(lab, servers, "default", {}, all_stay)


def short_floor(lab, servers):
    """The same with a floor of 5 s: pins really expire, and no told address fails"""
    work = lab.qube("work")

    def all_go(tally, most, opened):
        assert len(opened) <= most < 150, f"{most} pins at once: they do not expire"
        gone = trial.wait_until(lambda: not lab.netvm.pinned_addresses(work), timeout=15)
        assert gone, "pins of a name that nobody asks for outlive TTL and slack"
        lab.netvm.run(["conntrack", "-F"])
        opened = [address for address in tally["told"] if work.connect(address).passed]
        assert not opened, f"without a pin, and open: {opened[:10]}"
        return (f"{tally['connections']} connections, 0 failed, at most {most} pinned at once, "
                "all 200 shut at the end")
    return go_round(lab, servers, "short", SHORT, all_go)


def quota(lab, servers):
    """A name's quota is the most that the kernel holds, and what was told stays"""
    work, name = lab.qube("work"), "shop.rr.test"
    servers.authority.at(name, RoundRobin(zones.ROUND_ROBIN, told=8, ttl=1))
    settings = {"pins": {"per_name": 50, "floor": "8s"}}
    with trial.with_dnspin(lab, "quota", clients={"work": "accept shop.rr.test tcp 80\n"
                                                          "accept docs.test tcp 80"},
                           settings={"pins": {**settings["pins"], "slack": "1s"}}) as dnspin:
        told, refused, most, failed = set(), 0, 0, []
        end = time.monotonic() + 30
        while refused < 40 and time.monotonic() < end:
            rcode, addresses, ttl = ask(work, question(name, refused + len(told)))
            till = time.monotonic() + ttl
            told |= set(addresses)
            for address in addresses:
                if time.monotonic() < till:
                    attempt = work.connect(address, timeout=10)
                    failed += [] if attempt else [(address, attempt.outcome)]
            refused += rcode == "SERVFAIL"
            assert rcode in ("NOERROR", "SERVFAIL"), rcode
            assert not (rcode == "SERVFAIL" and addresses)
            most = max(most, len(lab.netvm.pinned_addresses(work)))
            time.sleep(0.05)
        assert not failed, failed[:10]
        assert refused >= 40, f"only {refused} refused in 30 s"
        assert 40 < most <= 50, f"{most} in the kernel"
        assert work.ask("docs.test").status == "NOERROR", "the other name has a quota of its own"
        assert dnspin.wait_log("per_name or the rate is reached")
        assert dnspin.metric("dnspin_pins_refused_total") >= 1
        # Room comes back as pins expire.
        again = trial.wait_until(lambda: ask(work, question(name, 0))[1], timeout=30, pause=0.5)
        assert again, "a name that reached its quota stays refused"
        most = max(most, len(lab.netvm.pinned_addresses(work)))
        assert most <= 51, f"{most} in the kernel"  # docs.test has one
    return f"{len(told)} told, {refused} refused, at most {most} in the kernel"


if __name__ == "__main__":
    trial.run(default_floor, short_floor, quota)
