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


for command in ("status", "clients", "pins", "metrics", "reload", "events", "blocked"):
    write(command, {"command": command}, piece=len(command))
for command in ("record", "flush", "learn", "explain", "why"):
    write(command, {"command": command, "client": "work", "name": "www.example.com",
                    "address": "192.0.2.1", "seconds": 60})
write("events_after", {"command": "events", "client": "work", "after": 999_999_999_999})
write("after_negative", {"command": "events", "after": -1})
write("after_too_large", {"command": "events", "after": 2 ** 63})
write("why_no_address", {"command": "why", "client": "work", "address": "192.0.2"})
write("explain_no_name", {"command": "explain", "client": "work", "name": "a..b"})
write("learn_ports", {"command": "learn", "client": "work", "seconds": 3600,
                      "ports": ["tcp/443", "udp/5000-5010"]})
write("learn_bad_ports", {"command": "learn", "client": "work", "ports": ["tcp/0", 7, "icmp/1"]})
write("learn_too_long", {"command": "learn", "client": "work", "seconds": 3601})
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
