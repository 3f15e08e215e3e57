#!/usr/bin/python3 -B
"""The page of `dnspin report`, opened in a browser without a network: its numbers, both colour
schemes, and that nothing in it runs."""

import collections
import html.parser
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from tests.page import journal_lines  # noqa: E402

BUILD = pathlib.Path(os.environ.get("DNSPIN_BUILD",
                                    pathlib.Path(__file__).resolve().parents[2] / "build"))
END = 1_795_400_000
OWNED = "<script>document.title = 'owned'</script>"
BACKS = {"dark": (0x0d, 0x11, 0x17), "light": (0xf6, 0xf7, 0xf9)}  # as Chromium counts schemes
VOID = {"meta", "br", "img", "link"}
# Chromium in a namespace of its own has no bus, and says so.
BROWSER = ("unshare", "-n", "chromium", "--headless", "--no-sandbox", "--disable-gpu",
           "--no-first-run", "--hide-scrollbars", "--enable-logging=stderr")


def report(*words, text):
    done = subprocess.run([BUILD / "dnspin", "report", *words], input=text.encode(), check=True,
                          stdout=subprocess.PIPE, env={**os.environ, "TZ": "UTC"}, timeout=30)
    return done.stdout.decode()


class Browser:
    """One page in one folder; each look is a process of its own, all of them at once."""

    def __init__(self, page):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dnspin-page-"))
        (self.folder / "page.html").write_text(page)
        self.looks = {}

    def look(self, name, *options):
        self.looks[name] = subprocess.Popen(
            [*BROWSER, f"--user-data-dir={self.folder / name}", *options,
             (self.folder / "page.html").as_uri()],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder, text=True)

    def seen(self, name):
        """What it printed, and what its console said."""
        output, errors = self.looks[name].communicate(timeout=60)
        assert self.looks[name].returncode == 0, errors
        return output, [line for line in errors.splitlines() if "CONSOLE" in line]

    def close(self):
        for process in self.looks.values():
            process.kill()
            process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)


