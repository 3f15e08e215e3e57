"""A stand-in for systemd's journal inside the netvm: dnspind finds it where the real one would be.

    journal = Journal(lab)      # before the daemon starts
    journal.entries             # a list of dicts: MESSAGE, PRIORITY, DNSPIN_EVENT, …
    journal.wait(lambda entry: entry.get("DNSPIN_NAME") == "a.test")
"""

import os
import pathlib
import socket
import threading
import time


class Journal:
    def __init__(self, lab):
        self.entries = []
        folder = lab.netvm.run_folder / "systemd" / "journal"
        folder.mkdir(parents=True)
        with lab.netvm.enter():  # as many entries may wait as systemd lets wait
            pathlib.Path("/proc/sys/net/unix/max_dgram_qlen").write_text("512")
            self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._sock.bind(str(folder / "socket"))
        os.chmod(folder / "socket", 0o666)
        self._sock.settimeout(0.1)
        self._running = True
        self._thread = threading.Thread(target=self._read, daemon=True, name="journal")
        self._thread.start()
        lab.at_exit(self.close)

    def _read(self):
        while self._running:
            try:
                octets, descriptors, _, _ = socket.recv_fds(self._sock, 1 << 20, 4)
            except TimeoutError:
                continue
            for descriptor in descriptors:  # an entry too long for a datagram comes as a file
                with open(descriptor, "rb") as file:
                    file.seek(0)
                    octets = file.read()
            self.entries.append(read_entry(octets))

    def wait(self, wanted, timeout=5.0):
        """The first entry that the function accepts; None if none comes in time."""
        end = time.monotonic() + timeout
        while True:
            found = next((entry for entry in list(self.entries) if wanted(entry)), None)
            if found or time.monotonic() > end:
                return found
            time.sleep(0.01)

    def close(self):
        self._running = False
        self._thread.join()
        self._sock.close()


def read_entry(octets):
    """The native protocol: KEY=VALUE lines, or KEY, a 64-bit length, and octets."""
    fields = {}
    while octets:
        line, _, rest = octets.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8:8 + length], rest[8 + length + 1:]
        fields[key.decode("ascii", "replace")] = value.decode("utf-8", "replace")
        octets = rest
    return fields
