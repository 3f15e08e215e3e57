#!/usr/bin/python3 -B
"""The race and the round robin of the answering mode again, in snoop mode: qubes ask a real unbound
of their own, or a server that rotates at each question."""

import functools
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
import race_test  # noqa: E402
import round_robin_test  # noqa: E402
from lab import records, topology, trial  # noqa: E402
from lab.asker import ask_datagram, ask_stream  # noqa: E402
from lab.own_resolver import OwnResolver  # noqa: E402

ASKS = "accept specialtarget=dns"  # so that its answers are held
SNOOP = {"dns": {"mode": "snoop"}}
PAIRS = 2000  # calls of getaddrinfo, each of which asks A and AAAA from one socket
ROUNDS = 20

GETADDRINFO = """
import json, socket, sys, time
longest, failed = 0, []
for number in range(int(sys.argv[1])):
    began = time.monotonic()
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(f"{number}.pair.test", 80)}
        if len(found) != 2:
            failed.append((number, sorted(found)))
    except OSError as error:
        failed.append((number, str(error)))
    longest = max(longest, time.monotonic() - began)
print(json.dumps({"longest": longest, "failed": failed}))
"""


def run_race(lab, servers, name, address, **options):
    server = OwnResolver(lab)
    try:
        rules = [{name: f"{text}\n{ASKS}" for name, text in one.items()}
                 for one in (race_test.BEFORE, race_test.AFTER)]
        asks = [functools.partial(ask, server=(address, 53)) for ask in (ask_datagram, ask_stream)]
        return race_test.run_race(lab, servers, name, {**race_test.SETTINGS, **SNOOP}, rules,
                                  asks, upstream=[address], **options)
    finally:
        server.close()


def race(lab, servers):
    """Snooped: the first packet after each answer passes, amid reloads back and forth"""
    return run_race(lab, servers, "snooped", OwnResolver.address)


def race6(lab, servers):
    """Snooped, over IPv6 alone: the first packet after each answer passes, amid reloads"""
    return run_race(lab, servers, "snooped6", OwnResolver.address6, only_ipv6=True)


def round_robin(lab, servers):
    """Snooped: 200 addresses told 8 at a time, TTL 5, each works while it is told"""
    def all_stay(tally, most, opened):
        assert most == len(opened) == 200, "no pin goes within its floor"
        return f"{tally['connections']} connections, 0 failed, 200 addresses stay pinned"
    return round_robin_test.go_round(lab, servers, "rotating", SNOOP, all_stay,
                                     server=topology.UPSTREAM, rules=ASKS, questions=200,
                                     seconds=14)


def pairs(lab, servers):
    """Trap 9: A and AAAA from one socket: each getaddrinfo gets both, none waits for a retry"""
    server, work = OwnResolver(lab), lab.qube("work")
    servers.authority.under("pair.test", records(["198.51.100.7", "2001:db8:a::7"]))
    lookup = work.run(["cat", "/etc/resolv.conf"], check=True).stdout
    try:
        work.run(["tee", "/etc/resolv.conf"], check=True,
                 input=f"nameserver {server.address}\n")
        with trial.with_dnspin(lab, "pairs", settings={**SNOOP, **race_test.SETTINGS},
                               upstream=[server.address],
                               clients={"work": f"accept .pair.test\n{ASKS}"}) as dnspin:
            said = json.loads(work.run(["/usr/bin/python3", "-c", GETADDRINFO, str(PAIRS)],
                                       check=True, timeout=200).stdout)
            assert not said["failed"], said["failed"][:10]
            assert said["longest"] < 4, f"one took {said['longest']:.1f} s: a lost answer"
            assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
            for number in range(ROUNDS):
                page = work.curl(f"http://{number}.pair.test/")
                assert page.returncode == 0, page
    finally:
        work.run(["tee", "/etc/resolv.conf"], check=True, input=lookup)
        server.close()
    return f"{PAIRS} pairs, the longest {said['longest'] * 1000:.0f} ms; {ROUNDS} pages by curl"


if __name__ == "__main__":
    trial.run(race, race6, round_robin, pairs, qubes=("work", "personal", "guest"))
