#!/usr/bin/python3 -B
"""What packaging/qubes brings into a netvm: installed into a folder, verified by systemd-analyze,
each script run against stand-ins, the closed table loaded. qubes_boot_test.py boots it."""

import contextlib
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.daemon import TREE, build_folder  # noqa: E402

PACKAGING = TREE / "packaging" / "qubes"
UNITS = "usr/lib/systemd/system"
DROP_INS = f"{UNITS}/qubes-firewall.service.d"
SHELL = ("install.sh", "qubes-firewall", "sandbox-generator", "post-install.d/20-dnspin.sh")
PYTHON = ("qubes-firewall-hooks", "notify")
SAY = "#!/bin/sh\necho {} >>{}\nexit {}\n"
STOCK = """[Unit]
Description=Qubes firewall updater
ConditionPathExists=/var/run/qubes-service/qubes-firewall
After=qubes-iptables.service
Before=qubes-network.service
[Service]
Type=notify
ExecStart=/usr/bin/qubes-firewall
Restart=on-failure
RestartSec=5s
[Install]
WantedBy=multi-user.target
"""
NETWORK = "[Unit]\nBefore=network.target\n[Service]\nType=oneshot\nExecStart=/usr/sbin/nft\n"


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="dnspin-packaging-") as name:
        yield pathlib.Path(name)


def write(path, text="", mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60, check=False, **options)


def install(*arguments, systemd=252):
    done = run(PACKAGING / "install.sh", "--build", build_folder(), "--systemd", systemd,
               *arguments)
    assert done.returncode == 0, done.stderr
    return done


def files_below(root):
    return {str(path.relative_to(root)): os.readlink(path) if path.is_symlink()
            else (path.stat().st_mode & 0o7777, path.read_bytes())
            for path in root.rglob("*") if path.is_symlink() or path.is_file()}


def installing(_lab, _servers):
    """install.sh puts all where it belongs, does it again, and takes it away"""
    with folder() as place:
        root = place / "root"
        install("--root", root)
        first = files_below(root)
        for path in ("usr/libexec/dnspin/dnspind", "usr/libexec/dnspin/dnspin-resolver",
                     "usr/bin/dnspin", "usr/lib/dnspin/qubes-firewall", "usr/lib/dnspin/notify",
                     "usr/lib/dnspin/qubes-firewall-hooks", "usr/share/dnspin/install.sh",
                     "usr/lib/systemd/system-generators/dnspin-sandbox",
                     "etc/qubes/post-install.d/20-dnspin.sh"):
            assert first[path][0] == 0o755, path
        assert first["etc/dnspin/dnspin.toml"][0] == 0o640
        assert first[f"{UNITS}/qubes-network.service.requires/dnspin-closed.service"] == (
            "../dnspin-closed.service")
        assert "libldns3" in (root / "usr/share/dnspin/packages").read_text()
        mine = {"etc/dnspin/dnspin.toml": (0o640, b"# mine\n"),
                "etc/dnspin/profiles.d/github": (0o644, b"# mine too\n")}
        for path, (mode, text) in mine.items():
            write(root / path, text.decode(), mode)
        install("--root", root)
        assert files_below(root) == {**first, **mine}
        install("--root", root, systemd=253)  # as after an upgrade of the template
        assert sorted(path.name for path in (root / DROP_INS).iterdir()) == [
            "30-dnspin.conf", "31-dnspin-notify-reload.conf"]
        archive = place / "dnspin.tar"
        install("--archive", archive)
        names = set(run("tar", "-tf", archive).stdout.split())
        settings = {path for path in first if path.startswith("etc/dnspin/")}
        assert names == set(first) - settings, names ^ set(first)
        done = run(PACKAGING / "install.sh", "--uninstall", "--root", root)
        assert done.returncode == 0 and set(files_below(root)) == settings
        assert not (root / DROP_INS).exists(), "a folder is left"
        for wrong in (["--root"], ["--nonsense"], ["--build", place, "--root", root]):
            assert run(PACKAGING / "install.sh", *wrong).returncode != 0, wrong
    return f"{len(first)} files"


def verify(root, *names):
    done = run("systemd-analyze", "verify", f"--root={root}", *names)
    return (done.stdout + done.stderr).strip()


