"""One question to one DNS server, without a library: which hosts offer a service."""

import secrets
import socket
import struct

from .tools import Failed

SRV, INTERNET, LIMIT_S = 33, 1, 3


def name_at(message, at):
    """A name in a message, and where what follows it begins."""
    labels, end, jumps = [], None, 0
    while message[at]:
        if message[at] >= 0xC0:
            end, at, jumps = end or at + 2, struct.unpack_from("!H", message, at)[0] & 0x3FFF, jumps + 1
            if jumps > 20:
                raise Failed("a name in the DNS answer points to itself")
            continue
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels), end or at + 1


def services(server, name):
    """The SRV records of a name as (priority, weight, port, host), sorted; no such name = none."""
    number = secrets.randbits(16)
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(LIMIT_S)
        try:
            line.connect((server, 53))
            line.send(struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question + struct.pack("!2H", SRV, INTERNET))
            message = line.recv(4096)
        except OSError as error:
            raise Failed(f"the DNS server on {server} does not answer: {error}") from None
    answered, flags, _, count, _, _ = struct.unpack_from("!6H", message)
    if answered != number or flags & 15 not in (0, 3):
        raise Failed(f"the DNS server on {server} answers {flags & 15} to {name}")
    at, found = 12 + len(question) + 4, []
    for _ in range(count):
        _, at = name_at(message, at)
        kind, _, _, length = struct.unpack_from("!2HIH", message, at)
        if kind == SRV:
            found.append((*struct.unpack_from("!3H", message, at + 10), name_at(message, at + 16)[0]))
        at += 10 + length
    return sorted(found)
