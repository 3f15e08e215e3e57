#!/usr/bin/python3 -B
"""Boots a router with dnspin.service as packages install it: shut before the network is there, in
its sandbox, and shut where it cannot start."""

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import booted, trial  # noqa: E402
from lab.daemon import TREE  # noqa: E402

UNIT = "dnspin.service"
DNSPIND = "/usr/libexec/dnspin/dnspind"
PACKAGING = TREE / "packaging"
WORK = "rw/config/dnspin/clients.d/work"


def put(netvm):
    """What cmake/install.cmake and `systemctl enable` do, as far as it differs from a netvm."""
    tree = netvm.scratch / "tree"
    units = tree / "usr/lib/systemd/system"
    (units / f"{UNIT}.d").mkdir()
    for source, target in (("dnspin.service", units / UNIT),
                           ("qubes/sandbox.conf", units / f"{UNIT}.d/sandbox.conf"),
                           ("closed-router.nft", tree / "usr/lib/dnspin/closed-router.nft"),
                           ("router.toml", tree / "etc/dnspin/dnspin.toml")):
        shutil.copy(PACKAGING / source, target)
    (units / "multi-user.target.wants" / UNIT).symlink_to(f"../{UNIT}")


def router(**options):
    return booted.booted(services=(), prepare=put, **options)


def at_work():
    """Before any network; reload says what is wrong; a crash is mended; a stop opens nothing"""
    with router() as machine:
        assert machine.program(UNIT)[0] == DNSPIND, machine.journal()
        assert "ordering cycle" not in machine.run("journalctl", "-q").stdout
        assert "jump qubes-forward" in machine.told_of("ruleset-at-network"), "too late"
        assert machine.show(UNIT, "ActiveState", "NoNewPrivileges", "ProtectSystem") == [
            "active", "yes", "strict"]
        _, pid = machine.program(UNIT)
        seccomp = machine.run("grep", "Seccomp:", f"/proc/{pid}/status").stdout.split()
        assert seccomp == ["Seccomp:", "2"], seccomp
        assert machine.run("systemctl", "reload", UNIT).returncode == 0
        machine.run("sh", "-c", f"echo 'accept *' >>/{WORK}")
        assert machine.run("systemctl", "reload", UNIT).returncode != 0
        assert machine.program(UNIT)[1] == pid
        machine.run("sed", "-i", "/[*]/d", f"/{WORK}")
        assert machine.run("systemctl", "reload", UNIT).returncode == 0
        machine.run("kill", "-9", str(pid))
        assert trial.wait_until(lambda: machine.show(UNIT, "ActiveState", "NRestarts") == [
            "active", "1"], 30), machine.journal()
        before = machine.forward("dnspin")
        assert machine.run("systemctl", "stop", UNIT).returncode == 0
        assert machine.forward("dnspin") == before and "jump qubes-forward" in before
        assert machine.run("systemctl", "start", UNIT).returncode == 0
        assert machine.forward("dnspin") == before
    return "3 reloads, 1 crash, 1 stop"


def broken():
    """A file with an error: nothing is forwarded, and it comes up by itself once that is mended"""
    with router(files=[(WORK, "accept *\n")]) as machine:
        text = machine.forward("dnspin")
        assert "policy drop" in text and "accept" not in text, text
        machine.run("sh", "-c", f"echo 'address 10.137.0.25' >/{WORK}")
        assert trial.wait_until(lambda: machine.show(UNIT, "ActiveState") == ["active"], 30)
        assert "jump qubes-forward" in machine.forward("dnspin")
    return "shut"


def in_qubes():
    """In Qubes OS it does nothing: qubes-firewall.service is what runs dnspind there"""
    with router(files=[("usr/share/qubes/marker-vm", "")]) as machine:
        assert machine.show(UNIT, "ActiveState", "ConditionResult") == ["inactive", "no"]
        assert machine.forward("dnspin") == ""
    return "no table"


if __name__ == "__main__":
    booted.run(at_work, broken, in_qubes)
