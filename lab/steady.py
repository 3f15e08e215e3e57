"""What the stories of life and reload share: a qube that has everything pinned that its rules
allow, and ways to see that it still has."""

import os
import pathlib
import re

RULES = """\
accept docs.test tcp 80
accept .shop.test tcp 80
accept casino.test tcp 80
accept six.test
"""
FORBIDDEN = "203.0.113.99"  # what nobody may reach
DOCS, DOCS6, EDGE, SIX = "203.0.113.30", "2001:db8:5::30", "203.0.113.21", "2001:db8:6::1"
CASINO = "203.0.113.40"
ADD_DELETE_ADD = {"DNSPIN_TEST_REFRESH": "add-delete-add"}
KERNEL = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
OLD_REFRESH = "add, delete, add"
REFRESH = "in place" if KERNEL >= (6, 12) else OLD_REFRESH  # what dnspind takes here by itself
FLOOR = {"pins": {"floor": "100s"}}


def look_up(qube):
    """Has everything pinned that RULES allow, and sees that it is."""
    told = [qube.ask("docs.test").addresses, qube.ask("docs.test", "AAAA").addresses,
            qube.ask("www.shop.test").addresses, qube.ask("casino.test").addresses,
            qube.ask("six.test", "AAAA").addresses]
    assert told == [[DOCS], [DOCS6], [EDGE], [CASINO], [SIX]], told
    for address in (DOCS, DOCS6, EDGE, CASINO, SIX):
        assert_open(qube, address)


def assert_open(qube, address, port=80):
    attempt = qube.connect(address, port, timeout=10)
    assert attempt, f"{qube.name} to {address} port {port}: {attempt.outcome}"


def assert_shut(qube, address, port=80):
    attempt = qube.connect(address, port)
    assert not attempt.passed, f"{qube.name} to {address} port {port}: {attempt.outcome}"


def pins(lab, qube):
    """Address to element."""
    return {pin.address: pin for pin in lab.netvm.pins(qube)}


def resident(pid):
    """MiB."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) / 1024


def structure(lab):
    """The tables as text, without what the clock changes."""
    text = "".join(lab.netvm.nft_list("table", family, table)
                   for family in ("ip", "ip6") for table in ("dnspin", "dnspin-dns"))
    return re.sub(r" expires \w+", "", text)


def assert_kept(before, after, addresses, elapsed):
    """Same comment, and what is left of the life is what was left: neither more nor much less."""
    for address in addresses:
        old, new = before[address], after.get(address)
        assert new, f"the pin of {address} is gone"
        assert new.comment == old.comment, (new.comment, old.comment)
        assert old.expires - elapsed - 3 <= new.expires <= old.expires, (old, new, elapsed)
