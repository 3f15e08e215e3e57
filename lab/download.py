"""Live downloads through the firewall that notice each byte that is lost.

    serve_streams(lab)                                   # in the internet, at every address
    downloads = Downloads(lab, work)
    one = downloads.begin("198.51.100.1")                # TCP, port 8090
    two = downloads.begin("198.51.100.1", kind="udp")    # echoes, as are those of kind "icmp"
    downloads.go_on(one, two)                            # they do, each without a loss so far
    downloads.stops(two, beside=one)                     # seconds until its last byte came

A server sends a little of a numbered stream to each connection every TICK, and answers each
datagram with itself. One thread reads them all, fifty at once cost a few percent of a processor.
"""

import collections
import dataclasses
import os
import selectors
import socket
import struct
import threading
import time

PORTS = (8090, 8091)
TICK, OCTETS = 0.05, 1024       # seconds; octets a tick of each stream
WORDS = b"".join(struct.pack("!I", number) for number in range(1 << 18))
PERIOD = len(WORDS)             # a stream that lost exactly so much would not be noticed
STREAM = WORDS + WORDS[:65536]
IP_PKTINFO, IPV6_RECVPKTINFO, IPV6_PKTINFO = 8, 49, 50
ECHO_REQUEST, ECHO_REPLY = 8, 0
PATIENCE = 20                   # seconds for what must come


def serve_streams(lab):
    worker = lab.internet.start(_serve)
    lab.at_exit(worker.kill)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with lab.internet.socket() as probe:
            if probe.connect_ex(("203.0.113.1", PORTS[-1])) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError("no streams are served")


def _serve():
    selector, offsets = selectors.DefaultSelector(), {}

    def accept(listener):
        stream, _ = listener.accept()
        stream.setblocking(False)
        offsets[stream] = 0
        selector.register(stream, selectors.EVENT_READ, hear)

    def forget(stream):
        selector.unregister(stream)
        del offsets[stream]
        stream.close()

    def hear(stream):
        try:
            if not stream.recv(4096):
                forget(stream)
        except BlockingIOError:
            pass
        except OSError:
            forget(stream)

    for port in PORTS:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, backlog=512,
                                        dualstack_ipv6=True)
        selector.register(listener, selectors.EVENT_READ, accept)
        for family in (socket.AF_INET, socket.AF_INET6):
            selector.register(_echo_socket(family, port), selectors.EVENT_READ, _echo)
    tick = time.monotonic()
    while True:
        for key, _ in selector.select(max(0.0, tick - time.monotonic())):
            key.data(key.fileobj)
        if time.monotonic() >= tick:
            tick = time.monotonic() + TICK
            for stream, offset in list(offsets.items()):
                at = offset % PERIOD
                try:
                    offsets[stream] += stream.send(STREAM[at:at + OCTETS])
                except BlockingIOError:
                    pass
                except OSError:
                    forget(stream)


def _echo_socket(family, port):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    sock.bind(("" if family == socket.AF_INET else "::", port))
    return sock


def _echo(sock):
    """From the address that was asked."""
    octets, control, _, source = sock.recvmsg(2048, 256)
    for level, kind, data in control:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            control = [(level, kind, struct.pack("=I4s4x", 0, data[8:12]))]
        elif (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO):
            control = [(level, kind, data[:16] + bytes(4))]
    try:
        sock.sendmsg([octets], control, 0, source)
    except OSError:
        pass  # like any datagram it may be lost


@dataclasses.dataclass(eq=False)
class Download:
    kind: str                 # "tcp", "udp", "icmp"
    address: str
    port: int
    sock: socket.socket
    octets: int = 0           # that came, each as it should be; of echoes: messages
    lost: int = 0             # messages of which later ones came; of a stream nothing may be
    wrong: str = ""           # what came in the place of what should have
    ended: str = ""           # "closed" or "reset", by the other side
    sent: int = 0             # messages
    heard: collections.deque = dataclasses.field(  # when the last ones came, monotonic
        default_factory=lambda: collections.deque(maxlen=256))

    @property
    def heard_at(self):
        return self.heard[-1] if self.heard else 0.0

    @property
    def whole(self):
        return not (self.lost or self.wrong or self.ended)

    def __str__(self):
        return (f"{self.kind} to {self.address} port {self.port}: {self.octets} came, "
                f"{self.lost} lost, {self.wrong or 'none wrong'}, {self.ended or 'not ended'}")


