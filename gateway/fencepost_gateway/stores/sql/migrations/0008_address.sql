-- An address knows when it was told last, and is found by its reference (who is this?) and by the
-- device whose subscription it is.
ALTER TABLE address ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;
UPDATE address SET seen_ms = since_ms;
CREATE INDEX address_ref ON address (channel, ref);
CREATE INDEX address_device ON address (device_id) WHERE channel = 'web_push';
