#!/usr/bin/python3 -B
"""Proves the lab without dnspin: what the namespace tests take for granted can fail here first.

    lab/selftest.py      as root; prints one line, exits non-zero if it is not so
"""

import os
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# pylint: disable=wrong-import-position
from lab import Lab, RoundRobin, Servers, evil, records, topology, zones  # noqa: E402
from lab.journal import Journal  # noqa: E402

UPSTREAM = topology.UPSTREAM
NOWHERE = ("127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "ff02::1",
           "::ffff:127.0.0.1")  # no TCP connection leaves a machine for these


def everything_answers(lab):
    """Without a firewall every address is reached, so that "not reached" means a firewall."""
    work, personal = lab.qubes
    personal.listen(80)
    for text in ("198.51.100.7", "192.168.1.1", "10.1.2.3", "2001:db8::7", "64:ff9b::10.1.2.3",
                 personal.address, personal.address6):
        assert work.connect(text), text
    outside = lab.internet.socket()
    assert outside.connect_ex((personal.address, 80)) == 0, "no way in from outside"
    outside.close()
    for trick in evil.TRICKS:
        nowhere = trick.forbidden[0] in NOWHERE + topology.NETVM
        assert nowhere or evil.opened(lab, work, trick), trick.label


def rejects_are_told(lab):
    work = lab.qubes[0]
    for family, reject in (("ip", "icmp"), ("ip6", "icmpv6")):
        lab.netvm.nft(f"add table {family} t\nadd chain {family} t f "
                      "{ type filter hook forward priority 0; }\n"
                      f"add rule {family} t f ct state new counter\n"
                      f"add rule {family} t f tcp dport 443 reject with {reject} admin-prohibited\n"
                      f"add rule {family} t f tcp dport 8080 drop\n")
    for text in ("198.51.100.7", "2001:db8::7"):
        outcomes = [work.connect(text, port, timeout=0.3).outcome for port in (80, 443, 8080, 81)]
        assert outcomes == ["open", "prohibited", "silent", "refused"], outcomes
    assert any(flow.port == 80 for flow in lab.netvm.flows(work))
    lab.netvm.nft("add set ip t s { type ipv4_addr; flags timeout; }\n"
                  "add element ip t s { 192.0.2.1 timeout 300s comment \"a < b\" }")
    pin = lab.netvm.elements("ip", "s", table="t")[0]
    assert (pin.address, pin.timeout, pin.comment) == ("192.0.2.1", 300, "a < b"), pin


def names_are_told(lab, servers):
    work = lab.qubes[0]
    assert work.dig("www.shop.test", server=UPSTREAM).addresses == ["203.0.113.21"]
    assert work.ask("six.test", "AAAA", server=topology.UPSTREAM6).addresses == ["2001:db8:6::1"]
    told = [work.ask("rr.test", server=UPSTREAM).addresses for _ in range(25)]
    assert sorted(sum(told, [])) == sorted(zones.ROUND_ROBIN), "200 addresses, 8 at a time"
    assert work.ask("7.race.test", server=UPSTREAM).addresses == ["198.18.0.7"]
    assert work.ask("tc.odd.test", server=UPSTREAM, tcp=True).addresses == [zones.ODD]
    assert work.ask("delay-80.odd.test", server=UPSTREAM, timeout=0.05).status == "TIMEOUT"
    servers.authority.at("new.test", records(["192.0.2.1"], ttl=7))
    assert work.ask("new.test", server=UPSTREAM).ttls == [7]
    assert servers.authority.count("new.test", "A") == 1
    servers.authority.forget("new.test")
    servers.authority.silent = True
    assert work.ask("7.race.test", server=UPSTREAM, timeout=0.1).status == "TIMEOUT"
    servers.authority.silent = False
    clock = RoundRobin(zones.ROUND_ROBIN, every=0.2)
    servers.authority.at("clock.test", clock)
    first, second = (work.ask("clock.test", server=UPSTREAM).addresses for _ in range(2))
    assert first == second and len(first) == 8


def the_journal_is_ours(lab):
    journal = Journal(lab)

    def write():
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect("/run/systemd/journal/socket")
            sock.send(b"MESSAGE=one\nTWO\n" + (5).to_bytes(8, "little") + b"a\nb=c\nPRIORITY=6\n")

    lab.netvm.call(write)
    entry = journal.wait(lambda entry: entry["MESSAGE"] == "one")
    assert entry == {"MESSAGE": "one", "TWO": "a\nb=c", "PRIORITY": "6"}, entry


def nothing_is_left():
    """Even of a lab whose owner is killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        lab = Lab()
        Servers(lab)
        os.write(writer, str(lab.scratch).encode())
        time.sleep(60)
    scratch = pathlib.Path(os.read(reader, 4096).decode())
    assert scratch.exists()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    end = time.monotonic() + 5
    while (scratch.exists() or mentions(scratch)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not scratch.exists() and not mentions(scratch), scratch


def mentions(scratch):
    """Processes that have to do with it."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if str(scratch).encode() in pathlib.Path(f"/proc/{entry}/cmdline").read_bytes():
                found.append(entry)
        except OSError:
            pass
    return found


def main():
    nothing_is_left()
    with Lab() as lab:
        servers = Servers(lab)
        everything_answers(lab)
        rejects_are_told(lab)
        names_are_told(lab, servers)
        the_journal_is_ours(lab)
        worker = lab.qubes[0].start(lambda: lab.qubes[0].connect("198.51.100.7").outcome)
        assert worker.result() == "open"
    print("the lab is as its tests believe")


if __name__ == "__main__":
    main()
