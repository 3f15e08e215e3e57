"""dnspind in the netvm of a lab, with configuration written from Python.

    dnspin = Daemon(lab, clients={"work": "accept .shop.test tcp 80"},
                    settings={"pins": {"floor": "5s"}})
    dnspin.write_client("work", "accept docs.test"); dnspin.reload()
    dnspin.control("pins")        `dnspin --json pins` as Python objects
    dnspin.log()                  its journal lines so far, as (priority, text)
    dnspin.stop(), dnspin.kill(), dnspin.start()

A client file without an `address` line gets that of the qube of its name. The binaries come from
$DNSPIN_BUILD, else from build/ of this tree; they are copied to where dnspin's own users can
execute them, which a folder below somebody's home often forbids.
"""

import collections
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from lab import topology
from lab.namespace import LabError

TREE = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ("dnspind", "dnspin-resolver", "dnspin")
LogLine = collections.namedtuple("LogLine", "priority text")


def build_folder():
    return pathlib.Path(os.environ.get("DNSPIN_BUILD") or TREE / "build")


def toml(settings):
    """Tables of numbers, texts, truths and lists: JSON writes each as TOML would."""
    lines = []
    for table, keys in settings.items():
        lines += [f"[{table}]"] + [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


class Daemon:
    def __init__(self, lab, clients=None, profiles=None, settings=None, start=True, name="dnspin",
                 upstream=(topology.UPSTREAM,), options=(), env=None, wrapper=()):
        self.lab, self.options, self.process = lab, list(options), None
        self._wrapper = list(wrapper)  # a program that becomes dnspind
        self._env = env or {}
        self.folder = lab.scratch / name
        self.run_dir = self.folder / "run"
        self.config = self.folder / "dnspin.toml"
        self.log_file = self.folder / "log"
        self.bin = self._install()
        for below in ("clients.d", "profiles.d"):
            (self.folder / below).mkdir(parents=True)
        self.log_file.touch()
        self.notified = []  # what it has told the service manager, as octets
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self.folder / "notify"))
        os.chmod(self.folder / "notify", 0o666)
        self._settings = {"dns": {"upstream": list(upstream)},
                          "daemon": {"run_dir": str(self.run_dir)}}
        self.table = (settings or {}).get("firewall", {}).get("table", "dnspin")
        self.write_settings(settings or {})
        for client, text in (clients or {}).items():
            self.write_client(client, text)
        for profile, text in (profiles or {}).items():
            self.write_profile(profile, text)
        lab.at_exit(self.close)
        if start:
            self.start()

    def _install(self):
        target = self.lab.scratch / "bin"
        if not target.exists():
            source = build_folder()
            missing = [program for program in PROGRAMS if not (source / program).exists()]
            if missing:
                raise LabError(f"{source} has no {' and no '.join(missing)}: run ./dev build")
            target.mkdir()
            for program in PROGRAMS:
                shutil.copyfile(source / program, target / program)
                (target / program).chmod(0o755)
        return target

    # Files.

    def write_settings(self, settings):
        """dnspin.toml: these over the lab's own; or a text, as it is."""
        if not isinstance(settings, str):
            both = {table: {**self._settings.get(table, {}), **settings.get(table, {})}
                    for table in {**self._settings, **settings}}
            settings = toml(both)
        self.config.write_text(settings)

    def write_client(self, name, text):
        if not any(line.split()[:1] == ["address"] for line in text.splitlines()):
            qube = self.lab.qube(name)
            text = f"address {qube.address} {qube.address6}\n{text}"
        (self.folder / "clients.d" / name).write_text(text.rstrip("\n") + "\n")

    def remove_client(self, name):
        (self.folder / "clients.d" / name).unlink()

    def write_profile(self, name, text):
        (self.folder / "profiles.d" / name).write_text(text.rstrip("\n") + "\n")

    # Life.

    def start(self, timeout=10):
        """Returns when dnspind says that every client can be served."""
        self._drain()
        with open(self.log_file, "ab") as log:
            self.process = self.lab.netvm.popen(
                [*self._wrapper, self.bin / "dnspind", "--config", self.config, *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"NOTIFY_SOCKET": str(self.folder / "notify"), **self._env})
        if not self._wait_ready(timeout):
            raise LabError(f"dnspind does not get ready:\n{self.log_file.read_text()}")

    def _drain(self):
        self._notify.setblocking(False)
        try:
            while True:
                self.notified.append(self._notify.recv(4096))
        except BlockingIOError:
            pass

    def _wait_ready(self, timeout):
        end = time.monotonic() + timeout
        self._notify.settimeout(0.05)
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.notified.append(self._notify.recv(4096))
                if b"READY=1" in self.notified[-1].split(b"\n"):
                    return True
            except TimeoutError:
                pass
        return False

    @property
    def pid(self):
        return self.process.pid

    def resolver_pids(self):
        """Of the readers that run."""
        return sorted({client["resolver_pid"] for client in self.control("clients")} - {0})

    def resolver_pid(self, client):
        """0: it has none now."""
        return next(row["resolver_pid"] for row in self.control("clients")
                    if row["client"] == client)

    def reload(self, timeout=5):
        """Through the control socket: returns when the new rules are in force. False if refused."""
        return self.command("reload", timeout=timeout).returncode == 0

    def hang_up(self, wait=True, timeout=5):
        """SIGHUP; waits until dnspind has dealt with it, whether it took the new rules or not."""
        self._drain()
        self.process.send_signal(signal.SIGHUP)
        return self._wait_ready(timeout) if wait else True

    def stop(self, timeout=10):
        """SIGTERM, as a service manager does; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)

    def kill(self):
        """kill -9 of dnspind alone."""
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self._notify.close()

    # What it says.

    def command(self, *words, timeout=10):
        """The dnspin tool; the result has returncode, stdout and stderr."""
        return self.lab.netvm.run([self.bin / "dnspin", "--run-dir", self.run_dir, *words],
                                  timeout=timeout)

    def control(self, *words):
        result = self.command("--json", *words)
        if result.returncode != 0:
            raise LabError(f"dnspin {' '.join(words)}: {result.stderr.strip()}")
        return json.loads(result.stdout)

    def metric(self, name):
        """One number of `dnspin metrics`, summed over its labels; None if there is no such."""
        values = [float(line.split()[-1]) for line in self.command("metrics").stdout.splitlines()
                  if line.split("{")[0].split(" ")[0] == name]
        return sum(values) if values else None

    def check(self):
        """dnspind --check: the result has returncode and stderr."""
        return self.lab.netvm.run([self.bin / "dnspind", "--config", self.config, "--check"])

    def log(self):
        lines = []
        for line in self.log_file.read_text(errors="replace").splitlines():
            known = line.startswith("<") and line[2:3] == ">"
            lines.append(LogLine(int(line[1]), line[3:]) if known else LogLine(6, line))
        return lines

    def wait_log(self, part, timeout=5.0):
        """The first line that holds this text; None if none comes in time."""
        end = time.monotonic() + timeout
        while True:
            found = next((line for line in self.log() if part in line.text), None)
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)
