"""One measurement: a server started afresh, warmed up, and asked; its figures are a dictionary.

Modes: `full` asks as fast as it answers, 120 questions at a time; `steady` 5,000 a second, for the
time that an answer takes.
"""

import subprocess

from bench.compare.accounting import Meter, cpu_seconds
from bench.compare.stage import SERVER, client_address, said_by
from bench.compare.works import question_file
from lab import processes

STEADY_RATE = 5000
FOREIGN_MOST = 6  # per cent of a core that others may use, or it is measured again
SATURATED = 93


def blast(stage, work, seconds, skip=0, rate=0, server=SERVER):
    """Asks; returns what bench-blast says."""
    process = stage.load(
        stage.clients, "blast", "-s", server, "-d", question_file(stage, work), "-a",
        client_address(0), "-n", work.clients, "-l", seconds, "-k", skip, "-Q", rate,
        stdout=subprocess.PIPE, text=True)
    return said_by(process, seconds + 30)


def limited_by(figures):
    if figures["server_pct"] > SATURATED:
        return "server"
    return "load" if figures["load_core_pct"] > SATURATED else "neither"


def measure_once(stage, upstream, peer, work, mode, seconds, warm_up):
    server = peer.start(stage)
    try:
        warmed = blast(stage, work, max(warm_up, peer.warm_up, work.warm_up), server=peer.asked)
        roles = server.roles()
        before = {role: cpu_seconds(pids) for role, pids in roles.items()}
        meter = Meter(server.pids, upstream.pid)
        figures = blast(stage, work, seconds, warmed["sent"] if work.once else 0,
                        STEADY_RATE if mode == "steady" else 0, peer.asked)
        figures.update(meter.done(steady=mode == "steady"))
        figures["cpu_us_each"] = {
            role: round(1e6 * (cpu_seconds(pids) - before[role]) / max(figures["completed"], 1), 2)
            for role, pids in roles.items()}
        figures["memory_kib"] = processes.kibibytes(server.pids())
        if peer.pins:
            figures["pins"] = server.pins()
    finally:
        server.stop()
    figures["cpu_s_per_100k"] = round(
        1e5 * figures["server_cpu_s"] / max(figures["completed"], 1), 3)
    figures["limited_by"] = limited_by(figures)
    if peer.pins and peer.kind == "peer":
        figures.update(expected_pins(work, warmed, figures))
    return figures


def expected_pins(work, warmed, figures):
    """What was answered must be pinned; what was lost may be; and READY is one of the hot names."""
    if work.once:
        # What was asked again after a round of the file has been pinned before.
        least = warmed["completed"] + figures["completed"]
        most = warmed["sent"] + figures["sent"] + 1
        if figures["rounds"]:
            return {}
    elif work.pins:
        least = most = work.pins
    else:
        return {}
    return {"pins_expected": least, "pins_right": least <= figures["pins"] <= most}


def measure(stage, upstream, peer, work, mode, seconds, warm_up=1, attempts=1):
    """Again, up to so many times, while others use the machine."""
    for attempt in range(attempts):
        figures = measure_once(stage, upstream, peer, work, mode, seconds, warm_up)
        if figures["foreign_pct"] <= FOREIGN_MOST:
            break
    return {"peer": peer.name, "work": work.name, "mode": mode, "clients": work.clients,
            "seconds": seconds, "attempt": attempt + 1, **figures}
