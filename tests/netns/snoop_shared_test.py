#!/usr/bin/python3 -B
"""Snoop mode with `isolation = "shared"`: one reader, and one queue for the answers to all."""

import os
import pathlib
import signal
import socket
import sys
import time

import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402
from lab.steady import assert_open, assert_shut, pins  # noqa: E402
import snoop_test  # noqa: E402
from snoop_test import ADDRESS, ADDRESS6, FREE, OTHER, SERVER, SERVER6, asks, snooping  # noqa: E402

snoop_test.SNOOP["dns"]["isolation"] = "shared"
QUEUES = "/proc/net/netfilter/nfnetlink_queue"


def queues(lab):
    """Number, and how many packets wait, of each queue in the netvm."""
    lines = lab.netvm.run(["cat", QUEUES]).stdout.splitlines()
    return [(int(line.split()[0]), int(line.split()[2])) for line in lines]


def one_queue(lab, servers):
    """Two qubes, IPv4 and IPv6: one queue, and each gets and opens its own"""
    snoop_test.answers(servers)
    work, personal = lab.qube("work"), lab.qube("personal")
    with snooping(lab, "one", {"work": FREE, "personal": "accept other.test\n" + FREE}) as dnspin:
        assert work.ask("snoop.test", server=SERVER).addresses == [ADDRESS]
        assert personal.ask("snoop.test", "AAAA", server=SERVER6).addresses == [ADDRESS6]
        assert work.ask("other.test", server=SERVER).addresses == [OTHER]
        assert personal.ask("other.test", server=SERVER).addresses == [OTHER]
        assert len(queues(lab)) == 1, queues(lab)
        assert dnspin.resolver_pid("work") == dnspin.resolver_pid("personal")
        assert_open(work, ADDRESS)
        assert_shut(work, OTHER)
        assert_shut(personal, ADDRESS)
        assert_open(personal, ADDRESS6)
        assert_open(personal, OTHER)
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return "four answers by one queue"


def a_pin_that_waits(lab, servers):
    """Trap 9: while dnspind stands still one qube's pin waits; what needs none waits as it does,
    and everything goes on with it"""
    snoop_test.answers(servers)
    work, personal = lab.qube("work"), lab.qube("personal")
    with snooping(lab, "waits", {"work": FREE, "personal": FREE}) as dnspin:
        assert asks(personal, "other.test") == [OTHER]
        os.kill(dnspin.pid, signal.SIGSTOP)
        try:
            assert asks(work, "snoop.test") is None
        finally:
            os.kill(dnspin.pid, signal.SIGCONT)
        for _ in range(50):
            assert personal.ask("other.test", server=SERVER, timeout=1).addresses == [OTHER]
        assert trial.wait_until(lambda: asks(work, "snoop.test") == [ADDRESS])
        assert ADDRESS in pins(lab, work)
    return "one that waited, 50 beside it"


def who_leaves(lab, servers):
    """What waited for a qube that leaves is dropped: the others' queue does not fill up"""
    snoop_test.answers(servers)
    servers.authority.under("many.test", records([ADDRESS], ttl=1))
    work, personal = lab.qube("work"), lab.qube("personal")
    rules = "accept .many.test tcp 80\n" + FREE

    def ask_many(round_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((SERVER, 53))
            for number in range(200):
                name = f"{round_}-{number}.many.test"
                sock.send(dns.message.make_query(name, "A").to_wire())

    with snooping(lab, "leaves", {"work": rules, "personal": FREE}) as dnspin:
        for round_ in range(10):
            work.call(ask_many, round_)
            dnspin.remove_client("work")
            assert dnspin.reload()
            assert asks(personal, "other.test") == [OTHER]
            dnspin.write_client("work", rules)
            assert dnspin.reload()
            assert trial.wait_until(lambda: asks(work, "snoop.test") == [ADDRESS])
        for _ in range(12):  # what is decided on afterwards shows what was forgotten
            time.sleep(1)
            assert asks(personal, "other.test") == [OTHER]
        (number, waiting), = queues(lab)
        assert waiting == 0, queues(lab)
    return f"ten times, nothing left in queue {number}"


if __name__ == "__main__":
    trial.run(one_queue, a_pin_that_waits, who_leaves, snoop_test.held, snoop_test.rewritten,
              snoop_test.doors, snoop_test.large, snoop_test.truncated, snoop_test.out_of_order,
              snoop_test.dead_reader, snoop_test.overload, snoop_test.changes,
              snoop_test.in_a_netvm)
