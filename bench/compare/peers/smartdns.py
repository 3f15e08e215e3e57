"""SmartDNS: one global set. With timeouts it deletes each element first, and where there is none
the kernel throws the transaction away, which takes milliseconds."""

from bench.compare.peer import Peer

CONF = """bind 10.137.0.1:53
server 10.137.2.2
cache-size 32768
cache-persist no
speed-check-mode none
dualstack-ip-selection no
prefetch-domain no
serve-expired no
force-qtype-SOA -
log-level error
log-file {folder}/smartdns.log
audit-enable no
user root
rr-ttl-min 0
max-query-limit 0
max-reply-ip-num 16
tcp-idle-time 60
response-mode fastest-response
"""
NFT = "nftset /example/#4:inet#lab#pins4,#6:inet#lab#pins6\n"
COMMAND = ("smartdns", "-f", "-x", "-p", "-", "-c", "{folder}/conf")
PEERS = [
    Peer("smartdns", "cache of 32,768, no speed check", COMMAND, {"conf": CONF}),
    Peer("smartdns-nft", "nftset for every name, elements without the TTL", COMMAND,
         {"conf": CONF + NFT}, pins=True),
    Peer("smartdns-nft-timeout", "nftset for every name, elements of twice the TTL", COMMAND,
         {"conf": CONF + "nftset-timeout yes\n" + NFT}, pins=True, quick=False,
         works=("unique",)),
]
