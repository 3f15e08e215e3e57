"""What stories of a Qubes netvm wait for and look at, with deadlines that a busy machine meets."""

import re

from lab.trial import wait_until

TABLE = "qubes-firewall"
PATIENT = 20


def becomes(true, what):
    assert wait_until(true, PATIENT), f"it does not become so: {what}"


def becomes_open(qube, address, port=80):
    becomes(lambda: qube.connect(address, port), f"{qube.name} reaches {address} port {port}")


def becomes_shut(qube, address, port=80):
    becomes(lambda: not qube.connect(address, port).passed,
            f"{address} port {port} is shut for {qube.name}")


def becomes_told(qube, name, addresses, kind="A"):
    becomes(lambda: qube.ask(name, kind, timeout=1).addresses == addresses,
            f"{qube.name} is told {name}")


def seen(dom0, qube):
    """All that dom0 wrote before: events come in order, and a trigger is answered by a count."""
    before = dom0.handled(qube.address)
    dom0.trigger(qube.address)
    becomes(lambda: dom0.handled(qube.address) > before, f"the target of {qube.name} is handled")


def pins(lab, qube):
    """Address to element."""
    return {pin.address: pin for pin in lab.netvm.pins(qube, TABLE)}


def clients(dnspin):
    """Of `dnspin clients`: by their first address, which is the IPv4 one."""
    return {client["addresses"][0]: client for client in dnspin.control("clients")}


def structure(lab):
    """The tables as text, without what the clock changes."""
    text = "".join(lab.netvm.nft_list("table", family, table)
                   for family in ("ip", "ip6") for table in (TABLE, "dnspin-dns"))
    return re.sub(r" expires \w+", "", text)


def traces(lab, qube):
    """Where the kernel knows of a qube: lines of dnspin's tables that name it, but for the set of
    those that dom0 has connected."""
    text = re.sub(r"set connected \{.*?\n\t\}", "", structure(lab), flags=re.S)
    names = [address for address in (qube.address, qube.address6) if address]
    names += [address.replace(".", "-").replace(":", "-") for address in names]
    return [line.strip() for line in text.splitlines()
            if any(re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])", line) for name in names)]
