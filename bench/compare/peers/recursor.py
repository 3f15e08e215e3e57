"""PowerDNS Recursor as a forwarder, without validation."""

from bench.compare.peer import Peer

CONF = """local-address=10.137.0.1
local-port=53
allow-from=10.137.0.0/16
forward-zones-recurse=.=10.137.2.2
dont-query=
dnssec=off
threads=1
reuseport=yes
pdns-distributes-queries=no
security-poll-suffix=
socket-dir={folder}
daemon=no
disable-syslog=yes
loglevel=3
quiet=yes
max-mthreads=4096
max-cache-entries=1000000
max-packetcache-entries=500000
tcp-fast-open=0
serve-rfc1918=no
webserver=no
"""
PEERS = [Peer("recursor", "one worker thread", ("pdns_recursor", "--config-dir={folder}"),
              {"recursor.conf": CONF}, quick=False)]
