#!/usr/bin/python3 -B
"""A QubesDB that restarts, stalls, is full, speaks in halves or nonsense: the rules in force stay,
clients are served, and what dom0 has written comes into force as soon as it can be read."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import trial  # noqa: E402
from lab.dom0 import addresses_of  # noqa: E402
from lab.loop import Loop  # noqa: E402
from lab.qubes_waits import (  # noqa: E402
    becomes, becomes_open, becomes_shut, becomes_told, clients, seen, structure)
from lab.steady import (  # noqa: E402
    CASINO, DOCS, DOCS6, EDGE, FORBIDDEN, assert_open, assert_shut)

WATCHED = ("/qubes-firewall/", "/connected-ips", "/connected-ips6", "/vm-config/",
           "/qubes-netvm-primary-dns", "/qubes-netvm-secondary-dns")
RULES = ["accept docs.test tcp 80", "accept .race.test tcp 80"]
OTHER = ["accept casino.test tcp 80", "accept .race.test tcp 80"]


class Asking:
    """Names that were not asked before, one after the other: each is told and open."""

    def __init__(self, qube):
        self.qube, self.count = qube, 0

    def ask(self, times):
        for _ in range(times):
            self.count += 1
            told = self.qube.ask(f"{self.count}.race.test", timeout=5).addresses
            assert told, f"{self.count}.race.test is not told"
            assert_open(self.qube, told[0])
        assert_shut(self.qube, FORBIDDEN)


def in_force(work):
    """RULES are."""
    assert work.ask("docs.test", timeout=5).addresses == [DOCS]
    assert_open(work, DOCS)
    assert work.ask("casino.test", timeout=5).status == "REFUSED"


def becomes_other(work):
    """OTHER come into force."""
    becomes_told(work, "casino.test", [CASINO])
    assert_open(work, CASINO)
    becomes_shut(work, DOCS)


def server_restarts(lab, _):
    """After a restart of QubesDB all is watched and read again; the rules stay meanwhile"""
    work, asking = lab.qube("work"), Asking(lab.qube("work"))
    with trial.with_qubes(lab, "restarts", {work: RULES}) as (dnspin, dom0, base):
        server = dom0.server
        watched = server.watched()
        assert set(WATCHED) <= set(watched), watched
        for number in range(1, 4):
            in_force(work)
            before = structure(lab)
            server.stop()
            becomes(lambda: [line for line in dnspin.log() if "QubesDB" in line.text], "it is said")
            asking.ask(10)
            in_force(work)
            dom0.qube(work, OTHER)
            dom0.vm_config(f"dnspin.n{number}", f"address {work.address};accept .shop.test")
            asking.ask(3)
            server.start()
            becomes_other(work)
            assert work.ask("www.shop.test").addresses == [EDGE]
            assert server.watched() == watched and server.clients() == 1
            dom0.vm_config(f"dnspin.n{number}", None)  # events come again
            dom0.qube(work, RULES)
            becomes_told(work, "docs.test", [DOCS])
            becomes_shut(work, CASINO)
            assert before and work.ask("www.shop.test").status == "REFUSED"
        # A restart with nothing changed changes nothing, and qubes may come while it is away.
        server.stop()
        personal = lab.qube("personal")
        dom0.qube(personal, RULES)
        base.vif_online(personal.vif, addresses_of(personal))
        asking.ask(3)
        server.start()
        becomes_told(personal, "docs.test", [DOCS])
        in_force(work)
        said = [line.text for line in dnspin.log() if line.text.startswith("QubesDB")]
        base.vif_offline(personal.vif, addresses_of(personal))
        lab.netvm.ip(f"route replace {personal.address} dev {personal.vif}\n"
                     f"route replace {personal.address6} dev {personal.vif}")
    return f"4 restarts, {asking.count} names told, {len(said)} lines of log"


def read_only(lab, _):
    """Where only the read-only socket is there, rules hold and change as ever"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "read-only", {work: RULES}, start=False) as (dnspin, dom0, _):
        dom0.server.stop()
        dom0.server.start(read_write=False)
        dnspin.start()
        for _ in range(5):
            in_force(work)
            dom0.qube(work, OTHER)
            becomes_other(work)
            dom0.qube(work, RULES)
            becomes_told(work, "docs.test", [DOCS])
            becomes_shut(work, CASINO)
        assert dom0.server.clients() == 1
        errors = [line for line in dnspin.log() if line.priority <= 3]
        assert not errors, errors
        # The other one comes back: it is found, and what is published arrives.
        dom0.server.stop()
        dom0.server.start()
        becomes(lambda: dom0.server.entries("/dns/"), "it is published")
    return "10 changes"


