#!/usr/bin/python3 -B
"""What dnspin says of how it fares: its metrics, as Prometheus reads them."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
# pylint: disable=wrong-import-position
from lab import topology, trial  # noqa: E402

ONE, TWO = topology.UPSTREAM, "192.0.2.63"
RULES = "accept .race.test\naccept docs.test tcp 80\naccept .odd.test"
NOT_ZERO = ("received", "questions", "answered", "refused", "failed", "cache_hits",
            "upstream_questions", "pins", "reloads")


def promtool(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=30, check=False)


def liked_by_promtool(lab, _):
    """What metrics says of a dnspind that has done something passes `promtool check metrics`"""
    work, personal = lab.qubes[:2]
    with trial.with_dnspin(lab, "promtool", clients={"work": RULES, "personal": "docs.test"},
                           upstream=(ONE, TWO)) as dnspin:  # nobody is at the second
        for _ in range(2):
            assert work.ask("docs.test").addresses and personal.ask("docs.test").addresses
        assert work.ask("casino.test").status == "REFUSED"
        assert work.ask("servfail.odd.test").status == "SERVFAIL"
        assert dnspin.command("learn", "personal", "1m").returncode == 0
        assert personal.ask("1.race.test").addresses
        assert dnspin.reload()
        done = trial.wait_until(lambda: all(dnspin.control("metrics")[name] for name in NOT_ZERO))
        assert done, dnspin.control("metrics")
        text = dnspin.command("metrics").stdout
        checked = promtool(text)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", ""), checked
        assert promtool(text + "dnspinX 1\n").returncode != 0, "nothing is amiss anywhere"
    return f"{len(text.splitlines())} lines"


if __name__ == "__main__":
    trial.run(liked_by_promtool)
