#!/usr/bin/python3 -B
"""What Qubes OS' firewall does, row by row of the feature table: rows 26 to 33, what a
netvm has around the rules: hooks, what is published, uplinks, units, chains of netvms, DNS."""

import ast
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import records, topology, trial, zones  # noqa: E402
from lab.attempts import assert_passes, assert_prohibited  # noqa: E402
from lab.authority import Authority  # noqa: E402
from lab.daemon import TREE, build_folder  # noqa: E402
from lab.dom0 import addresses_of, as_written  # noqa: E402
from lab.fake_ip import FakeIp  # noqa: E402
from lab.qubes_waits import (  # noqa: E402
    becomes, becomes_open, becomes_told, clients, pins, traces)
from lab.qvm_firewall import REQUEST_MAX, Kept, QvmFirewall  # noqa: E402
from lab.rows import (  # noqa: E402
    ECHO, ECHO6, EDGE6, FORBIDDEN6, NEAR, NEAR6, RULES, arrival, look_up, tcp)
from lab.servers import NSD_ADDRESS  # noqa: E402
from lab.steady import CASINO, DOCS, DOCS6, EDGE, FORBIDDEN  # noqa: E402

PACKAGING = TREE / "packaging" / "qubes"

HOOK = """#!/bin/sh
set -e
nft add rule ip qubes custom-forward ip daddr {dropped} drop comment '"mine"'
nft add chain ip qubes-firewall mine
nft add rule ip qubes-firewall mine tcp dport 7 accept comment '"mine"'
nft insert rule ip qubes-firewall qubes-forward jump mine comment '"mine"'
nft add chain ip qubes custom-dnat '{{ type nat hook prerouting priority dstnat + 1; }}'
nft add rule ip qubes custom-dnat iifname eth0 tcp dport 8088 dnat to {served}:8088
nft add rule ip qubes custom-forward ip daddr {served} tcp dport 8088 accept comment '"mine"'
"""


def row_26_hooks(lab, _):
    """row 26: scripts run once it is up, and their rules in the chains for users outlive changes"""
    work, personal = lab.qubes[:2]
    root = lab.scratch / "root-26"
    scripts = {"etc/qubes/qubes-firewall.d/10-rules": HOOK.format(
                   dropped=NEAR(1), served=personal.address),
               "rw/config/qubes-firewall.d/20-input":
                   "#!/bin/sh\nexec nft add rule ip qubes custom-input tcp dport 8100 accept "
                   "comment '\"mine\"'\n",
               "rw/config/qubes-firewall-user-script": f"#!/bin/sh\necho so >{root}/told\nexit 1\n"}
    for name, text in scripts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    (root / "run/qubes-service").mkdir(parents=True)
    (root / "run/qubes-service/dnspin").touch()
    personal.listen(8088)
    with trial.with_qubes(lab, "row-26", {work: ["accept"], personal: RULES}) as (_, dom0, base):
        assert_passes(work, *tcp(NEAR(1)))
        ran = lab.netvm.run([PACKAGING / "qubes-firewall-hooks", root])
        assert ran.returncode == 0 and (root / "told").read_text() == "so\n", ran
        rules = QvmFirewall(dom0, work, "accept")
        for number in range(3):
            assert work.connect(NEAR(1), timeout=0.3).outcome == "silent", "custom-forward"
            assert personal.connect(FORBIDDEN, 7).outcome == "refused", "a jump in qubes-forward"
            assert personal.connect(FORBIDDEN, 8).outcome == "prohibited"
            assert work.connect(topology.GATEWAY, 8100).outcome == "refused", "custom-input"
            assert not work.connect(topology.GATEWAY, 8101).passed
            with lab.internet.socket() as sock:
                sock.settimeout(5)
                sock.connect((topology.UPLINK, 8088))  # a port forwarded to a qube
            rules.add(f"drop {NEAR(number + 5)}", before=0)
            base.vif_offline(personal.vif, addresses_of(personal))
            becomes(lambda: not traces(lab, personal), "one has gone")
            base.vif_online(personal.vif, addresses_of(personal))
            look_up_beside(personal)
        assert lab.netvm.nft_list("ruleset").count('comment "mine"') == 5
    return "3 scripts, 6 rules, 9 changes"


