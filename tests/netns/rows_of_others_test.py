#!/usr/bin/python3 -B
"""What other programs did for netvms before, row by row of docs/coming-from.md: those of rows 34 to
79 that no other test shows. Each story is told with what people bring along from there."""

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position,cell-var-from-loop
from lab import Reply, dnswire, records, topology, trial  # noqa: E402
from lab.attempts import assert_passes, assert_prohibited  # noqa: E402
from lab.authority import Authority  # noqa: E402
from lab.daemon import TREE  # noqa: E402
from lab.qubes_waits import becomes, becomes_told  # noqa: E402
from lab.rows import (  # noqa: E402
    ECHO, ECHO6, EDGE6, FORBIDDEN6, NEAR, downloads_of, tcp)
from lab.servers import NSD_ADDRESS  # noqa: E402
from lab.signed import SIGNED_ADDRESS, SignedTree  # noqa: E402
from lab.steady import CASINO, DOCS, EDGE, FORBIDDEN, SIX  # noqa: E402
from lab.validator import Validator  # noqa: E402

PACKAGING = TREE / "packaging"
BLOCKED, PROHIBITED = 15, 18  # RFC 8914
SIGNED, WRONG, PLAIN = "www.example.test", "www.broken.example.test", "www.plain.example.test"
TWO = "192.0.2.63"


def shipped():
    """Profiles as they come, and an alias of our own."""
    return {**{path.name: path.read_text() for path in (PACKAGING / "profiles.d").iterdir()},
            "sources": "alias github"}


def assert_told(qube, *names):
    """Each has the address of its number."""
    for number, name in names:
        assert qube.ask(name).addresses == [NEAR(number)], name
        assert_passes(qube, *tcp(NEAR(number), port=443))


def row_34_services_by_one_word(lab, servers):
    """rows 34, 35, 36: a word allows a service, so does an alias; a file of clients comes along"""
    work, personal = lab.qubes[:2]
    github = [(1, "github.com"), (2, "api.github.com"), (3, "raw.githubusercontent.com")]
    others = [(4, "pypi.org"), (5, "files.pythonhosted.org"), (6, "en.wikipedia.org")]
    strange = ["notgithub.com", "any.githubusercontent.com", "github.io", "pypi.org.test"]
    for number, name in [*github, *others, *enumerate(strange, start=10)]:
        servers.authority.at(name, records([NEAR(number)]))
    file = lab.scratch / "clients-34"
    file.write_text("# who may use what\nwork sources\npersonal pypi wikipedia  # two of them\n")
    with trial.with_dnspin(lab, "row-34", profiles=shipped(), start=False) as dnspin:
        for qube in (work, personal):
            done = dnspin.command("import", "dynamic-firewall", file, "--client", qube.name,
                                  "--address", f"{qube.address},{qube.address6}")
            assert done.returncode == 0, done
            dnspin.write_client(qube.name, done.stdout)
        assert dnspin.check().returncode == 0
        dnspin.start()
        assert_told(work, *github)
        assert_told(personal, *others)
        for qube, names in ((work, others), (personal, github)):
            for name in [*(name for _, name in names), *strange]:
                assert qube.ask(name).status == "REFUSED", (qube.name, name)
        assert_prohibited(work, *tcp(NEAR(1), FORBIDDEN), *tcp(NEAR(4), port=443))
        assert_prohibited(personal, *tcp(NEAR(4), FORBIDDEN), *tcp(NEAR(1), port=443))
    for _, name in [*github, *others, *enumerate(strange)]:
        servers.authority.forget(name)
    return f"{len(github) + len(others)} sites by 3 words, {len(strange)} beside them refused"


