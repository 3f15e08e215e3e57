"""dnsmasq: one global set, elements live as long as the set says, a cached answer pins nothing."""

from bench.compare.peer import Peer

CONF = """no-resolv
no-hosts
no-ping
user=root
listen-address=10.137.0.1
bind-interfaces
server=10.137.2.2
dns-forward-max=10000
log-facility=-
quiet-dhcp
"""
NFT = "nftset=/#/4#inet#lab#pins4,6#inet#lab#pins6\n"
COMMAND = ("dnsmasq", "--no-daemon", "-C", "{folder}/conf")
PEERS = [
    Peer("dnsmasq", "cache of 10,000", COMMAND, {"conf": CONF + "cache-size=10000\n"}, quick=False),
    Peer("dnsmasq-nft", "nftset for every name, cache of 10,000", COMMAND,
         {"conf": CONF + "cache-size=10000\n" + NFT}, pins=True),
    Peer("dnsmasq-nft-uncached", "nftset for every name, no cache: each answer pins", COMMAND,
         {"conf": CONF + "cache-size=0\n" + NFT}, pins=True, works=("unique", "race", "stale")),
]
