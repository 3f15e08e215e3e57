#!/usr/bin/python3 -B
"""packaging/dnspin-refresh, against a web server of its own that serves lists good and bad: a list
is taken whole, or the old one stays and it is said why."""

import contextlib
import http.server
import os
import pathlib
import pty
import pwd
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
REFRESH = TREE / "packaging" / "dnspin-refresh"
DNSPIND = pathlib.Path(os.environ.get("DNSPIN_BUILD") or TREE / "build") / "dnspind"
GOOD = '{"addresses": ["151.101.0.0/16", "23.235.32.0/20"], "ipv6_addresses": ["2a04:4e40::/32"]}'
FILTER = ".addresses[], .ipv6_addresses[]"
PAGES = {}  # by path: the octets, or a number that is the answer's status


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        page = PAGES.get(self.path, 404)
        if isinstance(page, str):
            self.send_response(302)
            self.send_header("Location", page)
            self.end_headers()
            return
        self.send_response(page if isinstance(page, int) else 200)
        self.end_headers()  # no length: curl cannot know how much will come
        with contextlib.suppress(OSError):
            self.wfile.write(page if isinstance(page, bytes) else b"")

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Stage:
    """A folder of profiles, one of addresses, and the server."""

    def __init__(self, folder):
        self.folder, self.profiles = folder, folder / "profiles.d"
        self.addresses = folder / "addresses"
        self.profiles.mkdir()
        folder.chmod(0o755)
        self.certificate = folder / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out",
             self.certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, folder / "key.pem")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"https://localhost:{self.port}{path}"

    def profile(self, *lines):
        text = "".join(f"#refresh {line}\n" for line in lines)
        (self.profiles / "fastly").write_text(f"# a profile\n{text}addresses-file fastly tcp 443\n")

    def serve(self, page, path="/list"):
        PAGES[path] = page.encode() if isinstance(page, str) else page

    def command(self, profile="fastly", *options):
        return [REFRESH, *options, "--profiles", self.profiles, "--addresses", self.addresses,
                profile]

    def env(self, trust=True):
        """Programs in folder `bin` go before others."""
        env = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "LC_ALL": "C"}
        return {**env, "CURL_CA_BUNDLE": str(self.certificate)} if trust else env

    def refresh(self, profile="fastly", *options, trust=True, umask=-1):
        return subprocess.run(
            self.command(profile, *options), capture_output=True, text=True, env=self.env(trust),
            umask=umask, timeout=200, check=False)

    def stand_in(self, name, *lines):
        """A program of that name."""
        (self.folder / "bin").mkdir(exist_ok=True)
        file = self.folder / "bin" / name
        file.write_text("#!/bin/sh\n" + "".join(f"{line}\n" for line in lines))
        file.chmod(0o755)
        return file

    def check(self):
        """What dnspind says of the list."""
        (self.folder / "clients.d").mkdir(exist_ok=True)
        (self.folder / "dnspin.toml").touch()
        (self.folder / "clients.d" / "work").write_text(
            f"address 10.137.0.25\naddresses-file {self.addresses / 'fastly'} tcp 443\n")
        done = subprocess.run([DNSPIND, "--config", self.folder / "dnspin.toml", "--check"],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def networks(self, name="fastly"):
        file = self.addresses / name
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if not line.startswith("#")]

    def usual(self):
        """A list that is there."""
        self.profile(f"fastly {self.url('/list')} {FILTER}")
        self.serve(GOOD)
        assert self.refresh().returncode == 0


def good(stage):
    """A list comes whole, sorted, readable by all, and says where from"""
    stage.profile(f"fastly {stage.url('/list')} {FILTER}")
    stage.serve(GOOD)
    done = stage.refresh()
    assert (done.returncode, done.stdout) == (0, "good fastly: 3 networks\n"), done
    assert stage.networks() == ["23.235.32.0/20", "151.101.0.0/16", "2a04:4e40::/32"]
    file = stage.addresses / "fastly"
    assert file.read_text().startswith(f"# {stage.url('/list')}\n")
    assert file.stat().st_mode & 0o777 == 0o644
    again = stage.refresh()
    assert (again.returncode, again.stdout) == (0, "good fastly: 3 networks, as before\n"), again
    stage.serve(GOOD.replace("151.101", "151.102"))
    assert stage.refresh().stdout == "good fastly: 3 networks\n"
    assert "151.102.0.0/16" in stage.networks()
    assert os.listdir(stage.addresses) == ["fastly"], "it leaves something behind"


