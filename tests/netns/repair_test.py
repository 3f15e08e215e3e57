#!/usr/bin/python3 -B
"""Repair: what others flush, delete or change of dnspin's comes back, once, with one line in the
log; what they do beside it stays and is not spoken of. Meanwhile no answer is told that is not
pinned, and nothing that began in a gap goes on."""

import functools
import itertools
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.asker import Askers  # noqa: E402
from lab.download import Downloads, serve_streams  # noqa: E402
from lab.loop import Loop  # noqa: E402
from lab.steady import (  # noqa: E402
    DOCS, FLOOR, FORBIDDEN, RULES, assert_kept, assert_open, assert_shut, look_up, pins)
from lab.trespass import Trespass  # noqa: E402

TABLES = (("ip", "dnspin"), ("ip6", "dnspin"), ("ip", "dnspin-dns"), ("ip6", "dnspin-dns"),
          ("ip", "qubes"))
CHAINS = {"ip": "qbs-10-137-0-25", "ip6": "qbs-fd09-24ef-4179--a89-19"}
ADDRESS = {"ip": "10.137.0.25", "ip6": "fd09:24ef:4179::a89:19"}
STRANGE = {"ip": "203.0.113.90", "ip6": "2001:db8:6::90"}
SAYS = "changed what dnspind made: it is again as it was"
QUBES = """
add table ip qubes
add chain ip qubes custom-input
add rule ip qubes custom-input udp dport 5353 accept comment "mine"
"""
MANY = {"pins": {"per_client": 65_536}}
RACE = "accept .race.test tcp 80\n"
PATIENT = 10


def shape(lab):
    """What the kernel holds of ours, in an order of its own, without what the clock changes."""
    lines = []
    for table in TABLES:
        for item in lab.netvm.nft_json("table", *table):
            (kind, body), = item.items()
            elements = [entry["elem"]["val"] if "elem" in entry else entry
                        for entry in body.pop("elem", [])]
            body.pop("handle", None)
            if kind == "rule":
                body = [body["chain"], json.dumps(body["expr"]), body.get("comment", "")]
            lines.append(f"{table} {kind} {json.dumps(body)}")
            lines += [f"{table} element of {body['name']}: {json.dumps(entry)}"
                      for entry in elements]
    rules = [line for line in lines if "rule" in line.split()[2]]  # whose order has a meaning
    return sorted(set(lines) - set(rules)), sorted(rules, key=lambda line: line.split('"')[1])


def rules_of(lab, family, table, chain, part=""):
    return [item["rule"]["handle"] for item in lab.netvm.nft_json("chain", family, table, chain)
            if part in json.dumps(item.get("rule", "")) and "rule" in item]


