#!/usr/bin/python3 -B
"""What dnspin says of how it fares: of its upstreams' health, and to Prometheus."""

import contextlib
import itertools
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import topology, trial, zones  # noqa: E402
from lab.authority import Authority  # noqa: E402

ONE, TWO = topology.UPSTREAM, "192.0.2.63"
RULES = "accept .race.test\naccept docs.test tcp 80\naccept .odd.test"
NOT_ZERO = ("received", "questions", "answered", "refused", "failed", "cache_hits",
            "upstream_questions", "pins", "reloads")


NUMBERS = itertools.count(1)


@contextlib.contextmanager
def second_server(lab):
    second = Authority(lab.internet, (TWO,))
    zones.install(second)
    try:
        yield second
    finally:
        second.close()


def health(dnspin, address):
    one, = [one for one in dnspin.control("status")["upstreams"]
            if one["server"] == f"{address}:53"]
    return one


def until(dnspin, qube, address, state):
    """New names are asked, one behind the other, until dnspin says this of the server."""
    assert trial.wait_until(lambda: qube.ask(f"{next(NUMBERS)}.race.test").addresses
                            and health(dnspin, address)["state"] == state,
                            timeout=60, pause=0.05), (dnspin.control("status"), state)
    return health(dnspin, address)


def died_and_back(lab, servers, isolation):
    work, personal = lab.qubes[:2]
    with second_server(lab) as second, trial.with_dnspin(
            lab, isolation, clients={"work": RULES, "personal": RULES}, upstream=(ONE, TWO),
            settings={"dns": {"isolation": isolation}}) as dnspin:
        for address in (ONE, TWO):
            assert health(dnspin, address) == {
                "server": f"{address}:53", "interface": "eth0", "state": "unasked", "answered": 0,
                "failed": 0, "answered_ago_s": None, "rtt_ms": None}
        assert dnspin.metric("dnspin_upstream_up") is None
        before = until(dnspin, work, TWO, "ok")
        assert before["answered"] >= 1 and before["failed"] == 0, before
        assert before["answered_ago_s"] <= 10 and 0 <= before["rtt_ms"] < 400, before
        second.silent = True
        dead = until(dnspin, work, TWO, "failing")
        assert dead["failed"] >= 1 and dead["answered"] >= before["answered"], dead
        assert health(dnspin, ONE)["state"] == "ok"
        assert dnspin.metric("dnspin_upstream_up") == 1, "of two"
        text = dnspin.command("status").stdout
        assert re.search(r"^ +failing, \d+ answered, \d+ failed, last \d+s ago in [\d.]+ ms$",
                         text, re.M), text
        second.silent = False
        back = until(dnspin, personal, TWO, "ok")  # the other client's word is newer
        assert back["failed"] >= dead["failed"] and back["answered"] > dead["answered"], back
        assert dnspin.metric("dnspin_upstream_up") == 2
        failures = dnspin.metric("dnspin_upstream_failures_total")
        servers.authority.silent = second.silent = True
        try:
            assert work.ask("1.docs.race.test").status == "SERVFAIL"
            for address in (ONE, TWO):
                assert trial.wait_until(lambda a=address: health(dnspin, a)["state"] == "failing")
        finally:
            servers.authority.silent = False
        assert dnspin.metric("dnspin_upstream_up") == 0
        assert dnspin.metric("dnspin_upstream_failures_total") > failures
        until(dnspin, work, ONE, "ok")
        assert health(dnspin, TWO)["state"] == "failing"
        # Who is no upstream any more is not spoken of.
        dnspin.write_settings({"dns": {"isolation": isolation, "upstream": [ONE]}})
        assert dnspin.reload()
        assert [one["server"] for one in dnspin.control("status")["upstreams"]] == [f"{ONE}:53"]
        assert TWO not in dnspin.command("metrics").stdout
    return f"{next(NUMBERS) - 1} names"


def seen_by_each(lab, servers):
    """An upstream that dies, and one that is back, is seen in status: a reader for each client"""
    return died_and_back(lab, servers, "client")


def seen_by_all(lab, servers):
    """The same with one reader for all"""
    return died_and_back(lab, servers, "shared")


def promtool(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=30, check=False)


def liked_by_promtool(lab, _):
    """What metrics says of a dnspind that has done something passes `promtool check metrics`"""
    work, personal = lab.qubes[:2]
    with trial.with_dnspin(lab, "promtool", clients={"work": RULES, "personal": "docs.test"},
                           upstream=(ONE, TWO)) as dnspin:  # nobody is at the second
        for _ in range(2):
            assert work.ask("docs.test").addresses and personal.ask("docs.test").addresses
        assert work.ask("casino.test").status == "REFUSED"
        assert work.ask("servfail.odd.test").status == "SERVFAIL"
        assert dnspin.command("learn", "personal", "1m").returncode == 0
        assert personal.ask("1.race.test").addresses
        assert dnspin.reload()
        for number in range(100, 110):
            work.ask(f"{number}.race.test")
            if health(dnspin, TWO)["state"] == "failing":
                break
            time.sleep(0.3)
        assert dnspin.metric("dnspin_upstream_up") == 1
        done = trial.wait_until(lambda: all(dnspin.control("metrics")[name] for name in NOT_ZERO))
        assert done, dnspin.control("metrics")
        text = dnspin.command("metrics").stdout
        checked = promtool(text)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", ""), checked
        assert promtool(text + "dnspinX 1\n").returncode != 0, "nothing is amiss anywhere"
    return f"{len(text.splitlines())} lines"


if __name__ == "__main__":
    trial.run(seen_by_each, seen_by_all, liked_by_promtool)
