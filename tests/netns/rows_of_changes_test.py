#!/usr/bin/python3 -B
"""What Qubes OS' firewall does, row by row of the feature table: rules that change and
a service that fails, rows 16 to 25."""

import json
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import topology, trial  # noqa: E402
from lab.attempts import assert_passes, assert_prohibited, attempt  # noqa: E402
from lab.daemon import TREE  # noqa: E402
from lab.dom0 import addresses_of  # noqa: E402
from lab.journal import Journal  # noqa: E402
from lab.namespace import Namespace  # noqa: E402
from lab.qubes_waits import (  # noqa: E402
    becomes, becomes_open, becomes_shut, clients, pins, structure, traces)
from lab.qvm_firewall import QvmFirewall  # noqa: E402
from lab.rows import (  # noqa: E402
    ECHO, ECHO6, EDGE6, FORBIDDEN6, NEAR, NEAR6, RULES, downloads_of, look_up, tcp)
from lab.steady import CASINO, DOCS, DOCS6, EDGE, FORBIDDEN, SIX  # noqa: E402

IP_TRANSPARENT, IPV6_TRANSPARENT, IPV6_DSTOPTS = 19, 75, 59
IP_MTU, IPV6_MTU = 14, 24


def row_16_rules_survive_and_move(lab, _):
    """row 16: rules survive restarts, and go with the qube to another netvm and back"""
    work, personal = lab.qubes[:2]
    with trial.with_qubes(lab, "row-16", {work: RULES, personal: RULES}) as (dnspin, dom0, base):
        look_up(work)
        for end in (dnspin.kill, dnspin.stop):
            end()
            dnspin.start()
            look_up(work)
        dom0.server.stop()
        dom0.server.start()
        look_up(work)
        base.vif_offline(work.vif, addresses_of(work))
        becomes(lambda: not traces(lab, work), "it has gone, and what dom0 wrote is nobody's")
        look_up(personal)
        dom0.qube(work, RULES)
        base.vif_online(work.vif, addresses_of(work))
        look_up(work)
    with trial.with_qubes(lab, "row-16-other", {work: RULES}):
        assert not pins(lab, work).get(EDGE), "what it had open elsewhere"
        assert_prohibited(work, *tcp(EDGE))
        look_up(work)
    return "3 restarts, 2 netvms"


def row_17_live_per_client(lab, _):
    """row 17: a change is in force at once for its qube, and touches no other"""
    work, personal = lab.qubes[:2]
    ours, theirs = downloads_of(lab), downloads_of(lab, "personal")

    def of(qube):
        """Chains with their handles, which a rewriting would change."""
        return [lab.netvm.run(["nft", "-a", "list", "chain", family, "qubes-firewall",
                               "qbs-" + address.replace(".", "-").replace(":", "-")]).stdout
                for family, address in zip(("ip", "ip6"), addresses_of(qube))]

    with trial.with_qubes(lab, "row-17", {work: RULES, personal: RULES}) as (_, dom0, _):
        rules = QvmFirewall(dom0, work, *RULES)
        look_up(personal)
        look_up(work)
        beside, running = ours.begin(EDGE), theirs.begin(EDGE)
        before, mine, open_then = of(personal), of(work), pins(lab, personal).keys()
        handled = dom0.handled(personal.address)
        for number in range(10):
            rules.add(f"accept {NEAR(number + 1)}", before=0)
            rules.add(f"accept {NEAR6(number + 1)}", before=0)
            assert_passes(work, *tcp(NEAR(number + 1), NEAR6(number + 1)))
            assert_prohibited(personal, *tcp(NEAR(number + 1), NEAR6(number + 1)))
        assert of(personal) == before and of(work) != mine and all(before)
        assert pins(lab, personal).keys() == open_then
        assert dom0.handled(personal.address) == handled
        theirs.go_on(running)
        ours.go_on(beside)
        look_up(personal)
        theirs.end_all()
        ours.end_all()
    return "20 changes"


