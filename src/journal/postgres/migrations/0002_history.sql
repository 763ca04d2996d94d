-- What a page of the history asks: what became of rotations, who began them and when, without reading them out.
ALTER TABLE rotations ADD COLUMN became    TEXT   NOT NULL DEFAULT '';  -- running, held, finished, rolled-back or repaired
ALTER TABLE rotations ADD COLUMN initiator TEXT   NOT NULL DEFAULT '';  -- as its first entry has it
ALTER TABLE rotations ADD COLUMN began_s   BIGINT NOT NULL DEFAULT 0;   -- the time of its first entry, seconds since 1970
UPDATE rotations SET
    became = CASE WHEN state <> 'closed' THEN state ELSE COALESCE(
        (SELECT CASE event::jsonb ->> 'event' WHEN 'superseded' THEN 'repaired' ELSE event::jsonb ->> 'event' END
         FROM entries WHERE rotation = id AND (event LIKE '{"event":"finished"%' OR event LIKE '{"event":"rolled-back"%'
             OR event LIKE '{"event":"superseded"%') ORDER BY seq DESC LIMIT 1), '') END,
    initiator = COALESCE((SELECT event::jsonb ->> 'initiator' FROM entries WHERE rotation = id AND seq = 0), ''),
    began_s = COALESCE((SELECT FLOOR(EXTRACT(EPOCH FROM at::timestamptz))::bigint FROM entries WHERE rotation = id AND seq = 0), 0)
    WHERE begun > 0;
CREATE INDEX rotations_became ON rotations (became, begun);
CREATE INDEX rotations_initiator ON rotations (initiator, begun);
CREATE INDEX rotations_began_s ON rotations (began_s, begun);