def units(_lab, _servers):
    """systemd-analyze verify has nothing to say about the units"""
    with folder() as root:
        install("--root", root)
        write(root / UNITS / "qubes-firewall.service", STOCK)
        for name in ("qubes-network", "qubes-iptables", "qubes-sysinit", "qubes-gui-agent"):
            write(root / UNITS / f"{name}.service", NETWORK)
        for name in ("sysinit", "local-fs", "local-fs-pre", "network-pre", "network", "shutdown",
                     "basic", "multi-user", "umount"):
            source = pathlib.Path("/usr/lib/systemd/system") / f"{name}.target"
            if source.exists():
                shutil.copy(source, root / UNITS / source.name)
        for program in ("usr/sbin/nft", "usr/bin/qubes-firewall", "bin/kill"):
            write(root / program, "#!/bin/sh\n", 0o755)
        ours = ("qubes-firewall.service", "dnspin-closed.service", "dnspin-notify.service")
        assert verify(root, *ours) == "", verify(root, *ours)
        shutil.copy(PACKAGING / "sandbox.conf", root / DROP_INS / "32-dnspin-sandbox.conf")
        assert verify(root, *ours) == "", verify(root, *ours)
        drop_in = root / DROP_INS / "30-dnspin.conf"
        drop_in.write_text(drop_in.read_text().replace("ExecStart=/usr", "ExecStart=/nowhere/usr"))
        assert "/nowhere/usr" in verify(root, *ours), "verify finds nothing at all"
    newer = (PACKAGING / "qubes-firewall.service.d/31-dnspin-notify-reload.conf").read_text()
    assert "Type=notify-reload" in newer and "ExecReload" not in newer
    return f"{len(ours)} units, with the sandbox and without"


def choosing(_lab, _servers):
    """The launcher becomes dnspind where dnspin is switched on, and the stock agent where not"""
    with folder() as root:
        out = root / "out"
        write(root / "usr/libexec/dnspin/dnspind", SAY.format("dnspind $$ $#", out, 0), 0o755)
        write(root / "usr/bin/qubes-firewall", SAY.format("agent $$ $#", out, 0), 0o755)
        generated = root / "normal" / "qubes-firewall.service.d" / "32-dnspin-sandbox.conf"
        for switch, wanted in ((False, "agent"), (True, "dnspind")):
            if switch:
                write(root / "run/qubes-service/dnspin")
            with subprocess.Popen([PACKAGING / "qubes-firewall", root]) as started:
                assert started.wait() == 0
                assert out.read_text() == f"{wanted} {started.pid} 0\n", out.read_text()
            out.unlink()
            done = run(PACKAGING / "sandbox-generator", root / "normal", root / "early",
                       root / "late", root)
            assert done.returncode == 0 and generated.is_symlink() == switch, done.stderr
        assert os.readlink(generated) == "/usr/lib/dnspin/sandbox.conf"
        (root / "usr/libexec/dnspin/dnspind").unlink()
        assert run(PACKAGING / "qubes-firewall", root).returncode != 0 and not out.exists(), (
            "without dnspind it is not the agent's turn")
    return "by exec: the process id stays"


def hooking(_lab, _servers):
    """Hooks run in the agent's order under its conditions, and one that fails stops no other"""
    with folder() as root:
        out, etc, config = root / "out", root / "etc/qubes/qubes-firewall.d", root / "rw/config"
        for path, status in ((etc / "20-etc", 0), (etc / "10-etc", 1), (etc / ".5-etc", 0),
                             (config / "qubes-firewall.d/B", 0), (config / "qubes-firewall.d/a", 3),
                             (config / "qubes-firewall-user-script", 0)):
            write(path, SAY.format(path.name, out, status), 0o755)
        write(etc / "15-no-program", "not a program\n", 0o755)
        write(etc / "30-not-executable", SAY.format("no", out, 0))
        (etc / "40-folder").mkdir()

        def ran():
            out.write_text("")
            done = run(PACKAGING / "qubes-firewall-hooks", root)
            assert done.returncode == 0, done
            return out.read_text().split(), done.stdout

        assert ran() == ([], ""), "they are the agent's to run"
        write(root / "run/qubes-service/dnspin")
        order, said = ran()
        assert order == [".5-etc", "10-etc", "20-etc", "B", "a", "qubes-firewall-user-script"]
        failures = re.findall(r"^<3>.*/(.+?)' (.*)$", said, re.MULTILINE)
        assert failures == [("10-etc", "failed: status 1"),
                            ("15-no-program", "did not start: Exec format error"),
                            ("a", "failed: status 3")], said
        slow = write(root / "slow", "#!/bin/sh\nexec sleep 60\n", 0o755)
        assert "was ended" in runpy.run_path(PACKAGING / "qubes-firewall-hooks")["run"](slow, 0.2)
        write(root / "run/qubes-service/custom-persist")
        assert ran()[0] == [".5-etc", "10-etc", "20-etc"]
        shutil.rmtree(etc)
        assert ran()[0] == []
    return f"{len(order)} hooks"


