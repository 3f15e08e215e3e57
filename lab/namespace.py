"""A network namespace with a mount namespace beside it, without a name.

Two descriptors hold it, so it cannot be left behind. In its mount namespace /run is a folder of
the lab's scratch space (no journal, no resolved, no nscd of the host shines in), and resolv.conf,
hosts, nsswitch.conf, passwd and group of /etc are the lab's own: the host's files stay untouched.

    ns.run(["ip", "route"])           a program inside, its output returned
    with ns.enter(): socket.socket()  this thread's next sockets belong to the namespace
    ns.call(function, 1, 2)           a function in a forked process inside; start() does not wait
"""

import contextlib
import ctypes
import os
import pathlib
import pickle
import signal
import socket
import subprocess
import traceback

CLONE_NEWNS, CLONE_NEWNET, PR_SET_PDEATHSIG = 0x00020000, 0x40000000, 1
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS = ("dnspin", "dnspin-resolver")
libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab itself could not do something; never a verdict about dnspin."""


def setns(descriptor, kind):
    if libc.setns(descriptor, kind) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def with_users(path, line):
    """The host's passwd or group, plus those of dnspin's users that it lacks."""
    text = pathlib.Path(path).read_text()
    ids = {int(row.split(":")[2]) for row in text.splitlines() if row.count(":") >= 3}
    free = iter(number for number in range(64700, 64800) if number not in ids)
    for user in USERS:
        if not any(row.startswith(user + ":") for row in text.splitlines()):
            text += line.format(user=user, id=next(free))
    return text


class Namespace:
    def __init__(self, lab, name, resolv_conf="", sysctls=()):
        self.lab, self.name = lab, name
        self.scratch = lab.scratch / name
        self.run_folder = self.scratch / "run"  # what is /run inside
        self.run_folder.mkdir(parents=True)
        binds = self._etc(resolv_conf)
        script = [f"mount --bind {source} {target}" for source, target in binds]
        script += [f"echo {value} > /proc/sys/{key.replace('.', '/')}" for key, value in sysctls]
        script += ["ip link set lo up", "echo ready", "read wait"]
        maker = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private",
             "sh", "-ec", "\n".join(script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PATH": PATH}, start_new_session=True)
        with maker:
            if maker.stdout.readline() != b"ready\n":
                raise LabError(f"no namespace {name}: {maker.stderr.read().decode().strip()}")
            self.net = os.open(f"/proc/{maker.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self.mnt = os.open(f"/proc/{maker.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            maker.stdin.close()
            maker.wait()
        lab.guard(self.net)

    def _etc(self, resolv_conf):
        files = {
            "resolv.conf": resolv_conf,
            "hosts": "127.0.0.1 localhost\n::1 localhost\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
            "passwd": with_users("/etc/passwd",
                                 "{user}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin\n"),
            "group": with_users("/etc/group", "{user}:x:{id}:\n"),
        }
        binds = [(self.run_folder, "/run")]
        for name, text in files.items():
            target = os.path.realpath(f"/etc/{name}")
            if target.startswith("/run/"):  # a link into what the lab replaces anyway
                ours = self.run_folder / target[len("/run/"):]
                ours.parent.mkdir(parents=True, exist_ok=True)
            else:
                ours = self.scratch / name
                if not os.path.exists(target):
                    raise LabError(f"/etc/{name} is missing on this machine")
                binds.append((ours, target))
            ours.write_text(text)
        return binds

    @property
    def net_path(self):
        """For commands of ip that want a namespace."""
        return f"/proc/{self.lab.pid}/fd/{self.net}"

    def argv(self, command):
        return ["nsenter", f"--net={self.net_path}", f"--mount=/proc/{self.lab.pid}/fd/{self.mnt}",
                "--", *map(str, command)]

    def run(self, command, check=False, timeout=60, **options):
        """Runs a program inside; the result has returncode, stdout and stderr as text."""
        options = {"stdin": subprocess.DEVNULL, **options} if "input" not in options else options
        result = subprocess.run(self.argv(command), capture_output=True, text=True, timeout=timeout,
                                env={**os.environ, "PATH": PATH, "LC_ALL": "C"}, **options)
        if check and result.returncode != 0:
            raise LabError(f"{self.name}: {' '.join(map(str, command))}: {result.stderr.strip()}")
        return result

    def popen(self, command, **options):
        """Starts a program inside that goes on running; the lab's end ends it."""
        env = {**os.environ, "PATH": PATH, "LC_ALL": "C", **options.pop("env", {})}
        return subprocess.Popen(self.argv(command), env=env, start_new_session=True, **options)

    def ip(self, text):
        """Lines for `ip -batch`."""
        self.run(["ip", "-batch", "-"], check=True, input=text)

    @contextlib.contextmanager
    def enter(self):
        """Inside the block this thread, and no other, is in the network namespace."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(self.net, CLONE_NEWNET)
            yield self
        finally:
            setns(home, CLONE_NEWNET)
            os.close(home)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.enter():
            return socket.socket(family, kind, protocol)

    def start(self, function, *arguments):
        return Worker(self, function, arguments)

    def call(self, function, *arguments):
        return self.start(function, *arguments).result()

    def close(self):
        os.close(self.net)
        os.close(self.mnt)


class Worker:
    """A function that runs in a forked process inside a namespace."""

    def __init__(self, namespace, function, arguments):
        parent = os.getpid()
        self.reader, writer = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(1)
                namespace.lab.forget_guardian()
                setns(namespace.net, CLONE_NEWNET)
                setns(namespace.mnt, CLONE_NEWNS)
                outcome = (True, function(*arguments))
                code = 0
            except BaseException:  # crosses the process boundary as text
                outcome = (False, traceback.format_exc())
            with open(writer, "wb") as pipe:
                pickle.dump(outcome, pipe)
            os._exit(code)
        os.close(writer)

    def result(self):
        with open(self.reader, "rb") as pipe:
            octets = pipe.read()
        os.waitpid(self.pid, 0)
        if not octets:
            raise LabError("a worker was killed")
        good, value = pickle.loads(octets)
        if not good:
            raise LabError(f"a worker failed:\n{value}")
        return value

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.reader)
        os.waitpid(self.pid, 0)
