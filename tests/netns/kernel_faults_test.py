#!/usr/bin/python3 -B
"""Faults of the real kernel and of what is around dnspind: events that it could not hear, powers
that it was not given, packets that may not leave, a disk that is full, a journal that goes, an
upstream that answers twice or in pieces. What others do to its tables is repair_test.py's."""

import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.dnswire import Reply, addresses  # noqa: E402
from lab.fault_stage import RULES, Stage, running_from  # noqa: E402
from lab.journal import Journal  # noqa: E402
from lab.steady import FORBIDDEN, assert_open, assert_shut  # noqa: E402

PATIENT = 20
NEEDED = ("net_admin", "setuid", "setgid", "sys_chroot", "setpcap")
BATCH = 100_000  # elements of one foreign batch: an event each


def drops(lab, pid):
    """Events that its netlink sockets had no room for."""
    lines = lab.netvm.run(["cat", "/proc/net/netlink"]).stdout.splitlines()[1:]
    return sum(int(fields[8]) for fields in map(str.split, lines) if int(fields[2]) == pid)


def overrun(lab, _):
    """ENOBUFS: what was done to the tables among events that nobody could hear is made good"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "overrun", clients={"work": RULES, "personal": RULES}) as dnspin:
        stage = Stage(lab, dnspin)
        stage.refer()
        (pinned,) = lab.netvm.pinned_addresses(work)
        os.kill(dnspin.pid, signal.SIGSTOP)
        try:
            batches = 0
            while not drops(lab, dnspin.pid):
                batches += 1
                assert batches < 100, "there is room for all of it"
                elements = ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"
                                     for n in range(BATCH))
                lab.netvm.nft("add table ip noise\nadd set ip noise s { type ipv4_addr; }\n"
                              f"add element ip noise s {{ {elements} }}\ndelete table ip noise")
            label = work.address.replace(".", "-")
            lab.netvm.nft(f"flush chain ip dnspin qbs-{label}\n"
                          f"add rule ip dnspin qbs-{label} accept")
            assert_open(work, FORBIDDEN)
        finally:
            os.kill(dnspin.pid, signal.SIGCONT)
        assert trial.wait_until(lambda: not work.connect(FORBIDDEN).passed, PATIENT)
        stage.judge()
        assert pinned in lab.netvm.pinned_addresses(work)
    return f"{batches} x {BATCH} foreign elements"


def powerless(lab, _):
    """EPERM: without a capability that it needs dnspind does not start, and says so"""
    with trial.with_dnspin(lab, "powerless", clients={"work": RULES}, start=False) as dnspin:
        for capability in NEEDED:
            result = lab.netvm.run(
                ["setpriv", "--bounding-set", f"-{capability}", dnspin.bin / "dnspind", "--config",
                 dnspin.config], timeout=PATIENT)
            assert result.returncode == 3 and "<2>dnspind: " in result.stderr, (capability, result)
            assert not lab.netvm.nft_list("ruleset"), capability
            assert trial.wait_until(lambda: not running_from(str(dnspin.bin))), capability
        dnspin.start()
        assert_shut(lab.qube("work"), FORBIDDEN)
    return f"{len(NEEDED)} capabilities"


def no_way_out(lab, servers):
    """EPERM: questions that another's firewall does not let out fail, and work when it does"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "out", clients={"work": RULES, "personal": RULES}) as dnspin:
        stage = Stage(lab, dnspin)
        stage.refer()
        before = servers.authority.count()
        lab.netvm.nft("add table ip lab-out\nadd chain ip lab-out c { type filter hook output "
                      "priority 0; }\nadd rule ip lab-out c oifgroup 1 drop")
        replies = [work.ask(f"{number}.race.test", tcp=tcp, timeout=PATIENT)
                   for number, tcp in ((9001, False), (9002, True))]
        assert [reply.status for reply in replies] == ["SERVFAIL"] * 2, replies
        assert servers.authority.count() == before
        lab.netvm.nft("delete table ip lab-out")
        stage.judge()
    return "2 questions failed aloud"


def disk_full(lab, _):
    """A full disk: no run_dir, no start; a log that cannot be written stops nothing"""
    with trial.with_dnspin(lab, "disk", clients={"work": RULES, "personal": RULES},
                           start=False) as dnspin:
        small = "mount -t tmpfs -o mode=755,size=4k,nr_inodes=1 full \"$1\"; shift; exec \"$@\""
        dnspin.run_dir.mkdir()
        result = lab.netvm.run(["unshare", "--mount", "sh", "-ec", small, "sh", dnspin.run_dir,
                                dnspin.bin / "dnspind", "--config", dnspin.config])
        assert result.returncode == 3 and "No space left" in result.stderr, result
        assert not lab.netvm.nft_list("ruleset")
        dnspin.log_file = pathlib.Path("/dev/full")
        dnspin.start()
        stage = Stage(lab, dnspin)
        stage.refer()
        for _ in range(20):
            assert stage.ask("work") and stage.refused("work")
        assert dnspin.metric("dnspin_log_lines_dropped_total") >= 40
        stage.judge()
        dnspin.log_file = dnspin.folder / "log"
    return "20 names told without a line of log"


def journal_gone(lab, _):
    """A journal that goes takes nothing with it: lines go to stderr until there is one again"""
    work, path = lab.qube("work"), lab.netvm.run_folder / "systemd/journal/socket"
    journal = Journal(lab)
    with trial.with_dnspin(lab, "journal", clients={"work": RULES}) as dnspin:
        assert work.ask("1.race.test").addresses
        assert journal.wait(lambda entry: "1.race.test" in entry["MESSAGE"])
        journal.close()
        path.unlink()
        assert work.ask("2.race.test").addresses
        assert dnspin.wait_log("pinned work 2.race.test")
        path.parent.rmdir()
        journal = Journal(lab)
        assert work.ask("3.race.test").addresses
        assert journal.wait(lambda entry: "3.race.test" in entry["MESSAGE"])
        assert not any("1.race.test" in line.text for line in dnspin.log())
        assert dnspin.metric("dnspin_log_lines_dropped_total") == 0
    journal.close()
    path.unlink()
    path.parent.rmdir()
    return "3 lines, each where somebody hears it"


def upstream(lab, servers):
    """An upstream that answers twice, or octet by octet: the first whole answer counts"""
    work, good, late = lab.qube("work"), "198.51.100.7", "198.51.100.8"
    servers.authority.under("twice.test", lambda query: [addresses(query, [good]),
                                                         addresses(query, [late])])
    servers.authority.under("pieces.test", lambda query: Reply(
        answer=addresses(query, [good]).answer, truncate=True, piece=1))
    with trial.with_dnspin(lab, "upstream", clients={
            "work": "accept .twice.test tcp 80\naccept .pieces.test tcp 80"}) as dnspin:
        told = [work.ask(f"{number}.{zone}.test", tcp=tcp, timeout=PATIENT).addresses
                for zone in ("twice", "pieces") for number, tcp in ((1, False), (2, True))]
        assert told == [[good]] * 4, told
        assert lab.netvm.pinned_addresses(work) == {good}
        assert_open(work, good)
        assert_shut(work, late)
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return "4 names told, one address open"


if __name__ == "__main__":
    trial.run(overrun, powerless, no_way_out, disk_full, journal_gone, upstream)
