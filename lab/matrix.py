"""Rule sets such as dom0 writes, and packets at their edges, all from a seed.

    case = Case("17", 3, dns=["192.0.2.53", "2001:db8:53::53"])      the third of seed 17
    case.entries[4]       what QubesDB holds below /qubes-firewall/10.137.0.25/
    case.names            what DNS says of the hosts in its rules: name to addresses, or None
    case.asked            names that a client asks for itself, below the suffixes of its rules
    case.packets          some 60 of each family

Every name belongs to one case alone, so that no cache and no pin of another one speaks for it.
Rules are drawn from a few networks, names and ports each, so that they overlap; packets are aimed
at a rule of the set, its first and last address and port, and one beyond.
"""

import ipaddress
import random

from lab import packets
from lab.verdict import ICMP, ICMPV6, TCP, UDP, Packet, Rule

ZONE = "matrix.test"
PACKETS = 60    # of each family
RULES = 12      # at most
PORTS = (0, 1, 9, 10, 22, 53, 80, 99, 100, 443, 999, 1000, 1023, 1024, 8080, 9999, 10000, 32768,
         60000, 65534, 65535)
ICMP_TYPES = (0, 3, 5, 8, 11, 13, 18, 42, 127, 128, 129, 135, 143, 255)
OTHERS = (2, 4, packets.GRE, packets.ESP, packets.AUTHENTICATION, packets.NOTHING, packets.SCTP,
          packets.UDP_LITE, 253, 255)
V6_EXTENSIONS = ("hop-by-hop", "destination", "routing", "fragment", "pieces")
ODD_HOSTS = ("", "a..b", "-x", ".com", ".co.uk", ".", "..", "-", "a" * 64, "nobody.invalid")
BITS = {4: 32, 6: 128}
# Where names live that may be pinned, and other places that a rule may name.
PUBLIC = {4: ("198.18.0.0/15", "203.0.113.0/24", "5.0.0.0/8"), 6: ("2001:db8::/32", "2a00::/12")}
OTHER = {4: ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "240.0.0.0/5"),
         6: ("fd00::/8", "2000::/3")}
OWN = [ipaddress.ip_network(text) for text in (
    "10.0.2.0/24", "10.137.0.0/16", "10.139.1.0/24",  # the netvm's, clients', intercepted
    "fd0a:2::/64", "fd09:24ef:4179::/48")]


def is_forwarded(address):
    """If a router passes such a packet on, and the lab's netvm does so to the uplink."""
    value = int(address)
    if address.version == 4:
        forwarded = value >> 24 in range(1, 224) and value >> 24 != 127 or value >> 27 == 0b11110
    else:  # 2000::/3, fc00::/7
        forwarded = value >> 125 == 0b001 or value >> 121 == 0b1111110
    return forwarded and not any(address in network for network in OWN)


