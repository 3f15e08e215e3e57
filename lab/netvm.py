"""The netvm of a lab, and what its kernel holds."""

import dataclasses
import json
import re

from lab.namespace import Namespace


@dataclasses.dataclass(frozen=True)
class Element:
    """One address in a set of the kernel. Times are in seconds; 0 where the element has none."""
    address: str
    timeout: int = 0
    expires: int = 0
    comment: str = ""
    set: str = ""


@dataclasses.dataclass(frozen=True)
class Flow:
    """One conntrack entry as its first packet was: addresses as text, ports as numbers."""
    protocol: str
    source: str
    destination: str
    source_port: int = 0
    port: int = 0
    text: str = ""


class Netvm(Namespace):
    def nft(self, text):
        """Feeds text to nft; raises if it refuses."""
        self.run(["nft", "-f", "-"], check=True, input=text)

    def nft_list(self, *words):
        """`nft list WORDS` as the text that a person would see; empty where there is nothing."""
        return self.run(["nft", "list", *words]).stdout

    def nft_json(self, *words):
        """`nft -j list WORDS` as a list of objects; empty where there is nothing."""
        output = self.run(["nft", "-j", "list", *words]).stdout
        return json.loads(output)["nftables"] if output.strip() else []

    def elements(self, family, set_name, table="dnspin"):
        for item in self.nft_json("set", family, table, set_name):
            if "set" in item:
                return _elements(item["set"])
        return []

    def pins(self, qube, table="dnspin"):
        """Every element of every pin set of a qube, both families."""
        return [pin for family in ("ip", "ip6")
                for pin in pins_in(self.nft_json("table", family, table), qube)]

    def pinned_addresses(self, qube, table="dnspin"):
        return {pin.address for pin in self.pins(qube, table)}

    def doors(self):
        """Client address to port, both families."""
        text = "".join(self.nft_list("map", family, "dnspin-dns", "doors")
                       for family in ("ip", "ip6"))
        return dict(re.findall(r"([0-9a-f.:]+) : (\d+)", text))

    def flows(self, qube=None):
        """Conntrack entries, of one qube as source if it is given."""
        found = []
        for family in ("ipv4", "ipv6"):
            found += map(_flow, self.run(["conntrack", "-L", "-f", family]).stdout.splitlines())
        return [flow for flow in found
                if not qube or flow.source in (qube.address, qube.address6)]


def pins_in(listed, qube):
    """Those of a qube, in a list of objects of nft's."""
    prefixes = tuple(f"pin-{address.replace('.', '-').replace(':', '-')}-"
                     for address in (qube.address, qube.address6) if address)
    for item in listed:
        if item.get("set", {}).get("name", "").startswith(prefixes):
            yield from _elements(item["set"])


def _elements(item):
    found = []
    for entry in item.get("elem", []):
        entry = entry["elem"] if isinstance(entry, dict) and "elem" in entry else {"val": entry}
        found.append(Element(entry["val"], entry.get("timeout", item.get("timeout", 0)),
                             entry.get("expires", 0), entry.get("comment", ""), item["name"]))
    return found


def _flow(line):
    first = {}
    for key, _, value in (word.partition("=") for word in line.split()):
        first.setdefault(key, value)
    return Flow(line.split()[0], first["src"], first["dst"], int(first.get("sport", 0)),
                int(first.get("dport", 0)), line)
