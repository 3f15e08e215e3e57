"""A server that is measured, and how it is run.

A module of peers/ has PEERS, a list of these. Texts may hold {folder}, a folder of its own, and
{build}, where our programs are. A peer that pins fills sets pins4 and pins6 of table inet lab.
"""

import dataclasses
import shutil
import subprocess

from bench.compare.stage import SEEN, SERVER, SERVER_CORE, end, on_core
from lab import processes
from lab.daemon import build_folder
from lab.namespace import PATH, LabError

SETS = """table inet lab {
  set pins4 { type ipv4_addr; flags timeout; timeout 300s; }
  set pins6 { type ipv6_addr; flags timeout; timeout 300s; }
}
"""
GATE = """table inet lab {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "up0" ct state established,related accept
    ip daddr @pins4 accept
    ip6 daddr @pins6 accept
  }
}
"""


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    about: str
    command: tuple
    files: dict = dataclasses.field(default_factory=dict)  # name to text, in {folder}
    pins: bool = False
    kind: str = "peer"    # or "limit": does no DNS; "control": only to see that a test can fail
    quick: bool = True    # is there in a quick run
    works: tuple = ()     # nothing: all
    warm_up: float = 0    # seconds, where it is more than others get
    asked: str = SERVER   # whom the clients ask

    def is_installed(self):
        return self.command[0].startswith("{build}") or bool(self._program())

    def _program(self):
        return shutil.which(self.command[0], path=PATH)

    def start(self, stage, gated=False):
        """Returns when it answers. `gated`: what is not pinned is not let through."""
        folder = stage.scratch / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        places = {"folder": folder, "build": build_folder()}
        for name, text in self.files.items():
            (folder / name).write_text(_filled(text, places))
        stage.netvm.nft("flush ruleset\n" + SEEN + SETS + (GATE if gated else ""))
        with open(folder / "log", "wb") as log, on_core(SERVER_CORE):
            process = stage.netvm.popen([_filled(word, places) for word in self.command],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        server = RunningServer(stage, process)
        try:
            stage.wait_answer(stage.clients, self.asked, lambda: process.poll() is None)
        except LabError as error:
            server.stop()
            raise LabError(f"{self.name}: {error}: {(folder / 'log').read_text()[-400:]}") from None
        return server


def _filled(text, places):
    for word, value in places.items():
        text = text.replace("{" + word + "}", str(value))
    return text


class RunningServer:
    def __init__(self, stage, process):
        self.stage, self.process = stage, process

    def pids(self):
        return processes.family(self.process.pid)

    def roles(self):
        """Pids by what they do, where a server has several processes."""
        return {}

    def stop(self):
        end(self.process)
        self.stage.netvm.nft("flush ruleset")

    def pins(self):
        """How many elements the kernel has."""
        return self.stage.netvm.nft_list("table", "inet", "lab").count("expires")

    def forget_pins(self):
        """As a reload of the firewall does."""
        self.stage.netvm.nft("flush set inet lab pins4\nflush set inet lab pins6")
