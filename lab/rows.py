"""What the stories of the feature table share (tests/netns/rows_of_*_test.py): addresses that have
no name, rules for two names that are in force, qubes that come and go."""

import contextlib
import functools

from lab.attempts import assert_passes
from lab.dom0 import addresses_of
from lab.download import Downloads, serve_streams
from lab.qubes_waits import becomes, becomes_told, traces
from lab.steady import DOCS, DOCS6, EDGE, FORBIDDEN

NEAR, NEAR6 = "198.51.100.{}".format, "2001:db8:51::{:x}".format
EDGE6, FORBIDDEN6 = "2001:db8:5::21", "2001:db8:bad::99"
GRE, ECHO, ECHO6, TIMESTAMP = 47, 8, 128, 13
RULES = ["accept .shop.test", "accept docs.test tcp 80"]


@functools.cache
def downloads_of(lab, name="work"):
    """And echoes for UDP, everywhere."""
    if name == "work":
        serve_streams(lab)
    return Downloads(lab, lab.qube(name))


def tcp(*addresses, port=80):
    return [("tcp", address, port) for address in addresses]


def every_kind(address):
    """Of TCP, UDP, ICMP and none of them; downloads_of() has been called."""
    return [("tcp", address, 80), ("udp", address, 8090),
            ("icmp", address, ECHO6 if ":" in address else ECHO), ("ip", address, GRE)]


def look_up(qube):
    """RULES are in force: both names are told and open, and nothing else is."""
    becomes_told(qube, "www.shop.test", [EDGE])
    becomes_told(qube, "docs.test", [DOCS])
    assert_passes(qube, *tcp(EDGE, DOCS))
    if qube.address6:
        becomes_told(qube, "www.shop.test", [EDGE6], "AAAA")
        becomes_told(qube, "docs.test", [DOCS6], "AAAA")
        assert_passes(qube, *tcp(EDGE6, DOCS6))
    assert not any(qube.connect(address, port, timeout=0.3).passed
                   for address, port in ((FORBIDDEN, 80), (FORBIDDEN6, 80), (DOCS, 443)))
    assert qube.ask("casino.test").status == "REFUSED"


@contextlib.contextmanager
def arrival(lab, base, dom0, name, addresses=None, **options):
    """A qube with RULES that comes, and in the end has left no trace."""
    qube = lab.add_qube(name, plug=False, **options)
    qube.address, qube.address6 = addresses or (qube.address, qube.address6)
    lab.plug(qube)
    dom0.qube(qube, RULES)
    base.vif_online(qube.vif, addresses_of(qube))
    yield qube
    base.vif_offline(qube.vif, addresses_of(qube))
    lab.unplug(qube.vif)
    becomes(lambda: not traces(lab, qube), f"no trace of {name} is left")
    lab.remove_qube(qube)