def row_18_forbidden_flows_are_cut(lab, _):
    """row 18: flows that a change forbids are cut, of each protocol and family; others are not"""
    work, downloads, took = lab.qube("work"), downloads_of(lab), []
    always = [f"accept {NEAR(9)}", "accept .shop.test tcp 8090"]
    with trial.with_qubes(lab, "row-18", {work: ["drop"]}) as (_, dom0, _):
        rules = QvmFirewall(dom0, work)
        for narrower in ([f"accept {NEAR(1)} tcp 8091"], ["drop 198.51.100.0/29", "accept"], []):
            rules.set(*always, "accept")
            assert work.ask("www.shop.test").addresses == [EDGE]
            kept = [downloads.begin(NEAR(9)), downloads.begin(EDGE),
                    downloads.begin(NEAR(9), 8090, "udp")]
            gone = [downloads.begin(NEAR(1)), downloads.begin(NEAR(1), 8090, "udp"),
                    downloads.begin(NEAR(1), kind="icmp")]
            if narrower[:1] != ["drop 198.51.100.0/29"]:
                gone += [downloads.begin(NEAR6(1)), downloads.begin(NEAR6(1), 8090, "udp")]
            downloads.go_on(*kept, *gone)
            rules.set(*always, *narrower)
            took.append(downloads.stops(*gone, beside=kept[0]))
            downloads.go_on(*kept)
            downloads.end_all()
    return f"3 changes, cut after {max(took):.2f} s"


def upload(qube, address):
    """Sends 200,000 octets; the largest packet that fits the way, as the qube has learnt it."""
    six = ":" in address
    with qube.socket(socket.AF_INET6 if six else socket.AF_INET) as sock:
        sock.settimeout(10)
        sock.connect((address, 7007))
        sock.sendall(bytes(200_000))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(16) == b"200000"
        return sock.getsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP,
                               IPV6_MTU if six else IP_MTU)


def count_octets(listener):
    while True:
        with listener.accept()[0] as stream:
            count = 0
            while octets := stream.recv(65536):
                count += len(octets)
            stream.sendall(str(count).encode())


def row_19_established_and_related(lab, _):
    """row 19: answers pass, and ICMP errors about what is allowed: a narrower way is learnt"""
    work, mtu = lab.qube("work"), 1300
    far = Namespace(lab, "far", sysctls=topology.QUIET)
    lab.internet.ip(f"link add far type veth peer name eth0 netns {far.net_path}\n"
                    f"link set far mtu {mtu} up\naddr add 10.0.9.1/24 dev far\n"
                    "addr add fd0a:9::1/64 dev far nodad\n"
                    f"route add {NEAR(99)} via 10.0.9.2\nroute add {NEAR6(99)} via fd0a:9::2")
    far.ip("link set eth0 up\naddr add 10.0.9.2/24 dev eth0\n"
           "addr add fd0a:9::2/64 dev eth0 nodad\n"
           f"addr add {NEAR(99)}/32 dev lo\naddr add {NEAR6(99)}/128 dev lo nodad\n"
           "route add default via 10.0.9.1\nroute add ::/0 via fd0a:9::1")
    forwarding = "echo {0} > /proc/sys/net/ipv4/ip_forward; echo {0} > /proc/sys/net/ipv6/conf/all/"
    lab.internet.run(["sh", "-ec", forwarding.format(1) + "forwarding"], check=True)
    with far.enter():
        listener = socket.create_server(("::", 7007), family=socket.AF_INET6, dualstack_ipv6=True)
    server = far.start(count_octets, listener)
    try:
        with trial.with_qubes(lab, "row-19", {work: [f"accept {NEAR(99)} tcp",
                                                     f"accept {NEAR6(99)} tcp"]}):
            found = [upload(work, address) for address in (NEAR(99), NEAR6(99))]
            assert found == [mtu, mtu], found
            assert_prohibited(work, ("icmp", NEAR(99), ECHO), ("icmp", NEAR6(99), ECHO6))
    finally:
        server.kill()
        listener.close()
        lab.internet.run(["ip", "link", "del", "far"])
        lab.internet.run(["sh", "-c", forwarding.format(0) + "forwarding"])
        far.close()
    return f"{mtu} octets, of both families"


