#!/usr/bin/python3 -B
"""No race: whoever sends in the instant the answer arrives is let through, also amid reloads; and a
pin that is refreshed or moved lets nobody down meanwhile.

In the race each name is fresh and has an address of its own, so each packet is the first that needs
its pin; of the steady pin each packet is the first of a flow. What arrives is counted in the
internet's kernel, what leaves in the client's; a packet that the netvm stops is missing there, and
its reject comes back to the client.
"""

import os
import signal
import itertools
import json
import mmap
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402
from lab.asker import (  # noqa: E402
    ask_datagram, ask_stream, kind_of, question, told_address)
from lab.qube import IPV6_RECVERR  # noqa: E402
from lab.steady import ADD_DELETE_ADD, OLD_REFRESH, REFRESH  # noqa: E402
from lab.zones import race_address  # noqa: E402

NAMES, STREAM_NAMES, RELOADS = 5000, 1000, 20
ASKERS = 3          # that ask over UDP, side by side; one more asks over TCP
PORT, WEB = 7000, 80
STREAM_FROM = 60_000  # numbers of the names asked over TCP start here
PATIENCE = 240      # seconds
IP_RECVERR = 11
SETTINGS = {"pins": {"per_client": 65_536}, "limits": {"names_per_pattern": 1_000_000}}
STEADY = {"pins": {"floor": "1s", "slack": "15s"}}  # so each answer makes the pin live longer
STEADY_PACKETS, STEADY_RELOADS = 5000, 20

# The rule of the race moves from one group to two others; a neighbour's rules change too, and
# a third qube comes and goes.
BEFORE = {"work": "accept .race.test", "personal": "accept docs.test"}
AFTER = {"work": f"accept shop.test tcp 443\naccept .race.test udp {PORT}\n"
                 f"accept .race.test tcp {WEB}",
         "personal": "accept docs.test tcp 80\naccept six.test", "guest": "accept docs.test"}

ARRIVALS = "".join(f"""
add table {family} arrivals
delete table {family} arrivals
table {family} arrivals {{
  set datagrams {{ type {kind}; size 200000; }}
  counter datagrams {{ }}
  counter connections {{ }}
  chain tally {{
    type filter hook prerouting priority raw;
    udp dport {PORT} counter name datagrams add @datagrams {{ {family} daddr }} drop
    tcp dport {WEB} tcp flags & (syn | ack) == syn counter name connections
  }}
}}""" for family, kind in (("ip", "ipv4_addr"), ("ip6", "ipv6_addr")))

DEPARTURES = f"""
add table inet departures
delete table inet departures
table inet departures {{
  counter datagrams {{ }}
  counter connections {{ }}
  chain tally {{
    type filter hook output priority filter;
    udp dport {PORT} counter name datagrams
    tcp dport {WEB} tcp flags & (syn | ack) == syn counter name connections
  }}
}}"""


def told(ask, number, tally):
    """Asks until the name is told; other answers are counted, not hidden."""
    asked = question(number)
    for _ in range(10):
        try:
            address = told_address(ask(asked), asked)
        except OSError:
            address = None
        if address:
            tally["told"].append(address)
            tally["wrong"] += address != race_address(number, kind_of(number))
            return address
        tally["asked again"] += 1
    raise AssertionError(f"{number}.race.test is not told in ten questions")


def new_tally():
    return {"told": [], "wrong": 0, "asked again": 0, "rejected": 0, "failed": 0}


def rejects(sock):
    """How many ICMP errors came back for what this socket sent."""
    count = 0
    while True:
        try:
            sock.recvmsg(256, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return count
        count += 1


def race_datagrams(first, step, wanted, stop, ask=ask_datagram):
    """In a qube: a datagram to each address that is told, with nothing in between."""
    tally, out = new_tally(), {}
    for kind, family, level, option in (
            ("A", socket.AF_INET, socket.IPPROTO_IP, IP_RECVERR),
            ("AAAA", socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_RECVERR)):
        out[kind] = socket.socket(family, socket.SOCK_DGRAM)
        out[kind].setsockopt(level, option, 1)
    for number in itertools.count(first, step):
        sender = out[kind_of(number)]
        address = told(ask, number, tally)
        try:
            sender.sendto(b"x", (address, PORT))
        except OSError:  # an earlier reject, which is told here first and then in the queue
            sender.sendto(b"x", (address, PORT))
        tally["rejected"] += rejects(sender)
        if len(tally["told"]) >= wanted and stop[0]:
            break
    time.sleep(0.5)
    tally["rejected"] += sum(map(rejects, out.values()))
    return tally


def race_connections(step, wanted, stop, ask=ask_stream):
    """The same with DNS over TCP, and a connection instead of a datagram."""
    tally = new_tally()
    for number in itertools.count(STREAM_FROM, step):
        ipv6 = kind_of(number) == "AAAA"
        with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET) as sock:
            if ipv6:  # else a reject waits for the socket's next retry
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            sock.settimeout(10)
            address = told(ask, number, tally)
            tally["failed"] += sock.connect_ex((address, WEB)) != 0
        if len(tally["told"]) >= wanted and stop[0]:
            break
    return tally


