"""DNS messages octet by octet, so that a scripted server can send wrong ones on purpose.

    Reply(answer=[address("a.test", "198.51.100.1", ttl=5)]).octets(query)
"""

import dataclasses
import ipaddress
import struct
from typing import Callable, Optional

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
         "DNAME": 39, "OPT": 41, "RRSIG": 46, "SVCB": 64, "HTTPS": 65, "ANY": 255}
NOERROR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 2, 3, 4, 5
IN, CHAOS = 1, 3
OPT_RECORD = b"\0" + struct.pack("!HHIH", TYPES["OPT"], 1232, 0, 0)


def type_name(number):
    return next((name for name, value in TYPES.items() if value == number), f"TYPE{number}")


def name_octets(name):
    """From text, or from a list of labels where one must hold a dot; octets go as they are."""
    if isinstance(name, bytes):
        return name
    labels = name.rstrip(".").split(".") if isinstance(name, str) else name
    octets = [label.encode("latin-1") for label in labels if label]
    return b"".join(bytes([len(label)]) + label for label in octets) + b"\0"


@dataclasses.dataclass(frozen=True)
class Record:
    owner: object  # text, list of labels, or octets such as POINTER_TO_QUESTION
    kind: str
    data: bytes
    ttl: int = 60
    cls: int = IN
    rdlength: Optional[int] = None  # a lie about len(data)

    def octets(self):
        length = len(self.data) if self.rdlength is None else self.rdlength
        return (name_octets(self.owner) + struct.pack("!HHIH", TYPES[self.kind], self.cls, self.ttl,
                                                      length) + self.data)


POINTER_TO_QUESTION = b"\xc0\x0c"


def address(owner, text, ttl=60, **options):
    """An A or AAAA record, whichever the address is."""
    value = ipaddress.ip_address(text)
    return Record(owner, "A" if value.version == 4 else "AAAA", value.packed, ttl, **options)


def cname(owner, target, ttl=60, **options):
    return Record(owner, "CNAME", name_octets(target), ttl, **options)


def soa(zone, ttl=60):
    return Record(zone, "SOA", name_octets("ns." + zone) + name_octets("root." + zone) +
                  struct.pack("!IIIII", 1, 3600, 600, 86400, ttl), ttl)


@dataclasses.dataclass(frozen=True)
class Query:
    octets: bytes
    id: int
    flags: int
    name: str        # lower case, without final dot
    kind: str
    cls: int
    question: bytes  # as it came, 0x20 and all
    edns_size: int   # 512 where there is no OPT
    edns: bool
    transport: str   # "udp" or "tcp"
    source: tuple    # address and port


def read_query(octets, transport, source):
    """The first question, or None for what is not a query."""
    if len(octets) < 17 or octets[2] & 0x80:
        return None
    number, flags = struct.unpack_from("!HH", octets)
    additional = struct.unpack_from("!H", octets, 10)[0]
    labels, at = [], 12
    while octets[at] != 0:
        labels.append(octets[at + 1:at + 1 + octets[at]])
        at += 1 + octets[at]
        if at >= len(octets) - 4:
            return None
    kind, cls = struct.unpack_from("!HH", octets, at + 1)
    rest = octets[at + 5:]
    edns = additional > 0 and rest[:3] == b"\0\0\x29"
    size = struct.unpack_from("!H", rest, 3)[0] if edns else 512
    return Query(octets, number, flags, b".".join(labels).decode("latin-1").lower(),
                 type_name(kind), cls, octets[12:at + 5], max(size, 512), edns, transport, source)


@dataclasses.dataclass(frozen=True)
class Reply:
    """An answer and how it goes out. What is not said is what a good server would do."""
    answer: tuple = ()
    authority: tuple = ()
    additional: tuple = ()
    rcode: int = NOERROR
    delay: float = 0.0        # seconds
    truncate: bool = False    # over UDP: TC; the records stay in where keep_records
    keep_records: bool = False
    id_offset: int = 0        # not 0: a wrong ID
    question: Optional[bytes] = None       # instead of the one asked
    lower_case: bool = False               # a server that does not keep 0x20
    flags: int = 0x8180                    # QR RD RA; the rcode is added
    counts: Optional[tuple] = None         # the four counts of the header, as a lie
    tail: bytes = b""                      # after the last record
    mangle: Optional[Callable[[bytes], bytes]] = None  # the last word on the octets
    leave_from: str = ""                   # "port" or "address": a wrong sender
    piece: int = 0                         # over TCP: so many octets at a time

    def octets(self, query):
        flags, sections = self.flags | self.rcode, [self.answer, self.authority, self.additional]
        if self.truncate and query.transport == "udp":
            flags |= 0x0200
            sections = sections if self.keep_records else [(), (), ()]
        message = self._encode(query, flags, sections)
        if query.transport == "udp" and len(message) > query.edns_size and not self.mangle:
            message = self._encode(query, flags | 0x0200, [(), (), ()])
        return self.mangle(message) if self.mangle else message

    def _encode(self, query, flags, sections):
        question = query.question if self.question is None else self.question
        if self.lower_case:
            question = question.lower()
        opt = [OPT_RECORD] if query.edns else []
        counts = self.counts or (1, len(sections[0]), len(sections[1]), len(sections[2]) + len(opt))
        header = struct.pack("!HHHHHH", (query.id + self.id_offset) & 0xFFFF, flags, *counts)
        records = [record.octets() for section in sections for record in section]
        return header + question + b"".join(records + opt) + self.tail


def addresses(query, texts, ttl=60):
    """The reply that gives these addresses of the family asked for."""
    told = [address(POINTER_TO_QUESTION, text, ttl) for text in texts]
    return Reply(answer=tuple(record for record in told if record.kind == query.kind))


def chain(query, links, texts, ttl=60):
    """The asked name, then each link by CNAME, then the addresses of the last one."""
    owners = [query.name, *links]
    aliases = tuple(cname(owner, target, ttl) for owner, target in zip(owners, links))
    last = addresses(query, texts, ttl).answer
    return Reply(answer=aliases + tuple(dataclasses.replace(record, owner=owners[-1])
                                        for record in last))
