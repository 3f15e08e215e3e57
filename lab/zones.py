"""What the lab's DNS says. ZONES is served by nsd, as any site's zone is; install() scripts what no
real server does on purpose. Everything lives under .test.

    rr.test            200 addresses of each family, 8 at a time, TTL 5, the next 8 at each question
    N.race.test        an address of its own for every N: 198.18.0.0 + N, 2001:db8:ace:: + N
    odd.test           ttl-N, delay-MS, many-N, links-N, silent, tc, tc-with-records, lower-case,
                       servfail, refused, nx: one oddity each, no attack (evil.py has those)
"""

import dataclasses
import ipaddress

from lab import dnswire, evil
from lab.authority import RoundRobin, aliases, nothing_there, records
from lab.dnswire import Reply

APEX = """$TTL 60
@ IN SOA ns root 1 3600 600 86400 5
@ IN NS ns
ns IN A 192.0.2.54
"""

ZONES = {
    "shop.test": APEX + """
@ IN A 203.0.113.20
www IN CNAME edge
edge IN CNAME pop7
pop7 30 IN A 203.0.113.21
pop7 30 IN AAAA 2001:db8:5::21
_http._tcp IN SRV 0 0 80 pop7
""",
    "docs.test": APEX + "@ IN A 203.0.113.30\n@ IN AAAA 2001:db8:5::30\n@ IN TXT \"plain text\"\n",
    "six.test": APEX + "@ IN AAAA 2001:db8:6::1\n",
    "casino.test": APEX + "@ IN A 203.0.113.40\nwww IN A 203.0.113.41\n",
    "files.test": APEX + "".join(f"h{i} IN A 203.0.113.{100 + i}\n" for i in range(50)),
}

ROUND_ROBIN = [f"198.51.100.{i}" for i in range(1, 201)]
ROUND_ROBIN6 = [f"2001:db8:51::{i:x}" for i in range(1, 201)]
ODD = "203.0.113.60"
ODD6 = "2001:db8:0dd::60"


def race_address(number, kind="A"):
    first = "198.18.0.0" if kind == "A" else "2001:db8:ace::"
    return str(ipaddress.ip_address(first) + number)


def _race(query):
    number = query.name.split(".")[0]
    if not number.isdigit() or query.kind not in ("A", "AAAA"):
        return nothing_there(query)
    return dnswire.addresses(query, [race_address(int(number), query.kind)], ttl=60)


def _round_robin():
    turns = {"A": RoundRobin(ROUND_ROBIN), "AAAA": RoundRobin(ROUND_ROBIN6)}
    return lambda query: turns.get(query.kind, nothing_there)(query)


def _odd(query):
    what, _, number = query.name.split(".")[0].partition("-")
    good = dnswire.addresses(query, [ODD, ODD6])
    if what == "ttl":
        return dnswire.addresses(query, [ODD, ODD6], ttl=int(number))
    if what == "delay":
        return dataclasses.replace(good, delay=int(number) / 1000)
    if what == "many":
        return dnswire.addresses(query, [race_address(100_000 + i, kind)
                                         for kind in ("A", "AAAA") for i in range(int(number))])
    if what == "links":
        return dnswire.chain(query, [f"l{i}.odd.test" for i in range(int(number))], [ODD, ODD6])
    plain = {
        "silent": None,
        "tc": dataclasses.replace(good, truncate=True),
        "tc-with-records": dataclasses.replace(good, truncate=True, keep_records=True),
        "lower-case": dataclasses.replace(good, lower_case=True),
        "servfail": Reply(rcode=dnswire.SERVFAIL),
        "refused": Reply(rcode=dnswire.REFUSED),
    }
    first = query.name.split(".")[0]
    return plain[first] if first in plain else nothing_there(query)


def install(authority):
    authority.at("rr.test", _round_robin())
    authority.under("race.test", _race)
    authority.under("odd.test", _odd)
    authority.at("good.evil.test", records([evil.GOOD, evil.GOOD6]))
    authority.at("alias.evil.test", aliases(["good.evil.test"], [evil.GOOD, evil.GOOD6]))
    authority.under("evil.test", evil.answer)
