"""dnsdist, a load balancer with a packet cache: it takes no record apart."""

from bench.compare.peer import Peer

CONF = """setLocal("10.137.0.1:53")
setACL({"10.137.0.0/16"})
setSecurityPollSuffix("")
setMaxUDPOutstanding(65535)
newServer({address="10.137.2.2:53", sockets=8, healthCheckMode="up"})
pc = newPacketCache(200000, {maxTTL=86400, minTTL=0})
getPool(""):setCache(pc)
"""
PEERS = [Peer("dnsdist", "packet cache of 200,000, 8 sockets upstream",
              ("dnsdist", "--supervised", "-C", "{folder}/conf"), {"conf": CONF})]
