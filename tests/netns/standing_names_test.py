#!/usr/bin/python3 -B
"""Names that nobody asks for: those of drop rules, resolved into sets without timeout, and exact
names of accept rules, fetched so that a client which never asks reaches them."""

import contextlib
import itertools
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import Reply, aliases, dnswire, records, trial  # noqa: E402
from lab.steady import assert_open, assert_shut, structure  # noqa: E402

AD, AD2, AD6, SITE = "198.51.100.66", "198.51.100.67", "2001:db8:66::1", "198.51.100.1"
SHORT = {"pins": {"told_max": "5s"}}
SERVFAIL = Reply(rcode=dnswire.SERVFAIL)


def dropped(lab, qube):
    """What the drop sets of a qube hold: address to comment; none may have a timeout."""
    found = {}
    for family, address in (("ip", qube.address), ("ip6", qube.address6)):
        prefix = "drop-" + address.replace(".", "-").replace(":", "-") + "-"
        for item in lab.netvm.nft_json("sets", "table", family, "dnspin"):
            name = item.get("set", {}).get("name", "")
            if name.startswith(prefix):
                for element in lab.netvm.elements(family, name):
                    assert not element.timeout, element
                    found[element.address] = element.comment
    return found


def chains(lab):
    """The rules as text."""
    return [line for line in structure(lab).splitlines() if "@" in line]


def holds(lab, qube, *addresses, timeout=20):
    assert trial.wait_until(lambda: dropped(lab, qube).keys() == set(addresses), timeout), (
        dropped(lab, qube), addresses)


def opens(dnspin, qube="work", times=1):
    assert trial.wait_until(
        lambda: sum(f"open {qube}" in line.text for line in dnspin.log()) >= times), "still closed"


def in_order(lab, servers):
    """Rules behind a dropped name come into force once its addresses are known, and are dropped"""
    work = lab.qube("work")
    servers.authority.at("ads.shop.test", records([AD, AD6]))
    servers.authority.at("site.shop.test", records([AD, SITE]))
    servers.authority.silent = True
    with trial.with_dnspin(lab, "order", clients={
            "work": "drop ads.shop.test\naccept .shop.test tcp 80\n"
                    "accept dst4=198.51.100.0/24 proto=tcp dstports=80"}) as dnspin:
        assert dnspin.wait_log("closed work behind rule 1"), "nothing says so"
        assert_shut(work, AD)
        assert_shut(work, SITE)
        servers.authority.silent = False
        opens(dnspin)
        assert dropped(lab, work) == {AD: "ads.shop.test", AD6: "ads.shop.test"}
        assert dnspin.wait_log("resolved work ads.shop.test: 2 addresses dropped")
        assert_open(work, SITE)
        assert_shut(work, AD)
        assert sorted(work.ask("site.shop.test").addresses) == [SITE, AD], "it is pinned, and"
        assert_shut(work, AD)  # dropped all the same: that rule stands first
        assert_open(work, SITE)
        assert work.ask("ads.shop.test").ede == 15
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return "2 addresses dropped, the rest open"


def with_ports(lab, servers):
    """A drop with ports: the name is resolved as the rules say, its port alone is shut"""
    work = lab.qube("work")
    servers.authority.at("ads.shop.test", records([AD]))
    with trial.with_dnspin(lab, "ports", clients={
            "work": "drop ads.shop.test tcp 443\naccept .shop.test"}) as dnspin:
        opens(dnspin)
        assert work.ask("ads.shop.test").addresses == [AD]
        assert_open(work, AD, 80)
        assert_shut(work, AD, 443)
    return "port 443 shut, port 80 open"


def replaced(lab, servers):
    """A set is replaced by what DNS says next; failures and silence leave it as it is"""
    work = lab.qube("work")
    rules = "drop ads.shop.test\naccept dst4=198.51.100.0/24"
    servers.authority.at("ads.shop.test", records([AD], ttl=1))
    with trial.with_dnspin(lab, "replaced", clients={"work": rules}, settings=SHORT) as dnspin:
        opens(dnspin)
        holds(lab, work, AD)
        servers.authority.at("ads.shop.test", lambda query: SERVFAIL)
        servers.authority.reset()
        assert trial.wait_until(lambda: servers.authority.count("ads.shop.test") >= 4, 30)
        assert dropped(lab, work).keys() == {AD}
        servers.authority.at("ads.shop.test", aliases(["cdn.ads.test"], [AD2, AD6], ttl=1))
        holds(lab, work, AD2, AD6)
        assert_shut(work, AD2)
        assert_open(work, AD)
        servers.authority.at("ads.shop.test", lambda query: Reply(
            rcode=dnswire.NXDOMAIN, authority=(dnswire.soa("shop.test"),)))
        holds(lab, work)
        assert_open(work, AD2)
        assert sum("closed" in line.text for line in dnspin.log()) == 1
    return "4 answers in turn"


