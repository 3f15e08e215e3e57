"""A netvm that boots: a systemd of its own, in namespaces of its own, with what packaging/qubes
installs and units that are called and ordered as in Qubes OS.

    with booted(services=("qubes-firewall", "dnspin")) as netvm:
        netvm.show("qubes-firewall.service", "ActiveState")
        netvm.run("nft", "list", "ruleset").stdout      a program inside
        netvm.told_of("ruleset-at-network")             what the stand-ins wrote in /told

The machine's own systemd, if it has one, and its files are not touched: the root is an overlay that
is gone afterwards. Needs root, cgroup2 and overlayfs; lacking() says which of it is not there.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from lab import trial
from lab.daemon import PROGRAMS, TREE, build_folder

PACKAGING = TREE / "packaging" / "qubes"
SYSTEMD = "/lib/systemd/systemd"
INSIDE_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = ("sysinit.target", "basic.target", "multi-user.target", "local-fs.target", "network.target",
        "network-pre.target", "shutdown.target", "sockets.target", "systemd-journald.service",
        "systemd-journald.socket", "systemd-journald-dev-log.socket")

MAKE_ROOT = r"""
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/units"
root=$1/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
for unit in $3; do
  if [ -e "/usr/lib/systemd/system/$unit" ]; then cp "/usr/lib/systemd/system/$unit" "$1/units/"; fi
done
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev etc/systemd/system usr/lib/systemd/system-generators; do
  mount -t tmpfs tmpfs "$root/$folder"
done
mount --bind "$1/units" "$root/usr/lib/systemd/system"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
: >"$root/etc/machine-id"
rm -rf "$root/var/log/journal" "$root/etc/dnspin" "$root/rw"
mkdir -p "$root/rw/config"
cp -R "$2/." "$root/"
systemd-sysusers --root="$root" dnspin.conf
systemd-tmpfiles --root="$root" --create dnspin.conf
mkdir -p "$root/told"
mount --bind "$2/told" "$root/told"
ip link set lo up
mkdir "$root/before"
cd "$root"
pivot_root . before
umount -l /before
exec env -i container=dnspin-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal
"""

# The names, the order and the conditions of the real ones.
UNITS = {
    "qubes-sysinit.service": """
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'mkdir -p /run/qubes-service; ln -s /told/qubes /run/qubes; \
  for i in $(cat /told/services); do touch /run/qubes-service/$i; done'
""",
    "qubes-mount-dirs.service": """
[Unit]
DefaultDependencies=no
After=qubes-sysinit.service
Before=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/systemctl daemon-reload
""",
    "qubes-iptables.service": """
[Unit]
Before=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'nft list tables >/told/tables-at-iptables'
""",
    "qubes-firewall.service": """
[Unit]
ConditionPathExists=/var/run/qubes-service/qubes-firewall
After=qubes-iptables.service
Before=qubes-network.service
[Service]
Type=notify-reload
ExecStart=/usr/bin/qubes-firewall
Restart=on-failure
RestartSec=5s
""",
    "qubes-network.service": """
[Unit]
Before=network.target
After=network-pre.target qubes-iptables.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'nft list ruleset >/told/ruleset-at-network; cp /told/hooks \
  /told/hooks-at-network; echo 1 >/proc/sys/net/ipv4/ip_forward; touch /told/network'
""",
}
WANTED = {"sysinit.target": ["qubes-sysinit.service", "systemd-journald.service"],
          "sockets.target": ["systemd-journald.socket", "systemd-journald-dev-log.socket"],
          "multi-user.target": ["qubes-mount-dirs.service", "qubes-firewall.service",
                                "qubes-network.service", "network-pre.target"],
          "network-pre.target": ["qubes-iptables.service"]}
STOCK_AGENT = """#!/usr/bin/python3
import os, signal, socket, time
def notify(text):
    path = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(text, "\\0" + path[1:] if path[0] == "@" else path)
signal.signal(signal.SIGHUP, lambda *_: open("/told/agent-reloaded", "w").close())
notify(b"READY=1")
while True:
    time.sleep(1)