def look_up_beside(qube):
    becomes_told(qube, "docs.test", [DOCS])
    becomes_open(qube, DOCS)


def row_27_published(lab, servers):
    """row 27: /dns/IP/HOST says what names of rules resolve to, and handled targets are counted"""
    work, personal = lab.qubes[:2]
    servers.authority.at("two.odd.test", records([NEAR(1), NEAR(2), NEAR6(1)]))
    long = "a" * 60 + ".odd.test"
    rules = ["accept docs.test tcp 80", "accept two.odd.test", f"accept {long}", "drop casino.test"]
    with trial.with_qubes(lab, "row-27", {work: ["drop"], personal: RULES}) as (_, dom0, _):
        counted = [dom0.handled(address) for address in addresses_of(work)]
        QvmFirewall(dom0, work, *rules)
        assert [dom0.handled(address) for address in addresses_of(work)] > counted
        v4, v6 = (f"/dns/{address}/" for address in addresses_of(work))
        wanted = {v4 + "casino.test": {f"{CASINO}/32"},
                  v4 + "docs.test": {f"{DOCS}/32"}, v6 + "docs.test": {f"{DOCS6}/128"},
                  v4 + "two.odd.test": {f"{NEAR(1)}/32", f"{NEAR(2)}/32"},
                  v6 + "two.odd.test": {f"{NEAR6(1)}/128"}}
        found = trial.wait_until(lambda: (told := {
            path: ast.literal_eval(text) for path, text in dom0.server.entries("/dns/").items()
            if path.startswith((v4, v6))}) == wanted and told, 20)
        assert found, dom0.server.entries("/dns/")
        for address in (DOCS, DOCS6, NEAR(1), NEAR(2), NEAR6(1)):
            becomes_open(work, address)
    servers.authority.forget("two.odd.test")
    return f"{len(found)} names, of {len(rules)} one is too long for a path"


def row_28_uplink_changes(lab, servers):
    """row 28: other DNS servers (a VPN): names are resolved anew, specialtarget=dns follows"""
    work, personal = lab.qubes[:2]
    one, two = topology.UPSTREAM, "192.0.2.63"
    conf = pathlib.Path(lab.netvm.scratch / "resolv.conf")
    conf = conf if conf.exists() else next(lab.netvm.run_folder.rglob("*resolv.conf"))
    before, inside = conf.read_text(), Authority(lab.internet, (two,), behind=NSD_ADDRESS)
    servers.authority.at("wiki.odd.test", records([NEAR(1)], ttl=3000))
    inside.at("wiki.odd.test", records([NEAR(2)], ttl=3000))
    rules = {work: ["accept wiki.odd.test"], personal: ["accept specialtarget=dns"]}
    try:
        with trial.with_qubes(lab, "row-28", rules, upstream=()) as (dnspin, _, _):
            for server, other, number in ((one, two, 1), (two, one, 2), (one, two, 1)):
                conf.write_text(f"nameserver {server}\n")
                dnspin.hang_up()  # as qubes-setup-dnat-to-ns has systemd do it
                becomes_told(work, "wiki.odd.test", [NEAR(number)])
                becomes_open(work, NEAR(number))
                becomes(lambda: personal.ask("casino.test", server=server, timeout=1).addresses,
                        "the server itself")
                assert_prohibited(personal, ("udp", other, 53), ("tcp", other, 53),
                                  ("tcp", server, 853))
                assert personal.ask("casino.test").addresses == [CASINO]
    finally:
        conf.write_text(before)
        inside.close()
        servers.authority.forget("wiki.odd.test")
    return "3 times"