def harm(lab, pin_set):
    """(what somebody does, the text of it for nft)."""
    yield "flush ruleset", "flush ruleset\n" + QUBES
    for family, table in TABLES[:4]:
        yield f"delete table {family} {table}", f"delete table {family} {table}"
        if rules_of(lab, family, table, "prerouting"):  # DNS servers of Qubes OS have IPv4 alone
            yield f"flush table {family} {table}", f"flush table {family} {table}"
        yield (f"{family} {table} dormant",
               f"add table {family} {table} {{ flags dormant; }}")
    yield "all tables at once", "".join(f"delete table {' '.join(table)}\n" for table in TABLES[:4])
    for family, chain in CHAINS.items():
        where, name = f"{family} dnspin", pin_set[family]
        yield f"policy {family}", f"add chain {where} forward {{ policy accept; }}"
        for ours in ("forward", "qubes-forward", "prerouting", chain):
            yield f"flush chain {where} {ours}", f"flush chain {where} {ours}"
            for number, _ in enumerate(rules_of(lab, family, "dnspin", ours)):
                yield (f"rule {number} of {where} {ours}", lambda f=family, c=ours, n=number:
                       f"delete rule {f} dnspin {c} handle {rules_of(lab, f, 'dnspin', c)[n]}")
        for number, _ in enumerate(rules_of(lab, family, "dnspin-dns", "prerouting")):
            yield (f"rule {number} of {family} dnspin-dns", lambda f=family, n=number:
                   f"delete rule {f} dnspin-dns prerouting handle "
                   f"{rules_of(lab, f, 'dnspin-dns', 'prerouting')[n]}")
        yield f"flush set {where} {name}", f"flush set {where} {name}"
        yield f"foreign rule in {where} {chain}", f"insert rule {where} {chain} accept"
        yield (f"delete set {where} {name}",
               f"flush chain {where} {chain}\ndelete set {where} {name}")
        yield (f"delete chain {where} {chain}",
               f"delete element {where} clients {{ {ADDRESS[family]} }}\n"
               f"flush chain {where} {chain}\ndelete chain {where} {chain}")
        for map_of in ("dnspin clients", "dnspin-dns doors"):
            yield f"flush map {family} {map_of}", f"flush map {family} {map_of}"
            yield (f"client of {family} {map_of}",
                   f"delete element {family} {map_of} {{ {ADDRESS[family]} }}")
        strange = STRANGE[family]
        yield (f"foreign element {family}",
               f"add element {where} {name} {{ {strange} timeout 90s comment \"docs.test\" }}")
        yield (f"foreign element without timeout {family}", f"add element {where} {name} {{ "
               f"{strange} comment \"docs.test\" }}")
        yield (f"strange DNS server {family}", f"add element {where} dns-addr {{ {strange} }}")
        yield (f"another door {family}", f"delete element {family} dnspin-dns doors "
               f"{{ {ADDRESS[family]} }}\nadd element {family} dnspin-dns doors "
               f"{{ {ADDRESS[family]} : 9 }}")
        yield (f"a client that is none {family}", f"add element {where} clients {{ "
               f"{strange} : jump {chain} }}")
    yield "delete pin", f"delete element ip dnspin {pin_set['ip']} {{ {DOCS} }}"
    yield "pin without end", (f"delete element ip dnspin {pin_set['ip']} {{ {DOCS} }}\n"
                              f"add element ip dnspin {pin_set['ip']} {{ {DOCS} }}")
    yield "pin with another comment", (
        f"delete element ip dnspin {pin_set['ip']} {{ {DOCS} }}\nadd element ip dnspin "
        f"{pin_set['ip']} {{ {DOCS} timeout 90s comment \"casino.test\" }}")
    yield "pin shortened", f"add element ip dnspin {pin_set['ip']} {{ {DOCS} timeout 2s }}"
    yield "our rule in table qubes", lambda: (
        "delete rule ip qubes custom-input handle "
        f"{rules_of(lab, 'ip', 'qubes', 'custom-input', 'dnat')[0]}")


def harmed(lab, _):
    """Whatever others do to its tables, dnspind makes it again as it was, and says so once"""
    work, done = lab.qube("work"), 0
    lab.netvm.nft(QUBES)
    with trial.with_dnspin(lab, "harmed", clients={"work": RULES, "personal": RULES},
                           settings=FLOOR) as dnspin:
        look_up(work)
        before, tables, began = pins(lab, work), shape(lab), time.monotonic()
        pin_set = {"ip": before[DOCS].set, "ip6": before["2001:db8:5::30"].set}
        for what, text in list(harm(lab, pin_set)):
            said = len(dnspin.log())
            lab.netvm.nft(text if isinstance(text, str) else text())

            def again():
                return any(SAYS in line.text for line in dnspin.log()[said:])  # pylint: disable=W

            assert trial.wait_until(again), f"{what}: nothing is said"
            now = shape(lab)
            assert now == tables, (what, [sorted(set(a) ^ set(b)) for a, b in zip(now, tables)],
                                   now[1], tables[1])
            after = pins(lab, work)
            assert after.keys() == before.keys(), (what, after.keys() ^ before.keys())
            assert_kept(before, after, after, time.monotonic() - began)
            dnspin.control("status")
            lines = [line.text for line in dnspin.log()[said:]]
            assert len(lines) == 1 and lines[0].startswith("nft (pid "), (what, lines)
            assert work.ask("docs.test").addresses == [DOCS]
            done += 1
            if done % 10 == 0:
                look_up(work)
                assert_shut(work, FORBIDDEN)
        look_up(work)
        assert_shut(work, FORBIDDEN)
        assert_shut(work, STRANGE["ip"])
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    lab.netvm.nft("delete table ip qubes")
    return f"{done} ways, each put right and said once"


