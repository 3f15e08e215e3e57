"""A host beyond the uplink that forges answers (tests/spoofer), and a qube that asks meanwhile.

    attack(lab, "id", names=20, each=500)     Attacked: forged, told, ...
"""

import collections
import dataclasses
import itertools
import json
import random
import select
import socket
import struct
import subprocess
import time

from lab import dnswire
from lab.asker import SERVER, told_address
from lab.daemon import build_folder
from lab.zones import race_address

FORGED = "203.0.113.66"  # what every forged answer tells
DELAYS = {"slow.test": 0.15,   # seconds until the true answer, which a forged one has to win
          "tardy.test": 1.5,   # dnspin asks again in the meantime
          "prompt.test": 0.0,
          "dark.test": None}   # there is none
LETTERS = "so-many-letters-to-be-spelled"  # in every name
PATIENT = 6.0
COUNTERS_TOLD = 1.1      # seconds: by a reader to dnspind, once so often
NUMBERS = itertools.count(1)  # each name is asked once
Told = collections.Counter    # "right", "forged", "failed", "silent"


@dataclasses.dataclass
class Attacked:
    seen: int    # questions that the spoofer saw leave
    forged: int  # answers it sent
    lost: int    # packets that did not leave
    told: Told
    secrets: list = dataclasses.field(repr=False)  # of each question: port, ID, capitals


def install(authority):
    """1.LETTERS.slow.test has the address of 1.race.test, and so on in each zone."""
    def answer(delay):
        def script(query):
            number = query.name.split(".")[0]
            if delay is None or query.kind != "A" or not number.isdigit():
                return None
            return dataclasses.replace(dnswire.addresses(query, [race_address(int(number))]),
                                       delay=delay if query.transport == "udp" else 0.0)
        return script
    for zone, delay in DELAYS.items():
        authority.under(zone, answer(delay))


def _question(number, zone):
    name = "".join(random.choice((c.upper(), c)) for c in f"{number}.{LETTERS}.{zone}")
    return (struct.pack("!HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) +
            dnswire.name_octets(name) + struct.pack("!HH", dnswire.TYPES["A"], dnswire.IN))


def ask_all(numbers, zone, at_once):
    """Asks for all names, so many of them at a time, and says what was told of them."""
    told, waiting, left = Told(), {}, collections.deque(numbers)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(SERVER)
        sock.setblocking(False)
        while left or waiting:
            while left and len(waiting) < at_once:
                number = left.popleft()
                asked = _question(number, zone)
                waiting[number & 0xFFFF] = (number, asked, time.monotonic())
                sock.send(asked)
            select.select([sock], [], [], 0.1)
            _take(sock, waiting, told)
            for key, (_, _, began) in list(waiting.items()):
                if time.monotonic() > began + PATIENT:
                    del waiting[key]
                    told["silent"] += 1
    return told


def _take(sock, waiting, told):
    while True:
        try:
            octets = sock.recv(4096)
        except OSError:
            return
        found = waiting.pop(int.from_bytes(octets[:2], "big"), None)
        if not found:
            told["strays"] += 1
            continue
        number, asked, _ = found
        address = told_address(octets, asked)
        told[{race_address(number): "right", FORGED: "forged", None: "failed"}.get(
            address, "wrong")] += 1


def counted(dnspin):
    """So many forged answers came to its sockets until now."""
    time.sleep(COUNTERS_TOLD)
    return int(dnspin.metric("dnspin_forgeries_total"))


def attack(lab, mode, names, each, total=0, at_once=16, zone="slow.test", origin=None):
    """`each`: forged answers for a question; `total`: of all, or the questions decide. `origin`:
    the namespace that they come from, if not the internet."""
    secrets = lab.scratch / "secrets"
    command = [build_folder() / "dnspin-spoofer", mode, "eth0", each, total or 10**9, secrets]
    spoofer = lab.internet.popen([*command, origin.net_path] if origin else command,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert spoofer.stdout.readline() == "ready\n"
        numbers = [next(NUMBERS) for _ in range(names)]
        told = lab.qube("work").call(ask_all, numbers, zone, at_once)
        time.sleep(0.2)
        spoofer.terminate()
        said = json.loads(spoofer.stdout.readline())
    finally:
        spoofer.kill()
        spoofer.wait()
        spoofer.stdout.close()
    return Attacked(said["questions"], said["forged"], said["lost"], told,
                    [line.split() for line in secrets.read_text().splitlines()])
