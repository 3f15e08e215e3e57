#!/usr/bin/python3
"""Ends a lab, however its owner ended: normally, by an exception, by Ctrl-C, by kill -9.

Started by Lab, in a session of its own so that a Ctrl-C is for its owner, with one end of a socket
pair as stdin and the lab's scratch folder as argument. Each message on the socket carries the
descriptor of a network namespace of the lab. When the other end closes, everything that still runs
inside those namespaces is killed and the scratch folder removed.
The namespaces have no names: the kernel drops them, and every link in them, with their last
descriptor. So nothing on the host is ever changed that would have to be undone.
"""

import os
import pathlib
import shutil
import signal
import socket
import sys
import time


def processes_in(namespaces):
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                inside = os.stat(f"/proc/{entry}/ns/net").st_ino in namespaces
            except OSError:  # gone meanwhile, or a zombie
                continue
            if inside:
                yield int(entry)


def kill_all(namespaces):
    for _ in range(100):
        pids = list(processes_in(namespaces))
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


def main():
    scratch = pathlib.Path(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    owner = socket.socket(fileno=0)
    held = []  # keeps each namespace, and so its inode number, alive until it is swept
    while True:
        message, descriptors, _, _ = socket.recv_fds(owner, 1, 8)
        if not message:
            break
        held += descriptors
    kill_all({os.fstat(descriptor).st_ino for descriptor in held})
    if scratch.name.startswith("dsp-"):
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
