"""The work that every server gets: files of questions, by how many clients, and which pins that
makes."""

import bisect
import dataclasses
import itertools
import random

APEX = "pin.example"
NEW_NAMES = 1 << 21  # each has an address of its own below 2^22


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    about: str
    clients: int = 1
    quick: bool = True
    pins: int = 0        # that it makes in all; 0: not counted
    once: bool = False   # no name comes twice: what is measured begins behind the warm-up
    only: str = ""       # for peers whose name begins so
    warm_up: float = 0   # seconds at least; a cache for each client takes time to fill


WORKS = [
    Work("unique", "every name new, forwarded", clients=30, once=True),
    Work("hot", "1,000 names, from the cache", pins=1000),
    Work("zipf", "10,000 names by Zipf's law, mixed types and TTLs"),
    Work("rr", "200 names of 8 rotating addresses, TTL 5", quick=False),
    Work("mixed", "80 % hot names, 20 % chains of three aliases", quick=False),
    Work("hot-30", "1,000 names from the caches of 30 clients", clients=30,
         only="dnspin", warm_up=8),
    Work("unique-2", "as unique, by two clients", clients=2, once=True, only="dnspin"),
    Work("unique-200", "as unique, by 200 clients", clients=200, once=True, only="dnspin-200"),
]


def named(name):
    return next((work for work in WORKS if work.name == name), None)


def _shuffled(seed, names, times):
    every = list(range(names)) * times
    random.Random("dnspin-" + seed).shuffle(every)
    return every


def _unique():
    return (f"u{i * 2654435761 & 0xffffffff:08x}.u.{APEX} A\n" for i in range(NEW_NAMES))


def _hot():
    return (f"h{number}.hot.{APEX} A\n" for number in _shuffled("hot", 1000, 20))


def _rr():
    return (f"r{number}.rr.{APEX} A\n" for number in _shuffled("rr", 200, 100))


def _mixed():
    dice = random.Random("dnspin-mixed")
    for _ in range(200000):
        zone = "cn" if dice.random() < 0.2 else "hot"
        kind = dice.choices(("A", "AAAA", "HTTPS"), (90, 5, 5))[0]
        yield f"h{dice.randrange(1000)}.{zone}.{APEX} {kind}\n"


def _zipf(names=10000):
    dice = random.Random("dnspin-zipf")
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(names)))
    numbers = _shuffled("zipf", names, 1)
    for _ in range(400000):
        number = numbers[bisect.bisect_left(weights, dice.random() * weights[-1])]
        kind = dice.choices(("A", "AAAA", "HTTPS"), (65, 25, 10))[0]
        yield f"z{number}.z.{APEX} {kind}\n"


LINES = {"unique": _unique, "unique-2": _unique, "unique-200": _unique,
         "hot": _hot, "hot-30": _hot, "rr": _rr, "mixed": _mixed, "zipf": _zipf}


def question_file(stage, work):
    """Written once in a run."""
    path = stage.scratch / f"questions-{work.name}"
    if not path.exists():
        with open(path, "w", encoding="ascii") as file:
            file.writelines(LINES[work.name]())
    return path
