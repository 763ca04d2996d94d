#!/usr/bin/env python3
"""A second verifier of an exported history, written from docs/history.md alone. Needs Python 3.10 and PyNaCl.

  verify_history.py EXPORT [--key FILE]... [--heads FILE]

Prints one JSON document: intact, first_bad_entry, cause, entries, signed_up_to. Ends with 0 = intact, 1 = not, 2 = a file can't be used.
"""

import argparse
import base64
import hashlib
import json
import re
import sys

try:
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey
except ModuleNotFoundError:
    # 1 would say that the history is not intact.
    print("verify_history.py needs PyNaCl: pip install pynacl", file=sys.stderr)
    sys.exit(2)

LINE_BYTES_MAX = 16 << 20
HEADER = b"entra-rotator-history\t1\n"
ENTRY = re.compile(rb"(0|[1-9]\d*)\t([^\t\n]+)\t(0|[1-9]\d*)\t(0|[1-9]\d*)\t([^\t\n]+)\t(0|[1-9]\d*)\t([0-9a-f]{64})\t([^\t\n]+)\n")
GAP = re.compile(rb"pruned\t([1-9]\d*)\t([1-9]\d*)\t([0-9a-f]{64})\n")
STATEMENT = re.compile(rb'\{"note":"(signing-key|head|pruned)",')
MEMBERS = {
    "signing-key": ["note", "position", "hash", "key", "replaces", "signature", "by_old"],
    "head": ["note", "position", "hash", "key", "signature"],
    "pruned": ["note", "position", "hash", "ranges", "before", "by", "reason", "key", "signature"],
}
HEAD = ["entra-rotator-head", "position", "hash", "at", "key", "signature"]


class Bad(Exception):
    pass


def check_signature(key, signature, lines):
    text = "".join(f"{line}\n" for line in lines).encode()
    try:
        if not (re.fullmatch("[0-9a-f]{64}", key) and re.fullmatch("[0-9a-f]{128}", signature)):
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
        self.signed, self.unvouched = None, None

    def bad(self, position, cause):
        self.found.append((position, cause))

    def line(self, line):
        """False = it does not fit, and the walk ends."""
        if gap := GAP.fullmatch(line):
            first, last, digest = int(gap[1]), int(gap[2]), gap[3].decode()
            if first != self.next or last < first:
                self.bad(self.next, "a gap that does not begin here")
                return False
            self.gaps.append((first, last, digest))
            self.next, self.before = last + 1, digest
        else:
            entry = ENTRY.fullmatch(line)
            if not entry or int(entry[1]) != self.next or line.decode(errors="ignore").encode() != line:
                self.bad(self.next, "this entry is not there" if entry else "no entry, or not a whole one")
                return False
            position, *fields, stored, event = entry.groups()
            text = b"\n".join([self.before.encode(), position, *fields, event, b""])
            if hashlib.sha256(text).hexdigest() != stored.decode():
                self.bad(self.next, "its hash differs from its content and the entry before")
                return False
            if fields[0] == b"notes" and STATEMENT.match(event):
                try:
                    self.statement(fields[3].decode(), event.decode())
                except (Bad, ValueError, TypeError, KeyError, AttributeError) as cause:
                    self.bad(self.next, f"forged: {cause}")
            self.next, self.before, self.entries = self.next + 1, stored.decode(), self.entries + 1
        if self.next - 1 in self.heads:
            self.heads[self.next - 1] = self.before
        return True

    def statement(self, at, event):
        said = json.loads(event)
        if list(said) != MEMBERS[said["note"]] or json.dumps(said, ensure_ascii=False, separators=(",", ":")) != event:
            raise Bad("another form")
        key, note = said["key"], said["note"]
        if (said["position"], said["hash"]) != (self.next - 1, self.before):
            raise Bad("it speaks of another entry than the one before it")
        lines = [f"entra-rotator {note} 1", said["position"], said["hash"], at, key]
        if note == "signing-key":
            lines.append(said["replaces"] or "-")
            if said["by_old"] is not None and said["replaces"] is not None:
                check_signature(said["replaces"], said["by_old"], lines)
        elif note == "pruned":
            if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in said["by"] + said["reason"]):
                raise Bad("a control character")
            ranges = [(each["from"], each["to"], each["hash"]) for each in said["ranges"]]
            lines += [said["before"], said["by"], said["reason"], *("\t".join(map(str, each)) for each in ranges)]
        check_signature(key, said["signature"], lines)
        if note == "signing-key":
            old = said["replaces"]
            by_old = said["by_old"] is not None and old is not None and self.counts(old)
            if old in self.keys:
                self.replaced.setdefault(old, self.next)
            self.first.setdefault(key, self.next)
            self.keys[key] = self.keys.get(key, False) or key in self.given or by_old or not self.given
        if note == "pruned":
            self.tombstones += [(self.next, each) for each in ranges]
        if self.counts(key):
            self.signed, self.unvouched = self.next, None
        elif self.unvouched is None:
            self.unvouched = self.next

    def counts(self, key):
        return self.keys.get(key) and key not in self.replaced

    def end(self, whole):
        """The walk is over. Returns the first bad entry and why, or None."""
        if self.unvouched is not None:
            self.bad(self.unvouched, "signed by a key that nobody vouches for, and nothing good comes after it")
        if whole:
            if self.signed is None and self.unvouched is None and self.given:
                self.bad(1, "unsigned")
            good = {each for position, each in self.tombstones if self.signed and position <= self.signed and position > each[1]}
            for gap in self.gaps:
                if gap not in good:
                    self.bad(gap[0], "missing, and no signed tombstone says so")
        self.keys |= {key: True for key, entry in self.first.items() if self.signed and entry < self.signed}
        useless = self.hold_heads(whole)
        return min(self.found, key=lambda found: found[0], default=None) or useless

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
                self.bad(position, "two heads were sent out of it")
            there = self.heads[position]
            if position >= self.next:
                if whole:
                    self.bad(self.next, f"cut off: a head of entry {position} was sent out")
            elif there == digest:
                agreeing = position
            elif there is not None and differing is None:
                differing = position
        if differing is not None:
            self.bad(differing, "forked" if agreeing > differing else "rolled back: a head of it with another hash was sent out")
        return useless


def read_key(path):
    text = open(path, encoding="ascii").read().strip()
    if text.startswith("-----"):  # SPKI: 12 bytes, then the key
        text = base64.b64decode("".join(text.splitlines()[1:-1]))[12:].hex()
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise SystemExit(f"{path} is no Ed25519 key")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--heads")
    options = parser.parse_args()
    heads = []
    if options.heads:
        with open(options.heads, encoding="utf-8") as file:
            heads = [json.loads(line) for line in file if line.strip()]
    if any(list(head) != HEAD or head["entra-rotator-head"] != 1 for head in heads):
        parser.error(f"{options.heads} holds something that is no head")
    history, whole = History({read_key(path) for path in options.key}, heads), True
    with open(options.export, "rb") as file:
        if file.readline(LINE_BYTES_MAX) != HEADER:
            parser.error(f"{options.export} is no export")
        # A longer line comes in pieces, of which the first is no entry.
        while line := file.readline(LINE_BYTES_MAX):
            whole = whole and history.line(line)
    found = history.end(whole)
    print(json.dumps({"intact": found is None, "first_bad_entry": found and found[0], "cause": found and found[1],
                      "entries": history.entries, "signed_up_to": history.signed and history.signed - 1}))
    sys.exit(0 if found is None else 1)


if __name__ == "__main__":
    main()
