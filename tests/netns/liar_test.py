#!/usr/bin/python3 -B
"""A liar on the channel: in the resolver's place, it asks dnspind for what its client may not have.

Each lie is told by a reader of its own (tests/hostile/lies.cc). Whatever it says, the kernel holds
nothing beyond the rules, the breach is counted and logged, and the liar is ended. An honest request
over the same channel, first, shows that a pin would be seen.
"""

import os
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.daemon import build_folder  # noqa: E402

RULES = ("drop .first.test\naccept .good.test tcp 443\ndrop .ads.test\naccept .ads.test\n"
         "drop ads.good.test udp\ndrop")
HONEST, DESCRIPTOR, FLOOD, QUOTA, GRANT, TARGETS, DROP, CHANGING = 0, 18, 19, 20, 21, 26, 27, 32
LIES = ["another name", "a look-alike name", "another rule host", "a dropped name",
        "a private address", "loopback behind a good address", "the netvm's own address",
        "NAT64 of a private address", "a family that the client lacks", "an endless life",
        "no life", "a policy that does not exist", "half a message", "a message and more",
        "too long a message", "an unknown type", "dnspind's own words"]
GRANTS = ["a parent that nobody lists", "a rule that is not there", "a dropped target",
          "an endless grant"]
DROPS = ["a name that no rule drops", "a name that a pattern drops", "a policy that does not exist",
         "an answer's end alone", "an answer without an end"]


def with_liar(lab, row):
    """A dnspind whose reader is the liar, for one client whose address is the row."""
    address6 = "" if LIES[row - 1:row] == ["a family that the client lacks"] else f"fd09::{row}"
    return trial.with_dnspin(
        lab, f"liar{row}", clients={"victim": f"address 10.138.0.{row} {address6}\n{RULES}"},
        settings={"pins": {"per_client": 100}}, start=False)


def start(dnspin, lab):
    folder = lab.scratch / "liar-bin"
    if not folder.exists():
        folder.mkdir()
        for program in ("dnspind", "dnspin"):
            shutil.copyfile(dnspin.bin / program, folder / program)
        shutil.copyfile(build_folder() / "dnspin-hostile", folder / "dnspin-resolver")
        for program in folder.iterdir():
            program.chmod(0o755)
    dnspin.bin = folder
    dnspin.start()


def elements(lab, row):
    """What the kernel holds in any set of the liar's client."""
    found = []
    for family in ("ip", "ip6"):
        listed = lab.netvm.nft_json("sets", "table", family, "dnspin")
        names = [item["set"]["name"] for item in listed
                 if item.get("set", {}).get("name", "").startswith("pin-")]
        assert names or family == "ip6", "the client's sets are not there"
        for name in names:
            found += lab.netvm.elements(family, name)
    return found


def honest(lab, _):
    """What an honest reader asks is pinned"""
    with with_liar(lab, HONEST) as dnspin:
        start(dnspin, lab)
        trial.wait_until(lambda: elements(lab, HONEST))
        found = elements(lab, HONEST)
        assert [str(element.address) for element in found] == ["198.51.100.7"], found
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
        pids = dnspin.resolver_pids()
        assert len(pids) == 1 and os.path.exists(f"/proc/{pids[0]}")
    return "1 element, no breach"


def grants(lab, _):
    """A target of an allowed answer is pinned; a thousand are not"""
    with with_liar(lab, GRANT) as dnspin:
        start(dnspin, lab)
        assert trial.wait_until(lambda: elements(lab, GRANT))
        assert elements(lab, GRANT)[0].comment == ".good.test < t1.test", elements(lab, GRANT)
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
        assert dnspin.metric("dnspin_grants") == 1
    with with_liar(lab, TARGETS) as dnspin:
        start(dnspin, lab)
        assert trial.wait_until(lambda: dnspin.metric("dnspin_grants_left_out_total") == 1000 - 32)
        assert dnspin.metric("dnspin_grants") == 32
        assert trial.wait_until(lambda: len(elements(lab, TARGETS)) == 32)
        assert dnspin.metric("dnspin_channel_breaches_total") == 0
    return "1 of 1 element, 32 of 1,000"


def lies(lab, _):
    """No lie opens anything; each is counted, logged, and ends the liar"""
    for row, lie in [*enumerate(LIES, start=1), *enumerate(GRANTS, start=GRANT + 1),
                     *enumerate(DROPS, start=DROP)]:
        with with_liar(lab, row) as dnspin:
            start(dnspin, lab)
            breached = trial.wait_until(lambda: dnspin.metric("dnspin_channel_breaches_total"))
            assert breached, f"{lie}: not counted"
            assert elements(lab, row) == [], f"{lie}: {elements(lab, row)}"
            assert any("is ended" in line.text for line in dnspin.log()), f"{lie}: not logged"
            assert trial.wait_until(lambda: dnspin.metric("dnspin_readers_restarted_total")), lie
    return f"{len(LIES) + len(GRANTS) + len(DROPS)} lies"


def descriptor(lab, _):
    """A reader that passes a descriptor is ended, or its kernel does not let it"""
    with with_liar(lab, DESCRIPTOR) as dnspin:
        start(dnspin, lab)
        assert trial.wait_until(lambda: dnspin.metric("dnspin_readers_restarted_total"))
        assert elements(lab, DESCRIPTOR) == []
        return f"{dnspin.metric('dnspin_channel_breaches_total'):.0f} breaches"


def flood(lab, _):
    """A flood from a reader that never reads is cut, and dnspind answers meanwhile"""
    with with_liar(lab, FLOOD) as dnspin:
        start(dnspin, lab)
        asked = 0
        while not dnspin.metric("dnspin_channel_breaches_total"):
            asked += 1
            assert asked < 500, "never cut"
        assert len(elements(lab, FLOOD)) <= 1
    return f"the control socket answered {asked} times before the breach"


def changing(lab, _):
    """A dropped name that has other addresses each time costs a transaction now and then"""
    def written():
        return sum("resolved victim" in line.text for line in dnspin.log())

    with with_liar(lab, CHANGING) as dnspin:
        start(dnspin, lab)
        began = time.monotonic()
        assert trial.wait_until(lambda: elements(lab, CHANGING), 30), "the client is not served"
        trial.wait_until(lambda: written() > 10, 30)
        count, seconds = written(), time.monotonic() - began
        assert 1 <= count <= 10 * seconds + 10, f"{count} in {seconds:.1f} s"
        drops = lab.netvm.elements("ip", f"drop-10-138-0-{CHANGING}-3")
        assert len(drops) == 1, drops
        assert not dnspin.metric("dnspin_channel_breaches_total")
    return f"{count} transactions in {seconds:.1f} s"


def quota(lab, _):
    """Asking for more than the quota opens no more than the quota"""
    with with_liar(lab, QUOTA) as dnspin:
        start(dnspin, lab)
        trial.wait_until(lambda: (dnspin.metric("dnspin_pins_refused_total") or 0) > 100)
        count = len(elements(lab, QUOTA))
        assert 0 < count <= 100, count
        assert dnspin.metric("dnspin_pins_refused_total") > 0
    return f"{count} elements of 4,800 asked for, the quota is 100"


if __name__ == "__main__":
    trial.run(honest, grants, lies, descriptor, flood, changing, quota)
