#!/usr/bin/python3 -B
"""The lab's stand-in for QubesDB keeps to the protocol as it is described, also where it is told to
misbehave. What dnspind makes of that is qubesdb_test.py's."""

import contextlib
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import qubesdb, trial  # noqa: E402
from lab.dom0 import Dom0  # noqa: E402
from lab.qubesdb import HEADER, QubesdbServer, Type, encode  # noqa: E402

INSIDE = "/var/run/qubes/qubesdb.sock"


class Raw:
    """A client that sends what it is told to, and knows nothing."""

    def __init__(self, server, name="qubesdb.sock"):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(str(server.folder / name))

    def send(self, kind, path="", value=b""):
        self.sock.sendall(encode(kind, path, value))

    def next(self):
        """Type, path and value; None at the end of the stream."""
        header = self._exactly(HEADER.size)
        if not header:
            return None
        kind, path, length = HEADER.unpack(header)
        return Type(kind), path.partition(b"\0")[0].decode(), self._exactly(length)

    def _exactly(self, count):
        octets = b""
        while len(octets) < count:
            try:
                more = self.sock.recv(count - len(octets))
            except ConnectionResetError:
                more = b""
            if not more:
                return b""
            octets += more
        return octets

    def ask(self, kind, path="", value=b""):
        """The type of the one answer."""
        self.send(kind, path, value)
        return self.next()[0]

    def ended(self):
        return self.next() is None


@contextlib.contextmanager
def serving(lab):
    server = QubesdbServer(lab.netvm.run_folder / "qubes")
    try:
        yield server
    finally:
        server.stop()


def told(lab, _):
    """Entries are written, read, listed in order and removed, one or a folder of them"""
    with serving(lab) as server:
        raw = Raw(server)
        for path in ("/b/2", "/a", "/b/1", "/bc"):
            assert raw.ask(Type.WRITE, path, path.encode()) == Type.OK
        raw.send(Type.READ, "/b/2")
        assert raw.next() == (Type.RESP_READ, "/b/2", b"/b/2")
        assert raw.ask(Type.READ, "/b") == Type.NOENT
        orders = {"/b": ["/b/1", "/b/2", "/bc"], "/b/": ["/b/1", "/b/2"], "/x": []}
        for prefix, paths in orders.items():
            raw.send(Type.LIST, prefix)
            assert [raw.next() for _ in range(len(paths) + 1)] == [
                (Type.RESP_LIST, path, b"") for path in [*paths, ""]]
            raw.send(Type.MULTIREAD, prefix)
            assert [raw.next() for _ in range(len(paths) + 1)] == [
                (Type.RESP_MULTIREAD, path, path.encode()) for path in [*paths, ""]]
        raw.send(Type.MULTIREAD)
        assert [raw.next()[1] for _ in range(5)] == ["/bc", "/b/2", "/b/1", "/a", ""]
        assert raw.ask(Type.RM, "/b/") == Type.OK and raw.ask(Type.RM, "/b/") == Type.NOENT
        assert raw.ask(Type.RM, "/a") == Type.OK and raw.ask(Type.RM, "/a") == Type.NOENT
        assert server.entries() == {"/bc": "/bc"}
        counted = len(server.log)
    return f"{counted} commands"


def watched(lab, _):
    """Watches fire behind the answer to what causes them, as often as they were asked for"""
    with serving(lab) as server:
        raw, other = Raw(server), Raw(server, "qubesdb.ro.sock")
        for path in ("/f/", "/f/", "/one"):
            assert raw.ask(Type.WATCH, path) == Type.OK
        assert other.ask(Type.WATCH, "/f/1") == Type.OK
        for _ in range(2):  # also where the value stays
            raw.send(Type.WRITE, "/f/1", b"x")
            assert [raw.next()[:2] for _ in range(3)] == [
                (Type.OK, "/f/1"), (Type.RESP_WATCH, "/f/1"), (Type.RESP_WATCH, "/f/1")]
            assert other.next() == (Type.RESP_WATCH, "/f/1", b"")
        server.write("/onefold")
        server.write("/one", "1")
        assert raw.next() == (Type.RESP_WATCH, "/one", b"")
        assert server.rm("/f/") and not server.rm("/f/")
        assert [raw.next()[1] for _ in range(2)] == ["/f/", "/f/"]
        assert raw.ask(Type.UNWATCH, "/f/") == Type.OK
        server.write("/f/2")
        assert raw.next()[1] == "/f/2"
        assert raw.ask(Type.UNWATCH, "/f/") == Type.OK
        assert raw.ask(Type.UNWATCH, "/f/") == Type.NOENT
        assert server.watched() == ["/f/1", "/one"]
    return "4 watches"


