#!/usr/bin/python3
"""Writes the seeds of corpus/policy_document: policies as dnspind writes them for its readers. Run
it after a change of the document and commit what it wrote."""

import copy
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "policy_document"
FOLDER.mkdir(parents=True, exist_ok=True)

POLICY = {
    "client": "work", "addresses": ["10.137.0.25", "fd09:24ef:4179::a89:19"], "generation": 3,
    "interface_indexes": [7],
    "rules": ["action=drop dsthost=ads.example.com",
              "action=accept dsthost=.example.com proto=tcp dstports=443-443",
              "action=accept dsthost=~cdn[0-9]+\\.example\\.net expire=1893456000",
              "action=accept dst4=192.0.2.0/24 proto=udp dstports=60000-61000",
              "addresses-file fastly proto=tcp dstports=443-443",
              "action=accept proto=icmp icmptype=8", "action=accept specialtarget=dns"],
    "closed_from": 4294967295, "prefetch": [1],
    "limits": {"questions_in_flight": 1024, "questions_per_second": 2000, "questions_burst": 4000,
               "connections": 32, "names_per_pattern": 6000},
    "terms": {"told_max_s": 300, "floor_s": 300, "slack_s": 30, "per_client": 4096,
              "per_name": 1024},
    "rebind_ok": [".lan.example.com"], "svcb": 0, "ech": 1, "intercept_any": False,
    "intercept": ["10.139.1.1", "10.139.1.2"], "reaches_upstreams": True,
    "upstreams": [{"endpoint": "192.0.2.53:53", "interface": "eth0"},
                  {"endpoint": "[2001:db8::53]:53", "interface": "lo"}],
    "own": ["192.0.2.7"],
    "grants": [{"rule_host": ".example.com", "target": "edge.example.net",
                "parent": "www.example.com", "depth": 1, "until_ns": 1000000000000}]}


def write(name, policy):
    text = policy if isinstance(policy, str) else json.dumps(policy, sort_keys=True,
                                                             separators=(",", ":"))
    (FOLDER / name).write_text(text)


def changed(**fields):
    policy = copy.deepcopy(POLICY)
    policy.update(fields)
    return policy


NOTHING = {key: [] for key, value in POLICY.items() if isinstance(value, list)}
write("whole", POLICY)
write("nothing", changed(**NOTHING))
write("spaced", json.dumps(POLICY, indent=1))
write("a_key_more", changed(more=1))
write("a_key_less", {key: value for key, value in POLICY.items() if key != "own"})
write("two_of_a_key", json.dumps(POLICY)[:-1] + ', "own": []}')
write("address_otherwise", changed(own=["2001:DB8:0::1"]))
write("upstream_otherwise", changed(upstreams=[{"endpoint": "192.0.2.53", "interface": ""}]))
write("rule_otherwise", changed(rules=["accept .example.com"]))
write("addresses_otherwise", changed(rules=["action=accept addresses-file=fastly"]))
write("addresses_of_all", changed(rules=["addresses-file ../../etc/shadow"]))
write("rule_with_comment", changed(rules=["action=accept comment=x"]))
write("rule_of_two_lines", changed(rules=["action=drop\naction=accept"]))
write("host_of_all", changed(rules=["action=accept dsthost=*"], rebind_ok=["*"]))
write("negative", changed(generation=-1))
write("too_large", changed(generation=1 << 32))
write("a_fraction", changed(generation=1.0))
write("index_0", changed(interface_indexes=[0]))
write("unknown_way", changed(svcb=3))
write("depth_3", changed(grants=[dict(POLICY["grants"][0], depth=3)]))
write("target_with_dot", changed(grants=[dict(POLICY["grants"][0], target="Edge.example.net.")]))
write("no_object", "[]")
write("deep", 2000 * "[")
