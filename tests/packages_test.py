#!/usr/bin/python3 -B
"""The Debian package in a Debian 12 of its own, which is the netvm of a lab: installed, at work,
upgraded under traffic, removed, purged. Each story goes on where the one before it ended.

`./dev package test` builds the package and calls this. The Debian is made once, by debootstrap, and
lies in build-package/ as a tar. There is no systemd in it that runs: its part is played by Service,
and a stand-in for systemctl writes down what the package asks of it.
"""

import hashlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.daemon import TREE  # noqa: E402
from lab.loop import Loop  # noqa: E402
from lab.steady import DOCS, FORBIDDEN, assert_open, assert_shut  # noqa: E402
from lab.topology import UPSTREAM  # noqa: E402

FOLDER = TREE / "build-package"
MIRROR = "http://deb.debian.org/debian"
UNIT = "lib/systemd/system/dnspin.service"
ENABLED = "etc/systemd/system/multi-user.target.wants/dnspin.service"
NOT_OURS = re.compile(r"(proc|sys|dev|told|run/systemd|var/lib/dpkg|var/log|var/cache/ldconfig)"
                      r"(/|$)|etc/(passwd|group|shadow|gshadow|subuid|subgid)-$|etc/ld.so.cache$")
SYSTEMCTL = "#!/bin/sh\necho \"$@\" >>/told/systemctl\n"
MINE = "# by hand\n"


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def package():
    """The newest that ./dev package deb has left."""
    found = sorted(FOLDER.glob("dnspin_*.deb"), key=lambda path: path.stat().st_mtime)
    assert found, f"no package in {FOLDER}: run ./dev package deb"
    return found[-1]


def next_version(deb, folder):
    """The same package, one later: (path, version)."""
    run("dpkg-deb", "-R", deb, folder)
    control = folder / "DEBIAN" / "control"
    version = re.search(r"^Version: (.*)$", control.read_text(), re.M).group(1) + "+1"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(),
                              flags=re.M))
    run("dpkg-deb", "--root-owner-group", "-b", folder, folder.with_suffix(".deb"))
    return folder.with_suffix(".deb"), version


def debian(deb):
    """A tar of Debian 12 with what the package depends on and recommends."""
    wanted = ", ".join(run("dpkg-deb", "-f", deb, field).strip()
                       for field in ("Depends", "Recommends"))
    needed = sorted(re.split(r"[ |]", item)[0] for item in wanted.split(", "))
    tar = FOLDER / f"bookworm-{hashlib.sha256(' '.join(needed).encode()).hexdigest()[:12]}.tar"
    if not tar.exists():
        with tempfile.TemporaryDirectory(prefix="dnspin-bookworm-") as root:
            run("debootstrap", "--variant=minbase", "bookworm", root, MIRROR)
            run("cp", "/etc/resolv.conf", f"{root}/etc/resolv.conf")
            policy = pathlib.Path(root, "usr/sbin/policy-rc.d")
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
            run("chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
                "install", "--no-install-recommends", *needed)
            policy.unlink()
            run("rm", "-rf", f"{root}/var/cache/apt", f"{root}/var/lib/apt/lists")
            run("tar", "-C", root, "-cf", f"{tar}.new", ".")
            os.rename(f"{tar}.new", tar)
    return tar


class Machine:
    """A Debian whose network is that of the lab's netvm."""

    def __init__(self, lab, deb):
        self.lab, self.root = lab, lab.scratch / "debian"
        self.root.mkdir()
        run("tar", "-C", self.root, "-xf", debian(deb))
        self.root.chmod(0o755)  # whatever the tar says: dnspind gives up being root
        script = f"mount -t proc proc {self.root}/proc; mount --rbind /dev {self.root}/dev"
        lab.netvm.run(["sh", "-ec", script], check=True)
        self.write("etc/resolv.conf", f"nameserver {UPSTREAM}\n")
        self.write("usr/bin/systemctl", SYSTEMCTL, 0o755)
        self.write("told/systemctl", "")
        self.path("run/systemd/system").mkdir(parents=True)

    def path(self, name):
        return self.root / name

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def argv(self, *command):
        return ["chroot", self.root, *command]

    def run(self, *command, check=True):
        done = self.lab.netvm.run(self.argv(*command))
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def dpkg(self, *words):
        """What it printed, and what systemctl was asked meanwhile."""
        self.write("told/systemctl", "")
        done = self.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *words)
        return done.stdout + done.stderr, self.path("told/systemctl").read_text().splitlines()

    def install(self, deb):
        target = self.path("told") / deb.name
        target.write_bytes(deb.read_bytes())
        return self.dpkg("-i", f"/told/{deb.name}")

    def files(self):
        """All that is there, and the lines of users and groups."""
        found = set()
        for folder, folders, names in os.walk(self.root):
            below = os.path.relpath(folder, self.root)
            both = {os.path.normpath(os.path.join(below, name)) for name in folders + names}
            folders[:] = [name for name in folders if not NOT_OURS.match(
                os.path.normpath(os.path.join(below, name)))]
            found |= {name for name in both if not NOT_OURS.match(name)}
        for name in ("passwd", "group", "shadow", "gshadow"):
            found |= {f"{name}: {line}" for line in self.path(f"etc/{name}").read_text().split()}
        return found

    def id_of(self, user):
        return int(self.run("id", "-u", user).stdout)

    def owner(self, name):
        stat = self.path(name).stat()
        group = self.run("getent", "group", str(stat.st_gid)).stdout.split(":")[0]
        return f"{stat.st_mode & 0o7777:o} {stat.st_uid} {group}"


