#!/usr/bin/python3 -B
"""What dnspind tells the journal, read by a stand-in for systemd's: one entry an event, its fields,
names that would be fields of their own, and a budget for each client."""

import functools
import pathlib
import re
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import aliases, records, trial  # noqa: E402
from lab.journal import Journal  # noqa: E402

DNS = ("10.139.1.1", 53)
FIELDS = {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "DNSPIN_EVENT", "DNSPIN_CLIENT",
          "DNSPIN_NAME", "DNSPIN_ADDRESS", "DNSPIN_TTL", "DNSPIN_RULE", "DNSPIN_EDE"}
EVENTS = {"pinned", "refused", "revoked", "blocked", "error"}
BUDGET, PER_SECOND = 200, 20  # lines
PATIENT = 10
RULES = """\
drop .ads.test
accept docs.test tcp 80
accept .evil.test tcp 80
accept .race.test tcp 80
accept .alias.test tcp 443
"""


@functools.cache
def journal_of(lab):
    return Journal(lab)


def assert_well_formed(entries):
    for entry in entries:
        assert entry.keys() <= FIELDS, entry
        assert entry["SYSLOG_IDENTIFIER"] == "dnspind" and entry["PRIORITY"] in "23456", entry
        assert all(re.fullmatch(r"[ -~]*", value) for value in entry.values()), entry
        if "DNSPIN_EVENT" in entry:
            assert entry["DNSPIN_EVENT"] in EVENTS and entry.get("DNSPIN_CLIENT"), entry


def new_entry(journal, **fields):
    """The first with these fields, DNSPIN_ left out; it has to come."""
    wanted = {f"DNSPIN_{key}": value for key, value in fields.items()}
    found = journal.wait(lambda entry: wanted.items() <= entry.items(), timeout=PATIENT)
    assert found, f"no entry with {wanted}; the last: {journal.entries[-3:]}"
    return found


def events(lab, servers):
    """Pinned, refused and error events with their fields"""
    journal, work = journal_of(lab), lab.qube("work")
    servers.authority.at("www.alias.test", aliases(["end.elsewhere.test"], ["198.51.100.80"]))
    servers.authority.at("to-ads.alias.test", aliases(["x.ads.test"], ["198.51.100.81"]))
    servers.authority.at("many.alias.test", records([f"198.51.100.{n}" for n in range(90, 100)]))
    with trial.with_dnspin(lab, "events", clients={"work": RULES},
                           settings={"pins": {"per_name": 8}}) as dnspin:
        assert journal.wait(lambda entry: "serves 1 clients" in entry["MESSAGE"])
        assert work.ask("docs.test").addresses == ["203.0.113.30"]
        entry = new_entry(journal, EVENT="pinned", NAME="docs.test")
        assert entry == {
            "MESSAGE": "pinned work docs.test 203.0.113.30 for 300s (rule 2)", "PRIORITY": "6",
            "SYSLOG_IDENTIFIER": "dnspind", "DNSPIN_EVENT": "pinned", "DNSPIN_CLIENT": "work",
            "DNSPIN_NAME": "docs.test", "DNSPIN_ADDRESS": "203.0.113.30", "DNSPIN_TTL": "300",
            "DNSPIN_RULE": "2"}, entry
        assert work.ask("docs.test", "AAAA").addresses and work.ask("www.alias.test").addresses
        new_entry(journal, EVENT="pinned", NAME="docs.test", ADDRESS="2001:db8:5::30", RULE="2")
        new_entry(journal, EVENT="pinned", NAME="www.alias.test", ADDRESS="198.51.100.80", RULE="5")
        for name, ede in (("casino.test", "18"), ("www.ads.test", "15"),
                          ("private-2.evil.test", "17"), ("to-ads.alias.test", "15")):
            assert not work.ask(name).addresses
            entry = new_entry(journal, EVENT="refused", NAME=name, EDE=ede, CLIENT="work")
            assert entry["MESSAGE"].startswith(f"refused work {name}: "), entry
            assert not {"DNSPIN_ADDRESS", "DNSPIN_TTL"} & entry.keys(), entry
        assert work.ask("many.alias.test").status == "SERVFAIL"
        entry = new_entry(journal, EVENT="error", NAME="many.alias.test", CLIENT="work")
        assert "per_name" in entry["MESSAGE"] and entry["PRIORITY"] == "4", entry
        # Asked again, an address is pinned longer, and that is no news.
        lines = len(journal.entries)
        assert work.ask("docs.test").addresses and work.ask("casino.test").status == "REFUSED"
        assert trial.wait_until(lambda: len(journal.entries) > lines)
        assert [entry["DNSPIN_EVENT"] for entry in journal.entries[lines:]] == ["refused"]
        assert not dnspin.log(), "on stderr as well"
        assert_well_formed(journal.entries)
    return f"{len(journal.entries)} entries, {len(journal.entries[0])} to 9 fields"