def row_29_units(lab, _):
    """row 29: readiness and reloads are told to systemd; a switch chooses dnspin or the agent"""
    work, root = lab.qube("work"), lab.scratch / "root-29"
    with trial.with_qubes(lab, "row-29", {work: RULES}) as (dnspin, _, _):
        look_up(work)  # ready: it could be served from then on
        assert b"READY=1" in dnspin.notified[-1].split(b"\n")
        reloads, started = len(dnspin.notified), time.monotonic_ns() // 1000
        for _ in range(2):
            assert dnspin.hang_up()
            told = b"\n".join(dnspin.notified[reloads:]).decode().split("\n")
            assert told.index("RELOADING=1") < told.index("READY=1"), told
            at, = (int(line.partition("=")[2]) for line in told if "MONOTONIC_USEC=" in line)
            assert started <= at <= time.monotonic_ns() // 1000, told
            reloads, started = len(dnspin.notified), time.monotonic_ns() // 1000
            dnspin.write_client("broken", "address 10.137.0.99\nacept docs.test")
        look_up(work)
    done = subprocess.run([PACKAGING / "install.sh", "--build", build_folder(), "--systemd", "253",
                           "--root", root], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours = {path.name for path in root.rglob("*.service*")}
    assert "qubes-firewall.service" not in ours, "the unit stays Qubes OS' own, and unmasked"
    drop_ins = "".join(path.read_text() for path in sorted(
        (root / "usr/lib/systemd/system/qubes-firewall.service.d").iterdir()))
    assert "\nType=notify-reload\n" in drop_ins
    assert "\nExecStart=\nExecStart=/usr/lib/dnspin/qubes-firewall\n" in drop_ins
    for program, name in (("usr/libexec/dnspin/dnspind", "dnspin"), ("usr/bin/qubes-firewall",
                                                                     "the agent")):
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).write_text(f"#!/bin/sh\necho {name}\n")
        (root / program).chmod(0o755)
    started = []
    for switch in (False, True):
        if switch:
            (root / "run/qubes-service").mkdir(parents=True)
            (root / "run/qubes-service/dnspin").touch()
        started.append(subprocess.run([root / "usr/lib/dnspin/qubes-firewall", root], text=True,
                                      capture_output=True, check=True).stdout.strip())
    assert started == ["the agent", "dnspin"], started
    return "2 reloads, 1 of them refused"


BEHIND = """link add vif9.0 type veth peer name eth0 netns {net}
link set vif9.0 up
addr add 10.137.0.7/32 dev vif9.0
addr add fd09:24ef:4179::a89:7/128 dev vif9.0 nodad
route add {address} dev vif9.0
route add {address6} dev vif9.0"""
LEAF = """link set eth0 up
addr add {address}/32 dev eth0
addr add {address6}/128 dev eth0 nodad
route add 10.137.0.7 dev eth0
route add default via 10.137.0.7
route add fd09:24ef:4179::a89:7 dev eth0
route add ::/0 via fd09:24ef:4179::a89:7"""


