"""Tells a demonstration to a person: what is tried, what should happen, what did happen."""

import os
import sys
import textwrap

BOLD, DIM, RED, GREEN = "1", "2", "31", "32"


class Story:
    def __init__(self, quiet=False, out=sys.stdout):
        self.out, self.quiet = out, quiet
        self.colour = out.isatty() and "NO_COLOR" not in os.environ
        self.claims = []  # [text, True so far]

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def _print(self, text=""):
        if not self.quiet:
            print(text, file=self.out, flush=True)

    def title(self, text):
        self._print(self._paint(BOLD, text) + "\n" + self._paint(DIM, "═" * len(text)))

    def say(self, text):
        """A paragraph."""
        for paragraph in textwrap.dedent(text).strip().split("\n\n"):
            self._print("\n" + textwrap.fill(" ".join(paragraph.split()), 84))

    def show(self, text, indent="    "):
        """Lines as they are: files, listings, the log."""
        self._print()
        for line in textwrap.dedent(text).strip("\n").splitlines():
            self._print(self._paint(DIM, indent + line.expandtabs(4)))

    def step(self, claim):
        """Begins a step, which is to prove this claim."""
        self.claims.append([claim, True])
        self._print("\n" + self._paint(BOLD, f"{len(self.claims)}. {claim}"))

    def tries(self, text):
        self._print("\n" + textwrap.fill(text, 84, initial_indent="   tried:    ",
                                         subsequent_indent="             "))

    def expects(self, text):
        self._print(textwrap.fill(text, 84, initial_indent="   expected: ",
                                  subsequent_indent="             "))

    def happened(self, good, text):
        """The verdict: one line with a tick or a cross."""
        mark = self._paint(GREEN, "✔") if good else self._paint(RED, "✘")
        self._print(f"   {mark} {text}")
        if not good:
            self.claims[-1][1] = False
        return good

    def notes(self, text):
        self._print(self._paint(DIM, f"     {text}"))

    def end(self):
        """Says what was proved; True if all of it was."""
        failed = [claim for claim, good in self.claims if not good]
        self.quiet = False
        self._print("\n" + self._paint(BOLD, "What this run proved"))
        for claim, good in self.claims:
            mark = self._paint(GREEN, "✔") if good else self._paint(RED, "✘ NOT:")
            self._print(f"   {mark} {claim}")
        return not failed
