#!/usr/bin/python3 -B
"""Names that answers name, and hints: what an allowed answer leads to can be asked and reached, by
that client alone and under that answer's rule; nothing else can."""

import os
import pathlib
import signal
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import Reply, dnswire, records, trial  # noqa: E402
from lab.dnswire import Record, cname, name_octets  # noqa: E402
from lab.steady import assert_open, assert_shut, pins  # noqa: E402

PROHIBITED, NOT_READY = 18, 14  # RFC 8914
RULES = "accept .shop.test tcp 80\n"
HINT, HINT6 = "198.51.100.61", "2001:db8:51::61"


def hint(address):
    value = dnswire.address("", address).data
    return struct.pack("!HH", 4 if len(value) == 4 else 6, len(value)) + value


def https(owner, priority, target, *parameters, ttl=60):
    data = struct.pack("!H", priority) + name_octets(target) + b"".join(parameters)
    return Record(owner, "HTTPS", data, ttl)


def srv(owner, target):
    return Record(owner, "SRV", struct.pack("!HHH", 1, 1, 80) + name_octets(target))


def mail(owner, target):
    return Record(owner, "MX", struct.pack("!H", 10) + name_octets(target))


def says(servers, name, *told):
    """The answer to any question for `name` of a type that is told."""
    servers.authority.at(name, lambda query: Reply(answer=tuple(
        record for record in told if record.kind in (query.kind, "CNAME"))))


def assert_refused(qube, *names):
    for name in names:
        reply = qube.ask(name)
        assert (reply.status, reply.ede) == ("REFUSED", PROHIBITED), (name, reply)


def targets(lab, servers):
    """Targets of CNAME, HTTPS, SRV and MX are asked, pinned, reached; their neighbours not"""
    work, personal = lab.qube("work"), lab.qube("personal")
    named = {"CNAME": cname("www.shop.test", "a.edge.test"),
             "HTTPS": https("www.shop.test", 1, "b.edge.test"),
             "SRV": srv("_http._tcp.shop.test", "c.edge.test"),
             "MX": mail("shop.test", "d.edge.test")}
    alias = https("alias.shop.test", 0, "e.edge.test")
    for kind, record in named.items():
        says(servers, record.owner, record)
    says(servers, "www.shop.test", named["HTTPS"])
    says(servers, "old.shop.test", cname("old.shop.test", "a.edge.test"))
    says(servers, "alias.shop.test", alias)
    for number, letter in enumerate("abcde", start=1):
        servers.authority.at(f"{letter}.edge.test", records([f"198.51.100.{number}"]))
    hosts = [f"{letter}.edge.test" for letter in "abcde"]
    with trial.with_dnspin(lab, "targets", clients={"work": RULES, "personal": RULES}) as dnspin:
        assert_refused(work, *hosts)
        assert servers.authority.count("a.edge.test") == 0, "asked before anything named it"
        for name, kind in (("old.shop.test", "A"), ("www.shop.test", "HTTPS"),
                           ("_http._tcp.shop.test", "SRV"), ("shop.test", "MX"),
                           ("alias.shop.test", "HTTPS")):
            reply = work.dig(name, kind)
            assert len(reply.records) == 1, reply.text
        assert not pins(lab, work), "a name is no address"
        for number, host in enumerate(hosts, start=1):
            address = f"198.51.100.{number}"
            assert_shut(work, address)
            page = work.curl(f"http://{host}/")
            assert page.returncode == 0, (host, page.stderr)
            assert pins(lab, work)[address].comment == f".shop.test < {host}"
            assert_shut(work, address, 443)
            assert_shut(personal, address)
        assert_refused(work, "edge.test", "f.edge.test", "x.a.edge.test", "casino.test")
        assert_refused(personal, *hosts)
        assert not pins(lab, personal)
        shown = {pin["name"]: pin["rule"] for pin in dnspin.control("pins", "work")}
        assert shown == {host: ".shop.test" for host in hosts}, shown
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return f"{len(hosts)} targets reached, each refused before it was named"


