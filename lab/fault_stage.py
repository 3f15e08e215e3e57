"""A dnspind of faulty programs with two qubes, and what must hold whatever befalls it.

    stage = Stage(lab, dnspin, page)
    stage.ask("work")     True if told; what is told is right, pinned and open, or it raises
    stage.judge()         raises where a promise is broken or something is left over
"""

import contextlib
import ipaddress
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import time

from lab.processes import roles
from lab.namespace import LabError
from lab.netvm import pins_in
from lab.steady import CASINO, FORBIDDEN
from lab.trial import wait_until
from lab.zones import race_address

RULES = "accept .race.test tcp 80\naccept docs.test tcp 443\n"
MORE_RULES = "accept .shop.test tcp 80\naccept .race.test tcp 80\naccept .race.test tcp 443\n"
SETTINGS = {"pins": {"told_max": "5s", "floor": "30s", "slack": "10s"}}
SHUT = ((CASINO, 80), (FORBIDDEN, 80), ("2001:db8:99::1", 80))
STEP, PATIENT, NOBODY = 0.7, 15.0, 0.05  # seconds for an answer; where there can be none
RESTARTS = 3  # of readers, before the next of them would wait for long
POWERS = re.compile(r"^(Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp(?:_filters)?):.*$", re.M)
LIMITS = re.compile(r"^Max (?:core file size|processes|file size).*$", re.M)


class Broken(AssertionError):
    """A promise."""


def require(good, *what):
    if not good:
        raise Broken(" ".join(map(str, what)))


