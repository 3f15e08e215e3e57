#!/usr/bin/python3 -B
"""Rule sets of dom0's by the hundred, with packets at their edges: what the kernel does with each
packet is what an evaluator says that knows the rules' description alone (lab/verdict.py).

    matrix_test.py --sets 10000           more of them than the 500 of a normal run
    matrix_test.py --seed 17              those of an earlier run; each run prints its seed
    matrix_test.py --seed 17 --only 203   one set of them, with its rules

DNSPIN_MATRIX_SETS and DNSPIN_MATRIX_SEED do the same. A set is told to dnspind through QubesDB, and
its packets come in by a TUN device in the place of the client's interface. What is accepted comes
out of the uplink; what is rejected comes back, as admin-prohibited. What comes out of neither end,
or is open for a moment without being allowed, is a failure. What is allowed must be open as soon as
the names are known; then all packets are judged once more.
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import random
import sys
import time

import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import Reply, dnswire, packets, records, topology, trial  # noqa: E402
from lab.authority import nothing_there  # noqa: E402
from lab.matrix import Case  # noqa: E402
from lab.tunnel import Tunnel  # noqa: E402
from lab.verdict import TCP, UDP, Broken, Evaluator, read_rule  # noqa: E402

CLIENTS = 25            # side by side
SETS = 500
PATIENT = 20            # seconds until all that the rules allow must be open
PAUSE = 0.05            # between questions and packets, again and again
DNS = (topology.UPSTREAM, topology.UPSTREAM6)
RESOLVER = topology.VIRTUAL_DNS[0]
SHOWN = 5               # sets with wrong packets, and of each so many packets
EACH = 1000             # numbers of packets that a set has for itself


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=os.environ.get("DNSPIN_MATRIX_SETS", SETS))
    parser.add_argument("--seed", default=os.environ.get("DNSPIN_MATRIX_SEED"))
    parser.add_argument("--only", type=int, help="this set alone")
    return parser.parse_known_args()[0]


@dataclasses.dataclass(eq=False)
class Client:
    """As much of a qube as a netvm can see."""
    vif: str
    address: str
    address6: str
    tunnel: Tunnel = None

    def source(self, version):
        return self.address if version == 4 else self.address6


def unbelievable(_):
    """A script: no definite answer."""
    return Reply(rcode=dnswire.SERVFAIL)


def make_clients(lab, count):
    clients = [Client(f"vif{number}.0", f"10.137.2.{number}", f"fd09:24ef:4179::b:{number:x}")
               for number in range(1, count + 1)]
    for client in clients:
        client.tunnel = Tunnel(lab.netvm, client.vif, group=2)
    return clients


def make_uplink(lab):
    """What is forwarded comes out here; the netvm's own packets go to the lab's internet."""
    uplink = Tunnel(lab.netvm, "uplink0", group=1)
    for family, everything in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
        for command in ("rule add not iif lo lookup 100",
                        f"route add {everything} dev uplink0 table 100"):
            lab.netvm.run(["ip", family, *command.split()], check=True)
    lab.netvm.run(["sh", "-ec", "echo 0 > /proc/sys/net/ipv4/icmp_ratemask;"  # every reject is told
                   "echo > /proc/sys/net/ipv6/icmp/ratemask"], check=True)
    (lab.netvm.scratch / "resolv.conf").write_text("".join(f"nameserver {text}\n" for text in DNS))
    return uplink


def leave_verdicts_to_dnspin(lab):
    """The base ruleset's own forward chain comes first and drops what conntrack calls invalid, such
    as ICMP errors; and translated addresses could make flows of two clients collide."""
    for family in ("ip", "ip6"):
        lab.netvm.nft(f"flush chain {family} qubes forward\nflush chain {family} qubes postrouting")


# The wrong ones: what the test would say if it were dnspin that was wrong in this way.

class PortsAsText(Evaluator):
    def ports_match(self, rule, packet):
        return rule.ports is None or (packet.protocol in (TCP, UDP) and
                                      str(rule.ports[0]) <= str(packet.port) <= str(rule.ports[1]))


class FirstHeaderOnly(Evaluator):
    def protocol_matches(self, rule, packet):
        hidden = packet.version == 6 and packet.extensions
        return super().protocol_matches(rule, packet) and not (rule.protocol and hidden)


class LastMatchWins(Evaluator):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.targets = {version: (rules[::-1], policy)
                        for version, (rules, policy) in self.targets.items()}


class PolicyIsDrop(Evaluator):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.targets = {version: (rules, "drop") for version, (rules, _) in self.targets.items()}


class OneBitShort(Evaluator):
    def destination_matches(self, rule, packet):
        if rule.network is not None and rule.network.prefixlen:
            return packet.destination in rule.network.supernet()
        return super().destination_matches(rule, packet)


class NamesMatchNothing(Evaluator):
    def addresses(self, rule):
        return ()


class NoSuffixes(Evaluator):
    def addresses(self, rule):
        return () if rule.host.startswith(".") else super().addresses(rule)


class AnyIcmpType(Evaluator):
    def icmp_type_matches(self, rule, packet):
        return True


class DnsOfAnybody(Evaluator):
    def dns_matches(self, rule, packet):
        one_of_them = dataclasses.replace(packet, destination=next(iter(self.dns)))
        return super().dns_matches(rule, one_of_them)


class BadNameBlocks(Evaluator):
    """As the agent does."""

    def verdict(self, packet):
        rules, _ = self.targets.get(packet.version, ([], ""))
        if any(rule.host and not any(address.version == packet.version
                                     for address in self.addresses(rule)) for rule in rules):
            return "reject"
        return super().verdict(packet)


class BrokenRulesAreSkipped(Evaluator):
    def __init__(self, targets, *arguments):
        super().__init__({version: self.sound(entries, version)
                          for version, entries in targets.items()}, *arguments)

    @staticmethod
    def sound(entries, version):
        kept = {"policy": "drop"}
        for key, value in entries.items():
            try:
                read_rule(value, version)
                kept[key] = value
            except Broken:
                pass
        return kept


WRONG = (PortsAsText, FirstHeaderOnly, LastMatchWins, PolicyIsDrop, OneBitShort, NamesMatchNothing,
         NoSuffixes, AnyIcmpType, DnsOfAnybody, BadNameBlocks, BrokenRulesAreSkipped)


# One round: a set for each client.

class Seat:
    """A client and the set that it has now."""

    def __init__(self, client, case):
        self.client, self.case = client, case
        self.judge = Evaluator(case.entries, DNS, case.names)
        self.packets = {case.number * EACH + place: packet
                        for place, packet in enumerate(case.packets)}
        self.wanted = {number: self.judge.verdict(packet)
                       for number, packet in self.packets.items()}
        self.left, self.questions, self.failed = dict(self.packets), {}, False
        for name in case.asked:
            for kind in ("A", "AAAA"):
                number = (case.number * EACH + len(self.questions)) & 0xFFFF
                self.questions[number] = dns.message.make_query(name, kind, id=number).to_wire()

    def tell(self, dom0):
        """Both targets, in dom0's order of writing."""
        for version, entries in self.case.entries.items():
            folder = f"/qubes-firewall/{self.client.source(version)}"
            dom0.server.rm(folder + "/")
            for key, value in entries.items():
                dom0.server.write(f"{folder}/{key}", value)
            dom0.trigger(self.client.source(version))

    def handled(self, dom0):
        """How often dnspind says that it has put this client's rules in force."""
        return [int(dom0.server.read(f"/qubes-firewall-handled/{self.client.source(version)}") or 0)
                for version in self.case.entries]

    def ask(self):
        """As the client's own resolver would, again and again, until there is an answer."""
        for number, question in self.questions.items():
            self.client.tunnel.write(packets.datagram(self.client.address, RESOLVER,
                                                      1024 + number % 64000, 53, question))

    def hear(self, octets):
        """An answer, or what the kernel says about a packet: its number and that."""
        number, failed = packets.answer_in(octets, RESOLVER)
        if number is not None and not failed:
            self.questions.pop(number, None)
        kind = packets.refusal_in(octets)
        prohibited = kind == packets.PROHIBITED[octets[0] >> 4]
        return packets.number_in(octets), "reject" if prohibited else f"ICMP {kind}"

    def is_settled(self, looked_up):
        """All that its rules name has been looked up, and its own questions are answered: but for
        what stands behind a drop that stays closed."""
        if self.judge.broken is not None or None in self.case.names.values():
            return True
        if self.questions:
            return False
        hosts = {rule.host.rstrip(".") for rule in self.case.rules.values()
                 if rule.host and not rule.dns}
        return all((host, kind) in looked_up for host in hosts & set(self.case.names)
                   for kind in ("A", "AAAA"))

    def try_packets(self, uplink):
        """What the kernel does with those that are left: number to verdict, as text."""
        seen = {number: set() for number in self.left}
        for number, packet in self.left.items():
            source = self.client.source(packet.version)
            for piece in packets.encode(source, packet, number):
                self.client.tunnel.write(piece)
        for octets in uplink.read():
            seen.get(packets.number_in(octets), set()).add("accept")
        for octets in self.client.tunnel.read():
            number, said = self.hear(octets)
            seen.get(number, set()).add(said)
        return {number: self._name(self.left[number], said) for number, said in seen.items()}

    @staticmethod
    def _name(packet, said):
        if not said:
            return "nothing at all" if packets.is_answered(packet) else "reject"
        return " and ".join(sorted(said))

    def compare(self, uplink):
        """Keeps as `left` what may become open yet. Packets with a wrong verdict, and it."""
        wrong = {}
        for number, verdict in self.try_packets(uplink).items():
            if verdict == self.wanted[number]:
                del self.left[number]
            else:
                wrong[number] = verdict
        return wrong

    def __str__(self):
        lines = [f"set {self.case.number} of {self.client.vif}; names {self.case.names}"]
        for version, entries in self.case.entries.items():
            lines += [f"  IPv{version} {key} {value}" for key, value in sorted(entries.items())]
        return "\n".join(lines)


