"""What dom0's rules say about a packet: a small evaluator, written from the description of the
rules alone and not from dnspin.

    entries = {"policy": "drop", "0000": "action=accept dst4=192.0.2.0/24 proto=tcp"}
    judge = Evaluator({4: entries, 6: {"policy": "drop"}}, dns=["192.0.2.53"], names={})
    judge.verdict(Packet(ipaddress.ip_address("192.0.2.7"), TCP, port=80))      "accept"

`entries` is what QubesDB holds below /qubes-firewall/ADDRESS/, one such target for each family.
`names` says which addresses a name of a `dsthost` stands for; None where there was no definite
answer yet. `dns` are the netvm's resolvers, "dns-addr".

The agent and dnspin differ on purpose, and these are all the places where they do:

    - Behind extension headers of IPv6 a protocol is what it is: Packet.protocol is behind them.
      (IPsec's authentication header is none of them: it is protocol 51 in both families.)
    - Ports are numbers; the agent compares them as text when it looks for flows to cut.
    - A name that does not resolve, or not in this family, matches nothing and blocks nobody. Until
      it is known whether it does, what a drop of it leaves to the rules behind it is rejected; a
      drop of what can be no name at all blocks the client, as the agent does.
    - `dsthost=.suffix` is a host: in an accept rule it is every known name at and below it; as a
      drop it acts in DNS alone, and so with a protocol it is no rule.
    - A target with anything in it that is no rule blocks its client, in both families.

Left open, and in no rule of the matrix: `dstports` without a protocol, which dom0 never sends, and
a drop of `dsthost` with `specialtarget=dns`, which matches no packet but refuses questions. Private
addresses of accepted names, which the agent opens and dnspin does not, are not among its names.
"""

import dataclasses
import ipaddress
import re
from typing import Optional, Union

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PROTOCOLS = {"tcp": TCP, "udp": UDP}
DNS_PORT = 53
OPTIONS = {"action", "dst4", "dst6", "dsthost", "proto", "dstports", "icmptype", "specialtarget"}
DESTINATIONS = ("dst4", "dst6", "dsthost")
ACTIONS = {"accept": "accept", "drop": "reject"}
HOST = re.compile(r"\.?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")  # nobody can look up others


class Broken(Exception):
    """Says what in a target is no rule."""


@dataclasses.dataclass(frozen=True)
class Packet:
    """As far as rules can see it."""
    destination: Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
    protocol: int           # that of the payload
    port: int = 0           # of destination, where the protocol has ports
    icmp_type: int = 0
    extensions: tuple = ()  # headers before the payload, by name: packets.py

    @property
    def version(self):
        return self.destination.version


@dataclasses.dataclass(frozen=True)
class Rule:
    action: str
    network: Optional[object] = None
    host: Optional[str] = None
    protocol: Optional[str] = None
    ports: Optional[tuple] = None  # first and last
    icmp_type: Optional[int] = None
    dns: bool = False


def read_rule(text, version):
    """One of dom0's rules for a target of this family; raises Broken."""
    words = {}
    for word in text.split(" "):
        key, equals, value = word.partition("=")
        if not equals or key not in OPTIONS or key in words:
            raise Broken(f"option {word}")
        words[key] = value
    if words.get("action") not in ACTIONS:
        raise Broken("action")
    if sum(key in words for key in DESTINATIONS) > 1:
        raise Broken("two destinations")
    protocol = words.get("proto")
    if protocol not in (None, "tcp", "udp", "icmp"):
        raise Broken("proto")
    if words.get("specialtarget", "dns") != "dns":
        raise Broken("specialtarget")
    dns = "specialtarget" in words
    if protocol == "icmp" and (dns or "dstports" in words):
        raise Broken("icmp has no ports")
    if protocol != "icmp" and "icmptype" in words:
        raise Broken("icmptype without icmp")
    if words["action"] == "drop" and "dsthost" in words:
        if not HOST.fullmatch(words["dsthost"]):
            raise Broken("a drop of what can be no host")
        if words["dsthost"].startswith(".") and protocol:
            raise Broken("a dropped suffix acts in DNS")
    return Rule(action=words["action"], network=_network(words, version), host=words.get("dsthost"),
                protocol=protocol, ports=_ports(words.get("dstports")),
                icmp_type=_number(words.get("icmptype"), 255), dns=dns)


