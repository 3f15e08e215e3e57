#!/usr/bin/python3 -B
"""What dnspind lets be seen of a client, and what it lets it be taught: why, explain, record,
events, learn and flush, over the control socket."""

import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402
from lab.authority import aliases  # noqa: E402
from lab.faults import Page  # noqa: E402
from lab.steady import assert_open, assert_shut  # noqa: E402

EDGE, OTHER, ADS, FIXED = "203.0.113.21", "203.0.113.30", "203.0.113.40", "203.0.113.99"
RULES = "accept .shop.test tcp 80\ndrop ads.test\ndrop 203.0.113.99\ndrop\n"
ALSO_DNS = "accept .shop.test tcp 80\naccept specialtarget=dns\n"


def request(dnspin, command, **arguments):
    """One request, as any program may put it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(dnspin.run_dir / "control"))
        sock.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
        reply = b""
        while piece := sock.recv(65536):
            reply += piece
    return json.loads(reply)


def answers(servers):
    authority = servers.authority
    authority.at("www.shop.test", aliases(["edge.shop.test"], [EDGE]))
    authority.at("other.test", records([OTHER], ttl=60))
    authority.at("ads.test", records([ADS], ttl=60))
    authority.at("fixed.test", records([FIXED], ttl=60))


def names(dnspin, client="work"):
    return {entry["name"]: entry for entry in request(dnspin, "record", client=client)["names"]}


def seen(lab, servers):
    """why, explain, record, events: question, chain, rule, life, flows"""
    answers(servers)
    work = lab.qube("work")
    with trial.with_dnspin(lab, "seen", clients={"work": ALSO_DNS}) as dnspin:
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert work.ask("other.test").addresses == [OTHER]
        assert_open(work, EDGE)
        why = request(dnspin, "why", client="work", address=EDGE)
        pin, = why["pins"]
        assert (pin["rule"], pin["name"], pin["origin"]) == (
            ".shop.test", "www.shop.test", "clients.d/work:2"), why
        assert pin["holders"][0]["name"] == "www.shop.test", why
        answer, = why["answers"]
        assert (answer["name"], answer["chain"], answer["standing"]) == (
            "www.shop.test", ["edge.shop.test"], "pinned"), why
        assert why["flows"] is not None and why["rules"] == [], why
        nothing = request(dnspin, "why", client="work", address=OTHER)
        assert nothing["pins"] == [] and nothing["answers"][0]["standing"] == "answered", nothing
        explained = request(dnspin, "explain", client="work", name="new.shop.test")
        assert explained["standing"] == "pinned" and explained["opens"][0]["ports"] == "80"
        assert explained["rule"]["origin"] == "clients.d/work:2", explained
        assert request(dnspin, "explain", client="work", name="x.test")["standing"] == "answered"
        record = names(dnspin)
        assert record["www.shop.test"]["addresses"] == [EDGE], record
        assert record["other.test"]["standing"] == "answered", record
        events = request(dnspin, "events")
        assert [(e["kind"], e["name"]) for e in events["events"]] == [
            ("pinned", "www.shop.test"), ("answered", "other.test")], events
        assert request(dnspin, "events", after=events["next"])["events"] == []
        for bad in ({"address": "x"}, {"client": 7}, {"client": "nobody", "address": EDGE}, {}):
            assert "error" in request(dnspin, "why", **bad), bad
        assert "error" in request(dnspin, "explain", client="work", name="a..b")
    return "one name by an alias, one that nothing opens"


def taught(lab, servers):
    """A client that is taught has what it asks, but for what is dropped by name or address; it
    ends by itself, its pins with it"""
    answers(servers)
    work = lab.qube("work")
    with trial.with_dnspin(lab, "taught", clients={"work": RULES}) as dnspin:
        assert dnspin.wait_log("open work"), dnspin.log()
        assert work.ask("other.test").status == "REFUSED"
        assert names(dnspin)["other.test"]["standing"] == "prohibited"
        lesson = request(dnspin, "learn", client="work", seconds=6)
        assert lesson["ports"] == ["tcp/80", "tcp/443", "udp/443"], lesson
        assert request(dnspin, "status")["learning"][0]["client"] == "work"
        assert work.ask("other.test").addresses == [OTHER]
        assert_open(work, OTHER)
        assert_shut(work, OTHER, port=8080)
        assert work.ask("ads.test").status == "REFUSED"
        assert work.ask("fixed.test").addresses == [FIXED]
        assert_shut(work, FIXED)
        assert dnspin.reload(), "a reload does not end it"
        assert_open(work, OTHER)
        assert dnspin.wait_log("a lesson is over", timeout=15), dnspin.log()
        assert_shut(work, OTHER)
        assert work.ask("other.test").status == "REFUSED"
        assert OTHER not in lab.netvm.pinned_addresses(work)
        record = names(dnspin)
        assert {"other.test", "ads.test", "fixed.test"} <= set(record), record
        assert record["other.test"]["addresses"] == [OTHER], record
    return "opened for six seconds"


def ends(lab, servers):
    """It ends when told to, and with a restart; `learn = false` forbids it"""
    answers(servers)
    work = lab.qube("work")
    with trial.with_dnspin(lab, "ends", clients={"work": RULES}) as dnspin:
        assert dnspin.wait_log("open work"), dnspin.log()
        assert "error" in request(dnspin, "learn", client="work", seconds=0)
        assert "error" in request(dnspin, "learn", client="work", seconds=3601)
        assert "error" in request(dnspin, "learn", client="work", seconds=60, ports=["tcp/0"])
        request(dnspin, "learn", client="work", seconds=600, ports=["tcp/8080"])
        assert work.ask("other.test").addresses == [OTHER]
        assert_open(work, OTHER, port=8080)
        assert_shut(work, OTHER)
        assert request(dnspin, "learn", client="work", seconds=0)["left_s"] == 0
        assert_shut(work, OTHER, port=8080)
        request(dnspin, "learn", client="work", seconds=600)
        assert work.ask("other.test").addresses == [OTHER]
        dnspin.stop()
        dnspin.start()
        assert_shut(work, OTHER)
        assert OTHER not in lab.netvm.pinned_addresses(work)
        request(dnspin, "learn", client="work", seconds=600)
        assert_open(work, work.ask("other.test").addresses[0])
        dnspin.write_client("work", "drop")
        assert dnspin.reload(), "dom0, or a person, has other rules for it now"
        assert_shut(work, OTHER)
        assert trial.wait_until(lambda: not request(dnspin, "status")["learning"])
        dnspin.write_client("work", RULES)
        assert dnspin.reload()
        assert work.ask("other.test").status == "REFUSED"
        request(dnspin, "learn", client="work", seconds=600)
        dnspin.write_settings({"clients": {"learn": False}})
        assert dnspin.reload()
        assert work.ask("other.test").status == "REFUSED"
    with trial.with_dnspin(lab, "forbidden", clients={"work": RULES},
                           settings={"clients": {"learn": False}}) as dnspin:
        assert "learn = false" in request(dnspin, "learn", client="work", seconds=60)["error"]
    return "by hand, by a restart, by other rules, by configuration"


def blocked(lab, servers):
    """blocked: refused packets by the name that the client was told, and refused names"""
    answers(servers)
    work, personal = lab.qube("work"), lab.qube("personal")
    with trial.with_dnspin(lab, "blocked", clients={"work": ALSO_DNS, "personal": RULES}) as dnspin:
        def seen_of(client, **wanted):
            return [entry for entry in request(dnspin, "blocked", client=client)
                    if wanted.items() <= entry.items()]

        assert dnspin.wait_log("open personal"), dnspin.log()
        assert work.ask("other.test").addresses == [OTHER]
        assert work.ask("www.shop.test").addresses == [EDGE]

        def refused(address, port, why, **wanted):
            def logged():
                assert_shut(work, address, port=port)
                return seen_of("work", address=address, port=port, protocol="tcp")
            assert trial.wait_until(logged, timeout=20), dnspin.log()
            entry = logged()[0]
            assert why in entry["why"] and wanted.items() <= entry.items(), entry

        refused(OTHER, 443, "no rule opens", name="other.test")
        refused(EDGE, 22, "pinned, but for tcp 80", name="www.shop.test")
        refused(FIXED, 80, "no name", name="")
        assert request(dnspin, "events")["events"][-1]["kind"] == "blocked"
        assert_shut(personal, FIXED)
        assert_shut(personal, ADS)
        for address, line in ((FIXED, 4), (ADS, 3)):
            entry, = trial.wait_until(lambda a=address: seen_of("personal", address=a))
            assert entry["why"] == "a rule drops it", entry
            assert entry["rule"]["origin"] == f"clients.d/personal:{line}", entry
        assert personal.ask("other.test").status == "REFUSED"
        assert personal.ask("ads.test").status == "REFUSED"
        assert seen_of("personal", name="other.test", why="no rule lists this name")
        entry, = seen_of("personal", name="ads.test", why="a rule drops this name")
        assert entry["rule"]["origin"] == "clients.d/personal:3", entry
        told = dnspin.command("blocked", "personal").stdout
        assert "a rule drops this name (clients.d/personal:3)" in told, told
        everybody = {entry["client"] for entry in request(dnspin, "blocked")}
        assert everybody == {"work", "personal"}, everybody
        request(dnspin, "learn", client="personal", seconds=60)
        assert personal.ask("other.test").addresses == [OTHER]
        assert_open(personal, OTHER, port=443)
        assert trial.wait_until(
            lambda: names(dnspin, "personal")["other.test"]["ports"] == ["tcp/443"])
        suggested = dnspin.command("suggest", "personal").stdout
        assert "accept other.test tcp 443" in suggested, suggested
        assert "accept ads.test" not in suggested, suggested
    return "three packets, two names, one lesson"


def without_log(lab, servers):
    """Where nft cannot log dnspind serves as ever, without rules that do, and says so once"""
    answers(servers)
    work, rules = lab.qube("work"), RULES.replace("drop ads.test\n", "")
    with trial.with_dnspin(lab, "nolog", start=False, clients={"work": rules},
                           env={"DNSPIN_FAULTS_LACKS": "log"}) as dnspin:
        Page.install(dnspin)
        dnspin.start()
        for _ in ("at first", "started anew"):
            assert work.ask("www.shop.test").addresses == [EDGE]
            assert_open(work, EDGE)
            assert_shut(work, OTHER)
            assert_shut(work, FIXED)
            request(dnspin, "learn", client="work", seconds=60)
            assert work.ask("other.test").addresses == [OTHER]
            assert_open(work, OTHER)
            dnspin.write_client("work", ALSO_DNS)
            assert dnspin.reload()
            assert_open(work, EDGE)
            assert_shut(work, FIXED)
            kernel = lab.netvm.nft_list("ruleset")
            assert "qbs-10-137-0-25" in kernel and " log " not in kernel, kernel
            assert "probe" not in kernel, kernel
            assert request(dnspin, "status")["log_reader_pid"] is None
            said = [line for line in dnspin.log() if "nft cannot log" in line.text]
            assert len(said) == 1 and said[0].priority == 4, dnspin.log()
            dnspin.write_client("work", rules)
            dnspin.stop()
            dnspin.log_file.write_text("")
            dnspin.start()
    return "by two dnspinds"


def flushed(lab, servers):
    """flush: pins go, and what is asked next is pinned anew"""
    answers(servers)
    work = lab.qube("work")
    with trial.with_dnspin(lab, "flushed", clients={"work": ALSO_DNS}) as dnspin:
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_open(work, EDGE)
        assert request(dnspin, "flush", client="work") == {"pins": 1}
        assert EDGE not in lab.netvm.pinned_addresses(work)
        assert_shut(work, EDGE)
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_open(work, EDGE)
        assert request(dnspin, "flush", client="work") == {"pins": 1}
        assert request(dnspin, "flush", client="work") == {"pins": 0}
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return "twice"


if __name__ == "__main__":
    trial.run(seen, taught, ends, flushed, blocked, without_log)
