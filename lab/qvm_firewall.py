"""A qube's list of rules as dom0 keeps it, and what people do with it by qvm-firewall or in the
Qube Manager. Each step returns when the netvm's firewall says that the new list is in force (but
not just after a start of dnspind, when it says so of what it has found).

    rules = QvmFirewall(dom0, work)                   the qube is a client already
    rules.add("accept docs.test tcp 80", before=0, comment="the manual")
    rules.add("accept", before=0, expire=300)         "full access for 5 minutes"
    rules.delete(0), rules.delete("accept docs.test tcp 80"), rules.reset(), rules.reload()
    rules.limit_to("docs.test", "198.51.100.0/24")    the Qube Manager's list; rules.allow_all()

Each step sends the whole list, as the Admin API wants it. Comments and ends stay in dom0: where a
rule has ended, dom0 leaves out its number (whoever tests that calls reload(), dom0's timer).
"""

import dataclasses
import time

from lab.dom0 import addresses_of, as_written
from lab.qubes_waits import becomes

REQUEST_MAX = 65536  # octets that the Admin API takes


@dataclasses.dataclass(frozen=True)
class Kept:
    """A line of firewall.xml."""
    rule: str
    expire: int = 0
    comment: str = ""

    @property
    def raw(self):
        """As the Admin API has it."""
        return (as_written(self.rule) + (f" expire={self.expire}" if self.expire else "")
                + (f" comment={self.comment}" if self.comment else ""))


class QvmFirewall:
    def __init__(self, dom0, qube, *rules):
        self._dom0, self._qube = dom0, qube
        self.kept = [Kept(rule) for rule in rules]
        if self.kept:
            self._send()

    def set(self, *rules):
        self.kept = [Kept(rule) for rule in rules]
        self._send()

    def add(self, rule, before=None, expire=0, comment=""):
        """`expire`: seconds from now."""
        self.kept.insert(len(self.kept) if before is None else before,
                         Kept(rule, int(time.time()) + expire if expire else 0, comment))
        self._send()

    def delete(self, which):
        """By its number, or the first that is like it."""
        if isinstance(which, int):
            del self.kept[which]
        else:
            del self.kept[[kept.rule for kept in self.kept].index(which)]
        self._send()

    def reset(self):
        self.set("accept")

    def allow_all(self):
        self.reset()

    def limit_to(self, *hosts):
        self.set(*(f"accept {host}" for host in hosts), "accept specialtarget=dns",
                 "accept proto=icmp", "drop")

    def reload(self):
        self._send()

    def _send(self):
        size = len("\n".join(kept.raw for kept in self.kept))
        if size > REQUEST_MAX:
            raise ValueError(f"the Admin API takes no {size} octets")
        addresses, now = addresses_of(self._qube), time.time()
        becomes(lambda: all(map(self._dom0.handled, addresses)), "the rules of before are in force")
        before = {address: self._dom0.handled(address) for address in addresses}
        self._dom0.qube(self._qube, [None if 0 < kept.expire <= now else kept.rule
                                     for kept in self.kept])
        becomes(lambda: all(self._dom0.handled(address) > before[address]
                            for address in addresses), "the rules are in force")
