#!/usr/bin/python3 -B
"""Snoop mode: qubes ask the server that they have, and its answers are held until they are pinned.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import socket
import struct
import sys
import time

import dns.flags
import dns.message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import dnswire, records, topology, trial  # noqa: E402
from lab.steady import assert_open, assert_shut, pins  # noqa: E402

SERVER, SERVER6 = topology.UPSTREAM, topology.UPSTREAM6  # the qubes' own
ADDRESS, ADDRESS6, OTHER = "198.51.100.7", "2001:db8:a::7", "198.51.100.8"
FREE = "accept snoop.test tcp 80\ndrop ads.test\naccept specialtarget=dns"
CLOSED = "accept snoop.test tcp 80"
ANY = "accept snoop.test tcp 80\naccept specialtarget=dns"
SNOOP = {"dns": {"mode": "snoop"}}
BOTH = (SERVER, SERVER6)


def answers(servers):
    servers.authority.at("snoop.test", records([ADDRESS, ADDRESS6], ttl=60))
    servers.authority.at("other.test", records([OTHER], ttl=60))
    servers.authority.at("ads.test", records([OTHER], ttl=60))
    servers.authority.at("long.test", records([ADDRESS], ttl=86400))
    servers.authority.at("mixed.test", records([ADDRESS, "10.1.2.3"], ttl=60))


@contextlib.contextmanager
def snooping(lab, name, clients):
    """dnspind, once every chain is as open as it is to be: dropped names are resolved first."""
    with trial.with_dnspin(lab, name, settings=SNOOP, upstream=BOTH, clients=clients) as dnspin:
        for client, rules in clients.items():
            assert "drop" not in rules or dnspin.wait_log(f"open {client}"), dnspin.log()
        yield dnspin


def held(lab, servers):
    """A qube asks its own server over UDP, IPv4 and IPv6: told as it was said, pinned before"""
    answers(servers)
    work = lab.qube("work")
    with snooping(lab, "held", {"work": FREE}) as dnspin:
        assert dnspin.wait_log("answers are held by"), dnspin.log()
        before = servers.authority.count("snoop.test")
        for server in (SERVER, SERVER6):
            reply = work.ask("snoop.test", server=server)
            assert (reply.addresses, reply.ttls) == ([ADDRESS], [60]), reply
            assert pins(lab, work)[ADDRESS].expires > 60
        assert_open(work, ADDRESS)
        assert work.ask("snoop.test", "AAAA", server=SERVER).addresses == [ADDRESS6]
        assert_open(work, ADDRESS6)
        assert work.ask("other.test", server=SERVER).addresses == [OTHER]
        assert_shut(work, OTHER)
        seen = servers.authority.count("snoop.test") - before
        assert seen == 3, f"asked {seen} times: not by dnspin as well"
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return "three answers held, one unlisted"


def rewritten(lab, servers):
    """What may not be told is not: refused names, long TTLs, private addresses"""
    answers(servers)
    work = lab.qube("work")
    rules = "accept long.test\naccept mixed.test\n" + FREE
    with snooping(lab, "rewritten", {"work": rules}):
        before = servers.authority.count("ads.test")
        assert work.ask("ads.test", server=SERVER).status == "REFUSED"
        assert servers.authority.count("ads.test") == before + 1, "the question has left"
        reply = work.ask("long.test", server=SERVER)
        assert reply.addresses == [ADDRESS] and reply.ttls == [300], reply
        assert work.ask("mixed.test", server=SERVER).addresses == [ADDRESS]
        assert work.ask("mixed.test", server=SERVER6).addresses == [ADDRESS]
        digs = work.dig("long.test", "A", server=SERVER)
        assert ADDRESS in str(digs), digs
    return "one refused, one shorter, two without 10.1.2.3"


def doors(lab, servers):
    """Who may not ask anything asks by its door, and so does everybody by TCP"""
    answers(servers)
    work, personal = lab.qube("work"), lab.qube("personal")
    with snooping(lab, "doors", {"work": CLOSED, "personal": FREE}):
        before = servers.authority.count("other.test")
        assert work.ask("snoop.test", server=SERVER).addresses == [ADDRESS]
        assert_open(work, ADDRESS)
        assert work.ask("other.test", server=SERVER).status == "REFUSED"
        assert work.ask("other.test", server=SERVER, tcp=True).status == "REFUSED"
        assert servers.authority.count("other.test") == before, "what is refused does not leave"
        assert personal.ask("snoop.test", server=SERVER, tcp=True).addresses == [ADDRESS]
        assert_open(personal, ADDRESS)
        assert personal.ask("ads.test", server=SERVER, tcp=True).status == "REFUSED"
        assert not personal.connect(SERVER, 853)
    return "four questions by doors"


def large(lab, servers):
    """An answer of 4,000 octets, in fragments over IPv4 and IPv6, is held whole"""
    many = [f"198.51.{100 + i // 250}.{i % 250 + 1}" for i in range(253)]
    servers.authority.at("large.test", records(many, ttl=60))
    work = lab.qube("work")
    with snooping(lab, "large", {"work": "accept large.test\n" + FREE}):
        for server in (SERVER, SERVER6):
            asked = dns.message.make_query("large.test", "A", use_edns=0, payload=4096)
            reply = work.exchange(asked, server=server)
            told = [data.address for rrset in reply.answer for data in rrset]
            assert sorted(told) == sorted(many), len(told)
        assert set(many) <= lab.netvm.pinned_addresses(work)
    return f"{len(many)} addresses, twice"


def dead_reader(lab, servers):
    """Trap 10: a dead reader's answers are dropped and never told unpinned; the next one goes on"""
    answers(servers)
    work = lab.qube("work")
    with snooping(lab, "dead", {"work": FREE}) as dnspin:
        assert work.ask("snoop.test", server=SERVER).addresses == [ADDRESS]
        before = dnspin.resolver_pid("work")
        os.kill(before, signal.SIGSTOP)
        servers.authority.at("late.test", records([OTHER], ttl=60))
        assert asks(work, "late.test") is None, "told while nobody judged"
        os.kill(before, signal.SIGKILL)
        assert trial.wait_until(lambda: dnspin.resolver_pid("work") not in (0, before))
        assert trial.wait_until(lambda: asks(work, "late.test") == [OTHER])
        dnspin.kill()
        assert asks(work, "snoop.test") is None, "told while dnspind was dead"
    return "silence three times, and then an answer"


