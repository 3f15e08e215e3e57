"""Faults to order: the Nth system call, netlink reply, channel message, timer or allocation of a
dnspind, its launcher or its readers fails, is late, is cut or comes twice.

    page = Page.install(dnspin)               before it is started; its programs are those of
    page.count()                              tests/faults then
    page.order("dnspind", "netlink", 3, "cut")
    page.off()                                a Fired or None: whether it came to that
    page.set_wall_clock(0)                    1970 begins, to them

The page of memory is tests/faults/fault_page.h's.
"""

import collections
import mmap
import shutil
import struct
import time

from lab.daemon import build_folder

ROLES = ("dnspind", "launcher", "newborn", "reader")  # newborn: forked, to be a reader
KINDS = ("syscall", "netlink", "channel", "timer", "memory")
ACTIONS = {"fail": 1, "fail otherwise": 2, "late": 4, "cut": 8, "double": 16, "sleep": 32}
OFF, COUNT, LIST = 0, 1, 2
ORDER = struct.Struct("<4IQQqQqII16s")
WALL_AT = struct.calcsize("<4IQQqQ")
COUNTS = struct.Struct(f"<{len(ROLES) * len(KINDS)}II")
EVENT = struct.Struct("<BBBxIII16s")
EVENTS_MAX = 1 << 17
SIZE = ORDER.size + COUNTS.size + 4 + EVENTS_MAX * EVENT.size
LATE, SLEEP = 0.4, 3600.0  # seconds

Event = collections.namedtuple("Event", "role kind number actions place call")
Fired = collections.namedtuple("Fired", "pid call")


def text(octets):
    return octets.split(b"\0", 1)[0].decode()


class Page:
    def __init__(self, path):
        with open(path, "w+b") as file:
            file.truncate(SIZE)
            self._memory = mmap.mmap(file.fileno(), SIZE)
        path.chmod(0o666)

    @classmethod
    def install(cls, dnspin):
        """Puts the faulty programs in the place of the others."""
        folder = dnspin.lab.scratch / f"{dnspin.folder.name}-faulty"
        folder.mkdir(mode=0o755)
        for program in ("dnspind", "dnspin-resolver"):
            shutil.copyfile(build_folder() / f"{program}-faulty", folder / program)
            (folder / program).chmod(0o755)
        for same in ("libdnspin-faults.so", "dnspin"):
            shutil.copyfile(build_folder() / same, folder / same)
            (folder / same).chmod(0o755)
        dnspin.bin = folder
        return cls(folder / "faults")

    def order(self, role, kind, number, action, late=LATE, sleep=SLEEP):
        self._begin(COUNT, ROLES.index(role), KINDS.index(kind), ACTIONS[action], number, late,
                    sleep)

    def count(self):
        self._begin(COUNT)

    def list(self):
        """All that happens from now on, until events()."""
        self._begin(LIST)

    def _begin(self, mode, role=0, kind=0, action=0, number=0, late=LATE, sleep=SLEEP):
        self._memory[0:4] = struct.pack("<I", OFF)
        slept, _, wall = ORDER.unpack_from(self._memory)[6:9]
        ORDER.pack_into(self._memory, 0, OFF, role, kind, action, number, int(late * 1e6), slept,
                        int(sleep * 1e9), wall, 0, 0, b"")
        self._memory[ORDER.size:ORDER.size + COUNTS.size] = bytes(COUNTS.size)
        self._memory[0:4] = struct.pack("<I", mode)

    def fired(self):
        *_, fired, pid, call = ORDER.unpack_from(self._memory)
        return Fired(pid, text(call)) if fired else None

    def off(self):
        self._memory[0:4] = struct.pack("<I", OFF)
        return self.fired()

    def slept(self):
        """Seconds by which CLOCK_BOOTTIME is ahead."""
        return ORDER.unpack_from(self._memory)[6] / 1e9

    def set_wall_clock(self, seconds):
        """UNIX time: what it is now to them; it goes on from there."""
        struct.pack_into("<q", self._memory, WALL_AT, int(seconds) - int(time.time()))

    def counts(self):
        numbers = COUNTS.unpack_from(self._memory, ORDER.size)
        return {(role, kind): numbers[r * len(KINDS) + k]
                for r, role in enumerate(ROLES) for k, kind in enumerate(KINDS)}

    def events(self):
        """Ends the listing."""
        self.off()
        listed = min(COUNTS.unpack_from(self._memory, ORDER.size)[-1], EVENTS_MAX)
        found = []
        for index in range(listed):
            role, kind, actions, pid, number, place, call = EVENT.unpack_from(
                self._memory, ORDER.size + COUNTS.size + 4 + index * EVENT.size)
            found.append(Event(ROLES[role], KINDS[kind], number,
                               [name for name, bit in ACTIONS.items() if actions & bit],
                               (pid, place), text(call)))
        return found
