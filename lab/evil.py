"""The evil zone: who owns evil.test, a name that a rule allows, wants a client's firewall opened.

TRICKS is the table that tests walk: each trick's answer carries addresses that must not be
reachable afterwards, whatever the rule says. LABEL.evil.test plays it. GOOD may open: tests ask
good.evil.test first, so that "nothing opened" can fail.

    for trick in evil.TRICKS:
        work.ask(trick.name, trick.kind)
        assert not evil.opened(lab, work, trick), trick.what

cut-NNN.evil.test is an answer cut after NNN octets; ANSWER_OCTETS is the length of the whole one.
"""

import dataclasses
import ipaddress
import struct
from typing import Callable

from lab import dnswire, topology
from lab.dnswire import CHAOS, POINTER_TO_QUESTION as ASKED, Record, Reply, address, cname

GOOD, GOOD6 = "203.0.113.10", "2001:db8:e::10"
VICTIM, VICTIM6 = "203.0.113.66", "2001:db8:bad::66"

# What a public name may not answer with (design.md §7), as seen by a qube at 10.137.0.25.
PRIVATE = ("0.0.0.1", "10.137.0.26", "10.1.2.3", "10.137.0.6", "100.64.0.1", "127.0.0.1",
           "169.254.1.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "224.0.0.1", "240.0.0.1",
           "255.255.255.255", "10.0.2.2", "10.139.1.1")
PRIVATE6 = ("::", "::1", "fc00::1", "fd09:24ef:4179::a89:1a", "fe80::1", "fec0::1", "ff02::1",
            "fd0a:2::2", "::ffff:10.1.2.3", "::ffff:127.0.0.1", "::10.1.2.3", "64:ff9b::10.1.2.3",
            "64:ff9b::192.168.1.1", "64:ff9b::127.0.0.1", "2002:a01:203::1", "2002:c0a8:101::",
            "2001:0:4136:e378:8000:63bf:f5fe:fdfc")  # Teredo: 10.1.2.3, inverted


@dataclasses.dataclass(frozen=True)
class Trick:
    label: str
    what: str
    play: Callable
    forbidden: tuple = (VICTIM,)
    kind: str = "A"

    @property
    def name(self):
        return self.label + ".evil.test"


def good(query, **changes):
    return dataclasses.replace(dnswire.addresses(query, [GOOD, GOOD6]), **changes)


def victim(query, **changes):
    return dataclasses.replace(dnswire.addresses(query, [VICTIM, VICTIM6]), **changes)


def plus(*extra, **changes):
    """A good answer with more records behind."""
    return lambda query: good(query, answer=good(query).answer + extra, **changes)


def only(*answer, **changes):
    return lambda query: Reply(answer=answer, **changes)


def forged_first(**changes):
    """A forgery at once, the true answer 50 ms behind it."""
    return lambda query: [victim(query, **changes), good(query, delay=0.05)]


def links(count, *last):
    names = [ASKED] + [f"l{i}.evil.test" for i in range(count)]
    chain = [cname(owner, target) for owner, target in zip(names, names[1:])]
    return only(*chain, *(last or [address(names[-1], VICTIM)]))


def hiding(kind, honest, rdlength):
    """A record whose RDLENGTH hides, or lays bare, a second one (hardening.md 1c)."""
    record = Record(ASKED, kind, honest, rdlength=rdlength)
    return lambda query: Reply(answer=(record, address(ASKED, VICTIM)), counts=(1, 1, 0, 1))


HIDDEN = address(ASKED, VICTIM).octets()
HINTS = b"\0\1\0" + struct.pack("!HH", 4, 4) + b"\xcb\0\x71\x42"  # of the victim
TEXT_BOMB = Record(ASKED, "TXT", b"\0" * 4000)

