"""Exports of a history, taken apart; hands that tamper with it, also such as know how the chain is made; and both verifiers."""

import base64
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from checks import ROOT, TESTBED, program

HEADER = b"entra-rotator-history\t1\n"
STATEMENT = re.compile(r'\{"note":"(signing-key|head|pruned)",')
NOTES = "notes"
COLUMNS = ["position", "rotation", "seq", "epoch", "at", "format", "hash", "event"]
LIMIT_S = 200


class Row:
    """An entry. What was pruned is no row."""

    def __init__(self, *fields):
        for name, field in zip(COLUMNS, fields, strict=True):
            setattr(self, name, field)

    def copy(self, **changes):
        row = Row(*(getattr(self, name) for name in COLUMNS))
        for name, value in changes.items():
            setattr(row, name, value)
        return row

    def fields(self):
        return [getattr(self, name) for name in COLUMNS]

    def is_statement(self):
        return self.rotation == NOTES and STATEMENT.match(self.event) is not None

    def hash_after(self, before):
        text = [before, self.position, self.rotation, self.seq, self.epoch, self.at, self.format, self.event]
        return hashlib.sha256("".join(f"{part}\n" for part in text).encode()).hexdigest()


def rows_of(journal):
    with closing(sqlite3.connect(journal)) as database:
        return [Row(*row) for row in database.execute(f"SELECT {', '.join(COLUMNS)} FROM entries ORDER BY position")]