def row_30_chain_of_netvms(lab, _):
    """row 30: an inner netvm is one client, and what is behind it has its rules"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "row-30-chain", {work: ["drop"]}) as (dnspin, dom0, base):
        with arrival(lab, base, dom0, "inner") as inner:
            leaf = lab.add_qube("leaf", plug=False)
            inner.ip(BEHIND.format(net=leaf.net_path, address=leaf.address, address6=leaf.address6))
            leaf.ip(LEAF.format(address=leaf.address, address6=leaf.address6))
            inner.run(["sh", "-ec", "echo 1 > /proc/sys/net/ipv4/ip_forward;"
                       "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"], check=True)
            inner.run(["nft", "-f", "-"], check=True, input="".join(
                f"add table {family} n\nadd chain {family} n c "
                "{ type nat hook postrouting priority srcnat; }\n"
                f"add rule {family} n c oifname eth0 masquerade\n"
                for family in ("ip", "ip6")))
            look_up(leaf)
            assert leaf.curl("http://docs.test/").stdout.startswith(f"Hello from {DOCS}")
            assert clients(dnspin).keys() == {work.address, inner.address}
            assert pins(lab, inner).keys() >= {EDGE, EDGE6} and not pins(lab, leaf)
            look_up(inner)
            lab.remove_qube(leaf)
    return "1 qube behind 2 netvms"


def row_30_fake_and_custom_addresses(lab, _):
    """row 30: net.fake-ip, and addresses that the user has chosen"""
    work, fake = lab.qube("work"), "192.168.7.2"
    with trial.with_qubes(lab, "row-30-fake", {work: RULES}) as (dnspin, dom0, base):
        qube = lab.add_qube("faked", ipv6=False, plug=False)
        FakeIp(lab, qube, fake)
        dom0.connected([*addresses_of(work), fake])
        dom0.qube(qube, RULES)
        base.vif_online(qube.vif, addresses_of(qube))
        look_up(qube)
        assert clients(dnspin)[qube.address]["interface"] == qube.vif
        base.vif_offline(qube.vif, addresses_of(qube))
        with arrival(lab, base, dom0, "custom", ("192.168.200.5", "fd77::5")) as custom:
            look_up(custom)
            assert clients(dnspin)[custom.address]["addresses"] == ["192.168.200.5", "fd77::5"]
            look_up(work)
    return "2 qubes"


def row_30_disposables_and_hvms(lab, _):
    """row 30: a disposable with the address of another starts with nothing; HVMs have two vifs"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "row-30-disp", {work: RULES}) as (dnspin, dom0, base):
        for number in range(40, 43):
            with arrival(lab, base, dom0, f"disp{number}", vif=f"vif{number}.0",
                         addresses=("10.138.7.7", "fd09:24ef:4179::a8a:707")) as disp:
                assert not pins(lab, disp).get(EDGE) and not pins(lab, disp).get(EDGE6)
                assert not disp.connect(EDGE, timeout=0.3).passed
                look_up(disp)
        with arrival(lab, base, dom0, "hvm", vif="vif50.0") as hvm:
            lab.plug(hvm, "vif51.0", "eth1")  # vif_ioemu
            base.vif_online("vif51.0", addresses_of(hvm))
            look_up(hvm)
            hvm.ip("link set eth0 down")
            look_up(hvm)
            assert list(clients(dnspin)) == [work.address, hvm.address]
            base.vif_offline("vif51.0", addresses_of(hvm))
            lab.unplug("vif51.0")
    return "3 disposables, 1 HVM"


