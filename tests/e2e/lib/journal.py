"""A journal rewritten from outside: a second hand at its hash chain, and pasts that no test has the time to live."""

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone

NOTES = "notes"
FORMAT = 1
TIME = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z"')


def stamp(at):
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parsed(text):
    return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)


class Entry:
    def __init__(self, rotation, at, event, account=""):
        self.rotation, self.at, self.event, self.account = rotation, at, event, account


def read(file):
    """The entries of the rotations, in order."""
    with closing(sqlite3.connect(file)) as database:
        accounts = dict(database.execute("SELECT id, account FROM rotations"))
        rows = database.execute("SELECT rotation, at, event FROM entries ORDER BY position").fetchall()
    return [Entry(rotation, at, event, accounts[rotation]) for rotation, at, event in rows]


def moved(entries, rotation, account, to, **words):
    """The same rotation of another account at another time, begun with other words."""
    shift = to - parsed(entries[0].at)

    def later(found):
        return f'"{stamp(parsed(found.group(1)) + shift)}"'

    copies = []
    for entry in entries:
        event = json.loads(TIME.sub(later, entry.event))
        if event["event"] == "begun":
            event |= words
            event["plan"]["inventory"]["account"] = account
            event["plan"]["inventory"]["dn"] = f"CN={account},OU=Entra Connect,DC=contoso,DC=test"
        for part in find(event, "password_last_set"):
            for name in ("password_last_set", "dc_time"):
                part[name] += int(shift.total_seconds()) * 10_000_000
        copies.append(Entry(rotation, later(TIME.match(f'"{entry.at}"')).strip('"'), dumped(event), account))
    return copies


def find(value, name):
    """Every object with a member of that name."""
    if isinstance(value, dict):
        if name in value:
            yield value
        for part in value.values():
            yield from find(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from find(part, name)


def note(at, **note):
    return Entry(NOTES, stamp(at), dumped(note))


def dumped(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(file, entries):
    """Replaces the whole journal by these entries, in the order of their times. Returns the last hash."""
    states = {"held": "held", "finished": "closed", "rolled-back": "closed", "superseded": "closed"}
    became = {"held": "held", "finished": "finished", "rolled-back": "rolled-back", "superseded": "repaired"}
    last, numbers = "0" * 64, {}
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DELETE FROM entries")
        database.execute("DELETE FROM rotations WHERE id <> ?", (NOTES,))
        for position, entry in enumerate(sorted(entries, key=lambda entry: entry.at), 1):
            seq = numbers[entry.rotation] = numbers.get(entry.rotation, -1) + 1
            text = f"{last}\n{position}\n{entry.rotation}\n{seq}\n1\n{entry.at}\n{FORMAT}\n{entry.event}\n"
            last = hashlib.sha256(text.encode()).hexdigest()
            if entry.rotation != NOTES:
                event = json.loads(entry.event)
                if seq == 0:
                    procedure = event["plan"]["inventory"]["procedure"]
                    database.execute(
                        "INSERT INTO rotations (id, account, epoch, state, procedure, begun, last_at, initiator, began_s)"
                        " VALUES (?, ?, 1, 'closed', ?, ?, ?, ?, ?)",
                        (entry.rotation, entry.account, procedure, position, entry.at, event["initiator"],
                         int(parsed(entry.at).timestamp())))
                if event["event"] in became:
                    database.execute("UPDATE rotations SET became = ? WHERE id = ?",
                                     (became[event["event"]], entry.rotation))
                database.execute("UPDATE rotations SET last_at = ?, state = ? WHERE id = ?",
                                 (entry.at, states.get(event["event"], "closed"), entry.rotation))
            database.execute(
                "INSERT INTO entries (position, rotation, seq, epoch, at, format, event, hash)"
                " VALUES (?, ?, ?, 1, ?, ?, ?, ?)",
                (position, entry.rotation, seq, entry.at, FORMAT, entry.event, last))
    return last


def ago(now, days, **more):
    return now - timedelta(days=days, **more)