def refused(lab, _):
    """What is not allowed is an error, and some of it the end of the connection"""
    with serving(lab) as server:
        raw, longest = Raw(server), "/" + 62 * "a"
        assert raw.ask(Type.WRITE, longest, 3071 * b"v") == Type.OK
        errors = [(Type.WRITE, longest + "a", b""), (Type.WRITE, "/a", 3072 * b"v"),
                  (Type.WRITE, "/a", b"v\0v"), (Type.WRITE, "/*.test", b""), (14, "/a", b""),
                  (Type.WRITE, "/-a", b""), (Type.READ, "/ä", b"")]
        for command in errors:
            assert raw.ask(*command) == Type.ERROR, command
        reader = Raw(server, "qubesdb.ro.sock")
        for command in ((Type.WRITE, "/a"), (Type.RM, longest)):
            assert reader.ask(*command) == Type.ERROR
        assert reader.ask(Type.READ, longest) == Type.RESP_READ
        for path in ("a", "/a/"):
            raw = Raw(server)
            assert raw.ask(Type.WRITE, path) == Type.ERROR and raw.ended()
        raw = Raw(server)
        raw.send(Type.READ, "/a", b"v")
        assert raw.ended() and server.list() == [longest]
        many = [Raw(server) for _ in range(qubesdb.CLIENTS_MAX)]
        assert many[-1].ended(), "beside the reader that is the 257th"
    return f"{len(errors) + 5} errors, {server.clients()} clients left"


def misbehaving(lab, _):
    """Half messages, events between, stalls, removals before a reading, ends, no socket to write"""
    with serving(lab) as server:
        raw = Raw(server)
        for number in range(3):
            server.write(f"/d/{number}", "v")
        server.pieces = (5, 0.0005)
        raw.send(Type.MULTIREAD, "/d/")
        assert [raw.next()[1] for _ in range(4)] == ["/d/0", "/d/1", "/d/2", ""]
        server.pieces, server.events_between = None, ["/e"]
        raw.send(Type.MULTIREAD, "/d/")
        assert [raw.next()[1] for _ in range(7)] == ["/d/0", "/e", "/d/1", "/e", "/d/2", "/e", ""]
        server.events_between, server.before_multiread = [], lambda path: server.rm("/d/0")
        raw.send(Type.MULTIREAD, "/d/")
        assert [raw.next()[1] for _ in range(3)] == ["/d/1", "/d/2", ""]
        server.stalled = True
        raw.send(Type.READ, "/d/1")
        raw.sock.settimeout(0.2)
        try:
            raise AssertionError(raw.next())
        except TimeoutError:
            raw.sock.settimeout(10)
        server.stalled = False
        assert raw.next()[0] == Type.RESP_READ
        assert raw.ask(Type.WATCH, "/d/") == Type.OK and server.undelivered() == 0
        server.write("/d/1")
        assert trial.wait_until(server.undelivered), "one event waits"
        assert raw.next()[0] == Type.RESP_WATCH and server.undelivered() == 0
        server.say(b"x" * HEADER.size)
        assert len(raw.sock.recv(4096)) == HEADER.size
        server.full = True
        assert Raw(server).ended()
        server.stop()
        assert raw.ended() and server.clients() == 0
        server.full = False
        server.start(read_write=False)
        assert sorted(path.name for path in server.folder.iterdir()) == ["qubesdb.ro.sock"]
        assert Raw(server, "qubesdb.ro.sock").ask(Type.READ, "/d/2") == Type.RESP_READ
    return "9 ways"


def dom0_writes(lab, _):
    """dom0 writes a target anew, gaps in its numbers stay, and the trigger comes last"""
    work = lab.qube("work")
    with serving(lab) as server:
        dom0, raw = Dom0(server), Raw(server)
        assert raw.ask(Type.WATCH, "/qubes-firewall/") == Type.OK
        rules = ["accept docs.test tcp 80", "accept 192.0.2.0/24", "accept 2001:db8::1", None,
                 "action=accept specialtarget=dns", "accept proto=icmp icmptype=8", "drop"]
        dom0.qube(work, rules)
        events = [raw.next()[1] for _ in range(7 + 7)]
        folder = f"/qubes-firewall/{work.address}/"
        assert events[:7] == [folder + entry for entry in (
            "policy", "0000", "0001", "0004", "0005", "0006")] + [folder[:-1]], events
        assert server.entries(folder) == {
            folder + "policy": "drop", folder + "0000": "action=accept dsthost=docs.test proto=tcp "
            "dstports=80-80", folder + "0001": "action=accept dst4=192.0.2.0/24",
            folder + "0004": "action=accept specialtarget=dns",
            folder + "0005": "action=accept proto=icmp icmptype=8", folder + "0006": "action=drop"}
        assert f"/qubes-firewall/{work.address6}/0002" in server.list()
        assert f"/qubes-firewall/{work.address6}/0001" not in server.list()
        dom0.qube(work, {7: "accept"})
        assert [raw.next()[1] for _ in range(4)] == [
            folder, folder + "policy", folder + "0007", folder[:-1]]
        dom0.connected([work.address, work.address6])
        assert server.read("/connected-ips6") == work.address6

        def read():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.connect(INSIDE)
                sock.sendall(encode(Type.READ, "/connected-ips"))
                return sock.recv(4096)[HEADER.size:].decode()

        assert lab.netvm.call(read) == work.address, "the netvm finds it where the real one is"
    return f"{len(events) + 4} events"


if __name__ == "__main__":
    trial.run(told, watched, refused, misbehaving, dom0_writes)