class Case:
    def __init__(self, seed, number, dns):
        self.number, self.dns = number, [ipaddress.ip_address(text) for text in dns]
        self._random = random.Random(f"{seed}/{number}")
        self.names, self.asked = {}, []
        self._dropped, self._suffixes = [], {}  # names for drops alone; suffixes to their action
        self._ports, self._types = self._some(PORTS, 4), self._some(ICMP_TYPES, 3)
        self._make_names()
        self._networks = {version: [self._network(version) for _ in range(3)] for version in BITS}
        count = self._random.randrange(RULES + 1)
        first = self._random.choice((0, 0, 0, 9999 - 2 * RULES))
        numbers = sorted(self._random.sample(range(first, first + 2 * RULES), count))
        self.rules = {number: self._rule() for number in numbers}
        self.policy = self._random.choice(("drop", "drop", "accept"))
        self.entries = {version: self._entries(version) for version in BITS}
        self.broken = self._break() if self._is(0.08) else None
        self.packets = [self._packet(version) for version in BITS for _ in range(PACKETS)]

    def _is(self, chance):
        return self._random.random() < chance

    def _some(self, values, count):
        return [self._random.choice(values) for _ in range(count)]

    # Names.

    def _make_names(self):
        count = self._random.choice((0, 0, 1, 1, 2, 3))
        for place in range(count):
            name = f"n{place}.c{self.number}.{ZONE}"
            if self._is(0.2):  # longer than a path in QubesDB, or as long as can be
                name = ("long-" + "x" * 58 + ".") * self._random.choice((1, 3)) + name
            if self._is(0.25):
                self._suffixes["." + name] = self._random.choice(("accept", "accept", "drop"))
                self.asked += [word + name for word in self._random.choice(
                    (("",), ("www.",), ("", "a.b.")))]
            elif self._is(0.2):  # such a name may be private
                self._dropped.append(name)
                self.names[name] = self._answer(public=False)
            else:
                self.names[name] = self._answer()
        self.names.update({name: self._answer(failing=False) for name in self.asked})
        self._known = {name: [ipaddress.ip_address(text) for text in texts or ()]
                       for name, texts in self.names.items()}

    def _answer(self, failing=True, public=True):
        """What DNS answers: of both families, one, none; or nothing that could be believed."""
        kind = self._random.choices(("both", "4", "6", "none", "fails"), (10, 3, 3, 2, failing))[0]
        if kind == "fails":
            return None
        return [str(self._address(version, PUBLIC if public else None)) for version in BITS
                for _ in range(self._random.randint(1, 3)) if kind in ("both", str(version))]

    # Addresses.

    def _address(self, version, where=None):
        places = where or self._random.choices((PUBLIC, OTHER), (3, 1))[0]
        network = ipaddress.ip_network(self._random.choice(places[version]))
        return network[self._random.randrange(network.num_addresses)]

    def _network(self, version):
        """Of any length, often around an address that matters."""
        known = [address for addresses in [*self._known.values(), self.dns] for address in addresses
                 if address.version == version]
        base = self._random.choice(known) if known and self._is(0.4) else self._address(version)
        usual = {4: (8, 16, 24, 31, 32, 32), 6: (32, 48, 64, 127, 128, 128)}[version]
        length = (self._random.choice(usual) if self._is(0.6) else
                  self._random.randrange(BITS[version] + 1))
        return ipaddress.ip_network((base, length), strict=False)

    def _edge(self, network):
        """In it or just outside."""
        first, size = int(network.network_address), network.num_addresses
        value = first + self._random.choice((-1, 0, 0, 1, size // 2, size - 1, size - 1, size,
                                             self._random.randrange(size)))
        return type(network.network_address)(value % 2 ** network.max_prefixlen)

    # Rules.

    def _rule(self):
        destination = self._random.choices(("", "4", "6", "host", "suffix", "odd"),
                                           (40, 40, 40, 40, 20, 3))[0]
        exact = [name for name in self.names if name not in self.asked]
        parts = {"action": self._random.choice(("accept", "accept", "accept", "drop", "drop"))}
        if destination in ("4", "6"):
            parts["network"] = self._random.choice(self._networks[int(destination)])
        elif destination == "host" and exact:
            parts["host"] = self._random.choice(exact)
            if parts["host"] in self._dropped:
                parts["action"] = "drop"
        elif destination == "suffix" and self._suffixes:
            parts["host"], parts["action"] = self._random.choice(list(self._suffixes.items()))
            if parts["action"] == "drop":
                return Rule(**parts)
        elif destination == "odd":
            return Rule("accept", host=self._random.choice(ODD_HOSTS))
        in_dns = "host" in parts and (parts["host"] in self._suffixes or parts["action"] == "drop")
        if self._is(0.15) and not in_dns:
            self._add_dns(parts)
        elif self._is(0.7 if len(parts) > 1 else 0.9):
            self._add_service(parts)
        return Rule(**parts)

    def _add_dns(self, parts):
        parts.update(dns=True, protocol=self._random.choice((None, None, "tcp", "udp")))
        if "network" in parts and self._is(0.5):
            around = self._random.choice(self.dns)
            parts["network"] = ipaddress.ip_network((around, self._random.choice((0, 16, 32))),
                                                    strict=False)
        if parts["protocol"] and self._is(0.4):
            parts["ports"] = self._random.choice(((53, 53), (53, 53), (53, 54), (1, 65535)))

    def _add_service(self, parts):
        parts["protocol"] = self._random.choice(("tcp", "tcp", "tcp", "udp", "udp", "icmp"))
        if parts["protocol"] == "icmp":
            if self._is(0.7):
                parts["icmp_type"] = self._random.choice(self._types)
        elif self._is(0.75):
            first, last = sorted(self._some(self._ports, 2))
            parts["ports"] = self._random.choice(
                ((first, last), (first, last), (first, first), (last, last), (0, 65535)))

    def _text(self, rule):
        """In dom0's order, or in any."""
        words = [f"action={rule.action}"]
        if rule.network is not None:
            words.append(f"dst{rule.network.version}={self._network_text(rule.network)}")
        if rule.host is not None:
            dot = "." if not rule.host.startswith(".") and self._is(0.1) else ""
            words.append(f"dsthost={rule.host}{dot}")
        words += [f"proto={rule.protocol}"] if rule.protocol else []
        words += ["specialtarget=dns"] if rule.dns else []
        if rule.ports is not None:
            one = rule.ports[0] == rule.ports[1] and self._is(0.1)
            words.append(f"dstports={rule.ports[0]}" + ("" if one else f"-{rule.ports[1]}"))
        words += [f"icmptype={rule.icmp_type}"] if rule.icmp_type is not None else []
        if self._is(0.15):
            self._random.shuffle(words)
        return " ".join(words)

    def _network_text(self, network):
        """Some people leave the host's bits where they are, or write IPv6 at length."""
        address = network.network_address
        if self._is(0.2):
            address = network[self._random.randrange(network.num_addresses)]
        text = str(address)
        if network.version == 6 and self._is(0.2):
            text = self._random.choice((address.exploded, text.upper()))
        whole = network.prefixlen == network.max_prefixlen and self._is(0.1)
        return text if whole else f"{text}/{network.prefixlen}"

    def _entries(self, version):
        if version == 4:
            self._texts = {number: self._text(rule) for number, rule in self.rules.items()}
        entries = {"policy": self.policy}
        for number, rule in self.rules.items():
            if rule.network is None or rule.network.version == version:
                entries[f"{number:04}"] = self._texts[number]
        return entries

    def _break(self):
        """Something in it is no rule any more; says what."""
        number = f"{self._random.randrange(2 * RULES):04}"
        good = f"action={self._random.choice(('accept', 'drop'))} proto=tcp dstports=80-80"
        broken = self._random.choice((
            good + " dpi=http", good + " colour=blue", good + " blue", good + " action=accept",
            good + " dstports=80-80", good + " dst4=1.2.3.4/32 dst4=1.2.3.4/32",
            good + " dst4=1.2.3.4/32 dsthost=a.test", "action=reject", "action=", "proto=tcp", "",
            "accept", "action=accept proto=gre", "action=accept proto=TCP",
            "action=accept proto=tcp dstports=80-79",
            "action=accept proto=udp dstports=65536-65536",
            "action=accept proto=udp dstports=1-70000", "action=accept proto=tcp dstports=http",
            "action=accept proto=tcp dstports=80,443", "action=accept proto=tcp dstports=-80",
            "action=accept proto=icmp dstports=80-80", "action=accept proto=icmp icmptype=256",
            "action=accept proto=icmp icmptype=echo-request", "action=accept specialtarget=ntp",
            "action=accept proto=icmp specialtarget=dns", "action=accept dst4=1.2.3.4/33",
            "action=accept dst4=1.2.3.256/32", "action=accept dst6=2001:db8::g/128",
            "action=accept dst6=2001:db8::/129", "action=drop dsthost=.a.test proto=tcp",
            "action=drop dsthost=a..b", "action=drop dsthost=", "action=drop dsthost=.. proto=udp",
            "the family", "the policy", "no policy", "the number", "a word"))
        targets = [4] if "dst4" in broken else [6] if "dst6" in broken else list(BITS)
        for version in targets:
            entries = self.entries[version]
            if broken == "the family":
                entries[number] = "action=accept dst6=2001:db8::1/128"
            elif broken == "no policy":
                del entries["policy"]
            else:
                key, value = {"the policy": ("policy", self._random.choice(("reject", "", "Drop"))),
                              "the number": (self._random.choice(("7", "00017", "-001")), good),
                              "a word": ("rules", good)}.get(broken, (number, broken))
                entries[key] = value
        return broken

    # Packets.

    def _packet(self, version):
        rules = [rule for rule in self.rules.values()
                 if rule.network is None or rule.network.version == version]
        aim = self._random.choice(rules) if rules else Rule("accept")
        protocol, port, icmp_type = self._protocol(aim, version), 0, self._icmp_type(aim)
        if protocol in (TCP, UDP, packets.AUTHENTICATION, packets.SCTP,
                        packets.UDP_LITE):
            port, icmp_type = self._port(aim), 0
        return Packet(self._destination(aim, version), protocol, port, icmp_type,
                      self._extensions(version))

    def _destination(self, aim, version):
        for _ in range(8):
            near = self._near(aim if self._is(0.85) else Rule("accept"), version)
            if is_forwarded(near):
                return near
        return self._address(version, PUBLIC)

    def _near(self, aim, version):
        """One address that the rule is about, or that another one may be about."""
        if aim.dns and (aim.network is None or self._is(0.7)):
            return self._random.choice([dns for dns in self.dns if dns.version == version])
        if aim.network is not None:
            return self._edge(aim.network)
        known = [address for name in self._known if not aim.host or name.endswith(
            aim.host.lstrip(".")) for address in self._known[name] if address.version == version]
        if known and (aim.host or self._is(0.4)):
            return self._random.choice(known) + self._random.choice((0, 0, 0, 0, 1))
        return self._edge(self._random.choice(self._networks[version]))

    def _protocol(self, aim, version):
        usual = {"tcp": TCP, "udp": UDP, "icmp": ICMP if version == 4 else ICMPV6}
        if aim.protocol and self._is(0.8):
            return usual[aim.protocol]
        if self._is(0.75):
            return self._random.choice((TCP, TCP, UDP, UDP, usual["icmp"]))
        return self._random.choice(OTHERS + (ICMP + ICMPV6 - usual["icmp"],))

    def _port(self, aim):
        if aim.dns and self._is(0.7):
            return 53
        ports = aim.ports or self._some(self._ports + [53], 2)
        return min(max(self._random.choice(ports) + self._random.choice((-1, 0, 0, 1)), 0), 65535)

    def _icmp_type(self, aim):
        kind = self._random.choice(self._types + [0, 8, 128])
        if aim.icmp_type is not None:
            kind = aim.icmp_type + self._random.choice((-1, 0, 0, 1))
        return kind % 256

    def _extensions(self, version):
        if version == 4:
            return self._random.choices(((), ("options",), ("pieces",)), (18, 1, 1))[0]
        count = self._random.choices((0, 1, 2, 3), (14, 4, 2, 1))[0]
        chosen = self._random.sample(V6_EXTENSIONS, count)
        return tuple(name for name in V6_EXTENSIONS if name in chosen)
