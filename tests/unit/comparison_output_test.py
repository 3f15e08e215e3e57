#!/usr/bin/python3 -B
"""What recorded lines of a comparison become: tables, ratios and a picture."""

import pathlib
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from bench.compare import picture, ratios, table  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def measured(peer, work, mode, qps, **figures):
    return {"peer": peer, "work": work, "mode": mode, "clients": 1, "qps": qps, "lost": 0,
            "cpu_s_per_100k": 0.5, "p50_us": 20.0, "p99_us": 50.0, "memory_kib": 2048,
            "limited_by": "server", "foreign_pct": 0, "cpu_us_each": {}, **figures}


def raced(peer, **figures):
    return {"peer": peer, "work": "race", "clients": 8, "blocks": False, "load": 0,
            "neighbour": False, "names": 500, "answered": 500, "first_packet_lost": 0,
            "never_reachable": 0, "packets_dropped": 0, "answer_us_p50": 30, "answer_us_p99": 60,
            "answer_us_p99.9": 900, **figures}


LINES = [
    {"machine": "A <machine> & more", "kernel": "6.1", "commit": "abc", "began": "2026-11-22"},
    measured("echo", "hot", "full", 500000),
    measured("dnspin", "hot", "full", 300000, pins=1000, pins_right=True, pins_expected=1000),
    measured("unbound", "hot", "full", 400000),
    measured("pinecho", "unique", "full", 400000),
    measured("dnspin", "unique", "full", 90000, pins=90, pins_right=False, pins_expected=100),
    measured("dnspin", "unique", "steady", 5000, p50_us=45.0, p99_us=130.5),
    measured("smartdns-nft", "unique", "full", 60000),
    measured("dnsmasq-nft", "unique", "full", 5000),
    measured("dnsdist", "unique", "full", 150000),
    measured("dnsdist", "unique", "steady", 5000, p50_us=25.0, p99_us=40.0),
    measured("dnspin-isolated", "unique", "full", 81000,
             cpu_us_each={"reader": 7.25, "dnspind": 3.5, "launcher": 0.0}),
    raced("dnspin"), raced("dnspin", neighbour=True, **{"answer_us_p99.9": 21000}),
    raced("pinecho-late", first_packet_lost=7),
    {"peer": "dnspin", "work": "start", "clients": 200,
     **{kind: {"first_ms": 41.2, "half_ms": 50.0, "all_ms": 80.4,
               "cpu_ms": {"dnspind": 60.0, "launcher": 7.0, "reader": 33.0}}
        for kind in ("fresh", "again")}},
    {"peer": "dnspin", "work": "reload", "rule": "added", "in_force_ms": 4.25,
     "in_force_ms_max": 9.0, "dnspind_cpu_ms": 3.5,
     **{kind: {"p99_us": 400.0, "max_us": 5000.0}
        for kind in ("others_without", "others_meanwhile")}},
    {"peer": "recursor", "work": "hot", "error": "recursor: does not answer"},
]


def ratio(lines, beginning):
    return next((row[1], ratios.reached(row)) for row in ratios.rows(lines)
                if row[0].startswith(beginning))


class Times(unittest.TestCase):
    def test_start_and_reload_have_tables_of_their_own(self):
        text = table.text(LINES)
        self.assertRegex(text, r"dnspin +\| +again \| +41 \| +50 \| +80 \| +60 \| +7 \| +33 ")
        reload = r"dnspin +\| +added \| +4\.2 \| +9\.0 \| +3\.5 \| +400 "
        self.assertRegex(text, reload)
        self.assertIn("first 41.2 ms, all 80.4 ms", "".join(map(table.brief, LINES[-3:])))


