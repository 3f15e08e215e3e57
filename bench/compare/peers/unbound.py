"""unbound as a forwarder, without validation."""

from bench.compare.peer import Peer

CONF = """server:
  interface: 10.137.0.1
  access-control: 10.137.0.0/16 allow
  num-threads: 1
  module-config: "iterator"
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 0
  so-rcvbuf: 4m
  outgoing-range: 8192
  num-queries-per-thread: 4096
  msg-cache-size: 128m
  rrset-cache-size: 256m
  do-ip6: no
  do-tcp: no
  edns-buffer-size: 1232
  minimal-responses: yes
  qname-minimisation: no
  use-caps-for-id: no
  prefetch: no
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 10.137.2.2
"""
PEERS = [Peer("unbound", "one thread", ("unbound", "-d", "-p", "-c", "{folder}/conf"),
              {"conf": CONF})]