def chains(lab, servers):
    """Trap 13: the alias, the target or both listed; 8 links; a chain over two answers"""
    work, address = lab.qube("work"), ["198.51.100.10", "198.51.100.11", "198.51.100.12"]
    links = [f"l{number}.chain.test" for number in range(8)]
    servers.authority.at("alias.test", lambda query: dnswire.chain(query, links, address))
    servers.authority.at(links[-1], records(address))
    for name, link in zip(links, links[1:]):
        says(servers, name, cname(name, link))
    end = links[-1]
    with trial.with_dnspin(lab, "chain", clients={"work": ""}) as dnspin:
        for listed, order in ((["alias.test"], [(end, False), ("alias.test", True), (end, True)]),
                              ([end], [("alias.test", False), (end, True)]),
                              (["alias.test", end], [(end, True), ("alias.test", True)])):
            dnspin.write_client("work", "drop")
            assert dnspin.reload() and not pins(lab, work)
            dnspin.write_client("work", "".join(f"accept {name} tcp 80\n" for name in listed))
            assert dnspin.reload()
            for name, may in order:
                reply = work.ask(name)
                assert sorted(reply.addresses) == (address if may else []), (listed, name, reply)
            assert set(pins(lab, work)) == set(address), listed
            for each in address:
                assert_open(work, each)
    # An upstream that leaves the chain to whoever asks: each answer names the next step.
    says(servers, "split.test", cname("split.test", "one.chain.test"))
    says(servers, "one.chain.test", cname("one.chain.test", "two.chain.test"))
    says(servers, "two.chain.test", cname("two.chain.test", "three.chain.test"))
    servers.authority.at("three.chain.test", records(address))
    with trial.with_dnspin(lab, "split", clients={"work": "accept split.test tcp 80"}):
        assert [work.ask(name).records[0][3] for name in (
            "split.test", "one.chain.test", "two.chain.test")] == [
                "one.chain.test.", "two.chain.test.", "three.chain.test."]
        assert_refused(work, "three.chain.test")
        servers.authority.at("two.chain.test", records(address))
    with trial.with_dnspin(lab, "split2", clients={"work": "accept split.test tcp 80"}):
        for name in ("split.test", "one.chain.test", "two.chain.test"):
            last = work.ask(name)
        assert last.addresses == address
        assert set(pins(lab, work)) == set(address)
        assert_open(work, address[2])
    return f"{len(address)} addresses behind 8 links, and behind two answers, not three"


def hints(lab, servers):
    """HTTPS hints are in the kernel before they are told; `svcb` and `ech` say what is told"""
    work = lab.qube("work")
    alpn, ech = struct.pack("!HH", 1, 3) + b"\x02h2", struct.pack("!HH", 5, 3) + b"ech"
    says(servers, "www.shop.test",
         https("www.shop.test", 1, "", alpn, hint(HINT), ech, hint(HINT6)))
    says(servers, "inside.shop.test", https("inside.shop.test", 1, "", alpn, hint("10.1.2.3")))
    with trial.with_dnspin(lab, "hints", clients={"work": RULES}) as dnspin:
        os.kill(dnspin.pid, signal.SIGSTOP)
        try:
            reply = work.ask("www.shop.test", "HTTPS")
        finally:
            os.kill(dnspin.pid, signal.SIGCONT)
        assert (reply.status, reply.ede) == ("SERVFAIL", NOT_READY), "told before it is pinned"
        assert trial.wait_until(lambda: not pins(lab, work) or len(pins(lab, work)) == 2)
        reply = work.dig("www.shop.test", "HTTPS")
        held = pins(lab, work)
        assert held.keys() == {HINT, HINT6}, held
        assert HINT in reply.text and HINT6 in reply.text and "ech=" in reply.text, reply.text
        assert_open(work, HINT)
        assert_open(work, HINT6)
        assert_shut(work, HINT, 443)
        inside = work.dig("inside.shop.test", "HTTPS")
        assert len(inside.records) == 1 and "hint" not in inside.text, inside.text
        assert pins(lab, work).keys() == held.keys()
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    for settings, hinted, keyed, told in (({"svcb": "strip"}, False, True, 1),
                                          ({"svcb": "pin", "ech": "strip"}, True, False, 1),
                                          ({"svcb": "nodata"}, False, False, 0)):
        servers.authority.reset()
        with trial.with_dnspin(lab, "-".join(settings.values()), clients={"work": RULES},
                               settings={"dns": settings}):
            reply = work.dig("www.shop.test", "HTTPS")
            assert reply.status == "NOERROR" and len(reply.records) == told, reply.text
            assert ("hint=" in reply.text, "ech=" in reply.text) == (hinted, keyed), reply.text
            assert bool(pins(lab, work)) == hinted
            assert servers.authority.count("www.shop.test") == told, "asked of the upstream"
    return "2 hints pinned, 1 private one removed, 3 other settings"


