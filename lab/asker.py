"""Who asks at a steady pace, and connects at once to each address that is told.

    askers = Askers(work, rate=200)      # processes in the qube; names N.race.test (zones.py)
    ...
    tally = askers.end()                 # Tally: told, open, lost, ...

A told address that cannot be connected to is a promise broken: `lost` says which, and why.
"""

import dataclasses
import errno
import itertools
import mmap
import selectors
import socket
import struct
import time

from lab import dnswire
from lab.qube import IPV6_RECVERR
from lab.zones import race_address

SERVER = ("10.139.1.1", 53)
WEB = 80
PATIENT = 20  # seconds for a connection, with the retries that a lost first packet takes


def kind_of(number):
    return "A" if number % 2 else "AAAA"


def question(number):
    name = dnswire.name_octets(f"{number}.race.test")
    kind = dnswire.TYPES[kind_of(number)]
    return (struct.pack("!HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + name +
            struct.pack("!HH", kind, dnswire.IN))


def told_address(octets, asked):
    """The one address that an answer tells, or None."""
    answers = int.from_bytes(octets[6:8], "big")
    if octets[:2] != asked[:2] or octets[3] & 15 or answers != 1:
        return None
    at = len(asked)
    while octets[at] and octets[at] < 0xC0:
        at += 1 + octets[at]
    at += 2 if octets[at] else 1
    length = int.from_bytes(octets[at + 8:at + 10], "big")
    packed = octets[at + 10:at + 10 + length]
    return socket.inet_ntop(socket.AF_INET if length == 4 else socket.AF_INET6, packed)


def ask_datagram(asked, timeout=3.0, server=SERVER):
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect(server)
        sock.send(asked)
        return sock.recv(4096)


def ask_stream(asked, server=SERVER):
    with socket.create_connection(server, timeout=3) as sock:
        sock.sendall(struct.pack("!H", len(asked)) + asked)
        octets = b""
        while len(octets) < 2 or len(octets) < 2 + int.from_bytes(octets[:2], "big"):
            more = sock.recv(4096)
            if not more:
                raise TimeoutError("the server closed the stream")
            octets += more
        return octets[2:]


@dataclasses.dataclass
class Tally:
    asked: int = 0        # questions sent, each again that was not answered with an address
    told: int = 0         # names
    open: int = 0         # connections
    wrong: int = 0        # addresses that are another name's
    lost: list = dataclasses.field(default_factory=list)  # connections, as text
    slowest: float = 0.0  # seconds until a connection was open

    def add(self, other):
        for field in ("asked", "told", "open", "wrong", "lost"):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        self.slowest = max(self.slowest, other.slowest)


class Askers:
    def __init__(self, qube, rate, names=60_000, count=2):
        """Each name is asked for once, until all have been; then once more."""
        self._stop = mmap.mmap(-1, 1)  # shared with the workers
        self._workers = [qube.start(_ask_and_connect, range(1 + i, names, count), count / rate,
                                    self._stop) for i in range(count)]

    def stop(self):
        self._stop[0] = 1

    def end(self):
        self.stop()
        total = Tally()
        for worker in self._workers:
            total.add(worker.result())
        return total


class _Connections:
    """Those that are being made."""

    def __init__(self, tally):
        self.tally, self._selector = tally, selectors.DefaultSelector()

    def begin(self, address):
        ipv6 = ":" in address
        sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET)
        if ipv6:  # else a reject waits for the socket's next retry
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        sock.setblocking(False)
        error = sock.connect_ex((address, WEB))
        if error in (0, errno.EINPROGRESS):
            self._selector.register(sock, selectors.EVENT_WRITE, (address, time.monotonic()))
        else:
            self._end(sock, address, 0, error)

    def _end(self, sock, address, seconds, error):
        sock.close()
        if error:
            what = errno.errorcode.get(error, error)
            self.tally.lost.append(f"{address} {what} after {seconds:.2f} s")
        else:
            self.tally.open += 1
            self.tally.slowest = max(self.tally.slowest, seconds)

    def look(self, wait):
        for key, _ in self._selector.select(wait):
            self._selector.unregister(key.fileobj)
            address, began = key.data
            error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._end(key.fileobj, address, time.monotonic() - began, error)
        late = time.monotonic() - PATIENT
        for key in list(self._selector.get_map().values()):
            if key.data[1] < late:
                self._selector.unregister(key.fileobj)
                self._end(key.fileobj, key.data[0], PATIENT, errno.ETIMEDOUT)

    def all_ended(self):
        return not self._selector.get_map()


def _ask_and_connect(numbers, pause, stop):
    tally = Tally()
    connections, due = _Connections(tally), time.monotonic()
    for number in itertools.cycle(numbers):
        asked, address = question(number), None
        while not address and not stop[0]:
            tally.asked += 1
            try:
                address = told_address(ask_datagram(asked, timeout=1.0), asked)
            except OSError:
                pass
            if not address:
                time.sleep(0.02)
        if stop[0]:
            break
        tally.told += 1
        tally.wrong += address != race_address(number, kind_of(number))
        connections.begin(address)
        due = max(due + pause, time.monotonic() - 1)  # what fell behind is made up for, in part
        connections.look(0)
        while time.monotonic() < due:
            connections.look(due - time.monotonic())
    while not connections.all_ended():
        connections.look(0.1)
    return tally