class Dom(html.parser.HTMLParser):
    """Text by the nearest id, tags by section, attributes."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags = collections.defaultdict(str), collections.Counter()
        self.attributes = collections.Counter()
        self._open = []
        self.feed(page)

    def _id(self):
        return next((name for _, name in reversed(self._open) if name), None)

    def handle_starttag(self, tag, attrs):
        self.attributes.update(key for key, _ in attrs)
        section = next((name for one, name in self._open if one == "section"), None)
        self.tags[section, tag, dict(attrs).get("class")] += 1
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        self.texts[self._id()] += data

    def count(self, section, tag):
        return sum(count for (where, what, _), count in self.tags.items()
                   if (where, what) == (section, tag))


def first_pixel(path):
    """Of a PNG as Chromium writes it: 8 bits, not interlaced. The first one has no neighbour."""
    octets, at, packed = path.read_bytes(), 8, b""
    while at < len(octets):
        length, kind = struct.unpack_from("!I4s", octets, at)
        packed += octets[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return tuple(zlib.decompress(packed)[1:4])


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.entries = journal_lines.day_of_lines(END)
        page = report("work", "--journal", "-", text=journal_lines.text(cls.entries))
        cls.browser = Browser(page)
        cls.addClassCleanup(cls.browser.close)
        for number, scheme in enumerate(BACKS):
            cls.browser.look(scheme, f"--blink-settings=preferredColorScheme={number}",
                             "--window-size=1200,4400", f"--screenshot={scheme}.png", "--dump-dom")
        # That a console says what the others' consoles do not: it is heard.
        cls.owned = Browser(page.replace("<header>", OWNED + "<header>"))
        cls.addClassCleanup(cls.owned.close)
        cls.owned.look("dom", "--dump-dom")
        cls.seen = {scheme: cls.browser.seen(scheme) for scheme in BACKS}
        cls.dom = Dom(cls.seen["light"][0])

    def told(self, kind, key=None):
        mine = [entry for entry in self.entries if entry["DNSPIN_CLIENT"] == "work"
                and entry.get("DNSPIN_EVENT") == kind]
        return mine if key is None else {key(entry) for entry in mine}

    def test_its_numbers_are_those_of_the_lines(self):
        def name(entry):
            return entry["DNSPIN_NAME"]

        def address(entry):
            return entry["DNSPIN_NAME"], entry["DNSPIN_ADDRESS"]
        revoked = self.told("revoked")
        expected = {
            "pinned": len(self.told("pinned")), "refused": len(self.told("refused")),
            "revoked": len(revoked), "trouble": len(self.told("error") + self.told("blocked")),
            "names": len(self.told("pinned", name) | self.told("refused", name)),
            "addresses": len(self.told("pinned", address) | self.told("revoked", address))}
        self.assertEqual(expected, {key: int(self.dom.texts[f"count-{key}"].replace(",", ""))
                                    for key in expected})
        self.assertGreater(expected["pinned"] + expected["refused"], 1900)

    def test_its_sections_have_their_rows_and_pictures(self):
        self.assertEqual(self.dom.count("names", "tr"), 1 + 25)
        self.assertEqual(self.dom.count("names", "svg"), 25)
        refused = {(entry["DNSPIN_NAME"], entry["MESSAGE"]) for entry in self.told("refused")}
        self.assertEqual(self.dom.count("refusals", "tr"), 1 + len(refused))
        self.assertEqual(self.dom.count("pins", "svg"), 40)
        self.assertEqual(self.dom.count("troubles", "tr"), 1 + 4)
        self.assertGreater(self.dom.count("activity", "rect"), 100)
        self.assertEqual(self.dom.count("activity", "title"), self.dom.count("activity", "g") + 1)

    def test_names_are_text_and_nothing_runs(self):
        for evil in journal_lines.EVIL[:6]:
            self.assertIn(evil, self.dom.texts["refusals"])
        for tag in ("script", "img", "iframe", "link", "a", "form", "object"):
            self.assertEqual(sum(n for (_, what, _), n in self.dom.tags.items() if what == tag), 0)
        self.assertFalse([key for key in self.dom.attributes if key.startswith("on")])
        self.assertIn("work: dnspin report", self.dom.texts[None])
        self.assertEqual([console for _, console in self.seen.values()], [[], []])

    def test_what_would_run_is_stopped_and_heard(self):
        text, console = self.owned.seen("dom")
        self.assertIn("<title>work: dnspin report</title>", text)
        self.assertTrue(any("Content Security Policy" in line for line in console), console)

    def test_light_and_dark(self):
        for scheme, back in BACKS.items():
            with self.subTest(scheme):
                picture = self.browser.folder / f"{scheme}.png"
                self.assertEqual(first_pixel(picture), back)
                if keep := os.environ.get("DNSPIN_PICTURES"):  # a folder, to look at them
                    shutil.copy(picture, keep)

    def test_other_lines(self):
        refused = [entry for entry in self.told("refused") if " " not in entry["DNSPIN_NAME"]]
        plain = "".join(f"<5>{entry['MESSAGE']}\n" for entry in refused)
        page = report("work", "--journal=-", "--since=1h", text=plain)
        dom = Dom(page)
        self.assertEqual(dom.texts["count-refused"], str(len(refused)))
        self.assertIn("No line bears a time.", dom.texts["activity"])
        self.assertIn("Nothing in this time.", report("nobody", "--journal=-", text=plain))


class Usage(unittest.TestCase):
    def test_wrong_words(self):
        for words in ((), ("work", "mail"), ("work", "--since", "8d"), ("work", "--since=1"),
                      ("wo rk",), ("--journal", "x"), ("work", "--since")):
            with self.subTest(words):
                done = subprocess.run([BUILD / "dnspin", "report", *words], check=False,
                                      capture_output=True, timeout=10)
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertTrue(done.stderr)

    def test_what_cannot_be_read(self):
        done = subprocess.run([BUILD / "dnspin", "report", "work", "--journal", "/nonexistent"],
                              check=False, capture_output=True, timeout=10)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"/nonexistent", done.stderr)


if __name__ == "__main__":
    unittest.main()