"""
HOOK = "#!/bin/sh\necho {0} $(nft list tables | grep -c qubes-firewall) >>/told/hooks\nexit {1}\n"


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


class Netvm:
    """A booted system; `files` are written over what the packaging installs, and prepare(it) is
    called before it boots. /run/qubes is the folder `qubes` of it, for a QubesDB."""

    def __init__(self, services=("qubes-firewall", "dnspin"), files=(), prepare=None):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="dnspin-boot-"))
        self.told = self.scratch / "tree" / "told"
        self.qubes = self.told / "qubes"
        self._process, self._cgroup, self._pid = None, None, None
        try:
            self._fill(services, files)
            if prepare:
                prepare(self)
            self._boot()
        except BaseException:
            self.close()
            raise

    def _fill(self, services, files):
        tree = self.scratch / "tree"
        programs = self.scratch / "programs"
        programs.mkdir()
        for program in PROGRAMS:  # as they are now, should somebody build meanwhile
            shutil.copy(build_folder() / program, programs / program)
        subprocess.run([PACKAGING / "install.sh", "--build", programs, "--root", tree], check=True)
        self.told.mkdir()
        (self.told / "services").write_text(" ".join(services))
        (self.told / "hooks").touch()
        units = tree / "usr/lib/systemd/system"
        for name, text in UNITS.items():
            write(units / name, text.lstrip())
        for target, names in WANTED.items():
            for name in names:
                link = units / f"{target}.wants" / name
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(f"../{name}")
        write(tree / "usr/bin/qubes-firewall", STOCK_AGENT, 0o755)
        write(tree / "etc/qubes/qubes-firewall.d/10-first", HOOK.format("first", 1), 0o755)
        write(tree / "rw/config/qubes-firewall-user-script", HOOK.format("user", 0), 0o755)
        write(tree / "rw/config/dnspin/dnspin.toml", '[clients]\nsources = ["files"]\n')
        write(tree / "rw/config/dnspin/clients.d/work", "address 10.137.0.25\naccept docs.test\n")
        for path, text in files:
            write(tree / path, text, 0o755 if text.startswith("#!") else 0o644)

    def _boot(self):
        self._cgroup = cgroup2() / f"dnspin-boot-{os.getpid()}"
        self._cgroup.mkdir()
        place = self.scratch / "place"
        place.mkdir()
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "sh", "-ec",
             'echo $$ >"$0/cgroup.procs"; exec unshare "$@"', self._cgroup,
             "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--cgroup", "--net",
             "sh", "-ec", MAKE_ROOT, "sh", place, self.scratch / "tree", " ".join(KEPT)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if not trial.wait_until(self._up, 60, 0.1):
            raise AssertionError(f"it does not come up: {self.journal()}")

    def _up(self):
        if self._process.poll() is not None:
            raise AssertionError(f"no systemd: {self._process.stderr.read()}")
        if self._pid is None:
            tasks = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            pids = tasks.read_text().split()
            if not pids or os.path.basename(os.readlink(f"/proc/{pids[0]}/exe")) != "systemd":
                return False
            self._pid = int(pids[0])
        state = self.run("systemctl", "is-system-running").stdout.strip()
        return state in ("running", "degraded")

    def run(self, *command):
        """A program inside."""
        pid = str(self._pid)
        return subprocess.run(
            ["nsenter", "--target", pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
             "--root", "--wd=/", "env", "-i", INSIDE_PATH, *command],
            capture_output=True, text=True, timeout=60, check=False)

    def show(self, unit, *names):
        """Properties of a unit."""
        lines = self.run("systemctl", "show", unit, "--property", ",".join(names)).stdout
        found = dict(line.split("=", 1) for line in lines.splitlines())
        return [found[name] for name in names]

    def program(self, unit="qubes-firewall.service"):
        """What runs as this unit."""
        pid, = self.show(unit, "MainPID")
        return self.run("readlink", f"/proc/{pid}/exe").stdout.strip(), int(pid)

    def forward(self, table="qubes-firewall"):
        return self.run("nft", "list", "chain", "ip", table, "forward").stdout

    def told_of(self, name):
        path = self.told / name
        return path.read_text() if path.exists() else None

    def journal(self):
        return self.run("journalctl", "--no-pager", "-n", "40").stdout if self._pid else "nothing"

    def close(self):
        if self._process:
            self._process.kill()  # and with it, all that is in its namespace
            self._process.communicate()
        if self._cgroup:
            trial.wait_until(self._remove_cgroup, 10, 0.05)
        shutil.rmtree(self.scratch)

    def _remove_cgroup(self):
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                return False
        return True


def lacking():
    """What is not there on this machine, or nothing."""
    if os.geteuid() != 0:
        return "root"
    if not os.path.exists(SYSTEMD):
        return "systemd"
    if cgroup2() is None:
        return "cgroup2"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs tmpfs "$0"; cd "$0"; mkdir u w r; '
             "mount -t overlay -o lowerdir=/,upperdir=u,workdir=w overlay r", folder],
            capture_output=True, check=False)
    return "overlayfs" if tried.returncode else ""


def cgroup2():
    """Where this process's own cgroup is, in the hierarchy of version 2."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        if words[words.index("-") + 1] == "cgroup2":
            own = pathlib.Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].split("\n")[0]
            return pathlib.Path(words[4]) / own
    return None


@contextlib.contextmanager
def booted(**options):
    netvm = Netvm(**options)
    try:
        yield netvm
    except BaseException:
        print(netvm.journal())
        raise
    finally:
        netvm.close()


def run(*stories):
    """Tells them all and exits, as trial.run() does; each boots by itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if lacks := lacking():
        print(f"left out: nothing can boot here without {lacks}")
        sys.exit(0)
    failed = 0
    for story in stories:
        if sys.argv[1:] and story.__name__ not in sys.argv[1:]:
            continue
        began = time.monotonic()
        try:
            counted = story()
        except Exception:  # pylint: disable=broad-except  # whatever it is, it did not end well
            print(f"FAILED {story.__doc__}\n{traceback.format_exc()}", flush=True)
            failed = 1
            continue
        print(f"ok     {story.__doc__}: {counted} ({time.monotonic() - began:.1f} s)", flush=True)
    sys.exit(failed)
