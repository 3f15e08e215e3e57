"""dnspin with every promise kept: a set for each client, the TTL, the kernel's acknowledgement
before an answer, a process that reads and one that holds the firewall, and a log."""

import dataclasses
import itertools
import subprocess

from bench.compare.peer import Peer, RunningServer
from bench.compare.stage import (CLIENT_SIDE, SEEN, SERVER, SERVER_CORE, UPSTREAM,
                                 client_address, client_address6, on_core)
from lab import processes
from lab.daemon import Daemon
from lab.namespace import LabError

RULES = "accept .pin.example"
PATTERNS = "\n".join([*(f"accept n{i}.patterns.test tcp 443" for i in range(100000)), RULES])
ANY_NAME = "accept specialtarget=dns"  # and none is pinned
FAMILIES = ("ip", "ip6")
SETTINGS = {
    "clients": {"interfaces": [CLIENT_SIDE], "sources": ["files"]},
    "dns": {"intercept": [SERVER], "rebind_ok": [".pin.example"]},
    "pins": {"per_client": 65536, "per_name": 65536},
    "limits": {"questions_in_flight": 4096, "questions_per_second": 1000000,
               "questions_burst": 1000000, "connections": 64, "names_per_pattern": 1000000}}
runs = itertools.count()


@dataclasses.dataclass(frozen=True)
class Dnspin(Peer):
    isolation: str = "shared"
    rules: str = RULES
    clients: int = 30
    mode: str = "answer"

    def is_installed(self):
        return True

    def start(self, stage, gated=False):
        """It shuts what is not pinned, always."""
        stage.netvm.nft("flush ruleset\n" + SEEN)
        clients = {f"client{i}": f"address {client_address(i)} {client_address6(i)}\n{self.rules}"
                   for i in range(self.clients)}
        settings = {**SETTINGS, "dns": {**SETTINGS["dns"], "isolation": self.isolation,
                                             "mode": self.mode}}
        with on_core(SERVER_CORE):
            daemon = Daemon(stage, clients, settings=settings, upstream=[UPSTREAM],
                            name=f"{self.name}-{next(runs)}")
        server = RunningDnspin(stage, daemon)
        try:
            stage.wait_answer(stage.clients, self.asked)
        except LabError as error:
            log = daemon.log_file.read_text()[-400:]
            server.stop()
            raise LabError(f"{self.name}: {error}: {log}") from None
        return server


class RunningDnspin(RunningServer):
    def __init__(self, stage, daemon):
        super().__init__(stage, daemon.process)
        self.daemon = daemon

    def roles(self):
        return processes.roles(self.process.pid)

    def stop(self):
        try:
            self.daemon.stop()
        except subprocess.TimeoutExpired:  # a million pins may take their time
            self.daemon.kill()
        self.stage.netvm.nft("flush ruleset")

    def pins(self):
        return sum(self.stage.netvm.nft_list("table", family, "dnspin").count("expires")
                   for family in FAMILIES)

    def forget_pins(self):
        sets = [item["set"] for family in FAMILIES
                for item in self.stage.netvm.nft_json("sets", family) if "set" in item]
        self.stage.netvm.nft("".join(
            f"flush set {one['family']} {one['table']} {one['name']}\n" for one in sets
            if one["table"] == "dnspin" and "timeout" in one.get("flags", [])))


PEERS = [
    Dnspin("dnspin", "one reader for all clients", (), pins=True),
    Dnspin("dnspin-isolated", "a reader for each client", (), pins=True, isolation="client",
           works=("unique", "hot-30", "race", "stale", "start", "reload")),
    Dnspin("dnspin-elements", "the same with 100,000 elements and more in its sets", (), pins=True,
           works=("unique",), warm_up=5),
    Dnspin("dnspin-patterns", "the same with 100,000 patterns a client", (), pins=True,
           rules=PATTERNS, clients=2, works=("unique-2",)),
    Dnspin("dnspin-200", "the same with 200 clients, all of which ask", (), pins=True,
           clients=200, works=("unique-200",)),
    Dnspin("dnspin-unpinned", "the same for names that no rule lists: what a pin costs", (),
           rules=ANY_NAME, works=("unique",)),
    Dnspin("dnspin-snoop", "answers of the clients' own server, held until they are pinned", (),
           pins=True, rules=f"{RULES}\n{ANY_NAME}", mode="snoop", asked=UPSTREAM,
           works=("unique", "hot"), quick=False),
    Dnspin("dnspin-snoop-unpinned", "the same of names that no rule lists", (), rules=ANY_NAME,
           mode="snoop", asked=UPSTREAM, works=("unique", "hot"), quick=False),
]
