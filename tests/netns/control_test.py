#!/usr/bin/python3 -B
"""The control socket and the `dnspin` tool: what they say, to whom, and what does not stop them."""

import json
import os
import pathlib
import random
import re
import signal
import socket
import struct
import sys
import time

import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, topology, trial  # noqa: E402

RULES = """\
accept .race.test
accept docs.test tcp 80
accept .shop.test tcp 8000-8100
accept six.test
"""
COMMANDS = ("status", "clients", "pins", "metrics", "reload")
PIN_KEYS = ["client", "address", "name", "rule", "protocol", "ports", "expires_in_s"]
CLIENT_KEYS = ["client", "addresses", "interface", "rules", "pins", "questions", "refused",
               "resolver_pid"]
UPSTREAM_KEYS = ["server", "interface", "state", "answered", "failed", "answered_ago_s", "rtt_ms"]
PINS = {"203.0.113.30": ("docs.test", "docs.test", "tcp", "80"),
        "203.0.113.21": ("www.shop.test", ".shop.test", "tcp", "8000-8100"),
        "2001:db8:6::1": ("six.test", "six.test", "any", "any")}
KEPT_MAX = 16  # connections


def with_dnspin(lab, name):
    return trial.with_dnspin(lab, name, clients={"work": RULES, "personal": "accept docs.test"})


def look_up(qube):
    assert qube.ask("docs.test").addresses and qube.ask("www.shop.test").addresses
    assert qube.ask("six.test", "AAAA").addresses


def shapes(lab, _):
    """status, clients, pins, metrics and reload, for people and as JSON"""
    work, personal = lab.qubes[:2]
    with with_dnspin(lab, "shapes") as dnspin:
        look_up(work)
        assert personal.ask("docs.test").addresses
        assert personal.ask("casino.test").status == "REFUSED"
        pins = dnspin.control("pins")
        assert len(pins) == 4 and all(list(pin) == PIN_KEYS for pin in pins), pins
        mine = dnspin.control("pins", "work")
        assert [pin for pin in pins if pin["client"] == "work"] == mine and len(mine) == 3
        for pin in mine:
            found = (pin["name"], pin["rule"], pin["protocol"], pin["ports"])
            assert found == PINS[pin["address"]], pin
            assert 250 < pin["expires_in_s"] <= 300, pin
        for kernel in lab.netvm.pins(work):  # the two do not tell different stories
            (pin,) = [pin for pin in mine if pin["address"] == kernel.address]
            assert abs(pin["expires_in_s"] - kernel.expires) <= 3, (pin, kernel)
        assert trial.wait_until(lambda: [row["questions"] for row in dnspin.control("clients")]
                                == [2, 3])
        clients = dnspin.control("clients")
        assert all(list(row) == CLIENT_KEYS for row in clients), clients
        pids = dnspin.resolver_pids()
        assert len(pids) == 2, pids
        assert clients == [
            {"client": "personal", "addresses": [personal.address, personal.address6],
             "interface": "vif2.0", "rules": 1, "pins": 1, "questions": 2, "refused": 1,
             "resolver_pid": dnspin.resolver_pid("personal")},
            {"client": "work", "addresses": [work.address, work.address6],
             "interface": "vif1.0", "rules": 4, "pins": 3, "questions": 3, "refused": 0,
             "resolver_pid": dnspin.resolver_pid("work")}], clients
        status = dnspin.control("status")
        assert (status["clients"], status["pins"]) == (2, 4) and status["uptime_s"] >= 0, status
        upstream, = status["upstreams"]
        assert list(upstream) == UPSTREAM_KEYS and upstream["state"] == "ok", upstream
        assert (upstream["server"], upstream["interface"], upstream["failed"]) == (
            f"{topology.UPSTREAM}:53", "eth0", 0), upstream
        assert status["counters"]["answers_released_unpinned"] == 0
        totals = dnspin.control("metrics")
        assert totals["questions"] == 5 and totals["refused"] == 1 and totals["pins"] == 4, totals
        assert_prometheus(dnspin.command("metrics").stdout, totals)
        # For people: a line each, the same words.
        text = dnspin.command("pins", "work").stdout
        assert len(text.splitlines()) == 4, text
        for address, words in PINS.items():
            (line,) = [line for line in text.splitlines() if f" {address} " in line]
            assert line.split()[:1] + line.split()[2:6] == ["work", *words], line
        text = dnspin.command("clients").stdout
        assert [line.split()[0] for line in text.splitlines()[1:]] == ["personal", "work"], text
        text = dnspin.command("status").stdout
        assert re.search(rf"^upstream +{topology.UPSTREAM}:53 by eth0$", text, re.M), text
        result = dnspin.command("reload")
        assert result.stdout == "reloaded\n", result
        assert dnspin.control("reload") == {"ok": True}
        assert dnspin.metric("dnspin_reloads_total") == 2
        for result in (dnspin.command(*words, option) for words in ((word,) for word in COMMANDS)
                       for option in ("--json",)):
            assert result.returncode == 0 and json.loads(result.stdout) is not None, result
    return f"{len(COMMANDS)} commands, {len(pins)} pins, {len(totals)} counters"