class Counters:
    """What left the qube and what arrived in the internet, by the kernels' own counts."""

    def __init__(self, lab):
        self.work, self.internet = lab.qubes[0], lab.internet
        for namespace, text in ((self.work, DEPARTURES), (self.internet, ARRIVALS)):
            namespace.run(["nft", "-f", "-"], check=True, input=text)

    def count(self, name):
        left = _packets(self.work, "inet", "departures", name)
        arrived = sum(_packets(self.internet, family, "arrivals", name) for family in ("ip", "ip6"))
        return left, arrived

    def lost(self, name):
        """They may be on their way still; what does not come in five seconds is lost."""
        def all_there():
            left, arrived = self.count(name)
            return left == arrived
        trial.wait_until(all_there, timeout=5)
        left, arrived = self.count(name)
        return left - arrived

    def reached(self):
        """The addresses to which a datagram came."""
        return {item for family in ("ip", "ip6")
                for item in _set(self.internet, family, "arrivals", "datagrams")}


def _json(namespace, *words):
    output = namespace.run(["nft", "-j", "list", *words], check=True).stdout
    return json.loads(output)["nftables"]


def _packets(namespace, family, table, name):
    items = _json(namespace, "counter", family, table, name)
    return next(item["counter"]["packets"] for item in items if "counter" in item)


def _set(namespace, family, table, name):
    items = _json(namespace, "set", family, table, name)
    return next(item["set"].get("elem", []) for item in items if "set" in item)


def reload_until(done, dnspin, before=None, after=None):
    """Reloads the one set of rules and the other in turn; returns how often, and the longest."""
    reloads, longest = 0, 0.0
    while not done(reloads):
        rules = (before or BEFORE) if reloads % 2 else (after or AFTER)
        for client, text in rules.items():
            dnspin.write_client(client, text)
        if "guest" not in rules:
            dnspin.remove_client("guest")
        began = time.monotonic()
        assert dnspin.hang_up(timeout=20), "no reload within 20 s"
        took = time.monotonic() - began
        longest, reloads = max(longest, took), reloads + 1
        time.sleep(took)  # the race runs between reloads as well as amid them
    return reloads, longest


def race(lab, servers):
    """The first packet after each answer passes, while rules are reloaded back and forth"""
    return run_race(lab, servers, "race", SETTINGS)


