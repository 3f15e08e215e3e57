#!/usr/bin/python3
"""Writes the seeds of corpus/import and corpus/record: what the tool reads of other programs and of
dnspind. Run it after a change of these formats and commit what it wrote."""

import json
import pathlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"

IMPORTS = {
    "tinyproxy": "work.10.137.0.25\n^(.*\\.)?example\\.com$\n^www\\.example\\.org$\n"
                 "example\\.net$ # all\n^\\(a\\|b\\)\\.example\\.com$\n^(www\\.)?a\\.test$\n"
                 "(^|\\.)co\\.uk$\n.*\n[0-9\n",
    "dynamic_firewall": "# clients\nwork github pypi\nmedia youtube lab\n../x google\n",
    "hosts": "127.0.0.1 localhost\n0.0.0.0 ads.example b.example # more\n::1 c.example\n"
             "192.0.2.7 www.test\n0.0.0.0 dst4=0.0.0.0/0\n0.0.0.0 github.io\n",
    "many_hosts": "".join(f"0.0.0.0 a{i}.test\n" for i in range(260)) + "0.0.0.0 github.io\n",
    "qvm_firewall": "action=accept dsthost=a.test proto=tcp dstports=443-443 comment=a b\n"
                    "action=accept specialtarget=dns\naction=accept dst6=fd00::/8 expire=+3\n"
                    "action=drop dsthost=a..b\naction=accept\n",
    "qvm_firewall_table":
        "NO  ACTION  HOST  PROTOCOL  PORT(S)  SPECIAL TARGET  ICMP TYPE  EXPIRE  COMMENT\n"
        "0   accept  a.test  tcp  80-90  -  -  -  a comment\n1  drop - - - - - +3s -\n",
    "dnsmasq": "nftset=/example.com/a.test/4#inet#fw4#set\nipset=/b.test/one,two\n"
               "address=/ads.test/\naddress=/x.test/0.0.0.0\nserver=9.9.9.9\nnftset=/#/s\n",
    "octets": "\x00\x1b[31m\xff /=#|()[]\\ \r\n" * 3,
}

RECORD = {
    "client": "work",
    "rules": [{"text": "action=accept dsthost=.x.com proto=tcp dstports=443-443",
               "origin": "clients.d/work:2"},
              {"text": "action=drop dsthost=ads.com", "origin": "clients.d/work:3"}],
    "names": [{"name": "a.x.com", "type": "A", "standing": "pinned", "rule": ".x.com", "count": 3,
               "addresses": ["192.0.2.7", "2001:db8::7"], "ports": ["tcp/443", "udp/443"],
               "chain": []},
              *({"name": f"{label}.y.co.uk", "type": "A", "standing": "prohibited", "rule": None,
                 "count": 1, "addresses": [], "ports": []} for label in "abc"),
              *({"name": f"{label}.github.io", "standing": "answered", "count": 1,
                 "addresses": ["192.0.2.8"]} for label in "abc"),
              {"name": "ads.com", "standing": "blocked"}, {"name": "co.uk"}, {"name": "x.local"}],
    "blocked": [{"client": "work", "name": "a.x.com", "address": "192.0.2.7", "protocol": "tcp",
                 "port": 22, "count": 4},
                {"name": "", "address": "2001:db8::1", "protocol": "icmpv6", "port": None},
                {"name": None, "address": "224.0.0.1", "protocol": "47"},
                {"name": "z.com", "address": None}]}
RECORDS = {"whole": RECORD, "nothing": {}, "a_list": [1], "a_number": 7,
           "other_kinds": {"names": {"a": 1}, "rules": [7, None], "blocked": [[], {"port": {}}]}}

for folder, seeds in (("import", IMPORTS), ("record", RECORDS)):
    (CORPUS / folder).mkdir(parents=True, exist_ok=True)
    for seed, content in seeds.items():
        octets = (content.encode("latin-1") if folder == "import" else json.dumps(content).encode())
        (CORPUS / folder / seed).write_bytes(octets)
