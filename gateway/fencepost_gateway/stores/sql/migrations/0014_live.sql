-- What operators have decided of a campaign or journey, beside its text; and everything they did.
CREATE TABLE control (campaign_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE act (
  number INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  by TEXT NOT NULL,
  action TEXT NOT NULL,
  campaign_id TEXT NOT NULL,
  detail TEXT NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE INDEX act_campaign ON act (campaign_id, number);
-- A message of a paused campaign stays due, and is looked at by nobody.
ALTER TABLE message ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
DROP INDEX message_due;
CREATE INDEX message_due ON message (due_ms)
  WHERE state IN ('queued', 'deferred') AND held_by = '';
CREATE INDEX message_held ON message (held_by, due_ms) WHERE held_by <> '';
-- A run of a paused journey stands before its step.
ALTER TABLE run ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN stage TEXT NOT NULL DEFAULT '';
DROP INDEX run_standing;
-- Who stands where is counted over this index alone, so ended_ms has to be in it.
CREATE INDEX run_standing
  ON run (campaign_id, version, step_id, stage, since_ms, due_ms, is_held, is_test, ended_ms)
  WHERE ended_ms IS NULL;
CREATE INDEX run_held ON run (campaign_id, since_ms) WHERE is_held = 1;
CREATE INDEX run_entered ON run (campaign_id, entered_ms) WHERE ended_ms IS NULL;
CREATE INDEX run_ended ON run (ended_ms) WHERE ended_ms IS NOT NULL;
-- What was counted of runs and messages on a UTC day (days since 1970), by step or by stage.
CREATE TABLE journey_day (
  campaign_id TEXT NOT NULL,
  day INTEGER NOT NULL,
  version INTEGER NOT NULL,
  step_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  what TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (campaign_id, day, version, step_id, stage, what)
) STRICT, WITHOUT ROWID;
CREATE INDEX journey_day_day ON journey_day (day);