def row_31_qube_manager(lab, _):
    """row 31: what the Qube Manager writes: allow all, limit to a list, full access for a while"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "row-31", {work: ["drop"]}) as (_, dom0, _):
        rules = QvmFirewall(dom0, work)
        rules.allow_all()
        assert_passes(work, *tcp(FORBIDDEN, FORBIDDEN6), ("icmp", FORBIDDEN, ECHO))
        rules.limit_to("docs.test", ".shop.test", NEAR(1), "2001:db8:51::/64")
        look_up_beside(work)
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_passes(work, *tcp(EDGE, NEAR(1), NEAR6(1)), ("tcp", DOCS, 443),
                      ("icmp", FORBIDDEN, ECHO), ("icmp", FORBIDDEN6, ECHO6))
        assert work.ask("casino.test").addresses == [CASINO], "names may be asked"
        assert_prohibited(work, *tcp(CASINO, FORBIDDEN, FORBIDDEN6, NEAR(2)))
        rules.add("accept", before=0, expire=2)
        assert_passes(work, *tcp(CASINO, FORBIDDEN6))
        time.sleep(max(rules.kept[0].expire - time.time(), 0))
        rules.reload()
        assert_prohibited(work, *tcp(CASINO, FORBIDDEN6))
        assert_passes(work, *tcp(DOCS, EDGE))
    return "3 shapes"


def row_32_many_rules_and_long_values(lab, _):
    """row 32: as many rules as the Admin API takes, and values of 3071 octets"""
    work = lab.qube("work")
    with trial.with_qubes(lab, "row-32", {work: ["drop"]}) as (dnspin, dom0, _):
        texts = [f"accept {number}.race.test tcp 80" for number in range(300)]
        texts += [f"drop 198.18.{number}.7 tcp 80" for number in range(240)]
        texts += [f"accept 198.19.{number // 200}.{number % 200}" for number in range(900)]
        size = 0
        rules = QvmFirewall(dom0, work)
        for count, text in enumerate(texts):
            size += len(Kept(text).raw) + 1
            if size > REQUEST_MAX:
                break
        rules.set(*texts[:count])
        assert count > 900
        last = texts[count - 1].split()[1]
        for number in (0, 299):  # not all of them are looked up unless somebody asks
            becomes_told(work, f"{number}.race.test", [zones.race_address(number)])
            assert_passes(work, *tcp(last, zones.race_address(number)))
        assert_prohibited(work, *tcp("198.18.239.7", texts[count].split()[1], FORBIDDEN))
        assert clients(dnspin)[work.address]["rules"] == count
        longest = f"accept {'a.' * 1524}b"
        assert len(as_written(longest)) == 3071
        rules.set(longest, f"accept {NEAR(1)}", "accept docs.test")
        becomes_open(work, DOCS)
        assert_passes(work, *tcp(NEAR(1)))  # it is no name of a host, and blocks nobody
    return f"{count} rules"


def row_33_virtual_dns(lab, servers):
    """row 33: both virtual servers answer by UDP and TCP, and no question leaves past dnspin"""
    work, personal = lab.qubes[:2]
    lab.netvm.nft("add table ip watch\n"
                  "add chain ip watch out { type filter hook forward priority -1; }\n"
                  "add counter ip watch past\n" + "".join(
                      f"add rule ip watch out {protocol} dport 53 counter name past\n"
                      for protocol in ("udp", "tcp")))

    def past():
        return sum(item["counter"]["packets"] for item in lab.netvm.nft_json("counters")
                   if "counter" in item)

    everything = {work: RULES, personal: ["accept"]}
    with trial.with_qubes(lab, "row-33", everything) as (dnspin, _, base):
        for server in topology.VIRTUAL_DNS:
            for options in ([], ["+tcp"]):
                assert work.dig("docs.test", "A", *options, server=server).addresses == [DOCS]
                assert work.dig("casino.test", "A", *options, server=server).status == "REFUSED"
                assert personal.dig("casino.test", "A", *options, server=server).addresses
        asked = servers.authority.count()
        dnspin.kill()
        for server in topology.VIRTUAL_DNS:
            assert not personal.ask("www.casino.test", server=server, timeout=0.3).addresses
            assert not personal.ask("www.casino.test", server=server, tcp=True,
                                    timeout=0.3).addresses
        assert past() == 0 and servers.authority.count() == asked, "a question went past"
        dnspin.start()
        becomes_told(personal, "www.casino.test", ["203.0.113.41"])
        base.reload()
        becomes_told(work, "docs.test", [DOCS])
        assert past() == 0
        assert personal.ask("casino.test", server=NSD_ADDRESS).addresses and past() > 0
        assert_prohibited(work, ("udp", NSD_ADDRESS, 53), ("tcp", NSD_ADDRESS, 53))
    lab.netvm.nft("delete table ip watch")
    return "2 servers, 2 protocols, 1 crash, 1 reload of the base ruleset"


if __name__ == "__main__":
    trial.run(row_26_hooks, row_27_published, row_28_uplink_changes, row_29_units,
              row_30_chain_of_netvms, row_30_fake_and_custom_addresses,
              row_30_disposables_and_hvms, row_31_qube_manager, row_32_many_rules_and_long_values,
              row_33_virtual_dns)
