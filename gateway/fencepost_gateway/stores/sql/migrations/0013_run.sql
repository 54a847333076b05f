-- Where the runs of journeys stand, for reports; the run itself is in its person's row.
CREATE TABLE run (
  run_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  campaign_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  step_id TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  due_ms INTEGER,
  entered_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  outcome TEXT NOT NULL,
  is_test INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX run_standing ON run (campaign_id, version, step_id, since_ms) WHERE ended_ms IS NULL;
CREATE INDEX run_person ON run (person_id);
