#!/usr/bin/python3 -B
"""A validating unbound behind dnspin: what is signed validates, what is not does not."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.signed import SIGNED_ADDRESS, SignedTree  # noqa: E402
from lab.validator import Validator  # noqa: E402

TOLD_MAX = 300
RULES = "accept .example.test"  # and nothing of test or of the root
A, AAAA, CNAME = "A", "AAAA", "CNAME"

# What is asked, and the end of what is told; () where there is nothing.
SECURE = (
    ("www.example.test", A, ("203.0.113.62",)),
    ("www.example.test", AAAA, ("2001:db8:60::62",)),
    ("example.test", "TXT", ('"signed text"',)),
    ("example.test", "MX", ("10 mail.example.test.",)),
    ("example.test", "SOA", ("ns.example.test. root.example.test. 1 3600 600 86400 600",)),
    ("_http._tcp.example.test", "SRV", ("0 0 80 www.example.test.",)),
    ("web.example.test", "HTTPS", ('1 . ipv4hint="203.0.113.68"',)),
    ("alias.example.test", A, ("203.0.113.62",)),
    ("away.example.test", A, ("203.0.113.80",)),           # into another zone
    ("any.wild.example.test", A, ("203.0.113.64",)),
    ("a.b.wild.example.test", A, ("203.0.113.64",)),
    ("any.wildalias.example.test", AAAA, ("2001:db8:60::62",)),
    ("www.old.example.test", A, ("203.0.113.68",)),        # DNAME
    ("short.example.test", A, ("203.0.113.65",)),          # TTL 0
    ("www.three.example.test", A, ("203.0.113.71",)),
    ("any.wild.three.example.test", A, ("203.0.113.73",)),
    ("three.example.test", "DNSKEY", None),                # over TCP
    ("example.test", "DS", None),
)
NOT_THERE = (
    ("nx.example.test", A, "NXDOMAIN"), ("a.b.nx.example.test", AAAA, "NXDOMAIN"),
    ("www.example.test", "TXT", "NOERROR"), ("empty.non.terminal.example.test", AAAA, "NOERROR"),
    ("non.terminal.example.test", A, "NOERROR"), ("any.wild.example.test", AAAA, "NOERROR"),
    ("alias.example.test", "TXT", "NOERROR"), ("away.example.test", AAAA, "NOERROR"),
    ("nx.three.example.test", A, "NXDOMAIN"), ("www.three.example.test", AAAA, "NOERROR"),
    ("empty.three.example.test", A, "NOERROR"), ("any.wild.three.example.test", AAAA, "NOERROR"),
    ("www.example.test", "DS", "NOERROR"), ("plain.example.test", "DS", "NOERROR"),
)


def with_validator(lab, name, rules=RULES, settings=None):
    return trial.with_dnspin(lab, name, clients={"work": rules}, upstream=[SIGNED_ADDRESS],
                             settings=settings)


def secure(lab, _):
    """What signed zones say validates, TTLs clamped; also again, from dnspin's cache"""
    work, counted = lab.qube("work"), 0
    with with_validator(lab, "secure") as dnspin:
        for turn in ("first", "cached"):
            with Validator(lab, work, lab.tree.anchor) as validator:
                for name, kind, ends in SECURE:
                    said = validator.ask(name, kind)
                    why = f"{turn}: {name} {kind}: {said}\n{validator.log()}"
                    assert said.status == "NOERROR" and said.secure, why
                    assert 0 <= said.ttl <= TOLD_MAX, why
                    if ends is not None:
                        assert said.records[-1][1] in ends, why
                        assert said.records[-1][0] in (kind, "TYPE65"), why
                    counted += 1
        pinned = lab.netvm.pinned_addresses(work)
        assert {"203.0.113.62", "203.0.113.80", "2001:db8:60::62"} <= pinned, pinned
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return f"{counted} answers"


def not_there(lab, _):
    """What is proved not to be there, by NSEC and by NSEC3, is believed"""
    counted = 0
    with with_validator(lab, "nothing"):
        for turn in ("first", "cached"):
            with Validator(lab, lab.qube("work"), lab.tree.anchor) as validator:
                for name, kind, status in NOT_THERE:
                    said = validator.ask(name, kind)
                    why = f"{turn}: {name} {kind}: {said}\n{validator.log()}"
                    assert said.status == status and said.secure, why
                    assert all(one[0] in (CNAME, "DNAME") for one in said.records), why
                    counted += 1
    return f"{counted} answers"