class Stage:
    def __init__(self, lab, dnspin, page=None, first_name=1):
        self.lab, self.dnspin, self.page = lab, dnspin, page
        self.told = {}   # (qube, address) to when, a moment ago, and how long it had slept
        self.ever = set()
        self.readers = {}  # pids by qube, before the story
        self.ended = None  # how dnspind did, before it was judged
        self._comments = True
        self._names = itertools.count(first_name)
        self._log_at = 0
        self._reference = self._own = None

    def fresh_name(self):
        """It, and its addresses by type."""
        number = next(self._names)
        return f"{number}.race.test", {kind: race_address(number, kind) for kind in ("A", "AAAA")}

    def refer(self):
        """As it is now it should be again."""
        self.settle()
        self._reference = self._tables()
        wait_until(self._readers_have_begun, 10, 0.05)  # the log's comes behind READY
        self._own = self._processes()

    def _readers_have_begun(self):
        """Each has given its powers up."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            readers = self._processes().get("reader", [])
            return all("CapEff:\t0000000000000000" in lines for lines in readers)
        return False

    # Steps of stories: True if it went well, False if it did not; an exception if a promise broke.

    def ask(self, qube, kind="A", tcp=False, name=None, timeout=STEP):
        name, addresses = name or self.fresh_name()
        slept = self._slept()
        spared = self._spared(qube)
        timeout = PATIENT if spared else timeout if self.running() else NOBODY
        try:
            reply = self.lab.qube(qube).ask(name, kind, tcp=tcp, timeout=timeout)
        except Exception:  # pylint: disable=broad-except  # an answer that was cut
            return False
        if not reply.addresses:
            require(not spared, f"another's reader was hit, and {qube} hears {reply}")
            require(reply.status in ("SERVFAIL", "TIMEOUT", "FORMERR"), name, kind, reply)
            return False
        require(reply.addresses == [addresses[kind]], name, kind, reply)
        attempt = self.lab.qube(qube).connect(addresses[kind], 80, timeout=10)
        if not attempt and self._slept() != slept:
            return False  # what was told before the sleep was told long ago
        require(attempt, f"{qube} was told {addresses[kind]} and is not let there: {attempt}")
        # It may have slept between the answer and here: then that was told before it.
        self.told[qube, addresses[kind]] = time.monotonic(), slept
        self.ever.add((qube, addresses[kind]))
        return True

    def _is_recent(self, told_at, slept):
        return time.monotonic() - told_at < 5 and slept == self._slept()

    def _slept(self):
        return self.page.slept() if self.page else 0

    def _spared(self, qube):
        """A reader was hit by a fault, and it is not this one's, nor everybody's."""
        fired = self.page and self.page.fired()
        hit, pids = fired.pid if fired else None, set(self.readers.values())
        return hit in pids and len(pids) > 1 and self.readers.get(qube) != hit

    def refused(self, qube, name="casino.test"):
        try:
            reply = self.lab.qube(qube).ask(name, timeout=STEP)
        except Exception:  # pylint: disable=broad-except
            return False
        require(reply.status in ("REFUSED", "SERVFAIL", "TIMEOUT", "FORMERR"), name, reply)
        return reply.status == "REFUSED"

    def control(self, command):
        """What it replies, or None."""
        with contextlib.suppress(OSError, ValueError), \
                socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(12)
            sock.connect(str(self.dnspin.run_dir / "control"))
            sock.sendall(json.dumps({"command": command}).encode() + b"\n")
            reply = json.loads(b"".join(iter(lambda: sock.recv(65536), b"")))
            return None if isinstance(reply, dict) and "error" in reply else reply
        return None

    def reader_pids(self):
        clients = self.control("clients") if self.running() else None
        return {one["client"]: one["resolver_pid"] for one in clients or []}

    def reload(self):
        return self.control("reload") is not None

    def running(self):
        return self.dnspin.process is not None and self.dnspin.process.poll() is None

    def start(self):
        """Until it is ready, or has ended."""
        try:
            self.dnspin.start(timeout=PATIENT)
            return True
        except LabError:
            require(not self.running(), "neither ready nor ended")
            return False

    def kill(self):
        if self.running():
            self.dnspin.kill()
        self._nothing_runs()

    def remove_tables(self):
        self.lab.netvm.nft("".join(
            f"add table {kind} {table}\ndelete table {kind} {table}\n"
            for kind in ("ip", "ip6") for table in ("dnspin", "dnspin-dns")))
        self.told.clear()

    # The verdict.

    def judge(self, by_order=(), of_memory=False):
        """`by_order`: the ways to end that were wished for. Without memory the C libraries may end
        dnspind in ways of their own, and leave comments of rules out."""
        self.ended, self._comments = None, not of_memory
        if self._has_ended():
            self._judge_end(by_order, of_memory)
        self.settle()
        self._judge_kernel()
        self._judge_processes()

    def _has_ended(self):
        """Its sockets close a moment before it is gone."""
        if self.running() and self.control("clients") is None:
            wait_until(lambda: not self.running(), 1)
        return not self.running()

    def settle(self):
        """Each client is told a new name, by a dnspind that runs, under the rules of its files."""
        if not self.running():
            require(self.start(), "it does not start anew")
        require(wait_until(self.reload, PATIENT, 0.1), "no reload goes through")
        for qube in ("work", "personal"):
            require(wait_until(lambda q=qube: self.ask(q, timeout=1), PATIENT, 0.05),
                    f"the next question of {qube} is not answered")

    def renew(self):
        """The pause before a reader's restart grows with each that ends: after some it is stopped
        and started, as a service manager does, so that the next does not wait for the last."""
        if self.dnspin_metric("readers_restarted") < RESTARTS:
            return
        self.dnspin.process.terminate()
        require(self.dnspin.process.wait(PATIENT) == 0, "it does not stop")
        self._nothing_runs()
        self.settle()

    def _judge_end(self, by_order, of_memory):
        self.ended = self.dnspin.process.returncode
        said = self.said()
        self._nothing_runs()
        self._shut()
        if self.ended in by_order:
            return
        unread = self.ended == 1 and any("error: cannot " in line for line in said)
        require(self.ended == 3 or unread or of_memory, f"ended with {self.ended}: {said}")
        require(said or of_memory, "ended silently")

    def said(self):
        """What is new in the log and no good news, the end of it."""
        with open(self.dnspin.log_file, errors="replace") as log:
            log.seek(self._log_at)
            lines = log.read().splitlines()
            self._log_at = log.tell()
        return [line for line in lines if not line.startswith(("<5>", "<6>"))][-8:]

    def _nothing_runs(self):
        mine = str(self.dnspin.bin)
        require(wait_until(lambda: not running_from(mine), 5), f"left over: {running_from(mine)}")

    def _tables(self):
        return [item for item in self.lab.netvm.nft_json("ruleset")
                if next(iter(item.values())).get("table", "").startswith("dnspin")
                or item.get("table", {}).get("name", "").startswith("dnspin")]

    def _shut(self):
        """Where there are tables at all."""
        if any(item.get("chain", {}).get("name") == "forward" for item in self._tables()):
            self._judge_shut()

    def _judge_shut(self):
        for qube in ("work", "personal"):
            for address, port in SHUT:
                attempt = self.lab.qube(qube).connect(address, port, timeout=0.5)
                require(not attempt.passed, f"{qube} reached {address}: {attempt}")

    def _structure(self, tables):
        """Chains, sets and rules of dnspin's, without numbers and elements."""
        lines, left_out = [], ("handle", "elem") if self._comments else (
            "handle", "elem", "comment")
        for item in tables:
            (kind, value), = item.items()
            value = {key: it for key, it in value.items() if key not in left_out}
            lines.append(re.sub(r"(pin-[\w-]+)-\d+", r"\1-N", json.dumps([kind, value],
                                                                        sort_keys=True)))
        return sorted(lines)

    def _judge_kernel(self):
        self._judge_shut()
        unpinned = self.dnspin_metric("answers_released_unpinned")
        require(unpinned == 0, f"told unpinned: {unpinned}")
        tables = self._tables()
        if self._reference is not None:
            reference = self._structure(self._reference)
            if self._structure(tables) != reference:
                wait_until(lambda: self._structure(self._tables()) == reference, 3, 0.1)
                tables = self._tables()
            require(self._structure(tables) == reference, "the tables differ:",
                    sorted(set(self._structure(tables)) ^ set(reference)))
        for qube in ("work", "personal"):
            pins = list(pins_in(tables, self.lab.qube(qube)))
            for pin in pins:
                require(pin.timeout > 0, f"no timeout: {pin}")
                require(is_of_race(pin.address), f"{qube}: nobody's address: {pin}")
            missing = {address for (who, address), when in self.told.items()
                       if who == qube and self._is_recent(*when)} - {pin.address for pin in pins}
            require(not missing, f"{qube} was told {missing}, which are not pinned any more")
        self.told = {key: when for key, when in self.told.items() if self._is_recent(*when)}

    def dnspin_metric(self, name):
        metrics = self.control("metrics")
        require(metrics is not None, "no metrics")
        return metrics["totals"][name]

    def _processes(self):
        """Of dnspind, its launcher and its readers: the powers, and how many descriptors."""
        found = {}
        for role, pid in ((role, pid) for role, pids in roles(self.dnspin.pid).items()
                          for pid in pids):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            found.setdefault(role, []).append(
                [*(match[0] for match in POWERS.finditer(status)), *LIMITS.findall(limits),
                 f"{len(os.listdir(f'/proc/{pid}/fd'))} descriptors"])
        return {role: sorted(those) for role, those in found.items()}  # readers come in any order

    def _judge_processes(self):
        run_dir = sorted(os.listdir(self.dnspin.run_dir))
        require(run_dir == ["control"], f"in run_dir: {run_dir}")
        if self._own is None:
            return
        if wait_until(self._same_processes, 3, 0.05):
            return
        now, own = self._processes(), self._own
        require(False, "processes differ:", [
            (role, sorted(set(sum(now.get(role, []), [])) ^ set(sum(own.get(role, []), []))),
             len(now.get(role, [])), len(own.get(role, []))) for role in {*now, *own}
            if now.get(role) != own.get(role)])

    def _same_processes(self):
        with contextlib.suppress(FileNotFoundError, ValueError):  # one has just ended
            return self._processes() == self._own
        return False

    def reset(self):
        """After what was broken: from the beginning."""
        if self.page:
            self.page.off()
        if self.running():
            self.dnspin.kill()
        for pid in running_from(str(self.dnspin.bin)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for left in pathlib.Path(self.dnspin.run_dir).glob("empty*"):
            left.rmdir()
        self.remove_tables()
        self.settle()


def is_of_race(address):
    return ipaddress.ip_address(address) in ipaddress.ip_network(
        "2001:db8:ace::/48" if ":" in address else "198.18.0.0/15")


def running_from(folder):
    """Processes whose program is in it."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry}/exe").startswith(folder):
                    found.append(int(entry))
    return found
