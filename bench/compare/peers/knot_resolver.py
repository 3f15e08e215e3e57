"""Knot Resolver as a stub, without validation."""

from bench.compare.peer import Peer

CONF = """net.listen('10.137.0.1', 53, { kind = 'dns' })
net.ipv6 = false
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('ta_sentinel')
modules.unload('priming')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
modules.unload('edns_keepalive')
modules.unload('refuse_nord')
trust_anchors.remove('.')
cache.size = 200 * MB
modules.load('policy')
policy.add(policy.all(policy.STUB({'10.137.2.2'})))
"""
PEERS = [Peer("knot-resolver", "stub, one process",
              ("kresd", "-n", "-q", "-c", "{folder}/conf", "{folder}"), {"conf": CONF},
              quick=False)]
