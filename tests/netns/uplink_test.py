#!/usr/bin/python3 -B
"""The way to the upstream servers: /etc/resolv.conf as it changes, links and routes that come and
go, servers that die and are back."""

import contextlib
import itertools
import os
import pathlib
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import topology, trial, zones  # noqa: E402
from lab.authority import Authority  # noqa: E402

ONE, TWO = topology.UPSTREAM, "192.0.2.63"
NOTICED = 2.0   # seconds, by contract; what a busy machine adds is
GRACE = 3.0     # granted besides
RULES = {"work": "accept .race.test", "personal": "accept .race.test"}
NUMBERS = itertools.count(1)
LINKS = ("eth0", "eth1", "vif1.0", "vif2.0")


def with_dnspin(lab, name, upstream=()):
    return trial.with_dnspin(lab, name, clients=RULES, upstream=upstream)


def ask(qube, timeout=4.0):
    """A name that nobody has asked for yet: True if its address was told."""
    number = next(NUMBERS) % 60000
    told = qube.ask(f"{number}.race.test", timeout=timeout).addresses
    assert told in ([], [zones.race_address(number)]), told
    return bool(told)


def until_answered(qube, limit=NOTICED + GRACE):
    """Seconds until a question is answered that is put again and again."""
    began = time.monotonic()
    while not ask(qube):
        assert time.monotonic() - began < limit, "not noticed"
        time.sleep(0.1)
    return time.monotonic() - began


def upstreams(dnspin):
    return [(one["server"].rpartition(":")[0], one["interface"])
            for one in dnspin.control("status")["upstreams"]]


@contextlib.contextmanager
def second_server(lab):
    second = Authority(lab.internet, (TWO,))
    zones.install(second)
    try:
        yield second
    finally:
        second.close()


def assert_asked(qube, asked, others):
    """One question is put to this server and to none of the others."""
    before = [server.count() for server in (asked, *others)]
    assert ask(qube)
    after = [server.count() for server in (asked, *others)]
    extra = [new - old for new, old in zip(after, before)]
    assert extra[0] >= 1 and not any(extra[1:]), extra


@contextlib.contextmanager
def own_etc(lab):
    """The netvm's /etc is a copy, in which names can be replaced."""
    copy = lab.netvm.scratch / "etc"
    lab.netvm.run(["cp", "-a", "/etc", copy], check=True)
    lab.netvm.run(["mount", "--bind", copy, "/etc"], check=True)
    try:
        (copy / "resolv.conf").unlink()
        yield copy
    finally:
        lab.netvm.run(["umount", "/etc"], check=True)
        shutil.rmtree(copy)


def write(path, *lines):
    path.write_text("".join(f"nameserver {address}\n" for address in lines))


def write_over(path, *lines):
    write(path.with_name("new"), *lines)
    os.rename(path.with_name("new"), path)


def link_over(path, target):
    os.symlink(target, path.with_name("new"))
    os.rename(path.with_name("new"), path)


def changes(etc, run):
    """Every way to change what /etc/resolv.conf says: a word for it, how, and who is named then."""
    conf, there = etc / "resolv.conf", run / "resolve"
    yield "in place", lambda: write(conf, TWO), TWO
    yield "renamed over", lambda: write_over(conf, ONE), ONE
    there.mkdir()
    write(there / "one", ONE)
    write(there / "two", TWO)
    yield "a link in its place", lambda: link_over(conf, "/run/resolve/two"), TWO
    yield "its target in place", lambda: write(there / "two", ONE), ONE
    yield "its target renamed over", lambda: write_over(there / "two", TWO), TWO
    yield "another link", lambda: link_over(conf, "../run/resolve/one"), ONE
    link_over(there / "one", "deep/one")  # leads nowhere for now
    (there / "deep").mkdir()
    yield "a link behind the link", lambda: write(there / "deep/one", TWO), TWO

    def folder():
        os.rename(there, run / "gone")
        there.mkdir()
        write(there / "one", ONE)

    yield "another folder on the way", folder, ONE
    yield "a file again", lambda: write_over(conf, TWO), TWO


def followed(lab, servers):
    """/etc/resolv.conf is followed: renames, links of links, folders; the old one is not asked"""
    work, count = lab.qube("work"), 0
    with own_etc(lab) as etc, second_server(lab) as second:
        write(etc / "resolv.conf", ONE)
        both = {ONE: servers.authority, TWO: second}
        with with_dnspin(lab, "followed") as dnspin:
            assert_asked(work, servers.authority, [second])
            for word, change, named in changes(etc, lab.netvm.run_folder):
                change()
                assert trial.wait_until(lambda n=named: upstreams(dnspin) == [(n, "eth0")]), word
                other = both[TWO if named == ONE else ONE]
                assert_asked(work, both[named], [other])
                count += 1
            assert dnspin.wait_log(f"upstreams now: {TWO}:53")
            pid = dnspin.pid
            write_over(etc / "resolv.conf", ONE, TWO)
            assert trial.wait_until(lambda: len(upstreams(dnspin)) == 2) and dnspin.pid == pid
        shutil.rmtree(lab.netvm.run_folder / "resolve")
        shutil.rmtree(lab.netvm.run_folder / "gone")
    return f"{count} changes"


