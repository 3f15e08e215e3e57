"""The network of a comparison: clients, the machine under test, and the upstream behind it.

    client 10.137.0.10 .. 10.137.0.41 --- 10.137.0.1 server 10.137.2.1 --- 10.137.2.2 upstream

The upstream also has 10.137.128.0/17, the addresses of `race` names. Nobody has a way out. What is
measured runs on the last core, what asks and what answers on the first.
"""

import contextlib
import json
import os
import subprocess
import time

from lab.daemon import build_folder
from lab.namespace import LabError
from lab.netvm import Netvm
from lab.qube import Qube
from lab.topology import ENDPOINT, QUIET, ROUTER, Lab

SERVER, UPSTREAM = "10.137.0.1", "10.137.2.2"
CLIENT_SIDE, UPSTREAM_SIDE = "cl0", "up0"
CLIENTS_MOST = 200
REACHABLE = "10.137.128.0/17"
PORT = 7777  # of who echoes what reaches such an address
LOAD_CORE, SERVER_CORE = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
READY = "h0.hot.pin.example"  # one of the hot names, so that it adds no pin to theirs

# What was sent to a reachable address, and what got through: the same for every server.
SEEN = f"""table inet seen {{
  counter tried {{ }}
  counter left {{ }}
  chain before {{
    type filter hook prerouting priority raw;
    iifname "{CLIENT_SIDE}" ip daddr {REACHABLE} udp dport {PORT} counter name tried
  }}
  chain after {{
    type filter hook postrouting priority 300;
    oifname "{UPSTREAM_SIDE}" ip daddr {REACHABLE} udp dport {PORT} counter name left
  }}
}}
"""


def client_address(number):
    return f"10.137.0.{10 + number}"


def client_address6(number):
    return f"fd13:7000:0:c::{10 + number}"


@contextlib.contextmanager
def on_core(core):
    """What this thread starts inside runs there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def end(process, patience=5):
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def said_by(process, patience):
    """The JSON object that a program of the load prints at its end."""
    try:
        said, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        raise LabError(f"{process.args[-1]}: no end after {patience} s") from None
    finally:
        if process.poll() is None:
            end(process)
    if process.returncode != 0:
        raise LabError(f"{process.args}: failed")
    return json.loads(said)


class Stage(Lab):
    def __init__(self):
        self.clients = self._upstream = None
        super().__init__()

    def _build(self, qubes, masquerade):
        self.clients = Qube(self, "client", "", QUIET + ENDPOINT)
        self.qubes = [self.clients]
        self.internet = Qube(self, "upstream", "", QUIET + ENDPOINT)
        self.netvm = Netvm(self, "server", f"nameserver {UPSTREAM}\n", QUIET + ROUTER)
        self.netvm.ip(f"""
link add {CLIENT_SIDE} type veth peer name eth0 netns {self.clients.net_path}
link add {UPSTREAM_SIDE} type veth peer name eth0 netns {self.internet.net_path}
addr add {SERVER}/24 dev {CLIENT_SIDE}
addr add fd13:7000:0:c::1/64 dev {CLIENT_SIDE} nodad
addr add 10.137.2.1/24 dev {UPSTREAM_SIDE}
link set {CLIENT_SIDE} up
link set {UPSTREAM_SIDE} up
route add {REACHABLE} via {UPSTREAM}""")
        own = "".join(f"addr add {client_address(i)}/24 dev eth0\n"
                      f"addr add {client_address6(i)}/64 dev eth0 nodad\n"
                      for i in range(CLIENTS_MOST))
        self.clients.ip(f"{own}link set eth0 up\nroute add {REACHABLE} via {SERVER}\n"
                        f"route add {UPSTREAM} via {SERVER}")
        self.internet.ip(f"addr add {UPSTREAM}/24 dev eth0\nlink set eth0 up\n"
                         "route add 10.137.0.0/24 via 10.137.2.1\n"
                         f"route add local {REACHABLE} dev lo")

    def load(self, namespace, program, *arguments, **options):
        """Starts a program of bench/compare/load on the core of the load."""
        path = build_folder() / f"bench-{program}"
        if not path.exists():
            raise LabError(f"there is no {path}: run ./dev bench")
        with on_core(LOAD_CORE):
            return namespace.popen([path, *arguments], stdin=subprocess.DEVNULL,
                                   **{"stdout": subprocess.DEVNULL, **options})

    @contextlib.contextmanager
    def upstream(self):
        """The server of all names, and who echoes."""
        both = [self.load(self.internet, "upstream", UPSTREAM, "53"),
                self.load(self.internet, "sink", PORT)]
        try:
            self.wait_answer(self.internet, UPSTREAM)
            yield both[0]
        finally:
            for process in both:
                end(process)

    @staticmethod
    def wait_answer(qube, server, alive=lambda: True, patience=20):
        """Until that server answers that qube; returns how long it took."""
        began = time.monotonic()
        while time.monotonic() < began + patience and alive():
            if qube.ask(READY, server=server, timeout=0.2).status == "NOERROR":
                return time.monotonic() - began
            time.sleep(0.02)
        raise LabError(f"{server} does not answer")

    def passed(self):
        """How many datagrams were sent to reachable addresses, and how many got there."""
        counts = {item["counter"]["name"]: item["counter"]["packets"]
                  for item in self.netvm.nft_json("counters", "table", "inet", "seen")
                  if "counter" in item}
        return counts["tried"], counts["left"]
