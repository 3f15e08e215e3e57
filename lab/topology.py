"""The lab's network: qubes, a netvm, and an internet in which every address answers.

    work      10.137.0.25, fd09:24ef:4179::a89:19    eth0 --- vif1.0 |
    personal  10.137.0.26, fd09:24ef:4179::a89:1a    eth0 --- vif2.0 | netvm, eth0 10.0.2.2
                                                                          |
                                                             eth0 10.0.2.1 internet

As Qubes OS gives them: each qube has a /32 and a /128, a default route on the link, and
/etc/resolv.conf with 10.139.1.1 and 10.139.1.2; the netvm has its gateway address on every vif, a
host route for each qube, vifs in interface group 2 and its uplink in group 1. Between netvm and
internet nothing is masqueraded unless asked for: the internet has a route back to the qubes, so
that a firewall that lets something in from outside is caught. The internet owns every address that
has no other route, public or private, so that whatever a firewall lets out does reach somebody.

Needs root. Nothing on the host is changed, and nothing is left (guardian.py). Labs may run side by
side.
"""

import contextlib
import ipaddress
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

from lab.namespace import Namespace
from lab.netvm import Netvm
from lab.qube import Qube

GATEWAY, GATEWAY6 = "10.137.0.6", "fd09:24ef:4179::a89:6"
UPLINK, UPLINK6 = "10.0.2.2", "fd0a:2::2"
NETVM = (GATEWAY, GATEWAY6, UPLINK, UPLINK6)
OUTSIDE, OUTSIDE6 = "10.0.2.1", "fd0a:2::1"
VIRTUAL_DNS = ("10.139.1.1", "10.139.1.2")
UPSTREAM, UPSTREAM6 = "192.0.2.53", "2001:db8:53::53"  # the scripted server: servers.py

QUIET = [("net.ipv6.conf.all.accept_dad", 0), ("net.ipv6.conf.default.accept_dad", 0),
         ("net.ipv6.conf.all.accept_ra", 0), ("net.ipv6.conf.default.accept_ra", 0),
         ("net.ipv4.conf.all.rp_filter", 0), ("net.ipv4.conf.default.rp_filter", 0)]
ENDPOINT = [("net.ipv4.ip_forward", 0), ("net.ipv6.conf.all.forwarding", 0)]
ANYBODY = [("net.ipv4.ip_nonlocal_bind", 1), ("net.ipv6.ip_nonlocal_bind", 1)]
ROUTER = [("net.ipv4.ip_forward", 1), ("net.ipv6.conf.all.forwarding", 1),
          ("net.ipv4.icmp_ratelimit", 0), ("net.ipv6.icmp.ratelimit", 0)]  # every reject is told
VIF_MAC = "fe:ff:ff:ff:ff:ff"  # of every client's interface, at the netvm's end
VIF_LOCAL = "fe80::fcff:ffff:feff:ffff"


def domain(vif):
    """Xen's number of the client."""
    return int(vif.removeprefix("vif").partition(".")[0])


def mac(vif):
    """What a client has at the other end."""
    device = int(vif.partition(".")[2])
    return f"00:16:3e:{device:02x}:{domain(vif) >> 8:02x}:{domain(vif) & 255:02x}"


def online(vif, addresses):
    """Lines for ip: a client's interface as vif-route-qubes leaves it."""
    lines = f"link set {vif} group 2 up\n"
    for address in filter(None, addresses):
        six = ":" in address
        gateway = f"{GATEWAY6}/128 dev {vif} nodad" if six else f"{GATEWAY}/32 dev {vif}"
        lines += (f"neigh replace {address} lladdr {mac(vif)} dev {vif} nud permanent\n"
                  f"addr replace {gateway}\n"
                  f"route replace {address} dev {vif} metric {32752 - domain(vif)}\n")
    return lines


