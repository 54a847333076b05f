-- What was counted of a fence on a UTC day (days since 1970), msgpack; no person, no position.
-- Today's rows lie together, and a day that is over goes in one stretch.
CREATE TABLE fence_day (
  day INTEGER NOT NULL,
  fence_id TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (day, fence_id)
) STRICT, WITHOUT ROWID;
