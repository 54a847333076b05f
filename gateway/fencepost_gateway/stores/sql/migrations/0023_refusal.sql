-- Who said no, or yes again, in another way than through an app: so that the same told again changes
-- nothing, so that a yes takes back what a no has changed, and so that a person looks at what was
-- clear and yet no fixed word.
CREATE TABLE refusal (
  refusal_id TEXT PRIMARY KEY,
  channel TEXT NOT NULL,
  ref TEXT NOT NULL,
  taken_ms INTEGER NOT NULL,
  stands INTEGER NOT NULL,
  asks INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refusal_stands ON refusal (channel, ref) WHERE stands = 1;
CREATE INDEX refusal_asks ON refusal (taken_ms, refusal_id) WHERE asks = 1;
CREATE INDEX refusal_over ON refusal (taken_ms) WHERE stands = 0 AND asks = 0;

-- What SMS have cost by UTC day, in millionths of the operator's currency; and what each delivery
-- takes of it, until its call was refused.
CREATE TABLE spent (
  day INTEGER PRIMARY KEY,
  micros INTEGER NOT NULL CHECK (micros >= 0)
) STRICT;
CREATE TABLE cost (
  delivery_id TEXT PRIMARY KEY,
  day INTEGER NOT NULL,
  micros INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cost_day ON cost (day);
