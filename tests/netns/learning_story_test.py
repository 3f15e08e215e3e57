#!/usr/bin/python3 -B
"""Writing the rules of a page that nobody knows: eight hosts behind nginx, names from nsd, and
Chromium in a client that may reach nothing. What was blocked is named, the client is taught, what
is suggested is put into its file, and then the page comes whole, and nothing else does."""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402
from lab.servers import start_nsd, start_web  # noqa: E402
from lab.steady import assert_open, assert_shut  # noqa: E402
from lab.zones import APEX  # noqa: E402

DNS = "192.0.2.55"
PAGE, NINTH = "www.news.example", "www.ninth.example"
# By host: how the page pulls from it, and what it gets. Who has come calls loaded().
HTML, SCRIPT, SVG, CSS = "text/html", "text/javascript", "image/svg+xml", "text/css"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
HOSTS = {
    PAGE: ('<script src="https://{0}/part"></script>', SCRIPT, 'loaded("{0}")'),
    "static.news.example": ('<link rel="stylesheet" href="https://{0}/part" '
                            'onload="loaded(\'{0}\')">', CSS, "body {{ color: teal }}"),
    "api.news.example": ('<script>ask("https://{0}/part")</script>', "text/plain", "{0}"),
    "img.pictures.example": ('<img src="https://{0}/part" onload="loaded(\'{0}\')">', SVG, PICTURE),
    "lib.scripts.example": ('<script src="https://{0}/part"></script>', SCRIPT, 'loaded("{0}")'),
    "esm.modules.example": ('<script type="module" src="https://{0}/part"></script>', SCRIPT,
                            'loaded("{0}")'),
    "player.frames.example": ('<object type="image/svg+xml" data="https://{0}/part" '
                              'onload="loaded(\'{0}\')"></object>', SVG, PICTURE),
    "count.visits.example": ('<img src="https://{0}/part" onload="loaded(\'{0}\')">', SVG, PICTURE),
}
BEGIN = """<!DOCTYPE html><title>News</title><ul id="list"></ul><script>
function loaded(host) { list.appendChild(document.createElement("li")).textContent = host }
function ask(url) {  // before the page is there, which is when it is looked at
  const request = new XMLHttpRequest()
  request.open("GET", url, false)
  try { request.send(); loaded(request.responseText) } catch {}
}
</script>
"""
# Nothing of its own account: no update, no sync, no page of a new tab.
BROWSER = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-default-apps", "--disable-extensions", "--ignore-certificate-errors",
           "--timeout=60000", "--dump-dom")


def address_of(host):
    return f"203.0.113.{150 + [*HOSTS, NINTH].index(host)}"


def page(more=()):
    return BEGIN + "\n".join(HOSTS[host][0].format(host) for host in HOSTS) + "".join(
        f'\n<img src="https://{host}/part" onload="loaded(\'{host}\')">' for host in more)


def zones():
    """One a domain. Pictures come by the alias of a network that delivers, as they do."""
    texts = {"delivery.example": APEX}
    for host in (*HOSTS, NINTH):
        label, domain = host.split(".", 1)
        texts.setdefault(domain, APEX)
        line = f"A {address_of(host)}"
        if label == "img":
            texts["delivery.example"] += f"pop3 IN {line}\n"
            line = "CNAME pop3.delivery.example."
        texts[domain] += f"{label} IN {line}\n"
    return texts


def sites(folder):
    """For nginx: an address and a server a host, and their pages."""
    folder.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=news",
                    "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
                   check=True, capture_output=True)
    text = f"ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;\n"
    for host in (*HOSTS, NINTH):
        _, kind, content = HOSTS.get(host, ("", SVG, PICTURE))
        (folder / host).mkdir()
        (folder / host / "part").write_text(content.format(host))
        (folder / host / "index.html").write_text(page())
        text += (f"server {{ listen {address_of(host)}:443 ssl; server_name {host}; "
                 f"root {folder}/{host}; add_header Access-Control-Allow-Origin *;\n"
                 f"location = /part {{ default_type {kind}; }} "
                 f"location / {{ default_type {HTML}; }} }}\n")
    return text


class Visitor:
    """Somebody in front of Chromium, each time with a profile that knows nothing."""

    def __init__(self, lab, qube):
        self.qube, self.folder, self.visits = qube, lab.scratch / "visitor", 0
        self.folder.mkdir()

    def opens(self, url):
        """The hosts of which the page has what it wants; None if there is no page."""
        self.visits += 1
        shown = self.qube.run([*BROWSER, f"--user-data-dir={self.folder / str(self.visits)}", url],
                              timeout=120)
        assert shown.returncode == 0, shown.stderr[-2000:]
        if "<title>News</title>" not in shown.stdout:
            return None
        return set(re.findall(r"<li>([^<]*)</li>", shown.stdout))

    def opens_saved(self, text):
        """A copy of the page that was kept on the disk."""
        (self.folder / "saved.html").write_text(text)
        return self.opens((self.folder / "saved.html").as_uri())


def assert_whole(seen):
    assert seen == set(HOSTS), set(HOSTS) ^ (seen or set())


def blocked(dnspin):
    return {entry["name"] for entry in dnspin.control("blocked", "work")}


def learned(lab, servers):
    """A page of eight hosts: blocked, named, taught, suggested, whole; a ninth host stays shut"""
    servers.web.kill()  # its addresses are all there are
    servers.web.wait()
    start_web(lab, sites(lab.scratch / "sites"), name="web-of-eight")
    start_nsd(lab, zones(), DNS, "nsd-of-eight")
    work, ninth = lab.qube("work"), address_of(NINTH)
    visitor = Visitor(lab, work)
    with trial.with_dnspin(lab, "learned", clients={"work": ""}, upstream=(DNS,)) as dnspin:
        assert visitor.opens(f"https://{PAGE}/") is None
        assert PAGE in blocked(dnspin), blocked(dnspin)
        assert visitor.opens_saved(page()) == set()
        assert trial.wait_until(lambda: set(HOSTS) <= blocked(dnspin)), blocked(dnspin)
        told = dnspin.command("blocked", "work").stdout
        assert all(host in told for host in HOSTS), told

        assert dnspin.command("learn", "work", "10m").returncode == 0
        assert_whole(visitor.opens(f"https://{PAGE}/"))
        assert dnspin.command("learn", "work", "off").returncode == 0
        assert visitor.opens(f"https://{PAGE}/") is None, "the lesson is over"

        suggested = dnspin.command("suggest", "work").stdout
        file = dnspin.folder / "clients.d" / "work"
        file.write_text(file.read_text() + suggested)
        assert dnspin.reload(), suggested
        assert_whole(visitor.opens(f"https://{PAGE}/"))
        assert_whole(visitor.opens_saved(page(more=(NINTH,))))
        assert NINTH in blocked(dnspin) and NINTH not in suggested
        assert_open(work, address_of(PAGE), 443)
        assert_shut(work, address_of(PAGE), 8080)
        assert_shut(work, ninth, 443)
        # Chromium's own hosts are in there, too: it asked for them.
        rules = set(re.findall(r"^accept \S+\.example tcp 443$", suggested, re.M))
        assert rules == {"accept .news.example tcp 443"} | {
            f"accept {host} tcp 443" for host in HOSTS if not host.endswith(".news.example")}, rules
    return f"{len(HOSTS)} hosts by {len(rules)} rules, {visitor.visits} visits"


if __name__ == "__main__":
    trial.run(learned, qubes=("work",))
