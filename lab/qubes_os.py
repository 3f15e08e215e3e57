"""What Qubes OS itself puts into a netvm's kernel, beside its firewall agent: the base ruleset, and
what becomes of it when a client's interface comes or goes.

    base = QubesBase(lab)                              tables ip and ip6 qubes, as at boot
    base.vif_online("vif1.0", [work.address, work.address6])
    base.vif_offline("vif1.0", [work.address, work.address6])
    base.reload()                                      qubes-iptables loads its files again
    base.close()                                       as without Qubes OS

Interfaces that the lab has made are taken as they are: Lab.add_qube(plug=False), Lab.plug() and
Lab.unplug() make and remove them, and online or offline is said here, as by Xen's hotplug script.
"""

import contextlib

from lab import topology
from lab.dom0 import addresses_of

SETTINGS = {  # of dnspind in the place of qubes-firewall
    "clients": {"sources": ["files", "qubesdb"], "inbound": "open"},
    "firewall": {"table": "qubes-firewall"},
}

STOCK = """
table {family} qubes {{
  set downstream {{ type {family}v_addr; }}
  set allowed {{ type ifname . {family}v_addr; }}
  chain antispoof {{
    iifname . {family} saddr @allowed accept
    counter drop
  }}
  chain prerouting {{
    type filter hook prerouting priority raw; policy accept;
    iifgroup 2 goto antispoof
    {family} saddr @downstream counter drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifgroup 2 accept
    oif lo accept
    masquerade
  }}
  chain custom-input {{ }}
  chain custom-forward {{ }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    jump custom-forward
    ct state invalid counter drop
    ct state related,established accept
    oifgroup 2 counter drop
  }}
{input}
}}
"""
INPUT = """
  chain input {
    type filter hook input priority filter; policy drop;
    jump custom-input
    ct state invalid counter drop
    iifgroup 2 udp dport 68 counter drop
    ct state related,established accept
    iifgroup 2 meta l4proto icmp accept
    iif lo accept
    iifgroup 2 counter reject with icmp type host-prohibited
    counter
  }"""
INPUT6 = """
  chain _icmpv6 {
    meta l4proto != ipv6-icmp counter reject with icmpv6 type admin-prohibited
    icmpv6 type { nd-router-advert, nd-redirect } counter drop
    accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    jump custom-input
    ct state invalid counter drop
    ct state related,established accept
    iifgroup 2 goto _icmpv6
    iif lo accept
    ip6 saddr fe80::/64 ip6 daddr fe80::/64 udp dport 546 accept
    meta l4proto ipv6-icmp accept
    counter
  }"""


class QubesBase:
    def __init__(self, lab, upstreams=(topology.UPSTREAM,)):
        self.lab, self.netvm, self.upstreams = lab, lab.netvm, list(upstreams)
        self._online = []  # [vif, addresses]
        self.netvm.nft(self._ruleset())

    def _ruleset(self):
        text = ""
        for family, rules in (("ip", INPUT), ("ip6", INPUT6)):
            stock = STOCK.format(family=family, input=rules)
            text += stock.replace("ipv_addr", "ipv4_addr").replace("ip6v_addr", "ipv6_addr")
        return text + self._dnat_dns()

    def _dnat_dns(self):
        """What qubes-setup-dnat-to-ns makes of the netvm's own DNS servers."""
        lines = []
        for number, virtual in enumerate(topology.VIRTUAL_DNS):
            verdict = "drop" if not self.upstreams else (
                f"dnat to {self.upstreams[number % len(self.upstreams)]}")
            lines += [f"ip daddr {virtual} {protocol} dport 53 {verdict}"
                      for protocol in ("udp", "tcp")]
        return ("\ntable ip qubes {\n  chain dnat-dns {\n"
                "    type nat hook prerouting priority dstnat; policy accept;\n    "
                + "\n    ".join(lines) + "\n  }\n}\n")

    def reload(self):
        """All of it anew in one transaction, with the clients that are there; what others put into
        the tables is lost."""
        self.netvm.nft("".join(f"add table {family} qubes\ndelete table {family} qubes\n"
                               for family in ("ip", "ip6"))
                       + self._ruleset() + "".join(_elements("add", vif, addresses)
                                                   for vif, addresses in self._online))

    @contextlib.contextmanager
    def qube(self, name, **options):
        """A qube that comes, and in the end goes as it came, unless it has gone before."""
        qube = self.lab.add_qube(name, plug=False, **options)
        self.lab.plug(qube)
        self.vif_online(qube.vif, addresses_of(qube))
        try:
            yield qube
        finally:
            if qube in self.lab.qubes:
                self.leave(qube)

    def leave(self, qube):
        self.vif_offline(qube.vif, addresses_of(qube))
        self.lab.unplug(qube.vif)
        self.lab.remove_qube(qube)

    def vif_online(self, vif, addresses):
        """As vif-route-qubes does it."""
        addresses = [address for address in addresses if address]
        self._forget_flows(addresses)
        self.netvm.nft(_elements("add", vif, addresses))
        self.netvm.ip(topology.online(vif, addresses))
        self._online.append((vif, addresses))

    def vif_offline(self, vif, addresses):
        """The interface itself may be there no longer, and its routes with it."""
        addresses = [address for address in addresses if address]
        if (vif, addresses) in self._online:
            self._online.remove((vif, addresses))
        for address in addresses:
            family = "ip6" if ":" in address else "ip"
            for gone in (f"allowed {{ \"{vif}\" . {address} }}", f"downstream {{ {address} }}"):
                self.netvm.run(["nft", f"delete element {family} qubes {gone}"])
            self.netvm.run(["ip", "route", "del", address, "dev", vif])

    def _forget_flows(self, addresses):
        for address in addresses:
            family = "ipv6" if ":" in address else "ipv4"
            for side in ("--src", "--dst"):
                self.netvm.run(["conntrack", "-D", "-f", family, side, address])

    def close(self):
        self._online.clear()
        self.netvm.nft("".join(f"add table {family} qubes\ndelete table {family} qubes\n"
                               for family in ("ip", "ip6")))


def _elements(verb, vif, addresses):
    lines = ""
    for address in addresses:
        family = "ip6" if ":" in address else "ip"
        lines += (f"{verb} element {family} qubes allowed {{ \"{vif}\" . {address} }}\n"
                  f"{verb} element {family} qubes downstream {{ {address} }}\n")
    return lines
