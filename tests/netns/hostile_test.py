#!/usr/bin/python3 -B
"""A reader that its client has broken tries what it may not, from within the confinement that every
reader has (tests/hostile). Nothing succeeds; the victim beside it notices nothing."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.daemon import build_folder  # noqa: E402

NOBODY, SUCCEEDED = "64799", 200
FILTERED = "killed by its system call filter"
# What no filter sees to: the reader is refused, or dies of it.
OTHERWISE = {"a memory bomb": "exit status 12",  # ENOMEM
             "a descriptor bomb": "exit status 24",  # EMFILE
             "more memory than it may have": "killed by signal 6",
             "a core dump": "killed by signal 6",
             "bind to a low port": "exit status 13",  # EACCES; to others its questions bind
             "UDP to a stranger": "exit status 1",  # EPERM
             "UDP to another port of an upstream": "exit status 1",
             "UDP to a stranger by way of an upstream": "exit status 1",
             "TCP to a stranger": "exit status 111",  # ECONNREFUSED
             "TCP to this machine": "exit status 111"}
OUTWARD = {name for name in OTHERWISE if name.startswith(("UDP", "TCP"))}
# What would succeed if there were no filter; all else is refused by other means as well.
FILTER_ALONE = {"another epoll", "a netlink socket", "a UNIX socket", "a pair of sockets", "listen",
                "send without connecting", "a descriptor of a process", "be dumped",
                "userfaultfd", "keys", "memory with a name", "memory of System V",
                "shared memory", "memory to execute", "make memory executable",
                "make all memory executable", "calls of another architecture"}


def attempts():
    return subprocess.run([build_folder() / "dnspin-hostile", "--list"], check=True,
                          capture_output=True, text=True).stdout.splitlines()


def programs(lab, hostile):
    """A folder in which a hostile reader stands in the resolver's place."""
    folder = lab.scratch / "hostile-bin"
    if not folder.exists():
        folder.mkdir()
        for program in ("dnspind", "dnspin"):
            shutil.copy(build_folder() / program, folder / program)
        shutil.copy(build_folder() / hostile, folder / "dnspin-resolver")
        (folder / "empty").mkdir()
    return folder


def alone(lab, folder, number, *setpriv):
    """The end of an attempt outside dnspind: an exit code, or a negative signal."""
    inner = f"exec 4<{folder}/empty; exec {folder}/dnspin-resolver"
    kind = "--unfiltered" if setpriv else "--free"
    return lab.netvm.run(["unshare", "--mount", "--uts", "--ipc", *setpriv, "bash", "-c",
                          f"cd {folder}; {inner} {kind} {number}"], timeout=30).returncode


def free(lab, _):
    """Without confinement each attempt succeeds: they are no straw men"""
    folder, names = programs(lab, "dnspin-hostile"), attempts()
    with lab.netvm.socket() as here:  # for whoever tries this machine
        here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        here.bind(("127.0.0.1", 22))
        here.listen()
        ends = {name: alone(lab, folder, number) for number, name in enumerate(names)}
    failed = {name: end for name, end in ends.items() if end != SUCCEEDED}
    failed.pop("a descriptor bomb", None)  # the machine may have less than a reader may
    assert not failed, failed
    return f"{len(names)} attempts"


