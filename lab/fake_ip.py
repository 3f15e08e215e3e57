"""A qube that does not know its own address: `net.fake-ip`, as vif-qubes-nat.sh arranges it.

    nat = FakeIp(lab, qube, "192.168.7.2")     for a qube without an interface

The qube's real interface ends in a namespace of its own, in which addresses are translated; what
the netvm sees as the qube's vif is one end of a veth pair, and packets from it have the qube's real
address. IPv6 does not pass.
"""

from lab import topology
from lab.namespace import Namespace

INSIDE_GATEWAY = "192.168.7.1"


class FakeIp:
    def __init__(self, lab, qube, fake):
        self.lab, self.qube = lab, qube
        self.namespace = Namespace(lab, f"{qube.vif}-nat", sysctls=topology.QUIET + [
            ("net.ipv4.ip_forward", 1), ("net.ipv4.icmp_ratelimit", 0),
            ("net.ipv6.conf.all.disable_ipv6", 1)])
        lab.netvm.ip(f"link add {qube.vif} address {topology.VIF_MAC} type veth peer name netvm "
                     f"address {topology.mac(qube.vif)} netns {self.namespace.net_path}")
        self.namespace.ip(f"link add appvm type veth peer name eth0 netns {qube.net_path}")
        self.namespace.ip(f"""
link set netvm up
link set appvm up
addr add {qube.address}/32 dev netvm
addr add {INSIDE_GATEWAY}/32 dev appvm
neigh add {topology.GATEWAY} lladdr {topology.VIF_MAC} dev netvm nud permanent
route add {topology.GATEWAY} dev netvm scope link
route add default via {topology.GATEWAY} dev netvm onlink
route add {fake} dev appvm""")
        self.namespace.run(["nft", "-f", "-"], check=True, input=f"""add table ip nat
add chain ip nat in {{ type nat hook prerouting priority dstnat; }}
add chain ip nat out {{ type nat hook postrouting priority srcnat; }}
add rule ip nat in iifname netvm ip daddr {qube.address} dnat to {fake}
add rule ip nat out oifname netvm ip saddr {fake} snat to {qube.address}""")
        qube.ip(f"""
link set eth0 up
addr add {fake}/32 dev eth0
route add {INSIDE_GATEWAY} dev eth0 scope link
route add default via {INSIDE_GATEWAY} dev eth0 onlink""")
        lab.at_exit(self.namespace.close)
