#!/usr/bin/python3 -B
"""Broken files: each is refused whole, by --check and by a running dnspind alike, with a message
that says where and what; the rules in force stay, and go on when the file is mended."""

import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import trial  # noqa: E402

ADDRESS = "address 10.137.0.25 fd09:24ef:4179::a89:19\n"
GOOD = ADDRESS + "accept docs.test\n"
DOCS = "203.0.113.30"


def text(octets):
    """The file `clients.d/work` with these octets behind its address."""
    if isinstance(octets, str):
        octets = octets.encode()
    return lambda client, _: client.write_bytes(ADDRESS.encode() + octets)


def instead(make):
    """Something else in the place of `clients.d/work`."""
    def place(client, _):
        client.unlink()
        make(client)
    return place


def beside(**files):
    """Profiles, and a client that uses them."""
    def place(client, folder):
        for name, octets in files.items():
            (folder / "profiles.d" / name).write_text(octets)
        client.write_text(ADDRESS + f"use {next(iter(files))}\n")
    return place


def also(name, octets):
    """One more client."""
    return lambda client, folder: (folder / "clients.d" / name).write_text(octets)


def settings(octets):
    return lambda _, folder: (folder / "dnspin.toml").write_text(octets)


# What is wrong, how it comes to be, and what is said: a pattern for the whole line.
BROKEN = {
    "a line of 10 MB": (text("accept " + "a" * 10_000_000 + "\n"),
                        r"work:2:1: error: line over .* octets"),
    "a line of 100 kB": (text("accept " + "a" * 100_000 + "\n"), r"work:2:\d+: error: .*"),
    "NUL in a host": (text(b"accept a\0b.test\n"), r"work:2:\d+: error: .*"),
    "NUL alone": (text(b"\0\0\0\0"), r"work:2:\d+: error: .*"),
    "UTF-16": (text("accept a.test\n".encode("utf-16")), r"work:2:\d+: error: .*"),
    "Latin-1": (text(b"accept caf\xe9.test\n"), r"work:2:8: error: .*"),
    "a byte order mark in the middle": (text("\ufeffaccept a.test\n"), r"work:2:1: error: .*"),
    "an escape sequence": (text(b"accept \x1b[31m.test\n"), r"work:2:8: error: [ -~]*"),
    "CR alone": (text("accept a.test\raccept b.test\n"), r"work:2:\d+: error: .*"),
    "a FIFO": (instead(os.mkfifo), r"work:1:1: error: not a file but a FIFO.*"),
    "a folder": (instead(os.mkdir), r"work:1:1: error: not a file but a folder.*"),
    "a device": (instead(lambda path: path.symlink_to("/dev/zero")),
                 r"work:1:1: error: not a file but a device.*"),
    "a link to itself": (instead(lambda path: path.symlink_to(path.name)),
                         r"work:1:1: error: cannot open.*"),
    "a link to nowhere": (instead(lambda path: path.symlink_to("nowhere")),
                          r"work:1:1: error: cannot open.*"),
    "a file that everyone may write": (lambda client, _: client.chmod(0o666),
                                       r"work:1:1: error: .*chmod o-w.*"),
    "expire= of no number": (text("accept a.test expire=tomorrow\n"),
                             r"work:2:22: error: .*'tomorrow'.*"),
    "expire= below zero": (text("accept a.test expire=-1\n"), r"work:2:22: error: .*'-1'.*"),
    "expire= beyond all time": (text(f"accept a.test expire={2 ** 64}\n"),
                                r"work:2:22: error: .*'18446744073709551616'.*"),
    "expire= twice": (text("accept a.test expire=1 expire=2\n"), r"work:2:24: error: .*'expire.*"),
    "an unknown key": (text("accept a.test dstport=80\n"), r".*did you mean 'dstports'.*"),
    "a profile that is not there": (text("use githup\n"), r"work:2:5: error: .*'githup'.*"),
    "aliases in a ring": (beside(a="alias b\n", b="alias c\n", c="alias a\n"),
                          r"profiles\.d/[abc]:1:7: error: .*"),
    "an alias of itself": (beside(a="alias a\n"), r"profiles\.d/a:1:7: error: .*"),
    "a profile with an address": (beside(a=ADDRESS + "accept a.test\n"),
                                  r"profiles\.d/a:1:\d+: error: .*"),
    "an alias that is not alone": (beside(a="alias b\naccept a.test\n", b="accept b.test\n"),
                                   r"profiles\.d/a:\d:\d+: error: .*"),
    "two clients of one address": (also("other", ADDRESS + "accept b.test\n"),
                                   r"clients\.d/(work|other):1:\d+: error: .*10\.137\.0\.25.*"),
    "a client without an address": (also("other", "accept b.test\n"),
                                    r"clients\.d/other:\d:\d: error: .*address.*"),
    "a file name that is none": (also("no good", GOOD.replace(".25", ".99")),
                                 r"clients\.d/no good:1:1: error: .*"),
    "broken TOML": (settings("[dns\nupstream = [\n"), r"dnspin\.toml:1:\d+: error: .*"),
    "an unknown setting": (settings("[dns]\nupstreem = []\n"),
                           r"dnspin\.toml:2:1: error: .*did you mean 'upstream'.*"),
}