def pieces(lab, servers):
    """Trap 7, 8: by TCP through the door, question and answer cut at every octet"""
    def piecemeal(query):
        return dataclasses.replace(dnswire.addresses(query, [ADDRESS]), piece=1)
    servers.authority.at("pieces.test", piecemeal)
    work = lab.qube("work")
    asked = dns.message.make_query("pieces.test", "A", use_edns=False).to_wire()
    framed = struct.pack("!H", len(asked)) + asked

    def ask_in_two(cut):
        with socket.create_connection((SERVER, 53), timeout=5) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(framed[:cut])
            time.sleep(0.002)
            sock.sendall(framed[cut:])
            length, = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))
            reply = dns.message.from_wire(sock.recv(length, socket.MSG_WAITALL))
        return [data.address for rrset in reply.answer for data in rrset]

    with snooping(lab, "pieces", {"work": "accept pieces.test tcp 80\n" + FREE}):
        told = [work.call(ask_in_two, cut) for cut in range(1, len(framed))]
        assert told == [[ADDRESS]] * len(told), told
        assert_open(work, ADDRESS)
    return f"{len(told)} cuts"


def truncated(lab, servers):
    """Trap 7: an answer that is cut short pins nothing and sends the client to TCP"""
    def short(query):
        if query.transport == "udp":
            return dataclasses.replace(dnswire.addresses(query, [OTHER]), truncate=True,
                                       keep_records=True)
        return dnswire.addresses(query, [ADDRESS])
    servers.authority.at("short.test", short)
    work = lab.qube("work")
    with snooping(lab, "short", {"work": "accept short.test tcp 80\n" + FREE}):
        reply = work.exchange(dns.message.make_query("short.test", "A"), server=SERVER)
        assert reply.flags & dns.flags.TC and not reply.answer, reply
        assert OTHER not in lab.netvm.pinned_addresses(work)
        assert work.dig("short.test", "A", server=SERVER).addresses == [ADDRESS]
        assert_open(work, ADDRESS)
    return "TC and nothing else, then TCP"


def out_of_order(lab, servers):
    """Trap 9: two questions from one socket; the second answer needs no pin and may go first"""
    answers(servers)
    servers.authority.under("many.test", records([ADDRESS], ttl=1))
    work = lab.qube("work")

    def both(number):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(3)
            sock.connect((SERVER, 53))
            for name, message_id in ((f"{number}.many.test", 1), ("other.test", 2)):
                query = dns.message.make_query(name, "A", id=message_id)
                sock.send(query.to_wire())
            return sorted(sock.recv(4096)[1] for _ in range(2))

    with snooping(lab, "order", {"work": "accept .many.test tcp 80\n" + FREE}):
        heard = work.call(lambda: [both(number) for number in range(300)])
        assert heard == [[1, 2]] * 300, heard
    return "300 pairs"