def closed(lab, _servers):
    """The closed table lets nothing through, and takes nothing away when it is loaded again"""
    work, netvm = lab.qube("work"), lab.netvm
    text = (PACKAGING / "closed.nft").read_text()
    tables = "".join(f"add table {family} qubes-firewall\ndelete table {family} qubes-firewall\n"
                     for family in ("ip", "ip6"))
    targets = ("198.51.100.7", "2001:db8::7")
    assert all(work.connect(target) for target in targets), "open without it"
    try:
        netvm.nft(text)
        shut = netvm.nft_list("ruleset")
        assert not any(work.connect(target, timeout=0.4) for target in targets)
        netvm.nft(text)
        assert netvm.nft_list("ruleset") == shut
        netvm.nft("".join(
            f"add chain {family} qubes-firewall qubes-forward\n"
            f"add rule {family} qubes-firewall forward ct state established accept\n"
            f"add rule {family} qubes-firewall forward jump qubes-forward\n"
            f"add set {family} qubes-firewall pins {{ type {kind}; flags timeout; }}\n"
            f"add element {family} qubes-firewall pins {{ {target} timeout 1h }}\n"
            f"add rule {family} qubes-firewall qubes-forward {family} daddr @pins accept\n"
            for family, kind, target in zip(("ip", "ip6"), ("ipv4_addr", "ipv6_addr"), targets)))
        full = re.sub(r" expires \w+", "", netvm.nft_list("ruleset"))
        for _ in range(2):
            netvm.nft(text)
        assert re.sub(r" expires \w+", "", netvm.nft_list("ruleset")) == full
        assert all(work.connect(target) for target in targets), "a pin was lost"
    finally:
        netvm.nft(tables)
    return "IPv4 and IPv6"


JOURNALCTL = """#!/bin/sh
echo "$@" >"{folder}/asked"
cat "{folder}/entries"
"""
RUNUSER = """#!/usr/bin/python3
import json, os, sys
with open("{folder}/shown", "a") as file:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=file)
"""
LONG = "a" * 100_000


def entry(**fields):
    return {"_SYSTEMD_UNIT": "qubes-firewall.service", "DNSPIN_EVENT": "blocked", "PRIORITY": "3",
            "DNSPIN_CLIENT": "work", "MESSAGE": "blocked work: its rules do not parse: x", **fields}