TRICKS = [
    Trick("foreign", "an address of somebody else's name", plus(address("bank.test", VICTIM))),
    Trick("foreign-alias", "a chain of somebody else's beside the asked name",
          plus(cname("bank.test", "x.evil.test"), address("x.evil.test", VICTIM))),
    Trick("only-foreign", "nothing but somebody else's", only(address("bank.test", VICTIM))),
    Trick("parent", "the parent's name as owner", plus(address("evil.test", VICTIM))),
    Trick("dotted", "one label with a dot inside",
          plus(address(["dotted.evil", "test"], VICTIM))),
    Trick("class", "class CHAOS", plus(address(ASKED, VICTIM, cls=CHAOS))),
    Trick("class-any", "class 255", plus(address(ASKED, VICTIM, cls=255))),
    Trick("family", "AAAA to a question for A", plus(address(ASKED, VICTIM6)), (VICTIM6,)),
    Trick("family6", "A to a question for AAAA", plus(address(ASKED, VICTIM)), kind="AAAA"),
    Trick("txt", "an address with a question for TXT", plus(address(ASKED, VICTIM)), kind="TXT"),
    Trick("loop", "a loop of aliases",
          only(cname(ASKED, "b.evil.test"), cname("b.evil.test", "loop.evil.test"),
               address(ASKED, VICTIM))),
    Trick("self", "an alias for itself",
          only(cname(ASKED, "self.evil.test"), address(ASKED, VICTIM))),
    Trick("two-aliases", "two aliases at one name",
          only(cname(ASKED, "b.evil.test"), cname(ASKED, "c.evil.test"),
               address("b.evil.test", VICTIM), address("c.evil.test", VICTIM))),
    Trick("links-17", "a chain of 17 links", links(17)),
    Trick("broken-chain", "a chain with a gap",
          only(cname(ASKED, "b.evil.test"), cname("c.evil.test", "d.evil.test"),
               address("d.evil.test", VICTIM))),
    Trick("dname", "a DNAME of another branch",
          plus(Record("bank.test", "DNAME", dnswire.name_octets("evil.test")),
               address("bank.test", VICTIM))),
    Trick("additional", "an address in the additional section",
          lambda query: good(query, additional=(address(ASKED, VICTIM),))),
    Trick("authority", "an address in the authority section",
          lambda query: good(query, authority=(address(ASKED, VICTIM),))),
    Trick("nxdomain", "NXDOMAIN with an address",
          lambda query: victim(query, rcode=dnswire.NXDOMAIN)),
    Trick("servfail", "SERVFAIL with an address",
          lambda query: victim(query, rcode=dnswire.SERVFAIL)),
    Trick("refused", "REFUSED with an address",
          lambda query: victim(query, rcode=dnswire.REFUSED)),
    Trick("extended", "an extended rcode with an address",
          lambda query: victim(query, mangle=lambda octets: octets.replace(
              dnswire.OPT_RECORD, b"\0" + struct.pack("!HHIH", 41, 1232, 0x01000000, 0)))),
    Trick("many", "257 addresses", only(*[address(ASKED, f"203.0.{i >> 8}.{i & 255}")
                                         for i in range(257)]), ("203.0.0.7", "203.0.1.0")),
    Trick("wrong-id", "a forgery with a wrong ID", forged_first(id_offset=1)),
    Trick("wrong-port", "a forgery from another port", forged_first(leave_from="port")),
    Trick("wrong-address", "a forgery from another address", forged_first(leave_from="address")),
    Trick("wrong-question", "a forgery for another question",
          forged_first(question=dnswire.name_octets("bank.test") + struct.pack("!HH", 1, 1))),
    Trick("wrong-type", "a forgery for another type",
          lambda query: [victim(query, question=query.question[:-4] + b"\0\x10\0\1"),
                         good(query, delay=0.05)]),
    Trick("no-question", "a forgery without a question",
          forged_first(question=b"", counts=(0, 1, 0, 1))),
    Trick("is-query", "a forgery that is no response", forged_first(flags=0x0180)),
    Trick("opcode", "a forgery of another opcode", forged_first(flags=0xA980)),
    Trick("rdlength-8", "an A of 8 octets", hiding("A", b"\xcb\0\x71\x0a", 8)),
    Trick("rdlength-20", "an A whose RDLENGTH covers the next record",
          only(Record(ASKED, "A", b"\xcb\0\x71\x0a" + HIDDEN), address(ASKED, GOOD))),
    Trick("rdlength-0", "an A of no octets", hiding("A", b"", 0)),
    Trick("rdlength-3", "an A of 3 octets", hiding("A", b"\xcb\0\x71", 3)),
    Trick("rdlength-5", "an A of 5 octets", hiding("A", b"\xcb\0\x71\x0a\0", 5)),
    Trick("cname-short", "a CNAME longer than its RDLENGTH",
          lambda query: Reply(answer=(cname(ASKED, "b.evil.test", rdlength=4),
                                      address("b.evil.test", VICTIM)))),
    Trick("cname-long", "a CNAME shorter than its RDLENGTH",
          lambda query: Reply(answer=(Record(ASKED, "CNAME", b"\1b\xc0\x17" + HIDDEN),
                                      address("b.evil.test", VICTIM)))),
    Trick("pointer-forward", "a compression pointer forwards",
          lambda query: Reply(answer=(address(b"\xc0\xff", VICTIM),), tail=b"\0" * 200)),
    Trick("pointer-self", "a compression pointer to itself",
          lambda query: Reply(
              answer=(address(b"\xc0" + bytes([12 + len(query.question)]), VICTIM),))),
    Trick("pointer-header", "a compression pointer into the header",
          only(address(b"\xc0\0", VICTIM))),
    Trick("two-opt", "two OPT records",
          lambda query: victim(query, counts=(1, 1, 0, 2), tail=dnswire.OPT_RECORD)),
    Trick("opt-in-answer", "an OPT among the answers",
          lambda query: victim(query, answer=(Record("", "OPT", b""), *victim(query).answer))),
    Trick("tail", "a record behind the last one", lambda query: good(query, tail=HIDDEN)),
    Trick("counts", "more records than the header says",
          lambda query: good(query, answer=good(query).answer + (address(ASKED, VICTIM),),
                             counts=(1, 1, 0, 0))),
    Trick("text-bomb", "a TXT of 4,000 empty strings",
          plus(TEXT_BOMB, address("bank.test", VICTIM))),
    Trick("hints", "address hints of somebody else's HTTPS record",
          only(Record("bank.test", "HTTPS", HINTS)), kind="HTTPS"),
    Trick("hints-alias", "address hints of an HTTPS record in alias mode",
          only(Record(ASKED, "HTTPS", b"\0\0" + HINTS[2:])), kind="HTTPS"),
    Trick("hints-five", "address hints of five octets",
          only(Record(ASKED, "HTTPS", HINTS[:6] + b"\5" + HINTS[7:] + b"\0")), kind="HTTPS"),
]
TRICKS += [Trick(f"private-{n}", f"a private address, {text}", only(address(ASKED, text)), (text,))
           for n, text in enumerate(PRIVATE)]
