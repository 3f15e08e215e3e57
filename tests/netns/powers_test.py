#!/usr/bin/python3 -B
"""Powers: what /proc says of the three processes under load, and what comes in without NAT."""

import os
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import dnswire, records, topology, trial, zones  # noqa: E402
from lab.processes import children  # noqa: E402

PATIENT = 10
SILENT = 0.4
CAP_NET_ADMIN, CAP_SYS_CHROOT = 12, 18
INET = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6")


def bits(*numbers):
    return sum(1 << number for number in numbers)


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def caps(pid):
    found = status(pid)
    return {kind: int(found["Cap" + kind], 16) for kind in ("Eff", "Prm", "Inh", "Bnd", "Amb")}


def socket_kinds():
    """Inode to kind, of every socket of this network namespace; runs inside it."""
    kinds = {}
    for kind in (*INET, "netlink", "packet", "unix"):
        path = pathlib.Path(f"/proc/self/net/{kind}")
        rows = path.read_text().splitlines() if path.exists() else []
        at = {"unix": 6, "netlink": 9, "packet": 8}.get(kind, 9)
        for row in rows[1:]:
            kinds[row.split()[at]] = "inet" if kind in INET else kind
    return kinds


def descriptors(lab, pid):
    """What each descriptor but the first three is: a kind of socket, or what /proc calls it."""
    for _ in range(20):  # those of a process under load come and go
        names = {}
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                names[int(entry)] = os.readlink(f"/proc/{pid}/fd/{entry}")
            except FileNotFoundError:
                continue
        kinds = lab.netvm.call(socket_kinds)
        found = [kinds.get(name[8:-1], "unknown") if name.startswith("socket:[") else name
                 for number, name in names.items() if number > 2]
        if "unknown" not in found:
            break
    return found


def keep_asking(qube, seconds):
    """Fresh names and connections all the time; how many were told."""
    end, told = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        told += bool(qube.ask(f"{told}.race.test", tcp=told % 2 == 1).addresses)
    return told