def exact(lab, _):
    """A rule of one name is enough for it to validate, and for the names that it names"""
    with with_validator(lab, "exact", "accept alias.example.test tcp 80\n"
                                      "accept away.example.test\ndrop"), \
            Validator(lab, lab.qube("work"), lab.tree.anchor) as validator:
        for name in ("alias.example.test", "away.example.test"):
            said = validator.ask(name)
            assert said.secure and said.records[0][0] == CNAME, (said, validator.log())
        assert validator.ask("mail.example.test").status == "SERVFAIL", "no rule lists it"
    return "2 answers"


def not_signed(lab, _):
    """A zone that is proved not to be signed is answered, and is not secure"""
    with with_validator(lab, "plain"), \
            Validator(lab, lab.qube("work"), lab.tree.anchor) as validator:
        said = validator.ask("www.plain.example.test")
        assert said.status == "NOERROR" and not said.secure, (said, validator.log())
        assert said.records == ((A, "203.0.113.75"),), said
        assert validator.ask("nx.plain.example.test").status == "NXDOMAIN"
    return "2 answers"


def bogus(lab, _):
    """What is signed wrongly stays SERVFAIL at the client, and what dnspin has filtered is too"""
    work = lab.qube("work")
    with with_validator(lab, "bogus"), Validator(lab, work, lab.tree.anchor) as validator:
        said = validator.ask("www.broken.example.test")
        assert said.status == "SERVFAIL" and not said.secure, said
        assert work.dig("www.broken.example.test", A, "+dnssec").addresses == ["203.0.113.76"]
        raw = work.dig("mixed.example.test", A, "+dnssec")
        assert raw.addresses == ["203.0.113.67"], raw
        assert [row[2] for row in raw.records] == [A], "a signature of more than this is told"
        assert validator.ask("mixed.example.test").status == "SERVFAIL"
        assert validator.ask("www.example.test").secure, "and it goes on"
    with with_validator(lab, "rebind", RULES, {"dns": {"rebind_ok": ["mixed.example.test"]}}), \
            Validator(lab, work, lab.tree.anchor) as validator:
        said = validator.ask("mixed.example.test")
        assert said.secure and len(said.records) == 2, (said, validator.log())
    return "3 of each"


def told(lab, _):
    """Without DO no signature is told; with it what does not fit goes by TCP; AD is never set"""
    work = lab.qube("work")
    with with_validator(lab, "told"):
        plain = work.dig("www.example.test")
        assert [row[2] for row in plain.records] == [A], plain
        for options in (("+dnssec", "+ignore", "+notcp"), ("+dnssec", "+tcp")):
            reply = work.dig("many.example.test", A, *options)
            cut = "+ignore" in options
            assert (" tc " in reply.text or " tc;" in reply.text) == cut, reply.text
            assert len(reply.addresses) == (0 if cut else 81), reply.text
            assert " ad" not in reply.text.partition("flags:")[2].partition(";")[0], reply.text
        # A hit is told no longer than its pins last, less the slack.
        alike, = set(reply.ttls)
        assert TOLD_MAX - 30 < alike <= TOLD_MAX, reply.ttls
        assert reply.records[-1][2] == "RRSIG", reply.text
        for name in ("test", ".", "other.test"):
            assert work.dig(name, "SOA").status == "REFUSED", name
        assert work.dig("other.test", "DNSKEY").status == "REFUSED", "nobody has named it yet"
        assert work.dig("away.example.test").addresses
        assert work.dig("other.test", "DNSKEY").status == "NOERROR"
        assert work.dig("next.other.test").status == "REFUSED"
    return "as it should be"


def prepared(story):
    def tell(lab, servers):
        if not hasattr(lab, "tree"):
            lab.tree = SignedTree(lab)
        return story(lab, servers)
    tell.__name__, tell.__doc__ = story.__name__, story.__doc__
    return tell


if __name__ == "__main__":
    trial.run(*map(prepared, (secure, not_there, exact, not_signed, bogus, told)), qubes=("work",))
