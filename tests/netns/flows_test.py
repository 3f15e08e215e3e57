#!/usr/bin/python3 -B
"""Flows: what runs under a rule that stays runs on through reload and restart without losing a
byte; what no rule allows any more stops at once, and nothing else does."""

import functools
import pathlib
import socket
import sys
import time

import dns.message
import dns.rcode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import records, trial  # noqa: E402
from lab.download import Downloads, serve_streams  # noqa: E402
from lab.steady import assert_shut  # noqa: E402

RELOADS = 30
SITE, OTHER, SITE6 = "198.51.100.1", "198.51.100.2", "2001:db8:51::1"
NUMBERED = "203.0.113.200"  # allowed by a rule that names no name
ALWAYS = f"accept dst4={NUMBERED}\n"
BRIEF = {"pins": {"told_max": "1s", "floor": "1s", "slack": "0s"}}
DNS = ("10.139.1.1", 53)


@functools.cache
def downloads_of(lab, name="work"):
    if name == "work":
        serve_streams(lab)
    return Downloads(lab, lab.qube(name))


def look_up(qube, name, *addresses):
    told = qube.ask(name).addresses
    if any(":" in address for address in addresses):
        told += qube.ask(name, "AAAA").addresses
    assert told == list(addresses), (name, told)


def change(dnspin, rules, client="work"):
    dnspin.write_client(client, ALWAYS + rules)
    assert dnspin.reload()


def tracked(lab, qube, one):
    """Whether conntrack knows of it."""
    port = one.sock.getsockname()[1]
    return any((flow.protocol, flow.destination) == (one.kind, one.address) and
               (one.kind == "icmp" or flow.source_port == port) for flow in lab.netvm.flows(qube))


def assert_stopped(lab, downloads, *those, beside):
    took = downloads.stops(*those, beside=beside)
    known = [str(one) for one in those if tracked(lab, lab.qube("work"), one)]
    assert not known, f"conntrack still knows {known}"
    return took


VARIANTS = (  # each allows what runs to site.test, through other groups and other neighbours
    "accept site.test\naccept other.test",
    "accept x.test tcp 80\naccept ~[a-z]+\\.test\n",
    "accept y.test\naccept site.test tcp 8000-8100\naccept site.test udp\naccept site.test proto="
    "icmp\naccept other.test tcp 8090",
    "drop 203.0.113.7 tcp 25\naccept other.test tcp 8090\naccept .site.test\naccept x.test udp 53",
    "accept ~si..\\.test\naccept other.test tcp 8090-8091\naccept y.test tcp 443",
)