def row_37_on_a_schedule(_lab, _servers):
    """row 37: lists may be fetched anew every day, and also where a day was missed"""
    units = ["dnspin-refresh@.service", "dnspin-refresh@.timer"]
    with tempfile.TemporaryDirectory(prefix="dnspin-row-37-") as name:
        folder = pathlib.Path(name) / "usr/lib/systemd/system"
        folder.mkdir(parents=True)
        program = pathlib.Path(name) / "usr/libexec/dnspin/dnspin-refresh"

        def verify():
            done = subprocess.run(
                ["systemd-analyze", "verify", f"--root={name}", "dnspin-refresh@fastly.timer",
                 "dnspin-refresh@fastly.service"], capture_output=True, text=True, check=False)
            return [line for line in done.stderr.splitlines() if "dnspin-refresh" in line]

        for path in [*pathlib.Path("/usr/lib/systemd/system").glob("*.target"),
                     *(PACKAGING / unit for unit in units)]:
            (folder / path.name).write_text(path.read_text())
        assert any(str(program)[len(name):] in line for line in verify()), "it sees no fault at all"
        program.parent.mkdir(parents=True)
        program.write_text((PACKAGING / "dnspin-refresh").read_text())
        program.chmod(0o755)
        assert not verify(), verify()
        timer = (folder / units[1]).read_text().splitlines()
    assert {"OnCalendar=daily", "Persistent=yes", "WantedBy=timers.target"} <= set(timer)
    return f"{len(units)} units"


def row_45_default_of_qubes(lab, _):
    """row 45: a qube that dom0 lets do everything has its profiles, DNS and ping, and no more"""
    work, personal = lab.qubes[:2]
    downloads_of(lab)
    with trial.with_qubes(lab, "row-45", {work: ["accept"], personal: ["accept"]},
                          clients={"work": "use shop"},
                          profiles={"shop": "accept .shop.test tcp 80"}):
        becomes_told(work, "www.shop.test", [EDGE])
        assert work.ask("www.shop.test", "AAAA").addresses == [EDGE6]
        assert work.ask("casino.test").addresses == [CASINO], "it may ask"
        assert_passes(work, *tcp(EDGE, EDGE6), ("icmp", FORBIDDEN, ECHO),
                      ("icmp", FORBIDDEN6, ECHO6))
        shut = [*tcp(CASINO, FORBIDDEN, FORBIDDEN6), *tcp(EDGE, EDGE6, port=443),
                ("udp", FORBIDDEN, 8090), ("udp", FORBIDDEN6, 8090), ("udp", FORBIDDEN, 53)]
        assert_prohibited(work, *shut)
        assert_passes(personal, *shut)
    return f"{len(shut)} ways shut that the other has"


@contextlib.contextmanager
def resolv_conf(lab, server):
    """The netvm's own names this server."""
    conf = pathlib.Path(lab.netvm.scratch / "resolv.conf")
    conf = conf if conf.exists() else next(lab.netvm.run_folder.rglob("*resolv.conf"))
    before = conf.read_text()
    conf.write_text(f"nameserver {server}\n")
    try:
        yield
    finally:
        conf.write_text(before)


def row_50_behind_a_resolver(lab, _):
    """rows 50, 52: a resolver on the netvm itself that validates is asked; what is bogus is none"""
    work, tree = lab.qube("work"), SignedTree(lab)
    rules = "".join(f"accept {name} tcp 80\n" for name in (SIGNED, WRONG, PLAIN))
    signed, wrong, plain = "203.0.113.62", "203.0.113.76", "203.0.113.75"
    with trial.with_dnspin(lab, "row-50-without", clients={"work": rules},
                           upstream=[SIGNED_ADDRESS]):
        assert work.ask(WRONG).addresses == [wrong], "nobody has looked at its signature"
        assert_passes(work, *tcp(wrong))
    with resolv_conf(lab, "127.0.0.1"), \
            Validator(lab, lab.netvm, tree.anchor, forward=SIGNED_ADDRESS), \
            trial.with_dnspin(lab, "row-50", clients={"work": rules}, upstream=()) as dnspin:
        upstream, = dnspin.control("status")["upstreams"]
        assert (upstream["server"], upstream["interface"]) == ("127.0.0.1:53", "lo"), upstream
        assert work.ask(SIGNED).addresses == [signed]
        assert work.ask(PLAIN).addresses == [plain]
        assert_passes(work, *tcp(signed, plain))
        reply = work.ask(WRONG, timeout=10)
        assert (reply.status, reply.addresses) == ("SERVFAIL", []), reply
        assert_prohibited(work, *tcp(wrong))
        assert work.ask("casino.test").status == "REFUSED"
        assert lab.netvm.pinned_addresses(work) == {signed, plain}
        assert_prohibited(work, ("udp", SIGNED_ADDRESS, 53), ("tcp", SIGNED_ADDRESS, 53))
    return "1 signed, 1 not, 1 bogus"


