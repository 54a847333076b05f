-- What is on trial (at most one set of documents), and what it would have done. Nothing that sends
-- reads these tables.
CREATE TABLE trial (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL,
  mode TEXT NOT NULL,
  shorten_ms INTEGER,
  began_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE trial_message (
  message_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  state TEXT NOT NULL,
  due_ms INTEGER NOT NULL,
  ahead_ms INTEGER NOT NULL,
  channel TEXT NOT NULL,
  body BLOB NOT NULL,
  content BLOB,
  slot BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX trial_message_due ON trial_message (due_ms) WHERE state IN ('queued', 'deferred');
CREATE INDEX trial_message_person ON trial_message (person_id);
CREATE TABLE trial_record (
  cursor INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  person_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  campaign_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  channel TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX trial_record_person ON trial_record (person_id);
CREATE INDEX trial_record_sum ON trial_record (campaign_id, kind, outcome, reason, channel);
