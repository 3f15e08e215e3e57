#!/usr/bin/python3
"""Writes the seeds of corpus/control: what is said on the control socket, behind an octet that says
in what pieces. Run it after a change of the commands and commit what it wrote."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "control"
FOLDER.mkdir(parents=True, exist_ok=True)


def write(name, line, piece=255, end=b"\n"):
    octets = line if isinstance(line, bytes) else json.dumps(line).encode()
    (FOLDER / name).write_bytes(bytes([piece]) + octets + end)


for command in ("status", "clients", "pins", "metrics", "reload"):
    write(command, {"command": command}, piece=len(command))
write("pins_of_one", {"command": "pins", "client": "work"})
write("pins_of_other", {"command": "pins", "client": 'per\u00e7o "nal"'})
write("pins_of_nobody", {"command": "pins", "client": "no\u001bbody"})
write("client_is_no_name", {"command": "pins", "client": ["work"]})
write("unknown_command", {"command": 300 * "\u20ac"})
write("no_command", {"client": "work"})
write("no_object", b'["command", "reload"]')
write("no_json", b"reload")
write("no_utf8", b'{"command":"\xff\xfe"}')
write("surrogate", b'{"command":"pins","client":"\\ud800"}')
write("deep", 3000 * b"[")
write("twice", b'{"command":"status"}\n{"command":"reload"}')
write("two_of_a_key", b'{"command":"status","command":"reload"}')
write("no_end", b'{"command":"reload"}', end=b"")
write("empty", b"", piece=0)
write("longest", b'{"command":"status"' + (4096 - 20) * b" " + b"}", piece=127)
write("too_long", b'{"command":"reload"' + (4096 - 19) * b" " + b"}")
write("too_long_in_octets", b'{"command":"reload"' + (4096 - 19) * b" " + b"}", piece=0)