class Lab:
    """A context manager: `with Lab() as lab:`; lab.qubes, lab.netvm, lab.internet."""

    def __init__(self, qubes=("work", "personal"), masquerade=False):
        self.pid = os.getpid()
        self.qubes, self._made, self._ends = [], 0, contextlib.ExitStack()
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix=f"dsp-{self.pid}-"))
        self.scratch.chmod(0o755)  # dnspin's own users read their files here,
        os.umask(0o022)            # and all that is written later
        self._start_guardian()
        try:
            self._build(qubes, masquerade)
        except BaseException:
            self.close()
            raise

    def _start_guardian(self):
        self._guardian_end, theirs = socket.socketpair()
        script = pathlib.Path(__file__).with_name("guardian.py")
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", script, self.scratch], stdin=theirs,
            stdout=subprocess.DEVNULL, start_new_session=True)
        theirs.close()

    def guard(self, namespace):
        socket.send_fds(self._guardian_end, [b"n"], [namespace])

    def forget_guardian(self):
        """In a forked worker: only the lab's own process keeps the guardian waiting."""
        self._guardian_end.close()

    def _build(self, qubes, masquerade):
        dns = "".join(f"nameserver {address}\n" for address in VIRTUAL_DNS)
        self._qube_dns = dns + "options timeout:2 attempts:1\n"
        self.internet = Namespace(self, "internet", sysctls=QUIET + ENDPOINT + ANYBODY)
        self.netvm = Netvm(self, "netvm", f"nameserver {UPSTREAM}\n", QUIET + ROUTER)
        self.netvm.ip(f"""
link add eth0 type veth peer name eth0 netns {self.internet.net_path}
link set eth0 group 1 up
addr add {UPLINK}/24 dev eth0
addr add {UPLINK6}/64 dev eth0 nodad""")
        self.internet.ip(f"""
link set eth0 up
addr add {OUTSIDE}/24 dev eth0
addr add {OUTSIDE6}/64 dev eth0 nodad
route add 10.137.0.0/16 via {UPLINK}
route add fd09:24ef:4179::/48 via {UPLINK6}
route add local 0.0.0.0/0 dev lo table main
route add local ::/0 dev lo table main""")
        self.netvm.ip(f"route add default via {OUTSIDE}\nroute add ::/0 via {OUTSIDE6}")
        if masquerade:
            for family in ("ip", "ip6"):
                self.netvm.nft(f"""add table {family} lab-nat
add chain {family} lab-nat out {{ type nat hook postrouting priority srcnat; }}
add rule {family} lab-nat out oifgroup 1 masquerade""")
        for name in qubes:
            self.add_qube(name)

    def add_qube(self, name, like=None, vif="", ipv6=True, plug=True):
        """`like`: with the addresses of another qube, which a disposable may get. Without `plug` it
        has its interface later, or never."""
        self._made += 1
        qube = Qube(self, name, self._qube_dns, QUIET + ENDPOINT)
        qube.vif = vif or f"vif{self._made}.0"
        qube.address = like.address if like else str(
            ipaddress.ip_address("10.137.0.24") + self._made)
        qube.address6 = like.address6 if like else str(
            ipaddress.ip_address("fd09:24ef:4179::a89:18") + self._made)
        qube.address6 = qube.address6 if ipv6 else ""
        self.qubes.append(qube)
        if plug:
            self.plug(qube)
            self.netvm.ip(online(qube.vif, (qube.address, qube.address6)))
        return qube

    def plug(self, qube, vif="", device="eth0"):
        """The two ends of an interface; the netvm's is down, as Xen's before its hotplug script."""
        vif = vif or qube.vif
        self.netvm.ip(f"link add {vif} address {VIF_MAC} type veth "
                      f"peer name {device} address {mac(vif)} netns {qube.net_path}")
        rest = f"dev {device} metric {domain(vif)}"
        lines = f"""link set {device} up
addr add {qube.address}/32 dev {device}
neigh replace {GATEWAY} lladdr {VIF_MAC} dev {device} nud permanent
route add {GATEWAY} scope link {rest}
route add default via {GATEWAY} onlink {rest}
"""
        if qube.address6:  # by the other end's own address, or a second interface would be refused
            lines += f"""addr add {qube.address6}/128 dev {device} nodad
neigh replace {GATEWAY6} lladdr {VIF_MAC} dev {device} nud permanent
neigh replace {VIF_LOCAL} lladdr {VIF_MAC} dev {device} nud permanent
route add {GATEWAY6} {rest}
route add ::/0 via {VIF_LOCAL} {rest}
"""
        qube.ip(lines)

    def unplug(self, vif):
        """Both ends are gone."""
        self.netvm.ip(f"link del {vif}")

    def remove_qube(self, qube):
        """Its interfaces must be gone; what runs in it goes on until the lab ends."""
        self.qubes.remove(qube)
        qube.close()

    def qube(self, name):
        return next(qube for qube in self.qubes if qube.name == name)

    def at_exit(self, function, *arguments):
        """The lab calls it at its end, last come first, before the namespaces go."""
        self._ends.callback(function, *arguments)

    def close(self):
        try:
            self._ends.close()
        finally:
            self._guardian_end.close()
            self._guardian.wait()
            for namespace in [*self.qubes, getattr(self, "netvm", None),
                              getattr(self, "internet", None)]:
                if namespace:
                    namespace.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
