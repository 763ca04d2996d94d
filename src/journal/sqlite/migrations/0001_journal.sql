-- The journal: what happened to each rotation, and one hash chain over all of it.
-- TEXT and BIGINT only, so that the same statements serve another database later.
CREATE TABLE rotations (
    id       TEXT   NOT NULL PRIMARY KEY,
    account  TEXT   NOT NULL,
    epoch    BIGINT NOT NULL,
    state    TEXT   NOT NULL CHECK (state IN ('running', 'held', 'closed'))
);
-- One rotation in flight for an account.
CREATE UNIQUE INDEX rotations_running ON rotations (account) WHERE state = 'running';

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
