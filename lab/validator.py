"""A validating unbound inside a qube, which forwards all it is asked to the qube's DNS server.

    with Validator(lab, qube, tree.anchor) as validator:
        validator.ask("www.example.test", "AAAA")     status, secure or not, records, longest TTL
"""

import dataclasses
import pathlib
import subprocess
import tempfile
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from lab import topology
from lab.namespace import PATH, LabError

ADDRESS = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Verdict:
    status: str
    secure: bool
    records: tuple  # (type, text), without signatures
    ttl: int        # the longest


class Validator:
    def __init__(self, lab, qube, anchor, forward=topology.VIRTUAL_DNS[0]):
        self.qube = qube
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="validator-", dir=lab.scratch))
        (self.folder / "root.ds").write_text(anchor)
        (self.folder / "unbound.conf").write_text(f"""server:
  interface: {ADDRESS}
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "validator iterator"
  trust-anchor-file: "{self.folder}/root.ds"
  val-log-level: 2
  local-zone: "test." nodefault
  unblock-lan-zones: yes
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {forward}
""")
        with open(self.folder / "log", "wb") as log:
            self._process = qube.popen(["unbound", "-d", "-c", self.folder / "unbound.conf"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={"PATH": PATH})
        lab.at_exit(self.close)
        end = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < end:
            with qube.socket() as probe:
                if probe.connect_ex((ADDRESS, 53)) == 0:
                    return
            time.sleep(0.02)
        raise LabError(f"unbound does not serve: {self.log()}")

    def ask(self, name, kind="A"):
        query = dns.message.make_query(name, kind, want_dnssec=True)
        query.flags |= dns.flags.AD
        reply = self.qube.exchange(query, ADDRESS, timeout=20)
        records = tuple((dns.rdatatype.to_text(rrset.rdtype), data.to_text())
                        for rrset in reply.answer for data in rrset
                        if rrset.rdtype != dns.rdatatype.RRSIG)
        ttls = [rrset.ttl for rrset in [*reply.answer, *reply.authority]]
        return Verdict(dns.rcode.to_text(reply.rcode()), bool(reply.flags & dns.flags.AD), records,
                       max(ttls, default=0))

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
