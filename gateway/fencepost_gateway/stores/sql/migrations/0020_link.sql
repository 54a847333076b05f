-- What links of live messages answered last; of links that nobody sends any more nothing is kept.
CREATE TABLE link (
  url TEXT PRIMARY KEY,
  status INTEGER NOT NULL,
  failure TEXT NOT NULL,
  asked_ms INTEGER NOT NULL,
  bad_since_ms INTEGER
) STRICT, WITHOUT ROWID;
