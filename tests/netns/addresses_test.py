#!/usr/bin/python3 -B
"""Files of addresses: what a provider's list names is open on the rule's service, for those whose
rules name it, and follows the file; whatever becomes of the file, of the tables or of dnspind,
nothing else opens."""

import ipaddress
import os
import pathlib
import random
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.steady import DOCS, assert_open, assert_shut  # noqa: E402

LIST = "203.0.113.0/26\n203.0.113.64/26  # touches\n2001:db8:7::/48\n"
WITHIN, WITHIN6 = "203.0.113.127", "2001:db8:7::9"
BESIDE, BESIDE6 = "203.0.113.128", "2001:db8:8::9"
OTHER, OTHER_WITHIN = "198.51.100.0/24\n", "198.51.100.7"
SET = "addresses-"
PROFILE = "accept docs.test tcp 80\naddresses-file {file} tcp 443\n"


def replace(file, text):
    """As `dnspin refresh` does: from one instant to the next."""
    made = file.with_name(f".{file.name}-new")
    made.write_text(text)
    made.chmod(0o644)
    os.rename(made, file)


class With:
    """dnspind with profile `fastly`, of a file that holds `text`."""

    def __init__(self, lab, name, text=LIST, clients=None):
        self.file = lab.scratch / f"{name}.addresses"
        self.file.unlink(missing_ok=True)
        if text is not None:
            replace(self.file, text)
        self.context = trial.with_dnspin(
            lab, name, clients=clients or {"work": "use fastly", "personal": "accept docs.test"},
            profiles={"fastly": PROFILE.format(file=self.file)})

    def __enter__(self):
        return self.context.__enter__(), self.file

    def __exit__(self, *why):
        return self.context.__exit__(*why)


def assert_follows(qube, address, is_open=True, port=443):
    """Soon, that is."""
    assert trial.wait_until(lambda: bool(qube.connect(address, port).passed) == is_open), \
        f"{address} port {port} is {'not yet open' if is_open else 'open still'}"


def goes_on(flow):
    """True if an HTTP connection has its answer."""
    flow.settimeout(2)
    try:
        flow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(flow.recv(1))
    except OSError:
        return False


def assert_as_listed(qube):
    assert_open(qube, WITHIN, 443)
    assert_open(qube, WITHIN6, 443)
    for address, port in ((WITHIN, 80), (WITHIN6, 80), (BESIDE, 443), (BESIDE6, 443),
                          (OTHER_WITHIN, 443)):
        assert_shut(qube, address, port)


def elements(lab, family, file):
    text = lab.netvm.nft_list("set", family, "dnspin", f"{SET}{file}")
    found = re.search(r"elements = \{(.*?)\}", text, re.DOTALL)
    return [word.strip() for word in found.group(1).split(",")] if found else []


def narrow(lab, _):
    """What the list names is open on the rule's port, for who uses it; names go on beside it"""
    work, personal = lab.qube("work"), lab.qube("personal")
    with With(lab, "narrow") as (_, file):
        assert_as_listed(work)
        assert_shut(personal, WITHIN, 443)
        assert work.ask("docs.test").addresses == [DOCS]
        assert_open(work, DOCS, 80)
        assert not work.ask("casino.test").addresses, "a list lets nobody ask"
        assert elements(lab, "ip", file) == ["203.0.113.0/25"], elements(lab, "ip", file)
        return "one interval of two networks that touch"


def followed(lab, _):
    """The list is followed when its file is replaced; flows to what it does not name now are cut"""
    work = lab.qube("work")
    with With(lab, "followed") as (dnspin, file), work.socket() as flow:
        flow.connect((WITHIN, 443))
        began = time.monotonic()
        replace(file, OTHER)
        assert_follows(work, OTHER_WITHIN)
        took = time.monotonic() - began
        assert_shut(work, WITHIN, 443)
        assert_shut(work, WITHIN6, 443)
        assert dnspin.wait_log("flows that no rule allows") and not goes_on(flow)
        replace(file, LIST)
        assert_follows(work, WITHIN)
        assert_as_listed(work)
        with work.socket() as staying:
            staying.connect((WITHIN, 443))
            replace(file, LIST + OTHER)
            assert_follows(work, OTHER_WITHIN)
            assert goes_on(staying), "a flow was cut that the list names still"
        assert dnspin.metric("answers_released_unpinned") in (0, None)
        return f"{took * 1000:.0f} ms until another network was open"


def missing(lab, _):
    """Without its file a rule opens nothing, all else stands; the file may come and go"""
    work = lab.qube("work")
    with With(lab, "missing", text=None) as (dnspin, file):
        assert dnspin.wait_log("there is no such file yet"), "nothing is said"
        assert_shut(work, WITHIN, 443)
        assert work.ask("docs.test").addresses == [DOCS]
        assert_open(work, DOCS, 80)
        assert dnspin.check().returncode == 0
        replace(file, LIST)
        assert_follows(work, WITHIN)
        file.unlink()
        assert_follows(work, WITHIN, False)
        assert work.ask("docs.test").addresses == [DOCS]
        return "came and went"