def assert_prometheus(text, totals):
    described, of_upstreams, sums = set(), set(), {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            described.add(line.split()[2])
            assert line.split()[3] in ("counter", "gauge"), line
        elif not line.startswith("# HELP "):
            match = re.fullmatch(
                r"([a-z_]+)(\{(?:(?:client|reason|upstream)=\"[a-z0-9.:]+\",?)+\})? (\d+|0\.\d+)",
                line)
            assert match and match.group(1) in described, line
            if "upstream=" in line:
                of_upstreams.add(match.group(1))
                continue
            sums[match.group(1)] = sums.get(match.group(1), 0) + int(match.group(3))
    assert text.endswith("\n") and len(sums) == len(totals), sums
    assert described == set(sums) | of_upstreams and len(of_upstreams) == 4, of_upstreams
    for name, value in sums.items():
        assert totals[name.removeprefix("dnspin_").removesuffix("_total")] == value, name


def exit_codes(lab, _):
    """0 done, 1 dnspind said no, 2 usage, 3 dnspind could not be asked"""
    rows = 0
    with with_dnspin(lab, "codes") as dnspin:
        for code, words, said in (
                (0, ("--help",), ""), (0, ("--version",), ""), (0, ("pins",), ""),
                (1, ("pins", "nobody"), "no client is called nobody"),
                (1, ("pins", "\x1b[31m"), "no client is called \\027[31m"),
                (2, (), "usage"), (2, ("pin",), "usage"), (2, ("status", "work"), "usage"),
                (2, ("--jason", "pins"), "--jason"), (2, ("pins", "work", "more"), "usage"),
                (3, ("--run-dir", "/nowhere", "pins"), "/nowhere/control")):
            result = dnspin.command(*words)
            assert result.returncode == code and said in result.stderr, (words, result)
            assert (code == 0) == bool(result.stdout), (words, result)
            rows += 1
        dnspin.write_client("work", "acept docs.test")
        result = dnspin.command("reload")
        assert result.returncode == 1 and re.search(r":2:1: error: .*acept", result.stderr), result
        dnspin.stop()
        result = dnspin.command("status")
        assert result.returncode == 3 and "dnspind" in result.stderr, result
    return f"{rows + 2} calls"


def as_user(function, uid, groups):
    """Runs in a forked process: as somebody else."""
    os.setgroups(groups)
    os.setgid(65533)
    os.setuid(uid)
    return function()


def ask_raw(path, request):
    """What dnspind replies to this, or the name of the error."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(15)
        reply = b""
        try:
            sock.connect(path)
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65536):
                reply += part
        except OSError as error:  # it does not read what comes behind a request
            return reply or type(error).__name__
        return reply


def strangers(lab, _):
    """Root and group dnspin may ask, nobody else, even where somebody has opened the socket"""
    with with_dnspin(lab, "strangers") as dnspin:
        path, request = str(dnspin.run_dir / "control"), b'{"command":"clients"}\n'
        group = os.stat(path).st_gid
        assert os.stat(path).st_mode & 0o777 == 0o660 and group != 0
        assert os.stat(dnspin.run_dir).st_mode & 0o777 == 0o750

        def ask():
            return ask_raw(path, request)

        def asked_as(uid, groups):
            return lab.netvm.call(as_user, ask, uid, groups)

        assert json.loads(lab.netvm.call(ask))[1]["client"] == "work"
        assert json.loads(asked_as(65533, [group]))[1]["client"] == "work"
        assert asked_as(65533, []) == "PermissionError"
        os.chmod(dnspin.run_dir, 0o755)
        os.chmod(path, 0o666)
        answer = asked_as(65533, [])
        assert answer in (b"", "ConnectionResetError", "BrokenPipeError"), answer
        assert json.loads(asked_as(65533, [group, 65532]))[1]["client"] == "work"
        assert asked_as(65532, []) in (b"", "ConnectionResetError", "BrokenPipeError")
        assert dnspin.control("status")["clients"] == 2
    return "5 users, 3 of them may not"


GARBAGE = (b"\n", b"{}\n", b"[]\n", b"null\n", b"{\"command\":7}\n", b"{\"command\":\"pins\"",
           b"{\"command\":\"pins\",\"client\":[]}\n", b"{\"command\":\"\x1b[31m\"}\n",
           b"\xff\xfe\n", b"[" * 4000 + b"\n", b"x" * 5000,
           b"{\"command\":\"pins\",\"client\":\"\xff\"}\n",
           b"{\"command\":\"pins\"}\n{\"command\":\"reload\"}\n", b"\0" * 100 + b"\n", b"")


def garbage(lab, _):
    """Garbage on the socket is answered with an error or not at all"""
    work, chance, errors, silent = lab.qube("work"), random.Random(3), 0, 0
    with with_dnspin(lab, "garbage") as dnspin:
        path = str(dnspin.run_dir / "control")
        noise = [chance.randbytes(chance.randrange(3000)) + b"\n" for _ in range(100)]
        for request in GARBAGE + tuple(noise):
            reply = ask_raw(path, request)
            if isinstance(reply, str) or not reply:
                silent += 1
                continue
            said = json.loads(reply)
            assert reply.isascii() and reply.count(b"\n") == 1, reply
            assert isinstance(said, list) or list(said) == ["error"], (request, said)
            errors += isinstance(said, dict)
        assert errors > 50, (errors, silent)
        assert dnspin.metric("dnspin_reloads_total") == 0, "a second line was a second request"
        look_up(work)
        assert dnspin.process.poll() is None
    return f"{len(GARBAGE) + len(noise)} requests: {errors} errors, {silent} without an answer"


def connections_held(path):
    """How many connections to path were accepted: an accepted socket is in the asker's namespace,
    and what still waits has inode 0."""
    rows = pathlib.Path("/proc/self/net/unix").read_text().splitlines()[1:]
    connected = "03"  # SS_CONNECTED
    return sum(row.split()[5:] == [connected, inode, path] for row in rows
               if (inode := row.split()[6]) != "0")


def crowd(lab, servers):
    """100 idle connections stop neither dnspind nor, for long, the tool"""
    work = lab.qube("work")
    with with_dnspin(lab, "crowd") as dnspin:
        path, socks = str(dnspin.run_dir / "control"), []
        for _ in range(100):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            socks.append(sock)
        for number in range(50):
            servers.authority.at(f"c{number}.race.test", records([f"198.51.100.{number + 1}"]))
            assert work.ask(f"c{number}.race.test").addresses
        held = connections_held(path)
        assert 0 < held <= KEPT_MAX, held
        began = time.monotonic()
        assert trial.wait_until(lambda: dnspin.command("status").returncode == 0, timeout=20)
        waited = time.monotonic() - began
        assert waited < 15, waited
        for sock in socks:
            sock.close()
        assert trial.wait_until(lambda: dnspin.command("status").returncode == 0, timeout=1)
    return f"{held} kept, 50 names told meanwhile, the tool served after {waited:.1f} s"


ENDINGS = ("answered", "refused", "failed", "dropped")


def ended_once(lab, _):
    """Whatever is received is answered, refused, failed or dropped, each once"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "once", clients={"work": "accept docs.test\naccept .odd.test"}
                           ) as dnspin:
        seen = dict.fromkeys(("received", *ENDINGS), 0)

        def ends(**more):
            for ending, count in more.items():
                seen[ending] += count
            seen["received"] = sum(seen[ending] for ending in ENDINGS)
            counted = trial.wait_until(lambda: {
                key: value for key, value in dnspin.control("metrics").items() if key in seen
            } == seen)
            assert counted, (more, seen, dnspin.control("metrics"))

        for tcp in (False, True):
            assert work.ask("docs.test", tcp=tcp).addresses
            assert work.ask("nx.odd.test", tcp=tcp).status == "NXDOMAIN"
            assert work.ask("casino.test", tcp=tcp).status == "REFUSED"
            assert work.ask("servfail.odd.test", tcp=tcp).status == "SERVFAIL"
        ends(answered=4, refused=2, failed=2)
        with work.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("10.139.1.1", 53))
            for octets in (b"x", bytes(2) + b"\x80" + bytes(20), bytes(12)):
                sock.send(octets)  # no header, a reply, no question
        ends(dropped=2, failed=1)
        question = dns.message.make_query("delay-300.odd.test", "A").to_wire()
        with work.socket() as sock:
            sock.connect(("10.139.1.1", 53))
            sock.sendall(struct.pack("!H", len(question)) + question)
            time.sleep(0.1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ends(dropped=1)  # by a reset nobody is there any more
        asker = work.start(work.ask, "silent.odd.test", "A", "10.139.1.1", 53, False, 1.0)
        received = "dnspin_received_total"
        assert trial.wait_until(lambda: dnspin.metric(received) == seen["received"] + 1)
        os.kill(dnspin.resolver_pid("work"), signal.SIGKILL)
        asker.result()
        ends(dropped=1)
    return ", ".join(f"{count} {what}" for what, count in seen.items())


if __name__ == "__main__":
    trial.run(shapes, exit_codes, strangers, garbage, crowd, ended_once)
