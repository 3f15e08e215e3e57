#!/usr/bin/python3 -B
"""Boots a netvm with what packaging/qubes installs, with dnspin switched on, off, and broken: who
runs, in what order, and that no moment is open."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import booted, trial  # noqa: E402
from lab.booted import booted as booting  # noqa: E402
from lab.dom0 import Dom0  # noqa: E402
from lab.qubesdb import QubesdbServer  # noqa: E402

UNIT = "qubes-firewall.service"
SETTINGS = "rw/config/dnspin/dnspin.toml"
DNSPIND = "/usr/libexec/dnspin/dnspind"
CLIENT = """
ip netns add work
ip link add vif1.0 type veth peer name eth0 netns work
ip addr add 10.137.0.6/32 dev vif1.0
ip link set vif1.0 up
ip route add 10.137.0.25/32 dev vif1.0
ip -n work addr add 10.137.0.25/32 dev eth0
ip -n work link set eth0 up
ip -n work route add default via 10.137.0.6 dev eth0 onlink
"""
PRINTER = "#!/bin/sh\nlogger -t notify-send -- \"$# $*\"\n"
BLOCKED = """#!/bin/sh
logger --journald <<'END'
MESSAGE=blocked work: its rules do not parse: <b>$(touch /told/shell)
PRIORITY=3
DNSPIN_EVENT=blocked
DNSPIN_CLIENT=work
END
sleep 0.5
"""


def shut(netvm):
    """Nothing is forwarded, whatever it is."""
    text = netvm.forward()
    return "policy drop" in text and "accept" not in text


def filtering(netvm):
    text = netvm.forward()
    return "policy drop" in text and "jump qubes-forward" in text


def shown_in(netvm):
    """What notify-send was called with, by the user nobody."""
    return netvm.run("journalctl", "-q", "-o", "cat", "-t", "notify-send", "_UID=65534").stdout


def status_of(netvm, name):
    """What a client behind vif1.0 is told of a name."""
    answer = netvm.run("ip", "netns", "exec", "work", "dig", "+tries=1", "+time=4", "@10.139.1.1",
                       name).stdout
    return answer.partition("status: ")[2].partition(",")[0]


def on():
    """Switched on: shut, then dnspind in its sandbox, then the hooks, then the network"""
    with booting() as netvm:
        program, pid = netvm.program()
        assert program == DNSPIND, program
        assert "ordering cycle" not in netvm.run("journalctl", "-q").stdout
        assert "qubes-firewall" in netvm.told_of("tables-at-iptables"), "open before it is up"
        assert "jump qubes-forward" in netvm.told_of("ruleset-at-network")
        assert netvm.told_of("hooks-at-network") == "first 2\nuser 2\n", netvm.told_of("hooks")
        kind, *found = netvm.show(UNIT, "Type", "ActiveState", "NoNewPrivileges", "ProtectSystem")
        assert kind.startswith("notify") and found == ["active", "yes", "strict"], (kind, found)
        assert netvm.run("sh", "-ec", CLIENT).returncode == 0
        assert status_of(netvm, "casino.test") == "REFUSED"
        assert status_of(netvm, "docs.test") == "SERVFAIL", "there is no upstream to ask"
        assert netvm.run("systemctl", "reload", UNIT).returncode == 0
        assert trial.wait_until(lambda: "reloads 1" in " ".join(
            netvm.run("dnspin", "status").stdout.split())), "SIGHUP does not reach it"
        assert netvm.show(UNIT, "ActiveState") == ["active"] and netvm.program()[1] == pid
        seccomp = netvm.run("grep", "Seccomp:", f"/proc/{pid}/status").stdout.split()
        assert seccomp == ["Seccomp:", "2"], seccomp
        assert netvm.told_of("hooks") == "first 2\nuser 2\n", "hooks are not for reloads"
    return "2 hooks, 2 questions, 1 reload"


def crash_and_stop():
    """A crash is mended within seconds, a stop leaves the firewall shut"""
    with booting() as netvm:
        _, pid = netvm.program()
        netvm.run("kill", "-9", str(pid))
        assert filtering(netvm)
        began = time.monotonic()
        assert trial.wait_until(lambda: netvm.show(UNIT, "ActiveState", "NRestarts") == [
            "active", "1"], 30), netvm.journal()
        took = time.monotonic() - began
        assert netvm.program()[0] == DNSPIND and netvm.told_of("hooks").count("user") == 2
        assert netvm.run("systemctl", "stop", UNIT, "dnspin-closed.service").returncode == 0
        assert filtering(netvm), "stopping opened it"
        before = netvm.forward()
        assert netvm.run("systemctl", "start", "dnspin-closed.service").returncode == 0
        assert netvm.forward() == before, "the closed table disturbed one that was at work"
        assert netvm.run("systemctl", "start", UNIT).returncode == 0 and filtering(netvm)
    return f"back after {took:.1f} s"


def broken_settings():
    """dnspind cannot start: nothing is forwarded, and it comes up by itself once that is mended"""
    with booting(files=[(SETTINGS, "[clients\n")]) as netvm:
        assert netvm.told_of("network") is not None and shut(netvm), netvm.forward()
        assert netvm.told_of("hooks") == "", "hooks ran without a firewall"
        netvm.run("sh", "-c", f"printf '[clients]\nsources = [\"files\"]\n' >/{SETTINGS}")
        assert trial.wait_until(lambda: netvm.show(UNIT, "ActiveState") == ["active"], 30)
        tries, = netvm.show(UNIT, "NRestarts")
        assert filtering(netvm)
    return f"after {tries} starts"


def no_closed_table():
    """The closed table cannot be loaded: the network is not switched on"""
    with booting(files=[("usr/lib/dnspin/closed.nft", "nonsense\n")]) as netvm:
        assert netvm.told_of("network") is None
        assert netvm.show("qubes-network.service", "ActiveState") == ["inactive"]
        assert netvm.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "0\n"
    return "forwarding is off"


def off():
    """Switched off: the stock agent, free of everything of ours"""
    with booting(services=["qubes-firewall"]) as netvm:
        program, _ = netvm.program()
        assert "python" in program, program
        assert "qubes-firewall" not in netvm.told_of("ruleset-at-network")
        assert netvm.told_of("hooks") == "", "the agent runs them, and this one does not"
        assert netvm.show(UNIT, "ActiveState", "NoNewPrivileges", "ProtectSystem",
                          "SystemCallFilter") == ["active", "no", "no", "~"]
        assert netvm.run("systemctl", "reload", UNIT).returncode == 0
        assert trial.wait_until(lambda: netvm.told_of("agent-reloaded") is not None)
        for unit in ("dnspin-closed.service", "dnspin-notify.service"):
            assert netvm.show(unit, "ActiveState", "ConditionResult") == ["inactive", "no"]
        for action, left in (("--finish", True), ("--uninstall", False)):
            done = netvm.run("sh", "/usr/share/dnspin/install.sh", action)
            assert done.returncode == 0, done.stderr
            drop_ins, = netvm.show(UNIT, "DropInPaths")
            assert bool(drop_ins) == left, drop_ins
        assert netvm.run("stat", "-c", "%a %U %G", "/etc/dnspin",
                         "/etc/dnspin/dnspin.toml").stdout == "750 root dnspin\n640 root dnspin\n"
        assert netvm.run("systemctl", "restart", UNIT).returncode == 0
        assert trial.wait_until(lambda: "python" in netvm.program()[0])  # when it has been exec'd
    return "same program, same powers; and uninstalled"


def service_off():
    """qubes-firewall itself switched off is the user's own choice: nothing is shut"""
    with booting(services=["dnspin"]) as netvm:
        assert netvm.told_of("network") is not None and netvm.forward() == ""
        assert netvm.show(UNIT, "ActiveState", "ConditionResult") == ["inactive", "no"]
    return "as with the stock agent"


