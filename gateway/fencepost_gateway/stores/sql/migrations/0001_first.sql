-- The log: what happened, in one order. A row is one record (intake/records.py), msgpack.
CREATE TABLE log (
  position INTEGER PRIMARY KEY,
  appended_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- Small facts of the store: the pipeline's position, the revision, the emergency stop.
CREATE TABLE fact (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Written at the door: devices, their streams, who became whom, statements of consent.
CREATE TABLE device (
  device_id TEXT PRIMARY KEY,
  secret_hash BLOB NOT NULL,
  person_id TEXT NOT NULL,
  first_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stream (
  device_id TEXT NOT NULL,
  stream TEXT NOT NULL,
  marks BLOB NOT NULL,
  last_ms INTEGER NOT NULL,
  PRIMARY KEY (device_id, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE alias (
  visitor_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  merged INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_person ON alias (person_id);
CREATE TABLE consent (
  person_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  channel TEXT NOT NULL,
  address TEXT NOT NULL,
  value TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  clock TEXT NOT NULL,
  PRIMARY KEY (person_id, purpose, channel, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE consent_proof (
  id INTEGER PRIMARY KEY,
  person_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  channel TEXT NOT NULL,
  address TEXT NOT NULL,
  old_value TEXT NOT NULL,
  new_value TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,
  proof BLOB NOT NULL
) STRICT;

-- Written by the pipeline, in one commit with its position.
CREATE TABLE person (person_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE track (device_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE timer (
  device_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  due_ms INTEGER NOT NULL,
  fired INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due_ms) WHERE fired = 0;
CREATE TABLE address (
  person_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  ref TEXT NOT NULL,
  raw BLOB NOT NULL,
  device_id TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  PRIMARY KEY (person_id, channel, ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE message (
  message_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  state TEXT NOT NULL,
  due_ms INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX message_due ON message (due_ms) WHERE state IN ('queued', 'deferred');
CREATE INDEX message_person ON message (person_id);
CREATE TABLE record (
  cursor INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  person_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX record_subject ON record (subject);
CREATE INDEX record_person ON record (person_id, cursor);

-- Written by the claim and its confirm.
CREATE TABLE delivery (
  delivery_id TEXT PRIMARY KEY,
  message_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  address_ref TEXT NOT NULL,
  state TEXT NOT NULL,
  lease_token INTEGER NOT NULL,
  lease_until_ms INTEGER NOT NULL,
  provider_id TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_lease ON delivery (lease_until_ms) WHERE state = 'sending';
CREATE INDEX delivery_message ON delivery (message_id);
CREATE TABLE slot (
  slot_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'confirmed', 'released', 'kept_unknown')),
  reserved_at_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_person ON slot (person_id);
CREATE TABLE inbox (
  cursor INTEGER PRIMARY KEY AUTOINCREMENT,
  person_id TEXT NOT NULL,
  delivery_id TEXT NOT NULL UNIQUE,
  message_id TEXT NOT NULL,
  priority INTEGER NOT NULL,
  show_until_ms INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;
CREATE INDEX inbox_person ON inbox (person_id, cursor);
CREATE TABLE suppression (
  channel TEXT NOT NULL,
  ref TEXT NOT NULL,
  reason TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  PRIMARY KEY (channel, ref)
) STRICT, WITHOUT ROWID;

-- Published documents, every version for good.
CREATE TABLE document (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  body BLOB NOT NULL,
  applied_ms INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, id, version)
) STRICT, WITHOUT ROWID;
