"""Lines as `journalctl -o json` prints them of a day of one client, for tests of what reads them.

The same seed gives the same lines.
"""

import json
import random

EVIL = ("<script>document.title='owned'</script>.test", "\"><img src=x onerror=alert(1)>.test",
        "'-alert(1)-'.test", "&lt;b&gt;.test", "{{7*7}}{}%s.test", "</style><svg/onload=1>.test",
        "a\u202etset.elpmaxe", "x" * 1000 + ".test", "]]>--><!--.test")
REASONS = ("no rule lists it", "no rule lists it", "no rule lists it",
           "a drop rule names it, or an alias on its way",
           "its server refuses, or it is one new name too many under its pattern")
SITES = ("github.com", "api.github.com", "objects.githubusercontent.com", "deb.debian.org",
         "security.debian.org", "pypi.org", "files.pythonhosted.org", "docs.python.org",
         "crates.io", "static.crates.io", "mail.example.com", "cdn7.example.net",
         "a-very-long-label-that-somebody-thought-was-a-good-idea.storage.eu-central-1.example.net")
STRANGERS = ("telemetry.example", "ads.example.com", "tracker.example.org", "casino.example",
             "metrics.vendor.example", "update.toolbar.example")


def entry(at, message, kind=None, client="work", **fields):
    told = {"__REALTIME_TIMESTAMP": str(int(at * 1e6)), "PRIORITY": "6", "_COMM": "dnspind",
            "MESSAGE": message, "DNSPIN_CLIENT": client}
    if kind:
        told["DNSPIN_EVENT"] = kind
    told.update({f"DNSPIN_{name.upper()}": str(value) for name, value in fields.items()})
    return told


def pinned(at, name, address, life, rule):
    return entry(at, f"pinned work {name} {address} for {life}s (rule {rule})", "pinned",
                 name=name, address=address, ttl=life, rule=rule)


def refused(at, name, reason):
    return entry(at, f"refused work {name}: {reason}", "refused", name=name, ede=18)


def revoked(at, name, address):
    return entry(at, f"revoked work {name} {address}: no rule lists it any more", "revoked",
                 name=name, address=address)


def day_of_lines(end, count=2000, seed=1):
    """`count` entries of client work in the 24 hours before `end`, and some of another's."""
    chance = random.Random(seed)
    entries = []
    for number in range(count - len(EVIL) - 6):
        # Busy at two times of the day.
        at = end - 86400 * min(max(chance.gauss(chance.choice((0.3, 0.65)), 0.11), 0.001), 0.999)
        if number % 5 < 3:
            site = min(int(chance.expovariate(0.3)), len(SITES) - 1)
            address = (f"2001:db8::{site:x}:{chance.randrange(2)}" if chance.random() < 0.3
                       else f"198.51.100.{site * 12 + chance.randrange(4)}")
            entries.append(pinned(at, SITES[site], address, chance.choice((300, 330, 3630)),
                                  site + 1))
        elif number % 50 == 49:
            entries.append(revoked(at, SITES[3], "198.51.100.36"))
        else:
            which = min(int(chance.expovariate(0.6)), len(STRANGERS) - 1)
            entries.append(refused(at, STRANGERS[which], REASONS[which % len(REASONS)]))
    entries += [refused(end - 3600 - n, name, "no rule lists it") for n, name in enumerate(EVIL)]
    for n in range(3):
        entries.append(entry(end - 7200 - n, f"the reader of work is ended: it was {EVIL[n]}",
                             "error"))
    entries.append(entry(end - 9000, f"blocked work: its rules do not parse: {EVIL[1]}",
                         "blocked"))
    entries.append(entry(end - 9100, "37 log lines of work left out"))
    entries.append(pinned(end - 100, "github.com", "198.51.100.1", 3630, 1))
    entries += [entry(end - 50 * n - 1, f"refused mail other{n}.test: no rule lists it", "refused",
                      client="mail", name=f"other{n}.test") for n in range(50)]
    entries.sort(key=lambda one: int(one["__REALTIME_TIMESTAMP"]))
    return entries


def text(entries):
    return "".join(json.dumps(one) + "\n" for one in entries)
