"""What no DNS server can be faster than here: UDP alone, and UDP with one pin each."""

import dataclasses

from bench.compare.peer import Peer, RunningServer
from bench.compare.stage import CLIENT_SIDE, SEEN, SERVER_CORE, UPSTREAM, on_core

STATEFUL = f"""table ip forwarded {{
  chain forward {{
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "{CLIENT_SIDE}" udp dport 53 accept
  }}
}}
"""


@dataclasses.dataclass(frozen=True)
class Forwarded(Peer):
    """Nobody between the clients and their server but a stateful firewall."""

    def start(self, stage, gated=False):
        stage.netvm.nft("flush ruleset\n" + SEEN + STATEFUL)
        with on_core(SERVER_CORE):
            process = stage.netvm.popen(["sleep", "infinity"])
        stage.wait_answer(stage.clients, self.asked)
        return RunningServer(stage, process)


ECHO, PINECHO = "{build}/bench-echo", "{build}/bench-pinecho"
PEERS = [
    Peer("echo", "UDP echo", (ECHO, "10.137.0.1", "53", "64"), kind="limit",
         works=("hot",)),
    Peer("pinecho", "UDP echo, a transaction for all questions that came at once",
         (PINECHO, "10.137.0.1", "53", "64", "lab", "pins4"), pins=True, kind="limit",
         works=("unique",)),
    Peer("pinecho-1", "UDP echo, a transaction for each question",
         (PINECHO, "10.137.0.1", "53", "1", "lab", "pins4"), pins=True, kind="limit",
         works=("unique",), quick=False),
    Peer("pinecho-late", "answers first and pins then: the race test has to notice",
         (PINECHO, "10.137.0.1", "53", "1", "lab", "pins4", "late"), pins=True, kind="control",
         works=("race",)),
    Forwarded("forwarded", "the clients' own server, behind a stateful firewall", ("sleep",),
              kind="limit", works=("unique", "hot"), asked=UPSTREAM, quick=False),
]
