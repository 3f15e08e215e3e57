"""A scripted DNS server in the lab's internet, run by a thread of the test's own process.

dnspin forwards to it as its upstream. What it has no script for it passes on to a real server.
Scripts may be added, replaced and taken away while it runs:

    authority.at("a.test", records(["198.51.100.1"], ttl=5))     this name
    authority.under("b.test", lambda query: Reply(...))          this name and all below
    authority.count("a.test")                                    how often it was asked
    authority.silent = True                                      a dead upstream

A script is a function from a Query to a Reply, a list of Replies (forgeries first), or None for
silence.
"""

import collections
import functools
import heapq
import itertools
import selectors
import socket
import struct
import threading
import time

from lab import dnswire
from lab.dnswire import Reply

Asked = collections.namedtuple("Asked", "time transport name kind source server")


def records(texts, ttl=60):
    """A script: always these addresses, of the family asked for."""
    return lambda query: dnswire.addresses(query, texts, ttl)


def aliases(links, texts, ttl=60):
    """A script: these CNAME links, then these addresses."""
    return lambda query: dnswire.chain(query, links, texts, ttl)


def nothing_there(query):
    zone = query.name.split(".", 1)[-1] or "test"
    return Reply(rcode=dnswire.NXDOMAIN, authority=(dnswire.soa(zone),))


class RoundRobin:
    """A script: many addresses, told a few at a time, the next few at each question; or, with
    `every`, the next few each so many seconds, whoever asks."""

    def __init__(self, texts, told=8, ttl=5, every=None):
        self.texts, self.told, self.ttl, self.every = list(texts), told, ttl, every
        self.turn, self.began = 0, time.monotonic()

    def __call__(self, query):
        if self.every:
            self.turn = int((time.monotonic() - self.began) / self.every)
        first, count = self.turn * self.told, len(self.texts)
        self.turn += 1
        return dnswire.addresses(query, [self.texts[(first + i) % count] for i in range(self.told)],
                                 self.ttl)