def late(lab, _):
    """A QubesDB that is not there, or silent, when dnspind starts: closed, and served once it is"""
    work = lab.qube("work")
    for silent in (False, True):
        with trial.with_qubes(lab, f"late-{silent}", {work: RULES}, start=False) as (
                dnspin, dom0, _):
            dom0.server.stalled = silent
            if not silent:
                dom0.server.stop()
            dnspin.start(timeout=30)
            assert_shut(work, DOCS)
            assert work.ask("docs.test", timeout=1).status != "NOERROR"
            assert not clients(dnspin)
            if silent:
                dom0.server.stalled = False
            else:
                dom0.server.start()
            becomes_told(work, "docs.test", [DOCS])
            in_force(work)
    return "absent, silent"


def halves(lab, _):
    """Messages that come in pieces of any size are messages"""
    work = lab.qube("work")
    sizes = (1, 7, 71, 72, 73, 100)
    with trial.with_qubes(lab, "halves", {work: RULES}) as (dnspin, dom0, _):
        for size in sizes:
            dom0.server.pieces = (size, 0.0002)
            dom0.qube(work, OTHER)
            becomes_other(work)
            dom0.qube(work, RULES)
            becomes_told(work, "docs.test", [DOCS])
            becomes_shut(work, CASINO)
        dom0.server.pieces = (7, 0.0002)
        dnspin.kill()
        dnspin.start(timeout=30)
        in_force(work)
    return f"pieces of {', '.join(map(str, sizes))} octets"


def interrupted(lab, _):
    """A QubesDB that ends in the middle of an answer, or of what dom0 writes, has said nothing"""
    work, many = lab.qube("work"), [f"accept n{i}.test" for i in range(300)]
    with trial.with_qubes(lab, "interrupted", {work: RULES}) as (_, dom0, _):
        server = dom0.server
        for number in range(4):
            in_force(work)
            server.pieces = (100, 0.001)
            dom0.qube(work, [*OTHER, *many, f"accept 198.51.100.{number}"])
            log = len(server.log)
            becomes(lambda: "MULTIREAD" in [command.type for command in server.log[log:]],
                    "it reads")
            server.stop()
            in_force(work)
            server.pieces = None
            server.start()
            becomes_other(work)
            becomes_open(work, f"198.51.100.{number}")
            # dom0 had begun to write when it went: less than all may count, never more.
            dom0.firewall(work.address, ["accept docs.test tcp 80"], trigger=False)
            dom0.firewall(work.address6, [], trigger=False)
            server.stop()
            server.start()
            becomes(lambda: server.clients() and len(server.watched()) >= len(WATCHED), "watched")
            assert_shut(work, FORBIDDEN)
            dom0.qube(work, RULES)
            becomes_told(work, "docs.test", [DOCS])
            becomes_shut(work, CASINO)
            assert_shut(work, f"198.51.100.{number}")
    return "4 times each"


def events_between(lab, _):
    """Events between the messages of an answer belong to nobody's answer, and none is lost"""
    work, personal = lab.qubes[:2]
    dead = "/qubes-firewall/10.137.0.99"
    with trial.with_qubes(lab, "between", {work: RULES, personal: []}, start=False) as (
            dnspin, dom0, _):
        dom0.server.events_between = [
            "/connected-ips", dead, dead + "/", dead + "/0000", "/qubes-netvm-primary-dns"]
        dnspin.start(timeout=30)
        in_force(work)
        for _ in range(5):
            dom0.qube(work, [*OTHER, *(f"accept n{i}.test" for i in range(40))])
            becomes_other(work)
            dom0.qube(work, RULES)
            becomes_told(work, "docs.test", [DOCS])
            becomes_shut(work, CASINO)
        # A trigger while its own target is being read: what was read then is not the last word.
        dom0.server.events_between, versions = [], list(range(5))

        def write_again(path):
            if path == f"/qubes-firewall/{work.address}/" and versions:
                dom0.qube(work, [f"accept 198.51.100.{versions.pop()}", *OTHER])

        dom0.server.before_multiread = write_again
        dom0.qube(work, RULES)
        becomes_other(work)
        becomes_open(work, "198.51.100.0")
        for number in range(1, 5):
            becomes_shut(work, f"198.51.100.{number}")
    return "11 changes"