def reloaded(lab, servers):
    """Reloads that differ cut no flow that the rules still allow, and each that they do not"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    servers.authority.at("site.test", records([SITE, SITE6]))
    servers.authority.at("other.test", records([OTHER]))
    with trial.with_dnspin(lab, "reloaded", clients={
            "work": ALWAYS + VARIANTS[0], "personal": "accept x.test"}) as dnspin:
        look_up(work, "site.test", SITE, SITE6)
        look_up(work, "other.test", OTHER)
        beside = downloads.begin(NUMBERED)
        kept = [beside, *(downloads.begin(*what) for what in (
            (SITE,), (SITE6,), (SITE, 8090, "udp"), (SITE6, 8091, "udp"), (SITE, 0, "icmp")))]
        gone = downloads.begin(OTHER)
        downloads.go_on(*kept, gone)
        for number in range(1, RELOADS + 1):
            dnspin.write_client("personal", f"accept n{number}.test")
            change(dnspin, VARIANTS[number % len(VARIANTS)])
            if number % 10 == 0:
                downloads.go_on(*kept, gone)
        change(dnspin, "accept site.test")
        took = [assert_stopped(lab, downloads, gone, beside=beside)]
        downloads.go_on(*kept)
        octets = sum(one.octets for one in kept if one.kind == "tcp")
        # Each protocol by itself, then all that is left of the name.
        for rules, those in (("accept site.test tcp 8090\naccept site.test proto=icmp", kept[3:5]),
                             ("accept site.test tcp 8090", kept[5:6]),
                             ("accept six.test", kept[1:3])):
            change(dnspin, rules)
            took.append(assert_stopped(lab, downloads, *those, beside=beside))
        downloads.go_on(beside)
        downloads.end_all()
    return f"{octets} octets over {RELOADS} reloads, 0 lost; 7 stopped after {max(took):.2f} s"


def two_names(lab, servers):
    """Trap 17: an address that two names have is open, and flows to it run, till the second goes"""
    work, downloads, took = lab.qube("work"), downloads_of(lab), []
    servers.authority.at("a.site.test", records([SITE, SITE]))
    servers.authority.at("b.site.test", records([OTHER, SITE]))
    rules = {name: f"accept {name}.site.test tcp 8090\n" for name in "ab"}
    rules["c"] = "accept b.site.test tcp 8090-8091\n"  # in a group of its own
    for first, second in ("ab", "ba", "ac", "ca"):
        with trial.with_dnspin(lab, f"two-{first}{second}",
                               clients={"work": ALWAYS + rules[first] + rules[second]}) as dnspin:
            assert work.ask("a.site.test").addresses == [SITE]
            assert sorted(work.ask("b.site.test").addresses) == [SITE, OTHER]
            beside, one = downloads.begin(NUMBERED), downloads.begin(SITE)
            downloads.go_on(beside, one)
            change(dnspin, rules[second])
            downloads.go_on(beside, one, more=30)
            assert SITE in lab.netvm.pinned_addresses(work)
            assert work.connect(SITE, 8090, timeout=10)
            change(dnspin, "")
            took.append(assert_stopped(lab, downloads, one, beside=beside))
            assert_shut(work, SITE, 8090)
            downloads.end_all()
    return f"4 times, stopped after {max(took):.2f} s"


def three_rules(lab, servers):
    """A name in three rules of different ports: each rule that goes takes its own flows with it"""
    work, downloads, took = lab.qube("work"), downloads_of(lab), []
    servers.authority.at("site.test", records([SITE]))
    rules = ["accept site.test tcp 8090\n", "accept site.test tcp 8091\n",
             "accept site.test udp 8090\n"]
    with trial.with_dnspin(lab, "three", clients={"work": ALWAYS + "".join(rules)}) as dnspin:
        look_up(work, "site.test", SITE)
        assert len(lab.netvm.pins(work)) == 3
        beside = downloads.begin(NUMBERED)
        running = [downloads.begin(SITE, 8090), downloads.begin(SITE, 8091),
                   downloads.begin(SITE, 8090, "udp")]
        while running:
            downloads.go_on(beside, *running)
            rules.pop(0)
            change(dnspin, "".join(rules))
            took.append(assert_stopped(lab, downloads, running.pop(0), beside=beside))
            assert len(lab.netvm.pins(work)) == len(rules)
        downloads.end_all()
    return f"3 flows, stopped after {max(took):.2f} s"


def from_name_to_name(lab, servers):
    """An address that moves from name to name: a flow stays as long as one of them may have it"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    servers.authority.at("old.test", records([SITE], ttl=1))
    servers.authority.at("new.test", records([OTHER], ttl=1))
    old, new = "accept old.test tcp 8090\n", "accept new.test tcp 8090\n"
    with trial.with_dnspin(lab, "moves", clients={"work": ALWAYS + old + new}) as dnspin:
        look_up(work, "old.test", SITE)
        beside, one = downloads.begin(NUMBERED), downloads.begin(SITE)
        servers.authority.at("new.test", records([SITE], ttl=1))
        servers.authority.at("old.test", records([OTHER], ttl=1))
        look_up(work, "new.test", SITE)
        time.sleep(1.2)  # until the cache has forgotten
        look_up(work, "old.test", OTHER)
        change(dnspin, new)  # old.test alone had OTHER, and once had SITE
        downloads.go_on(beside, one, more=30)
        assert lab.netvm.pinned_addresses(work) == {SITE}
        change(dnspin, old)  # comes back with nothing
        took = assert_stopped(lab, downloads, one, beside=beside)
        assert lab.netvm.pinned_addresses(work) == set()
        downloads.end_all()
    return f"stopped after {took:.2f} s"