def ask_labels(qube, labels):
    """A question as no library would write it; returns the rcode of the reply."""
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0\0\1\0\1"
    with qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENT)
        sock.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question, DNS)
        return sock.recv(4096)[3] & 15


EVIL_LABELS = (
    [b"a\nPRIORITY=0", b"test"], [b"\n_PRIORITY=0\n", b"test"], [b"a\n\nMESSAGE=all is well"],
    [b"\x1b[2J\x1b[31m", b"test"], [b"MESSAGE\n" + struct.pack("<Q", 4) + b"evil\n", b"test"],
    [b"\xc3\xbc\xff\x00\x80", b"test"], [b"a.b", b"test"], [b"quote\"back\\slash", b"test"],
    [b"new\r\nline", b"docs", b"test"], [b"%s%n{}", b"test"], [b"\x7f\x08\t", b"test"],
    [b"\n" * 63] * 3 + [b"\n" * 61], [b"x" * 63] * 3 + [b"\x1b" * 61])


def escaped(label):
    return "".join(chr(c) if chr(c).isalnum() and c < 128 or chr(c) in "-_" else f"\\{c:03}"
                   for c in label.lower())


def names(lab, _):
    """A name from the network makes no field, no line and no colour of its own"""
    journal, work = journal_of(lab), lab.qube("work")
    before = len(journal.entries)
    with trial.with_dnspin(lab, "names", clients={"work": RULES}):
        assert trial.wait_until(lambda: "serves 1 clients" in "".join(
            entry["MESSAGE"] for entry in journal.entries[before:]))
        began = len(journal.entries)
        for labels in EVIL_LABELS:
            before = len(journal.entries)
            assert ask_labels(work, labels) == 5, labels
            assert trial.wait_until(lambda n=before: len(journal.entries) > n), labels
            entry = journal.entries[before]
            assert entry["DNSPIN_EVENT"] == "refused" and entry["PRIORITY"] == "5", entry
            name = ".".join(map(escaped, labels))
            told = entry["DNSPIN_NAME"]
            loosely = re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1))), told)
            exactly = re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1))), name)
            assert loosely == exactly[:len(loosely)] and len(told) > min(len(name), 1000) - 9, (
                told, name)
        time.sleep(0.1)
        assert len(journal.entries) == began + len(EVIL_LABELS)
        assert_well_formed(journal.entries)
    return f"{len(EVIL_LABELS)} names, {len(EVIL_LABELS)} entries"


def ask_refused(_, count):
    """So many questions that no rule allows, each answered before the next."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(DNS)
        sock.settimeout(PATIENT)
        refused = 0
        for number in range(count):
            name = f"{number:06}".encode()
            sock.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\6" + name + b"\6casino\4test\0\0\1\0\1")
            refused += sock.recv(4096)[3] & 15 == 5
        return refused


def budget(lab, _):
    """10,000 refusals of one client are few lines and a count, and the other's lines all appear"""
    journal, (work, personal) = journal_of(lab), lab.qubes[:2]
    with trial.with_dnspin(lab, "budget", clients={"work": RULES, "personal": RULES}) as dnspin:
        first, began, count = len(journal.entries), time.monotonic(), 10_000
        flood = work.start(ask_refused, work, count)
        for number in range(40):
            assert personal.ask(f"{number}.race.test").addresses
            assert personal.ask(f"p{number}.casino.test").status == "REFUSED"
            time.sleep(0.03)
        assert flood.result() == count
        said = journal.wait(lambda entry: entry.get("DNSPIN_CLIENT") == "work"
                            and "left out" in entry["MESSAGE"], timeout=PATIENT)
        assert said, "nobody says that lines were left out"
        time.sleep(2.5)  # the rest of it
        seconds, entries = time.monotonic() - began, journal.entries[first:]
        mine = [entry for entry in entries if entry.get("DNSPIN_CLIENT") == "personal"]
        events_of_mine = [(entry["DNSPIN_EVENT"], entry["DNSPIN_NAME"]) for entry in mine]
        for number in range(40):
            assert ("pinned", f"{number}.race.test") in events_of_mine, number
            assert ("refused", f"p{number}.casino.test") in events_of_mine, number
        work_entries = [entry for entry in entries if entry.get("DNSPIN_CLIENT") == "work"]
        lines = sum(entry.get("DNSPIN_EVENT") == "refused" for entry in work_entries)
        assert 0 < lines <= BUDGET + PER_SECOND * (seconds + 1), (lines, seconds)
        left_out = sum(int(re.match(r"(\d+) log lines", entry["MESSAGE"]).group(1))
                       for entry in work_entries if "left out" in entry["MESSAGE"])
        assert lines + left_out == count, f"{lines} lines and {left_out} left out of {count}"
        assert dnspin.metric("dnspin_log_lines_dropped_total") == left_out
        assert_well_formed(entries)
    return f"{lines} lines, {left_out} counted as left out; all {len(mine)} of the other client"


if __name__ == "__main__":
    trial.run(events, names, budget)
