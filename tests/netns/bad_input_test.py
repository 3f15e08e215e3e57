#!/usr/bin/python3 -B
"""Bad input: what one client sends costs a bounded lot, and the other one is served meanwhile.

Each flood runs twice; what the resolver holds afterwards must not grow with them.
"""

import collections
import os
import pathlib
import random
import re
import socket
import struct
import sys
import time

import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402
from lab.steady import resident  # noqa: E402

DNS = ("10.139.1.1", 53)
RULES = "accept .race.test tcp 80\naccept .deaf.test tcp 80\naccept cached.test tcp 80"
ROUNDS = 2
GROWTH_MAX = 48  # MiB, of the first round: caches, queues, what is open at once
LATER_GROWTH_MAX = 8  # MiB, of the second
CONNECTIONS_MAX = 32
OPEN_MAX = 1024  # questions of one client that wait
TRIES = 3  # sockets of each, at most
PATIENT = 10


def wire(name, kind="A"):
    return dns.message.make_query(name, kind).to_wire()


def framed(message):
    return struct.pack("!H", len(message)) + message


def garbage(_, count=4000):
    """Datagrams: noise, and questions with a few octets wrong; what is answered is not read."""
    chance, good = random.Random(7), wire("cached.test")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(count):
            octets = bytearray(good if number % 2 else chance.randbytes(chance.randrange(0, 1400)))
            for _ in range(chance.randrange(1, 4) if number % 2 else 0):
                octets[chance.randrange(len(octets))] = chance.randrange(256)
            if number % 7 == 0:
                octets = octets[:chance.randrange(0, 40)]
            sock.sendto(octets, DNS)
    return count


def halves(_, count=60):
    """TCP messages that end in their middle, or never begin; ends in order and by reset."""
    for number in range(count):
        with socket.create_connection(DNS, timeout=PATIENT) as sock:
            whole = framed(wire("cached.test"))
            part = (whole[:number % len(whole)], b"\xff\xff" + whole, b"\0", b"\0\0", b"\0\1x")
            try:
                sock.sendall(part[number % 5])
                if number % 2:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
    return count


def deaf(_, count=10_000):
    """Questions over UDP of a client that never reads: answered at once, refused, and endless."""
    names = ("cached.test", "{}.race.test", "{}.deaf.test", "{}.refused.test")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for number in range(count):
            sock.sendto(wire(names[number % 4].format(number)), DNS)
    return count


