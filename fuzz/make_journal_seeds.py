#!/usr/bin/python3
"""Writes the seeds of corpus/journal_line: lines of the log of client work, honest and hostile. Run
it after a change of what dnspind logs and commit what it wrote."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "journal_line"
FOLDER.mkdir(parents=True, exist_ok=True)
AT = 1_795_400_000_000_000


def write(name, *lines, end="\n"):
    octets = [line if isinstance(line, bytes) else line.encode() for line in lines]
    (FOLDER / name).write_bytes(end.encode().join(octets) + end.encode())


def told(message, at=AT, client="work", **fields):
    entry = {"__REALTIME_TIMESTAMP": str(at), "PRIORITY": "6", "MESSAGE": message,
             "DNSPIN_CLIENT": client}
    return json.dumps(entry | {f"DNSPIN_{key}": value for key, value in fields.items()})


def pinned(name="snoop.test", address="198.51.100.7", life="300", rule="1", **others):
    return told(f"pinned work {name} {address} for {life}s (rule {rule})", EVENT="pinned",
                NAME=name, ADDRESS=address, TTL=life, RULE=rule, **others)


def refused(name, reason="no rule lists it"):
    return told(f"refused work {name}: {reason}", EVENT="refused", NAME=name, EDE="18")


write("plain", "<6>pinned work snoop.test 198.51.100.7 for 300s (rule 1)",
      "<5>refused work casino.test: no rule lists it",
      "<6>revoked work snoop.test 198.51.100.7: no rule lists it any more",
      "<3>blocked work: its rules do not parse: clients.d/work:1:1: error: '<b>'",
      "<5>37 log lines of work left out", "<4>work has no pin left for a.test: per_client",
      "<3>the kernel did not take the pins of a.test for work",
      "<3>the reader of work is ended: it asked for \\032",
      "<3>reader 17 of work ended: killed by signal 9",
      "<3>work is not served yet, its door does not open: no")
write("plain_with_times",
      "2026-11-22T14:03:05Z <6>pinned work a.test 2001:db8::1 for 330s (rule 2)",
      "2026-11-22T15:03:05.25+01:00 <5>refused work b.test: no rule lists it",
      "infinite-future <5>refused work b.test: x", "9999-12-31T23:59:59Z refused work c.test: x")
write("journal", pinned(), pinned(at=AT + 200_000_000), refused("casino.test"),
      told("revoked work snoop.test 198.51.100.7: no rule lists it any more", EVENT="revoked",
           NAME="snoop.test", ADDRESS="198.51.100.7", at=AT + 300_000_000),
      told("blocked work: its rules do not parse: x", EVENT="blocked"),
      told("37 log lines of work left out"), told("the reader of work is ended", EVENT="error"))
write("no_fields", json.dumps({"MESSAGE": "pinned work a.test 192.0.2.1 for 300s (rule 1)"}))
write("markup", refused("<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>"),
      pinned("</style></title><svg/onload=alert(1)>"), refused("&lt;b&gt;&#60;"),
      "<5>refused work <b>: </td></table><!--", "<3>blocked work: ]]><![CDATA[")
write("long_names", refused("'<\">&" * 60), pinned("&" * 20 + "\"" * 44 + "x"), refused("y" * 4000))
write("turned_around", refused("a\u202etset.elpmaxe"), refused("\u200b\u0085\x7f\x00\x1b[31m"),
      b"<5>refused work \xff\xfe\xe2\x80\xae: \xc3\x28")
write("numbers", pinned(life="-1"), pinned(life="99999999999999999999"), pinned(life="2592000"),
      pinned(rule="4294967296"), pinned(at=-1), pinned(at="9" * 40), pinned(at=0),
      told("99999999999 log lines of work left out"), pinned(address="198.51.100.7/24"),
      pinned(address="fe80::1%eth0"), pinned(life="0"))
write("no_text", '{"MESSAGE":null,"DNSPIN_CLIENT":"work","DNSPIN_EVENT":"error"}',
      '{"MESSAGE":[114,101],"DNSPIN_CLIENT":["work","mail"],"DNSPIN_EVENT":"error"}',
      '{"DNSPIN_CLIENT":"work","DNSPIN_EVENT":"refused","DNSPIN_NAME":{}}', "[]", "{}", "{", "{\"")
write("surrogate", '{"DNSPIN_CLIENT":"work","DNSPIN_EVENT":"refused","DNSPIN_NAME":"\\ud800"}')
write("others", told("refused mail a.test: x", client="mail", EVENT="refused", NAME="a.test"),
      "<6>pinned mail a.test 192.0.2.1 for 300s (rule 1)",
      "<6>pinned work x a.test 192.0.2.1 for 300s (rule 1)", "<5>refused work a b: c")
write("deep", "{\"a\":" + "[" * 3000)
write("empty", "")