def lines_of(dnspin):
    return [line for line in dnspin.check().stderr.splitlines() if ": error: " in line]


def refused(dnspin, work, what, pattern):
    """--check and a running dnspind say the same, and nothing has changed."""
    said = lines_of(dnspin)
    assert said and any(re.fullmatch(f".*{pattern}", line) for line in said), (what, said[:3])
    assert all(len(line) < 1000 for line in said), (what, max(map(len, said)))
    assert all(" " <= char <= "~" for line in said for char in line), (what, said[:3])
    known = len(dnspin.log())
    assert not dnspin.reload(timeout=30), what
    dnspin.hang_up(timeout=30)
    news = [line.text for line in dnspin.log()[known:]]
    assert any(said[0].split(": error: ")[1] in line for line in news), (what, said[0], news[:3])
    assert dnspin.wait_log("not reloaded"), what
    assert work.connect(DOCS), what
    assert work.ask("docs.test").addresses == [DOCS], what
    assert work.ask("casino.test").status == "REFUSED", what


def broken(lab, _):
    """A broken file changes nothing, and says where and what"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "broken", clients={"work": GOOD}) as dnspin:
        folder = dnspin.folder
        client, toml = folder / "clients.d" / "work", dnspin.config.read_text()
        assert work.ask("docs.test").addresses == [DOCS]
        for what, (breaks, pattern) in BROKEN.items():
            breaks(client, folder)
            refused(dnspin, work, what, pattern)
            mend(folder, toml)
            assert dnspin.reload(), (what, dnspin.check().stderr)
        assert dnspin.metric("dnspin_answers_released_unpinned_total") == 0
    return f"{len(BROKEN)} files"


def mend(folder, toml):
    for below in ("clients.d", "profiles.d"):
        for path in (folder / below).iterdir():
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
    (folder / "dnspin.toml").write_text(toml)
    (folder / "clients.d" / "work").write_text(GOOD)


def harmless(lab, _):
    """CRLF, a byte order mark at the start and no end of line at the end are no faults"""
    work = lab.qube("work")
    with trial.with_dnspin(lab, "harmless", clients={"work": GOOD}) as dnspin:
        client = dnspin.folder / "clients.d" / "work"
        forms = (GOOD.replace("\n", "\r\n").encode(), GOOD.encode("utf-8-sig"),
                 GOOD.rstrip("\n").encode(), b"\n\n" + GOOD.encode() + b"\n   \n\t# end")
        for octets in forms:
            client.write_bytes(octets)
            assert dnspin.reload(), (octets, dnspin.check().stderr)
            assert work.ask("docs.test").addresses == [DOCS], octets
    return f"{len(forms)} forms"


if __name__ == "__main__":
    trial.run(broken, harmless, qubes=("work",))
