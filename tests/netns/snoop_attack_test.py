#!/usr/bin/python3 -B
"""What an attacker's look at snoop mode has found, each a story: an answer that nobody judged, or
that was judged by what held no more."""

import os
import pathlib
import re
import signal
import socket
import sys
import time

import dns.message
import dns.rcode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, topology, trial  # noqa: E402
from lab.steady import pins  # noqa: E402
from snoop_test import (  # noqa: E402
    ADDRESS, ANY, BOTH, FREE, OTHER, SERVER, SNOOP, answers, asks, snooping)

NEIGHBOUR = f"""
import socket
import dns.message, dns.rrset
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("{topology.GATEWAY}", 53))
print("ready", flush=True)
while True:
    octets, client = sock.recvfrom(4096)
    reply = dns.message.make_response(dns.message.from_wire(octets))
    reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "A", "{OTHER}"))
    sock.sendto(reply.to_wire(), client)
"""
FIRST_QUEUE = 40_000  # nft/queue_numbers.h
TAKER = f"""
import socket, struct, time
sock = socket.socket(16, 3, 12)
sock.bind((0, 0))
body = (struct.pack("=BBH", 0, 0, socket.htons({FIRST_QUEUE})) +
        struct.pack("=HHBxH", 8, 1, 1, 0))
sock.send(struct.pack("=IHHII", 16 + len(body), 0x302, 5, 1, 0) + body)
sock.recv(99)
print("ready", flush=True)
time.sleep(60)
"""


def neighbour(lab, code):
    """A program of somebody else's in the netvm, once it does what it is to do."""
    process = lab.netvm.popen(["/usr/bin/python3", "-c", code], stdout=-1, text=True)
    lab.at_exit(process.kill)
    assert process.stdout.readline() == "ready\n"
    return process


def queues(lab):
    """The number of each chain's, as nft tells it: `queue to N` of the expression, `queue num N`
    of the target."""
    table = lab.netvm.nft_list("table", "ip", "dnspin")
    return [int(number) for number in re.findall(r"^\s*queue .*?(\d+)$", table, re.M)]


def query(name):
    return dns.message.make_query(name, "A").to_wire()


def two_answers(lab, servers):
    """A pin of a held answer says nothing of what is in the cache for the same name"""
    work = lab.qube("work")
    servers.authority.at("snoop.test", records([ADDRESS], ttl=3600))
    settings = {**SNOOP, "pins": {"told_max": "5s", "floor": "5s", "slack": "1s"}}
    with trial.with_dnspin(lab, "two", settings=settings, upstream=BOTH, clients={"work": ANY}):
        assert work.ask("snoop.test", server=SERVER, tcp=True).addresses == [ADDRESS]
        assert trial.wait_until(lambda: not pins(lab, work), timeout=15)
        servers.authority.at("snoop.test", records([OTHER], ttl=3600))
        assert work.ask("snoop.test", server=SERVER).addresses == [OTHER]
        told = work.ask("snoop.test", server=SERVER, tcp=True).addresses
        assert told and set(told) <= set(pins(lab, work)), (told, pins(lab, work))
    return "both pinned"


def at_the_router(lab, servers):
    """A server on this machine itself: nothing is forwarded, so questions go by the door"""
    answers(servers)
    work, local = lab.qube("work"), neighbour(lab, NEIGHBOUR)
    try:
        with snooping(lab, "router", {"work": FREE}):
            assert work.ask("snoop.test", server=topology.GATEWAY).addresses == [ADDRESS]
            assert ADDRESS in pins(lab, work)
            assert work.ask("ads.test", server=topology.GATEWAY).status == "REFUSED"
    finally:
        local.kill()
    return "pinned, and refused"


def old_rules(lab, servers):
    """What was held under old rules is judged by those that are in force"""
    answers(servers)
    work = lab.qube("work")
    servers.authority.at("late.test", records([OTHER], ttl=3600))
    with trial.with_dnspin(lab, "old", settings=SNOOP, upstream=BOTH,
                           clients={"work": ANY}) as dnspin:
        assert asks(work, "other.test") == [OTHER]
        reader = dnspin.resolver_pid("work")
        with work.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.connect((SERVER, 53))
            os.kill(reader, signal.SIGSTOP)
            sock.send(query("late.test"))
            time.sleep(0.3)
            dnspin.write_client("work", "accept late.test tcp 80\n" + ANY)
            assert dnspin.reload()
            os.kill(reader, signal.SIGCONT)
            reply = dns.message.from_wire(sock.recv(4096))
        assert reply.answer[0].ttl <= 300, reply
        assert OTHER in pins(lab, work)
    return "pinned by the new rule"