class Authority:
    def __init__(self, internet, where=("192.0.2.53", "2001:db8:53::53"), port=53, behind=None):
        """`behind` is the address of the real server for all names without a script."""
        self.where, self.silent = where[0], False
        self._internet, self._addresses, self._port, self._behind = internet, where, port, behind
        self._scripts = {}
        self._seen, self._counts = collections.deque(maxlen=100_000), collections.Counter()
        self._later, self._order = [], itertools.count()
        self._relayed = {}
        self._selector = selectors.DefaultSelector()
        self._wake, wake = socket.socketpair()
        self._selector.register(wake, selectors.EVENT_READ, lambda sock: sock.recv(4096))
        with internet.enter():
            for address in where:
                self._listen(address, port)
            if behind:
                self._relay = self._udp("::" if ":" in behind else "0.0.0.0", 0, self._on_relayed)
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True, name="authority")
        self._thread.start()

    # What a test says and asks.

    def at(self, name, script):
        self._scripts[name.lower().rstrip(".")] = script

    def under(self, zone, script):
        self._scripts["." + zone.lower().rstrip(".")] = script

    def forget(self, name):
        for key in (name, "." + name):
            self._scripts.pop(key, None)

    def count(self, name=None, kind=None):
        """Questions seen: all, for a name, for a name and type."""
        return sum(number for (asked, asked_kind), number in list(self._counts.items())
                   if name in (None, asked) and kind in (None, asked_kind))

    def seen(self):
        """The questions themselves, oldest first."""
        return list(self._seen)

    def reset(self):
        self._seen.clear()
        self._counts.clear()

    def close(self):
        """Stops and closes its ports: from now on the upstream is gone."""
        self._running = False
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._wake.close()

    # The thread.

    def _udp(self, address, port, receive):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((address, port))
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, receive)
        return sock

    def _listen(self, address, port):
        self._udp(address, port, self._on_datagram)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        tcp = socket.create_server((address, port), family=family, backlog=128)
        tcp.setblocking(False)
        self._selector.register(tcp, selectors.EVENT_READ, self._on_connection)

    def _run(self):
        while self._running:
            wait = max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
            for key, _ in self._selector.select(wait):
                key.data(key.fileobj)
            while self._later and self._later[0][0] <= time.monotonic():
                heapq.heappop(self._later)[2]()

    def _on_datagram(self, sock):
        for _ in range(64):
            try:
                octets, source = sock.recvfrom(65535)
            except OSError:
                return
            query = dnswire.read_query(octets, "udp", source[:2])
            if query:
                self._serve(query, sock, lambda message, who=source: _send_to(sock, message, who))

    def _on_connection(self, listener):
        stream, source = listener.accept()
        stream.settimeout(1)
        buffer = bytearray()
        self._selector.register(stream, selectors.EVENT_READ,
                                lambda sock: self._on_stream(sock, buffer, source[:2]))

    def _on_stream(self, stream, buffer, source):
        try:
            octets = stream.recv(65535)
        except OSError:
            octets = b""
        if not octets:
            self._selector.unregister(stream)
            stream.close()
            return
        buffer += octets
        while len(buffer) >= 2 and len(buffer) >= 2 + int.from_bytes(buffer[:2], "big"):
            length = int.from_bytes(buffer[:2], "big")
            query = dnswire.read_query(bytes(buffer[2:2 + length]), "tcp", source)
            del buffer[:2 + length]
            if query:
                self._serve(query, stream,
                            lambda message, piece=0: _send_stream(stream, message, piece))

    def _script_for(self, name):
        if name in self._scripts:
            return self._scripts[name]
        while name:
            if "." + name in self._scripts:
                return self._scripts["." + name]
            name = name.partition(".")[2]
        return None

    def _serve(self, query, sock, send):
        server = sock.getsockname()[0]
        self._seen.append(Asked(time.monotonic(), query.transport, query.name, query.kind,
                                query.source, server))
        self._counts[query.name, query.kind] += 1
        if self.silent:
            return
        script = self._script_for(query.name)
        if script is None and self._behind:
            self._pass_on(query, send)
            return
        replies = script(query) if script else Reply(rcode=dnswire.REFUSED)
        for reply in [replies] if isinstance(replies, Reply) else replies or []:
            out = send
            if reply.leave_from and query.transport == "udp":
                out = self._stranger(reply.leave_from, server, query.source)
            elif reply.piece and query.transport == "tcp":
                out = functools.partial(send, piece=reply.piece)
            self._at(reply.delay, lambda o=out, m=reply.octets(query): o(m))

    def _at(self, delay, action):
        if delay <= 0:
            action()
        else:
            heapq.heappush(self._later, (time.monotonic() + delay, next(self._order), action))

    def _stranger(self, what, server, target):
        """Sends from another port of ours, or from our port on another address."""
        place = (server, 0) if what == "port" else (
            "2001:db8:bad::53" if ":" in server else "203.0.113.99", self._port)

        def send(message):
            with self._internet.socket(socket.AF_INET6 if ":" in server else socket.AF_INET,
                                       socket.SOCK_DGRAM) as sock:
                sock.bind(place)
                _send_to(sock, message, target)
        return send

    def _pass_on(self, query, send):
        number = next(self._order) & 0xFFFF
        self._relayed[number] = (query, send)
        _send_to(self._relay, struct.pack("!H", number) + query.octets[2:], (self._behind, 53))

    def _on_relayed(self, sock):
        octets = sock.recv(65535)
        query, send = self._relayed.pop(int.from_bytes(octets[:2], "big"), (None, None))
        if query:  # a resolver says RA and not AA
            flags = (int.from_bytes(octets[2:4], "big") | 0x0080) & ~0x0400
            send(struct.pack("!HH", query.id, flags) + octets[4:])


def _send_to(sock, message, target):
    try:
        sock.sendto(message, target)
    except OSError:
        pass  # like any datagram it may be lost


def _send_stream(stream, message, piece=0):
    octets = struct.pack("!H", len(message)) + message
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(octets), piece or len(octets)):
            stream.sendall(octets[at:at + (piece or len(octets))])
            time.sleep(0.002 if piece else 0)
    except OSError:
        pass