class Downloads:
    def __init__(self, lab, qube):
        self._qube, self.all = qube, []
        self._selector, self._lock = selectors.DefaultSelector(), threading.Lock()
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True, name="downloads")
        self._thread.start()
        lab.at_exit(self.close)

    def begin(self, address, port=PORTS[0], kind="tcp"):
        """Raises OSError if it does not connect. An echo flow begins whether it is let or not."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        what = {"tcp": (family, socket.SOCK_STREAM), "udp": (family, socket.SOCK_DGRAM),
                "icmp": (family, socket.SOCK_RAW, socket.IPPROTO_ICMP)}[kind]
        sock = self._qube.socket(*what)
        try:
            sock.settimeout(PATIENCE)
            sock.connect((address, 0 if kind == "icmp" else port))
        except OSError:
            sock.close()
            raise
        sock.setblocking(False)
        one = Download(kind, address, port, sock)
        with self._lock:
            self.all.append(one)
            self._selector.register(sock, selectors.EVENT_READ, one)
        return one

    def end(self, *those):
        for one in those:
            with self._lock:
                self.all.remove(one)
                self._unregister(one)
            try:
                one.sock.shutdown(socket.SHUT_RDWR)  # workers may have a copy of it
            except OSError:
                pass
            one.sock.close()

    def end_all(self):
        self.end(*self.all)

    def close(self):
        self._running = False
        self._thread.join()
        self.end_all()

    # Verdicts, by counts.

    def go_on(self, *those, more=8):
        """Each has so many more ticks' worth, and has lost nothing so far."""
        before = {one: one.octets for one in those}
        for one in those:
            wanted = before[one] + more * (OCTETS if one.kind == "tcp" else 1)
            end = time.monotonic() + PATIENCE
            while one.octets < wanted and not one.ended and time.monotonic() < end:
                time.sleep(0.01)
            assert one.octets >= wanted and one.whole, f"it does not go on: {one}"

    def stops(self, *those, beside, within=3.0):
        """Nothing more comes of them while `beside` goes on; the longest time until that is so."""
        began = time.monotonic()
        for one in those:
            while True:
                before = one.octets
                self.go_on(beside, more=12)
                if one.octets == before:
                    break
                assert time.monotonic() < began + within + 2, f"it does not stop: {one}"
            assert one.heard_at < began + within, f"{one.heard_at - began:.2f} s until it stopped"
        return max(max(one.heard_at for one in those) - began, 0.0)

    # The thread.

    def _unregister(self, one):
        try:
            self._selector.unregister(one.sock)
        except KeyError:
            pass

    def _run(self):
        tick, ticks = time.monotonic(), 0
        while self._running:
            ready = self._selector.select(max(0.0, min(tick - time.monotonic(), TICK)))
            with self._lock:
                for key, _ in ready:
                    if key.data in self.all:
                        self._hear(key.data)
                if time.monotonic() >= tick:
                    tick, ticks = time.monotonic() + TICK, ticks + 1
                    for one in self.all:
                        self._send(one, ticks)

    def _send(self, one, ticks):
        """A message a tick; on a stream at times an octet, so that both directions are tried."""
        try:
            if one.kind == "tcp" and ticks % 10 == 0:
                one.sock.send(b"x")
            elif one.kind != "tcp":
                one.sent += 1
                one.sock.send(self._message(one))
        except OSError:
            pass  # an ICMP error for an earlier one, or no room: what was lost is counted in _hear

    def _message(self, one):
        number = struct.pack("!Q", one.sent)
        if one.kind == "udp":
            return number
        head = struct.pack("!HH", id(one) & 0xFFFF, one.sent & 0xFFFF)
        total = sum(struct.unpack("!6H", head + number)) + (ECHO_REQUEST << 8)
        total = (total & 0xFFFF) + (total >> 16)
        total = ~(total + (total >> 16)) & 0xFFFF
        return struct.pack("!BBH", ECHO_REQUEST, 0, total) + head + number

    def _hear(self, one):
        try:
            octets = one.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            if one.kind == "tcp":
                one.ended = os.strerror(error.errno)
                self._unregister(one)
            return
        if one.kind == "tcp":
            self._hear_stream(one, octets)
        elif one.kind == "udp":
            self._hear_echo(one, octets)
        elif octets[20] == ECHO_REPLY and octets[24:26] == struct.pack("!H", id(one) & 0xFFFF):
            self._hear_echo(one, octets[28:])

    def _hear_stream(self, one, octets):
        if not octets:
            one.ended = "closed"
            self._unregister(one)
            return
        at = one.octets % PERIOD
        if octets != STREAM[at:at + len(octets)]:
            one.wrong = one.wrong or f"after {one.octets} octets: {octets[:8].hex()}"
        one.octets += len(octets)
        one.heard.append(time.monotonic())

    @staticmethod
    def _hear_echo(one, octets):
        number = int.from_bytes(octets, "big")
        expected = one.octets + one.lost + 1
        if not expected <= number <= one.sent:
            one.wrong = one.wrong or f"message {number} in the place of {expected}"
            return
        one.lost += number - expected
        one.octets += 1
        one.heard.append(time.monotonic())
