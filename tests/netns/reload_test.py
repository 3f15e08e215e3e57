#!/usr/bin/python3 -B
"""Reload: pins that a rule still allows move along, the others go at once, errors change nothing,
and a rule ends when it says so."""

import pathlib
import re
import signal
import socket
import sys
import time

import dns.message
import dns.rcode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import topology, trial  # noqa: E402
from lab.steady import (  # noqa: E402
    ADD_DELETE_ADD, CASINO, DOCS, DOCS6, EDGE, FLOOR, FORBIDDEN, RULES, SIX, assert_kept,
    assert_open, assert_shut, look_up, pins, structure)


def hang_up(dnspin):
    assert dnspin.hang_up(timeout=20)
    return dnspin.log()[-1].text.startswith("reloaded")


def reload_and_move(lab, name, env, reload):
    work, personal = lab.qubes[:2]
    with trial.with_dnspin(lab, name, clients={"work": RULES, "personal": RULES}, settings=FLOOR,
                           env=env) as dnspin:
        look_up(work)
        look_up(personal)
        before, others, began = pins(lab, work), pins(lab, personal), time.monotonic()
        time.sleep(2)
        # docs.test changes its ports, shop.test stays, casino.test goes, six.test moves up.
        dnspin.write_client("work", "accept six.test\naccept .shop.test tcp 80\n"
                                    "accept docs.test tcp 443\naccept files.test")
        assert reload(dnspin)
        assert_shut(work, CASINO)
        after, elapsed = pins(lab, work), time.monotonic() - began
        assert after.keys() == before.keys() - {CASINO}, after.keys() ^ before.keys()
        assert_kept(before, after, after, elapsed)
        assert after[DOCS].set != before[DOCS].set and after[EDGE].set == before[EDGE].set
        assert_shut(work, DOCS)
        assert_open(work, DOCS, 443)
        assert_open(work, EDGE)
        assert_open(work, SIX, 8080)
        assert pins(lab, personal).keys() == others.keys()
        assert_open(personal, CASINO)
        assert work.ask("casino.test").status == "REFUSED"
        assert work.ask("h1.files.test").status == "REFUSED"
        # Back again: what went does not come back by itself, what moved does.
        dnspin.write_client("work", RULES)
        assert reload(dnspin)
        back = pins(lab, work)
        assert_kept(before, back, after, time.monotonic() - began)
        assert_shut(work, CASINO)
        assert_shut(work, DOCS, 443)
        look_up(work)
        # A client that goes, with all that it had, and comes with nothing.
        dnspin.remove_client("personal")
        assert reload(dnspin)
        assert not pins(lab, personal) and "10-137-0-26" not in structure(lab)
        assert_shut(personal, DOCS)
        assert personal.ask("docs.test", timeout=1).status == "TIMEOUT"
        dnspin.write_client("personal", RULES)
        assert reload(dnspin)
        assert_shut(personal, DOCS)
        look_up(personal)
        assert dnspin.metric("dnspin_reloads_total") == 4
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return f"{len(after)} pins kept, 1 gone at once, 4 reloads"


def moved(lab, _):
    """SIGHUP: a pin that a rule still allows moves along with what is left of its life"""
    return reload_and_move(lab, "moved", {}, hang_up)


def moved_old_kernel(lab, _):
    """The same by `dnspin reload`, with the refresh of old kernels"""
    return reload_and_move(lab, "moved-old", ADD_DELETE_ADD, lambda dnspin: dnspin.reload())


BROKEN = (
    ("work", "accept docs.test tcp 80\nacept .shop.test"),
    ("work", "accept docs.test tcp 80 prots=3\naccept .com\naccept"),
    ("personal", "use nothing\naccept docs.test"),
    ("dnspin.toml", "[pins]\nfloor = 5\nper_nam = 7\n"),
)


def refused(lab, _):
    """A file with an error changes nothing, and the log says what --check says"""
    work = lab.qube("work")
    lines = 0
    with trial.with_dnspin(lab, "refused", clients={"work": RULES, "personal": RULES},
                           settings=FLOOR) as dnspin:
        look_up(work)
        settings, before = dnspin.config.read_text(), structure(lab)
        for reload in (hang_up, lambda dnspin: dnspin.reload()):
            for file, text in BROKEN:
                if file == "dnspin.toml":
                    dnspin.write_settings(text)
                else:
                    dnspin.write_client(file, text)
                checked = dnspin.check()
                errors = checked.stderr.splitlines()
                assert checked.returncode == 1 and errors, checked
                assert all(re.match(r"\S+:\d+:\d+: error: .", error) for error in errors), errors
                log = len(dnspin.log())
                assert not reload(dnspin)
                said = [line.text for line in dnspin.log()[log:]]
                result = dnspin.command("reload")
                assert result.returncode == 1, result
                assert all(error in result.stderr for error in errors), (errors, result.stderr)
                if reload is hang_up:
                    assert said[:-1] == errors and "rules in force stay" in said[-1], said
                lines += len(errors)
                dnspin.write_settings(settings)
                for client in ("work", "personal"):
                    dnspin.write_client(client, RULES)
        assert structure(lab) == before, "the firewall changed"
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_shut(work, FORBIDDEN)
        assert dnspin.metric("dnspin_reloads_total") == 0
        assert dnspin.reload(), "with good files it reloads again"
        look_up(work)
    return f"{2 * len(BROKEN)} reloads refused, {lines} lines of errors each as --check has it"


