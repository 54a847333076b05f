-- Of two messages that are due and equally important the earlier cause goes first.
-- Of what was written before, only when it comes due is known.
ALTER TABLE message ADD COLUMN cause_ms INTEGER NOT NULL DEFAULT 0;
UPDATE message SET cause_ms = due_ms WHERE state IN ('queued', 'deferred');
ALTER TABLE trial_message ADD COLUMN priority INTEGER NOT NULL DEFAULT 50;
ALTER TABLE trial_message ADD COLUMN cause_ms INTEGER NOT NULL DEFAULT 0;
UPDATE trial_message SET cause_ms = due_ms;
