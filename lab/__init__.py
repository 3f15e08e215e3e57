"""A network of qubes, a netvm and an internet in namespaces, for the demo and the namespace tests.

    #!/usr/bin/python3 -B
    import pathlib, sys
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    from lab import Daemon, Lab, Servers, records

    with Lab() as lab:
        servers = Servers(lab)
        servers.authority.at("a.test", records(["198.51.100.1"], ttl=5))
        dnspin = Daemon(lab, clients={"work": "accept a.test tcp 80"})
        work, personal = lab.qubes
        assert work.ask("a.test").addresses == ["198.51.100.1"]
        assert work.connect("198.51.100.1", 80)
        assert not personal.connect("198.51.100.1", 80)
        assert "198.51.100.1" in lab.netvm.pinned_addresses(work)

The docstring at the top of each file says the rest.
"""

from lab.authority import Authority, RoundRobin, aliases, nothing_there, records
from lab.daemon import Daemon
from lab.dnswire import Reply
from lab.namespace import LabError
from lab.servers import Servers
from lab.topology import Lab

__all__ = ["Authority", "Daemon", "Lab", "LabError", "Reply", "RoundRobin", "Servers", "aliases",
           "nothing_there", "records"]
