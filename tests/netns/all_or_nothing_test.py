#!/usr/bin/python3 -B
"""All or nothing: the kernel refuses the middle of a batch, because a set is smaller than it should
be, and not one address of that answer is told or pinned; other answers of the same moment are.

The sets are made small behind dnspind's back. dnspind is stopped while the questions are asked, so
that all the answers wait for one transaction.
"""

import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402

SMALL = 2
RULES = "accept .small.test tcp 80\naccept .large.test tcp 443"
SHORT = {"pins": {"told_max": "1s", "floor": "3s", "slack": "2s"}}
NOT_READY = 14  # RFC 8914
PATIENCE = 0.3  # seconds that dnspind may stand still: less than the resolver waits for it


def tcp_port(name):
    return 443 if name.endswith("large.test") else 80


def make_small(lab, qube, size=SMALL):
    """Puts a set of this size in the place of the qube's first one, in each family."""
    for family, address, kind in (("ip", qube.address, "ipv4_addr"),
                                  ("ip6", qube.address6, "ipv6_addr")):
        label = address.replace(".", "-").replace(":", "-")
        chain = lab.netvm.nft_list("chain", family, "dnspin", f"qbs-{label}")
        assert f"@pin-{label}-1 " in chain, chain
        lab.netvm.nft(f"""flush chain {family} dnspin qbs-{label}
delete set {family} dnspin pin-{label}-1
add set {family} dnspin pin-{label}-1 {{ type {kind}; flags timeout; size {size}; }}
{chain}
add chain {family} dnspin mine
add rule {family} dnspin mine {family} daddr @pin-{label}-1 accept""")  # so it stays as it is


def held(lab, qube):
    return lab.netvm.pinned_addresses(qube)


def assert_all_or_nothing(lab, qube, name, reply, wanted):
    """Told means pinned, all of it; not told means SERVFAIL and not one of them pinned."""
    pinned = held(lab, qube) & set(wanted)
    if reply.addresses:
        assert sorted(reply.addresses) == sorted(wanted), (name, reply)
        assert pinned == set(wanted), f"{name}: told {wanted}, pinned {pinned}"
        assert all(qube.connect(address, tcp_port(name), timeout=10) for address in wanted), name
        return True
    assert reply.status == "SERVFAIL" and reply.ede == NOT_READY, (name, reply)
    assert not pinned, f"{name}: not told, but {pinned} pinned"
    shut = [address for address in wanted if not qube.connect(address, tcp_port(name)).passed]
    assert shut == list(wanted), (name, shut)
    return False


def script(servers, name, first, count):
    """From now on the name has so many addresses."""
    base = "2001:db8:a::" if name[0] == "v" else "198.51.100."
    addresses = [f"{base}{number}" for number in range(first, first + count)]
    servers.authority.at(name, records(addresses, ttl=60))
    return addresses