def plain(stage):
    """Two pages make one list, without jq where they are plain"""
    stage.serve("173.245.48.0/20\n103.21.244.0/22 # a note\n\n", "/v4")
    stage.serve("2400:cb00::/32\r\n", "/v6")
    stage.profile(f"cdn {stage.url('/v4')} -", f"cdn {stage.url('/v6')} -")
    done = stage.refresh()
    assert (done.returncode, done.stdout) == (0, "good cdn: 3 networks\n"), done
    assert stage.networks("cdn") == ["103.21.244.0/22", "173.245.48.0/20", "2400:cb00::/32"]


def listed(*networks):
    return '{"addresses": [%s], "ipv6_addresses": []}' % ",".join(f'"{n}"' for n in networks)


def apart(number):
    """Networks that do not touch."""
    return [f"51.{i >> 15}.{i >> 7 & 255}.{(i & 127) * 2}/32" for i in range(number)]


def merged(stage):
    """Networks are merged; of what dnspind has limits for it takes all that is good here"""
    stage.profile(f"fastly {stage.url('/list')} -")
    stage.serve("\n".join(f"51.0.{i >> 8}.{i & 255}" for i in range(20_480)))
    done = stage.refresh()
    assert done.stdout == "good fastly: 2 networks\n", done
    assert stage.networks() == ["51.0.0.0/18", "51.0.64.0/20"]
    assert stage.check() == (0, "")
    stage.serve("\n".join(apart(16_384)))
    done = stage.refresh()
    assert done.stdout == "good fastly: 16384 networks\n", done
    assert stage.check() == (0, "")
    stage.serve("\n".join(apart(16_385)))
    assert "more than 16384 networks" in stage.refresh().stdout
    (stage.addresses / "fastly").write_text("\n".join(apart(16_385)))
    assert "more than 16384 networks" in stage.check()[1], "the limit here is not dnspind's"
    done = stage.refresh()
    assert done.returncode == 3, done
    assert done.stdout.startswith("failed fastly: the list that is there is bad: more than"), done


def growth(stage):
    """A list that grows more than fourfold waits for somebody; what Fastly has is good"""
    stage.profile(f"fastly {stage.url('/list')} -")
    v4, v6 = "23.235.32.0/20", "2a04:4e40::/32"
    rows = [((v4, v6), ("23.235.0.0/18", "2a04:4e40::/30"), ""),
            ((v4, v6), ("23.235.0.0/18", "51.0.0.0/32", v6), "from 4096 to 16385 IPv4 addresses"),
            ((v4, v6), (v4, v6, "2a00::/29"), "from 7.9e+28 to 7.1e+29 IPv6 addresses"),
            ((v4,), (v4, "2a04::/128"), "from 0 to 1 IPv6 addresses")]
    for old, new, why in rows:
        (stage.addresses / "fastly").unlink(missing_ok=True)
        stage.serve("\n".join(old))
        assert stage.refresh().returncode == 0, old
        stage.serve("\n".join(new))
        done = stage.refresh()
        if not why:
            assert done.returncode == 0, done
            continue
        assert done.returncode == 1 and stage.networks() == list(old), (new, done)
        assert f": grew {why}: --accept-growth takes it\n" in done.stdout, done
        assert stage.refresh("fastly", "--accept-growth").returncode == 0
        assert stage.check() == (0, "")
    fastly = (
        "23.235.32.0/20 43.249.72.0/22 103.244.50.0/24 103.245.222.0/23 103.245.224.0/24 "
        "104.156.80.0/20 140.248.64.0/18 140.248.128.0/17 146.75.0.0/17 151.101.0.0/16 "
        "157.52.64.0/18 167.82.0.0/17 167.82.128.0/20 167.82.160.0/20 167.82.224.0/20 "
        "172.111.64.0/18 185.31.16.0/22 199.27.72.0/21 199.232.0.0/16 2a04:4e40::/32 "
        "2a04:4e42::/32").split()
    (stage.addresses / "fastly").unlink()
    stage.serve("\n".join(fastly))
    done = stage.refresh()
    assert done.stdout == "good fastly: 21 networks\n", done