class Service:
    """What systemd does with dnspin.service."""

    def __init__(self, machine):
        self.machine, self.process = machine, None
        unit = machine.path(UNIT).read_text()
        self.before, self.program = (
            re.search(rf"^{key}=\+?(.*)$", unit, re.M).group(1).split()
            for key in ("ExecStartPre", "ExecStart"))
        machine.lab.at_exit(self.stop)

    def prepare(self):
        self.machine.run(*self.before)

    def start(self):
        self.prepare()
        told = self.machine.path("told/notify")
        told.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(told))
            told.chmod(0o666)
            notify.settimeout(30)
            with open(self.machine.path("told/log"), "ab") as log:
                self.process = self.machine.lab.netvm.popen(
                    self.machine.argv(*self.program), stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, env={"NOTIFY_SOCKET": "/told/notify"})
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
            except TimeoutError:
                said = self.machine.path("told/log").read_text(errors="replace")
                raise AssertionError(f"it is not ready: {said[-2000:]}") from None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(20) == 0


class Stage:
    """What the stories hand on."""
    machine = service = deb = clean = None


def installed(lab, _servers):
    """Installed: users, modes, settings of a router; nothing is started, nothing is switched on"""
    Stage.deb = package()
    machine = Stage.machine = Machine(lab, Stage.deb)
    Stage.clean = machine.files()
    said, asked = machine.install(Stage.deb)
    assert not [line for line in asked if "daemon-reload" not in line], asked
    assert not machine.path(ENABLED).exists(), said
    assert machine.id_of("dnspin") != machine.id_of("dnspin-resolver")
    for name, wanted in (("etc/dnspin", "750 0 dnspin"), ("etc/dnspin/clients.d", "750 0 dnspin"),
                         ("etc/dnspin/profiles.d", "750 0 dnspin"),
                         ("etc/dnspin/dnspin.toml", "640 0 dnspin"),
                         ("usr/libexec/dnspin/dnspind", "755 0 root")):
        assert machine.owner(name) == wanted, (name, machine.owner(name))
    assert machine.path("etc/dnspin/dnspin.toml").read_text() == (
        TREE / "packaging/router.toml").read_text()
    assert machine.run("dnspind", "--check").stderr == ""
    for page in ("man1/dnspin.1", "man5/dnspin.toml.5", "man5/dnspin-rules.5", "man8/dnspind.8"):
        assert machine.path(f"usr/share/man/{page}.gz").exists(), page
    assert machine.path("usr/share/bash-completion/completions/dnspin").stat().st_size
    said = machine.run("systemd-analyze", "verify", "--man=no", f"/{UNIT}",
                       *(f"/usr/lib/systemd/system/dnspin-refresh@.{kind}"
                         for kind in ("service", "timer")))
    assert not said.stdout + said.stderr, said
    return f"{len(machine.files() - Stage.clean)} files and lines"


def at_work(lab, _servers):
    """At work: shut before dnspind is there, then open by name alone, by users of its own"""
    machine, work = Stage.machine, lab.qube("work")
    service = Stage.service = Service(machine)
    service.prepare()
    assert_shut(work, DOCS)
    machine.write("etc/dnspin/clients.d/work",
                  f"address {work.address} {work.address6}\naccept docs.test tcp 80\n")
    toml = machine.path("etc/dnspin/dnspin.toml")
    toml.write_text(toml.read_text() + MINE)
    machine.path(ENABLED).parent.mkdir(parents=True, exist_ok=True)
    machine.path(ENABLED).symlink_to(f"/{UNIT}")  # systemctl enable
    service.start()
    assert_shut(work, DOCS)
    assert work.ask("docs.test").addresses == [DOCS]
    assert_open(work, DOCS)
    assert_shut(work, DOCS, 443)
    assert work.ask("casino.test").status == "REFUSED"
    users = {pathlib.Path(f"/proc/{pid}/status").read_text().split("Uid:\t")[1].split()[0]
             for pid in (service.process.pid, resolver_pid(machine))}
    assert users == {str(machine.id_of(name)) for name in ("dnspin", "dnspin-resolver")}, users
    return "1 pin"


