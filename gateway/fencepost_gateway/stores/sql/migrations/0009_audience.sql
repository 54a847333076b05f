-- When to ask again what holds of a person, though nothing happens to them.
CREATE TABLE person_timer (
  person_id TEXT PRIMARY KEY,
  due_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_timer_due ON person_timer (due_ms);
-- Who joined an audience and left it on a UTC day (days since 1970), and who was counted in or out
-- because its definition changed; the goals that members reached, and their worth in
-- ten-thousandths. Kept for good: the sum of all days is its size.
CREATE TABLE audience_day (
  audience_id TEXT NOT NULL,
  day INTEGER NOT NULL,
  joined INTEGER NOT NULL,
  left INTEGER NOT NULL,
  filled INTEGER NOT NULL,
  cleared INTEGER NOT NULL,
  reached INTEGER NOT NULL,
  worth INTEGER NOT NULL,
  PRIMARY KEY (audience_id, day)
) STRICT, WITHOUT ROWID;
-- How far everybody has been judged by the newest definitions; one row.
CREATE TABLE sweep (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  key TEXT NOT NULL,
  after TEXT NOT NULL,
  seen INTEGER NOT NULL,
  total INTEGER NOT NULL,
  done INTEGER NOT NULL
) STRICT;
-- The newest ranking of each trait that is ranked: bounds between fifths, no person's history.
CREATE TABLE ranking (trait_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
-- Ids alone, which is how persons are counted and gone through: rows are kilobytes.
CREATE INDEX person_ids ON person (person_id);
