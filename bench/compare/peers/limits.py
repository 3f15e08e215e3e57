"""What no DNS server can be faster than here: UDP alone, and UDP with one pin each."""

from bench.compare.peer import Peer

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
]
