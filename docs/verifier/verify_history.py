#!/usr/bin/env python3
"""A second verifier of an exported history, written from docs/history.md alone. Needs Python 3.10 and PyNaCl.

  verify_history.py EXPORT [--key FILE]... [--heads FILE]

Prints one JSON document: intact, first_bad_entry, cause, entries, signed_up_to, heads_left_out.
Ends with 0 = intact, 1 = not, 2 = a file can't be used.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import datetime

try:
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey
except ModuleNotFoundError:
    # 1 would say that the history is not intact.
    print("verify_history.py needs PyNaCl: pip install pynacl", file=sys.stderr)
    sys.exit(2)

LINE_BYTES_MAX = 16 << 20
HEADER = b"entra-rotator-history\t1\n"
NUMBER_MAX = 2**53 - 1
NUMBER = rb"(0|[1-9]\d{0,15})"
TEXT = rb"([^\t\n]+)"
ENTRY = re.compile(rb"\t".join([NUMBER, TEXT, NUMBER, NUMBER, TEXT, NUMBER, rb"([0-9a-f]{64})", TEXT]) + rb"\n")
GAP = re.compile(rb"pruned\t" + NUMBER + rb"\t" + NUMBER + rb"\t([0-9a-f]{64})\n")
STATEMENT = re.compile(rb'\{"note":"(signing-key|head|pruned)",')
MEMBERS = {
    "signing-key": ["note", "position", "hash", "key", "replaces", "signature", "by_old"],
    "head": ["note", "position", "hash", "key", "signature"],
    "pruned": ["note", "position", "hash", "ranges", "before", "by", "reason", "key", "signature"],
}
HEAD = re.compile(rb'\{"entra-rotator-head":1,"position":([1-9]\d{0,15}),"hash":"([0-9a-f]{64})","at":"([-+0-9.:TZ]+)",'
                  rb'"key":"([0-9a-f]{64})","signature":"([0-9a-f]{128})"\}')
WHOLE = re.compile(rb"\{[^{}]*\}")
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{0,8}[1-9])?Z", re.ASCII)
SPKI = bytes.fromhex("302a300506032b6570032100")
CHAIN, OF_HEADS, OF_KEYS = range(3)  # which of two findings of one entry comes first


class Bad(Exception):
    pass


class Unusable(Exception):
    pass


def is_hex(text, digits):
    return type(text) is str and re.fullmatch(f"[0-9a-f]{{{digits}}}", text) is not None


def is_position(number, first=1):
    return type(number) is int and first <= number <= NUMBER_MAX


def is_time(text):
    """As the program writes it, in a year from 0001 to 9998."""
    if type(text) is not str or not (found := TIME.fullmatch(text)) or not "0001" <= text[:4] <= "9998":
        return False
    try:
        datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return False
    return not found[1].endswith(("60", "61"))


def check_signature(key, signature, lines):
    text = "".join(f"{line}\n" for line in lines).encode()
    try:
        if not (is_hex(key, 64) and is_hex(signature, 128)):
            raise ValueError
        VerifyKey(bytes.fromhex(key)).verify(text, bytes.fromhex(signature))
    except (BadSignatureError, ValueError, TypeError):
        raise Bad("the signature does not fit") from None


class History:
    """What was learned so far, going along the lines."""

    def __init__(self, given, heads):
        self.given, self.sent = given, heads
        self.heads = {head["position"]: None for head in heads}  # the hash that the entry has here
        self.next, self.before, self.entries = 1, "0" * 64, 0
        self.gaps, self.tombstones, self.found = [], [], []
        self.keys, self.first, self.replaced = {}, {}, {}  # by key: whether it counts, its first entry, the one that replaces it
        self.handovers = []  # entry, key, whether it counted there, the key that signed it too
        self.signed, self.unvouched = None, None

    def bad(self, position, cause, kind=CHAIN):
        self.found.append((position, kind, cause))

    def line(self, line):
        """False = it does not fit, and the walk ends."""
        if gap := GAP.fullmatch(line):
            first, last, digest = int(gap[1]), int(gap[2]), gap[3].decode()
            if first != self.next or not first <= last <= NUMBER_MAX:
                self.bad(self.next, "a gap that does not begin here")
                return False
            self.gaps.append((first, last, digest))
            self.next, self.before = last + 1, digest
        else:
            entry = ENTRY.fullmatch(line)
            is_entry = entry and all(int(entry[number]) <= NUMBER_MAX for number in (1, 3, 4, 6))
            if not is_entry or int(entry[1]) != self.next or line.decode(errors="ignore").encode() != line:
                self.bad(self.next, "this entry is not there" if is_entry else "no entry, or not a whole one")
                return False
            position, *fields, stored, event = entry.groups()
            text = b"\n".join([self.before.encode(), position, *fields, event, b""])
            if hashlib.sha256(text).hexdigest() != stored.decode():
                self.bad(self.next, "its hash differs from its content and the entry before")
                return False
            if fields[0] == b"notes" and STATEMENT.match(event):
                try:
                    self.statement(fields[3].decode(), event.decode())
                except (Bad, ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
                    self.bad(self.next, f"forged: {cause}", OF_KEYS)
            self.next, self.before, self.entries = self.next + 1, stored.decode(), self.entries + 1
        if self.next - 1 in self.heads:
            self.heads[self.next - 1] = self.before
        return True

    def statement(self, at, event):
        said = json.loads(event)
        if list(said) != MEMBERS[said["note"]] or json.dumps(said, ensure_ascii=False, separators=(",", ":")) != event:
            raise Bad("another form")
        key, note = said["key"], said["note"]
        if not is_position(said["position"], 0) or (said["position"], said["hash"]) != (self.next - 1, self.before):
            raise Bad("it speaks of another entry than the one before it")
        lines = [f"entra-rotator {note} 1", said["position"], said["hash"], at, key]
        if note == "signing-key":
            old, by_old = said["replaces"], said["by_old"]
            if not (old is None or is_hex(old, 64)) or (old is None and by_old is not None):
                raise Bad("which key it replaces")
            lines.append("-" if old is None else old)
            if by_old is not None:
                check_signature(old, by_old, lines)
        elif note == "pruned":
            for text in (said["by"], said["reason"]):
                if type(text) is not str or any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text):
                    raise Bad("no text, or a control character")
            if not is_time(said["before"]) or type(said["ranges"]) is not list:
                raise Bad("no time, or no ranges")
            ranges = []
            for each in said["ranges"]:
                if list(each) != ["from", "to", "hash"] or not (is_position(each["from"]) and is_position(each["to"], each["from"])
                                                               and is_hex(each["hash"], 64)):
                    raise Bad("no range")
                ranges.append((each["from"], each["to"], each["hash"]))
            lines += [said["before"], said["by"], said["reason"], *("\t".join(map(str, each)) for each in ranges)]
        check_signature(key, said["signature"], lines)
        if note == "signing-key":
            vouched = by_old is not None and self.counts(old)
            if old in self.keys and (vouched or key in self.given and key not in self.replaced):
                self.replaced.setdefault(old, self.next)
            self.first.setdefault(key, self.next)
            self.keys[key] = self.keys.get(key) or key in self.given or bool(vouched) or not self.given
            if by_old is not None:
                self.handovers.append((self.next, key, bool(self.counts(key)), old))
        if note == "pruned":
            self.tombstones += [(self.next, key, self.counts(key), each) for each in ranges]
        if self.counts(key):
            self.signed, self.unvouched = self.next, None
        elif self.unvouched is None:
            self.unvouched = self.next

    def counts(self, key):
        return self.keys.get(key) and key not in self.replaced

    def end(self, whole):
        """The walk is over. Returns the first bad entry and why, or None."""
        if self.unvouched is not None:
            self.bad(self.unvouched, "signed by a key that nobody vouches for, and nothing good comes after it", OF_KEYS)
        if whole:
            if self.signed is None and self.unvouched is None and self.given:
                self.bad(1, "unsigned", OF_KEYS)
            good = self.good_tombstones()
            for gap in self.gaps:
                if gap not in good:
                    self.bad(gap[0], "missing, and no tombstone by a key that counts says so", OF_KEYS)
        self.keys |= {key: True for key, entry in self.first.items() if self.signed and entry < self.signed}
        useless = self.hold_heads(whole)
        found = min(self.found, key=lambda found: found[:2], default=None)
        return (found[0], found[2]) if found else useless

    def good_tombstones(self):
        """Those by keys that counted there, or by ones that handed over later to a key that counts."""
        until = {}
        for position, key, counted, old in reversed(self.handovers):
            if counted or position < until.get(key, 0):
                until[old] = max(until.get(old, 0), position)
        good = set()
        for position, key, counted, each in self.tombstones:
            was_known = key in self.first and self.first[key] < position < self.replaced.get(key, NUMBER_MAX + 1)
            if position > each[1] and (counted or was_known and position < until.get(key, 0)):
                good.add(each)
        return good

    def hold_heads(self, whole):
        useless, seen, differing, agreeing = None, {}, None, 0
        for head in sorted(self.sent, key=lambda head: (head["position"], head["hash"])):
            position, digest, key = head["position"], head["hash"], head["key"]
            try:
                check_signature(key, head["signature"], ["entra-rotator head 1", position, digest, head["at"], key])
                if not (key in self.given or self.keys.get(key) or not self.given and not self.keys):
                    raise Bad("nobody vouches for its key")
            except Bad as cause:
                useless = useless or (position, f"a head that was sent out is none: {cause}")
                continue
            if seen.setdefault(position, digest) != digest:
                self.bad(position, "two heads were sent out of it", OF_HEADS)
            there = self.heads[position]
            if position >= self.next:
                if whole:
                    self.bad(self.next, f"cut off: a head of entry {position} was sent out", OF_HEADS)
            elif there is None:
                self.bad(position, "missing, and a head of it was sent out: such an entry ends its gap", OF_HEADS)
            elif there == digest:
                agreeing = position
            elif differing is None:
                differing = position
        if differing is not None:
            self.bad(differing, "forked" if agreeing > differing else "rolled back: a head of it with another hash was sent out",
                     OF_HEADS)
        return useless


def read_key(path):
    with open(path, encoding="ascii") as file:
        text = file.read().strip()
    if text.startswith("-----"):  # SPKI: 12 bytes, then the key
        text = base64.b64decode("".join(text.splitlines()[1:-1])).removeprefix(SPKI).hex()
    if not is_hex(text.lower(), 64):
        raise Unusable(f"{path} is no Ed25519 key")
    return text.lower()


def read_heads(path):
    """The heads, and how many lines are not whole."""
    heads, left_out = [], 0
    with open(path, "rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            line = line.strip(b" \t\n\f\r")
            if not line:
                continue
            if not WHOLE.fullmatch(line):
                left_out += 1
                continue
            head = HEAD.fullmatch(line)
            if not head or int(head[1]) > NUMBER_MAX:
                raise Unusable(f"{path} holds something that is no head")
            digest, at, key, signature = (field.decode() for field in head.groups()[1:])
            heads.append({"position": int(head[1]), "hash": digest, "at": at, "key": key, "signature": signature})
    return heads, left_out


def verify(options):
    heads, left_out = read_heads(options.heads) if options.heads else ([], 0)
    history, whole = History({read_key(path) for path in options.key}, heads), True
    with open(options.export, "rb") as file:
        if file.readline(LINE_BYTES_MAX) != HEADER:
            raise Unusable(f"{options.export} is no export")
        # A longer line comes in pieces, of which the first is no entry.
        while line := file.readline(LINE_BYTES_MAX):
            whole = whole and history.line(line)
    found = history.end(whole)
    if left_out:
        print(f"{left_out} lines among the heads are not whole and were left out", file=sys.stderr)
    print(json.dumps({"intact": found is None, "first_bad_entry": found and found[0], "cause": found and found[1],
                      "entries": history.entries, "signed_up_to": history.signed and history.signed - 1,
                      "heads_left_out": left_out}))
    return 0 if found is None else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--heads")
    options = parser.parse_args()
    try:
        code = verify(options)
    except Exception as cause:  # 1 would say that the history is not intact
        print(f"nothing was verified: {type(cause).__name__}: {cause}", file=sys.stderr)
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
