"""Writes into a netvm's QubesDB what Qubes OS' dom0 writes there, in dom0's order.

    dom0 = Dom0(server)
    dom0.qube(work, ["accept docs.test tcp 80", "accept specialtarget=dns"])
    dom0.connected([work.address, work.address6])
    dom0.vm_config("dnspin.work", "address 10.137.0.25;accept .shop.test")

Rules are texts, numbered as they stand, or a dictionary of numbers to texts: positional as people
type them for qvm-firewall, or words `key=value`, which go as they are. None is a rule that has
ended, which keeps its number. A qube's two addresses are two targets; a rule for an address of the
other family is left out of each, but not its number.
"""

import ipaddress

from lab import topology

POSITIONS = ("action", "dsthost", "proto", "dstports")


class Dom0:
    def __init__(self, server):
        self.server = server
        for path, value in (
                ("/name", "sys-firewall"), ("/type", "NetVM"), ("/default-user", "user"),
                ("/qubes-netvm-network", topology.GATEWAY),
                ("/qubes-netvm-gateway", topology.GATEWAY),
                ("/qubes-netvm-gateway6", topology.GATEWAY6),
                ("/qubes-netvm-netmask", "255.255.255.255"),
                ("/qubes-service/qubes-firewall", "1")):
            server.write(path, value)
        self.virtual_dns(*topology.VIRTUAL_DNS)
        self.connected([])

    def firewall(self, address, rules, policy="drop", trigger=True):
        """One target, as reload_firewall_for_vm does it. Without the trigger dom0 is in the middle
        of it. policy=None: there is none."""
        folder, other = f"/qubes-firewall/{address}", "dst4=" if ":" in address else "dst6="
        self.server.rm(folder + "/")
        if policy is not None:
            self.server.write(folder + "/policy", policy)
        numbered = rules.items() if isinstance(rules, dict) else enumerate(rules)
        for number, rule in numbered:
            text = as_written(rule) if rule is not None else None
            if text is not None and not any(word.startswith(other) for word in text.split()):
                self.server.write(f"{folder}/{number:04}", text)
        if trigger:
            self.trigger(address)

    def trigger(self, address):
        """The last of its writes: what stands below holds from now on."""
        self.server.write(f"/qubes-firewall/{address}")

    def handled(self, address):
        """How often the firewall agent has said that a target is in force."""
        return int(self.server.read(f"/qubes-firewall-handled/{address}") or 0)

    def qube(self, qube, rules, policy="drop"):
        """Both targets of a qube, or those of a list of addresses."""
        for address in addresses_of(qube):
            self.firewall(address, rules, policy)

    def connected(self, addresses):
        """All qubes that are configured to use this netvm, running or not."""
        for path, version in (("/connected-ips", 4), ("/connected-ips6", 6)):
            self.server.write(path, " ".join(
                address for address in addresses
                if ipaddress.ip_address(address).version == version))

    def virtual_dns(self, primary, secondary=""):
        """What clients take for their DNS servers; an empty one is not there."""
        for path, address in (("/qubes-netvm-primary-dns", primary),
                              ("/qubes-netvm-secondary-dns", secondary)):
            if address:
                self.server.write(path, address)
            else:
                self.server.rm(path)

    def vm_config(self, name, value):
        """`qvm-features NETVM vm-config.NAME VALUE`; None takes it away."""
        if value is None:
            self.server.rm(f"/vm-config/{name}")
        else:
            self.server.write(f"/vm-config/{name}", value)

    def forget(self, qube):
        """What dom0 never does while the netvm runs: the targets are gone."""
        for address in addresses_of(qube):
            self.server.rm(f"/qubes-firewall/{address}/")
            self.server.rm(f"/qubes-firewall/{address}")


def addresses_of(qube):
    """Of a qube of the lab, of one address, or of many."""
    if isinstance(qube, str):
        return [qube]
    if hasattr(qube, "address"):
        return [address for address in (qube.address, qube.address6) if address]
    return list(qube)


def as_written(rule):
    """A rule as qvm-firewall reads it and dom0 writes it; one of `key=value` words stays as it is,
    right or wrong."""
    words = rule.split(" ")
    if not words[0] or "=" in words[0]:
        return rule
    free, written = iter(POSITIONS), []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            key, value = next(free), word
            if key == "dstports" and "proto=icmp" in written:
                key = "icmptype"
        written.append(_option(key, value))
    return " ".join(written)


def _option(key, value):
    if key == "dstports" and "-" not in value:
        return f"dstports={value}-{value}"
    if key in ("dsthost", "dst4", "dst6", "dstname"):
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            return f"dsthost={value}"
        return f"dst{network.version}={network}"
    return f"{key}={value}"
