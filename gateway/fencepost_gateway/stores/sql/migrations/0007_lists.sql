-- Who put an address on the suppression list; and the list of those a workspace may send to when it
-- sends to nobody else. Keyed hashes of addresses, never an address.
ALTER TABLE suppression ADD COLUMN source TEXT NOT NULL DEFAULT '';
CREATE TABLE allowed (
  channel TEXT NOT NULL,
  ref TEXT NOT NULL,
  reason TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY (channel, ref)
) STRICT, WITHOUT ROWID;
