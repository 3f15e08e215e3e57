#!/usr/bin/python3 -B
"""The man pages name every key that the program reads, and no other; mandoc finds no fault."""

import pathlib
import re
import shutil
import subprocess
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
PAGES = TREE / "docs" / "man"


def text(path):
    return (TREE / path).read_text()


def documented_settings():
    """Pairs of table and key, as dnspin.toml.5 has them."""
    found, table = [], ""
    for line in text("docs/man/dnspin.toml.5").splitlines():
        if match := re.match(r"\.S[sh] (?:\[(\w+)\])?", line):
            table = match.group(1) or ""
        elif table and (match := re.match(r"\.It Cm (\w+)", line)):
            found.append((table, match.group(1)))
    return found


class ManPages(unittest.TestCase):
    def test_settings(self):
        """Those of setting_keys.cc, in any order, each once."""
        known = re.findall(r'\{"(\w+)", "(\w+)", Read', text("config/setting_keys.cc"))
        self.assertGreater(len(known), 20)
        self.assertEqual(set(known) ^ set(documented_settings()), set())
        self.assertEqual(len(known), len(documented_settings()))

    def test_rule_keys(self):
        """Those of rule_fields.h."""
        keys = re.search(r"kRuleKeys\{(.*?)\}", text("config/rule_fields.h"), re.S).group(1)
        known = re.findall(r'"(\w+)"', keys)
        documented = re.findall(r"^\.It Cm (\w+) Ta", text("docs/man/dnspin-rules.5"), re.M)
        self.assertEqual(len(known), 10)
        self.assertEqual(sorted(known), sorted(documented))

    def test_words_of_client_files(self):
        """Statements that are no rules."""
        source = text("config/client_file.cc")
        constants = dict(re.findall(r'string_view (k\w+) = "([^"]+)"', text("config/rule_text.h")))
        for list_name in ("kClientStatements", "kProfileStatements"):
            words = re.search(list_name + r"\{(.*?)\}", source).group(1).split(", ")
            for word in words:
                word = constants.get(word, word.strip('"'))
                self.assertIn(f"Cm {word} ", text("docs/man/dnspin-rules.5"))

    @unittest.skipUnless(shutil.which("mandoc"), "there is no mandoc here")
    def test_mandoc(self):
        """What it says of other pages depends on the machine."""
        pages = sorted(PAGES.iterdir())
        self.assertEqual([page.name for page in pages],
                         ["dnspin-rules.5", "dnspin.1", "dnspin.toml.5", "dnspind.8"])
        said = subprocess.run(["mandoc", "-T", "lint", *pages], capture_output=True, text=True,
                              check=False).stdout
        self.assertEqual([line for line in said.splitlines() if "referenced manual" not in line],
                         [])


if __name__ == "__main__":
    unittest.main()
