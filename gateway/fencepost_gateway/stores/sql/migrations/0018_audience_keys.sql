-- By which definitions of audiences people were judged, by name, the newest last: whoever is judged
-- anew is compared with those, also after a restart.
CREATE TABLE audience_keys (key TEXT NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