def unfiltered(lab, _):
    """Were there no filter, most would fail all the same"""
    folder, names = programs(lab, "dnspin-hostile"), attempts()
    ends = {name: alone(lab, folder, number, "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                        "--clear-groups", "--inh-caps=+sys_chroot", "--ambient-caps=+sys_chroot")
            for number, name in enumerate(names)}
    succeeded = {name for name, end in ends.items() if end == SUCCEEDED}
    succeeded -= OUTWARD  # which is the firewall's to see to, and there is none here
    assert succeeded <= FILTER_ALONE, succeeded - FILTER_ALONE
    return f"{len(names) - len(succeeded)} of {len(names)}"


def outward(lab, _):
    """A reader speaks to its upstreams and to nobody else"""
    names = attempts()
    clients = {f"attempt{number}": f"address 10.138.1.{number}\naccept .good.test tcp 443"
               for number, name in enumerate(names) if name in OUTWARD}
    with trial.with_dnspin(lab, "outward", start=False, clients=clients,
                           settings={"dns": {"isolation": "client"}}) as dnspin:
        dnspin.bin = programs(lab, "dnspin-hostile")
        dnspin.start()
        assert trial.wait_until(lambda: all(ends_of(dnspin, names)[name] for name in OUTWARD), 30)
        ends = {name: ends_of(dnspin, names)[name] for name in OUTWARD}
        assert all(wanted(name, end) for name in OUTWARD for end in ends[name]), ends
    return f"{len(OUTWARD)} ways out"


def ends_of(dnspin, names):
    """How readers of each attempt's client have ended so far."""
    ends = {name: set() for name in names}
    for line in dnspin.log():
        found = re.match(r"reader \d+ of attempt(\d+) ended: (.*)", line.text)
        if found:
            ends[names[int(found.group(1))]].add(found.group(2))
    return ends


def wanted(name, end):
    return end == OTHERWISE[name] if name in OTHERWISE else end.startswith(FILTERED)


def confined(lab, _):
    """From a reader each attempt fails, is counted and logged, and the victim notices nothing"""
    names, victim = attempts(), lab.qube("work")
    clients = {f"attempt{number}": f"address 10.138.1.{number}\naccept .good.test tcp 443"
               for number in range(len(names))}
    with trial.with_dnspin(lab, "hostile", start=False, clients={
            **clients, "work": "accept .race.test tcp 80"},
            settings={"dns": {"isolation": "client"}}) as dnspin:
        dnspin.bin = programs(lab, "dnspin-hostile")
        dnspin.start(timeout=30)
        reader = dnspin.resolver_pid("work")
        questions = victim.start(ask_until, victim, 4)
        assert trial.wait_until(lambda: all(ends_of(dnspin, names).values()), 30), [
            name for name, ends in ends_of(dnspin, names).items() if not ends]
        wrong = {name: ends for name, ends in ends_of(dnspin, names).items()
                 if name not in OUTWARD and not all(wanted(name, end) for end in ends)}
        assert not wrong, wrong
        asked, told = questions.result()
        assert asked == told and asked > 5, (asked, told)
        assert dnspin.resolver_pid("work") == reader, "the victim's reader is another"
        killed = metric(dnspin, 'readers_ended_total{reason="filter"}')
        assert killed >= len(names) - len(OTHERWISE), killed
        assert metric(dnspin, 'readers_ended_total{reason="crash"}') >= 2
        assert dnspin.metric("dnspin_readers_restarted_total") >= len(names)
        assert not [line for line in dnspin.log() if "core dumped" in line.text]
        assert lab.netvm.pins(victim) and not opened(lab), opened(lab)
    return f"{len(names)} attempts, {killed:.0f} killed by the filter; {told} answers meanwhile"


def opened(lab):
    """What the kernel holds for anybody but the victim."""
    return [item["set"]["name"] for item in lab.netvm.nft_json("table", "ip", "dnspin")
            if item.get("set", {}).get("name", "").startswith("pin-10-138-")
            and item["set"].get("elem")]


def metric(dnspin, name):
    return next(float(line.split()[-1]) for line in dnspin.command("metrics").stdout.splitlines()
                if line.startswith("dnspin_" + name))


def ask_until(qube, seconds):
    end, asked, told = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        name = f"{asked}.race.test"  # asked again, as a stub does: the machine may be busy
        told += any(qube.ask(name, timeout=10).addresses for _ in range(4))
        asked += 1
        time.sleep(0.02)
    return asked, told


def outlived(lab, _):
    """A reader does not outlive its launcher, even if it would"""
    with trial.with_dnspin(lab, "outlived", start=False, clients={
            "liar": "address 10.138.0.0\naccept .good.test tcp 443"}) as dnspin:
        dnspin.bin = programs(lab, "dnspin-hostile")  # which waits for nothing in the end
        dnspin.start()
        reader, = dnspin.resolver_pids()
        launcher = int(re.search(r"PPid:\s+(\d+)", pathlib.Path(
            f"/proc/{reader}/status").read_text()).group(1))
        os.kill(launcher, 9)
        assert trial.wait_until(lambda: not pathlib.Path(f"/proc/{reader}").exists())
        assert dnspin.process.wait(10) == 3, "dnspind goes on without a launcher"
    return "nor dnspind"


if __name__ == "__main__":
    trial.run(free, unfiltered, confined, outward, outlived)