def alone(lab, servers):
    """An answer of which the kernel refuses one address is not told at all"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "alone", clients={"work": RULES}) as dnspin:
        make_small(lab, work)
        time.sleep(1)  # it notices, and leaves the set alone: others use it
        refused = 0
        for tcp, kind, name in ((False, "A", "one.small.test"), (True, "A", "two.small.test"),
                                (False, "AAAA", "v6.small.test")):
            wanted = script(servers, name, 20 + 10 * refused, 3)
            for _ in range(2):  # the second time the answer is in the cache
                reply = work.ask(name, kind, tcp=tcp)
                assert not assert_all_or_nothing(lab, work, name, reply, wanted)
                refused += 1
        assert not held(lab, work)
        # What fits is told, and then stands while others are refused.
        wanted = script(servers, "fits.small.test", 100, SMALL)
        reply = work.ask("fits.small.test")
        assert assert_all_or_nothing(lab, work, "fits.small.test", reply, wanted)
        more = script(servers, "more.small.test", 101, SMALL)  # one is there, one is new
        reply = work.ask("more.small.test")
        assert reply.status == "SERVFAIL" and reply.ede == NOT_READY, reply
        assert held(lab, work) == set(wanted)
        assert not work.connect(more[-1]).passed
        # Another answer with just what is there needs no room.
        servers.authority.at("same.small.test", records(wanted, ttl=60))
        assert sorted(work.ask("same.small.test").addresses) == sorted(wanted)
        assert dnspin.metric("dnspin_commits_failed_total") == refused + 1
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
        assert dnspin.wait_log("the kernel did not take the pins of one.small.test for work")
        # The next start makes the sets anew, as soon as others let them go, and all is told.
        dnspin.kill()
        lab.netvm.nft("flush chain ip dnspin mine\nflush chain ip6 dnspin mine")
        dnspin.start()
        assert held(lab, work) == set(wanted)
        good = script(servers, "good.small.test", 1, 8)
        assert work.ask("good.small.test").addresses == good, "with a set of its own size it works"
    return f"{refused + 1} answers refused whole, 3 told whole"


def frozen(dnspin, lab, servers, questions):
    """Asks all of it while dnspind stands still; the replies, or None if that took too long."""
    before, pid = servers.authority.count(), dnspin.pid
    began = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    try:
        workers = [lab.qube(qube).start(lab.qube(qube).ask, name) for qube, name, _ in questions]
        asked = trial.wait_until(
            lambda: servers.authority.count() >= before + len(questions), timeout=PATIENCE,
            pause=0.001)
        time.sleep(0.05)  # the answers get to the resolver, and its requests to the channels
    finally:
        os.kill(pid, signal.SIGCONT)
    in_time = time.monotonic() - began < PATIENCE
    replies = [worker.result() for worker in workers]
    return replies if asked and in_time else None


def together(lab, servers):
    """Other answers of the same moment are told: of another set and of another client"""
    work, personal = lab.qubes[:2]
    moments, too_slow, told, refused, fitted = 0, 0, 0, 0, 0
    with trial.with_dnspin(lab, "together", clients={"work": RULES, "personal": RULES},
                           settings=SHORT) as dnspin:
        make_small(lab, work)
        time.sleep(1)  # it notices, and leaves the set alone: others use it
        while moments < 5:
            assert too_slow < 40, "this machine is too busy to stop dnspind for so short a time"
            turn = moments + too_slow
            questions = [(qube, name, script(servers, name, first, count))
                         for qube, name, first, count in (
                             ("work", f"t{turn}.large.test", 100, 4),
                             ("work", f"t{turn}.small.test", 10, 3),
                             ("personal", f"p{turn}.small.test", 10, 3),
                             ("work", f"u{turn}.large.test", 104, 4),
                             ("work", f"u{turn}.small.test", 20, SMALL),
                             ("personal", f"p{turn}.large.test", 20, 8))]
            replies = frozen(dnspin, lab, servers, questions)
            if replies is None:
                too_slow += 1
            else:
                moments += 1
                for (qube, name, wanted), reply in zip(questions, replies):
                    if "small" in name and qube == "work":
                        continue
                    assert assert_all_or_nothing(lab, lab.qube(qube), name, reply, wanted), (
                        name, reply)
                    told += 1
                _, name, wanted = questions[1]
                assert not assert_all_or_nothing(lab, work, name, replies[1], wanted)
                refused += 1
                # What would fit by itself may be refused where the other one stood in its way.
                _, name, wanted = questions[4]
                fitted += assert_all_or_nothing(lab, work, name, replies[4], wanted)
            trial.wait_until(lambda: not held(lab, work))  # room for the next
            time.sleep(1.5)  # until the kernel has collected what ended
            lab.netvm.run(["conntrack", "-F"])
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
        assert dnspin.metric("dnspin_commits_failed_total") >= refused
    return (f"{moments} moments: {refused} answers refused whole, {told} beside them told whole, "
            f"{fitted} of {moments} of the same small set; {too_slow} moments too slow to count")


if __name__ == "__main__":
    trial.run(alone, together)
