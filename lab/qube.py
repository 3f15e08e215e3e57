"""A client qube of a lab, and what a person or a program in it would try.

dig() and curl() are the real programs, for what a person would see. ask() and connect() are done in
this process and cost microseconds, for tests that do them by the thousand; inside a worker
(qube.call) they work as well.
"""

import dataclasses
import errno
import re
import socket
import time

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode

from lab.namespace import Namespace

IPV6_RECVERR = 25
OUTCOMES = {errno.ECONNREFUSED: "refused", errno.EHOSTUNREACH: "prohibited",
            errno.EACCES: "prohibited", errno.ENETUNREACH: "unreachable",
            errno.ETIMEDOUT: "silent"}


@dataclasses.dataclass(frozen=True)
class Attempt:
    """How a TCP connection went: "open", "prohibited" (the firewall's reject), "refused" (a reset),
    "unreachable", or "silent" (no answer in time)."""
    outcome: str
    seconds: float

    def __bool__(self):
        return self.outcome == "open"

    @property
    def passed(self):
        """It got through: somebody answered, if only with a reset."""
        return self.outcome in ("open", "refused")


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a DNS server answered; status is "TIMEOUT" if it did not."""
    status: str
    records: tuple = ()   # (owner, ttl, type, value), the answer section
    ede: int = -1         # RFC 8914 code, -1 if none
    ede_text: str = ""
    text: str = ""        # all that dig printed

    @property
    def addresses(self):
        return [value for _, _, kind, value in self.records if kind in ("A", "AAAA")]

    @property
    def ttls(self):
        return [ttl for _, ttl, _, _ in self.records]


class Qube(Namespace):
    vif = address = address6 = ""  # set by Lab.add_qube
    _listeners = ()

    def listen(self, port=80):
        """From now on it takes TCP connections, for those who must not be able to make one."""
        with self.enter():
            self._listeners += (
                socket.create_server(("0.0.0.0", port), backlog=1024),
                socket.create_server(("::", port), family=socket.AF_INET6, backlog=1024))

    def close(self):
        for listener in self._listeners:
            listener.close()
        super().close()

    def dig(self, name, kind="A", *options, server="10.139.1.1", timeout=4):
        """The real dig; options such as "+tcp", "+dnssec", "-p", "5353"."""
        output = self.run(["dig", f"@{server}", name, kind, f"+timeout={timeout}", "+tries=1",
                           *options]).stdout
        status = re.search(r"status: (\w+)", output)
        ede = re.search(r"; EDE: (\d+)(?: \([^)]*\))?(?:: \((.*)\))?", output)
        answer = re.search(r";; ANSWER SECTION:\n(.*?)(?:\n\n|$)", output, re.S)
        lines = [line.split(None, 4) for line in (answer.group(1) if answer else "").splitlines()]
        return Reply(status.group(1) if status else "TIMEOUT",
                     tuple((row[0], int(row[1]), row[3], row[4]) for row in lines),
                     int(ede.group(1)) if ede else -1, (ede and ede.group(2)) or "", output)

    def ask(self, name, kind="A", server="10.139.1.1", port=53, tcp=False, timeout=4.0, edns=True,
            cls="IN"):
        """One question by dnspython, which also refuses answers that are not well formed."""
        query = dns.message.make_query(name, kind, cls, use_edns=0 if edns else False)
        try:
            reply = self.exchange(query, server, port, tcp, timeout)
        except dns.exception.Timeout:
            return Reply("TIMEOUT")
        records = tuple((rrset.name.to_text(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype),
                         data.to_text()) for rrset in reply.answer for data in rrset)
        ede = [option for option in reply.options if option.otype == 15]
        return Reply(dns.rcode.to_text(reply.rcode()), records,
                     ede[0].code if ede else -1, (ede[0].text or "") if ede else "")

    def exchange(self, query, server="10.139.1.1", port=53, tcp=False, timeout=4.0):
        """Sends a dnspython message and returns the reply as one; raises dns.exception.Timeout."""
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with self.socket(family, kind) as sock:
            sock.settimeout(timeout)
            if tcp:
                try:
                    sock.connect((server, port))
                except OSError as error:
                    raise dns.exception.Timeout(str(error))
                sock.setblocking(False)
                return dns.query.tcp(query, server, timeout, port, sock=sock)
            sock.setblocking(False)
            return dns.query.udp(query, server, timeout, port, sock=sock, ignore_unexpected=True)

    def connect(self, address, port=80, timeout=1.0, source=None):
        """Tries a TCP connection and closes it."""
        began = time.monotonic()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.socket(family) as sock:
            sock.settimeout(timeout)
            if family == socket.AF_INET6:  # or a reject that comes while connect() still holds the
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)  # socket waits for a retry
            try:
                if source:
                    sock.bind((source, 0))
                sock.connect((address, port))
                outcome = "open"
            except TimeoutError:
                outcome = "silent"
            except OSError as error:
                outcome = OUTCOMES.get(error.errno) or errno.errorcode.get(error.errno, "?")
        return Attempt(outcome, time.monotonic() - began)

    def curl(self, url, *options, timeout=3):
        """The real curl; returncode 0 and the page in stdout if it worked."""
        return self.run(["curl", "--silent", "--show-error", "--max-time", timeout, "--noproxy",
                         "*", *options, url])
