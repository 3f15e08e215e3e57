"""A dnspin-resolver on real sockets, with Python in the place of its launcher and of dnspind.

    with Resolver(lab) as resolver:
        served = Served(lab, resolver, qube, rules)
        served.ask("name")
"""

import fcntl
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import threading
import time

from lab import topology, trial
from lab.daemon import build_folder

NOBODY = 64799
DONE, QUOTA, STALE, FAILED = range(4)
F_ADD_SEALS, ALL_SEALS = 1033, 15
LIMITS = {"questions_in_flight": 1024, "questions_per_second": 2000, "questions_burst": 4000,
          "connections": 32, "names_per_pattern": 6000}
TERMS = {"told_max_s": 300, "floor_s": 300, "slack_s": 30, "per_client": 4096, "per_name": 1024}


def messages_in(packet):
    """Each behind its length."""
    while packet:
        octets, = struct.unpack_from("<H", packet)
        yield packet[2:2 + octets]
        packet = packet[2 + octets:]


class Served:
    """One client as dnspind has it: its sockets, and its channel with a thread that pins."""

    def __init__(self, lab, resolver, qube, rules, **changes):
        self.lab, self.qube, self.requests, self.counters = lab, qube, [], {}
        self.outcome, self.delay, self.generation = DONE, 0.0, 0
        self.doors = self._open()
        self.port = self.doors[0].getsockname()[1]
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self.channel, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        fds = [sock.fileno() for sock in self.doors] + [theirs.fileno()]
        socket.send_fds(resolver.service, [struct.pack("<BBHI", 1, 15, 0, id(self) & 0xFFFF)], fds)
        theirs.close()
        self.tell_policy(rules, **changes)
        threading.Thread(target=self._serve, daemon=True).start()
        # Before its policy it hears nothing.
        assert trial.wait_until(lambda: self.ask("localhost", timeout=0.2).addresses)

    def _open(self):
        doors, port = [], 0
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                sock = self.lab.netvm.socket(family, kind | socket.SOCK_NONBLOCK)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((every, port))
                port = sock.getsockname()[1]
                if kind == socket.SOCK_STREAM:
                    sock.listen(128)
                doors.append(sock)
        return doors

    def tell_policy(self, rules, **changes):
        self.generation += 1
        policy = {"client": self.qube.name, "addresses": [self.qube.address, self.qube.address6],
                  "generation": self.generation, "interface_indexes": [self._index()],
                  "rules": rules, "closed_from": 2**32 - 1, "prefetch": [], "rebind_ok": [],
                  "limits": LIMITS, "terms": TERMS, "intercept_any": False, "svcb": 0, "ech": 0,
                  "intercept": ["10.139.1.1"],
                  "upstreams": [{"endpoint": topology.UPSTREAM + ":53", "interface": "eth0"}],
                  "reaches_upstreams": False, "grants": [], "own": [topology.GATEWAY], **changes}
        memory = os.memfd_create("policy", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        os.write(memory, json.dumps(policy).encode())
        fcntl.fcntl(memory, F_ADD_SEALS, ALL_SEALS)
        self._say(struct.pack("<BI", 17, self.generation), [memory])
        os.close(memory)

    def doubt_pins(self):
        self._say(struct.pack("<B", 18))

    def _index(self):
        links = json.loads(self.lab.netvm.run(["ip", "-j", "link"]).stdout)
        return next(link["ifindex"] for link in links if link["ifname"] == self.qube.vif)

    def _serve(self):
        names = "received questions answered refused failed dropped hits upstream unpinned".split()
        while packet := self.channel.recv(2048):
            for message in messages_in(packet):
                if message[0] == 1:
                    self.requests.append(message)
                    time.sleep(self.delay)
                    if self.outcome is not None:
                        self._say(struct.pack("<BQB", 16, *struct.unpack_from("<Q", message, 1),
                                              self.outcome))
                elif message[0] == 3:
                    self.counters = dict(zip(names, struct.unpack_from("<9Q", message, 1)))

    def _say(self, message, descriptors=()):
        socket.send_fds(self.channel, [struct.pack("<H", len(message)) + message], descriptors)

    def ask(self, name, kind="A", server="10.139.1.1", **options):
        return self.qube.ask(name, kind, server, port=self.port, **options)

    def stream(self):
        sock = self.qube.socket()
        sock.settimeout(8)
        sock.connect(("10.139.1.1", self.port))
        return sock


class Resolver:
    """A dnspin-resolver as the launcher starts it."""

    def __init__(self, lab, user=NOBODY):
        folder = lab.scratch / "alone"
        if not folder.exists():
            folder.mkdir()
            shutil.copy(build_folder() / "dnspin-resolver", folder)
            (folder / "empty").mkdir()
        self.service, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = os.open(folder / "empty", os.O_RDONLY | os.O_DIRECTORY)
        fds = (theirs.fileno(), root)
        places = f"exec 60<&{fds[0]} 61<&{fds[1]}; exec 3<&60 4<&61 60<&- 61<&-"
        close = "".join(f"; exec {fd}<&-" for fd in fds if fd > 4)
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = lab.netvm.popen(
                ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                 "--inh-caps=+sys_chroot", "--ambient-caps=+sys_chroot", "bash", "-c",
                 f"{places}{close}; exec {folder}/dnspin-resolver"],
                pass_fds=fds, stderr=log, stdin=subprocess.DEVNULL)
        theirs.close()
        os.close(root)

    def status(self, key):
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(line.split()[1:] for line in lines if line.startswith(key + ":"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.service.close()
        try:
            self.process.wait(5)
        finally:
            self.process.kill()