def row_55_names_that_come(lab, servers):
    """row 55: that there is no name is kept as long as its zone says; names without rules work"""
    work, personal = lab.qubes[:2]
    servers.authority.at("soon.shop.test", lambda query: Reply(
        rcode=dnswire.NXDOMAIN, authority=(dnswire.soa("shop.test", ttl=2),)))
    with trial.with_dnspin(lab, "row-55", clients={
            "work": "accept .shop.test tcp 80",
            "personal": "accept .shop.test tcp 80\naccept specialtarget=dns"}):
        assert work.ask("soon.shop.test").status == "NXDOMAIN"
        asked, began = servers.authority.count("soon.shop.test", "A"), time.monotonic()
        assert work.ask("soon.shop.test").status == "NXDOMAIN"
        if time.monotonic() - began < 1:
            assert servers.authority.count("soon.shop.test", "A") == asked, "it is not kept"
        servers.authority.at("soon.shop.test", records([NEAR(1)]))
        becomes_told(work, "soon.shop.test", [NEAR(1)])
        took = time.monotonic() - began
        assert took < 10, f"kept for {took:.0f} s, and its zone says 2"
        assert_passes(work, *tcp(NEAR(1)))
        assert personal.ask("casino.test").addresses == [CASINO]
        assert_prohibited(personal, *tcp(CASINO))
        assert work.ask("casino.test").status == "REFUSED"
    servers.authority.forget("soon.shop.test")
    return f"told {took:.1f} s after it was none"


LEAVING = """add table {0} watch
add chain {0} watch out {{ type filter hook output priority 0; }}
add rule {0} watch out oifname eth0 {1} udp dport 53 counter return
add rule {0} watch out oifname eth0 {2} counter
"""


def leaving(lab):
    """What the netvm itself has sent out by its uplink: questions upstream, and all else."""
    return [sum(counts) for counts in zip(*(
        [part["counter"]["packets"] for rule in lab.netvm.nft_json("table", family, "watch")
         if "rule" in rule for part in rule["rule"]["expr"] if "counter" in part]
        for family in ("ip", "ip6")))]


def row_62_nobody_else_is_asked(lab, servers):
    """row 62: a question of the client's is one upstream; of itself dnspin asks nobody anything"""
    work, authority = lab.qube("work"), servers.authority
    rules = "accept .shop.test tcp 80\naccept docs.test\naccept six.test\n"
    authority.reset()
    lab.netvm.nft(LEAVING.format("ip", f"ip daddr {topology.UPSTREAM}", "") +
                  LEAVING.format("ip6", f"ip6 daddr {topology.UPSTREAM6}",
                                 "meta l4proto != ipv6-icmp"))
    try:
        with trial.with_dnspin(lab, "row-62", clients={"work": rules}):
            time.sleep(3)
            assert authority.count() == 0 and leaving(lab) == [0, 0], authority.seen()
            for number, (name, kind, told) in enumerate((
                    ("www.shop.test", "A", EDGE), ("docs.test", "A", DOCS),
                    ("six.test", "AAAA", SIX)), start=1):
                for _ in range(3):  # the second and third are from the cache
                    assert work.ask(name, kind).addresses == [told]
                assert work.ask("casino.test").status == "REFUSED"
                assert authority.count(name, kind) == 1 and authority.count() == number, (
                    authority.seen())
            assert_passes(work, *tcp(EDGE, DOCS, SIX))
            time.sleep(1)
            assert authority.count() == 3 and leaving(lab) == [3, 0], (
                authority.seen(), leaving(lab))
    finally:
        lab.netvm.nft("delete table ip watch\ndelete table ip6 watch")
    return "12 questions, 3 upstream, no other packet"


