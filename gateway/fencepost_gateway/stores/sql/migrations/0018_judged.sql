-- By which definitions of audiences people were judged, by name, the newest last: whoever is judged
-- anew is compared with those, also after a restart.
CREATE TABLE audience_keys (key TEXT NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
-- Records of the log that could not be folded and were passed over, or some of whose persons were.
CREATE TABLE passed_over (position INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, why TEXT NOT NULL)
STRICT;
