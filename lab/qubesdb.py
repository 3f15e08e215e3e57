"""A stand-in for the QubesDB daemon of a netvm, served by a thread of the test's own process.

    server = QubesdbServer(lab.netvm.run_folder / "qubes")
    server.write("/qubes-firewall/10.137.0.25/policy", "drop")     as dom0 would: see dom0.py
    server.entries("/dns/")                                        what is there now
    server.log                                                     what clients asked, oldest first
    server.stop(), server.start()                                  the daemon restarts

It speaks the protocol of the real one: a header of 72 octets in the machine's byte order, paths of
at most 63 octets, values of at most 3071; watches by exact path, or by prefix where they end in a
slash, that fire between any other messages. It can be made to misbehave at any time:

    server.stalled = True                   takes, answers and accepts nothing
    server.full = True                      closes whoever connects, as at 256 clients
    server.pieces = (7, 0.001)              sends 7 octets, then nothing for a millisecond
    server.events_between = ["/a"]          events after each message of an answer to MULTIREAD
    server.before_multiread = function      called with its path before it is answered
    server.say(octets)                      anything at all, to all clients
    server.start(read_write=False)          only qubesdb.ro.sock is there
"""

import array
import collections
import contextlib
import enum
import fcntl
import re
import select
import socket
import struct
import termios
import threading
import time

HEADER = struct.Struct("=B64s3xI")
PATH_MAX, VALUE_MAX, CLIENTS_MAX = 63, 3071, 256
PATH = re.compile(rb"/(?!-)[a-zA-Z0-9_/.:@-]*")

Command = collections.namedtuple("Command", "type path")


class Type(enum.IntEnum):
    """Commands, then answers; RESP_WATCH comes unasked."""
    READ, WRITE, MULTIREAD, LIST, RM, WATCH, UNWATCH = range(7)
    OK, NOENT, ERROR, RESP_READ, RESP_MULTIREAD, RESP_LIST, RESP_WATCH = range(7, 14)


def encode(kind, path=b"", value=b""):
    path = path.encode() if isinstance(path, str) else path
    return HEADER.pack(kind, path, len(value)) + value


class Client:
    """One connection: what came from it, and what it has not taken yet."""

    def __init__(self, sock, read_only):
        self.sock, self.read_only = sock, read_only
        self.came, self.waiting = bytearray(), bytearray()
        self.watches = []
        self.not_before = 0.0  # when the next piece may be sent
        self.ends = False      # it is closed as soon as it has its answer

    def undelivered(self):
        """Octets that it has not read, also those in the kernel."""
        size = array.array("i", [0])
        fcntl.ioctl(self.sock, termios.TIOCOUTQ, size)
        return len(self.waiting) + size[0]

    def send(self, pieces):
        """What may go now; true if that was all. Raises OSError where nobody is there any more."""
        while self.waiting:
            if self.not_before > time.monotonic():
                return False
            octets, pause = pieces or (len(self.waiting), 0)
            try:
                del self.waiting[:self.sock.send(self.waiting[:octets])]
            except BlockingIOError:
                return False
            self.not_before = time.monotonic() + pause if pause else 0.0
        return True

    def next_command(self):
        """Its type, path and value; None while it is not all there."""
        if len(self.came) < HEADER.size:
            return None
        kind, path, length = HEADER.unpack_from(self.came)
        if len(self.came) < HEADER.size + length:
            return None
        value = bytes(self.came[HEADER.size:HEADER.size + length])
        del self.came[:HEADER.size + length]
        return kind, path.partition(b"\0")[0], value