def deaf_stream(_, count=4000):
    """The same over TCP, as much as it takes."""
    sent = 0
    for _ in range(4):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sock.settimeout(0.5)
            sock.connect(DNS)
            try:
                for number in range(count // 4):
                    sock.sendall(framed(wire(f"{number % 50}.race.test" if number % 2
                                             else "cached.test")))
                    sent += 1
            except OSError:
                pass  # it has let us go, or takes no more
    return sent


def idle(_, count=50):
    """Connections that say nothing; how many were still there after a while."""
    socks = [socket.create_connection(DNS, timeout=PATIENT) for _ in range(count)]
    time.sleep(1)
    alive = 0
    for sock in socks:
        sock.setblocking(False)
        try:
            alive += sock.recv(1) != b""
        except BlockingIOError:
            alive += 1
        except ConnectionError:
            pass
    for sock in socks:
        sock.close()
    return alive


def served(qube, stop_at, first):
    """Asks until then, UDP and TCP, new names and a cached one; the tally of what it heard."""
    tally, number, slowest = collections.Counter(), first, 0
    while time.time() < stop_at:
        began = time.monotonic()
        # No more names than the quota has pins for, however fast this machine is.
        name = "cached.test" if number % 3 == 0 else f"{100_000 + number % 3000}.race.test"
        reply = qube.ask(name, tcp=number % 4 == 3, timeout=PATIENT)
        tally[f"{reply.status} {len(reply.addresses)}"] += 1
        slowest = max(slowest, time.monotonic() - began)
        number += 1
    return tally, number, slowest


def flood(lab, servers, name, attack, seconds, check=None):
    """`attack` from work, over and over, while personal asks; counts what that cost."""
    work, personal = lab.qubes[:2]
    servers.authority.at("cached.test", records(["198.51.100.1"], ttl=3600))
    servers.authority.under("deaf.test", lambda query: None)
    with trial.with_dnspin(lab, name, clients={"work": RULES, "personal": RULES}) as dnspin:
        pid = dnspin.resolver_pid("work")
        assert work.ask("cached.test").addresses and personal.ask("cached.test").addresses
        before, held, costs, asked, sent = resident(pid), open_files(pid), [], 0, 0
        number, slowest, most_files = 100_000, 0, 0
        for _ in range(ROUNDS):
            friend = personal.start(served, personal, time.time() + seconds, number)
            foe = work.start(attack, work)
            for _ in range(int(seconds / 0.1)):
                most_files = max(most_files, open_files(pid))
                time.sleep(0.1)
            result = foe.result()
            tally, number, slow = friend.result()
            sent, slowest = sent + result, max(slowest, slow)
            assert set(tally) == {"NOERROR 1"}, f"personal is not served: {tally}"
            asked += sum(tally.values())
            time.sleep(0.2)
            costs.append(resident(pid))
            if check:
                check(result)
        assert costs[0] - before < GROWTH_MAX, (before, costs)
        assert costs[-1] - costs[0] < LATER_GROWTH_MAX, (before, costs)
        bound = held + TRIES * (OPEN_MAX + 20) + 4 * CONNECTIONS_MAX
        assert most_files < bound, (held, most_files)
        assert dnspin.resolver_pid("work") == pid and dnspin.process.poll() is None
        assert trial.wait_until(lambda: work.ask("cached.test", tcp=True).addresses, timeout=20)
        assert trial.wait_until(lambda: open_files(pid) <= held + 2, timeout=20), "it keeps them"
        for metric in ("channel_breaches", "readers_restarted", "answers_released_unpinned"):
            assert dnspin.metric(f"dnspin_{metric}_total") == 0, metric
    return (f"{sent} in {ROUNDS} rounds; {before:.0f} MiB grew to "
            f"{', '.join(f'{cost:.0f}' for cost in costs)}, at most {most_files} descriptors; "
            f"the other one: {asked} of {asked} answered, the slowest in {slowest:.2f} s")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def noise(lab, servers):
    """Garbage datagrams"""
    return flood(lab, servers, "noise", garbage, 1.5)


def half_messages(lab, servers):
    """Half TCP messages"""
    return flood(lab, servers, "halves", halves, 1)


def never_reads(lab, servers):
    """10,000 questions from a client that never reads"""
    return flood(lab, servers, "deaf", deaf, 3.5)


def never_reads_stream(lab, servers):
    """Questions over TCP from a client that never reads"""
    return flood(lab, servers, "deaf-tcp", deaf_stream, 2.5)


def says_nothing(lab, servers):
    """50 idle TCP connections: no more than 32 are kept"""
    def some(alive):
        assert 0 < alive <= CONNECTIONS_MAX, alive
    return flood(lab, servers, "idle", idle, 1.5, some)


def dribbles(lab, servers):
    """A TCP message octet by octet is answered, and one that takes 5 s is not waited for"""
    work = lab.qube("work")
    servers.authority.at("cached.test", records(["198.51.100.1"], ttl=3600))
    with trial.with_dnspin(lab, "dribble", clients={"work": RULES}):
        message, closed = framed(wire("cached.test")), None
        with work.socket() as quick, work.socket() as slow:
            for sock in (quick, slow):
                sock.settimeout(PATIENT)
                sock.connect(DNS)
            began = time.monotonic()
            for octet in message:
                quick.send(bytes([octet]))
                time.sleep(0.02)
            assert dns.message.from_wire(quick.recv(4096)[2:]).answer, "octet by octet"
            slow.send(message[:1])
            began = time.monotonic()
            closed = slow.recv(4096)
            waited = time.monotonic() - began
            assert closed == b"" and 4 < waited < 8, (closed, waited)
    return f"{len(message)} octets; half a length was waited for {waited:.1f} s"


BROKEN = [("clients.d/work", text) for text in (
    "acept docs.test", "accept docs.test tcp 80 90", "accept docs.test prot=tcp", "accept *",
    "accept .com", "accept *.co.uk", "accept a..test", "accept ~[", "accept dst4=1.2.3.4/33",
    "accept docs.test tcp 0-70000", "accept docs.test proto=udp proto=tcp", "use nothing",
    "address 10.0.0.300", "accept docs.test icmp 300", "accept \x1b[31m", "accept bü-.-x.test",
    "drop docs.test expire=never")] + [("dnspin.toml", text) for text in (
        "[pins]\nfloor = 5", "[pins]\nper_nam = 1", "[dns", "[dns]\nisolation = \"clients\"",
        "[clients]\ninterfaces = \"vif*\"\n")]


def broken(lab, _):
    """A broken file is refused with its place, and the rules in force go on"""
    work, lines = lab.qube("work"), 0
    with trial.with_dnspin(lab, "broken", clients={"work": "accept docs.test tcp 80"}) as dnspin:
        settings = dnspin.config.read_text()
        good = (dnspin.folder / "clients.d" / "work").read_text()
        assert dnspin.check().returncode == 0
        for file, text in BROKEN:
            if file == "dnspin.toml":
                dnspin.write_settings(settings + text if "[pins" in text else text)
            else:
                (dnspin.folder / file).write_text(good + text + "\n")
            checked = dnspin.check()
            assert checked.returncode == 1, (text, checked)
            where = re.escape(str(dnspin.folder / file))
            for line in checked.stderr.splitlines():
                assert re.fullmatch(where + r":\d+:\d+: (error|warning): [ -~]+", line), line
                lines += 1
            assert ": error: " in checked.stderr, text
            assert not dnspin.reload(), text
            assert work.ask("docs.test").addresses == ["203.0.113.30"], text
            dnspin.write_settings(settings)
            (dnspin.folder / "clients.d" / "work").write_text(good)
        assert dnspin.reload() and work.connect("203.0.113.30", 80, PATIENT)
        assert dnspin.metric("dnspin_reloads_total") == 1
    return f"{len(BROKEN)} files, {lines} lines"


if __name__ == "__main__":
    trial.run(noise, half_messages, never_reads, never_reads_stream, says_nothing, dribbles, broken)
