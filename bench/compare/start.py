"""How soon dnspin serves, and how soon a changed rule is in force: 200 clients of 50 rules each,
from files.

`start` begins at the exec of dnspind and ends where a client has its first answer (from the
upstream, pinned), in a kernel without our tables ("fresh") and in one that has those of the run
before ("again"). `reload` begins at SIGHUP, after one client's file was changed, and ends where a
name that was refused until then is answered and pinned; meanwhile another client asks 1,000
questions a second. What asks is a program of its own: no time of Python's is in it.
"""

import json
import pathlib
import statistics
import subprocess
import time

from bench.compare.accounting import cpu_seconds
from bench.compare.peers.dnspin import SETTINGS
from bench.compare.stage import (READY, SERVER, SERVER_CORE, UPSTREAM, client_address,
                                 client_address6, end, on_core, said_by)
from bench.compare.works import named, question_file
from lab import processes
from lab.daemon import Daemon, build_folder
from lab.namespace import LabError

CLIENTS, RULES = 200, 50
CHANGED = 100  # whose file it is
STREAM = 1000  # questions a second of another client
PATIENCE = 30
ONLY = {"start": "dnspin", "reload": "dnspin"}  # peers whose names begin so
# What the client may ask more after so many reloads: a rule comes; or one is replaced, so that what
# it allowed is looked for and cut.
NAMES = {"added": lambda number: [f"t300-{i}.t.pin.example" for i in range(number + 1)],
         "replaced": lambda number: [f"t300-{number}.t.pin.example"]}


def rules(number, more=()):
    """Three sets in each family, as a person would write them; and these names."""
    hosts = ["accept .hot.pin.example", *(f"accept .z{i}.c{number}.example" for i in range(1, 5))]
    hosts += [f"accept h{i}.c{number}.example tcp {443 if i < 30 else 8443}"
              for i in range(5, RULES)]
    return "\n".join([*hosts, *(f"accept {name} tcp 8443" for name in more)])


def client_file(number, more=()):
    return (f"address {client_address(number)} {client_address6(number)}\n"
            f"{rules(number, more)}\n")


def prepared(stage, peer, name):
    """A daemon that does not run yet, and the file where it notes when it began to."""
    stage.netvm.nft("flush ruleset")
    stage.clients.ip("".join(f"addr replace {client_address(i)}/24 dev eth0\n"
                             for i in range(CLIENTS)))
    noted = stage.scratch / f"began-{name}"
    settings = {**SETTINGS, "dns": {**SETTINGS["dns"], "isolation": peer.isolation}}
    clients = {f"client{i}": client_file(i) for i in range(CLIENTS)}
    daemon = Daemon(stage, clients, settings=settings, upstream=[UPSTREAM], start=False, name=name,
                    wrapper=[build_folder() / "bench-begin", noted])
    return daemon, noted