def half_written(lab, servers):
    """A file half written takes no DNS away; one that is gone for good does; a mount is followed"""
    work, conf = lab.qube("work"), pathlib.Path(lab.netvm.scratch / "resolv.conf")
    if not conf.exists():  # /etc/resolv.conf is a link into /run on this machine
        conf = next(lab.netvm.run_folder.rglob("*resolv.conf"))
    before = conf.read_text()
    with second_server(lab) as second, with_dnspin(lab, "half") as dnspin:
        assert_asked(work, servers.authority, [second])
        write(conf)
        assert dnspin.wait_log("resolv.conf names no server: the upstreams of before stay")
        assert ask(work)
        assert dnspin.reload(), "a reload just now"
        assert ask(work)
        conf.chmod(0o600)
        write(conf, TWO)
        conf.chmod(0o644)
        assert trial.wait_until(lambda: upstreams(dnspin) == [(TWO, "eth0")])
        assert_asked(work, second, [servers.authority])
        write(conf)
        assert trial.wait_until(lambda: upstreams(dnspin) == []), "empty for good"
        assert dnspin.wait_log("there is no upstream now")
        assert work.ask("1.race.test").status == "SERVFAIL"
        conf.write_text(before)
        took = until_answered(work)
        said = [line.text for line in dnspin.log() if "names no server" in line.text]
        assert len(said) == 2, said
    return f"served {took:.1f} s after a server was named again"


def started_without(lab, _):
    """Without an upstream dnspind starts, says so, and serves once there is one"""
    work = lab.qube("work")
    with own_etc(lab) as etc, with_dnspin(lab, "without") as dnspin:
        assert dnspin.wait_log("resolv.conf cannot open")
        assert dnspin.wait_log("there is no upstream")
        assert not ask(work)
        write(etc / "resolv.conf", ONE)
        took = until_answered(work)
    return f"served after {took:.1f} s"


def behind_a_client(lab, servers):
    """An upstream behind a client interface is not asked, and that is said once"""
    work, personal = lab.qube("work"), lab.qube("personal")
    with own_etc(lab) as etc:
        write(etc / "resolv.conf", personal.address, ONE)
        with with_dnspin(lab, "behind") as dnspin:
            said = f"upstream {personal.address}:53 is behind client interface {personal.vif}"
            assert dnspin.wait_log(said)
            assert upstreams(dnspin) == [(ONE, "eth0")]
            for number in range(3):  # changes of other things
                lab.netvm.ip(f"addr add 192.0.2.{200 + number}/32 dev lo")
            write(etc / "resolv.conf", ONE, personal.address)
            assert_asked(work, servers.authority, [])
            assert len([line for line in dnspin.log() if said in line.text]) == 1
            for number in range(3):
                lab.netvm.ip(f"addr del 192.0.2.{200 + number}/32 dev lo")
            # A route moves an honest one there, and back.
            lab.netvm.ip(f"route add {ONE}/32 dev {personal.vif}")
            assert dnspin.wait_log(f"upstream {ONE}:53 is behind client interface")
            assert work.ask("2.race.test").status == "SERVFAIL"
            lab.netvm.ip(f"route del {ONE}/32 dev {personal.vif}")
            took = until_answered(work)
    return f"back after {took:.1f} s"


def link_up(lab):
    """eth0 of the netvm as the lab made it, whatever is left of it."""
    for words in (f"addr replace {topology.UPLINK}/24 dev eth0", "link set eth0 up",
                  f"addr replace {topology.UPLINK6}/64 dev eth0 nodad",
                  f"route replace default via {topology.OUTSIDE}",
                  f"route replace ::/0 via {topology.OUTSIDE6}"):
        lab.netvm.run(["ip", *words.split()], check=True)


@contextlib.contextmanager
def second_uplink(lab):
    """eth1 of the netvm, 10.0.3.2, to the same internet; and a count of questions by interface."""
    lab.netvm.ip(f"""
link add eth1 type veth peer name eth1 netns {lab.internet.net_path}
link set eth1 group 1 up
addr add 10.0.3.2/24 dev eth1""")
    lab.internet.ip("link set eth1 up\naddr add 10.0.3.1/24 dev eth1")
    lab.netvm.nft("add table ip lab-count\nadd chain ip lab-count out "
                  "{ type filter hook postrouting priority 0; }\n" + "".join(
                      f"add counter ip lab-count by-{number}\nadd rule ip lab-count out "
                      f"oifname {name} udp dport 53 counter name by-{number}\n"
                      for number, name in enumerate(LINKS)))
    try:
        yield
    finally:
        lab.netvm.ip("link del eth1")
        lab.netvm.nft("delete table ip lab-count")
        link_up(lab)


def questions_by(lab):
    found = lab.netvm.nft_json("counters")
    packets = {item["counter"]["name"]: item["counter"]["packets"] for item in found
               if item.get("counter", {}).get("table") == "lab-count"}
    return {name: packets[f"by-{number}"] for number, name in enumerate(LINKS)}