def from_address(lab, qube, source, target):
    """Datagrams with this source, sent by whoever may or may not have it."""
    six = ":" in source
    namespace = qube or lab.internet
    with namespace.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        sock.bind((source, 0))
        for _ in range(3):
            sock.sendto(b"dnspin", (target, 9009))


WATCH = """add table {0} watch
add counter {0} watch seen
add chain {0} watch forwarded {{ type filter hook forward priority -200; }}
add chain {0} watch received {{ type filter hook input priority -200; }}
add rule {0} watch forwarded {0} saddr {1} udp dport 9009 counter name seen
add rule {0} watch received {0} saddr {1} udp dport 9009 counter name seen
"""


def row_20_no_false_addresses(lab, _):
    """row 20: no qube sends with another's address, and nobody with one's that is not running"""
    work, personal = lab.qubes[:2]
    dead = ("10.137.0.77", "fd09:24ef:4179::a89:4d")
    stranger = ("203.0.113.7", "2001:db8:7::7")
    outside = ("203.0.113.8", "2001:db8:8::8")

    def came(qube, source, target):
        """How many of them get as far as to be forwarded, or received."""
        family = "ip6" if ":" in source else "ip"
        lab.netvm.nft(WATCH.format(family, source))
        from_address(lab, qube, source, target)
        found = [item["counter"]["packets"] for item in lab.netvm.nft_json("table", family, "watch")
                 if "counter" in item]
        lab.netvm.nft(f"delete table {family} watch")
        return sum(found)

    with trial.with_qubes(lab, "row-20", {work: ["accept"], personal: ["accept"]}) as (
            _, dom0, base):
        for layers in ("with the base ruleset", "by dnspin alone"):
            for family in range(2):
                own, other = addresses_of(work)[family], addresses_of(personal)[family]
                assert came(work, own, outside[family]) == 3, layers
                for source in (other, dead[family], stranger[family]):
                    assert came(work, source, outside[family]) == 0, (layers, source)
                uplink = (topology.UPLINK, topology.UPLINK6)[family]
                dom0.connected([*addresses_of(work), *addresses_of(personal)])
                becomes(lambda: came(None, dead[family], uplink) == 3, "nobody's")
                assert came(None, other, uplink) == 0, "of one that is running"
                dom0.connected([*addresses_of(work), *addresses_of(personal), *dead])
                becomes(lambda: came(None, dead[family], uplink) == 0, layers)
            lab.netvm.nft("flush chain ip qubes prerouting\nflush chain ip6 qubes prerouting")
        base.reload()
    return "5 kinds of both families, 2 times"


def row_21_not_from_qube_to_qube(lab, _):
    """row 21: qubes do not reach each other, whatever rules accept, unless the user says so"""
    work, personal = lab.qubes[:2]
    personal.listen(80)
    with trial.with_qubes(lab, "row-21", {work: ["accept"], personal: ["accept"]}) as (
            _, dom0, _):
        kinds = (("icmp", ECHO), ("icmp", ECHO6))
        for address, (kind, number) in zip(addresses_of(personal), kinds):
            assert attempt(work, kind, address, number).outcome == "silent"
            assert work.connect(address).outcome == "silent"
            family = "ip6" if ":" in address else "ip"
            lab.netvm.nft(f"add rule {family} qubes custom-forward {family} daddr {address} "
                          "tcp dport 80 accept")
            assert work.connect(address, timeout=5), "custom-forward"
        QvmFirewall(dom0, work, "accept docs.test")
        assert_prohibited(work, *tcp(*addresses_of(personal)))  # and the rules hold there, too
    return "2 families"