BESIDE = (
    "insert rule ip dnspin qubes-forward ip daddr 203.0.113.81 accept comment \"theirs\"",
    "add rule ip6 dnspin forward tcp dport 25 reject",
    "add chain ip dnspin theirs\nadd rule ip dnspin theirs counter",
    "flush chain ip dnspin theirs\ndelete chain ip dnspin theirs",
    "add set ip dnspin their-set { type ipv4_addr; }\n"
    "add element ip dnspin their-set { 192.0.2.1 }",
    "flush set ip dnspin their-set\ndelete set ip dnspin their-set",
    "add set ip dnspin drop-malware { type ipv4_addr; }\n"
    "add element ip dnspin drop-malware { 192.0.2.66 }",
    "insert rule ip dnspin forward ip daddr @drop-malware drop",
    "add table ip mine\nadd chain ip mine c { type filter hook forward priority 5; }\n"
    "add set ip mine pin-10-137-0-25-1 { type ipv4_addr; }\nadd rule ip mine c counter",
    "flush table ip mine\ndelete table ip mine",
    "add table inet dnspin\nadd chain inet dnspin forward\ndelete table inet dnspin",
)


def beside(lab, _):
    """What others do beside it is neither undone nor spoken of"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "beside", clients={"work": RULES}, settings=FLOOR) as dnspin:
        look_up(work)
        log = len(dnspin.log())
        for text in BESIDE:
            lab.netvm.nft(text)
        for words in ("-F", "-A FORWARD -p udp -j ACCEPT", "-t nat -F", "-F", "-X"):
            for program in ("iptables-nft", "ip6tables-nft"):
                lab.netvm.run([program, *words.split()], check=True)
        for _ in range(3):
            dnspin.control("status")
        assert [line.text for line in dnspin.log()[log:]] == []
        assert_open(work, "203.0.113.81")
        # When ours is put right, theirs stays where it is.
        lab.netvm.nft("flush chain ip dnspin qbs-10-137-0-25\nflush map ip6 dnspin clients")
        assert dnspin.wait_log(SAYS)
        assert_open(work, "203.0.113.81")
        assert "tcp dport 25" in lab.netvm.nft_list("chain", "ip6", "dnspin", "forward")
        assert "192.0.2.66" in lab.netvm.nft_list("set", "ip", "dnspin", "drop-malware")
        look_up(work)
        assert_shut(work, FORBIDDEN)
        for table in ("filter", "nat"):
            for family in ("ip", "ip6"):
                lab.netvm.nft(f"add table {family} {table}\ndelete table {family} {table}")
    return f"{len(BESIDE)} changes of the ruleset, 10 of iptables'"


def keep_asking(lab, name, rate, seconds, *loops):
    """Questions at a steady pace beside those loops; each told address is connected to."""
    work = lab.qube("work")
    with trial.with_dnspin(lab, name, clients={"work": RACE, "personal": "accept docs.test"},
                           settings=MANY) as dnspin:
        askers, counts = Askers(work, rate), []
        for make in loops:
            with make(dnspin) as loop:
                time.sleep(seconds)
            counts.append(loop.count)
        time.sleep(0.3)
        tally = askers.end()
        assert not tally.lost and not tally.wrong, (len(tally.lost), tally.lost[:5], tally.wrong)
        assert tally.told == tally.open > rate * seconds / 5, tally
        assert all(count >= 10 for count in counts), counts
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
        pinned = lab.netvm.pinned_addresses(work)
        assert len(pinned) >= tally.told, "pins were lost"
        assert dnspin.process.poll() is None
    return tally, counts


def reload_holes(lab, _):
    """Trap 15: no pin of an allowed name is lost amid reloads, flushes and rulesets of others"""
    def hang_up(dnspin):
        texts = itertools.cycle((RACE, "accept x.test\n" + RACE, "accept .race.test tcp 80-81\n"))

        def change():
            dnspin.write_client("work", next(texts))
            dnspin.hang_up(wait=False)
        return Loop(change, pause=0.1)

    def flush(_):
        return Loop(lambda: lab.netvm.nft("flush ruleset"), pause=0.1)

    def load(_):
        return Loop(lambda: lab.netvm.nft("flush ruleset\nadd table ip mine\nadd chain ip mine c "
                                          "{ type filter hook forward priority 5; }"), pause=0.1)

    tally, counts = keep_asking(lab, "holes", 200, 5, hang_up, flush, load)
    lab.netvm.nft("add table ip mine\ndelete table ip mine")
    return (f"{tally.told} names told, all connected to, the slowest in {tally.slowest:.2f} s, "
            f"{tally.asked - tally.told} asked again; {counts[0]} reloads, {counts[1]} flushes, "
            f"{counts[2]} files loaded")


def busy_neighbour(lab, _):
    """Trap 16: another program's failing batches and edits leave no answer unpinned"""
    fails = ("add table ip mine\nadd rule ip mine nowhere accept\n",
             "add element ip dnspin no-such-set { 192.0.2.1 }\n")

    def fail(_):
        return Loop(*(functools.partial(lab.netvm.run, ["nft", "-f", "-"], input=text)
                      for text in fails))

    def edit(_):
        return Loop(lambda: lab.netvm.nft("add table ip mine\nflush table ip mine\nadd chain ip "
                                          "mine c\nadd rule ip mine c counter"),
                    lambda: lab.netvm.nft("delete table ip mine"))

    tally, counts = keep_asking(lab, "busy", 200, 5, fail, edit)
    return (f"{tally.told} names told, all connected to, {tally.asked - tally.told} asked again; "
            f"{counts[0]} failing batches, {counts[1]} edits")


