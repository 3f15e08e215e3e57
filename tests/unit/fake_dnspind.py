"""A control socket that says what a test wants, and the tool that asks it.

    with FakeDnspind({"status": {"version": "1"}}) as dnspind:
        result = dnspind.run("status", "--json")
        dnspind.requests       what the tool has asked so far

A reply is JSON as Python objects, octets as they are, or a function of the request.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading

TREE = pathlib.Path(__file__).resolve().parents[2]
DNSPIN = pathlib.Path(os.environ.get("DNSPIN_BUILD") or TREE / "build") / "dnspin"


def dnspin(*words, **more):
    return subprocess.run([DNSPIN, *words], capture_output=True, text=True, timeout=60,
                          check=False, **more)


class FakeDnspind:
    def __init__(self, replies):
        self.replies, self.requests = replies, []
        self._folder = tempfile.TemporaryDirectory(prefix="dnspin-")
        self.run_dir = self._folder.name
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self.run_dir}/control")
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._folder.cleanup()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.sendall(self._reply(connection.makefile("rb").readline()))

    def _reply(self, line):
        request = json.loads(line)
        self.requests.append(request)
        reply = self.replies.get(request["command"], {"error": "unknown command"})
        reply = reply(request) if callable(reply) else reply
        return reply if isinstance(reply, bytes) else json.dumps(reply).encode() + b"\n"

    def run(self, *words, **more):
        return dnspin("--run-dir", self.run_dir, *words, **more)