class Matrix:
    """All rounds, and what they come to."""

    def __init__(self, lab, servers, seed):
        self.lab, self.authority, self.seed = lab, servers.authority, seed
        self.uplink, self.tally, self.failures = make_uplink(lab), collections.Counter(), []
        self.clients = make_clients(lab, CLIENTS)
        self.uncaught, self.slowest = list(WRONG), 0.0

    def round(self, dom0, numbers):
        seats = [Seat(client, Case(self.seed, number, DNS))
                 for client, number in zip(self.clients, numbers)]
        self.authority.reset()
        for seat in seats:
            self._answer_for(seat.case)
        before = [seat.handled(dom0) for seat in seats]
        for seat in seats:
            seat.tell(dom0)
        assert trial.wait_until(lambda: all(
            now > then for seat, old in zip(seats, before)
            for now, then in zip(seat.handled(dom0), old)), PATIENT), "it does not take the rules"
        self._judge(seats)
        for name in (name for seat in seats for name in seat.case.names):
            self.authority.forget(name)

    def _answer_for(self, case):
        for name, texts in case.names.items():
            self.authority.at(name, unbelievable if texts is None else records(texts, ttl=600)
                              if texts else nothing_there)

    def _judge(self, seats):
        """Until every packet has the verdict that it should have; a wrong open one is wrong now."""
        waiting, began = list(seats), time.monotonic()
        while waiting:
            for seat in waiting:
                seat.ask()
            time.sleep(PAUSE)
            late = time.monotonic() - began > PATIENT
            looked_up = {(asked.name, asked.kind) for asked in self.authority.seen()}
            waiting = [seat for seat in waiting
                       if self._look_at(seat, late) or not late and not seat.is_settled(looked_up)]
        self.slowest = max(self.slowest, time.monotonic() - began)
        time.sleep(PAUSE)
        self.lab.netvm.run(["conntrack", "-F"])
        for seat in seats:
            if not seat.failed:
                seat.left = dict(seat.packets)
                self._look_at(seat, late=True)
            self.tally["sets"] += 1
            self.tally["broken"] += seat.case.broken is not None
            self.tally.update(seat.wanted.values())
            self._check_wrong_ones(seat)
        self.lab.netvm.run(["conntrack", "-F"])

    def _look_at(self, seat, late):
        """True if some of its packets are to be tried again."""
        wrong = {number: verdict for number, verdict in seat.compare(self.uplink).items()
                 if late or (verdict, seat.wanted[number]) != ("reject", "accept")}
        if wrong:
            lines = [f"  {seat.packets[number]}: {verdict}, should be {seat.wanted[number]}"
                     for number, verdict in wrong.items()]
            self.failures.append("\n".join([str(seat), *lines[:SHOWN]]))
            seat.left.clear()
            seat.failed = True
        self.tally["wrong"] += len(wrong)
        return bool(seat.left)

    def _check_wrong_ones(self, seat):
        """Those that say of some packet what the kernel has not done are caught."""
        for kind in list(self.uncaught):
            wrong = kind(seat.case.entries, DNS, seat.case.names)
            if any(wrong.verdict(packet) != seat.wanted[number]
                   for number, packet in seat.packets.items()):
                self.uncaught.remove(kind)