def goes_on(lab, servers):
    """Grants outlive their reader, and with their pins dnspind; with their rule they end"""
    work = lab.qube("work")
    says(servers, "shop.test", mail("shop.test", "mx1.edge.test"), mail("shop.test",
                                                                        "mx2.edge.test"))
    servers.authority.at("mx1.edge.test", records(["198.51.100.21"]))
    servers.authority.at("mx2.edge.test", records(["198.51.100.22"]))
    with trial.with_dnspin(lab, "goes", clients={"work": RULES}) as dnspin:
        assert len(work.ask("shop.test", "MX").records) == 2
        assert work.ask("mx1.edge.test").addresses
        os.kill(dnspin.resolver_pid("work"), signal.SIGKILL)
        assert trial.wait_until(lambda: work.ask("mx2.edge.test", timeout=1).addresses)
        before, began = pins(lab, work), time.monotonic()
        assert before.keys() == {"198.51.100.21", "198.51.100.22"}

        # Another rule before it: the pins move to another set, and back.
        sets = set()
        for rules in ("accept new.test udp 7\naccept .shop.test tcp 0-100\n", RULES):
            dnspin.write_client("work", rules)
            assert dnspin.reload()
            after = pins(lab, work)
            assert after.keys() == before.keys(), after
            sets.add(after["198.51.100.21"].set)
            assert_open(work, "198.51.100.21")
            assert work.ask("mx2.edge.test").addresses

        assert len(sets) == 2, sets
        dnspin.stop()
        dnspin.start()
        after = pins(lab, work)
        assert after.keys() == before.keys(), after
        left = before["198.51.100.21"].expires - (time.monotonic() - began)
        assert after["198.51.100.21"].expires <= left + 3, (after, left)
        assert work.ask("mx1.edge.test").addresses == ["198.51.100.21"], "granted by its pin"
        assert_refused(work, "mx3.edge.test")

        dnspin.write_client("work", "drop *.edge.test\n" + RULES)
        assert dnspin.reload()
        assert not pins(lab, work), "a drop before the rule names the targets"
        assert dnspin.metric("dnspin_grants") == 0, "nobody could ask for them any more"
        dnspin.write_client("work", RULES)
        assert dnspin.reload()
        assert work.ask("shop.test", "MX").status == "NOERROR"
        assert work.ask("mx1.edge.test").addresses
        dnspin.write_client("work", "drop shop.test\n" + RULES)
        assert dnspin.reload()
        assert not pins(lab, work), "who granted it is refused"
        dnspin.write_client("work", RULES)
        assert dnspin.reload()
        assert work.ask("shop.test", "MX").status == "NOERROR"
        assert work.ask("mx1.edge.test").addresses
        dnspin.write_client("work", "accept other.test tcp 80")
        assert dnspin.reload()
        assert not pins(lab, work), "its rule is gone"
        assert_refused(work, "mx1.edge.test")
        assert_shut(work, "198.51.100.21")
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
    return "2 pins kept through a reader, 2 reloads and a restart, gone with their rule"


if __name__ == "__main__":
    trial.run(targets, chains, hints, goes_on)