def row_65_allowed_or_refused(lab, servers):
    """row 65: filters of tinyproxy, one of what is allowed, one of what is refused, side by side"""
    work, personal = lab.qubes[:2]
    servers.authority.at("x.ads.test", records([NEAR(1)]))
    folder = lab.scratch / "filters-65"
    folder.mkdir()
    for qube, text in ((work, r"^(.*\.)?shop\.test$" "\n" r"^cdn[0-9]+\.files\.test$" "\n"),
                       (personal, r"^casino\.test$" "\n" r"^(.*\.)?ads\.test$" "\n")):
        (folder / f"{qube.name}.{qube.address}").write_text(text)
    servers.authority.at("cdn7.files.test", records([NEAR(7)]))
    with trial.with_dnspin(lab, "row-65", start=False) as dnspin:
        for qube, more, rest in ((work, (), ""), (personal, ("--block",), "accept\n")):
            done = dnspin.command("import", "tinyproxy", folder, "--client", qube.name,
                                  "--ports", "tcp/80", *more)
            assert done.returncode == 0, done
            dnspin.write_client(qube.name, done.stdout + rest)
        dnspin.start()
        becomes(lambda: personal.connect(FORBIDDEN), "what it drops by name is known")
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert work.ask("cdn7.files.test").addresses == [NEAR(7)]
        assert_passes(work, *tcp(EDGE, NEAR(7)))
        for name in ("docs.test", "casino.test", "h1.files.test", "cdn.files.test"):
            reply = work.dig(name)
            assert (reply.status, reply.ede) == ("REFUSED", PROHIBITED), reply.text
        assert_prohibited(work, *tcp(DOCS, CASINO, FORBIDDEN))
        for name in ("casino.test", "x.ads.test"):
            reply = personal.dig(name)
            assert (reply.status, reply.ede) == ("REFUSED", BLOCKED), reply.text
        assert personal.ask("docs.test").addresses == [DOCS]
        assert personal.ask("www.casino.test").addresses == ["203.0.113.41"]
        assert_passes(personal, *tcp(DOCS, "203.0.113.41", FORBIDDEN))
        assert_prohibited(personal, *tcp(CASINO))
    for name in ("x.ads.test", "cdn7.files.test"):
        servers.authority.forget(name)
    return "2 rules that allow, 2 that refuse"


def row_78_another_server_by_hand(lab, servers):
    """row 78: `upstream` stands for what the system says, and is another after a reload"""
    work, one, two = lab.qube("work"), servers.authority, None
    names = (f"{number}.race.test" for number in range(100, 200))

    def asked(by, not_by):
        """Who is asked for a new name."""
        name = next(names)
        assert work.ask(name).addresses, name
        return by.count(name, "A") > 0 and not_by.count(name) == 0

    with resolv_conf(lab, topology.UPSTREAM), contextlib.closing(
            Authority(lab.internet, (TWO,), behind=NSD_ADDRESS)) as two:
        two.under("race.test", records([NEAR(2)]))
        with trial.with_dnspin(lab, "row-78", clients={"work": "accept .race.test"},
                               upstream=[TWO]) as dnspin:
            assert asked(two, one)
            for server, by, other in ((topology.UPSTREAM, one, two), (TWO, two, one)):
                dnspin.write_settings({"dns": {"upstream": [server]}})
                assert dnspin.reload()
                assert asked(by, other), server
            dnspin.write_settings({"dns": {"upstream": []}})  # and back to the system's own
            assert dnspin.reload() and asked(one, two)
    return "3 reloads"


if __name__ == "__main__":
    trial.run(row_34_services_by_one_word, row_37_on_a_schedule, row_45_default_of_qubes,
              row_50_behind_a_resolver, row_55_names_that_come, row_62_nobody_else_is_asked,
              row_65_allowed_or_refused, row_78_another_server_by_hand)