def never_less(lab, servers):
    """While addresses are replaced, those that stay are dropped at every instant"""
    work, stays, turns = lab.qube("work"), "198.51.100.99", itertools.count()
    servers.authority.under("ads.test", lambda query: dnswire.addresses(
        query, [stays, f"198.51.100.{100 + next(turns) % 100}"], ttl=0))
    names = "".join(f"drop n{number}.ads.test\n" for number in range(60))
    lab.netvm.nft(f"""add table ip past
add chain ip past forward {{ type filter hook forward priority 10; policy accept; }}
add rule ip past forward ip daddr {stays} counter""")
    try:
        with trial.with_dnspin(lab, "less", clients={"work": names + "accept"},
                               settings=SHORT) as dnspin:
            opens(dnspin)
            sent, end = 0, time.monotonic() + 13
            with work.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                while time.monotonic() < end:
                    try:
                        sent += bool(sock.sendto(b"x", (stays, 9999)))
                    except OSError:
                        pass  # a reject that has come back
            replaced_times = sum("resolved work n7." in line.text for line in dnspin.log())
            assert replaced_times > 1, "nothing was replaced"
            assert "packets 0 " in lab.netvm.nft_list("chain", "ip", "past", "forward")
    finally:
        lab.netvm.nft("delete table ip past")
        servers.authority.forget("ads.test")
    return f"{sent} packets, none got through"


def flows_end(lab, servers):
    """A flow to an address that a dropped name gets is cut, and no other, nor while it waits"""
    work = lab.qube("work")
    servers.authority.at("ads.shop.test", records([AD], ttl=1))
    rules = "accept dst4=198.51.100.0/24"

    def running():
        return {flow.destination for flow in lab.netvm.flows(work)
                if flow.port == 80 and "ESTABLISHED" in flow.text}

    with contextlib.ExitStack() as open_sockets, trial.with_dnspin(
            lab, "flows", clients={"work": rules}, settings=SHORT) as dnspin:
        for address in (SITE, AD, AD2):
            sock = open_sockets.enter_context(work.socket(socket.AF_INET))
            sock.settimeout(10)
            sock.connect((address, 80))
        assert running() == {SITE, AD, AD2}
        servers.authority.silent = True
        dnspin.write_client("work", "drop ads.shop.test\n" + rules)
        assert dnspin.reload()
        assert_shut(work, SITE)
        assert running() == {SITE, AD, AD2}, "the rule does not know yet what it drops"
        servers.authority.silent = False
        opens(dnspin)
        assert trial.wait_until(lambda: running() == {SITE, AD2}), running()
        servers.authority.at("ads.shop.test", records([AD2], ttl=1))
        holds(lab, work, AD2)
        assert trial.wait_until(lambda: running() == {SITE}), running()
        assert_open(work, AD)
    return "2 of 3 flows cut, each in its turn"


def restored(lab, servers):
    """What others flush of the drop sets comes back"""
    work = lab.qube("work")
    servers.authority.at("ads.shop.test", records([AD, AD6]))
    with trial.with_dnspin(lab, "restored", clients={
            "work": "drop ads.shop.test\naccept dst4=198.51.100.0/24"}) as dnspin:
        opens(dnspin)
        before = structure(lab)
        for command in ("flush ruleset", "flush set ip dnspin drop-10-137-0-25-1",
                        "delete element ip6 dnspin drop-fd09-24ef-4179--a89-19-1 { " + AD6 + " }"):
            lab.netvm.nft(command)
            holds(lab, work, AD, AD6)
            assert trial.wait_until(lambda: structure(lab) == before), structure(lab)
            assert_shut(work, AD)
            assert_open(work, SITE)
    return "flushed 3 times"