def shown(lines):
    """What runuser was asked to start for lines of the journal."""
    with folder() as place:
        (place / "entries").write_bytes(b"".join(
            line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
            for line in lines))
        write(place / "journalctl", JOURNALCTL.format(folder=place), 0o755)
        write(place / "runuser", RUNUSER.format(folder=place), 0o755)
        write(place / "qubesdb-read", "#!/bin/sh\necho daemon\n", 0o755)
        done = run(PACKAGING / "notify", place)
        assert done.returncode == 1 and done.stderr == "journalctl has ended\n", done
        assert "_SYSTEMD_UNIT=qubes-firewall.service DNSPIN_EVENT=blocked" in (
            place / "asked").read_text()
        calls = place / "shown"
        found = [json.loads(line) for line in calls.read_text().splitlines()] if (
            calls.exists()) else []
        start = ["-u", "daemon", "--", f"{place}/notify-send", "-t", "8000",
                 "--icon=network-error", "--", "Qubes firewall (dnspin)"]
        for words, environment in found:
            assert words[:-1] == start, words
            assert environment["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/run/user/1/bus"
            assert re.fullmatch(r"[ -~]{1,2000}", words[-1]), words[-1]
        return [words[-1] for words, _ in found]


def notifying(_lab, _servers):
    """What the journal says of blocked clients is shown as bounded data, and not too often"""
    for message, wanted in (
            ("blocked work: its rules do not parse: 'x'", None),
            ("--icon=/etc/shadow $(touch /tmp/x) `id` ; id | id 'x' \"y\"", None),
            ("<b>a&b</b> \\n", "&lt;b&gt;a&amp;b&lt;/b&gt; \\\\n"),
            ("a\nb\tc\x1b[31m\0\u202e\u00e4", "a?b?c?[31m???"),
            (LONG, "a" * 300 + "..."), ("<" * 1000, "&lt;" * 300 + "..."), ("", "blocked work"),
            (None, "blocked work"), ([98, 255, 60], "b?&lt;"), (["one", "two"], "one"),
            ({"a": 1}, "blocked work"), ([[[]]], "blocked work")):
        assert shown([entry(MESSAGE=message)]) == [wanted or message], (message, wanted)
    for other in ({"_SYSTEMD_UNIT": "evil.service"}, {"DNSPIN_EVENT": "refused"},
                  {"PRIORITY": "4"}, {"PRIORITY": "high"}, {"PRIORITY": None},
                  {"DNSPIN_EVENT": None}):
        assert shown([entry(**other)]) == [], other
    noise = [b"\n", b"{\n", b"[]\n", b"7\n", b"null\n", b'"x"\n', b"\xff\xfe\n",
             b"[" * 99_999 + b"\n", b"x" * (3 << 20) + b"\n"]
    assert len(shown([*noise, entry(), *noise])) == 1
    assert len(shown([b"x" * (2 << 20)])) == 0
    assert len(shown([entry()] * 500)) == 1, "one client"
    many = shown([entry(DNSPIN_CLIENT=f"q{number}", MESSAGE=f"{number}") for number in range(99)])
    assert many == [str(number) for number in range(6)], many
    assert len(shown([entry(DNSPIN_CLIENT=LONG), entry(DNSPIN_CLIENT=LONG)])) == 1
    return "12 texts, 6 entries of others, 9 kinds of noise, 2 floods"


def reading(_lab, _servers):
    """Scripts pass their checkers, Salt's files are YAML, and dnspind takes its settings"""
    checked = []
    for name in SHELL:
        assert run("sh", "-n", PACKAGING / name).returncode == 0, name
    if shutil.which("shellcheck"):
        done = run("shellcheck", *(PACKAGING / name for name in SHELL))
        assert done.returncode == 0, done.stdout
        checked.append("shellcheck")
    for name in PYTHON:
        compile((PACKAGING / name).read_text(), name, "exec")
    try:
        import yaml  # pylint: disable=import-outside-toplevel  # not on every machine
        for path in sorted((PACKAGING / "salt").rglob("*.*")):
            text = path.read_text()
            assert "{{" not in text and "{%" not in text, path
            states = yaml.safe_load(text)
            assert states and all(isinstance(value, dict) for value in states.values()), path
        services, = yaml.safe_load((PACKAGING / "salt/sys-dnspin/init.sls").read_text())[
            "sys-dnspin-services"].values()
        assert {"enable": ["qubes-firewall", "dnspin"]} in services
        checked.append("YAML")
    except ImportError:
        pass
    for path in PACKAGING.rglob("*"):
        lines = path.read_text().splitlines() if path.is_file() else []
        assert len(lines) <= 400 and max(map(len, lines), default=0) <= 100, path
    with folder() as place:
        shutil.copy(PACKAGING / "dnspin.toml", place / "dnspin.toml")
        done = run(build_folder() / "dnspind", "--config", place / "dnspin.toml", "--check")
        assert done.returncode == 0, done.stderr
    return ", ".join([*checked, "--check"])


if __name__ == "__main__":
    trial.run(installing, units, choosing, hooking, closed, notifying, reading, qubes=("work",))