def _network(words, version):
    for key, family, kind in (("dst4", 4, ipaddress.IPv4Network),
                              ("dst6", 6, ipaddress.IPv6Network)):
        if key in words:
            if family != version:
                raise Broken(f"{key} for the other family")
            try:
                if re.fullmatch("[^/]+(/[0-9]{1,3})?", words[key]):
                    return kind(words[key], strict=False)
            except ValueError:
                pass
            raise Broken(key)
    if not re.fullmatch(r"[a-z0-9._-]*", words.get("dsthost", "")):
        raise Broken("dsthost")
    return None


def _number(text, last):
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > last:
        raise Broken(f"number {text}")
    return int(text)


def _ports(text):
    if text is None:
        return None
    first, dash, last = text.partition("-")
    ports = _number(first, 65535), _number(last if dash else first, 65535)
    if ports[0] > ports[1]:
        raise Broken(f"ports {text}")
    return ports


def read_target(entries, version):
    """Its rules in the order of their numbers, and its policy; raises Broken."""
    rules = {}
    for key, value in entries.items():
        if key != "policy":
            if not re.fullmatch("[0-9]{4}", key):
                raise Broken(f"entry {key}")
            rules[int(key)] = read_rule(value, version)
    if entries.get("policy") not in ACTIONS:
        raise Broken("policy")
    return [rules[number] for number in sorted(rules)], entries["policy"]


class Evaluator:
    """The rules of one client."""

    def __init__(self, targets, dns, names):
        self.dns = {ipaddress.ip_address(text) for text in dns}
        self.names = {name: None if texts is None else {ipaddress.ip_address(text)
                                                        for text in texts}
                      for name, texts in names.items()}
        self.broken, self.targets = None, {}
        try:
            self.targets = {version: read_target(entries, version)
                            for version, entries in targets.items()}
        except Broken as error:
            self.broken = str(error)

    def verdict(self, packet):
        """"accept" or "reject": the first rule that matches decides, else the policy."""
        if self.broken is not None or packet.version not in self.targets:
            return "reject"
        rules, policy = self.targets[packet.version]
        for rule in rules:
            if rule.action == "drop" and self.is_unknown(rule) or self.matches(rule, packet):
                return ACTIONS[rule.action]
        return ACTIONS[policy]

    def is_unknown(self, rule):
        """A name for which there is no definite answer yet."""
        return rule.host is not None and self.names.get(rule.host.rstrip("."), ()) is None

    def matches(self, rule, packet):
        return (self.destination_matches(rule, packet) and self.protocol_matches(rule, packet) and
                self.ports_match(rule, packet) and self.icmp_type_matches(rule, packet) and
                self.dns_matches(rule, packet))

    def destination_matches(self, rule, packet):
        if rule.network is not None:
            return packet.destination in rule.network
        return rule.host is None or packet.destination in self.addresses(rule)

    def addresses(self, rule):
        """All that a rule's host stands for."""
        if not rule.host.startswith("."):
            return self.names.get(rule.host.rstrip(".")) or ()
        if rule.action == "drop":
            return ()
        return {address for name, known in self.names.items() for address in known or ()
                if ("." + name).endswith(rule.host)}

    def protocol_matches(self, rule, packet):
        if rule.protocol == "icmp":
            return packet.protocol == (ICMP if packet.version == 4 else ICMPV6)
        return rule.protocol is None or packet.protocol == PROTOCOLS[rule.protocol]

    def ports_match(self, rule, packet):
        """Without a protocol: those of TCP and UDP."""
        return rule.ports is None or (packet.protocol in PROTOCOLS.values() and
                                      rule.ports[0] <= packet.port <= rule.ports[1])

    def icmp_type_matches(self, rule, packet):
        return rule.icmp_type is None or packet.icmp_type == rule.icmp_type

    def dns_matches(self, rule, packet):
        """The resolvers on their port; a rule that says other ports as well never matches."""
        return not rule.dns or (
            packet.destination in self.dns and packet.protocol in PROTOCOLS.values() and
            packet.port == DNS_PORT and rule.ports in (None, (DNS_PORT, DNS_PORT)))
