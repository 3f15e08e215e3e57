#!/usr/bin/python3 -B
"""packaging/dnspin-refresh, against a web server of its own that serves lists good and bad: a list
is taken whole, or the old one stays and it is said why."""

import contextlib
import http.server
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading

REFRESH = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "dnspin-refresh"
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

    def refresh(self, profile="fastly", trust=True):
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        if trust:
            env["CURL_CA_BUNDLE"] = str(self.certificate)
        return subprocess.run(
            [REFRESH, "--profiles", self.profiles, "--addresses", self.addresses, profile],
            capture_output=True, text=True, env=env, timeout=200, check=False)

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


def bad(stage):
    """What is bad, too much or not to be had leaves the old list, and it is said why"""
    def listed(*networks):
        return '{"addresses": [%s], "ipv6_addresses": []}' % ",".join(f'"{n}"' for n in networks)

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
        "is too many": (listed(*many), "more than 100000 networks"),
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
    return len(pages)


def stranger(stage):
    """A server whose certificate nobody vouches for is not believed"""
    stage.usual()
    done = stage.refresh(trust=False)
    assert done.returncode == 1 and done.stdout.startswith("outdated fastly"), done


def usage(stage):
    """What is asked for wrongly fetches nothing"""
    stage.usual()
    rows = {"http://localhost/list .a": "not '#refresh LIST https", "fastly": "not '#refresh LIST",
            "../x https://localhost/ .a": "not '#refresh LIST"}
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


def main():
    if "unshared" not in sys.argv:
        os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", __file__, "unshared"])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for story in (good, plain, bad, stranger, usage, nobody):
        with tempfile.TemporaryDirectory() as folder:
            PAGES.clear()
            story(Stage(pathlib.Path(folder)))
        print(f"ok     {story.__doc__}", flush=True)


if __name__ == "__main__":
    main()
