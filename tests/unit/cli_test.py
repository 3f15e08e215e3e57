#!/usr/bin/python3 -B
"""The dnspin tool before a dnspind that says what is in these tables: what it asks, what it shows
to people and to programs, and how it ends."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from tests.unit.fake_dnspind import DNSPIN, FakeDnspind, dnspin  # noqa: E402

PIN = {"client": "work", "address": "140.82.112.3", "name": "api.github.com",
       "rule": ".github.com", "protocol": "tcp", "ports": "443", "expires_in_s": 312}
BLOCKED = {"client": "work", "name": "casino.test", "address": "198.51.100.7", "protocol": "tcp",
           "port": 22, "count": 3, "first_ago_s": 7300, "last_ago_s": 4, "why": "no rule opens it"}
REPLIES = {
    "status": {"version": "0.1.0", "mode": "answer", "uptime_s": 90,
               "upstreams": [{"server": "192.0.2.53:53", "interface": "eth0", "state": "failing",
                              "answered": 12, "failed": 1, "answered_ago_s": 190, "rtt_ms": 3.5},
                             {"server": "192.0.2.54:53", "interface": "", "state": "unasked",
                              "answered": 0, "failed": 0, "answered_ago_s": None, "rtt_ms": None},
                             {"server": "192.0.2.55:53", "interface": "eth0"}],
               "clients": 2, "pins": 1, "refresh": "in place",
               "learning": [{"client": "work", "left_s": 540}],
               "counters": {"questions": 5, "answers_released_unpinned": 0}},
    "clients": [{"client": "work", "addresses": ["10.137.0.25", "fd09::19"],
                 "interface": "vif1.0", "rules": 4, "pins": 3, "questions": 9, "refused": 1,
                 "resolver_pid": 77}],
    "pins": [PIN],
    "metrics": {"text": "# TYPE dnspin_pins gauge\ndnspin_pins 1\n", "totals": {"pins": 1}},
    "reload": {"ok": True},
    "flush": {"pins": 3},
    "blocked": [BLOCKED, {**BLOCKED, "address": None, "protocol": None, "port": None}],
    "learn": lambda request: {"client": request["client"], "left_s": request["seconds"],
                              "ports": request.get("ports", ["tcp/80", "tcp/443", "udp/443"])},
    "why": {"client": "work", "address": "140.82.112.3",
            "open": True,
            "pins": [{"rule": ".github.com", "origin": "clients.d/work:3", "protocol": "tcp",
                      "ports": "443", "expires_in_s": 312, "reached": True,
                      "holders": [{"rule": ".github.com", "name": "api.github.com",
                                   "ends_in_s": 312}]}],
            "answers": [{"name": "api.github.com", "type": "A", "chain": ["edge.github.net"],
                         "told_s": 60, "ago_s": 8, "standing": "pinned"}],
            "rules": [{"text": "action=drop proto=udp", "origin": "clients.d/work:4",
                       "accepts": False, "reached": True},
                      {"text": "action=accept dst4=140.82.112.0/24", "origin": "clients.d/work:9",
                       "accepts": True, "reached": False}],
            "flows": [{"protocol": "tcp", "port": 443, "packets": None, "bytes": None},
                      {"protocol": "tcp", "port": 443, "packets": 7, "bytes": 4096}]},
    "explain": {"client": "work", "name": "localhost", "standing": "pinned",
                "rule": {"number": 2, "text": "action=accept dsthost=localhost",
                         "origin": "clients.d/work:2"},
                "opens": [{"protocol": "tcp", "ports": "443", "rule": "localhost"}]},
}

# words, lines that are shown (regular expressions)
SHOWN = (
    (("status",), (r"upstream +192\.0\.2\.53:53 by eth0",
                   r" +failing, 12 answered, 1 failed, last 3m ago in 3\.5 ms",
                   r"upstream +192\.0\.2\.54:53 \(no route\)", r" +unasked",
                   r"learning +work for 9m more",
                   r"answers_released_unpinned +0")),
    (("clients",), (r"CLIENT +ADDRESSES +INTERFACE .*",
                    r"work +10\.137\.0\.25 fd09::19 +vif1\.0 +4 +3 +9 +1 +77")),
    (("pins", "work"), (r"CLIENT +ADDRESS +NAME +RULE +PROTOCOL +PORTS +EXPIRES IN S",
                        r"work +140\.82\.112\.3 +api\.github\.com +\.github\.com +tcp +443 +312")),
    (("metrics",), (r"dnspin_pins 1",)),
    (("reload",), ("reloaded",)),
    (("flush", "work"), ("3 pins gone, and the flows that began by them",)),
    (("blocked",), (r"work +casino\.test +198\.51\.100\.7 +tcp +22 +3 +2h ago +4s ago +no rule .*",
                    r"work +casino\.test +- +- +- +3 .*")),
    (("learn", "work"), (r"work learns for 600 s: .*tcp/80 tcp/443 udp/443, and noted\.",)),
    (("learn", "work", "off"), ("work: its rules alone are in force",)),
    (("why", "work", "140.82.112.3"),
     ("140.82.112.3 is open to work", "Pinned by", "Rules for it",
      r"  drops +action=drop proto=udp +clients\.d/work:4",
      r"  \.github\.com +clients\.d/work:3 +tcp 443 +5m more +api\.github\.com \(5m more\)",
      r"  accepts +action=accept dst4=140\.82\.112\.0/24 +clients\.d/work:9, but a rule before it "
      r"decides",
      r"  api\.github\.com +A +8s ago +for 60s +pinned +by edge\.github\.net",
      r"  tcp +443 +not counted .*", r"  tcp +443 +7 packets, 4096 octets")),
    (("explain", "work", "localhost"),
     (r"standing +pinned: .*", r"decided by +action=accept dsthost=localhost "
      r"\(clients\.d/work:2\)", r"opens +tcp 443 by localhost")),
)

# words, the request that they make
REQUESTS = (
    (("pins",), {"command": "pins"}),
    (("blocked", "work"), {"command": "blocked", "client": "work"}),
    (("learn", "work", "30s"), {"command": "learn", "client": "work", "seconds": 30}),
    (("learn", "work", "1h", "--ports", "tcp/22,udp/60000-61000"),
     {"command": "learn", "client": "work", "seconds": 3600,
      "ports": ["tcp/22", "udp/60000-61000"]}),
    (("learn", "work", "off"), {"command": "learn", "client": "work", "seconds": 0}),
    (("why", "work", "fd09::1"), {"command": "why", "client": "work", "address": "fd09::1"}),
    (("flush", "--", "--json"), {"command": "flush", "client": "--json"}),
)

# words, exit status, what is said on standard error
ENDS = (
    ((), 2, "usage"), (("pin",), 2, "did you mean 'pins'?"), (("pins", "a", "b"), 2, "too many"),
    (("--jason", "pins"), 2, "did you mean '--json'?"), (("why", "work"), 2, "ADDRESS is missing"),
    (("learn", "work", "2h"), 2, "at most 60m"), (("learn", "work", "0s"), 2, "at most 60m"),
    (("learn", "work", "-1s"), 2, "unknown option"), (("learn", "work", "9"), 2, "like 30s"),
    (("learn", "work", "--ports", "443"), 2, "not '443'"),
    (("learn", "work", "--ports", "tcp/70000"), 2, "tcp/70000"),
    (("learn", "work", "--ports"), 2, "--ports needs LIST"),
    (("suggest", "work", "--qvm", "a;reboot"), 2, "name of a qube"),
    (("completion", "tcsh"), 2, "bash, zsh and fish"), (("import", "pf", "-"), 2, "tinyproxy"),
    (("import", "hosts", "/nowhere"), 1, "/nowhere"),
    (("simulate", "work", "/nowhere"), 1, "/nowhere"),
    (("watch", "nobody"), 1, "no client is called nobody"),
    (("events",), 2, "unknown command"), (("--json=1", "pins"), 2, "takes no value"),
)


class Commands(unittest.TestCase):
    def test_people_see_a_table(self):
        with FakeDnspind(REPLIES) as dnspind:
            for words, patterns in SHOWN:
                with self.subTest(words=words):
                    result = dnspind.run(*words)
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
                    self.assertNotIn("\x1b", result.stdout)
                    for pattern in patterns:
                        self.assertRegex(result.stdout, f"(?m)^{pattern}$")

    def test_programs_see_what_dnspind_said(self):
        with FakeDnspind(REPLIES) as dnspind:
            for words, _ in SHOWN:
                with self.subTest(words=words):
                    result = dnspind.run(*words, "--json")
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
                    reply = REPLIES[words[0]]
                    reply = reply(dnspind.requests[-1]) if callable(reply) else reply
                    reply = reply["totals"] if words[0] == "metrics" else reply
                    self.assertEqual(json.loads(result.stdout), reply)

    def test_requests(self):
        with FakeDnspind(REPLIES) as dnspind:
            for words, request in REQUESTS:
                with self.subTest(words=words):
                    self.assertEqual(dnspind.run(*words).returncode, 0)
                    self.assertEqual(dnspind.requests[-1], request)

    def test_ends(self):
        refuses = {"events": {"error": "no client is called nobody"}}
        with FakeDnspind(refuses) as dnspind:
            for words, code, said in ENDS:
                with self.subTest(words=words):
                    result = dnspind.run(*words)
                    self.assertEqual(result.returncode, code, result)
                    self.assertIn(said, result.stderr)
                    self.assertEqual(result.stdout, "")

    def test_a_dnspind_that_cannot_be_asked(self):
        for words in (("status",), ("watch",), ("suggest", "work"), ("pins", "x" * 5000)):
            result = dnspin("--run-dir", "/nowhere", *words)
            self.assertEqual(result.returncode, 3, result)
            self.assertIn("/nowhere/control", result.stderr)
        self.assertEqual(dnspin("report", "work", "--journal", "/nowhere").returncode, 1)
        for reply in (b"", b"{", b"\xff\n"):
            with FakeDnspind({"status": reply}) as dnspind:
                self.assertEqual(dnspind.run("status").returncode, 3)

    def test_help(self):
        commands = dnspin("--help").stdout.split("\n\n")[1]
        names = re.findall(r"(?m)^  ([a-z]+)", commands)
        self.assertEqual(len(names), 17)
        for name in names:
            result = dnspin(name, "--help")
            self.assertEqual(result.returncode, 0, result)
            self.assertIn(f"[--json] {name}", result.stdout)
            self.assertRegex(result.stdout, rf"(?m)^  .*dnspin (--json )?{name}")
        self.assertRegex(dnspin("--version").stdout, r"^dnspin \d")


class Hostile(unittest.TestCase):
    NASTY = "\x1b]0;x\x07\x9b31m\u202e\n\r\x00evil"

    def nasty(self, value):
        if isinstance(value, dict):
            return {key: self.nasty(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.nasty(part) for part in value]
        return self.NASTY if isinstance(value, str) else value

    def commands(self):
        return [words for words, _ in SHOWN] + [("explain", "work", "x", "--ask")]

    def test_no_control_octet_reaches_the_terminal(self):
        replies = {name: self.nasty(reply) for name, reply in REPLIES.items()
                   if not callable(reply)}
        replies["learn"] = {"client": self.NASTY, "left_s": 9, "ports": [self.NASTY]}
        with FakeDnspind(replies) as dnspind:
            for words in self.commands():
                for more in ((), ("--json",)):
                    result = dnspind.run(*words, *more)
                    self.assertEqual(result.returncode, 0, result)
                    self.assertRegex(result.stdout, r"^[\n -~]*$")

    def test_an_error_neither(self):
        with FakeDnspind({"pins": {"error": f"one\n{self.NASTY}"}}) as dnspind:
            result = dnspind.run("pins", "\x1b[31m")
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"^[\n -~]*$")

    def test_replies_of_another_kind(self):
        for reply in ({}, [], 7, "x", None, True, [[]], [1], [{}], {"counters": 7}, {"pins": {}},
                      {"rule": {"text": [{}]}}, {"error": 7}, [{"addresses": {"a": [None]}}]):
            with FakeDnspind({name: reply for name in (*REPLIES, "record")}) as dnspind:
                for words in [*self.commands(), ("suggest", "work")]:
                    result = dnspind.run(*words)
                    self.assertIn(result.returncode, (0, 1), (reply, result))
                    self.assertNotIn("terminate", result.stderr)


class Explain(unittest.TestCase):
    def test_nothing_is_asked_unless_told(self):
        with FakeDnspind(REPLIES) as dnspind:
            self.assertNotIn("asked", dnspind.run("explain", "work", "localhost").stdout)
            result = dnspind.run("explain", "work", "localhost", "--ask")
            self.assertRegex(result.stdout, r"(?m)^asked here +127\.0\.0\.1 +forbidden: no name")
            result = dnspind.run("explain", "work", "localhost", "--ask", "--json")
            asked = json.loads(result.stdout)
            self.assertIn({"address": "127.0.0.1", "verdict": "forbidden: no name may answer with "
                           "it", "pinned": False}, asked["asked"])
            result = dnspind.run("explain", "work", "no host", "--ask")
            self.assertIn("asked here: not a host name", result.stdout)


class Colours(unittest.TestCase):
    def shown(self, *words, **environment):
        with FakeDnspind(REPLIES) as dnspind:
            command = " ".join([str(DNSPIN), "--run-dir", dnspind.run_dir, *words])
            result = subprocess.run(["script", "-qec", command, "/dev/null"], text=True, check=True,
                                    capture_output=True, stdin=subprocess.DEVNULL,
                                    env={**os.environ, "TERM": "xterm", **environment})
            return result.stdout

    def test_only_on_a_terminal_that_has_them(self):
        self.assertIn("\x1b[1mCLIENT\x1b[0m", self.shown("pins"))
        self.assertNotIn("\x1b", self.shown("pins", TERM="dumb"))
        self.assertNotIn("\x1b", self.shown("pins", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.shown("pins", "--json"))


class Refresh(unittest.TestCase):
    def test_becomes_the_program_of_its_own_place(self):
        """It has the profile as one word, whatever is in it, and its exit code is the tool's."""
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder)
            (place / "libexec/dnspin").mkdir(parents=True)
            (place / "bin").mkdir()
            tool = shutil.copy(DNSPIN, place / "bin")

            def refresh(*words):
                done = subprocess.run([tool, "refresh", *words], capture_output=True, text=True,
                                      check=False)
                return done.returncode, done.stdout + done.stderr

            fetcher = place / "libexec/dnspin/dnspin-refresh"
            self.assertEqual(refresh("fastly"),
                             (3, f"dnspin: {fetcher}: No such file or directory\n"))
            fetcher.write_text('#!/bin/sh\nprintf "<%s>" "$@"\nexit 1\n')
            fetcher.chmod(0o755)
            self.assertEqual(refresh("a b"), (1, "<--text><--><a b>"))
            self.assertEqual(refresh("--json", "fastly"), (1, "<--json><--><fastly>"))
            self.assertEqual(refresh()[0], 2)


