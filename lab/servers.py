"""Servers of the lab's internet: nsd and nginx as Debian has them, and the scripted authority.

    servers = Servers(lab)
    servers.authority.at("a.test", records(["198.51.100.1"]))

nsd answers for zones.ZONES; the web server answers on every address, ports 80, 443 and 8080 (plain
HTTP on each), with a line that says which address was reached and for which host. All of it runs
inside the namespace from files in the lab's scratch folder; the host is left as it was.
"""

import shutil
import subprocess
import time

from lab import topology, zones
from lab.authority import Authority
from lab.namespace import PATH, LabError

NSD_ADDRESS = "192.0.2.54"
WEB_PORTS = (80, 443, 8080)


class Servers:
    def __init__(self, lab):
        self.nsd = start_nsd(lab, zones.ZONES)
        self.web = start_web(lab)
        self.authority = Authority(lab.internet, (topology.UPSTREAM, topology.UPSTREAM6),
                                   behind=NSD_ADDRESS)
        lab.at_exit(self.authority.close)
        zones.install(self.authority)


def start_nsd(lab, texts, address=NSD_ADDRESS, name="nsd"):
    folder = _folder(lab, name)
    lines = ["server:", f"  ip-address: {address}", "  port: 53", "  server-count: 1",
             "  username: \"\"", "  database: \"\"", "  pidfile: \"\"", "  xfrdfile: \"\"",
             f"  zonelistfile: \"{folder}/zone.list\"", f"  xfrdir: \"{folder}\"",
             f"  zonesdir: \"{folder}\"", "  zonefiles-check: no",
             "remote-control:", "  control-enable: no"]
    for zone, text in texts.items():
        (folder / f"zone-{zone}").write_text(text)
        lines += ["zone:", f"  name: {zone}", f"  zonefile: zone-{zone}"]
    (folder / "nsd.conf").write_text("\n".join(lines) + "\n")
    command = [_program("nsd"), "-d", "-c", folder / "nsd.conf"]
    return _start(lab, command, folder, address, 53)


def start_web(lab, sites="", name="web"):
    """`sites`: servers of their own, in nginx's words, before the one that answers for all."""
    folder = _folder(lab, name)
    listen = "\n".join(f"listen 0.0.0.0:{port}; listen [::]:{port} ipv6only=on;"
                       for port in WEB_PORTS)
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type text/plain; keepalive_timeout 300;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {sites}
  server {{
    {listen}
    return 200 "Hello from $server_addr, which you call $host\\n";
  }}
}}
""")
    command = [_program("nginx"), "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    return _start(lab, command, folder, "203.0.113.1", WEB_PORTS[0])


def _folder(lab, name):
    folder = lab.scratch / name
    folder.mkdir()
    return folder


def _program(name):
    found = shutil.which(name, path=PATH)
    if not found:
        raise LabError(f"{name} is not installed: run ./dev setup")
    return found


def _start(lab, command, folder, address, port):
    """Starts a server and waits until it takes connections."""
    with open(folder / "log", "wb") as log:
        process = lab.internet.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    lab.at_exit(_end, process)
    end = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < end:
        with lab.internet.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return process
        time.sleep(0.02)
    raise LabError(f"{command[0]} does not serve: {(folder / 'log').read_text().strip()}")


def _end(process):
    process.kill()  # its children, if any, are the guardian's
    process.wait()
