#!/usr/bin/python3 -B
"""`dnspin watch`: the view on a terminal, lines elsewhere, and what becomes of the terminal."""

import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from tests.unit.fake_dnspind import DNSPIN, FakeDnspind  # noqa: E402


class Events:
    """As dnspind tells them: `after` is a large number that it has given itself."""

    FIRST = 1 << 61

    def __init__(self):
        self.kept = []

    def add(self, kind, name):
        self.kept.append({"at": self.FIRST, "client": "work", "kind": kind,
                          "name": name, "type": "A", "addresses": ["192.0.2.1"],
                          "ago_s": 0})

    def reply(self, request):
        after = request.get("after", self.FIRST) - self.FIRST
        return {"next": self.FIRST + len(self.kept), "lost": 0, "events": self.kept[after:],
                "rates": {"questions": 1.5, "refused": 0, "upstream": 1}}


class Watch(unittest.TestCase):
    def setUp(self):
        self.events = Events()
        self.dnspind = FakeDnspind({
            "events": self.events.reply,
            "pins": [{"client": "work", "address": "192.0.2.1", "name": "a.test", "rule": ".test",
                      "protocol": "tcp", "ports": "443", "expires_in_s": 165}]})
        self.enterContext(self.dnspind)

    def start(self, *words, **more):
        process = subprocess.Popen([DNSPIN, "--run-dir", self.dnspind.run_dir, *words], **more)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def on_terminal(self):
        terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.addCleanup(os.close, terminal)
        before = termios.tcgetattr(terminal)
        process = self.start("watch", "work", stdin=inner, stdout=inner, stderr=inner,
                             env={**os.environ, "TERM": "xterm"}, start_new_session=True)
        os.close(inner)
        return process, terminal, before

    def read_until(self, terminal, wanted, timeout=10):
        shown, until = b"", time.monotonic() + timeout
        while wanted not in shown and time.monotonic() < until:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:
                    break
        self.assertIn(wanted, shown)
        return shown

    def test_lines_as_they_come(self):
        for number in range(30):
            self.events.add("pinned", f"n{number}.test")
        process = self.start("watch", stdout=subprocess.PIPE, text=True)
        lines = [process.stdout.readline() for _ in range(10)]
        self.assertIn("pinned work n20.test A 192.0.2.1", lines[0])
        self.events.add("refused", "evil\x1b[31m.test")
        self.assertRegex(process.stdout.readline(),
                         r"^\d\d:\d\d:\d\d refused work evil\\027\[31m\.test A ")
        process.terminate()
        self.assertEqual(process.wait(), -signal.SIGTERM)
        process.stdout.close()

    def test_lines_for_programs(self):
        self.events.add("pinned", "a.test")
        process = self.start("watch", "--json", stdout=subprocess.PIPE, text=True)
        self.assertEqual(json.loads(process.stdout.readline()), self.events.kept[0])
        process.stdout.close()

    def test_lines_end_with_dnspind(self):
        self.dnspind.replies["events"] = b""
        process = self.start("watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("without an answer", process.communicate()[1])
        self.assertEqual(process.returncode, 3)

    def test_the_view(self):
        self.events.add("pinned", "a.test")
        process, terminal, before = self.on_terminal()
        shown = self.read_until(terminal, b"a.test A")
        self.assertIn(b"1.5 questions/s", shown)
        self.assertIn(b"[##########..........]", shown)
        self.events.add("refused", "evil\x1b]0;x\x07.test")
        self.assertIn(b"evil\\027]0;x\\007.test", self.read_until(terminal, b"007.test A"))
        self.dnspind.replies["events"] = b""
        self.read_until(terminal, b"without an answer")
        os.write(terminal, b"q")
        self.assertIn(b"\x1b[?1049l", self.read_until(terminal, b"\x1b[?1049l"))
        self.assertEqual(process.wait(10), 0)
        self.assertEqual(termios.tcgetattr(terminal), before)

    def test_signals_leave_the_terminal_as_it_was(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process, terminal, before = self.on_terminal()
            self.read_until(terminal, b"questions/s")
            self.assertNotEqual(termios.tcgetattr(terminal), before)
            process.send_signal(number)
            self.read_until(terminal, b"\x1b[?1049l")
            self.assertEqual(process.wait(10), -number)
            self.assertEqual(termios.tcgetattr(terminal), before)

    def test_a_small_window_and_one_that_grows(self):
        process, terminal, _ = self.on_terminal()
        self.read_until(terminal, b"questions/s")
        for rows, columns in ((1, 1), (2, 10), (40, 132)):
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            process.send_signal(signal.SIGWINCH)
            time.sleep(0.1)
            self.assertIsNone(process.poll())
        self.events.add("pinned", "later.test")
        self.read_until(terminal, b"later.test A")
        os.write(terminal, b"q")
        self.read_until(terminal, b"\x1b[?1049l")
        self.assertEqual(process.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
