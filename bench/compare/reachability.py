"""Is what was answered reachable? The first packet after the answer (race), and after an answer
from the cache when the pins are gone (stale)."""

import contextlib
import dataclasses
import subprocess
import time

from bench.compare import works
from bench.compare.stage import SERVER, client_address, end, said_by
from bench.compare.works import question_file

# What the neighbour asks for cannot be done: the kernel throws the transaction away, and waits.
FAILING = "delete element inet neighbour none { 192.0.2.1 }"
NEIGHBOUR = "table inet neighbour {\n  set none { type ipv4_addr; }\n}"
LOAD_CLIENT = 31  # who else asks


@dataclasses.dataclass(frozen=True)
class Race:
    clients: int = 1
    blocks: bool = False     # the client waits in the kernel, as programs do
    load: int = 0            # other questions a second
    neighbour: bool = False  # another program's transactions fail all the time
    give_up_ms: int = 1000   # on one address
    quick: bool = True


RACES = [Race(), Race(clients=8), Race(clients=8, neighbour=True),
         Race(blocks=True, quick=False), Race(load=2000, quick=False),
         Race(clients=8, load=2000, neighbour=True, quick=False)]


def _ask(stage, count, tag, *options):
    process = stage.load(stage.clients, "race", *options, SERVER, client_address(0), count, tag,
                         stdout=subprocess.PIPE, text=True)
    return said_by(process, 120)


@contextlib.contextmanager
def _disturbances(stage, race):
    running = []
    try:
        if race.neighbour:
            stage.netvm.nft(NEIGHBOUR)
            running.append(stage.netvm.popen(["yes", FAILING], stdout=subprocess.PIPE))
            running.append(stage.netvm.popen(
                ["nft", "-i"], stdin=running[0].stdout, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL))
            running[0].stdout.close()
        if race.load:
            running.append(stage.load(
                stage.clients, "blast", "-s", SERVER, "-d",
                question_file(stage, works.named("unique")), "-a", client_address(LOAD_CLIENT),
                "-Q", race.load, "-l", 600))
        if running:
            time.sleep(0.5)
        yield
    finally:
        for process in running:
            end(process)


def race(stage, peer, terms, names):
    """Names that nobody asked before: `first_packet_lost` of them were told before their pin."""
    server = peer.start(stage, gated=True)
    try:
        with _disturbances(stage, terms):
            figures = _ask(stage, names, "r", "-c", terms.clients, "-w", terms.give_up_ms,
                           *(["-b"] if terms.blocks else []))
        tried, left = stage.passed()
    finally:
        server.stop()
    return {"peer": peer.name, "work": "race", **dataclasses.asdict(terms), **figures,
            "packets_tried": tried, "packets_dropped": tried - left}


def stale(stage, peer, clients, names):
    """The sets are emptied, as a firewall that is loaded anew does; the answers are still cached.
    They are asked for again at once, and others after what asks at the upstream again has done so.
    """
    server = peer.start(stage, gated=True)
    lost, answered, never = [], names, 0
    try:
        for tag, pause in (("s", 0), ("t", 2.5)):
            for empties in (False, True):
                if empties:
                    time.sleep(pause)
                    server.forget_pins()
                said = _ask(stage, names, tag, "-c", clients, "-p", "500", "-w", "60")
                lost.append(said["first_packet_lost"])
                answered, never = min(answered, said["answered"]), never + said["never_reachable"]
    finally:
        server.stop()
    return {"peer": peer.name, "work": "stale", "clients": clients, "names": names,
            "answered": answered, "fresh_lost": lost[0] + lost[2], "at_once_lost": lost[1],
            "later_lost": lost[3], "never_reachable": never}
