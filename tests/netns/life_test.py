#!/usr/bin/python3 -B
"""Life: stop, crash, start, reload, teardown; what is open in the kernel is only ever what the
rules allow, and what may stay does stay."""

import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import aliases, records, trial  # noqa: E402
from lab.processes import dead  # noqa: E402
from lab.steady import (  # noqa: E402
    ADD_DELETE_ADD, CASINO, DOCS, DOCS6, EDGE, FLOOR, FORBIDDEN, OLD_REFRESH, REFRESH, RULES, SIX,
    assert_kept, assert_open, assert_shut, look_up, pins, structure)


NO_FLOOR = {"pins": {"floor": "1s", "slack": "70s"}}  # so that each new answer asks for more life


def assert_broken_is_shut(lab, work):
    """No dnspind: what was told works, nothing else opens, no name is told."""
    for address in (DOCS, DOCS6, EDGE):
        assert_open(work, address)
    assert_shut(work, FORBIDDEN)
    assert_shut(work, DOCS, 443)
    assert_shut(lab.qube("personal"), DOCS)
    assert not work.ask("www.shop.test", timeout=1).addresses
    assert work.ask("docs.test", server="192.0.2.53", timeout=1).status == "TIMEOUT"


def stop_and_start(lab, name, env, way):
    work = lab.qube("work")
    with trial.with_dnspin(lab, name, clients={"work": RULES, "personal": RULES},
                           settings=NO_FLOOR, env=env) as dnspin:
        assert dnspin.control("status")["refresh"] == way
        look_up(work)
        before, tables, began = pins(lab, work), structure(lab), time.monotonic()
        listed = {pin["address"]: pin for pin in dnspin.control("pins", "work")}
        resolvers = dnspin.resolver_pids()
        assert dnspin.stop() == 0, "SIGTERM ends with exit code 0"
        assert structure(lab) == tables, "the firewall changed when dnspind ended"
        assert pins(lab, work).keys() == before.keys()
        assert trial.wait_until(lambda: all(map(dead, resolvers))), "a resolver outlives dnspind"
        assert_broken_is_shut(lab, work)

        # The next one has no rule for casino.test any more, and finds what nobody made for a name.
        dnspin.write_client("work", RULES.replace("accept casino.test tcp 80\n", ""))
        docs_set, six_set = before[DOCS].set, before[SIX].set
        lab.netvm.nft(f"""add element ip dnspin {docs_set} {{
  203.0.113.90 timeout 90s comment "stranger", 203.0.113.91 timeout 90s,
  203.0.113.92 timeout 90s comment "docs.test.evil", 203.0.113.93 timeout 90s comment "test",
  203.0.113.94 timeout 90s comment " < docs.test", 203.0.113.95 timeout 90s comment ".test" }}
add element ip6 dnspin {six_set} {{ 2001:db8:6::90 timeout 90s comment "*" }}""")
        time.sleep(2)
        dnspin.start()
        after, elapsed = pins(lab, work), time.monotonic() - began
        assert after.keys() == before.keys() - {CASINO}, after.keys() ^ before.keys()
        assert_kept(before, after, after, elapsed)
        assert_shut(work, CASINO)
        for number in range(90, 96):
            assert_shut(work, f"203.0.113.{number}")
        for address in after:
            assert_open(work, address)
        # It knows what they were made for, and goes on with them.
        for pin in dnspin.control("pins", "work"):
            old = listed[pin["address"]]
            assert (pin["name"], pin["rule"]) == (old["name"], old["rule"]), (pin, old)
        # Once the rule goes on and the name is asked for again, its life is whole again.
        assert work.ask("docs.test").addresses == [DOCS]
        assert pins(lab, work)[DOCS].expires > after[DOCS].expires + 1
        left = {pin["address"] for pin in dnspin.control("pins", "work")}
        assert left == after.keys() and dnspin.control("pins", "personal") == []
    return f"{len(after)} pins adopted, 1 of a rule that is gone and 7 strangers removed"


def stopped(lab, _):
    """SIGTERM leaves the firewall shut and the pins alive, and the next dnspind adopts them"""
    return stop_and_start(lab, "stopped", {}, REFRESH)


def stopped_old_kernel(lab, _):
    """The same with the refresh of old kernels"""
    return stop_and_start(lab, "stopped-old", ADD_DELETE_ADD, OLD_REFRESH)