def stalled(lab, _):
    """While QubesDB answers nothing, clients are served from cache and DNS by the rules in force"""
    work, asking = lab.qube("work"), Asking(lab.qube("work"))
    with trial.with_qubes(lab, "stalled", {work: RULES}) as (dnspin, dom0, _):
        asking.ask(5)
        for _ in range(3):
            dom0.server.stalled = True
            dom0.qube(work, OTHER)
            asking.ask(20)
            for _ in range(20):
                in_force(work)
            assert dnspin.command("status").returncode == 0
            dom0.server.stalled = False
            becomes_other(work)
            dom0.qube(work, RULES)
            becomes_told(work, "docs.test", [DOCS])
            becomes_shut(work, CASINO)
    return f"{asking.count} names and 60 from the cache told meanwhile"


def removed_before_reading(lab, _):
    """A target removed between its trigger and its reading keeps its rules until the next one"""
    work, personal = lab.qubes[:2]
    with trial.with_qubes(lab, "removed", {work: RULES, personal: []}) as (_, dom0, _):
        server, folder = dom0.server, f"/qubes-firewall/{work.address}/"
        in_force(work)
        for entries in ([], ["policy"], ["policy", "0000"]):
            removed = []

            def remove(path):
                if path == folder and not removed:
                    removed.append(server.rm(folder))
                    for entry, value in zip(entries, ("accept", "action=accept")):
                        server.write(folder + entry, value)

            server.before_multiread = remove
            dom0.firewall(work.address, OTHER)
            becomes(lambda: removed, "it was read")
            seen(dom0, personal)
            in_force(work)
            assert_open(work, DOCS6)
            assert_shut(work, FORBIDDEN)
            server.before_multiread = lambda path: None
            dom0.qube(work, OTHER)
            becomes_other(work)
            dom0.qube(work, RULES)
            becomes_told(work, "docs.test", [DOCS])
            becomes_shut(work, CASINO)
    return "3 times"


def nonsense(lab, _):
    """After what is no message, and from a server that closes at once, it begins anew"""
    work, asking = lab.qube("work"), Asking(lab.qube("work"))
    garbage = (b"\xff" * 72, b"\x0b" + b"/x" * 40, bytes(72), b"\x0a" + bytes(67) + b"\xff" * 4,
               b"\x0b/qubes-firewall/\xe4" + bytes(54), b"\x07" + bytes(71), b"\x0c" + bytes(71))
    with trial.with_qubes(lab, "nonsense", {work: RULES}) as (dnspin, dom0, _):
        server = dom0.server
        for octets in garbage:
            log = len(server.log)
            server.say(octets)
            becomes(lambda: "WATCH" in [command.type for command in server.log[log:]],
                    f"it begins anew after {octets[:20]}")
            in_force(work)
        server.full = True
        server.say(garbage[0])
        becomes(lambda: server.clients() == 0, "it has gone")
        asking.ask(10)
        dom0.qube(work, OTHER)
        in_force(work)
        server.full = False
        becomes_other(work)
        assert trial.wait_until(lambda: server.clients() == 1)
        errors = [line for line in dnspin.log() if "QubesDB" in line.text]
        assert len(errors) <= 4 * (len(garbage) + 2), "and does not flood the log"
    return f"{len(garbage)} kinds, {len(errors)} lines of log"


def drained(lab, _):
    """It never stops reading what it is sent, however much it is, whatever else there is to do"""
    work, personal = lab.qubes[:2]
    asking = Asking(work)
    with trial.with_qubes(lab, "drained", {work: RULES, personal: []}) as (_, dom0, _):
        with Loop(lambda: asking.ask(1)):
            for number in range(8):
                dom0.firewall(f"10.138.0.{number}", [f"accept n{i}.test" for i in range(2000)])
                becomes(lambda: dom0.server.undelivered() == 0, "all is read")
            dom0.server.stalled = True
            for number in range(40_000):
                dom0.server.write("/connected-ips", f"10.137.0.{number % 250}")
            assert dom0.server.undelivered() > 1 << 20
            dom0.server.stalled = False
            becomes(lambda: dom0.server.undelivered() == 0, "all is read")
            dom0.qube(personal, OTHER)
            becomes_other(personal)
    return f"{asking.count} names told meanwhile"


if __name__ == "__main__":
    trial.run(server_restarts, read_only, late, halves, interrupted, events_between, stalled,
              removed_before_reading, nonsense, drained)
