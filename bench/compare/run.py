#!/usr/bin/python3 -B
"""Measures dnspin beside those of its peers that are installed.

    ./dev bench [--quick] [--peer NAME]... [--work NAME]... [--out FILE]

--quick takes five minutes, a whole run the better part of an hour on a quiet machine. Works are
unique, hot, zipf, rr, mixed, hot-30, unique-2, unique-200, race, stale, start and reload. Each
measurement is one line of JSON in FILE, build/compare.jsonl if nothing else is said; a picture
comes beside it. --list says who is compared, --show FILE prints the table and the ratios of a
former run and makes its picture anew.
"""

import argparse
import fcntl
import json
import pathlib
import platform
import subprocess
import sys
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE))
# pylint: disable=wrong-import-position
from bench.compare import peers, picture, ratios, start, table, works  # noqa: E402
from bench.compare.measure import measure  # noqa: E402
from bench.compare.reachability import RACES, race, stale  # noqa: E402
from bench.compare.stage import LOAD_CORE, SERVER_CORE, Stage  # noqa: E402
from lab.daemon import build_folder  # noqa: E402
from lab.namespace import LabError  # noqa: E402

LOCK = pathlib.Path("/run/dnspin-bench.lock")  # two runs at once would measure each other
MODES = ("full", "steady")
OTHERS = ["race", "stale", "start", "reload"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, prog="./dev bench",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peer", action="append", choices=[peer.name for peer in peers.ALL])
    parser.add_argument("--work", action="append",
                        choices=[work.name for work in works.WORKS] + OTHERS)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--out", type=pathlib.Path, default=build_folder() / "compare.jsonl")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--show", type=pathlib.Path)
    return parser.parse_args()


def plan(options):
    """(peer, work) that are to be measured, race and stale by their names."""
    kept = [work for work in works.WORKS if work.quick or not options.quick]
    if options.work:
        kept = [work for work in works.WORKS if work.name in options.work]
    names = [*kept, *(name for name in OTHERS
                      if not options.work or name in options.work)]
    for peer in peers.ALL:
        wanted = peer.name in options.peer if options.peer else peer.quick or not options.quick
        if not wanted:
            continue
        if not peer.is_installed():
            print(f"{peer.name} is not installed", file=sys.stderr)
            continue
        for work in names:
            name = work if isinstance(work, str) else work.name
            only = start.ONLY.get(name, "") if isinstance(work, str) else work.only
            if (name in peer.works if peer.works else peer.name.startswith(only)) and (
                    peer.pins or not isinstance(work, str)):
                yield peer, work


def measurements(stage, upstream, peer, work, options):
    """Functions, each of which makes one line."""
    if work == "race":
        names = 500 if options.quick else 3000
        return [lambda terms=terms: race(stage, peer, terms, names)
                for terms in RACES if terms.quick or not options.quick]
    if work == "stale":
        names = 50 if options.quick else 200
        return [lambda clients=clients: stale(stage, peer, clients, names) for clients in (1, 8)]
    if work == "start":
        return [lambda: start.start(stage, peer, 3 if options.quick else 9)]
    if work == "reload":
        return [lambda kind=kind: start.reload(stage, peer, kind, 10 if options.quick else 20)
                for kind in start.NAMES]
    seconds = options.seconds or (2 if options.quick else 8)
    warm_up, attempts = (1, 1) if options.quick else (2, 3)
    return [lambda mode=mode: measure(stage, upstream, peer, work, mode, seconds, warm_up, attempts)
            for mode in MODES]


def machine(options):
    model = next((line.split(":", 1)[1].strip()
                  for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", TREE, "-c", f"safe.directory={TREE}", "describe",
                             "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return {"machine": model, "kernel": platform.release(), "commit": commit,
            "quick": options.quick, "began": time.strftime("%Y-%m-%d %H:%M")}


def run(options):
    if LOAD_CORE == SERVER_CORE:
        raise LabError("a comparison needs two cores")
    lines = [machine(options)]
    with open(LOCK, "w") as lock, Stage() as stage, stage.upstream() as upstream, \
            open(options.out, "w") as out:
        print(json.dumps(lines[0]), file=out)
        for peer, work in plan(options):
            for one in measurements(stage, upstream, peer, work, options):
                fcntl.flock(lock, fcntl.LOCK_EX)
                try:
                    line = one()
                except LabError as error:
                    line = {"peer": peer.name, "work": getattr(work, "name", work),
                            "error": str(error)}
                finally:
                    fcntl.flock(lock, fcntl.LOCK_UN)
                lines.append(line)
                print(json.dumps(line), file=out, flush=True)
                print(table.brief(line), file=sys.stderr, flush=True)
    return lines


def show(lines, out):
    svg = out.with_suffix(".svg")
    svg.write_text(picture.draw(lines))
    print(f"{table.text(lines)}\n{ratios.text(lines)}\n{out} and {svg}")


def main():
    options = arguments()
    if options.list:
        print(f"works: {', '.join([*(work.name for work in works.WORKS), *OTHERS])}\n")
        for peer in peers.ALL:
            print(f"{peer.name:22} {'' if peer.is_installed() else '(not installed) '}{peer.about}")
        return 0
    if options.show:
        show([json.loads(line) for line in options.show.read_text().splitlines()], options.show)
        return 0
    try:
        lines = run(options)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    show(lines, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