def every_verdict(lab, servers):
    """The kernel does with each packet what dom0's rules say, whatever they are"""
    wanted = options()
    seed = wanted.seed or str(random.SystemRandom().randrange(1_000_000))
    print(f"       seed {seed}", flush=True)
    numbers = [wanted.only] if wanted.only is not None else list(range(wanted.sets))
    matrix = Matrix(lab, servers, seed)
    with trial.with_qubes(lab, "matrix", {client: [] for client in matrix.clients},
                          settings={"clients": {"sources": ["qubesdb"]}},
                          upstream=()) as (dnspin, dom0, _):
        leave_verdicts_to_dnspin(lab)
        for first in range(0, len(numbers), CLIENTS):
            matrix.round(dom0, numbers[first:first + CLIENTS])
            if len(matrix.failures) >= SHOWN:
                break
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
    tally = matrix.tally
    assert not tally["wrong"], "\n".join(
        [f"{tally['wrong']} wrong in {len(matrix.failures)} sets", *matrix.failures[:SHOWN]])
    if len(numbers) >= SETS:
        assert not matrix.uncaught, f"not noticed: {[kind.__name__ for kind in matrix.uncaught]}"
    return (f"{tally['sets']} sets ({tally['broken']} broken), {tally['accept']} packets accepted, "
            f"{tally['reject']} rejected; all open after {matrix.slowest:.1f} s at most; "
            f"{len(WRONG)} wrong evaluators caught")


if __name__ == "__main__":
    trial.run(every_verdict, qubes=())