def row_22_ipv6_on_a_par(lab, _):
    """row 22: IPv6 has all that IPv4 has, also behind extension headers"""
    work, downloads = lab.qube("work"), downloads_of(lab)
    rules = [f"drop {NEAR6(66)}", f"accept {NEAR6(1)} udp 8090", f"accept {NEAR6(2)} icmp {ECHO6}",
             "accept docs.test tcp 80-90", "accept six.test tcp 8090", "drop six.test udp",
             "accept 2001:db8:51::40/122 tcp"]
    with trial.with_qubes(lab, "row-22", {work: rules}) as (_, dom0, _):
        assert work.ask("docs.test", "AAAA").addresses == [DOCS6]
        becomes_open(work, SIX, 8090)
        becomes_open(work, NEAR6(0x40))  # behind a drop whose addresses must be known
        assert_passes(work, ("udp", NEAR6(1), 8090), ("icmp", NEAR6(2), ECHO6),
                      *tcp(DOCS6, NEAR6(0x40), NEAR6(0x7f)))
        assert_prohibited(work, *tcp(NEAR6(66), NEAR6(1), NEAR6(2), NEAR6(0x3f), NEAR6(0x80), SIX),
                          *tcp(DOCS6, port=443), ("udp", SIX, 8090), ("icmp", DOCS6, ECHO6))
        with work.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, b"\0\0\x01\x04\0\0\0\0")
            sock.sendto(b"dnspin", (NEAR6(1), 8090))
            assert sock.recv(64) == b"dnspin", "a header more, and the rule matches no longer"
        running = [downloads.begin(SIX, 8090), downloads.begin(NEAR6(1), 8090, "udp")]
        downloads.go_on(*running)
        QvmFirewall(dom0, work, rules[1])
        took = downloads.stops(running[0], beside=running[1])
        downloads.end_all()
        assert_prohibited(work, *tcp(DOCS6), *tcp(SIX, port=8090))
    return f"{len(rules)} rules, 1 flow cut after {took:.2f} s"


NOTIFY_TOOLS = {
    "journalctl": "cat {folder}/entries",
    "runuser": "printf '%s\\n' \"$@\" >>{folder}/shown",
    "qubesdb-read": "echo user"}


def notification(folder, entry):
    """What the desktop's user is shown for an entry of the journal."""
    folder.mkdir()
    (folder / "entries").write_text(json.dumps(entry) + "\n")
    for name, script in NOTIFY_TOOLS.items():
        (folder / name).write_text(f"#!/bin/sh\n{script.format(folder=folder)}\n")
        (folder / name).chmod(0o755)
    subprocess.run([TREE / "packaging" / "qubes" / "notify", folder], capture_output=True,
                   timeout=20, check=False)
    return (folder / "shown").read_text().splitlines()[-1]


def row_23_fails_closed_and_says_so(lab, _):
    """row 23: a qube with a rule that is none is shut, the desktop hears why, no other is"""
    work, personal = lab.qubes[:2]
    journal = Journal(lab)
    with trial.with_qubes(lab, "row-23", {work: ["accept"], personal: ["accept"]}) as (_, dom0, _):
        assert_passes(work, *tcp(NEAR(1), NEAR6(1)))
        dom0.qube(work, ["accept", "action=accept proto=sctp"])
        becomes_shut(work, NEAR(1))
        becomes_shut(work, NEAR6(1))
        assert_prohibited(work, *tcp(FORBIDDEN))
        assert work.ask("docs.test", timeout=1).status != "NOERROR"
        assert_passes(personal, *tcp(NEAR(1), NEAR6(1)))
        entry = journal.wait(lambda entry: entry.get("DNSPIN_EVENT") == "blocked")
        assert entry and entry["DNSPIN_CLIENT"] == work.address and int(entry["PRIORITY"]) <= 3
        words = notification(lab.scratch / "notify-23",
                             {"_SYSTEMD_UNIT": "qubes-firewall.service", **entry})
        assert work.address in words and "0001" in words and "sctp" in words, words
        # A name that does not resolve is no fault: it matches nothing.
        QvmFirewall(dom0, work, "accept nx.odd.test", "accept silent.odd.test",
                    f"accept {NEAR(1)}", "accept docs.test")
        becomes_open(work, DOCS)
        becomes_open(work, DOCS6)
        assert_passes(work, *tcp(NEAR(1)))
    return words[-60:]


