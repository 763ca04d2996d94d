"""A fixture whose journal is kept in PostgreSQL, with or without a standby that every commit waits for."""

import json
import time

from fixture import Fixture, load

postgres = load("postgres")
PORT, STANDBY_PORT = 5432, 5433
BUSY = 5


class PostgresWorld(Fixture):
    """The journal in a cluster of the fixture's own."""

    # How long whoever goes on waits for one that was killed.
    lease_s = 2
    standby = False

    def start_journal(self):
        # Below a folder that the server's own user may pass.
        self.cluster, self.second = self.folder / "pg", self.folder / "pg-standby"
        postgres.make(self.cluster, PORT)
        if self.standby:
            postgres.standby(self.second, STANDBY_PORT, self.cluster)

    def journal_section(self, value):
        hosts = [f"127.0.0.1:{PORT}"] + ([f"127.0.0.1:{STANDBY_PORT}"] if self.standby else [])
        return f"""[journal.postgres]
hosts = {json.dumps(hosts)}
database = "rotator"
user = "rotator"
password = {{ file = "{self.cluster}/password" }}
tls = false
lease_s = {self.lease_s}"""

    def fresh_journal(self):
        for word in ("DROP DATABASE rotator WITH (FORCE)", "CREATE DATABASE rotator OWNER rotator"):
            postgres.ask(self.cluster, word, "postgres")

    # As another replica, once the lease of one that is gone has run out.

    def resume(self):
        return self.once_free(super().resume)

    def rotate(self, *arguments, **options):
        return self.once_free(lambda: super(PostgresWorld, self).rotate(*arguments, **options))

    def once_free(self, order):
        deadline = time.monotonic() + 5 * self.lease_s
        while True:
            done = order()
            if done.code != BUSY or time.monotonic() > deadline:
                return done
            time.sleep(0.2)

    def fail_over(self):
        """The server that takes writes is gone, and its standby takes its place."""
        postgres.stop(self.cluster, "immediate")
        # Nobody waits for a standby any more.
        postgres.promote(self.second)
        self.cluster = self.second


class PostgresJournal:
    """Read past the program."""

    def __init__(self, world):
        self.world = world

    def rows(self, question):
        """As objects."""
        asked = f"SELECT coalesce(json_agg(found), '[]') FROM ({question}) found"
        return json.loads(postgres.ask(self.world.cluster, asked))

    def events(self):
        """(rotation, account, event) of every entry of a rotation."""
        found = self.rows("SELECT rotation, account, event FROM entries JOIN rotations ON id = rotation "
                          "WHERE rotation <> 'notes' ORDER BY position")
        return [(row["rotation"], row["account"], json.loads(row["event"])) for row in found]

    def finished(self):
        found, = self.rows("SELECT count(*) AS count FROM entries WHERE event = '{\"event\":\"finished\"}'")
        return found["count"]

    def accounts(self, condition):
        return [row["account"] for row in self.rows(f"SELECT account FROM rotations WHERE {condition}")]

    def open(self):
        return self.accounts("state <> 'closed'")

    def held(self):
        return self.accounts("state = 'held'")

    def notes(self, kind=None):
        found = self.rows("SELECT event FROM entries WHERE rotation = 'notes' ORDER BY position")
        notes = [json.loads(row["event"]) for row in found]
        return [note for note in notes if kind in (None, note.get("note"))]

    def leader(self):
        """The process that works, by the database's word; None = none does."""
        found = self.rows("SELECT holder FROM leases JOIN sessions ON id = session "
                          "WHERE name = 'the unattended service' AND until > clock_timestamp()")
        return int(found[0]["holder"].rsplit(" ", 1)[1]) if found else None