FLUSHES = 40
NAT = """add table ip lab-nat
add chain ip lab-nat out { type nat hook postrouting priority srcnat; }
add rule ip lab-nat out oifgroup 1 masquerade"""


def flush_again_and_again(lab, dnspin, downloads, text):
    """The times of the gaps, each a little longer than it was."""
    times, began = [], 0

    def again():
        return sum(SAYS in line.text for line in dnspin.log()) > len(times)

    for _ in range(FLUSHES):
        start = time.monotonic()
        lab.netvm.nft(text)
        try:
            downloads.begin(FORBIDDEN)
            began += 1
        except OSError:
            pass
        assert trial.wait_until(again, pause=0.002), f"nothing is said, {len(times)} times before"
        times.append((start, time.monotonic()))
        time.sleep(0.1)
    return times, began


def measure_gaps(lab, name, text):
    work = lab.qube("work")
    downloads = Downloads(lab, work)
    with trial.with_dnspin(lab, name, clients={"work": f"{RULES}accept six.test\n"},
                           settings=FLOOR) as dnspin:
        look_up(work)
        with Trespass(lab, work) as trespass:
            times, began = flush_again_and_again(lab, dnspin, downloads, text)
            # What is gone is silent, while five ticks' worth would have come.
            before = [one.octets for one in downloads.all]
            time.sleep(0.3)
            on = [str(one) for one, octets in zip(downloads.all, before) if one.octets > octets]
            flows = [flow.text for flow in lab.netvm.flows()
                     if FORBIDDEN in (flow.source, flow.destination)]
            assert not on, f"began in a gap and go on: {on}, {flows}"
            assert not flows, flows
        outside = trespass.outside(times)
        assert not outside, (len(outside), outside[:3], times[:3])
        assert trespass.arrived, "no gap was seen: the test sees nothing"
        gaps = sorted(1000 * gap for gap in trespass.gaps(times))
        look_up(work)
        assert_shut(work, FORBIDDEN)
    downloads.close()
    return (f"{FLUSHES} gaps, p50 {statistics.median(gaps):.1f} ms, p99 {gaps[-1]:.1f} ms, "
            f"{len(trespass.arrived)} of {trespass.sent} datagrams and {began} connections passed "
            "in them and none later")


def gap(lab, _):
    """The gap that a flush makes ends, and what began in it is gone"""
    serve_streams(lab)
    return measure_gaps(lab, "gap", "flush ruleset")


def gap_behind_nat(lab, _):
    """The same where connections go on being tracked in the gap"""
    lab.netvm.nft(NAT)
    text = "".join(f"delete table {' '.join(table)}\n" for table in TABLES[:4])
    said = measure_gaps(lab, "nat", text)
    lab.netvm.nft("delete table ip lab-nat")
    return said


if __name__ == "__main__":
    trial.run(harmed, beside, reload_holes, busy_neighbour, gap, gap_behind_nat)