def long_expired(lab, servers):
    """A flow whose pin has expired runs on as long as its rule stays, through crash and reload"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    servers.authority.at("a.test", records([SITE], ttl=1))
    servers.authority.at("b.test", records([OTHER], ttl=1))
    rules = "accept a.test tcp 8090\naccept b.test\n"
    with trial.with_dnspin(lab, "expired", clients={"work": ALWAYS + rules},
                           settings=BRIEF) as dnspin:
        beside = downloads.begin(NUMBERED)
        look_up(work, "a.test", SITE)
        one = downloads.begin(SITE)
        look_up(work, "b.test", OTHER)
        two, echo = downloads.begin(OTHER), downloads.begin(OTHER, 8090, "udp")
        assert trial.wait_until(lambda: not lab.netvm.pinned_addresses(work)), "pins do not expire"
        assert_shut(work, SITE, 8090)
        time.sleep(6)  # dnspind has tidied its ledger too
        for more in ("accept x.test tcp 80\n", "", "accept y.test\n"):
            change(dnspin, more + rules)
            downloads.go_on(beside, one, two, echo)
        change(dnspin, "accept a.test tcp 8090\naccept b.test tcp 8090")
        took = [assert_stopped(lab, downloads, echo, beside=beside)]
        dnspin.kill()
        downloads.go_on(beside, one, two)
        dnspin.start()
        downloads.go_on(beside, one, two, more=30)
        assert_shut(work, SITE, 8090)
        change(dnspin, "")
        took.append(assert_stopped(lab, downloads, one, two, beside=beside))
        downloads.end_all()
    return f"4 reloads, 1 crash; stopped after {max(took):.2f} s"


def crashed(lab, servers):
    """kill -9 and start: flows and open DNS sockets go on; with changed rules, those they allow"""
    work, downloads, took = lab.qube("work"), downloads_of(lab), []
    servers.authority.at("a.test", records([SITE]))
    servers.authority.at("b.test", records([OTHER]))
    both = ALWAYS + "accept a.test tcp 8090\naccept b.test\n"
    question = dns.message.make_query("a.test", "A")
    with trial.with_dnspin(lab, "crashed", clients={"work": both}) as dnspin, \
            work.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        sock.connect(DNS)

        def asks():
            try:
                sock.send(question.to_wire())
                return len(dns.message.from_wire(sock.recv(4096)).answer) == 1
            except OSError:
                return False

        assert asks()
        look_up(work, "b.test", OTHER)
        doors = lab.netvm.nft_list("map", "ip", "dnspin-dns", "doors")
        beside, one = downloads.begin(NUMBERED), downloads.begin(SITE)
        those = [downloads.begin(OTHER), downloads.begin(OTHER, 8090, "udp"),
                 downloads.begin(OTHER, 8090, "icmp")]
        for end in (dnspin.kill, dnspin.stop, dnspin.kill):
            end()
            dnspin.start()
            assert lab.netvm.nft_list("map", "ip", "dnspin-dns", "doors") == doors
            assert trial.wait_until(asks), "the open socket is not answered any more"
            downloads.go_on(beside, one, *those)
        for end in (dnspin.kill, dnspin.stop):
            end()
            dnspin.write_client("work", ALWAYS + "accept a.test tcp 8090\n")
            dnspin.start()
            took.append(assert_stopped(lab, downloads, *those, beside=beside))
            downloads.go_on(beside, one)
            downloads.end(*those)
            dnspin.write_client("work", both)
            assert dnspin.reload()
            look_up(work, "b.test", OTHER)
            those = [downloads.begin(OTHER)]
        downloads.end_all()
    return f"3 times with the same rules, 2 with others; stopped after {max(took):.2f} s"


def client_gone(lab, servers):
    """A client that goes, over a reload or over a restart, takes all its flows with it"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    theirs, took = downloads_of(lab, "personal"), []
    servers.authority.at("site.test", records([SITE]))
    rules = ALWAYS + "accept site.test\n"
    with trial.with_dnspin(lab, "gone", clients={"work": rules, "personal": rules}) as dnspin:
        beside = downloads.begin(NUMBERED)

        def restart():
            dnspin.kill()
            dnspin.start()

        for again in (dnspin.reload, restart):
            look_up(lab.qube("personal"), "site.test", SITE)
            look_up(work, "site.test", SITE)
            one = downloads.begin(SITE)
            those = [theirs.begin(NUMBERED), theirs.begin(SITE), theirs.begin(SITE, 8090, "udp")]
            theirs.go_on(*those)
            dnspin.remove_client("personal")
            again()
            took.append(downloads.stops(*those, beside=beside))
            assert not lab.netvm.flows(lab.qube("personal"))
            downloads.go_on(beside, one)
            theirs.end_all()
            dnspin.write_client("personal", rules)
            assert dnspin.reload()
        downloads.end_all()
    return f"3 flows, twice; stopped after {max(took):.2f} s"


