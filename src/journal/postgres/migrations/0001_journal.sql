-- The journal: what happened to each rotation, one hash chain over all of it, and who may write to it.
-- Times of entries are the writer's and part of the chain; those of sessions are this database's.
CREATE TABLE rotations (
    id        TEXT   NOT NULL PRIMARY KEY,
    account   TEXT   NOT NULL,
    epoch     BIGINT NOT NULL,
    state     TEXT   NOT NULL CHECK (state IN ('running', 'held', 'closed')),
    begun     BIGINT NOT NULL,                          -- the position of its first entry
    procedure TEXT   NOT NULL,                          -- as its plan has it
    last_at   TEXT   COLLATE "C" NOT NULL DEFAULT ''    -- when its last entry was written
);
-- One rotation in flight for an account.
CREATE UNIQUE INDEX rotations_running ON rotations (account) WHERE state = 'running';
CREATE INDEX rotations_account ON rotations (account, begun);
CREATE INDEX rotations_begun ON rotations (begun);
CREATE INDEX rotations_open ON rotations (begun) WHERE state <> 'closed';
CREATE INDEX rotations_procedure ON rotations (procedure, begun);
CREATE INDEX rotations_last_at ON rotations (last_at);

CREATE TABLE entries (
    position BIGINT NOT NULL PRIMARY KEY,
    rotation TEXT   NOT NULL REFERENCES rotations (id),
    seq      BIGINT NOT NULL,
    epoch    BIGINT NOT NULL,
    at       TEXT   NOT NULL,
    format   BIGINT NOT NULL,
    event    TEXT   NOT NULL,
    hash     TEXT   NOT NULL,
    UNIQUE (rotation, seq)
);
CREATE INDEX entries_notes ON entries (position) WHERE rotation = 'notes';
-- The stream of the notes: what happened and is no rotation's.
INSERT INTO rotations (id, account, epoch, state, begun, procedure) VALUES ('notes', '', 1, 'closed', 0, 'notes');

-- The end of the chain. Whoever writes locks this row first: one writer at a time, and nobody finds a place twice.
CREATE TABLE head (
    one      BOOLEAN NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (one),
    position BIGINT  NOT NULL,
    hash     TEXT    NOT NULL
);
INSERT INTO head (position, hash) VALUES (0, repeat('0', 64));

-- A process that holds leases. It is dead once its time is over, by this database's clock, and never lives again.
CREATE TABLE sessions (
    id     BIGINT      NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    holder TEXT        NOT NULL,
    until  TIMESTAMPTZ NOT NULL
);
-- The lease on an account, a server or the service. It lasts as long as its session.
CREATE TABLE leases (
    name    TEXT   NOT NULL PRIMARY KEY,
    session BIGINT NOT NULL
);
