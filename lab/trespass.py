"""Who keeps trying to reach what no rule allows, and what arrives of it.

    with Trespass(lab, work) as trespass:    # a datagram a millisecond, to FORBIDDEN
        ...
    trespass.outside([(began, ended)])       # those that arrived though sent outside of these times

Each datagram says when it was sent (CLOCK_MONOTONIC, one for all namespaces). Most come from one
socket, so that a flow which an open moment began shows when it goes on; others from a new one each.
"""

import socket
import struct
import threading
import time

from lab.steady import FORBIDDEN

PORT = 9009
ONE_IN = 8  # comes from a socket of its own


class Trespass:
    def __init__(self, lab, qube, pause=0.001, address=FORBIDDEN):
        self.sent, self.arrived = 0, []  # when those that arrived were sent
        self._qube, self._target, self._pause = qube, (address, PORT), pause
        self._running = True
        with lab.internet.enter():
            self._catcher = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._catcher.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._catcher.bind(("", PORT))
        self._catcher.settimeout(0.1)
        self._threads = [threading.Thread(target=run, daemon=True, name="trespass")
                         for run in (self._send, self._catch)]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        time.sleep(0.2)  # what is on its way
        self._running = False
        for thread in self._threads:
            thread.join()
        self._catcher.close()

    def outside(self, times):
        """The times of sending, outside of (from, to)."""
        return [sent for sent in list(self.arrived)
                if not any(began <= sent <= ended for began, ended in times)]

    def gaps(self, times):
        """For each (from, to) how long it let something through, in seconds; 0 for a single one."""
        found = []
        for began, ended in times:
            sent = [moment for moment in self.arrived if began <= moment <= ended]
            found.append(max(sent) - min(sent) if sent else 0.0)
        return found

    def _send(self):
        due = time.monotonic()
        with self._qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as lasting:
            while self._running:
                if self.sent % ONE_IN:
                    self._send_one(lasting)
                else:
                    with self._qube.socket(socket.AF_INET, socket.SOCK_DGRAM) as new:
                        self._send_one(new)
                self.sent += 1
                due = max(due + self._pause, time.monotonic() - 0.01)
                time.sleep(max(due - time.monotonic(), 0))

    def _send_one(self, sock):
        try:
            sock.sendto(struct.pack("!d", time.monotonic()), self._target)
        except OSError:
            pass  # the reject of an earlier one

    def _catch(self):
        while self._running:
            try:
                self.arrived.append(struct.unpack("!d", self._catcher.recv(64))[0])
            except TimeoutError:
                pass