def killed(lab, _):
    """kill -9 of dnspind opens nothing and ends its resolver; a new one goes on"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "killed", clients={"work": RULES, "personal": RULES},
                           settings=FLOOR) as dnspin:
        look_up(work)
        before, tables, began = pins(lab, work), structure(lab), time.monotonic()
        resolvers = dnspin.resolver_pids()
        dnspin.kill()
        assert trial.wait_until(lambda: all(map(dead, resolvers))), "a resolver outlives dnspind"
        assert structure(lab) == tables
        assert_broken_is_shut(lab, work)
        dnspin.start()
        after = pins(lab, work)
        assert after.keys() == before.keys()
        assert_kept(before, after, after, time.monotonic() - began)
        look_up(work)
        assert structure(lab).count("dnat") == tables.count("dnat")
    return f"{len(after)} pins outlived it"


def killed_resolver(lab, _):
    """kill -9 of the resolvers: new ones serve at once, and no pin moves"""
    work, personal = lab.qubes[:2]
    slowest = 0.0
    with trial.with_dnspin(lab, "resolver", clients={"work": RULES, "personal": RULES},
                           settings=FLOOR) as dnspin:
        look_up(work)
        before = pins(lab, work)
        for times in range(1, 4):
            old = dnspin.resolver_pids()
            began = time.monotonic()
            for pid in old:
                os.kill(pid, 9)
            assert_open(work, DOCS)
            assert_shut(work, FORBIDDEN)
            served = trial.wait_until(
                lambda: personal.ask("docs.test", timeout=0.5).addresses == [DOCS], timeout=20)
            assert served, "personal is not served any more"
            slowest = max(slowest, time.monotonic() - began)
            assert not set(dnspin.resolver_pids()) & set(old)
            assert dnspin.metric("dnspin_readers_restarted_total") == times * len(old)
        assert slowest < 5, f"{slowest:.1f} s until served again"
        after = pins(lab, work)
        assert after.keys() == before.keys()
        assert all(after[address].comment == pin.comment for address, pin in before.items())
        assert dnspin.wait_log("killed by signal 9"), "nothing says how it ended"
        assert dnspin.metric("dnspin_channel_breaches_total") == 0, "the dead are no liars"
        look_up(work)
        assert dnspin.process.poll() is None
    return f"3 times, served again after {slowest:.2f} s at most"


def second(lab, _):
    """A second dnspind in the namespace does not start, and does not disturb the first"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "first", clients={"work": RULES}, settings=FLOOR) as dnspin:
        look_up(work)
        before, pids = structure(lab), dnspin.resolver_pids()
        other = lab.scratch / "other.toml"
        other.write_text(f"[daemon]\nrun_dir = \"{lab.scratch}/other\"\n")
        (lab.scratch / "clients.d").mkdir()
        for config in (dnspin.config, other):
            result = lab.netvm.run([dnspin.bin / "dnspind", "--config", config], timeout=20)
            assert result.returncode == 3, result
            assert "another dnspind runs in this network namespace" in result.stderr, result
        assert structure(lab) == before and dnspin.resolver_pids() == pids
        look_up(work)
        # A dead one's lock is nobody's.
        dnspin.kill()
        dnspin.start()
        look_up(work)
    return "exit code 3, with its own and with the first one's folder"


OF_OTHERS = """
add table ip mine
add chain ip mine forward { type filter hook forward priority 10; policy accept; }
add rule ip mine forward counter comment "mine"
add table ip qubes
add chain ip qubes custom-input
add rule ip qubes custom-input udp dport 5353 accept comment "mine"
add table ip6 qubes
add chain ip6 qubes custom-input
add rule ip6 qubes custom-input udp dport 5353 accept comment "mine"
add table ip dnspin-mine
add set ip dnspin-mine pin-10-137-0-25-1 { type ipv4_addr; }
add element ip dnspin-mine pin-10-137-0-25-1 { 192.0.2.77 }
"""


def whole_ruleset(lab):
    return re.sub(r"counter packets \d+ bytes \d+", "counter", lab.netvm.nft_list("ruleset"))