class Ratios(unittest.TestCase):
    def test_the_best_peer_of_each_kind_counts_and_no_limit(self):
        self.assertEqual(ratio(LINES, "unique: dnspin / smartdns-nft"), (1.5, True))
        self.assertEqual(ratio(LINES, "unique: dnspin / dnsdist"), (0.6, False))
        self.assertEqual(ratio(LINES, "hot: dnspin / unbound"), (0.75, False))
        self.assertEqual(ratio(LINES, "hot: dnspin / echo"), (0.6, False))
        self.assertEqual(ratio(LINES, "unique: dnspin-isolated / dnspin"), (0.9, True))

    def test_times_are_differences(self):
        self.assertEqual(ratio(LINES, "unique at 5,000/s: p50"), (20, True))
        self.assertEqual(ratio(LINES, "unique at 5,000/s: p99"), (90.5, False))
        self.assertEqual(ratio(LINES, "race beside a failing neighbour"), (21, False))

    def test_what_others_lose_is_not_ours(self):
        self.assertEqual(ratio(LINES, "race: first packet lost"), (0, True))
        lost = [*LINES, raced("dnspin", first_packet_lost=1)]
        self.assertEqual(ratio(lost, "race: first packet lost"), (1, False))

    def test_what_failed_or_was_not_answered_is_no_success(self):
        for line in (raced("dnspin", answered=499),
                     {"peer": "dnspin", "work": "race", "error": "no answer"}):
            self.assertEqual(ratio([*LINES, line], "race: first packet lost"), ("not done", False))

    def test_what_was_not_measured_is_left_out(self):
        self.assertFalse([row for row in ratios.rows(LINES) if row[0].startswith("zipf")])
        self.assertEqual(ratios.rows([]), [])


class Table(unittest.TestCase):
    def test_the_fastest_is_first(self):
        text = table.text(LINES)
        unique = text[text.index("### unique"):text.index("### CPU")]
        names = [line.split("|")[1].strip() for line in unique.splitlines() if line[:1] == "|"]
        self.assertEqual(names, ["peer", "-" * len("dnspin-isolated"), "pinecho", "dnsdist",
                                 "dnspin", "dnspin-isolated", "smartdns-nft", "dnsmasq-nft"])

    def test_the_processes_of_an_answer_are_told_apart(self):
        self.assertIn("| dnspin-isolated | unique |      7.25 |       3.50 |", table.text(LINES))

    def test_wrong_pins_and_failures_are_told(self):
        text = table.text(LINES)
        self.assertIn("90 (expected: 100)", text)
        self.assertIn("recursor, hot: recursor: does not answer", text)
        self.assertIn("WRONG PINS", table.brief(LINES[5]))
        self.assertNotIn("WRONG PINS", table.brief(LINES[2]))


class Picture(unittest.TestCase):
    def setUp(self):
        self.root = xml.etree.ElementTree.fromstring(picture.draw(LINES))
        self.words = [text.text for text in self.root.iter(SVG + "text")]

    def test_text_is_text(self):
        for words in ("dnspin", "smartdns-nft", "echo", "90,000", "45 – 130"):
            self.assertIn(words, self.words)
        self.assertTrue(any("A <machine> & more" in words for words in self.words))

    def test_a_bar_is_as_long_as_its_rate(self):
        bars = [bar for bar in self.root.iter(SVG + "rect") if bar.get("height") == "16"]
        widths = {float(bar.get("width")) for bar in bars if bar.get("class") == "limit"}
        longest = picture.RATES_TO - picture.RATES_FROM
        self.assertEqual(widths, {longest})
        ours = [float(bar.get("width")) for bar in bars if bar.get("class") == "ours"]
        self.assertAlmostEqual(ours[0], longest * 300000 / 500000, places=1)

    def test_nothing_is_outside(self):
        height = float(self.root.get("height"))
        for element in self.root.iter():
            for key, most in (("x", picture.WIDTH), ("x2", picture.WIDTH), ("y", height),
                              ("y2", height)):
                self.assertLessEqual(float(element.get(key, 0)), most)

    def test_both_colour_schemes(self):
        self.assertIn("prefers-color-scheme: dark", self.root.find(SVG + "style").text)

    def test_an_empty_run_is_a_picture_too(self):
        xml.etree.ElementTree.fromstring(picture.draw([]))


if __name__ == "__main__":
    unittest.main()
