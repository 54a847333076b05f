-- What many persons are told of, and how far that is. ``number`` is the position of its record in
-- the log, ``turn`` that of the last stretch: whoever waits longest is next.
CREATE TABLE broadcast (
  number INTEGER PRIMARY KEY,
  broadcast_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  body BLOB NOT NULL,
  appended_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  turn INTEGER NOT NULL,
  after TEXT NOT NULL DEFAULT '',
  seen INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0,
  reached INTEGER NOT NULL DEFAULT 0,
  done_ms INTEGER
) STRICT;
CREATE INDEX broadcast_open ON broadcast (state, turn) WHERE state <> 'done';
CREATE INDEX broadcast_name ON broadcast (name, number);
-- When schedules come due next; NULL: the schedule is not published now, or never comes again.
CREATE TABLE schedule (schedule_id TEXT PRIMARY KEY, due_ms INTEGER) STRICT, WITHOUT ROWID;
-- Calls that started a journey, so that the same call again starts nothing.
CREATE TABLE started (
  campaign_id TEXT NOT NULL,
  key TEXT NOT NULL,
  person_id TEXT NOT NULL,
  appended_ms INTEGER NOT NULL,
  PRIMARY KEY (campaign_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX started_appended ON started (appended_ms);
-- How many entered a campaign, in all or in a calendar window, and how many are in it.
CREATE TABLE campaign_tally (
  campaign_id TEXT NOT NULL,
  what TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (campaign_id, what)
) STRICT, WITHOUT ROWID;
-- Who is in a campaign by now counts as well; ``stores/sqlite_former.py`` reads a person's row.
INSERT INTO campaign_tally (campaign_id, what, count)
SELECT living.value, 'running', count(*)
FROM person, json_each(living_runs(person.body)) AS living GROUP BY living.value;
