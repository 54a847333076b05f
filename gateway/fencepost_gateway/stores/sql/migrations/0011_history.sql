-- What happened to people, for months: what one record of the log told of one person, packed
-- (``intake.history``). No coordinate and no address is in it. Rows come in the log's order, so the
-- oldest are the first: they are read by person, or all in order, and pruned from the front.
CREATE TABLE history (
  cursor INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  person_id TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX history_person ON history (person_id, cursor);
