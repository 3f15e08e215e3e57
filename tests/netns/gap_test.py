#!/usr/bin/python3 -B
"""What begins while others have taken dnspin's tables away, and dnspind cannot look, does not go on
afterwards unless the rules would have let it begin."""

import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.steady import DOCS, CASINO, assert_open, assert_shut  # noqa: E402

SHORT = {"pins": {"told_max": "1s", "floor": "1s", "slack": "1s"}}
TAKE_AWAY = "".join(f"add table {family} dnspin\ndelete table {family} dnspin\n"
                    for family in ("ip", "ip6"))
# Where nothing of ours is left the kernel would not even remember flows.
REMEMBER = ("add table ip lab-ct\nadd chain ip lab-ct c { type filter hook forward priority 10; }\n"
            "add rule ip lab-ct c ct state new counter\n")


def connect(qube, address):
    sock = qube.socket()
    sock.settimeout(5)
    sock.connect((address, 80))
    return sock


def has_flow(lab, qube, address):
    return any(flow.destination == address for flow in lab.netvm.flows(qube))


def through_a_gap(lab, dnspin, qube, *addresses):
    """Connections that begin while the tables are gone and dnspind does not see it."""
    os.kill(dnspin.pid, signal.SIGSTOP)
    lab.netvm.nft(TAKE_AWAY)
    socks = [connect(qube, address) for address in addresses]
    os.kill(dnspin.pid, signal.SIGCONT)
    assert dnspin.wait_log("it is again as it was"), "restored"
    return socks


def goes_on(sock):
    """A request and its answer."""
    try:
        sock.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        return b"Hello" in sock.recv(4096)
    except OSError:
        return False


def what_has_ended(lab, _):
    """A pin that ended lets nothing begin in a gap; what began under it before goes on"""
    work = lab.qube("work")
    lab.netvm.nft(REMEMBER)
    rules = "accept docs.test tcp 80\naccept casino.test tcp 80"
    with trial.with_dnspin(lab, "ended", clients={"work": rules}, settings=SHORT) as dnspin:
        work.ask("docs.test")
        work.ask("casino.test")
        assert_open(work, CASINO)
        before = connect(work, DOCS)
        lab.netvm.run(["conntrack", "-D", "-d", CASINO])
        time.sleep(12)  # ended, and seen to have no flow
        assert_shut(work, CASINO)
        during, other = through_a_gap(lab, dnspin, work, CASINO, "203.0.113.99")
        assert trial.wait_until(lambda: not has_flow(lab, work, CASINO)), lab.netvm.flows(work)
        assert not has_flow(lab, work, "203.0.113.99")
        assert not goes_on(during) and not goes_on(other)
        assert goes_on(before), "a connection of before was cut"
    lab.netvm.nft("delete table ip lab-ct")
    return "1 of 3 connections goes on"


def behind_a_closed_chain(lab, servers):
    """Behind a dropped name that nobody knows nothing begins in a gap either"""
    work = lab.qube("work")
    servers.authority.at("ads.test", lambda query: None)  # never answers
    lab.netvm.nft(REMEMBER)
    rules = "drop ads.test\naccept dst4=203.0.113.40 proto=tcp dstports=80"
    with trial.with_dnspin(lab, "closed", clients={"work": rules}) as dnspin:
        assert_shut(work, CASINO)
        (during,) = through_a_gap(lab, dnspin, work, CASINO)
        assert trial.wait_until(lambda: not has_flow(lab, work, CASINO)), lab.netvm.flows(work)
        assert not goes_on(during)
    lab.netvm.nft("delete table ip lab-ct")
    return "1 connection, cut"


def smaller_quota(lab, _):
    """A quota below what is pinned stops neither a reload nor a restart, and revokes nothing"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "quota", clients={"work": "accept .race.test\naccept docs.test"},
                           settings={"pins": {"per_client": 64}}) as dnspin:
        for number in range(60):
            assert work.ask(f"{number}.race.test").status == "NOERROR"
        for number in range(2):
            dnspin.write_settings({"pins": {"per_client": 16 >> number}})
            dnspin.write_client("work", "accept .race.test")
            assert dnspin.reload(), dnspin.log()[-5:]
            assert len(lab.netvm.pinned_addresses(work)) == 60
            assert dnspin.stop() == 0
            dnspin.start()
            assert len(lab.netvm.pinned_addresses(work)) == 60
        assert work.ask("7.race.test").status == "NOERROR", "what is pinned may be asked again"
        assert work.ask("77.race.test").status == "SERVFAIL", "there is no room for more"
        dnspin.write_client("work", "accept docs.test")
        assert dnspin.reload()
        assert not lab.netvm.pinned_addresses(work)
        assert work.ask("docs.test").status == "NOERROR"
    return "60 pins under a quota of 8"


if __name__ == "__main__":
    trial.run(what_has_ended, behind_a_closed_chain, smaller_quota, qubes=("work",))