def processes(lab, _):
    """Three processes: the one reading DNS has no power, the one with the power no DNS socket"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "powers", clients={
            "work": "accept .race.test tcp 80", "personal": "accept .race.test"}) as dnspin:
        loads = [qube.start(keep_asking, qube, 3) for qube in lab.qubes]
        time.sleep(1)
        daemon = dnspin.pid
        resolver = dnspin.resolver_pid("work")
        (launcher,) = children(daemon)
        readers = [*dnspin.resolver_pids(), dnspin.control("status")["log_reader_pid"]]
        assert sorted(children(launcher)) == sorted(readers) and not children(resolver)
        users = {}
        for line in lab.netvm.run(["getent", "passwd", "dnspin", "dnspin-resolver"],
                                  check=True).stdout.splitlines():
            name, _, uid, gid, *_ = line.split(":")
            users[name] = (uid, gid)
        assert users["dnspin"] != users["dnspin-resolver"]
        ours, readers = users["dnspin"], users["dnspin-resolver"]
        # Real, effective, saved, of files: who is effectively the readers' user may end them, and
        # not the other way round.
        for pid, ids in ((daemon, 4 * (ours,)), (launcher, (ours, readers, ours, readers)),
                         (resolver, 4 * (readers,))):
            found = status(pid)
            assert found["Uid"].split() == [uid for uid, _ in ids], (pid, found["Uid"])
            assert found["Gid"].split() == [gid for _, gid in ids], (pid, found["Gid"])
            assert found["Groups"] == "" and found["NoNewPrivs"] == "1", (pid, found)
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0, f"{pid} can be traced by its user"
        assert os.readlink(f"/proc/{resolver}/exe") == str(dnspin.bin / "dnspin-resolver")
        none = dict.fromkeys(("Eff", "Prm", "Inh", "Bnd", "Amb"), 0)
        admin, root = bits(CAP_NET_ADMIN), bits(CAP_SYS_CHROOT)
        assert caps(resolver) == none, caps(resolver)
        assert caps(daemon) == {**none, "Eff": admin, "Prm": admin}, caps(daemon)
        assert caps(launcher) == {**none, "Eff": root, "Prm": root, "Inh": root}, caps(launcher)
        counts = [held_by(lab, daemon, launcher, resolver) for _ in range(3)]
        root = os.readlink(f"/proc/{resolver}/root")
        assert root.endswith(" (deleted)") and not os.listdir(f"/proc/{resolver}/root/"), root
        assert os.stat(f"/proc/{resolver}/root/").st_nlink == 0
        told = [load.result() for load in loads]
        assert min(told) > 20, f"no load: {told}"
        assert work.connect(zones.race_address(0), 80, PATIENT)
    return f"{sum(told)} names told meanwhile; descriptors of each {counts[-1]}"


def held_by(lab, daemon, launcher, resolver):
    found = {pid: descriptors(lab, pid) for pid in (daemon, launcher, resolver)}
    for pid in (daemon, launcher, resolver):
        files = [name for name in found[pid] if name.startswith("/")]
        if pid == launcher:  # the program that it starts, and the empty root that it gives it
            files = [name for name in files
                     if not name.endswith(("/dnspin-resolver", " (deleted)"))]
        assert not files, (pid, files)
    assert not {"inet", "packet", "unknown"} & set(found[daemon]), found[daemon]
    assert "netlink" in found[daemon]
    assert not {"netlink", "packet", "unknown"} & set(found[resolver]), found[resolver]
    assert "inet" in found[resolver] and "unix" in found[resolver]
    assert not {"netlink", "packet", "unknown"} & set(found[launcher]), found[launcher]
    return tuple(len(found[pid]) for pid in (daemon, launcher, resolver))


def probe(lab, source, target, port):
    """Whether somebody outside gets a TCP connection to a client."""
    with lab.internet.socket(socket.AF_INET6 if ":" in target else socket.AF_INET) as sock:
        sock.settimeout(SILENT)
        sock.bind((source, 0))
        try:
            sock.connect((target, port))
            return "open"
        except OSError as error:
            return type(error).__name__


PEERS = (("198.51.100.20", "ip"), ("2001:db8:51::20", "ip6"))


def from_outside(lab, servers):
    """Without NAT nobody outside opens anything to a client, pinned or not"""
    work = lab.qube("work")
    work.listen(80)
    work.listen(7777)
    targets = [(source, work.address if family == "ip" else work.address6, port)
               for source, family in PEERS + (("203.0.113.5", "ip"), ("2001:db8::5", "ip6"))
               for port in (80, 7777)]
    for row in targets:
        assert probe(lab, *row) == "open", f"{row} without a firewall"
    lab.netvm.run(["conntrack", "-F"])
    servers.authority.at("peer.test", records([address for address, _ in PEERS]))
    with trial.with_dnspin(lab, "outside", clients={"work": "accept peer.test"}):
        assert work.ask("peer.test").addresses and work.ask("peer.test", "AAAA").addresses
        for address, _ in PEERS:
            assert work.connect(address, 80, PATIENT)
        outcomes = {probe(lab, *row) for row in targets}
        assert outcomes == {"TimeoutError"}, outcomes
        door = int(lab.netvm.doors()[work.address])
        for port in (53, door):  # nor does dnspin answer anybody outside
            for server in (topology.UPLINK, topology.UPLINK6):
                query = dnswire.name_octets("peer.test") + b"\0\1\0\1"
                family = socket.AF_INET6 if ":" in server else socket.AF_INET
                with lab.internet.socket(family, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(SILENT)
                    sock.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + query, (server, port))
                    try:
                        raise AssertionError(f"answered {sock.recv(4096)} from {server}:{port}")
                    except (TimeoutError, ConnectionRefusedError):
                        pass
    return f"{len(targets)} connections open before, 0 now; 4 questions from outside unanswered"


def drain(sock):
    """What has come in by now; True if it still may."""
    octets = b""
    try:
        while part := sock.recv(65536):
            octets += part
    except (TimeoutError, BlockingIOError):
        pass
    return octets


def goes_on_sending(lab, servers):
    """A server that goes on sending gets nothing through once pin and flow are gone"""
    work, received = lab.qube("work"), 0
    servers.authority.at("stream.test", records([address for address, _ in PEERS]))
    rules = "accept stream.test tcp 9000\naccept stream.test udp 9000"
    with trial.with_dnspin(lab, "sending", clients={"work": rules}):
        for (address, family), kind in ((peer, kind) for peer in PEERS
                                        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            assert work.ask("stream.test", "A" if family == "ip" else "AAAA").addresses == [address]
            inet = socket.AF_INET if family == "ip" else socket.AF_INET6
            with lab.internet.socket(inet, kind) as server, work.socket(inet, kind) as client:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind((address, 9000))
                server.settimeout(PATIENT)
                client.settimeout(PATIENT)
                if kind == socket.SOCK_STREAM:
                    server.listen()
                    client.connect((address, 9000))
                    send = server.accept()[0].send
                else:
                    client.connect((address, 9000))
                    client.send(b"hello")
                    peer = server.recvfrom(9)[1]
                    send = lambda octets, s=server, p=peer: s.sendto(octets, p)
                for _ in range(20):
                    send(b"x" * 100)
                assert client.recv(100), "it does not get through while it may"
                client.settimeout(SILENT)
                drain(client)
                for pin in lab.netvm.pins(work):
                    lab.netvm.nft(f"delete element {'ip6' if ':' in pin.address else 'ip'} dnspin "
                                  f"{pin.set} {{ {pin.address} }}")
                lab.netvm.run(["conntrack", "-D", "-f", "ipv4" if family == "ip" else "ipv6", "-s",
                               work.address if family == "ip" else work.address6])
                for _ in range(20):
                    send(b"y" * 100)
                    time.sleep(0.02)
                octets = drain(client)
                assert b"y" not in octets, f"{len(octets)} octets came through"
                received += len(octets)
                if kind == socket.SOCK_STREAM:
                    assert not [flow for flow in lab.netvm.flows(work) if "ESTABLISHED" in flow.text
                                and flow.port == 9000], lab.netvm.flows(work)
    return f"4 flows, TCP and UDP, IPv4 and IPv6: {received} octets after their end"


def same_socket(lab, _):
    """A UDP socket that asked before there was a door goes through the door afterwards"""
    work, personal = lab.qubes[:2]
    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + dnswire.name_octets("docs.test") + b"\0\1\0\1"
    with trial.with_dnspin(lab, "door", clients={"work": "accept docs.test tcp 80"}) as dnspin:
        dnspin.stop()
        lab.netvm.nft("delete table ip dnspin-dns\ndelete table ip6 dnspin-dns\n"
                      "delete table ip dnspin\ndelete table ip6 dnspin\n"
                      "add table ip track\nadd chain ip track seen { type filter hook prerouting "
                      "priority 0; }\nadd rule ip track seen ct state new counter")
        with personal.socket(socket.AF_INET, socket.SOCK_DGRAM) as late, \
                work.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for asker in (sock, late):
                asker.connect(("10.139.1.1", 53))
                asker.settimeout(SILENT)
                asker.send(query)
                try:
                    raise AssertionError(f"who answered? {asker.recv(4096)}")
                except (TimeoutError, ConnectionRefusedError):
                    pass
            ports = {flow.source_port for flow in lab.netvm.flows() if flow.port == 53}
            assert {sock.getsockname()[1], late.getsockname()[1]} <= ports, "nothing remembers them"
            dnspin.start()
            for turn, asker in enumerate((sock, late)):
                if asker is late:  # its client comes while dnspind runs
                    asker.send(query)
                    dnspin.write_client("personal", "accept docs.test tcp 80")
                    assert dnspin.reload()
                asker.settimeout(PATIENT)
                asker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # a reject is old news
                port = asker.getsockname()[1]
                asker.send(query)
                assert asker.recv(4096).endswith(bytes([203, 0, 113, 30])), "no answer"
                assert asker.getsockname()[1] == port
                assert lab.qubes[turn].connect("203.0.113.30", 80, PATIENT)
        lab.netvm.nft("delete table ip track")
    return "at the start of dnspind, and when a client is added"


if __name__ == "__main__":
    trial.run(processes, from_outside, goes_on_sending, same_socket)