class QubesdbServer:
    def __init__(self, folder):
        self.folder, self.log = folder, []
        self.full, self.pieces, self.events_between = False, None, []
        self.before_multiread = lambda path: None
        self._values, self._clients, self._stalled = {}, [], False
        self._lock, self._thread, self._running = threading.RLock(), None, False
        self._listeners, self._waker, self._woken = {}, None, None
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    # For the test, which acts as dom0. What is there stays while the server is stopped.

    def write(self, path, value=""):
        value = value.encode() if isinstance(value, str) else value
        if not is_entry(path.encode(), value):
            raise ValueError(f"QubesDB takes no {path} of {len(value)} octets")
        with self._lock:
            self._values[path] = value
            self._fire(path)
        self._wake()

    def rm(self, path):
        """An entry, or all below a path that ends in a slash; false if there is none."""
        with self._lock:
            gone = self._below(path) if path.endswith("/") else [path]
            found = [self._values.pop(entry) for entry in gone if entry in self._values]
            if found:
                self._fire(path)
        self._wake()
        return bool(found)

    def read(self, path):
        """A value as text; None if there is none."""
        with self._lock:
            return self._values[path].decode() if path in self._values else None

    def list(self, prefix=""):
        with self._lock:
            return self._below(prefix)

    def entries(self, prefix=""):
        with self._lock:
            return {path: self._values[path].decode() for path in self._below(prefix)}

    def clients(self):
        with self._lock:
            return len(self._clients)

    def watched(self):
        """What its clients watch, each path as often as it was asked for."""
        with self._lock:
            return sorted(path for client in self._clients for path in client.watches)

    def undelivered(self):
        """The most octets that wait for one client: 0 where all read what they are sent."""
        with self._lock:
            return max((client.undelivered() for client in self._clients), default=0)

    def say(self, octets):
        with self._lock:
            for client in self._clients:
                client.waiting += octets
        self._wake()

    @property
    def stalled(self):
        return self._stalled

    @stalled.setter
    def stalled(self, value):
        self._stalled = value
        self._wake()

    def start(self, read_write=True):
        assert not self._thread, "it runs already"
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        for name in ("qubesdb.sock", "qubesdb.ro.sock"):
            path = self.folder / name
            path.unlink(missing_ok=True)
            read_only = name == "qubesdb.ro.sock"
            if read_write or read_only:
                listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                listener.bind(str(path))
                path.chmod(0o666)
                listener.listen(CLIENTS_MAX)
                listener.setblocking(False)
                self._listeners[listener] = read_only
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True, name="qubesdb")
        self._thread.start()

    def stop(self):
        """Clients see the end of their streams; the sockets' files stay, as of one that crashed."""
        if not self._thread:
            return
        self._running = False
        self._wake()
        self._thread.join()
        with self._lock:
            for sock in [*self._listeners, *(client.sock for client in self._clients)]:
                _end(sock)
            self._listeners.clear()
            self._clients.clear()
            self._waker.close()
            self._woken.close()
            self._thread = None

    # The thread.

    def _wake(self):
        with self._lock:
            if self._thread and self._thread is not threading.current_thread():
                with contextlib.suppress(BlockingIOError):  # then it is awake for sure
                    self._waker.send(b"x")

    def _run(self):
        while self._running:
            ready = self._wait()
            with self._lock:
                for sock, read_only in list(self._listeners.items()):
                    if sock.fileno() in ready:
                        self._accept(sock, read_only)
                if not self._stalled:
                    for client in list(self._clients):
                        self._serve(client, client.sock.fileno() in ready)

    def _wait(self):
        """Until something may be done: the descriptors that are ready. Who has not taken all that
        it was sent is not heard: so is the real one."""
        poll, pause, now = select.poll(), None, time.monotonic()
        poll.register(self._woken, select.POLLIN)
        with self._lock:
            clients = [] if self._stalled else list(self._clients)
            for listener in [] if self._stalled else self._listeners:
                poll.register(listener, select.POLLIN)
            for client in clients:
                if client.waiting and client.not_before > now:
                    pause = min(pause or 1e6, 1000 * (client.not_before - now))
                else:
                    poll.register(client.sock,
                                  select.POLLOUT if client.waiting else select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(pause)}
        if self._woken.fileno() in ready:
            self._woken.recv(4096)
        return ready

    def _accept(self, listener, read_only):
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        if self.full or len(self._clients) >= CLIENTS_MAX:
            _end(sock)
            return
        sock.setblocking(False)
        self._clients.append(Client(sock, read_only))

    def _serve(self, client, ready):
        try:
            if ready and not client.waiting:
                octets = client.sock.recv(65536)
                if not octets:
                    raise OSError("it has gone")
                client.came += octets
            while client.send(self.pieces):
                if client.ends:
                    raise OSError("it is not wanted any more")
                command = client.next_command()
                if not command:
                    break
                self._answer(client, *command)
        except BlockingIOError:
            pass
        except OSError:
            self._clients.remove(client)
            _end(client.sock)

    def _answer(self, client, kind, path, value):
        known = kind <= Type.UNWATCH
        text = path.decode(errors="backslashreplace")
        self.log.append(Command(Type(kind).name if known else str(kind), text))
        if known and kind != Type.WRITE and value:
            client.ends = True
        elif kind == Type.WRITE and (not path.startswith(b"/") or path.endswith(b"/")):
            client.waiting += encode(Type.ERROR, path[:PATH_MAX])
            client.ends = True
        elif not known or not self._permitted(client, kind, path, value):
            client.waiting += encode(Type.ERROR, path[:PATH_MAX])
        else:
            getattr(self, "_" + Type(kind).name.lower())(client, text, value)

    @staticmethod
    def _permitted(client, kind, path, value):
        if client.read_only and kind in (Type.WRITE, Type.RM):
            return False
        if kind == Type.WRITE:
            return is_entry(path, value)
        return is_path(path) or not path and kind in (Type.MULTIREAD, Type.LIST)

    def _read(self, client, path, _):
        found = path in self._values
        client.waiting += encode(Type.RESP_READ if found else Type.NOENT, path,
                                 self._values.get(path, b""))

    def _write(self, client, path, value):
        self._values[path] = value
        client.waiting += encode(Type.OK, path)
        self._fire(path)

    def _multiread(self, client, path, _):
        self.before_multiread(path)
        entries = self._below(path)
        for entry in entries if path else reversed(entries):
            client.waiting += encode(Type.RESP_MULTIREAD, entry, self._values[entry])
            for event in self.events_between:
                client.waiting += encode(Type.RESP_WATCH, event)
        client.waiting += encode(Type.RESP_MULTIREAD)

    def _list(self, client, path, _):
        for entry in self._below(path):
            client.waiting += encode(Type.RESP_LIST, entry)
        client.waiting += encode(Type.RESP_LIST)

    def _rm(self, client, path, _):
        gone = self._below(path) if path.endswith("/") else [path]
        found = [self._values.pop(entry) for entry in gone if entry in self._values]
        client.waiting += encode(Type.OK if found else Type.NOENT, path)
        if found:
            self._fire(path)

    @staticmethod
    def _watch(client, path, _):
        client.watches.append(path)
        client.waiting += encode(Type.OK, path)

    @staticmethod
    def _unwatch(client, path, _):
        found = path in client.watches
        if found:
            client.watches.remove(path)
        client.waiting += encode(Type.OK if found else Type.NOENT, path)

    def _below(self, prefix):
        return sorted(path for path in self._values if path.startswith(prefix))

    def _fire(self, path):
        for client in self._clients:
            for watch in client.watches:
                if path == watch or watch.endswith("/") and path.startswith(watch):
                    client.waiting += encode(Type.RESP_WATCH, path)


def _end(sock):
    """Also for a process that was forked meanwhile and holds it too."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def is_path(path):
    return len(path) <= PATH_MAX and PATH.fullmatch(path) is not None


def is_entry(path, value):
    return (is_path(path) and not path.endswith(b"/") and len(value) <= VALUE_MAX
            and b"\0" not in value)