class Completion(unittest.TestCase):
    SHELLS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "-n"]}

    def test_each_shell_can_read_its_script(self):
        names = [words[0] for words, _ in SHOWN] + ["watch", "suggest", "simulate", "import",
                                                    "report", "completion", "refresh"]
        for shell, check in self.SHELLS.items():
            script = dnspin("completion", shell).stdout
            for name in names:
                self.assertIn(name, script, shell)
            with tempfile.NamedTemporaryFile("w", suffix=shell) as file:
                file.write(script)
                file.flush()
                try:
                    result = subprocess.run([*check, file.name], capture_output=True, check=False)
                except FileNotFoundError:
                    continue  # not installed
                self.assertEqual((result.returncode, result.stderr), (0, b""), shell)

    def test_bash_completes(self):
        script = dnspin("completion", "bash").stdout
        for words, expected in (("dnspin wa", "watch"), ("dnspin completion f", "fish"),
                                ("dnspin --run-dir x sta", "status"), ("dnspin learn w o", "off"),
                                ("dnspin import h", "hosts"), ("dnspin explain --a", "--ask")):
            ask = (f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _dnspin; "
                   'echo "${COMPREPLY[*]}"')
            result = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True,
                                    check=True)
            self.assertEqual(result.stdout.strip(), expected, words)


if __name__ == "__main__":
    unittest.main()