def bad(stage):
    """What is bad, too much or not to be had leaves the old list, and it is said why"""
    many = [f"51.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(100_001)]
    pages = {
        "is not JSON": ("<html>", "jq: "),
        "is another object": ("{}", "jq: "),
        "has no address": (listed(), "the list is empty"),
        "is everything": (listed("0.0.0.0/0"), "too large"),
        "is half of everything": (listed("128.0.0.0/1"), "too large"),
        "is everything in IPv6": (listed("::/0"), "too large"),
        "has a private network": (listed("151.101.0.0/16", "10.137.0.0/16"), "not a network of"),
        "holds a private network": (listed("100.0.0.0/8"), "not a network of"),
        "has a mapped address": (listed("::ffff:192.168.0.1"), "not a network of"),
        "has bits behind": (listed("151.101.0.1/16"), "not a network: '151.101.0.1/16'"),
        "has a name": (listed("fastly.com"), "not a network: 'fastly.com'"),
        "speaks to the terminal": (listed("\\u001b[2J"), "not a network: '?[2J'"),
        "has another line in one": (listed("151.101.0.0/16\\n0.0.0.0/0"), "too large"),
        "is not ASCII": (listed("\u0661.1.1.1"), "not a list of networks"),
        "has an interface": (listed("2a04:4e40::1%eth0"), "not a network: '2a04:4e40::1%eth0'"),
        "is a /8 and more": (listed("51.0.0.0/8", "52.0.0.0/32"), "IPv4 addresses in all"),
        "is two /16": (listed("2a04::/16", "2a05::/16"), "IPv6 addresses in all"),
        "is too many": (listed(*many), "more than 100000 networks"),
        "is too many apart": (listed(*apart(16_385)), "more than 16384 networks"),
        "is too much": (b" " * (5 << 20) + GOOD.encode(), "curl"),
        "is not there": (404, "curl: "),
        "leads to plain HTTP": ("http:", "curl: "),
    }
    stage.usual()
    for what, (page, why) in pages.items():
        stage.serve(page)
        if page == "http:":
            PAGES["/list"] = f"http://localhost:{stage.port}/list"
        done = stage.refresh()
        assert done.returncode == 1, (what, done)
        assert done.stdout.startswith("outdated fastly: 3 networks, those of 20"), (what, done)
        assert why in done.stdout and done.stdout.count("\n") == 1, (what, done.stdout)
        assert len(stage.networks()) == 3, what
    (stage.addresses / "fastly").unlink()
    done = stage.refresh()
    assert done.returncode == 3 and done.stdout.startswith("failed fastly: there is no list: ")
    assert os.listdir(stage.addresses) == []
    (stage.addresses / "fastly").write_text("0.0.0.0/0\n")
    done = stage.refresh()
    assert done.returncode == 3, done
    assert done.stdout.startswith("failed fastly: the list that is there is bad: "), done


def stranger(stage):
    """A server whose certificate nobody vouches for is not believed"""
    stage.usual()
    done = stage.refresh(trust=False)
    assert done.returncode == 1 and done.stdout.startswith("outdated fastly"), done


def usage(stage):
    """What is asked for wrongly fetches nothing"""
    stage.usual()
    rows = {"http://localhost/list .a": "not '#refresh LIST https", "fastly": "not '#refresh LIST",
            "../x https://localhost/ .a": "not '#refresh LIST",
            "fastly https://localh\u00f6st/ .a": "not '#refresh LIST"}
    for line, why in rows.items():
        stage.profile(line)
        done = stage.refresh()
        assert done.returncode == 2 and why in done.stderr, (line, done)
    stage.profile()
    assert "no line '#refresh" in stage.refresh().stderr
    for name, why in {"../passwd": "not a name", "github2": "no such profile"}.items():
        done = stage.refresh(name)
        assert done.returncode == 2 and why in done.stderr, done
    assert len(stage.networks()) == 3


def nobody(stage):
    """curl and jq run as nobody, who may not read what is root's"""
    stage.serve(GOOD)
    stage.profile(f'fastly {stage.url("/list")} include "x" {{search: "{stage.folder}"}}; a')
    (stage.folder / "x.jq").write_text("def a: .addresses[];")
    assert stage.refresh().returncode == 0
    (stage.folder / "x.jq").chmod(0o600)
    done = stage.refresh()
    assert done.returncode != 0 and "Permission denied" in done.stdout + done.stderr, done


def in_terminal(command, env):
    """What a command says that has a terminal of its own."""
    number, terminal = pty.fork()
    if number == 0:
        os.execve(command[0], command, env)
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while octets := os.read(terminal, 4096):
            said += octets
    os.close(terminal)
    os.waitpid(number, 0)
    return said.decode()


def terminal(stage):
    """curl and jq cannot open the terminal of who calls: they could type into it"""
    curl = stage.stand_in("curl", "(: </dev/tty) 2>&- && echo terminal || echo 151.101.0.0/16")
    stage.profile(f"fastly {stage.url('/list')} -")
    assert in_terminal([curl], stage.env()) == "terminal\r\n"
    said = in_terminal(stage.command(), stage.env())
    assert said == "good fastly: 1 networks\r\n", said


def ends(stage):
    """curl ends before who called it does, on ^C and SIGTERM, with the unit's capabilities"""
    stage.usual()
    unit = (REFRESH.parent / "dnspin-refresh@.service").read_text()
    names = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)[1].split()
    bounds = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in names)])
    notes = stage.folder / "notes"
    notes.mkdir()
    notes.chmod(0o777)
    stage.stand_in("curl", f"echo $$ $(id -u) $(ulimit -t) >{notes}/note", f"mv {notes}/note "
                   f"{notes}/curl", "exec sleep 600")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = subprocess.Popen(
            ["setpriv", f"--bounding-set={bounds}", "--inh-caps=-all", *stage.command()],
            env=stage.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until = time.monotonic() + 60
        while not (notes / "curl").exists():
            assert process.poll() is None and time.monotonic() < until, process.communicate()
            time.sleep(0.05)
        curl, who, seconds = (notes / "curl").read_text().split()
        (notes / "curl").unlink()
        assert (int(who), seconds) == (pwd.getpwnam("nobody").pw_uid, "120")
        process.send_signal(number)
        said = process.communicate(timeout=60)[0]
        assert (process.returncode, said) == (128 + number, ""), (process.returncode, said)
        assert not pathlib.Path("/proc", curl).exists(), f"curl outlives {number!r}"
        assert len(stage.networks()) == 3 and os.listdir(stage.addresses) == ["fastly"]


def umask(stage):
    """What root's umask is does not hide a list from dnspind"""
    stage.profile(f"fastly {stage.url('/list')} {FILTER}")
    stage.serve(GOOD)
    stage.addresses = stage.folder / "lib" / "addresses"
    assert stage.refresh(umask=0o077).returncode == 0
    paths = (stage.addresses.parent, stage.addresses, stage.addresses / "fastly")
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o755, 0o755, 0o644]


def main():
    if "unshared" not in sys.argv:
        os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", __file__, "unshared"])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for story in (good, plain, merged, growth, bad, stranger, usage, nobody, terminal, ends, umask):
        with tempfile.TemporaryDirectory() as folder:
            PAGES.clear()
            story(Stage(pathlib.Path(folder)))
        print(f"ok     {story.__doc__}", flush=True)


if __name__ == "__main__":
    main()