def row_24_crash_keeps_rules(lab, _):
    """row 24: after a crash rules, pins and flows stay, and nothing opens; a new one goes on"""
    work, personal, downloads = *lab.qubes[:2], downloads_of(lab)
    with trial.with_qubes(lab, "row-24", {work: RULES}) as (dnspin, dom0, base):
        look_up(work)
        running = [downloads.begin(EDGE), downloads.begin(EDGE6), downloads.begin(EDGE, kind="udp")]
        before, tables = pins(lab, work).keys(), structure(lab)
        dnspin.kill()
        dom0.qube(work, ["accept"])
        dom0.qube(personal, ["accept"])
        base.vif_online(personal.vif, addresses_of(personal))
        assert structure(lab) == tables
        assert_passes(work, *tcp(EDGE, EDGE6, DOCS))
        assert_prohibited(work, *tcp(FORBIDDEN, FORBIDDEN6), *tcp(DOCS, port=443))
        assert not any(personal.connect(address).passed for address in (DOCS, DOCS6))
        assert not work.ask("casino.test", timeout=0.5).addresses
        dom0.qube(work, RULES)
        dnspin.start()
        assert pins(lab, work).keys() == before
        look_up(work)
        becomes_open(personal, DOCS)
        downloads.go_on(*running, more=20)
        downloads.end_all()
        base.vif_offline(personal.vif, addresses_of(personal))
    lab.netvm.ip(topology.online(personal.vif, addresses_of(personal)))
    drop_in = TREE / "packaging" / "qubes" / "qubes-firewall.service.d" / "30-dnspin.conf"
    assert "\nRestart=on-failure\n" in drop_in.read_text()  # qubes_boot_test.py sees it at work
    return f"{len(before)} pins, {len(running)} flows"


def row_25_stopping_opens_nothing(lab, _):
    """row 25: a stop leaves the firewall shut, unlike the agent's; --teardown opens it"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "row-25", {work: RULES}) as (dnspin, dom0, _):
        look_up(work)
        assert dnspin.stop() == 0
        for _ in range(2):
            assert_passes(work, *tcp(EDGE, EDGE6, DOCS))
            assert_prohibited(work, *tcp(FORBIDDEN, FORBIDDEN6, CASINO), *tcp(DOCS, port=443))
            assert not work.ask("docs.test", timeout=0.5).addresses
            dom0.qube(work, ["accept"])  # nobody reads it
        dnspin.start()
        becomes_open(work, FORBIDDEN)
        dom0.qube(work, RULES)
        becomes_shut(work, FORBIDDEN)
        becomes_shut(work, FORBIDDEN6)
        look_up(work)
        dnspin.stop()
        torn = lab.netvm.run([dnspin.bin / "dnspind", "--config", dnspin.config, "--teardown"])
        assert torn.returncode == 0 and not structure(lab), torn.stderr
        assert_passes(work, *tcp(FORBIDDEN, FORBIDDEN6))
        assert work.ask("casino.test").addresses == [CASINO], "by Qubes OS' own translation"
        assert "dnspin" not in lab.netvm.nft_list("ruleset")
        dnspin.start()
        becomes(lambda: clients(dnspin), "it serves again")
        look_up(work)
    return "stopped, torn down, started"


if __name__ == "__main__":
    trial.run(row_16_rules_survive_and_move, row_17_live_per_client, row_18_forbidden_flows_are_cut,
              row_19_established_and_related, row_20_no_false_addresses,
              row_21_not_from_qube_to_qube, row_22_ipv6_on_a_par, row_23_fails_closed_and_says_so,
              row_24_crash_keeps_rules, row_25_stopping_opens_nothing)