def moving_route(lab, servers):
    """The default route moves from link to link: questions leave by the right one, and no other"""
    work, slowest = lab.qube("work"), 0.0
    with second_uplink(lab), with_dnspin(lab, "moving", upstream=[ONE]) as dnspin:
        for turn in range(6):
            link, source = (("eth1", "10.0.3.2"), ("eth0", topology.UPLINK))[turn % 2]
            lab.netvm.ip(f"route replace default via {source.rpartition('.')[0]}.1 dev {link}")
            slowest = max(slowest, until_answered(work))
            assert trial.wait_until(lambda n=link: upstreams(dnspin) == [(ONE, n)])
            before = questions_by(lab)
            for _ in range(20):
                assert ask(work)
            extra = {name: count - before[name] for name, count in questions_by(lab).items()}
            assert extra.pop(link) >= 20 and not any(extra.values()), extra
            assert servers.authority.seen()[-1].source[0] == source
        # The link of the route goes away, and the other takes over.
        lab.netvm.ip("route add default via 10.0.3.1 dev eth1 metric 100")
        lab.netvm.ip("link set eth0 down")
        slowest = max(slowest, until_answered(work))
        link_up(lab)
        assert trial.wait_until(lambda: upstreams(dnspin) == [(ONE, "eth0")])
        assert ask(work)
    return f"7 moves, the slowest noticed after {slowest:.1f} s"


def link_down(lab, _):
    """The only link goes down and up, loses its carrier, changes its address"""
    work, took = lab.qube("work"), []
    default = f"route replace default via {topology.OUTSIDE}"
    with with_dnspin(lab, "link", upstream=[ONE]) as dnspin:
        assert ask(work)
        for _ in range(3):
            lab.netvm.ip("link set eth0 down")
            assert not ask(work) and not ask(work)
            assert trial.wait_until(lambda: upstreams(dnspin) == [(ONE, "")])
            link_up(lab)
            took.append(until_answered(work))
            lab.internet.ip("link set eth0 down")  # the cable
            assert not ask(work)
            lab.internet.ip("link set eth0 up\n"
                            f"route add 10.137.0.0/16 via {topology.UPLINK}")
            took.append(until_answered(work))
            for old, new in ((topology.UPLINK, "10.0.2.22"), ("10.0.2.22", topology.UPLINK)):
                lab.netvm.ip(f"addr del {old}/24 dev eth0\naddr add {new}/24 dev eth0\n{default}")
                took.append(until_answered(work))
        assert dnspin.process.poll() is None
    link_up(lab)
    return f"{len(took)} times, noticed after {max(took):.1f} s at most"


class Steady:
    """Asks for new names, 50 a second, and counts the answers."""

    def __init__(self, qube):
        self.qube, self.asked, self.answered, self._stop = qube, 0, 0, threading.Event()
        self._lock, self._threads = threading.Lock(), []

    def _one(self):
        good = ask(self.qube, timeout=6)
        with self._lock:
            self.answered += good

    def _run(self):
        while not self._stop.wait(0.02):
            self.asked += 1
            self._threads.append(threading.Thread(target=self._one, daemon=True))
            self._threads[-1].start()

    def __enter__(self):
        self._main = threading.Thread(target=self._run, daemon=True)
        self._main.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._main.join()
        for thread in self._threads:
            thread.join()


def dead_servers(lab, servers):
    """One of two servers dies: no question is lost. Both die: one that is back is noticed"""
    work, took = lab.qube("work"), []
    first = servers.authority
    with second_server(lab) as second, \
            with_dnspin(lab, "dead", upstream=[ONE, TWO]):
        with Steady(work) as load:
            for server in (first, second):
                time.sleep(0.5)
                server.silent = True
                time.sleep(1.5)
                server.silent = False
                time.sleep(1.5)
        assert load.answered == load.asked > 100, (load.answered, load.asked)
        for back in (first, second, first):
            first.silent = second.silent = True
            end = time.monotonic() + 2.3
            while time.monotonic() < end:
                assert not ask(work)
            back.silent = False
            took.append(until_answered(work))
        first.silent = second.silent = False
    return (f"{load.answered} of {load.asked} answered; "
            f"noticed after {', '.join(f'{one:.1f}' for one in took)} s")


def gone_server(lab, _):
    """A server whose port is closed is noticed when it is open again, also for the same name"""
    work, took = lab.qube("work"), []
    with with_dnspin(lab, "gone", upstream=[TWO]):
        for _ in range(3):
            with second_server(lab):
                until_answered(work)
            name = f"{next(NUMBERS)}.race.test"
            assert work.ask(name).status == "SERVFAIL"
            with second_server(lab):
                began = time.monotonic()
                assert trial.wait_until(lambda n=name: work.ask(n).addresses, NOTICED + GRACE)
                took.append(time.monotonic() - began)
    return f"noticed after {max(took):.1f} s at most"


if __name__ == "__main__":
    trial.run(followed, half_written, started_without, behind_a_client, moving_route, link_down,
              dead_servers, gone_server)
