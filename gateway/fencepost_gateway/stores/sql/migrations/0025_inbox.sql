-- What became of a message in the app, and the fence that it hangs on; a row that changes gets a new
-- cursor, so that all devices of its person hear of it.
ALTER TABLE inbox ADD COLUMN state TEXT NOT NULL DEFAULT 'open'
  CHECK (state IN ('open', 'read', 'gone'));
ALTER TABLE inbox ADD COLUMN fence_id TEXT NOT NULL DEFAULT '';
CREATE INDEX inbox_fence ON inbox (person_id) WHERE fence_id <> '' AND state <> 'gone';
CREATE INDEX inbox_end ON inbox (show_until_ms);