def hostile(lab, _):
    """A bad list changes nothing and stops nothing else; dnspind says where it is bad"""
    work = lab.qube("work")
    lists = {"0.0.0.0/0\n": "too large", LIST + "10.137.0.0/16\n": "not a network of the internet",
             LIST + "<html>\n": "neither an address", "x" * (5 << 20): "file over",
             "::/0\n": "too large", LIST + "fd09:24ef:4179::a89:1a\n": "not a network"}
    with With(lab, "hostile") as (dnspin, file):
        for text, why in lists.items():
            said = len(dnspin.log())
            replace(file, text)
            assert trial.wait_until(
                lambda s=said, w=why: any(f"{file}:" in line.text and w in line.text
                                          for line in dnspin.log()[s:])), why
            assert dnspin.check().returncode == 1 and why in dnspin.check().stderr
            assert_as_listed(work)
            assert dnspin.reload(), "other rules must go on being in force"
            assert_as_listed(work)
        dnspin.stop()
        dnspin.start()
        assert_shut(work, WITHIN, 443)
        assert work.ask("docs.test").addresses == [DOCS]
        assert_open(work, DOCS, 80)
        replace(file, OTHER)
        assert_follows(work, OTHER_WITHIN)
        return f"{len(lists)} bad lists"


def repaired(lab, _):
    """What others do to the set, or to all tables, is undone; the list of another stays"""
    work = lab.qube("work")
    with With(lab, "repaired") as (dnspin, file):
        lab.netvm.nft("add set ip dnspin addresses-theirs { type ipv4_addr; flags interval; "
                      "elements = { 192.0.2.0/24 }; }")
        name, done = f"{SET}{file}", 0
        for text in ("flush ruleset", f"flush set ip dnspin {name}",
                     f"add element ip dnspin {name} {{ {BESIDE} }}",
                     f"delete element ip dnspin {name} {{ 203.0.113.0/25 }}",
                     f"flush chain ip dnspin qbs-10-137-0-25\ndelete set ip dnspin {name}"):
            said = len(dnspin.log())
            if text == "flush ruleset":
                assert "theirs" in lab.netvm.nft_list("table", "ip", "dnspin")
            lab.netvm.nft(text)
            assert trial.wait_until(lambda s=said: any(
                "it is again as it was" in line.text for line in dnspin.log()[s:])), text
            # What was said may be of the set of another, which came shortly before.
            assert_follows(work, WITHIN, is_open=False, port=80)
            assert trial.wait_until(
                lambda: elements(lab, "ip", file) == ["203.0.113.0/25"]), text
            assert_as_listed(work)
            done += 1
        lab.netvm.nft("add set ip dnspin addresses-theirs { type ipv4_addr; flags interval; "
                      "elements = { 192.0.2.0/24 }; }")
        dnspin.kill()
        dnspin.start()
        assert "192.0.2.0/24" in lab.netvm.nft_list("set", "ip", "dnspin", "addresses-theirs")
        return f"{done} harms"


def restarted(lab, _):
    """A restart keeps the list open and its flows alive; what it lost meanwhile is shut and cut"""
    work = lab.qube("work")
    with With(lab, "restarted") as (dnspin, file), work.socket() as flow:
        flow.connect((WITHIN, 443))
        dnspin.kill()
        assert_as_listed(work)
        dnspin.start()
        assert_as_listed(work)
        assert goes_on(flow), "a flow was cut by a restart"
        dnspin.stop()
        replace(file, OTHER)
        assert_open(work, WITHIN, 443)  # nobody is there who could follow
        dnspin.start()
        assert dnspin.wait_log("flows that no rule allows"), "flows of before go on"
        assert_shut(work, WITHIN, 443)
        assert_open(work, OTHER_WITHIN, 443)
        return "kill -9, SIGTERM"


def shared(lab, _):
    """Clients whose rules name one file share one set, which goes with the last of them"""
    work, personal = lab.qube("work"), lab.qube("personal")
    with With(lab, "shared", clients={"work": "use fastly", "personal": "use fastly"}) as (
            dnspin, file):
        assert_as_listed(work)
        assert_as_listed(personal)
        assert lab.netvm.nft_list("table", "ip", "dnspin").count(f"set {SET}") == 1
        dnspin.write_client("work", "accept docs.test")
        assert dnspin.reload()
        assert_shut(work, WITHIN, 443)
        assert_as_listed(personal)
        dnspin.write_client("personal", "accept docs.test")
        assert dnspin.reload()
        assert_shut(personal, WITHIN, 443)
        assert SET not in lab.netvm.nft_list("table", "ip", "dnspin")
        replace(file, OTHER)
        dnspin.write_client("work", "use fastly")
        assert dnspin.reload()
        assert_open(work, OTHER_WITHIN, 443)
        return "came, stayed, went, came"


def large(lab, _):
    """A list of 4,000 networks is in force in one transaction, and does not stop others' changes"""
    work, chance = lab.qube("work"), random.Random(7)
    networks = {f"{chance.randrange(45, 90)}.{chance.randrange(256)}.{chance.randrange(256)}.0/24"
                for _ in range(4000)}
    text = "".join(f"{network}\n" for network in sorted(networks))
    with With(lab, "large") as (dnspin, file):
        began = time.monotonic()
        replace(file, text)
        network = ipaddress.ip_network(next(iter(networks)))
        assert_follows(work, str(network[9]))
        followed_after = time.monotonic() - began
        assert_shut(work, WITHIN, 443)
        began = time.monotonic()
        dnspin.write_client("personal", "accept docs.test\naccept casino.test")
        assert dnspin.reload()
        return (f"{len(networks)} networks after {followed_after * 1000:.0f} ms, then another "
                f"client's change in {(time.monotonic() - began) * 1000:.0f} ms")


if __name__ == "__main__":
    trial.run(narrow, followed, missing, hostile, repaired, restarted, shared, large)
