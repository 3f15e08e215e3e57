"""Runs the stories of a namespace test: a line for each, and what it counted.

    def stopped(lab, servers):
        "SIGTERM leaves the pins alive"
        ...
        return "8 pins stayed"

    if __name__ == "__main__":
        trial.run(stopped, ...)

The stories share one lab and its servers; with_dnspin() gives each a dnspind of its own, and the
netvm's firewall is as before when the story ends. A story fails by an AssertionError, or by
anything else that it raises; the others are told all the same, and the exit code is 1. Words on the
command line choose stories by the names of their functions.
"""

import contextlib
import os
import signal
import sys
import time
import traceback

from lab.daemon import Daemon
from lab.dom0 import Dom0, addresses_of
from lab.namespace import LabError
from lab.qubes_os import SETTINGS, QubesBase
from lab.qubesdb import QubesdbServer
from lab.servers import Servers
from lab.topology import Lab

LOG_LINES = 25
PUBLISHED = ("/dns/", "/qubes-firewall-handled/")  # in QubesDB


def wait_until(true, timeout=10.0, pause=0.01):
    """What true() last returned, when it is so or the time is over."""
    end = time.monotonic() + timeout
    while True:
        value = true()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)


@contextlib.contextmanager
def with_dnspin(lab, name, start=True, **options):
    """A dnspind that is gone, tables and all, after the block; its log is shown if that fails."""
    dnspin = Daemon(lab, name=name, start=False, **options)
    try:
        if start:
            dnspin.start()
        yield dnspin
    except BaseException:
        for line in dnspin.log()[-LOG_LINES:]:
            print(f"       dnspind: {line.text}")
        raise
    finally:
        dnspin.close()
        for table in sorted({dnspin.table, "dnspin", "qubes-firewall", "dnspin-dns"}):
            for family in ("ip", "ip6"):
                lab.netvm.nft(f"add table {family} {table}\ndelete table {family} {table}")
        lab.netvm.run(["conntrack", "-F"])


@contextlib.contextmanager
def with_qubes(lab, name, rules=None, settings=None, **options):
    """The same in a netvm of Qubes OS: dnspind, dom0 and the base ruleset. `rules` are dom0's by
    qube; the interfaces of these qubes are up, and dnspind has all of it in force. In the end it
    has published what is its own, and touched nothing else in QubesDB."""
    server, base = QubesdbServer(lab.netvm.run_folder / "qubes"), QubesBase(lab)
    try:
        dom0 = Dom0(server)
        dom0.connected([address for qube in rules or {} for address in addresses_of(qube)])
        for qube, texts in (rules or {}).items():
            dom0.qube(qube, texts)
            base.vif_online(qube.vif, addresses_of(qube))
        both = {table: {**SETTINGS.get(table, {}), **(settings or {}).get(table, {})}
                for table in {**SETTINGS, **(settings or {})}}
        with with_dnspin(lab, name, settings=both, **options) as dnspin:
            yield dnspin, dom0, base
        foreign = [command for command in server.log
                   if command.type == "WRITE" and not command.path.startswith(PUBLISHED)
                   or command.type == "RM" and not command.path.startswith(PUBLISHED[0])]
        assert not foreign, f"not dnspin's to change: {foreign}"
    finally:
        server.stop()
        base.close()


def run(*stories, qubes=("work", "personal")):
    """Tells them all and exits: 0 if each went well."""
    if os.geteuid() != 0:
        print("network namespaces need root", file=sys.stderr)
        sys.exit(2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = [story for story in stories if story.__name__ in sys.argv[1:]] or stories
    failed = 0
    try:
        with Lab(qubes) as lab:
            servers = Servers(lab)
            for story in wanted:
                failed += not _tell(story, lab, servers)
    except LabError as error:
        print(f"the lab does not stand: {error}")
        failed += 1
    sys.exit(1 if failed else 0)


def _tell(story, lab, servers):
    sentence, began = story.__doc__.strip().splitlines()[0], time.monotonic()
    try:
        counted = story(lab, servers)
    except Exception:  # pylint: disable=broad-except  # whatever it is, the story did not end well
        print(f"FAILED {sentence}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"ok     {sentence}: {counted} ({time.monotonic() - began:.1f} s)", flush=True)
    return True
