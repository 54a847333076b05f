-- What was told of deliveries after their calls: each report counts once, by a hash of its lane and
-- id. A delivery is found by the provider's name for it, or as the newest one to an address.
CREATE TABLE report (key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX report_at ON report (at_ms);
CREATE INDEX delivery_provider ON delivery (provider_id) WHERE provider_id <> '';
CREATE INDEX delivery_ref ON delivery (channel, address_ref, lease_until_ms);
