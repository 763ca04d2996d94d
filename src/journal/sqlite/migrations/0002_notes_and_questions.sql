-- What the unattended service asks of a journal with many thousand rotations, without reading them all.
ALTER TABLE rotations ADD COLUMN begun     BIGINT NOT NULL DEFAULT 0;           -- the position of its first entry
ALTER TABLE rotations ADD COLUMN procedure TEXT   NOT NULL DEFAULT 'connector'; -- as its plan has it
ALTER TABLE rotations ADD COLUMN last_at   TEXT   NOT NULL DEFAULT '';          -- when its last entry was written
UPDATE rotations SET
    begun = COALESCE((SELECT position FROM entries WHERE rotation = id AND seq = 0), 0),
    procedure = COALESCE((SELECT json_extract(event, '$.plan.inventory.procedure') FROM entries WHERE rotation = id AND seq = 0), 'connector'),
    last_at = COALESCE((SELECT at FROM entries WHERE rotation = id ORDER BY seq DESC LIMIT 1), '');
CREATE INDEX rotations_account ON rotations (account, begun);
CREATE INDEX rotations_begun ON rotations (begun);
CREATE INDEX rotations_open ON rotations (begun) WHERE state <> 'closed';
CREATE INDEX rotations_procedure ON rotations (procedure, begun);
CREATE INDEX rotations_last_at ON rotations (last_at);
CREATE INDEX entries_notes ON entries (position) WHERE rotation = 'notes';
-- The stream of the notes: what happened and is no rotation's.
INSERT INTO rotations (id, account, epoch, state, procedure) VALUES ('notes', '', 1, 'closed', 'notes');
