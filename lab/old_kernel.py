#!/usr/bin/python3 -B
"""The tests that want the real kernel, under an older one than this machine's: Debian 12's 6.1.

    ./dev old-kernel                     netns_tests, snoop_test.py and snoop_attack_test.py
    ./dev old-kernel "snoop_test.py held" life_test.py "uname -r; nft --version"

Each argument is a command of the shell that finds the programs of build/ and the tests of
tests/netns. They run one after the other in a virtual machine; the exit code is 1 if one of them
fails. Its root is this machine's, of which it reads all and changes nothing: what it writes is gone
with it. Build nothing meanwhile: it would meet half of it.

Without KVM the processor is emulated, and the machine's clock counts its instructions instead of
seconds: deadlines mean what they mean on hardware, and all takes ten or twenty times as long.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE))
# pylint: disable=wrong-import-position
from lab.daemon import build_folder  # noqa: E402

PLACE = TREE / "build-old-kernel"
SERIES = re.compile(r"linux-image-(6\.1\.0-(\d+)-amd64)")
PLAIN = ("netns_tests", "snoop_test.py", "snoop_attack_test.py")
BUSYBOX = "/bin/busybox"
DRIVERS = ("virtio_pci", "9pnet_virtio", "9p", "overlay")  # of the root
MEMORY = "4G"
FAST = ("-accel", "kvm", "-smp", "2")
SLOW = ("-accel", "tcg,thread=single", "-icount", "shift=1", "-rtc", "clock=vm")  # 2 ns each
OVER = "old-kernel: "  # what the machine says last, and the exit code

# In the initramfs: this machine's root, and above it what is forgotten.
FIRST = f"""#!{BUSYBOX} sh
set -e
{BUSYBOX} --install -s /bin
export PATH=/bin
mkdir -p /proc /host /above /root
mount -t proc proc /proc
modprobe -a {' '.join(DRIVERS)}
mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host
mount -t tmpfs above /above
mkdir /above/upper /above/work
mount -t overlay -o lowerdir=/host,upperdir=/above/upper,workdir=/above/work root /root
mount --move /proc /root/proc
mount -t tmpfs run /root/run
cp /second /root/run/
exec switch_root /root /bin/sh /run/second
"""

# In that root. The kernel itself asks /sbin/modprobe for what it lacks.
SECOND = """
export PATH={build}:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
export DNSPIN_BUILD={build} PYTHONDONTWRITEBYTECODE=1
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /lib/modules/{modules.name}
mount -t devpts -o ptmxmode=0666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
mount --bind {modules} /lib/modules/{modules.name}
ln -sf {BUSYBOX} /sbin/modprobe
ip link set lo up
cd {TREE}
failed=0
for command in {commands}; do
  printf '== %s\\n' "$command"
  sh -c "$command" </dev/null 2>&1 || {{ failed=1; printf 'FAILED %s\\n' "$command"; }}
done
printf '{OVER}%s\\n' $failed
sleep 1
{BUSYBOX} reboot -f
"""


def give_up(why):
    sys.exit(f"old-kernel: {why}")


def kernel():
    """(image, folder of modules), which the first run fetches."""
    for attempt in (fetch, None):
        for modules in sorted(PLACE.glob("lib/modules/*/modules.dep")):
            return PLACE / f"boot/vmlinuz-{modules.parent.name}", modules.parent
        if attempt:
            attempt()
    return give_up("no kernel")


def fetch():
    """Unpacks the newest of the series, and installs nothing."""
    subprocess.run(["apt-get", "-q", "-q", "update"], check=True)
    names = subprocess.run(["apt-cache", "pkgnames", "linux-image-6.1.0-"], check=True,
                           capture_output=True, text=True).stdout.split()
    found = max(filter(None, map(SERIES.fullmatch, names)), key=lambda match: int(match[2]),
                default=None) or give_up("Debian 12 has that kernel, this system's apt has not")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", found[0]],
                       cwd=folder, check=True)
        archive, = pathlib.Path(folder).iterdir()
        subprocess.run(["dpkg", "-x", archive, PLACE], check=True)
    subprocess.run([BUSYBOX, "depmod", "-b", PLACE, found[1]], check=True)


def drivers(modules):
    """Those of the root and what they need, within the folder of modules."""
    lines = (modules / "modules.dep").read_text().splitlines()
    needs = dict(line.split(":", 1) for line in lines)
    return {path for file, others in needs.items() if pathlib.Path(file).stem in DRIVERS
            for path in (file, *others.split())}


def initramfs(folder, modules, commands):
    root, archive = folder / "root", folder / "initramfs"
    for path in drivers(modules) | {"modules.dep", "modules.alias", "modules.symbols"}:
        target = root / "lib/modules" / modules.name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / path, target)
    (root / "bin").mkdir()
    shutil.copy(BUSYBOX, root / "bin/busybox")
    (root / "init").write_text(FIRST)
    (root / "init").chmod(0o755)
    build = build_folder().resolve()
    whole = [re.sub(r"\b\w+_test\.py\b", rf"python3 -B {TREE}/tests/netns/\g<0>", command)
             for command in commands]
    (root / "second").write_text(SECOND.format(
        **globals(), build=build, modules=modules, commands=shlex.join(whole)))
    names = "\n".join(sorted(str(file.relative_to(root)) for file in root.rglob("*")))
    archive.write_bytes(subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=root, check=True,
                                       input=names.encode(), capture_output=True).stdout)
    return archive


def accelerated():
    """There is KVM, and a processor that says so."""
    flags = re.search(r"^flags.*", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return os.path.exists("/dev/kvm") and flags and {"vmx", "svm"} & set(flags[0].split())


def run(image, archive):
    """Shows what the machine says. What it said last, None if it did not come so far."""
    result = None
    with subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64",
             *(FAST if accelerated() else SLOW), "-cpu", "max", "-m", MEMORY, "-nodefaults",
             "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
             "-kernel", image, "-initrd", archive, "-append", "console=ttyS0 quiet panic=-1",
             "-virtfs",
             "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            errors="replace") as machine:
        for line in machine.stdout:
            if line.startswith(OVER):
                result = line.removeprefix(OVER).strip()
            if result is None:
                print(line.rstrip("\r\n"), flush=True)
    return result


def main():
    if os.geteuid() != 0:
        give_up("needs root, to read all of this machine's root")
    image, modules = kernel()
    with tempfile.TemporaryDirectory() as folder:
        archive = initramfs(pathlib.Path(folder), modules, sys.argv[1:] or PLAIN)
        result = run(image, archive)
    sys.exit(int(result) if result else "old-kernel: the machine ended early")


if __name__ == "__main__":
    main()