def torn_down(lab, _):
    """--teardown removes all that dnspind made, and nothing else"""
    lab.netvm.nft(OF_OTHERS)
    before = whole_ruleset(lab)
    work = lab.qube("work")
    with trial.with_dnspin(lab, "torn", clients={"work": RULES}, settings=FLOOR) as dnspin:
        look_up(work)
        assert_shut(work, FORBIDDEN)
        during = whole_ruleset(lab)
        assert during.count("ct status dnat") == 4, "nothing lets DNS into the netvm of Qubes OS"
        assert dnspin.stop() == 0
        for _ in range(2):
            result = lab.netvm.run([dnspin.bin / "dnspind", "--config", dnspin.config,
                                    "--teardown"])
            assert result.returncode == 0, result
            assert whole_ruleset(lab) == before, whole_ruleset(lab)
        assert_open(work, FORBIDDEN)
        dnspin.start()
        look_up(work)
    lab.netvm.nft("".join(f"delete table {table}\n"
                          for table in ("ip mine", "ip qubes", "ip6 qubes", "ip dnspin-mine")))
    return "twice, and started again afterwards"


def foreign(lab, _):
    """Rules of others in our chains stay where they are, through reload, crash and restart"""
    work, first, last, beside = lab.qube("work"), "203.0.113.81", "203.0.113.82", "203.0.113.83"
    with trial.with_dnspin(lab, "foreign", clients={"work": RULES}, settings=FLOOR) as dnspin:
        look_up(work)
        assert_shut(work, first)
        lab.netvm.nft(f"""
insert rule ip dnspin qubes-forward ip daddr {first} accept comment "first"
add rule ip dnspin qubes-forward ip daddr {last} accept comment "last"
insert rule ip dnspin forward ip daddr {beside} reject comment "beside"
add chain ip dnspin theirs
add rule ip dnspin theirs ip daddr {first} counter
insert rule ip dnspin qubes-forward jump theirs
add rule ip dnspin qbs-10-137-0-25 ip daddr {last} accept""")

        def as_it_was():
            chain = lab.netvm.nft_list("chain", "ip", "dnspin", "qubes-forward")
            words = ["jump theirs", f"{first} accept", "vmap @clients", f"{last} accept"]
            places = [chain.find(word) for word in words]
            assert places == sorted(places) and places[0] > 0, chain
            assert [chain.count(word) for word in words] == [1] * 4, chain
            assert f"{beside} reject" in lab.netvm.nft_list("chain", "ip", "dnspin", "forward")
            assert_open(work, first)
            assert_shut(work, last)
            look_up(work)

        as_it_was()
        lives = (dnspin.reload, dnspin.hang_up, dnspin.stop, dnspin.start, dnspin.kill,
                 dnspin.start)
        for step in lives:
            step()
            if dnspin.process.poll() is None:
                as_it_was()
        dnspin.write_client("work", "accept docs.test tcp 80")
        assert dnspin.reload()
        dnspin.write_client("work", RULES)
        assert dnspin.reload()
        as_it_was()
    return f"{len(lives) + 2} changes, 4 rules where they were"


def all_sorts(lab, servers):
    """Pins of patterns, aliases and very long names are adopted for the names they were made for"""
    work = lab.qube("work")
    long = ".".join(["l" * 60, "m" * 60, "n" * 60, "long.test"])
    servers.authority.at(long, records(["198.51.100.7"]))
    servers.authority.at("a.pattern.test", aliases(["b.elsewhere.test"], ["198.51.100.8"]))
    rules = f"accept .long.test tcp 80\naccept {long} tcp 443\naccept ~[ab]\\.pattern\\.test udp"
    with trial.with_dnspin(lab, "sorts", clients={"work": rules}, settings=FLOOR) as dnspin:
        assert work.ask(long).addresses == ["198.51.100.7"]
        assert work.ask("a.pattern.test").addresses == ["198.51.100.8"]
        before = [(pin.set, pin.address, pin.comment) for pin in lab.netvm.pins(work)]
        assert len(before) == 3 and all(len(pin[2]) <= 128 for pin in before), before
        for end in (dnspin.stop, dnspin.kill):
            end()
            dnspin.start()
            after = [(pin.set, pin.address, pin.comment) for pin in lab.netvm.pins(work)]
            assert sorted(after) == sorted(before), (before, after)
        assert_open(work, "198.51.100.7")
        assert_open(work, "198.51.100.7", 443)
        assert work.ask(long).addresses == ["198.51.100.7"]
        assert dnspin.reload() and len(lab.netvm.pins(work)) == 3
    return f"{len(before)} pins, twice"


if __name__ == "__main__":
    trial.run(stopped, stopped_old_kernel, killed, killed_resolver, second, torn_down, foreign,
              all_sorts)