def two_queues(lab, servers):
    """What is decided of a queue that is gone is not decided of packets of the next"""
    answers(servers)
    work = lab.qube("work")
    servers.authority.under("ads.test", records([OTHER], ttl=60))
    rules = "drop .ads.test\n" + ANY
    with trial.with_dnspin(lab, "queues", settings=SNOOP, upstream=BOTH,
                           clients={"work": rules}) as dnspin:
        reader = dnspin.resolver_pid("work")
        with work.socket(socket.AF_INET, socket.SOCK_DGRAM) as before, \
                work.socket(socket.AF_INET, socket.SOCK_DGRAM) as after:
            for sock in (before, after):
                sock.settimeout(2)
                sock.connect((SERVER, 53))
            os.kill(dnspin.pid, signal.SIGSTOP)
            before.send(query("snoop.test"))  # the first packet of its queue: it waits for its pin
            time.sleep(0.2)
            os.kill(reader, signal.SIGSTOP)
            os.kill(dnspin.pid, signal.SIGCONT)
            for text in ("accept snoop.test tcp 80", rules):
                dnspin.write_client("work", text)
                assert dnspin.reload()
            after.send(query("x.ads.test"))  # the first one of the next
            time.sleep(0.3)
            os.kill(reader, signal.SIGCONT)
            try:
                told = dns.message.from_wire(after.recv(4096))
            except TimeoutError:
                told = None
        assert told is None or told.rcode() == dns.rcode.REFUSED, told
    return "silence" if told is None else "refused"


def emptied(lab, servers):
    """Somebody empties the chain that holds, and nobody mends it: nothing is told"""
    answers(servers)
    work = lab.qube("work")
    with trial.with_dnspin(lab, "emptied", settings=SNOOP, upstream=BOTH,
                           clients={"work": ANY}) as dnspin:
        assert asks(work, "snoop.test") == [ADDRESS]
        dnspin.kill()
        lab.netvm.nft("flush chain ip dnspin qbs-hold-10-137-0-25")
        assert asks(work, "snoop.test") is None
    return "silence"


def taken(lab, servers):
    """Somebody else has the first queue: the client gets another"""
    answers(servers)
    work, other = lab.qube("work"), neighbour(lab, TAKER)
    try:
        with trial.with_dnspin(lab, "taken", settings=SNOOP, upstream=BOTH,
                               clients={"work": ANY}):
            assert asks(work, "snoop.test") == [ADDRESS]
            assert queues(lab) == [FIRST_QUEUE + 1], queues(lab)
    finally:
        other.kill()
    return f"queue {FIRST_QUEUE + 1}"


def other_mode(lab, servers):
    """Restarted in answer mode: a socket that asked past the door before does so no more"""
    answers(servers)
    work = lab.qube("work")
    rules = "drop ads.test\naccept snoop.test tcp 80\naccept"
    with snooping(lab, "mode", {"work": rules}) as dnspin:
        with work.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(3)
            sock.connect((SERVER, 53))

            def rcode():
                sock.send(query("ads.test"))
                return dns.message.from_wire(sock.recv(4096)).rcode()

            assert rcode() == dns.rcode.REFUSED
            dnspin.stop()
            dnspin.write_settings({"dns": {"intercept": "any", "upstream": list(BOTH)}})
            before = servers.authority.count("ads.test")
            dnspin.start()
            assert trial.wait_until(lambda: servers.authority.count("ads.test") >= before)
            assert rcode() == dns.rcode.REFUSED
    return "refused before and after"


def crowd(lab, servers):
    """900 clients: all chains are told their queues again after somebody's flush"""
    answers(servers)
    work = lab.qube("work")
    clients = {f"c{i}": f"address 10.138.{i // 250}.{i % 250 + 1}\n{ANY}" for i in range(900)}
    settings = {"dns": {**SNOOP["dns"], "isolation": "shared"}}
    with trial.with_dnspin(lab, "crowd", start=False, settings=settings, upstream=BOTH,
                           clients={"work": ANY, **clients}) as dnspin:
        dnspin.start(timeout=60)
        assert trial.wait_until(lambda: asks(work, "other.test") == [OTHER], timeout=60)
        lab.netvm.nft("flush chain ip dnspin forward")
        assert dnspin.wait_log("it is again as it was", timeout=60)
        assert trial.wait_until(lambda: asks(work, "other.test") == [OTHER], timeout=60)
        assert queues(lab) == 901 * [FIRST_QUEUE]
    return "901 chains, one queue"


if __name__ == "__main__":
    trial.run(two_answers, at_the_router, old_rules, two_queues, emptied, taken, other_mode, crowd)