def first(stage, clients, *options, name=READY, number=0):
    """Asks from now on; said_by() says when each heard."""
    process = stage.load(stage.clients, "first", *options, "-w", PATIENCE, SERVER,
                         client_address(number), clients, name, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "asking\n":
        end(process)
        raise LabError("bench-first does not ask")
    return process


def heard(process, clients):
    said = said_by(process, PATIENCE + 10)
    if len(said["heard"]) != clients:
        raise LabError(f"{len(said['heard'])} of {clients} clients heard within {PATIENCE} s")
    return said


def one_start(stage, daemon, noted, clients, interval):
    """Milliseconds from exec until each of so many clients has an answer, and their CPU."""
    asking = first(stage, clients, "-i", interval)
    try:
        with on_core(SERVER_CORE):
            daemon.start(timeout=PATIENCE)
    except LabError:
        end(asking)
        raise
    answers = heard(asking, clients)["heard"]
    began = int(pathlib.Path(noted).read_text())
    cpu = {role: 1e3 * cpu_seconds(pids) for role, pids in processes.roles(daemon.pid).items()}
    return [(one - began) / 1e6 for one in answers], cpu


def start(stage, peer, times):
    """Lines: fresh and again, medians of so many."""
    found = {"fresh": [], "again": []}
    for number in range(times):
        daemon, noted = prepared(stage, peer, f"start-{peer.name}-{number}")
        for kind in ("fresh", "again"):
            try:
                # A few clients, often: the first answer of all; then everybody, more seldom.
                found[kind].append(one_start(stage, daemon, noted, 3, 250))
                daemon.stop()
                if kind == "fresh":
                    stage.netvm.nft("flush ruleset")
                every, _ = one_start(stage, daemon, noted, CLIENTS, 5000)
                found[kind][-1] += (every,)
            finally:
                if daemon.process.poll() is None:
                    daemon.stop()
    stage.netvm.nft("flush ruleset")
    line = {"peer": peer.name, "work": "start", "clients": CLIENTS, "times": times}
    for kind, starts in found.items():
        line[kind] = {
            "first_ms": round(statistics.median(one[0][0] for one in starts), 1),
            "half_ms": round(statistics.median(one[2][CLIENTS // 2] for one in starts), 1),
            "all_ms": round(statistics.median(one[2][-1] for one in starts), 1),
            "cpu_ms": {role: round(statistics.median(one[1][role] for one in starts), 1)
                       for role in starts[0][1]}}
    return line


def stream(stage, seconds):
    """Another client's questions, from the cache."""
    return stage.load(stage.clients, "blast", "-s", SERVER, "-d",
                      question_file(stage, named("hot")), "-a", client_address(0), "-n", 1, "-c", 4,
                      "-l", seconds, "-Q", STREAM, stdout=subprocess.PIPE, text=True)


def spent(daemon, seconds, work):
    """Milliseconds of dnspind's CPU while `work` is done and so many seconds go by."""
    before, until = cpu_seconds([daemon.pid]), time.monotonic() + seconds
    done = work()
    time.sleep(max(0, until - time.monotonic()))
    return done, 1e3 * (cpu_seconds([daemon.pid]) - before)


def one_reload(stage, daemon, names):
    """Until the last of these names is answered, which are all that the client may ask more."""
    daemon.write_client(f"client{CHANGED}", client_file(CHANGED, names))
    said = heard(first(stage, 1, "-k", daemon.pid, "-i", 200, name=names[-1], number=CHANGED), 1)
    return (said["heard"][0] - said["began"]) / 1e6


def reload(stage, peer, kind, times):
    names = NAMES[kind]
    daemon, _ = prepared(stage, peer, f"reload-{peer.name}-{kind}")
    pause, taken = 0.2, []
    seconds = times * pause + 1
    try:
        with on_core(SERVER_CORE):
            daemon.start(timeout=PATIENCE)
        stage.wait_answer(stage.clients, SERVER)
        said_by(stream(stage, 2), 30)  # into the cache
        time.sleep(2)
        one_reload(stage, daemon, names(times))  # files are known from their second reading

        def changes():
            for number in range(times):
                began = time.monotonic()
                taken.append(one_reload(stage, daemon, names(number)))
                time.sleep(max(0, began + pause - time.monotonic()))

        quiet, idle = spent(daemon, seconds, lambda: said_by(stream(stage, seconds), seconds + 30))
        asking = stream(stage, seconds)
        _, busy = spent(daemon, seconds, changes)
        beside = said_by(asking, seconds + 30)
    finally:
        daemon.stop()
        stage.netvm.nft("flush ruleset")
    return {"peer": peer.name, "work": "reload", "rule": kind, "clients": CLIENTS, "times": times,
            "in_force_ms": round(statistics.median(taken), 2),
            "in_force_ms_max": round(max(taken), 2),
            "dnspind_cpu_ms": round((busy - idle) / times, 2),
            **{f"others_{kind}": {key: said[key] for key in
                                  ("sent", "lost", "p50_us", "p99_us", "p99.9_us", "max_us")}
               for kind, said in (("without", quiet), ("meanwhile", beside))}}
