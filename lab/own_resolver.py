"""The server that qubes have chosen for themselves: a real unbound in the lab's internet.

    server = OwnResolver(lab)     it forwards all it is asked to the scripted authority
    server.address, server.address6
"""

import subprocess
import time

from lab import topology
from lab.namespace import PATH, LabError

ADDRESS, ADDRESS6 = "192.0.2.10", "2001:db8:53::10"


class OwnResolver:
    address, address6 = ADDRESS, ADDRESS6

    def __init__(self, lab, forward=topology.UPSTREAM):
        folder = lab.scratch / "own-resolver"
        folder.mkdir(exist_ok=True)
        (folder / "unbound.conf").write_text(f"""server:
  interface: {ADDRESS}
  interface: {ADDRESS6}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  edns-buffer-size: 4096
  max-udp-size: 4096
  outgoing-range: 4096
  num-queries-per-thread: 4096
  local-zone: "test." nodefault
  do-not-query-localhost: no
  outgoing-interface: {ADDRESS}
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {forward}
""")
        with open(folder / "log", "wb") as log:
            self._process = lab.internet.popen(["unbound", "-d", "-c", folder / "unbound.conf"],
                                               stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                               env={"PATH": PATH})
        lab.at_exit(self.close)
        end = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < end:
            with lab.internet.socket() as probe:
                if probe.connect_ex((ADDRESS, 53)) == 0:
                    return
            time.sleep(0.02)
        raise LabError(f"unbound does not serve: {(folder / 'log').read_text()}")

    def close(self):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
