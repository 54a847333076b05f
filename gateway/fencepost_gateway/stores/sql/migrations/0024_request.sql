-- What people ask for on the preference page: a copy of their data, or to be erased.
CREATE TABLE request (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  person_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  asked_ms INTEGER NOT NULL,
  due_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX request_of ON request (person_id);
