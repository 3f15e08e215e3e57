"""dnspin beside its peers: the same work, on one core (docs/performance.md)."""