def duplicate(journal, copy):
    """All of it, also what stands in its log alone."""
    with closing(sqlite3.connect(journal)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def put(journal, rows):
    """Replaces the entries of a journal, past the program."""
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("DELETE FROM entries")
        database.executemany(f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",
                             [row.fields() for row in rows])


def rechained(rows, since):
    """Numbers and hashes computed anew from an index on, as somebody does who knows how."""
    before = rows[since - 1].hash if since else "0" * 64
    for index in range(since, len(rows)):
        rows[index] = rows[index].copy(position=index + 1)
        rows[index].hash = before = rows[index].hash_after(before)
    return rows


def signed_anew(rows, key):
    """All statements written anew and signed by somebody else's key (PyNaCl's), with a good chain."""
    before, public = "0" * 64, key.verify_key.encode().hex()

    def signature(*lines):
        return key.sign("".join(f"{line}\n" for line in lines).encode()).signature.hex()

    for index, row in enumerate(rows):
        if row.is_statement():
            said = json.loads(row.event)
            said |= {"position": index, "hash": before, "key": public}
            lines = [f"entra-rotator {said['note']} 1", index, before, row.at, public]
            if said["note"] == "signing-key":
                said |= {"replaces": None, "by_old": None}
                lines.append("-")
            said["signature"] = signature(*lines)
            row = row.copy(event=json.dumps(said, ensure_ascii=False, separators=(",", ":")))
        rows[index] = row.copy(position=index + 1)
        rows[index].hash = before = rows[index].hash_after(before)
    return rows


def statement(last, key, note, more, at="2026-11-22T08:00:00Z", old=None):
    """A statement by somebody who can write to the journal and has a key of his own (PyNaCl's), as the entry after `last`. `more` are
    the members of its own, as they come before the key or (`replaces`) after it; `old` signs it too."""
    public = key.verify_key.encode().hex()
    said = {"note": note, "position": last.position, "hash": last.hash}
    lines = [f"entra-rotator {note} 1", last.position, last.hash, at, public]
    if note == "pruned":
        said |= more
        lines += [more["before"], more["by"], more["reason"]]
        lines += ["\t".join(str(part) for part in each.values()) for each in more["ranges"]]
    said["key"] = public
    if note == "signing-key":
        said |= more
        lines.append(more["replaces"] or "-")
    text = "".join(f"{one}\n" for one in lines).encode()
    said["signature"] = key.sign(text).signature.hex()
    if note == "signing-key":
        said["by_old"] = old.sign(text).signature.hex() if old else None
    event = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    row = Row(last.position + 1, NOTES, last.position + 1_000_000, 1, at, 1, "", event)
    row.hash = row.hash_after(last.hash)
    return row


def tombstone(last, key, *ranges):
    """That these were pruned: each the first position, the last one and its hash."""
    ranges = [dict(zip(("from", "to", "hash"), each, strict=True)) for each in ranges]
    return statement(last, key, "pruned", {"ranges": ranges, "before": "2026-01-01T00:00:00Z", "by": "me", "reason": "old"})


def line(row):
    return "\t".join(map(str, row.fields())) + "\n"


def write_many(file, rows, count, key):
    """An export of so many entries: one rotation of the lab again and again, and after each a head, signed by PyNaCl's key."""
    rotation = next(row.rotation for row in rows if '"event":"finished"' in row.event)
    template = [row for row in rows if row.rotation == rotation]
    public, before, position, notes = key.verify_key.encode().hex(), "0" * 64, 0, 0
    with open(file, "w", encoding="utf-8", newline="\n") as export:
        export.write(HEADER.decode())

        def put(name, seq, at, event):
            nonlocal before, position
            position += 1
            row = Row(position, name, seq, 1, at, 1, "", event)
            row.hash = before = row.hash_after(before)
            export.write(line(row))

        def sign(note, more=()):
            nonlocal notes
            at = template[-1].at
            lines = [f"entra-rotator {note} 1", position, before, at, public, *more]
            signature = key.sign("".join(f"{one}\n" for one in lines).encode()).signature.hex()
            said = {"note": note, "position": position, "hash": before, "key": public}
            said |= {"replaces": None, "signature": signature, "by_old": None} if more else {"signature": signature}
            put(NOTES, notes, at, json.dumps(said, separators=(",", ":")))
            notes += 1

        sign("signing-key", more="-")
        number = 0
        while position + len(template) + 1 <= count:
            number += 1
            for row in template:
                put(f"many-{number}", row.seq, row.at, row.event)
            sign("head")
        while position < count:
            sign("head")


def environment():
    return {name: value for name, value in os.environ.items() if name != "ENTRA_ROTATOR_CONFIG"}


class Told:
    """What a verifier says."""

    def __init__(self, done):
        self.done, self.code, self.err = done, done.returncode, done.stderr
        try:
            self.document = json.loads(done.stdout)
        except json.JSONDecodeError:
            self.document = {}

    def __str__(self):
        return f"exit {self.code}\n{self.done.stdout}{self.err}"

    def named(self):
        """The first bad entry; None = intact, "nothing" = it could not say."""
        return self.document["first_bad_entry"] if self.document else "nothing"

    def word(self):
        return self.document.get("finding")


def asked(command, folder):
    return Told(subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=LIMIT_S, check=False,
                               cwd=folder, env=environment(), stdin=subprocess.DEVNULL))


def options(keys, heads):
    return [word for key in keys for word in ("--key", key)] + (["--heads", heads] if heads else [])


def by_program(export, keys=(), heads=None):
    """Offline: without a configuration, in a folder where there is none."""
    return asked([program(), "history", "verify", "--format", "json", "--export", export, *options(keys, heads)], "/")


def read_key(pem):
    """PyNaCl's key out of PKCS #8: its last 32 bytes."""
    from nacl.signing import SigningKey
    return SigningKey(base64.b64decode("".join(pem.read_text().splitlines()[1:-1]))[-32:])


def by_second(export, keys=(), heads=None):
    return asked([sys.executable, TESTBED / "second-verifier", export, *options(keys, heads)], "/")


def install_second():
    """Its library too, for hands that sign."""
    subprocess.run([sys.executable, TESTBED / "second-verifier", "install"], check=True, stdout=subprocess.DEVNULL,
                   timeout=300)
    named = os.environ.get("SECOND_VERIFIER_HOME")
    sys.path.insert(0, str(Path(named) if named else ROOT / "target/testbed/second-verifier"))