def with_profiles(_lab, _servers):
    """The profiles are there and without fault; a list that cannot be fetched is missing"""
    machine = Stage.machine
    names = sorted(path.name for path in machine.path("etc/dnspin/profiles.d").iterdir())
    assert names == sorted(path.name for path in (TREE / "packaging/profiles.d").iterdir())
    machine.write("etc/dnspin/clients.d/all", f"address 10.137.9.9\nuse {' '.join(names)}\n")
    checked = machine.run("dnspind", "--check")
    machine.path("etc/dnspin/clients.d/all").unlink()
    assert checked.returncode == 0, checked
    assert re.fullmatch(r".*/addresses/fastly:1:1: warning: there is no such file yet: .*\n",
                        checked.stderr), checked
    fetched = machine.run("dnspin", "refresh", "fastly", check=False)
    assert fetched.returncode == 3, fetched
    assert fetched.stdout.startswith("failed fastly: there is no list: curl: "), fetched
    return f"{len(names)} profiles"


def resolver_pid(machine):
    text = machine.run("dnspin", "--json", "clients").stdout
    return int(re.search(r'"resolver_pid": (\d+)', text).group(1))


def upgraded(lab, _servers):
    """Upgraded under traffic: one restart, the pin stays, no connection fails, files are kept"""
    machine, service, work = Stage.machine, Stage.service, lab.qube("work")
    deb, version = next_version(Stage.deb, lab.scratch / "next")
    before = lab.netvm.pinned_addresses(work)
    mine = {path: path.read_text() for path in (machine.path("etc/dnspin/dnspin.toml"),
                                                machine.path("etc/dnspin/clients.d/work"))}
    outcomes, told = [], []

    def traffic():
        outcomes.append(work.connect(DOCS, timeout=5).outcome)
        told.append(bool(work.ask("docs.test", timeout=0.3).addresses))

    with Loop(traffic, pause=0.01) as loop:
        trial.wait_until(lambda: loop.count > 5)
        _, asked = machine.install(deb)
        assert [line for line in asked if "daemon-reload" not in line] == [
            "try-restart dnspin.service"], asked
        service.stop()
        assert lab.netvm.pinned_addresses(work) == before == {DOCS}
        service.start()
        count = loop.count
        trial.wait_until(lambda: loop.count > count + 5)
    assert set(outcomes) == {"open"}, outcomes
    assert all(told[-3:]), "not served any more"
    assert lab.netvm.pinned_addresses(work) == before
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "dnspin").stdout == version
    for path, text in mine.items():
        assert path.read_text() == text, path
    assert machine.path(ENABLED).is_symlink()
    return f"{len(outcomes)} connections, {told.count(False)} questions again"


def removed(lab, _servers):
    """Removed: the firewall stays shut, what is pinned stays open, and it says so"""
    machine, work = Stage.machine, lab.qube("work")
    said, asked = machine.dpkg("-r", "dnspin")
    assert "stop dnspin.service" in asked and "stays shut" in said, (asked, said)
    Stage.service.stop()
    assert_open(work, DOCS)
    assert_shut(work, FORBIDDEN)
    assert not machine.path("usr/libexec/dnspin").exists()
    assert machine.path("etc/dnspin/dnspin.toml").read_text().endswith(MINE)
    return "tables and /etc/dnspin are there"


def purged(lab, _servers):
    """Purged: no file, no user, no table is left; it says that it opens"""
    machine = Stage.machine
    said, _ = machine.dpkg("-P", "dnspin")
    assert "is open" in said, said
    left = machine.files() ^ Stage.clean
    assert not left, sorted(left)
    assert "dnspin" not in lab.netvm.nft_list("ruleset")
    assert_open(lab.qube("work"), FORBIDDEN)
    return "nothing"


def elsewhere(lab, _servers):
    """In a template of Qubes OS it begins with its settings; in a chroot purging opens nothing"""
    machine, work = Stage.machine, lab.qube("work")
    machine.write("usr/share/qubes/marker-vm", "")
    machine.install(Stage.deb)
    assert machine.path("etc/dnspin/dnspin.toml").read_text() == (
        TREE / "packaging/qubes/dnspin.toml").read_text()
    assert machine.run("dnspind", "--check").stderr == ""
    machine.path("run/systemd/system").rmdir()
    lab.netvm.nft((TREE / "packaging/closed-router.nft").read_text())
    machine.dpkg("-P", "dnspin")
    assert_shut(work, FORBIDDEN)
    lab.netvm.nft("delete table ip dnspin\ndelete table ip6 dnspin")
    machine.path("usr/share/qubes/marker-vm").unlink()
    machine.path("usr/share/qubes").rmdir()
    assert not machine.files() ^ Stage.clean
    return "twice"


if __name__ == "__main__":
    trial.run(installed, with_profiles, at_work, upgraded, removed, purged, elsewhere,
              qubes=("work",))
