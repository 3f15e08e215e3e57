#!/usr/bin/python3 -B
"""Whose processes they are: an account or a uid of the readers' own, or there is no start."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402

CLIENTS = {"work": "accept docs.test tcp 80"}
MEND = 'resolver_user = "65533"'


def refused(lab, _):
    """Without a user of the readers' own dnspind does not start, and says how to mend it"""
    rows = (({"resolver_user": "no-such-user"}, "'no-such-user' does not exist"),
            ({"resolver_user": "dnspin"}, "'dnspin' is what dnspind runs as"),
            ({"resolver_user": "root"}, "'root' is root"),
            ({"user": "no-such-user", "resolver_user": "nobody"}, "is what dnspind runs as"))
    for daemon, wanted in rows:
        with trial.with_dnspin(lab, "refused-" + wanted.split()[0].strip("'") + str(len(daemon)),
                               clients=CLIENTS, settings={"daemon": daemon},
                               start=False) as dnspin:
            done = lab.netvm.run([dnspin.bin / "dnspind", "--config", dnspin.config], timeout=20)
            assert done.returncode == 3, done
            assert wanted in done.stderr and MEND in done.stderr and "useradd" in done.stderr, done
            assert not lab.netvm.nft_list("ruleset"), "something was made"
            assert not dnspin.run_dir.exists()
    with trial.with_dnspin(lab, "bad-number", clients=CLIENTS, start=False,
                           settings={"daemon": {"resolver_user": "0"}}) as dnspin:
        done = lab.netvm.run([dnspin.bin / "dnspind", "--config", dnspin.config], timeout=20)
        assert done.returncode == 1 and "error: a uid is a number" in done.stderr, done
    return f"{len(rows)} users, and a number"


def taken(lab, _):
    """A uid will do for the readers; dnspind itself falls back to nobody, with a warning"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "taken", clients=CLIENTS, settings={
            "daemon": {"user": "no-such-user", "resolver_user": "65533"}}) as dnspin:
        assert work.ask("docs.test").addresses
        assert [ids(pid) for pid in (dnspin.pid, *dnspin.resolver_pids())] == ["65534", "65533"]
        assert "useradd --system no-such-user" in dnspin.wait_log("running as nobody").text
    return "served by uid 65533"


def ids(pid):
    """The uid that a process has throughout."""
    line = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                if line.startswith("Uid:"))
    uid, = set(line.split()[1:])
    return uid


if __name__ == "__main__":
    trial.run(refused, taken)