def expired(lab, _):
    """A rule with `expire=` ends on time, with its pins"""
    work = lab.qube("work")
    end = int(time.time()) + 4
    with trial.with_dnspin(lab, "expired", clients={
            "work": f"accept dsthost=docs.test proto=tcp dstports=80 expire={end}\n"
                    f"accept .shop.test tcp 80\naccept {CASINO} expire={end}"}) as dnspin:
        early = 0
        while time.time() < end - 0.2:
            asked = work.ask("docs.test").addresses
            opened = work.connect(DOCS, timeout=10), work.connect(CASINO, timeout=10)
            if time.time() < end:
                assert asked == [DOCS] and all(opened), (asked, opened)
                early += 1
            time.sleep(0.1)
        assert early > 0, "too busy to see the rule in force"
        assert work.ask("www.shop.test").addresses == [EDGE]
        ended = trial.wait_until(lambda: work.ask("docs.test").status == "REFUSED", timeout=10)
        late = time.time() - end
        assert ended and late < 3, f"{late:.1f} s late"
        assert late >= 0, f"{-late:.1f} s early"
        assert pins(lab, work).keys() == {EDGE}
        assert_shut(work, DOCS)
        assert_shut(work, CASINO)
        assert_open(work, EDGE)
        # The next start leaves it out as well.
        dnspin.kill()
        dnspin.start()
        assert work.ask("docs.test").status == "REFUSED"
        assert_shut(work, CASINO)
    return f"{early} times open before, shut {late:.2f} s after"


def expired_beside_a_fault(lab, _):
    """A rule with `expire=` ends on time also when a file is broken at that moment"""
    work, end = lab.qube("work"), int(time.time()) + 2
    with trial.with_dnspin(lab, "fault", clients={
            "work": f"accept dsthost=docs.test proto=tcp dstports=80 expire={end}"}) as dnspin:
        assert work.ask("docs.test").addresses == [DOCS]
        assert_open(work, DOCS)
        dnspin.write_client("work", "nonsense")
        assert trial.wait_until(lambda: "ended" in dnspin.log()[-1].text), dnspin.log()[-3:]
        assert_shut(work, DOCS)
        assert work.ask("docs.test").status == "REFUSED"
    return f"ended {time.time() - end:.1f} s after"


def renamed(lab, _):
    """A client whose file is renamed, or that gets its second family, keeps its pins and door"""
    work = lab.qube("work")
    rules = "accept docs.test tcp 80"
    with trial.with_dnspin(lab, "renamed", clients={"work": f"address {work.address}\n{rules}"},
                           settings=FLOOR) as dnspin:
        assert work.ask("docs.test").addresses == [DOCS]
        before, doors = pins(lab, work), lab.netvm.nft_list("map", "ip", "dnspin-dns", "doors")
        dnspin.remove_client("work")
        dnspin.write_client("desk", f"address {work.address} {work.address6}\n{rules}")
        assert dnspin.reload()
        assert pins(lab, work).keys() == before.keys() != set()
        assert lab.netvm.nft_list("map", "ip", "dnspin-dns", "doors") == doors
        assert_open(work, DOCS)
        assert work.ask("docs.test", "AAAA").addresses and dnspin.control("pins", "desk")
    return f"{len(before)} pin kept"


