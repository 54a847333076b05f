-- What somebody asks for who wants to know why: one person's records in order of time, the devices
-- that speak for somebody, and what they have stated.
CREATE INDEX record_time ON record (person_id, at_ms);
CREATE INDEX device_person ON device (person_id);
CREATE INDEX consent_proof_person ON consent_proof (person_id, id);
