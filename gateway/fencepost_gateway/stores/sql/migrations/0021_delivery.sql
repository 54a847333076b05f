-- In which class a message is claimed, on which lane it waits ('': it may go on several), when it
-- is over, what has refused it, and how often nobody knew whether it arrived.
ALTER TABLE message ADD COLUMN rank INTEGER NOT NULL DEFAULT 2;
ALTER TABLE message ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN expires_ms INTEGER NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE message ADD COLUMN refused BLOB;
ALTER TABLE message ADD COLUMN unknowns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN on_unknown TEXT NOT NULL DEFAULT 'end';
-- What is queued is read in the order in which it is claimed; what is deferred by when it is due.
CREATE INDEX message_order ON message (lane, rank, priority DESC, cause_ms, message_id, due_ms)
  WHERE state = 'queued' AND held_by = '';
CREATE INDEX message_over ON message (expires_ms)
  WHERE state IN ('queued', 'deferred') AND held_by = '' AND lane <> '';