def adopted_by_todays_rules(lab, _):
    """What a drop refuses since dnspind ended is not taken over by the next one"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "todays", clients={"work": "accept .shop.test tcp 80"},
                           settings=FLOOR) as dnspin:
        assert work.ask("www.shop.test").addresses == [EDGE]
        assert_open(work, EDGE)
        dnspin.stop()
        dnspin.write_client("work", "drop .shop.test\naccept .shop.test tcp 80")
        dnspin.start()
        assert pins(lab, work) == {}
        assert_shut(work, EDGE)
    return "1 pin, gone"


def run_dir_of_others(lab, _):
    """A run_dir that others may write to is refused, with how to mend it"""
    with trial.with_dnspin(lab, "loose", clients={"work": RULES}, start=False) as dnspin:
        dnspin.run_dir.mkdir()
        dnspin.run_dir.chmod(0o777)
        try:
            dnspin.start(timeout=3)
        except trial.LabError:
            pass
        assert dnspin.process.poll() == 3, dnspin.process.poll()
        assert "chmod go-w" in dnspin.log()[-1].text, dnspin.log()[-1]
        dnspin.run_dir.chmod(0o755)
        dnspin.start()
    return "exit code 3, then it starts"


def intercepted(lab, _):
    """A socket that spoke to another DNS server is ours as soon as `intercept` says so"""
    work, server = lab.qube("work"), (topology.UPSTREAM, 53)
    question = dns.message.make_query("docs.test", "A").to_wire()
    with trial.with_dnspin(lab, "intercepted", clients={
            "work": f"accept dst4={server[0]} proto=udp dstports=53"}) as dnspin:
        with work.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)

            def rcode():
                sock.sendto(question, server)
                return dns.rcode.to_text(dns.message.from_wire(sock.recv(4096)).rcode())

            before = rcode()
            dnspin.write_settings({"dns": {"intercept": "any"}})
            dnspin.write_client("work", "accept six.test")
            assert dnspin.reload()
            assert (before, rcode()) == ("NOERROR", "REFUSED")
    return "NOERROR, then REFUSED"


def upstream_of_a_client(lab, _):
    """An upstream behind a client's interface is not asked"""
    work, personal = lab.qubes[:2]
    with trial.with_dnspin(lab, "behind", clients={"work": RULES, "personal": RULES},
                           upstream=(personal.address, topology.UPSTREAM)) as dnspin:
        servers = [upstream["server"] for upstream in dnspin.control("status")["upstreams"]]
        assert servers == [f"{topology.UPSTREAM}:53"], servers
        assert work.ask("docs.test").addresses == [DOCS]
    return "1 of 2 upstreams"


def comes_late(lab, _):
    """A client to whom no route leads at first is served as soon as one does; and so elsewhere"""
    work, personal = lab.qubes[:2]
    addresses = (work.address, work.address6)

    def route(verb, vif):
        lab.netvm.ip("".join(f"route {verb} {address} dev {vif} metric 7\n"
                             for address in addresses))

    kept = [line for address in addresses for line in
            lab.netvm.run(["ip", "-6" if ":" in address else "-4", "route", "show", address]
                          ).stdout.splitlines()]
    lab.netvm.ip("".join(f"route del {line}\n" for line in kept))
    try:
        with trial.with_dnspin(lab, "late", clients={"work": RULES}) as dnspin:
            assert work.ask("docs.test", timeout=1).status == "TIMEOUT"
            assert dnspin.reload()
            route("add", work.vif)
            assert trial.wait_until(lambda: work.ask("docs.test", timeout=1).status == "NOERROR")
            route("del", work.vif)
            assert dnspin.reload()
            route("add", personal.vif)
            assert work.ask("docs.test", timeout=1).status == "TIMEOUT"
            route("del", personal.vif)
            route("add", work.vif)
            assert trial.wait_until(lambda: work.ask("docs.test", timeout=1).status == "NOERROR")
            route("del", work.vif)
    finally:
        lab.netvm.ip("".join(f"route replace {line}\n" for line in kept))
    return "3 routes"


def storm_of_signals(lab, servers):
    """Signals that come faster than reloads are one; the last word counts"""
    work = lab.qubes[0]
    with trial.with_dnspin(lab, "storm", clients={"work": RULES}, settings=FLOOR) as dnspin:
        look_up(work)
        for number in range(500):
            dnspin.write_client("work", f"accept n{number}.test\n{RULES}")
            dnspin.process.send_signal(signal.SIGHUP)
            time.sleep(0.002)
        assert trial.wait_until(
            lambda: not work.ask("n499.test").status.startswith("REFUSED")), "the last is in force"
        reloads = sum(line.text.startswith("reloaded") for line in dnspin.log())
        assert 1 <= reloads <= 250, reloads
        for address in (DOCS, DOCS6, EDGE, CASINO, SIX):
            assert address in pins(lab, work)
    return f"500 signals, {reloads} reloads"


if __name__ == "__main__":
    trial.run(moved, moved_old_kernel, refused, expired, expired_beside_a_fault, renamed,
              adopted_by_todays_rules, run_dir_of_others, intercepted, upstream_of_a_client,
              storm_of_signals, comes_late)