def nothing_harmed(lab, servers):
    """A name that never resolves closes what is behind it, and harms nothing else"""
    work, personal = lab.qubes[:2]
    servers.authority.at("dead.shop.test", lambda query: None)
    servers.authority.at("ads.shop.test", records([AD]))
    with trial.with_dnspin(lab, "dead", clients={
            "work": "drop ads.shop.test\naccept .shop.test tcp 80\ndrop dead.shop.test\n"
                    "accept docs.test",
            "personal": "drop ads.shop.test\naccept docs.test"}) as dnspin:
        opens(dnspin, "personal")
        assert personal.ask("docs.test").addresses
        assert trial.wait_until(lambda: work.ask("www.shop.test").addresses)
        assert (work.ask("docs.test").status, work.ask("docs.test").ede) == ("SERVFAIL", 14)
        asked = servers.authority.count("dead.shop.test", "A")
        assert asked <= 12, f"asked {asked} times"
        assert dnspin.wait_log("closed work behind rule 3")
    return f"asked {asked} times meanwhile"


def outlives(lab, servers):
    """A restart and a reload keep what is dropped, and open nothing and shut nothing meanwhile"""
    work = lab.qube("work")
    servers.authority.at("ads.shop.test", records([AD]))
    servers.authority.at("ads2.shop.test", aliases(["ads.shop.test"], [AD]))
    servers.authority.at("site.shop.test", records([SITE]))
    rules = ("drop ads.shop.test\ndrop ads2.shop.test\naccept .shop.test\n"
             "accept dst4=198.51.100.0/24")
    with trial.with_dnspin(lab, "outlives", clients={"work": rules}) as dnspin:
        opens(dnspin)
        assert work.ask("site.shop.test").addresses == [SITE]
        before = chains(lab)
        for end in (dnspin.stop, dnspin.kill):
            end()
            servers.authority.silent = True
            dnspin.start()
            assert dropped(lab, work) == {AD: "ads.shop.test ads2.shop.test"}
            assert chains(lab) == before
            assert_open(work, SITE)
            assert_shut(work, AD)
            servers.authority.silent = False
        dnspin.write_client("work", "drop proto=icmp\n" + rules)
        servers.authority.silent = True
        assert dnspin.reload()
        assert_open(work, SITE)
        assert_shut(work, AD)
        servers.authority.silent = False
        # A name more closes the chain for as long as it is not known, and its pins outlive that.
        servers.authority.at("ads3.shop.test", lambda query: None)
        dnspin.write_client("work", "drop ads3.shop.test\n" + rules)
        assert dnspin.reload()
        assert_shut(work, SITE)
        servers.authority.at("ads3.shop.test", records([AD2]))
        opens(dnspin, times=1)
        assert trial.wait_until(lambda: work.connect(SITE)), "still shut"
        assert SITE in lab.netvm.pinned_addresses(work)
        assert_shut(work, AD2)
    return "2 restarts, 2 reloads"


def fetched(lab, servers):
    """prefetch: a client that asks no DNS reaches an exact accept name, also when it moves"""
    work = lab.qube("work")
    servers.authority.at("site.shop.test", records([SITE, AD6], ttl=1))
    servers.authority.at("dead.shop.test", lambda query: None)
    servers.authority.reset()
    with trial.with_dnspin(lab, "fetched", clients={
            "work": "accept dead.shop.test\naccept site.shop.test tcp 80\naccept .docs.test"},
            settings={"clients": {"prefetch": True}, "pins": {"told_max": "5s", "floor": "5s",
                                                              "slack": "5s"}}) as dnspin:
        for address in (SITE, AD6):
            assert trial.wait_until(lambda: work.connect(address)), address
        for address in (SITE, AD2):
            servers.authority.at("site.shop.test", records([address], ttl=1))
            assert trial.wait_until(lambda: work.connect(address), 20)
            end = time.monotonic() + 12  # longer than a pin lives
            while time.monotonic() < end:
                page = work.curl("http://site.shop.test/", "--resolve",
                                 f"site.shop.test:80:{address}")
                assert page.returncode == 0, page
                time.sleep(0.3)
        assert trial.wait_until(lambda: not work.connect(SITE).passed, 20), "the old one stays"
        assert servers.authority.count("docs.test") == 0, "a pattern is no name to fetch"
        counters = dnspin.metric("dnspin_questions_total")
        assert not counters, "what nobody asked is no question of the client's"
    return "reached for 24 s without a question"


if __name__ == "__main__":
    trial.run(in_order, with_ports, replaced, never_less, flows_end, restored, nothing_harmed,
              outlives, fetched)
