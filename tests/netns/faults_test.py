#!/usr/bin/python3 -B
"""Faults, exhaustively: the Nth system call, netlink reply, channel message, timer or allocation of
dnspind, its launcher or its readers fails, is late, is cut or comes twice, while it starts,
answers, reloads, gains and loses a client, and stops. After each: nothing was told that is not
pinned, nothing is open outside the rules, nothing is left over, and the next question is answered.

    tests/netns/faults_test.py                      some of them, others at each run
    tests/netns/faults_test.py seed 7               the same again
    tests/netns/faults_test.py full [WORD...]       all of these kinds, roles, stories
    tests/netns/faults_test.py one STORY ROLE KIND NUMBER ACTION

With the word `shared` at the end one reader serves all; of the first two, the seed says which.
"""

import collections
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.fault_stage import MORE_RULES, RULES, SETTINGS, Broken, Stage  # noqa: E402
from lab.faults import ACTIONS, KINDS, ROLES, Page  # noqa: E402

SAMPLE = 40
SLOW = 2.0  # seconds; said, and no verdict
ONCE_BROKEN = (  # each broke a promise before it was mended
    ("first", "dnspind", "getpwnam", "fail"), ("first", "dnspind", "chmod", "fail"),
    ("first", "dnspind", "rmdir", "fail"), ("first", "dnspind", "socket", "fail"),
    ("first", "launcher", "signalfd", "fail"), ("first", "launcher", "getsockname", "fail"),
    ("again", "dnspind", "recvmsg", "double"), ("again", "launcher", "malloc", "fail"),
    ("first", "launcher", "sendmsg", "double"), ("first", "launcher", "sendmsg", "cut"))
Fault = collections.namedtuple("Fault", "story role kind number action call")
STOPPED = (0, -15)
LIVE = ("questions", "reload", "client")  # the same dnspind throughout


def first(stage):
    """The first start of all: there are no tables."""
    return stage.start() and stage.ask("work")


def again(stage):
    """A start after a kill, with pins to read back."""
    return stage.start() and all([stage.ask("work"), stage.ask("personal")])


def questions(stage):
    known = stage.fresh_name()
    return all([stage.ask("work", name=known), stage.ask("work", name=known),
                stage.ask("work", tcp=True), stage.ask("personal", "AAAA"), stage.refused("work"),
                stage.ask("personal", name=known, tcp=True)])


def reload(stage):
    stage.dnspin.write_client("work", MORE_RULES)
    went = [stage.reload(), stage.ask("work")]
    stage.dnspin.write_client("work", RULES)
    return all([*went, stage.reload(), stage.ask("work"), stage.ask("personal")])


def client(stage):
    stage.dnspin.write_client("guest", RULES)
    went = [stage.reload(), stage.ask("guest"), stage.ask("work")]
    stage.dnspin.remove_client("guest")
    return all([*went, stage.reload(), stage.ask("personal")])


def stop(stage):
    stage.dnspin.process.terminate()
    return stage.dnspin.process.wait(15) == 0


STORIES = {story.__name__: story for story in (first, again, questions, reload, client, stop)}


def prepare(stage, story):
    if story in ("first", "again"):
        stage.kill()
    if story == "first":
        stage.remove_tables()
    stage.said()


def listed(stage, story):
    """All that happens in a story where nothing goes wrong, as faults to order."""
    prepare(stage, story)
    stage.page.list()
    good = STORIES[story](stage)
    events = stage.page.events()
    assert good, f"{story} does not go well without a fault"
    stage.judge(STOPPED)
    faults, places = [], set()
    for event in events:
        place = (event.role, event.kind, event.place, event.call)
        if event.kind == "memory" and place in places:
            continue  # one of each place in the program: they are many
        places.add(place)
        faults += [Fault(story, event.role, event.kind, event.number, action, event.call)
                   for action in event.actions]
    return faults


def tell(stage, fault):
    """The story with this fault; what became of it in a word. Raises where a promise is broken."""
    prepare(stage, fault.story)
    stage.readers = before = stage.reader_pids() if fault.story in LIVE else {}
    stage.page.order(fault.role, fault.kind, fault.number, fault.action)
    good = STORIES[fault.story](stage)
    fired = stage.page.off()
    stage.readers = {}
    stage.judge(STOPPED if fault.story == "stop" else (), fault.kind == "memory")
    if not fired:
        return "not reached"
    if stage.ended is not None and fault.story != "stop":
        return f"dnspind ended ({stage.ended})"
    if fault.story in LIVE and before != stage.reader_pids():
        return "a reader ended"
    return "unnoticed" if good else "a step failed"