def neighbours(lab, servers):
    """Trap 9: one client's reader stands still, the other's answers do not wait for it"""
    answers(servers)
    work, personal = lab.qube("work"), lab.qube("personal")
    with snooping(lab, "neighbours", {"work": FREE, "personal": FREE}) as dnspin:
        assert asks(work, "snoop.test") == [ADDRESS]
        still = dnspin.resolver_pid("work")
        os.kill(still, signal.SIGSTOP)
        try:
            assert asks(work, "other.test") is None
            for _ in range(100):
                assert personal.ask("snoop.test", server=SERVER, timeout=1).addresses == [ADDRESS]
        finally:
            os.kill(still, signal.SIGCONT)
        assert trial.wait_until(lambda: asks(work, "other.test") == [OTHER])
    return "100 answers beside one that waits"


def overload(lab, servers):
    """Trap 10: more answers than the queue holds are dropped and counted, and then it goes on"""
    answers(servers)
    work = lab.qube("work")
    settings = {**SNOOP, "limits": {"questions_in_flight": 16}}

    def flood():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((SERVER, 53))
            for number in range(300):
                sock.send(dns.message.make_query("other.test", "A", id=number).to_wire())
            time.sleep(0.5)
            sock.setblocking(False)
            count = 0
            try:
                while sock.recv(4096):
                    count += 1
            except BlockingIOError:
                return count

    with trial.with_dnspin(lab, "overload", settings=settings, upstream=BOTH,
                           clients={"work": ANY}) as dnspin:
        assert asks(work, "other.test") == [OTHER]
        still = dnspin.resolver_pid("work")
        os.kill(still, signal.SIGSTOP)
        try:
            heard = work.call(flood)
            queue = lab.netvm.run(["cat", "/proc/net/netfilter/nfnetlink_queue"]).stdout.split()
        finally:
            os.kill(still, signal.SIGCONT)
        waiting, dropped = int(queue[2]), int(queue[5]) + int(queue[6])
        assert heard == 0 and dropped >= 230, (heard, queue)
        assert trial.wait_until(lambda: asks(work, "other.test") == [OTHER])
        assert dnspin.resolver_pid("work") == still
    return f"{dropped} dropped, {waiting} held until they were judged"


def fail_open(lab, servers):
    """`snoop_fail_open`: who asks for it is told, unpinned, while nobody judges"""
    answers(servers)
    work = lab.qube("work")
    settings = {"dns": {"mode": "snoop", "snoop_fail_open": True}}
    with trial.with_dnspin(lab, "open", settings=settings, upstream=BOTH,
                           clients={"work": ANY}) as dnspin:
        assert asks(work, "snoop.test") == [ADDRESS]
        dnspin.kill()
        assert trial.wait_until(lambda: asks(work, "other.test") == [OTHER])
        assert_shut(work, OTHER)
    return "told and shut"


def in_a_netvm(lab, servers):
    """In a netvm of Qubes OS: a qube asks its virtual servers, NAT sends it upstream"""
    answers(servers)
    work = lab.qube("work")
    rules = ["action=accept dsthost=snoop.test proto=tcp dstports=80-80",
             "action=accept specialtarget=dns", "action=drop"]
    with trial.with_qubes(lab, "netvm", rules={work: rules}, settings=SNOOP,
                          upstream=BOTH) as (dnspin, _, _):
        reply = work.ask("snoop.test")
        assert reply.addresses == [ADDRESS], reply
        assert_open(work, ADDRESS)
        assert work.ask("other.test").addresses == [OTHER]
        assert_shut(work, OTHER)
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return "one pinned, one not"


def asks(qube, name):
    """None: silence."""
    reply = qube.ask(name, server=SERVER, timeout=0.7)
    return None if reply.status == "TIMEOUT" else reply.addresses


def changes(lab, servers):
    """Rules that change: from held to its door and back, reload, restart: nothing told amiss"""
    answers(servers)
    work = lab.qube("work")
    with snooping(lab, "changes", {"work": FREE}) as dnspin:
        assert work.ask("other.test", server=SERVER).addresses == [OTHER]
        dnspin.write_client("work", CLOSED)
        assert dnspin.reload()
        assert work.ask("other.test", server=SERVER).status == "REFUSED"
        assert "qbs-hold" not in lab.netvm.nft_list("table", "ip", "dnspin")
        dnspin.write_client("work", FREE)
        assert dnspin.reload()
        assert trial.wait_until(lambda: asks(work, "snoop.test") == [ADDRESS])
        assert_open(work, ADDRESS)
        dnspin.stop()
        dnspin.start()
        assert trial.wait_until(lambda: asks(work, "other.test") == [OTHER])
        lab.netvm.nft("flush chain ip dnspin forward")
        assert trial.wait_until(
            lambda: re.search("vmap @held", lab.netvm.nft_list("table", "ip", "dnspin")))
        time.sleep(0.3)
        assert trial.wait_until(lambda: asks(work, "snoop.test") == [ADDRESS])
    return "two reloads, a restart, a flush"


if __name__ == "__main__":
    trial.run(held, rewritten, doors, large, pieces, truncated, out_of_order, neighbours,
              dead_reader, overload, fail_open, changes, in_a_netvm)