TRACKING = """table inet watch {
  chain begun {
    type filter hook forward priority -1;
    ct state new counter
  }
}
"""


def older_than_the_first_start(lab, servers):
    """Where many are let in by and by, what each began before is judged as well, and DNS is ours"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    servers.authority.at("site.test", records([SITE]))
    clients = {f"a{number}": f"address 10.137.9.{number + 1}\naccept .a{number}.test"
               for number in range(99)}
    question = dns.message.make_query("not.listed.test", "A").to_wire()
    lab.netvm.nft(TRACKING)
    try:
        with trial.with_dnspin(lab, "first", start=False, clients={
                **clients, "work": f"{ALWAYS}accept dst4={DNS[0]}\naccept site.test"}) as dnspin, \
                work.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            beside, gone = downloads.begin(NUMBERED), downloads.begin(OTHER)
            downloads.go_on(beside, gone)
            asking.sendto(question, DNS)
            time.sleep(0.2)
            asking.settimeout(5)
            dnspin.start()
            served = dnspin.control("clients")
            assert len(served) == 100 and all(one["resolver_pid"] for one in served), served
            took = assert_stopped(lab, downloads, gone, beside=beside)
            asking.sendto(question, DNS)
            while dns.message.from_wire(asking.recv(4096)).rcode() != dns.rcode.REFUSED:
                pass  # from before
            look_up(work, "site.test", SITE)
            one = downloads.begin(SITE)
            downloads.go_on(beside, one)
            downloads.end_all()
    finally:
        lab.netvm.nft("delete table inet watch")
    return f"1 of 2 flows stopped after {took:.2f} s"


def ended(lab, servers):
    """A rule that ends by `expire=` ends its flows, and no other"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    servers.authority.at("a.test", records([SITE]))
    servers.authority.at("b.test", records([OTHER]))
    end = int(time.time()) + 4
    with trial.with_dnspin(lab, "ended", clients={
            "work": f"{ALWAYS}accept dsthost=a.test proto=tcp expire={end}\n"
                    f"accept {OTHER} udp expire={end}\naccept b.test tcp 8090\n"}):
        look_up(work, "a.test", SITE)
        look_up(work, "b.test", OTHER)
        beside, kept = downloads.begin(NUMBERED), downloads.begin(OTHER)
        those = downloads.begin(SITE), downloads.begin(OTHER, 8090, "udp")
        downloads.go_on(beside, kept, *those)
        assert time.time() < end, "too busy to see the rules in force"
        time.sleep(max(end - time.time(), 0))
        took = assert_stopped(lab, downloads, *those, beside=beside)
        downloads.go_on(beside, kept)
        downloads.end_all()
    return f"2 flows, {took:.2f} s after"


if __name__ == "__main__":
    trial.run(reloaded, two_names, three_rules, from_name_to_name, long_expired, crashed,
              client_gone, older_than_the_first_start, ended)