def tell_all(stage, faults):
    outcomes, broken = collections.defaultdict(collections.Counter), []
    for count, fault in enumerate(faults, start=1):
        began = time.monotonic()
        if count % 100 == 0:
            print(f"       {count} of {len(faults)}", flush=True)
        try:
            outcome = tell(stage, fault)
            stage.renew()
        except (Broken, TimeoutError, trial.LabError) as error:
            outcome = "BROKEN"
            broken.append((fault, str(error)))
            print(f"BROKEN {' '.join(map(str, fault))}: {error}", flush=True)
            for line in stage.said()[-6:]:
                print(f"       {line}")
            stage.reset()
        outcomes[fault.story, fault.kind][outcome] += 1
        if "(-" in outcome:
            print(f"       {' '.join(map(str, fault))}: {outcome}", flush=True)
        if time.monotonic() - began > SLOW:
            print(f"       slow: {' '.join(map(str, fault))}: {time.monotonic() - began:.1f} s, "
                  f"{outcome}", flush=True)
    return outcomes, broken


def table(outcomes):
    for story in STORIES:
        for kind in KINDS:
            counted = outcomes.get((story, kind))
            if counted:
                print(f"       {story:10} {kind:8} {sum(counted.values()):5}  "
                      + ", ".join(f"{number} {what}" for what, number in counted.most_common()))


def with_stage(lab, name, isolation):
    return trial.with_dnspin(lab, name, start=False,
                             settings={**SETTINGS, "dns": {"isolation": isolation}},
                             clients={"work": RULES, "personal": RULES})


def run(lab, choose, isolation=None):
    began = time.monotonic()
    isolation = isolation or ("shared" if "shared" in sys.argv[1:] else "client")
    with with_stage(lab, "faults", isolation) as dnspin:
        stage = Stage(lab, dnspin, Page.install(dnspin))
        stage.refer()
        faults = choose(stage)
        stage.refer()
        outcomes, broken = tell_all(stage, faults)
        table(outcomes)
    assert not broken, f"{len(broken)} of {len(faults)} faults broke a promise"
    return f"{len(faults)} faults in {time.monotonic() - began:.0f} s, no promise broken"


def sample(lab, _):
    """Some faults of all kinds, drawn anew at each run, break no promise"""
    seed = int(sys.argv[2]) if sys.argv[1:2] == ["seed"] else random.randrange(10**6)
    draw = random.Random(seed)
    isolation = draw.choice(("client", "shared"))
    print(f"       seed {seed}, readers: {isolation}", flush=True)

    def choose(stage):
        by_kind, last = collections.defaultdict(list), {}
        for story in STORIES:
            for fault in listed(stage, story):
                by_kind[story, fault.kind].append(fault)
                last[story, fault.role, fault.call, fault.action] = fault
        kinds = sorted(by_kind)
        drawn = [draw.choice(by_kind[kinds[turn % len(kinds)]]) for turn in range(SAMPLE)]
        return [last[once] for once in ONCE_BROKEN] + drawn
    return run(lab, choose, isolation)


def full(lab, _):
    """Every fault of these kinds breaks no promise"""
    words = set(sys.argv[2:])

    def choose(stage):
        return [fault for story in STORIES if not words & set(STORIES) or story in words
                for fault in listed(stage, story)
                if (not words & set(KINDS) or fault.kind in words)
                and (not words & set(ROLES) or fault.role in words)
                and (not words & set(ACTIONS) or fault.action in words)]
    return run(lab, choose)


def one(lab, _):
    """This one fault breaks no promise"""
    story, role, kind, number, action = sys.argv[2:7]
    return run(lab, lambda stage: [Fault(story, role, kind, int(number), action, "")])


if __name__ == "__main__":
    what = {"full": full, "one": one}.get(" ".join(sys.argv[1:2]), sample)
    trial.run(what, qubes=("work", "personal", "guest"))
