"""What a qube tries, of every protocol, and how it goes, as Qube.connect() tells it of TCP.

    attempt(qube, "udp", "198.51.100.7", 8090)        download.serve_streams() echoes there
    attempt(qube, "icmp", "2001:db8:51::7", 128)      a message of this type
    attempt(qube, "ip", "198.51.100.7", 47)           a packet of GRE
    assert_passes(qube, ("tcp", "198.51.100.7", 25), ...)       somebody answers, if only "refused"
    assert_prohibited(qube, ("udp", "198.51.100.7", 53), ...)   the firewall says so

"open": the answer that was wished for. What nobody answers, such as most types of ICMP, is "silent"
where it is let through. (Of protocols that the kernel does not know it rejects nothing aloud: it
looks for a checksum in them.)
"""

import errno
import socket
import time

from lab.packets import checksum
from lab.qube import IPV6_RECVERR, OUTCOMES, Attempt

IP_RECVERR = 11
PATIENT = 10  # seconds for an answer that must come
ICMP_ANSWERS = {8: 0, 13: 14, 128: 129}
KINDS = {"udp": (socket.SOCK_DGRAM, 0), "icmp": (socket.SOCK_RAW, None), "ip": (socket.SOCK_RAW, 0)}
ERRORS = {**OUTCOMES, errno.ENOPROTOOPT: "refused", errno.EPROTO: "refused"}


def attempt(qube, kind, address, number, timeout=1.0):
    if kind == "tcp":
        return qube.connect(address, number, timeout=timeout)
    began = time.monotonic()
    try:
        outcome = _exchange(qube, kind, address, number, timeout)
    except TimeoutError:
        outcome = "silent"
    except OSError as error:
        outcome = ERRORS.get(error.errno) or errno.errorcode.get(error.errno, "?")
    return Attempt(outcome, time.monotonic() - began)


def _exchange(qube, kind, address, number, timeout):
    six = ":" in address
    sort, protocol = KINDS[kind]
    if kind == "icmp":
        protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    elif kind == "ip":
        protocol = number
    with qube.socket(socket.AF_INET6 if six else socket.AF_INET, sort, protocol) as sock:
        sock.settimeout(timeout)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sock.connect((address, number if kind == "udp" else 0))
        sock.send(_message(kind, number))
        while True:
            answer = sock.recv(2048)
            if kind != "icmp" or answer[0 if six else 20] == ICMP_ANSWERS.get(number):
                return "open"


def _message(kind, number):
    if kind != "icmp":
        return b"dnspin tries"  # an error quotes eight octets of it at least
    octets = bytes((number, 0, 0, 0)) + b"dnspin" + bytes(10)  # a timestamp message is so long
    return octets[:2] + checksum(octets).to_bytes(2, "big") + octets[4:]


def assert_passes(qube, *attempts):
    for what in attempts:
        outcome = attempt(qube, *what, timeout=PATIENT).outcome
        assert outcome in ("open", "refused"), f"{qube.name}, {what}: {outcome}"


def assert_prohibited(qube, *attempts):
    for what in attempts:
        outcome = attempt(qube, *what, timeout=PATIENT).outcome
        assert outcome == "prohibited", f"{qube.name}, {what}: {outcome}"
