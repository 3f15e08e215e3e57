#!/usr/bin/python3 -B
"""What packages are built from: all that CMake looks for."""

import pathlib
import re
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
TOOLS = {"g++", "ccache"}  # of every Debian that builds; of ours alone
SPELLED = {"pkgconf|pkg-config": "pkgconf"}


def text(path):
    return (TREE / path).read_text()


class Packages(unittest.TestCase):
    def test_debian(self):
        """What ./dev setup installs to build with."""
        needed = re.search(r"^for_build=\((.*?)\)", text("dev"), re.S | re.M).group(1)
        needed = set(re.findall(r'"[^"]+"|\S+', needed))
        needed = {SPELLED.get(word.strip('"'), word) for word in needed} - TOOLS
        self.assertGreater(len(needed), 15)
        control = text("packaging/debian/control")
        build = re.search(r"Build-Depends:(.*?)\n\S", control, re.S).group(1)
        self.assertEqual(needed - set(re.findall(r"[\w.+-]+", build)), set())

    def test_rpm(self):
        """Every library that CMake asks pkg-config for."""
        modules = re.search(r"foreach\(module (.*?)\)", text("cmake/libraries.cmake"), re.S)
        modules = modules.group(1).split()
        self.assertGreater(len(modules), 10)
        required = re.findall(r"BuildRequires:\s+pkgconfig\((\w+)\)",
                              text("packaging/rpm/dnspin.spec"))
        self.assertEqual(set(modules) - set(required), set())


if __name__ == "__main__":
    unittest.main()