TRICKS += [Trick(f"private6-{n}", f"a private address, {text}", only(address(ASKED, text)), (text,),
                 kind="AAAA") for n, text in enumerate(PRIVATE6)]
TRICKS += [Trick("mixed", "a private address behind a public one", plus(address(ASKED, "10.1.2.3")),
                 ("10.1.2.3",)),
           Trick("mixed6", "a mapped address behind a public one",
                 plus(address(ASKED, "::ffff:10.1.2.3")), ("::ffff:10.1.2.3",), kind="AAAA")]

def opened(lab, qube, trick):
    """The addresses this trick must not open and did: pinned, or within reach of the qube."""
    pinned = lab.netvm.pinned_addresses(qube)
    away = [text for text in trick.forbidden if not at_home(text)]
    return [text for text in trick.forbidden if text in pinned] + [
        text for text in away if qube.connect(text, timeout=0.3).passed]


def at_home(text):
    """Reached without passing through the netvm: nothing that its forwarding rules could stop."""
    value = ipaddress.ip_address(text)
    value = getattr(value, "ipv4_mapped", None) or value
    return value.is_loopback or value.is_unspecified or text in topology.NETVM


BY_LABEL = {trick.label: trick for trick in TRICKS}
ANSWER_OCTETS = 12 + len("\7cut-000\4evil\4test\0") + 4 + 16 + len(dnswire.OPT_RECORD)


def answer(query):
    label = query.name[:-len(".evil.test")] if query.name.endswith(".evil.test") else query.name
    if label in BY_LABEL:
        return BY_LABEL[label].play(query)
    if label.startswith("cut-") and label[4:].isdigit():
        return victim(query, mangle=lambda octets: octets[:int(label[4:])])
    return Reply(rcode=dnswire.NXDOMAIN, authority=(dnswire.soa("evil.test"),))
