"""The comparison: a firewall that resolves the names of its rules once, when they are applied.

This is how Qubes OS's own qubes-firewall (and many a script) works: getaddrinfo() for each name,
the addresses frozen into a chain. Its clients' DNS goes straight to the upstream server.

    firewall = ResolveOnce(lab, {"work": ["rr.test"]})
    firewall.close()
"""

from lab import topology
from lab.topology import UPSTREAM


class ResolveOnce:
    TABLE = "resolve-once"

    def __init__(self, lab, names, port=80):
        self.netvm = lab.netvm
        self.frozen = {}  # (qube's name, family) -> addresses
        chains = {"ip": [], "ip6": []}
        for name, hosts in names.items():
            qube = lab.qube(name)
            for family, source, kind in (("ip", qube.address, "A"), ("ip6", qube.address6, "AAAA")):
                found = [address for host in hosts for address in self._resolve(lab, host, kind)]
                self.frozen[name, family] = found
                if found:
                    chains[family].append(f"add rule {family} {self.TABLE} forward {family} saddr "
                                          f"{source} {family} daddr {{ {', '.join(found)} }} "
                                          f"tcp dport {port} accept")
        self.netvm.nft("\n".join(line for family in chains
                                 for line in self._table(family, chains[family])))

    def _resolve(self, lab, host, kind):
        output = self.netvm.run(["dig", f"@{UPSTREAM}", host, kind, "+short"]).stdout.split()
        return [word for word in output if not word.endswith(".")]

    def _table(self, family, accepts):
        table = f"{family} {self.TABLE}"
        yield f"add table {table}"
        yield (f"add chain {table} forward "
               "{ type filter hook forward priority filter; policy drop; }")
        yield f"add rule {table} forward ct state established,related accept"
        yield f"add rule {table} forward iifgroup != 2 accept"
        if family == "ip":
            yield f"add rule {table} forward ip daddr {UPSTREAM} udp dport 53 accept"
            yield f"add rule {table} forward ip daddr {UPSTREAM} tcp dport 53 accept"
            yield f"add chain {table} dns {{ type nat hook prerouting priority dstnat; }}"
            for protocol in ("udp", "tcp"):
                yield (f"add rule {table} dns ip daddr {{ {', '.join(topology.VIRTUAL_DNS)} }} "
                       f"{protocol} dport 53 dnat to {UPSTREAM}")
        yield from accepts
        reject = "icmp" if family == "ip" else "icmpv6"
        yield f"add rule {table} forward reject with {reject} admin-prohibited"

    def close(self):
        self.netvm.nft(f"delete table ip {self.TABLE}\ndelete table ip6 {self.TABLE}\n")
