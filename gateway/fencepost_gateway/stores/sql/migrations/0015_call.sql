-- What runs of journeys ask of other systems, or tell them, until it is answered; and webhooks that
-- were given up (`dead`), until somebody has them tried again. A lease is a `due_ms` ahead.
CREATE TABLE call (
  call_id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('look_up', 'webhook')),
  state TEXT NOT NULL CHECK (state IN ('open', 'leased', 'dead')),
  due_ms INTEGER NOT NULL,
  begun_ms INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  failure TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX call_due ON call (source_id, due_ms) WHERE state <> 'dead';
CREATE INDEX call_dead ON call (call_id) WHERE state = 'dead';
CREATE INDEX call_run ON call (run_id);
CREATE INDEX call_person ON call (person_id);
