-- Each proof of consent follows from the one before it: SHA-256 over its hash and this row. Rows of
-- former releases are chained when the store is opened for the first time.
ALTER TABLE consent_proof ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
