-- The head of the chain of proofs, signed once a day: a chain that was cut or written anew since
-- then does not lead to it.
CREATE TABLE proof_head (
  day INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  hash BLOB NOT NULL,
  signed_ms INTEGER NOT NULL,
  signature BLOB NOT NULL
) STRICT;
