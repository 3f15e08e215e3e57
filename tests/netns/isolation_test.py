#!/usr/bin/python3 -B
"""One reader per client: what happens to one is nobody else's business."""

import mmap
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import topology, trial, zones  # noqa: E402
from lab.processes import dead  # noqa: E402
from lab.servers import NSD_ADDRESS  # noqa: E402
from lab.steady import DOCS, FORBIDDEN, RULES, assert_open, assert_shut, look_up, pins  # noqa: E402
from lab.trial import wait_until  # noqa: E402

PATIENT = 20
KILLS = 5
BUSY = 4.0   # seconds of questions beside the killing
SILENT = 0.5


def listens_on(lab, pid):
    """The ports of its sockets that wait for whoever comes, by kind."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(entry)))
        except FileNotFoundError:
            pass  # closed meanwhile
    rows = lab.netvm.call(lambda: [
        (kind, row.split()) for kind in ("udp", "udp6", "tcp", "tcp6")
        for row in pathlib.Path(f"/proc/self/net/{kind}").read_text().splitlines()[1:]])
    return {kind: str(int(row[1].rpartition(":")[2], 16)) for kind, row in rows
            if row[9] in inodes and set(row[2].rpartition(":")[0]) == {"0"}}


def its_own(lab, _):
    """Each client has a reader with its own door, its own channel and nothing of another's"""
    work, personal = lab.qubes[:2]
    with trial.with_dnspin(lab, "own", clients={"work": RULES, "personal": RULES}) as dnspin:
        look_up(work)
        look_up(personal)
        ports = lab.netvm.doors()
        for qube in (work, personal):
            pid = dnspin.resolver_pid(qube.name)
            assert ports[qube.address] == ports[qube.address6]
            assert listens_on(lab, pid) == dict.fromkeys(
                ("udp", "udp6", "tcp", "tcp6"), ports[qube.address]), listens_on(lab, pid)
            unix = [name for name in os.listdir(f"/proc/{pid}/fd")
                    if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")]
            assert len(unix) == 4 + 2, unix  # and its service socket and its channel
        assert ports[work.address] != ports[personal.address]
    return "4 sockets on one port, 1 channel, 1 service socket each"


def ask_all_the_time(qube, seconds):
    """How many were asked, and those that were not answered as they should have been."""
    end, asked, failed = time.monotonic() + seconds, 0, []
    while time.monotonic() < end:
        number = asked % 500
        reply = qube.ask(f"{number}.race.test", tcp=asked % 7 == 0, timeout=PATIENT)
        if reply.addresses != [zones.race_address(number)]:
            failed.append((number, str(reply)))
        asked += 1
    return asked, failed


def killed(lab, _):
    """A reader that dies over and over: its client waits, pins stay, the other notices nothing"""
    work, personal = lab.qubes[:2]
    clients = {"work": RULES, "personal": "accept .race.test tcp 80"}
    with trial.with_dnspin(lab, "killed", clients=clients) as dnspin:
        look_up(work)
        before, other = pins(lab, work), dnspin.resolver_pid("personal")
        asking = personal.start(ask_all_the_time, personal, BUSY)
        for times in range(1, KILLS + 1):
            victim = wait_until(lambda: dnspin.resolver_pid("work"), PATIENT)
            os.kill(victim, signal.SIGKILL)
            assert wait_until(lambda: dead(victim), PATIENT)
            assert wait_until(lambda: dnspin.metric("dnspin_readers_restarted_total") == times,
                              PATIENT)
            assert_open(work, DOCS)
            assert_shut(work, FORBIDDEN)
        asked, failed = asking.result()
        assert asked > 50 and not failed, (asked, failed[:3])
        assert dnspin.resolver_pid("personal") == other
        assert wait_until(lambda: work.ask("docs.test", timeout=SILENT).addresses == [DOCS],
                          PATIENT), "work is not served any more"
        assert pins(lab, work).keys() == before.keys()
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
        lines = [line for line in dnspin.log() if "killed by signal 9" in line.text]
        assert len(lines) == KILLS, lines
    return f"{KILLS} times; the other: {asked} questions, all answered"


def stopped(lab, _):
    """A reader that hangs keeps its own client waiting, and nobody else"""
    work, personal = lab.qubes[:2]
    with trial.with_dnspin(lab, "hangs", clients={"work": RULES, "personal": RULES}) as dnspin:
        look_up(work)
        pid = dnspin.resolver_pid("work")
        os.kill(pid, signal.SIGSTOP)
        assert not work.ask("docs.test", timeout=SILENT).addresses, "who answered?"
        look_up(personal)
        dnspin.write_client("personal", RULES + "accept .race.test tcp 80")
        assert dnspin.reload()
        assert personal.ask("7.race.test").addresses == [zones.race_address(7)]
        os.kill(pid, signal.SIGCONT)
        look_up(work)
        assert dnspin.metric("dnspin_readers_restarted_total") == 0
    return "answers, a reload and a new name for the other meanwhile"


def with_few_descriptors(dnspin):
    """It may not give itself more."""
    folder = dnspin.lab.scratch / "few"
    folder.mkdir(mode=0o755)
    (folder / "dnspind").write_text(f"""#!/bin/sh
exec prlimit --nofile=100:100 setpriv --bounding-set=-sys_resource {dnspin.bin}/dnspind "$@"
""")
    (folder / "dnspind").chmod(0o755)
    shutil.copyfile(dnspin.bin / "dnspin", folder / "dnspin")
    (folder / "dnspin").chmod(0o755)
    dnspin.bin = folder


def no_door(lab, _):
    """A client whose door does not open waits outside; the others' changes do not wait for it"""
    work, personal = lab.qubes[:2]

    def waits():
        return [line.text for line in dnspin.log() if "its door does not open" in line.text]
    with trial.with_dnspin(lab, "no-door", clients={"work": RULES}, start=False) as dnspin:
        with_few_descriptors(dnspin)
        dnspin.start()
        others = 0
        while not waits():
            others += 1
            assert others < 30, "there is a door for everybody"
            dnspin.write_client(f"other-{others}", f"address 10.137.9.{others}\naccept a.test")
            assert dnspin.reload()
        dnspin.write_client("personal", RULES)
        dnspin.write_client("work", RULES + "accept .race.test tcp 80")
        assert dnspin.reload()
        assert work.ask("7.race.test").addresses == [zones.race_address(7)]
        assert not personal.ask("docs.test", timeout=SILENT).addresses, "who answered?"
        assert_shut(personal, DOCS)
        assert wait_until(lambda: any("personal" in line for line in waits()), PATIENT)
        dnspin.kill()
        dnspin.start()
        assert len(dnspin.control("clients")) >= others, "fewer than before"
        for number in range(1, others + 1):
            dnspin.remove_client(f"other-{number}")
        assert dnspin.reload()
        assert wait_until(lambda: personal.ask("docs.test", timeout=SILENT).addresses == [DOCS],
                          PATIENT), "it is still outside"
        look_up(personal)
        tries = len(waits())
    return f"one of {others + 2} clients, {tries} tries"


def gone(lab, _):
    """A client that goes takes its reader with it; no other is touched, and it is no fault"""
    work, personal = lab.qubes[:2]
    with trial.with_dnspin(lab, "gone", clients={"work": RULES, "personal": RULES}) as dnspin:
        look_up(work)
        mine, other = dnspin.resolver_pid("work"), dnspin.resolver_pid("personal")
        dnspin.remove_client("work")
        assert dnspin.reload()
        assert wait_until(lambda: dead(mine), PATIENT), "its reader is still there"
        assert dnspin.resolver_pids() == [other] and work.address not in lab.netvm.doors()
        look_up(personal)
        dnspin.write_client("work", RULES)
        assert dnspin.reload()
        look_up(work)
        assert dnspin.resolver_pid("personal") == other
        assert dnspin.resolver_pid("work") not in (mine, other, 0)
        assert dnspin.metric("dnspin_readers_restarted_total") == 0
        faults = [line for line in dnspin.log() if line.priority <= 3]
        assert not faults, faults
    return "gone with it, and another when it came back"


def user_id(name):
    return int(next(line for line in pathlib.Path("/etc/passwd").read_text().splitlines()
                    if line.startswith(name + ":")).split(":")[2])


def send_all(user, targets):
    """As that user: a datagram and a connection to each, and what came of it."""
    if user:
        os.setresuid(*[user_id(user)] * 3)
    outcomes = []
    for address, port in targets:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sent = []
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            try:
                sock.sendto(b"x", (address, port))
                sent.append("udp")
            except PermissionError:
                pass
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(SILENT)
            try:
                sock.connect((address, port))
                sent.append("tcp")
            except (ConnectionRefusedError, TimeoutError):
                pass
        outcomes.append(sent)
    return outcomes


def speaks_to(lab, _):
    """Readers' user reaches the upstreams, and nobody else in or outside; root does"""
    work = lab.qube("work")
    strange, port = "198.51.100.77", 4444
    with lab.internet.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside, \
            work.socket(socket.AF_INET, socket.SOCK_STREAM) as inside:
        outside.bind((strange, port))
        inside.bind((work.address, port))
        inside.listen()
        elsewhere = [(strange, port), (strange, 53), (topology.UPSTREAM, 54), ("127.0.0.1", 53),
                     (work.address, port), ("2001:db8:77::1", 53), (work.address6, port)]
        with trial.with_dnspin(lab, "speaks", clients={"work": RULES}) as dnspin:
            look_up(work)
            as_reader = lab.netvm.call(send_all, "dnspin-resolver",
                                       [(topology.UPSTREAM, 53), *elsewhere])
            assert as_reader == [["udp", "tcp"]] + [[]] * len(elsewhere), as_reader
            as_root = lab.netvm.call(send_all, "", elsewhere)
            assert all("udp" in sent for sent in as_root), as_root
            assert as_root[4] == ["udp", "tcp"], "nobody could have connected"
            outside.settimeout(PATIENT)
            assert outside.recv(9) == b"x"
            outside.settimeout(SILENT)
            try:
                raise AssertionError(f"a reader's: {outside.recv(9)}")
            except TimeoutError:
                pass
            # Other upstreams: the old one is nobody any more.
            dnspin.write_settings({"dns": {"upstream": [NSD_ADDRESS]}})
            assert dnspin.reload()
            after = lab.netvm.call(send_all, "dnspin-resolver",
                                   [(NSD_ADDRESS, 53), (topology.UPSTREAM, 53)])
            assert after == [["udp", "tcp"], []], after
            look_up(work)
    return f"{len(elsewhere)} places of each family, before and after a change of upstreams"


def speak_late(user, server, changed):
    """As that user: connects, waits until the upstreams are others, says something and hangs up."""
    if user:
        os.setresuid(*[user_id(user)] * 3)
    with socket.create_connection(server, PATIENT) as sock:
        while changed[0] == 0:
            time.sleep(0.01)
        try:
            sock.send(b"secret")
        except OSError:
            pass


def heard(sock):
    """What the next one to connect says; nothing if it says nothing for a while."""
    peer = sock.accept()[0]
    peer.settimeout(4 * SILENT)  # the kernel sends again what is not acknowledged
    try:
        return peer.recv(9)
    except (TimeoutError, ConnectionResetError):
        return b""


def last_words(lab, _):
    """What a reader's socket says when its server is one no more goes nowhere, closed or not"""
    server = ("198.51.100.53", 53)
    with lab.internet.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(server)
        listener.listen()
        listener.settimeout(PATIENT)
        for user, words in (("dnspin-resolver", b""), ("", b"secret")):
            with trial.with_dnspin(lab, f"last{user}", clients={"work": RULES},
                                   settings={"dns": {"upstream": [server[0]]}}) as dnspin:
                changed = mmap.mmap(-1, 1)
                speaker = lab.netvm.start(speak_late, user, server, changed)
                assert wait_until(lambda: [flow for flow in lab.netvm.flows() if flow.port == 53
                                           and "ESTABLISHED" in flow.text], PATIENT)
                dnspin.write_settings({"dns": {"upstream": [topology.UPSTREAM]}})
                assert dnspin.reload()
                changed[0] = 1
                speaker.result()
                assert heard(listener) == words, user or "root: it could not have been heard"
    return "nothing of a reader's, all of root's"


def shared(lab, _):
    """isolation = "shared": one reader serves all, and all wait when it dies"""
    work, personal = lab.qubes[:2]
    settings = {"dns": {"isolation": "shared"}}
    with trial.with_dnspin(lab, "shared", clients={"work": RULES, "personal": RULES},
                           settings=settings) as dnspin:
        look_up(work)
        (pid,) = dnspin.resolver_pids()
        dnspin.remove_client("work")
        assert dnspin.reload()
        look_up(personal)
        assert dnspin.resolver_pids() == [pid], "it went with one of its clients"
        dnspin.write_client("work", RULES)
        assert dnspin.reload()
        look_up(work)
        assert dnspin.resolver_pids() == [pid]
        os.kill(pid, signal.SIGKILL)
        for qube in (work, personal):
            assert wait_until(lambda one=qube: one.ask("docs.test", timeout=SILENT).addresses
                              == [DOCS], PATIENT)
        assert pid not in dnspin.resolver_pids() and len(dnspin.resolver_pids()) == 1
        assert dnspin.metric("dnspin_readers_restarted_total") == 1
        dnspin.write_settings({"dns": {"isolation": "client"}})
        assert not dnspin.reload(), "isolation cannot change while dnspind runs"
    return "one process, started anew once"


if __name__ == "__main__":
    trial.run(its_own, killed, stopped, no_door, gone, speaks_to, last_words, shared)