def notification():
    """What is written about a blocked client comes to the desktop's user as it was written"""
    with booting(files=[("usr/bin/notify-send", PRINTER),
                        ("usr/bin/qubesdb-read", "#!/bin/sh\necho nobody\n"),
                        ("rw/config/qubes-firewall.d/20-say", BLOCKED)]) as netvm:
        assert netvm.show("dnspin-notify.service", "ActiveState") == ["active"], netvm.journal()
        # Again if need be: when it begins to follow the journal is not seen.
        told = trial.wait_until(
            lambda: shown_in(netvm) or netvm.run("systemctl", "restart", UNIT).stdout, 30, 1)
        assert told == ("6 -t 8000 --icon=network-error -- Qubes firewall (dnspin) blocked work: "
                        "its rules do not parse: &lt;b&gt;$(touch /told/shell)\n"), told
        assert netvm.told_of("shell") is None
    return "as the user nobody, from within the sandbox"


def from_dom0():
    """Settings as installed: dom0's rules hold, and broken ones are told on the desktop"""
    servers = []

    def prepare(netvm):
        servers.append(QubesdbServer(netvm.qubes))
        Dom0(servers[0]).firewall("10.137.0.25", ["accept casino.test"])

    files = [("usr/bin/notify-send", PRINTER), (SETTINGS, ""),
             ("usr/bin/qubesdb-read", "#!/bin/sh\necho nobody\n")]
    try:
        with booting(files=files, prepare=prepare) as netvm:
            assert netvm.run("sh", "-ec", CLIENT).returncode == 0
            assert trial.wait_until(lambda: status_of(netvm, "casino.test") == "SERVFAIL")
            assert status_of(netvm, "nowhere.test") == "REFUSED"
            assert netvm.run("journalctl", "-q", "DNSPIN_EVENT=blocked").stdout == ""
            faults = iter(range(1, 100))
            told = trial.wait_until(lambda: shown_in(netvm) or Dom0(servers[0]).firewall(
                "10.137.0.25", [f"action=accept nonsense={next(faults)}"]), 30, 1)
            assert "blocked work: its rules do not parse: " in told, told
            assert netvm.show(UNIT, "NRestarts", "ActiveState") == ["0", "active"]
    finally:
        for server in servers:
            server.stop()
    return told.rpartition("parse: ")[2].strip()


if __name__ == "__main__":
    booted.run(on, crash_and_stop, broken_settings, no_closed_table, off, service_off, notification,
               from_dom0)
