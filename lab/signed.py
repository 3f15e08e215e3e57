"""A small signed tree of zones, from a root of the lab's own, as ldns-signzone signs it.

    .               example.test      NSEC; wildcards, aliases, what is not there
    test            three.example.test  NSEC3; an RSA key that fits no datagram
    other.test      plain.example.test  not signed; broken.example.test: a signature is wrong

    tree = SignedTree(lab)     # served by an nsd at SIGNED_ADDRESS
    tree.anchor                # the root's DS, as a validator takes it
"""

import dataclasses
import pathlib
import re
import subprocess

from lab.namespace import PATH, LabError
from lab.servers import start_nsd

SIGNED_ADDRESS = "192.0.2.55"
APEX = """$TTL 3600
@ IN SOA ns.example.test. root.example.test. 1 3600 600 86400 600
@ IN NS ns.example.test.
"""


@dataclasses.dataclass(frozen=True)
class Zone:
    text: str
    options: tuple = ()  # of ldns-signzone
    algorithm: str = "ECDSAP256SHA256"
    keys: int = 2
    signed: bool = True
    broken: bool = False


def cut(name):
    return f"{name} IN NS ns.example.test.\n"


# Those below come before those above, whose DS records they give.
ZONES = {
    "three.example.test": Zone("""
@ IN A 203.0.113.70
www IN A 203.0.113.71
deep.empty IN A 203.0.113.72
*.wild IN A 203.0.113.73
""", options=("-n", "-t", "1", "-s", "abcd"), algorithm="RSASHA256", keys=4),
    "plain.example.test": Zone("@ IN A 203.0.113.75\nwww IN A 203.0.113.75\n", signed=False),
    "broken.example.test": Zone("@ IN A 203.0.113.76\nwww IN A 203.0.113.76\n", broken=True),
    "example.test": Zone("""
ns IN A 192.0.2.55
@ IN A 203.0.113.60
@ IN MX 10 mail
@ IN TXT "signed text"
mail IN A 203.0.113.61
www IN A 203.0.113.62
www IN AAAA 2001:db8:60::62
many 86400 IN A 203.0.113.63
""" + "".join(f"many 86400 IN A 203.0.113.{number}\n" for number in range(100, 180)) + """
alias IN CNAME www
away IN CNAME target.other.test.
*.wild IN A 203.0.113.64
*.wildalias IN CNAME www
short 0 IN A 203.0.113.65
empty.non.terminal IN A 203.0.113.66
mixed IN A 203.0.113.67
mixed IN A 192.168.1.67
_http._tcp IN SRV 0 0 80 www
web IN TYPE65 \\# 11 0001 00 0004 0004 cb00 7144
old IN DNAME new
www.new IN A 203.0.113.68
""" + cut("three") + cut("plain") + cut("broken")),
    "other.test": Zone("target IN A 203.0.113.80\nnext IN A 203.0.113.81\n"),
    "test": Zone(cut("example") + cut("other"), options=("-n", "-p")),
    ".": Zone(cut("test.")),
}


class SignedTree:
    def __init__(self, lab):
        folder = lab.scratch / "signed"
        folder.mkdir()
        self._delegations, texts = {}, {}
        for name, zone in ZONES.items():
            texts[name] = self._sign(folder, name, zone) if zone.signed else APEX + zone.text
        self.anchor = self._delegations["."]
        self.nsd = start_nsd(lab, texts, SIGNED_ADDRESS, "nsd-signed")

    def _sign(self, folder, name, zone):
        below = "".join(ds for child, ds in self._delegations.items() if parent_of(child) == name)
        file = folder / f"zone-{name}"
        file.write_text(APEX + zone.text + below)
        keys = [run(folder, "ldns-keygen", "-a", zone.algorithm, "-b", "2048",
                    *(["-k"] if number == 0 else []), name) for number in range(zone.keys)]
        self._delegations[name] = (folder / f"{keys[0]}.ds").read_text()
        run(folder, "ldns-signzone", *zone.options, "-o", name, "-f", f"{file}.signed", file, *keys)
        text = pathlib.Path(f"{file}.signed").read_text()
        return with_wrong_signatures(text) if zone.broken else text


def parent_of(name):
    return None if name == "." else name.partition(".")[2] or "."


def with_wrong_signatures(text):
    """Those of A records are of other octets; all else, the keys' among them, is as it was."""
    return re.sub(r"(\tRRSIG\tA .* )([A-Za-z0-9+/]{8})",
                  lambda match: match[1] + match[2][::-1], text)


def run(folder, *command):
    result = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True,
                            check=False, env={"PATH": PATH})
    if result.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return result.stdout.strip()