def run_race(lab, servers, name, settings, rules=(BEFORE, AFTER),
             asks=(ask_datagram, ask_stream), only_ipv6=False, **options):
    """With only_ipv6 every other number, whose names are asked for AAAA."""
    step = 2 if only_ipv6 else 1
    work, counters = lab.qube("work"), Counters(lab)
    with trial.with_dnspin(lab, name, clients=rules[0], settings=settings, **options) as dnspin:
        stop = mmap.mmap(-1, 1)  # shared with the workers
        stop[0] = 0
        share, asked = -(-NAMES // ASKERS), servers.authority.count()
        workers = [work.start(race_datagrams, number * step, ASKERS * step, share, stop, asks[0])
                   for number in range(1, ASKERS + 1)]
        workers.append(work.start(race_connections, step, STREAM_NAMES, stop, asks[1]))
        end = time.monotonic() + PATIENCE

        def done(reloads):
            enough = (servers.authority.count() - asked >= NAMES + STREAM_NAMES
                      and reloads >= RELOADS)
            assert time.monotonic() < end, f"not done in {PATIENCE} s: {reloads} reloads"
            return enough

        reloads, longest = reload_until(done, dnspin, *rules)
        stop[0] = 1
        tallies = [worker.result() for worker in workers]
        datagram_names = sum(len(tally["told"]) for tally in tallies[:-1])
        stream_names = len(tallies[-1]["told"])
        addresses = {address for tally in tallies[:-1] for address in tally["told"]}
        lost = {"datagrams": counters.lost("datagrams"),
                "connections": counters.lost("connections"),
                "addresses never reached": len(addresses - counters.reached()),
                "rejects": sum(tally["rejected"] for tally in tallies),
                "connections failed": sum(tally["failed"] for tally in tallies),
                "wrong addresses": sum(tally["wrong"] for tally in tallies)}
        again = sum(tally["asked again"] for tally in tallies)
        print(f"       {datagram_names} names over UDP, {stream_names} over TCP, {reloads} reloads,"
              f" the longest {longest:.2f} s, {again} questions asked again, first packets lost: "
              f"{', '.join(f'{count} {what}' for what, count in lost.items())}", flush=True)
        assert not any(lost.values()), lost
        assert datagram_names >= NAMES and stream_names >= STREAM_NAMES
        assert reloads >= RELOADS and dnspin.metric("dnspin_reloads_total") == reloads
        assert len(addresses) == datagram_names, "a name was not fresh"
        assert not only_ipv6 or all(":" in address for address in addresses)
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
        caught = a_loss_is_seen(lab, dnspin, counters, max(addresses, key=len))
    return (f"{datagram_names + stream_names} first packets, {reloads} reloads, 0 lost; "
            f"{caught} lost on purpose were all seen")


def a_loss_is_seen(lab, dnspin, counters, pinned):
    """An address whose pin is taken away behind dnspind's back, and ones that nobody was told."""
    work, before = lab.qube("work"), counters.lost("datagrams")
    os.kill(dnspin.pid, signal.SIGSTOP)  # else it would put the pin back at once
    for pin in lab.netvm.pins(work):
        if pin.address == pinned:
            family = "ip6" if ":" in pinned else "ip"
            lab.netvm.nft(f"delete element {family} dnspin {pin.set} {{ {pinned} }}")
    lab.netvm.run(["conntrack", "-F"])
    victims = [pinned, race_address(130_001), race_address(130_002, "AAAA")]

    def send():
        count = 0
        for address in victims:
            family, level, option = (
                (socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_RECVERR) if ":" in address else
                (socket.AF_INET, socket.IPPROTO_IP, IP_RECVERR))
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.setsockopt(level, option, 1)
                sock.sendto(b"x", (address, PORT))
                trial.wait_until(lambda: rejects(sock), timeout=5)  # pylint: disable=W0640
                count += 1
        return count

    sent = work.call(send)
    os.kill(dnspin.pid, signal.SIGCONT)
    lost = counters.lost("datagrams") - before
    assert lost == sent == len(victims), f"{lost} of {sent} losses were seen"
    assert not counters.reached() & set(victims[1:])
    assert dnspin.process.poll() is None
    return lost


def ask_on(stop):
    """In a qube: one name over and over."""
    asked = question(1)
    count = 0
    while not stop[0]:
        count += told_address(ask_datagram(asked), asked) == race_address(1)
    return count


def send_on(wanted, stop):
    """In a qube: datagrams to that name's address, each from a socket of its own."""
    address, sent, rejected = (race_address(1), PORT), 0, 0
    while sent < wanted or not stop[0]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            sock.sendto(b"x", address)
            sent += 1
            rejected += rejects(sock)
        time.sleep(0.0005)
    return sent, rejected


def keep_steady(lab, servers, name, env, way):
    work, counters = lab.qube("work"), Counters(lab)
    servers.authority.at("1.race.test", records([race_address(1)], ttl=0))
    with trial.with_dnspin(lab, name, clients=BEFORE, settings=STEADY, env=env) as dnspin:
        assert dnspin.control("status")["refresh"] == way
        assert work.ask("1.race.test").addresses == [race_address(1)]
        stop = mmap.mmap(-1, 1)
        stop[0] = 0
        asker = work.start(ask_on, stop)
        sender = work.start(send_on, STEADY_PACKETS, stop)
        end = time.monotonic() + PATIENCE

        def done(reloads):
            assert time.monotonic() < end, f"not done in {PATIENCE} s: {reloads} reloads"
            return reloads >= STEADY_RELOADS and counters.count("datagrams")[0] >= STEADY_PACKETS

        reloads, _ = reload_until(done, dnspin)
        stop[0] = 1
        (sent, rejected), answers = sender.result(), asker.result()
        lost = counters.lost("datagrams")
        assert not lost and not rejected, f"{lost} of {sent} lost, {rejected} rejected"
        assert answers > STEADY_RELOADS and counters.count("datagrams")[0] == sent
        assert dnspin.metric("dnspin_reloads_total") == reloads
        servers.authority.forget("1.race.test")
    return f"{answers} answers, {reloads} reloads, {sent} first packets of flows, 0 lost"


def steady(lab, servers):
    """A pin that each answer refreshes and each reload moves never lets a packet down"""
    return keep_steady(lab, servers, "steady", {}, REFRESH)


def steady_old_kernel(lab, servers):
    """The same with the refresh of old kernels"""
    return keep_steady(lab, servers, "steady-old", ADD_DELETE_ADD, OLD_REFRESH)


if __name__ == "__main__":
    trial.run(race, steady, steady_old_kernel, qubes=("work", "personal", "guest"))
