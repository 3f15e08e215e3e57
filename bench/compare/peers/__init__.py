"""Who is compared; a new peer is a module here, and a line below."""

from bench.compare.peers import (dnsdist, dnsmasq, dnspin, knot_resolver, limits, recursor,
                                 smartdns, unbound)

ALL = [peer for module in (limits, dnspin, dnsdist, unbound, smartdns, dnsmasq, recursor,
                           knot_resolver)
       for peer in module.PEERS]


def named(name):
    return next((peer for peer in ALL if peer.name == name), None)
