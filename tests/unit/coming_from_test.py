#!/usr/bin/python3 -B
"""docs/coming-from.md has every row once, and each test that it names is there."""

import pathlib
import re
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
NETNS = TREE / "tests" / "netns"
VERDICTS = {"holds", "differs", "in part", "no"}


def rows():
    """Number to the cells behind it."""
    found = []
    for line in (TREE / "docs" / "coming-from.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0].isdigit():
            found.append((int(cells[0]), cells[1:]))
    return found


class ComingFrom(unittest.TestCase):
    def test_each_row_once(self):
        self.assertEqual([number for number, _ in rows()], list(range(34, 80)))

    def test_each_says_how_or_why_not(self):
        for number, cells in rows():
            with self.subTest(row=number):
                there, verdict, how, _ = cells
                self.assertTrue(there)
                self.assertIn(verdict, VERDICTS)
                self.assertGreater(len(how), 10)

    def test_each_test_is_there(self):
        named = 0
        for number, (_, verdict, _, tests) in rows():
            with self.subTest(row=number):
                if tests == "the same":
                    continue
                quoted = re.findall("`([^`]*)`", tests)
                self.assertTrue(quoted or verdict == "no")
                for file, *stories in map(str.split, quoted):
                    text = (NETNS / file).read_text()
                    for story in stories:
                        if not story.isdigit():
                            self.assertRegex(text, rf"(?m)^def {story}\(")
                            self.assertGreater(len(re.findall(rf"\b{story}\b", text)), 1,
                                               f"{story} is not told")
                        named += 1
        self.assertGreater(named, 50)


if __name__ == "__main__":
    unittest.main()
