-- name: fact
SELECT value FROM fact WHERE name = ?;
-- name: set_fact
INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
-- name: last_position
SELECT coalesce(max(position), 0) FROM log;
-- name: newest_ms
SELECT coalesce(max(appended_ms), 0) FROM (
  SELECT appended_ms FROM log ORDER BY position DESC LIMIT 1);
-- name: append
INSERT INTO log (position, appended_ms, body) VALUES (?, ?, ?);
-- name: read_log
SELECT position, appended_ms, body FROM log WHERE position > ? ORDER BY position LIMIT ?;
-- name: trim_log
DELETE FROM log WHERE position IN (
  SELECT position FROM (SELECT position, appended_ms FROM log ORDER BY position LIMIT ?)
  WHERE position <= ? AND appended_ms < ?);

-- name: device
SELECT secret_hash, person_id FROM device WHERE device_id = ?;
-- name: put_device
INSERT INTO device (device_id, secret_hash, person_id, first_ms) VALUES (?, ?, ?, ?)
ON CONFLICT (device_id) DO UPDATE SET person_id = excluded.person_id;
-- name: marks
SELECT marks FROM stream WHERE device_id = ? AND stream = ?;
-- name: put_marks
INSERT INTO stream (device_id, stream, marks, last_ms) VALUES (?, ?, ?, ?)
ON CONFLICT (device_id, stream) DO UPDATE SET marks = excluded.marks, last_ms = excluded.last_ms;
-- name: alias
SELECT person_id FROM alias WHERE visitor_id = ?;
-- name: put_alias
INSERT INTO alias (visitor_id, person_id) VALUES (?, ?)
ON CONFLICT (visitor_id) DO UPDATE SET person_id = excluded.person_id, merged = 0;
-- name: merged
SELECT visitor_id, person_id FROM alias
WHERE merged = 1 AND visitor_id IN (SELECT value FROM json_each(?));
-- name: set_merged
UPDATE alias SET merged = 1 WHERE visitor_id = ? AND person_id = ?;
-- name: consents
SELECT purpose, value, at_ms, channel, address, clock FROM consent WHERE person_id = ?
ORDER BY purpose, channel, address;
-- name: put_consent
INSERT INTO consent (person_id, purpose, channel, address, value, at_ms, clock)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (person_id, purpose, channel, address)
DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms, clock = excluded.clock;
-- name: put_proof
INSERT INTO consent_proof
  (id, person_id, purpose, channel, address, old_value, new_value, at_ms, received_ms, proof, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
-- name: proof_head
SELECT id, hash FROM consent_proof ORDER BY id DESC LIMIT 1;
-- name: put_proof_head
INSERT OR IGNORE INTO proof_head (day, number, hash, signed_ms, signature) VALUES (?, ?, ?, ?, ?);
-- name: proof_head_of
SELECT 1 FROM proof_head WHERE day = ?;
-- name: proof_heads
SELECT day, number, hash, signed_ms, signature FROM proof_head ORDER BY day;
-- name: proof_chained
SELECT EXISTS (SELECT 1 FROM consent_proof WHERE hash <> x'');
-- name: chain_proof
UPDATE consent_proof SET hash = ? WHERE id = ?;
-- name: proofs
SELECT id, person_id, purpose, channel, address, old_value, new_value, at_ms, received_ms, proof,
  hash FROM consent_proof WHERE id > ? ORDER BY id LIMIT ?;
-- name: proofs_of
SELECT id, person_id, purpose, channel, address, old_value, new_value, at_ms, received_ms, proof,
  hash FROM consent_proof
WHERE (person_id = ? OR person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?))
  AND id > ? ORDER BY id LIMIT ?;

-- name: person
SELECT body FROM person WHERE person_id = ?;
-- name: persons
SELECT person_id, body FROM person WHERE person_id IN (SELECT value FROM json_each(?));
-- name: put_person
INSERT INTO person (person_id, body) VALUES (?, ?)
ON CONFLICT (person_id) DO UPDATE SET body = excluded.body;
-- name: drop_person
DELETE FROM person WHERE person_id = ?;
-- name: tracks
SELECT device_id, body FROM track WHERE device_id IN (SELECT value FROM json_each(?));
-- name: put_track
INSERT INTO track (device_id, body) VALUES (?, ?)
ON CONFLICT (device_id) DO UPDATE SET body = excluded.body;
-- name: drop_track
DELETE FROM track WHERE device_id = ?;
-- name: put_timer
INSERT INTO timer (device_id, person_id, due_ms, fired) VALUES (?, ?, ?, 0)
ON CONFLICT (device_id) DO UPDATE
SET person_id = excluded.person_id, due_ms = excluded.due_ms, fired = 0;
-- name: drop_timer
DELETE FROM timer WHERE device_id = ?;
-- name: due_timers
SELECT device_id, person_id, due_ms FROM timer WHERE fired = 0 AND due_ms <= ?
ORDER BY due_ms, device_id LIMIT ?;
-- name: mark_timer
UPDATE timer SET fired = 1 WHERE device_id = ?;
-- name: put_address
INSERT INTO address (person_id, channel, ref, raw, device_id, since_ms, seen_ms)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (person_id, channel, ref)
DO UPDATE SET raw = excluded.raw, device_id = excluded.device_id,
  seen_ms = max(seen_ms, excluded.seen_ms);
-- name: take_subscription
DELETE FROM address WHERE channel = ? AND ref = ? AND person_id <> ? AND seen_ms <= ?;
-- name: has_subscription
SELECT EXISTS (SELECT 1 FROM address WHERE channel = ? AND ref = ? AND person_id <> ?);
-- name: move_subscriptions
UPDATE OR REPLACE address SET person_id = ?
WHERE channel IN ('push', 'web_push') AND device_id = ?;
-- name: trim_addresses
DELETE FROM address WHERE person_id = ? AND (channel, ref) IN (
  SELECT channel, ref FROM (
    SELECT channel, ref, row_number() OVER
      (PARTITION BY channel ORDER BY seen_ms DESC, since_ms DESC, ref) AS place
    FROM address WHERE person_id = ?)
  WHERE place > ?);
-- name: address_told
SELECT max(seen_ms) FROM address WHERE channel = ? AND ref = ?;
-- name: drop_dead_address
DELETE FROM address WHERE channel = ? AND ref = ?;
-- name: drop_address
DELETE FROM address WHERE person_id = ? AND channel = ? AND ref = ?;
-- name: addresses
SELECT a.channel, a.ref, a.raw, a.since_ms, coalesce(s.reason, ''), l.ref IS NOT NULL,
  coalesce(s.since_ms, 0)
FROM address a LEFT JOIN suppression s ON s.channel = a.channel AND s.ref = a.ref
LEFT JOIN allowed l ON l.channel = a.channel AND l.ref = a.ref
WHERE a.person_id = ? OR a.person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?)
ORDER BY a.channel, a.seen_ms DESC, a.ref, a.person_id;
-- name: put_message
INSERT INTO message
  (message_id, person_id, state, due_ms, priority, cause_ms, rank, lane, expires_ms, body)
VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING;
-- name: put_record
INSERT INTO record (at_ms, person_id, kind, subject, body) VALUES (?, ?, ?, ?, ?);

-- name: fence_day
SELECT body FROM fence_day WHERE day = ? AND fence_id = ?;
-- name: put_fence_day
INSERT INTO fence_day (day, fence_id, body) VALUES (?, ?, ?)
ON CONFLICT (day, fence_id) DO UPDATE SET body = excluded.body;
-- name: fence_days
SELECT day, fence_id, body FROM fence_day WHERE (day, fence_id) > (?, ?)
ORDER BY day, fence_id LIMIT ?;
-- name: fence_days_of
SELECT f.fence_id, f.body FROM json_each(?) AS wanted
CROSS JOIN fence_day AS f WHERE f.day = ? AND f.fence_id = wanted.value;
-- name: fence_days_span
SELECT coalesce((SELECT min(day) FROM fence_day), 0),
  coalesce((SELECT max(day) FROM fence_day), -1);
-- name: trim_fence_days
DELETE FROM fence_day WHERE (day, fence_id) IN (
  SELECT day, fence_id FROM fence_day WHERE day < ? LIMIT ?);

-- name: move_addresses
INSERT INTO address (person_id, channel, ref, raw, device_id, since_ms, seen_ms)
SELECT ?, channel, ref, raw, device_id, since_ms, seen_ms FROM address WHERE person_id = ?
ON CONFLICT (person_id, channel, ref) DO UPDATE SET since_ms = min(since_ms, excluded.since_ms),
  raw = CASE WHEN excluded.seen_ms >= seen_ms THEN excluded.raw ELSE raw END,
  device_id = CASE WHEN excluded.seen_ms >= seen_ms THEN excluded.device_id ELSE device_id END,
  seen_ms = max(seen_ms, excluded.seen_ms);
-- name: drop_addresses
DELETE FROM address WHERE person_id = ?;
-- name: move_messages
UPDATE message SET person_id = ? WHERE person_id = ?;
-- name: move_slots
UPDATE slot SET person_id = ? WHERE person_id = ?;
-- name: take_inbox
DELETE FROM inbox WHERE person_id = ?
RETURNING cursor, delivery_id, message_id, priority, show_until_ms, content, state, fence_id;
-- name: move_timers
UPDATE timer SET person_id = ? WHERE person_id = ?;
-- name: move_records
UPDATE record SET person_id = ? WHERE person_id = ?;

-- name: due_queued
SELECT message_id, priority, due_ms, cause_ms, rank, lane FROM message
WHERE state = 'queued' AND held_by = '' AND lane = ?1 AND due_ms <= ?2
ORDER BY rank, priority DESC, cause_ms, message_id LIMIT ?3;
-- name: due_deferred
SELECT message_id, priority, due_ms, cause_ms, rank, lane FROM message INDEXED BY message_due
WHERE state IN ('queued', 'deferred') AND held_by = '' AND state = 'deferred'
  AND lane IN (SELECT value FROM json_each(?1)) AND due_ms <= ?2
ORDER BY rank, priority DESC, cause_ms, message_id LIMIT ?3;
-- name: over
SELECT message_id, priority, due_ms, cause_ms, rank, lane FROM message
WHERE state IN ('queued', 'deferred') AND held_by = '' AND lane <> '' AND expires_ms <= ?
ORDER BY expires_ms LIMIT ?;
-- name: pending_of
SELECT message_id FROM message WHERE state IN ('queued', 'deferred')
  AND (person_id = ? OR person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?))
ORDER BY message_id;
-- name: in_flight_of
SELECT d.delivery_id FROM message m JOIN delivery d ON d.message_id = m.message_id
WHERE d.state = 'sending'
  AND (m.person_id = ? OR m.person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?))
ORDER BY d.delivery_id;
-- name: next_due
SELECT min(at) FROM (
  SELECT min(due_ms) AS at FROM message WHERE state IN ('queued', 'deferred') AND held_by = ''
  UNION ALL SELECT min(due_ms) FROM timer WHERE fired = 0
  UNION ALL SELECT min(due_ms) FROM person_timer
  UNION ALL SELECT min(due_ms) FROM schedule
);
-- name: message
SELECT body, person_id, state, due_ms, attempt, refused, unknowns, on_unknown FROM message
WHERE message_id = ?;
-- name: set_message
UPDATE message SET state = ?, due_ms = ?, reason = ?, held_by = '' WHERE message_id = ?;
-- name: send_message
UPDATE message SET state = 'sending', due_ms = ?, reason = '', attempt = ?, on_unknown = ?,
  held_by = '' WHERE message_id = ?;
-- name: end_message
UPDATE message SET state = ?, due_ms = ?, reason = ?, refused = ?, unknowns = ?, lane = ?
WHERE message_id = ?;
-- name: wait_message
UPDATE message SET lane = ?, due_ms = ? WHERE message_id = ?;
-- name: release_slot
UPDATE slot SET state = 'released' WHERE slot_id = ? AND state = 'open';
-- name: dead_messages
SELECT person_id, body, due_ms, attempt, reason FROM message
WHERE state = 'failed' AND message_id > ? AND expires_ms > ?
  AND substr(reason, 1, instr(reason || '.', '.') - 1) IN (SELECT value FROM json_each(?))
ORDER BY message_id LIMIT ?;
-- name: failed_message
SELECT state, reason, refused, body FROM message WHERE message_id = ? AND state = 'failed';
-- name: redrive_message
UPDATE message SET state = 'queued', due_ms = ?, reason = '', refused = ?, unknowns = 0, lane = ?
WHERE message_id = ?;
-- name: hold_message
UPDATE message SET state = 'deferred', reason = ?, held_by = ? WHERE message_id = ?;
-- name: retime
UPDATE message SET due_ms = :now + due_ms % :spread
WHERE state = 'deferred' AND held_by = '' AND due_ms > :now + due_ms % :spread;
-- name: message_ends
SELECT state, reason, body FROM message WHERE message_id > ? ORDER BY message_id LIMIT ?;
-- name: slots
SELECT person_id, body FROM slot
WHERE state <> 'released'
  AND (person_id = ? OR person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?))
ORDER BY slot_id;
-- name: put_slot
INSERT INTO slot (slot_id, person_id, state, reserved_at_ms, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (slot_id) DO UPDATE
SET state = excluded.state, reserved_at_ms = excluded.reserved_at_ms, body = excluded.body;
-- name: slot
SELECT body FROM slot WHERE slot_id = ?;
-- name: release_unshown
UPDATE slot SET state = 'released' WHERE person_id = ? AND state = 'confirmed' AND slot_id =
  (SELECT message_id FROM delivery WHERE delivery_id = ? AND channel = 'in_app');
-- name: delivery
SELECT message_id, channel, address_ref, state, lease_token, lease_until_ms FROM delivery
WHERE delivery_id = ?;
-- name: put_delivery
INSERT INTO delivery
  (delivery_id, message_id, channel, address_ref, state, lease_token, lease_until_ms)
VALUES (?, ?, ?, ?, 'sending', ?, ?)
ON CONFLICT (delivery_id) DO UPDATE
SET state = 'sending', lease_token = excluded.lease_token, lease_until_ms = excluded.lease_until_ms;
-- name: end_delivery
UPDATE delivery SET state = ?, provider_id = ?, reason = ? WHERE delivery_id = ?;
-- name: expired_leases
SELECT delivery_id, message_id, channel FROM delivery
WHERE state = 'sending' AND lease_until_ms <= ? ORDER BY delivery_id;
-- name: put_inbox
INSERT INTO inbox (person_id, delivery_id, message_id, priority, show_until_ms, content, state,
  fence_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (delivery_id) DO NOTHING;
-- name: inbox
SELECT cursor, delivery_id, message_id, content, priority, show_until_ms, state, fence_id FROM inbox
WHERE person_id = :person AND cursor > :after AND show_until_ms > :now
  AND (state <> 'gone' OR :after > 0)
ORDER BY cursor LIMIT :limit;
-- name: inbox_row
SELECT message_id, content, priority, show_until_ms, state, fence_id FROM inbox
WHERE person_id = ? AND delivery_id = ?;
-- name: drop_inbox_row
DELETE FROM inbox WHERE person_id = ? AND delivery_id = ?;
-- name: any_inbox_fence
SELECT EXISTS (SELECT 1 FROM inbox WHERE fence_id <> '' AND state <> 'gone');
-- name: inbox_fences
SELECT delivery_id, fence_id FROM inbox
WHERE person_id = ? AND fence_id <> '' AND state <> 'gone' ORDER BY cursor;
-- name: trim_inbox
DELETE FROM inbox WHERE cursor IN (
  SELECT cursor FROM inbox WHERE show_until_ms < ? ORDER BY show_until_ms LIMIT ?);
-- name: suppress
INSERT INTO suppression (channel, ref, reason, since_ms, source) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (channel, ref) DO NOTHING;
-- name: unsuppress
DELETE FROM suppression WHERE channel = ? AND ref = ?;
-- name: suppressed
SELECT channel, ref, reason, since_ms, source FROM suppression
WHERE (channel, ref) > (?, ?) ORDER BY channel, ref LIMIT ?;
-- name: allow
INSERT INTO allowed (channel, ref, reason, since_ms, source) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (channel, ref) DO NOTHING;
-- name: disallow
DELETE FROM allowed WHERE channel = ? AND ref = ?;
-- name: allowed
SELECT channel, ref, reason, since_ms, source FROM allowed
WHERE (channel, ref) > (?, ?) ORDER BY channel, ref LIMIT ?;

-- name: put_document
INSERT INTO document (kind, id, version, state, body, applied_ms, first_ms, folder, publisher)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);
-- name: documents
SELECT kind, id, max(version), body, applied_ms, first_ms, state, folder, publisher FROM document
GROUP BY kind, id ORDER BY kind, id;
-- name: records
SELECT cursor, at_ms, person_id, kind, subject, body FROM record
WHERE cursor > ? ORDER BY cursor LIMIT ?;
-- name: records_of_subject
SELECT cursor, at_ms, person_id, kind, subject, body FROM record
WHERE subject = ? AND (? = '' OR person_id = ?) AND cursor > ? ORDER BY cursor LIMIT ?;
-- name: records_of_person
SELECT cursor, at_ms, person_id, kind, subject, body FROM record
WHERE person_id = ? AND cursor > ? ORDER BY cursor LIMIT ?;
-- name: transitions
SELECT cursor, at_ms, person_id, kind, subject, body FROM record
WHERE kind = 'transition' AND (at_ms, cursor) > (?, ?) ORDER BY at_ms, cursor LIMIT ?;
-- name: message_states
SELECT state, count(*) FROM message GROUP BY state;

-- name: story
SELECT cursor, at_ms, person_id, kind, subject, body FROM record
WHERE person_id = ? AND (at_ms, cursor) > (?, ?) AND at_ms < ? ORDER BY at_ms, cursor LIMIT ?;
-- name: devices_of
SELECT d.device_id, d.first_ms, coalesce(
  (SELECT max(s.last_ms) FROM stream s WHERE s.device_id = d.device_id), d.first_ms)
FROM device d
WHERE d.person_id = ? OR d.person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?)
ORDER BY 3 DESC, 1 LIMIT ?;
-- name: statements
SELECT received_ms, purpose, new_value, at_ms, channel, address FROM consent_proof
WHERE person_id = ? OR person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?)
ORDER BY id DESC LIMIT ?;
-- name: versions
SELECT kind, id, version, body, applied_ms, first_ms, state, folder, publisher FROM document
WHERE kind = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY id, version;

-- name: newest_story
SELECT cursor, at_ms, person_id, kind, subject, body FROM record
WHERE person_id = ? ORDER BY at_ms DESC, cursor DESC LIMIT ?;
-- name: persons_at
SELECT DISTINCT coalesce(l.person_id, a.person_id) FROM address a
LEFT JOIN alias l ON l.visitor_id = a.person_id
WHERE a.channel = ? AND a.ref = ? ORDER BY 1 LIMIT ?;
-- name: addresses_seen
SELECT a.channel, a.ref, a.since_ms, a.seen_ms, coalesce(s.reason, '')
FROM address a LEFT JOIN suppression s ON s.channel = a.channel AND s.ref = a.ref
WHERE a.person_id = ? OR a.person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?)
ORDER BY a.channel, a.seen_ms DESC, a.ref, a.person_id;
-- name: newest_number
SELECT a.raw FROM address a
WHERE a.channel = 'sms'
  AND (a.person_id = ? OR a.person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?))
ORDER BY a.seen_ms DESC, a.ref, a.person_id LIMIT 1;
-- name: visitors_of
SELECT visitor_id FROM alias WHERE person_id = ? ORDER BY visitor_id;

-- name: put_person_timer
INSERT INTO person_timer (person_id, due_ms) VALUES (?, ?)
ON CONFLICT (person_id) DO UPDATE SET due_ms = excluded.due_ms;
-- name: drop_person_timer
DELETE FROM person_timer WHERE person_id = ?;
-- name: due_person_timers
SELECT person_id, due_ms FROM person_timer WHERE due_ms <= ? ORDER BY due_ms, person_id LIMIT ?;
-- name: count_audience_day
INSERT INTO audience_day (day, audience_id, joined, left, filled, cleared, reached, worth)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (audience_id, day) DO UPDATE SET
  joined = joined + excluded.joined, left = left + excluded.left,
  filled = filled + excluded.filled, cleared = cleared + excluded.cleared,
  reached = reached + excluded.reached, worth = worth + excluded.worth;
-- name: audience_days
SELECT day, audience_id, joined, left, filled, cleared, reached, worth FROM audience_day
WHERE day >= ? AND (? = '' OR audience_id = ?) ORDER BY day, audience_id;
-- name: audience_sizes
SELECT audience_id, sum(joined + filled - left - cleared) FROM audience_day GROUP BY audience_id;
-- name: sweep
SELECT key, after, seen, total, done FROM sweep;
-- name: put_sweep
INSERT INTO sweep (one, key, after, seen, total, done) VALUES (1, ?, ?, ?, ?, ?)
ON CONFLICT (one) DO UPDATE SET key = excluded.key, after = excluded.after, seen = excluded.seen,
  total = excluded.total, done = excluded.done;
-- name: put_passed_over
INSERT OR REPLACE INTO passed_over (position, at_ms, why) VALUES (?, ?, ?);
-- name: passed_over
SELECT position, at_ms, why FROM passed_over ORDER BY position DESC LIMIT ?;
-- name: count_passed_over
SELECT count(*) FROM passed_over;
-- name: every_person
SELECT person_id, body FROM person;
-- name: every_track
SELECT device_id, body FROM track;
-- name: newest_audience_keys
SELECT key FROM audience_keys ORDER BY rowid DESC LIMIT 1;
-- name: put_audience_keys
INSERT OR REPLACE INTO audience_keys (key, body) VALUES (?, ?);
-- name: trim_audience_keys
DELETE FROM audience_keys WHERE rowid NOT IN (
  SELECT rowid FROM audience_keys ORDER BY rowid DESC LIMIT ?
);
-- name: audience_keys
SELECT key, body FROM audience_keys ORDER BY rowid;
-- name: persons_count
SELECT count(*) FROM person;
-- name: person_ids_behind
SELECT person_id FROM person WHERE person_id > ? ORDER BY person_id LIMIT ?;
-- name: persons_behind
SELECT person_id, body FROM person WHERE person_id > ? ORDER BY person_id LIMIT ?;
-- name: rankings
SELECT trait_id, body FROM ranking;
-- name: put_ranking
INSERT INTO ranking (trait_id, body) VALUES (?, ?)
ON CONFLICT (trait_id) DO UPDATE SET body = excluded.body;

-- name: put_run
INSERT INTO run (run_id, person_id, campaign_id, version, step_id, since_ms, due_ms, entered_ms,
  ended_ms, outcome, is_test, is_held, stage)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id) DO UPDATE SET
  person_id = excluded.person_id, step_id = excluded.step_id, since_ms = excluded.since_ms,
  due_ms = excluded.due_ms, ended_ms = excluded.ended_ms, outcome = excluded.outcome,
  is_held = excluded.is_held, stage = excluded.stage;
-- name: move_runs
UPDATE run SET person_id = ? WHERE person_id = ?;
-- name: versions_in_use
SELECT DISTINCT campaign_id, version FROM run WHERE ended_ms IS NULL;
-- name: runs_of
SELECT run_id, person_id, campaign_id, version, step_id, since_ms, due_ms, entered_ms, ended_ms,
  outcome, is_test, is_held, stage
FROM run WHERE person_id = ? ORDER BY entered_ms, run_id;

-- name: put_history
INSERT INTO history (at_ms, person_id, body) VALUES (?, ?, ?);
-- name: move_history
UPDATE history SET person_id = ? WHERE person_id = ?;
-- name: history
SELECT cursor, at_ms, person_id, body FROM history WHERE cursor > ? ORDER BY cursor LIMIT ?;
-- name: history_of
SELECT cursor, at_ms, person_id, body FROM history
WHERE person_id = ? AND cursor > ? ORDER BY cursor LIMIT ?;
-- name: newest_history
SELECT cursor, at_ms, person_id, body FROM history
WHERE person_id = ? AND cursor < ? ORDER BY cursor DESC LIMIT ?;
-- name: prune_history
DELETE FROM history WHERE cursor IN (
  SELECT cursor FROM (SELECT cursor, at_ms FROM history ORDER BY cursor LIMIT ?) WHERE at_ms < ?);
-- name: prune_runs
DELETE FROM run WHERE run_id IN (SELECT run_id FROM run WHERE ended_ms < ? LIMIT ?);
-- name: prune_records
DELETE FROM record WHERE cursor IN (
  SELECT cursor FROM (SELECT cursor, at_ms FROM record ORDER BY cursor LIMIT ?) WHERE at_ms < ?);

-- name: history_span
SELECT coalesce((SELECT at_ms FROM history ORDER BY cursor LIMIT 1), 0),
  coalesce((SELECT at_ms FROM history ORDER BY cursor DESC LIMIT 1), 0),
  coalesce((SELECT max(cursor) - min(cursor) + 1 FROM history), 0);
-- name: log_from
SELECT position, appended_ms, body FROM log WHERE position <= ? AND appended_ms >= ?
ORDER BY position;
-- name: log_at
SELECT appended_ms, body FROM log WHERE position = ?;
-- name: log_begins
SELECT coalesce((SELECT appended_ms FROM log ORDER BY position LIMIT 1), 0);
-- name: history_by_person
SELECT person_id, at_ms, body FROM history WHERE at_ms < ? ORDER BY person_id, cursor;
-- name: history_of_nobody
SELECT at_ms, body FROM history WHERE person_id = '' ORDER BY cursor;
-- name: persons_in_order
SELECT person_id, body FROM person ORDER BY person_id;
-- name: entered_by_person
SELECT person_id, at_ms, body FROM record
WHERE kind = 'step' AND at_ms < ? ORDER BY person_id, cursor;
-- name: slots_by_person
SELECT person_id, body FROM slot WHERE state <> 'released' AND reserved_at_ms < ?
ORDER BY person_id, slot_id;
-- name: suppressed_by_person
SELECT a.person_id, s.channel, s.ref, s.reason, s.since_ms, s.source
FROM address a JOIN suppression s ON s.channel = a.channel AND s.ref = a.ref
ORDER BY a.person_id, s.channel, s.ref;
-- name: allowed_by_person
SELECT a.person_id, l.channel, l.ref, l.reason, l.since_ms, l.source
FROM address a JOIN allowed l ON l.channel = a.channel AND l.ref = a.ref
ORDER BY a.person_id, l.channel, l.ref;
-- name: every_version
SELECT kind, id, version, body, applied_ms, first_ms, state, folder, publisher FROM document
ORDER BY kind, id, version;

-- name: put_call
INSERT INTO call (call_id, source_id, person_id, run_id, kind, state, due_ms, begun_ms, attempt,
  failure, body)
VALUES (?, ?, ?, ?, ?, 'open', ?, ?, 0, '', ?)
ON CONFLICT (call_id) DO NOTHING;
-- name: drop_call
DELETE FROM call WHERE call_id = ? AND state <> 'dead';
-- name: drop_look_ups
DELETE FROM call WHERE run_id = ? AND kind = 'look_up';
-- name: move_calls
UPDATE call SET person_id = ? WHERE person_id = ?;
-- name: call_sources
WITH RECURSIVE found (source_id) AS (
  SELECT min(source_id) FROM call WHERE state <> 'dead'
  UNION ALL
  SELECT (SELECT min(c.source_id) FROM call c WHERE c.state <> 'dead' AND c.source_id > f.source_id)
  FROM found f WHERE f.source_id IS NOT NULL
)
SELECT source_id FROM found WHERE source_id IS NOT NULL AND EXISTS (
  SELECT 1 FROM call c WHERE c.state <> 'dead' AND c.source_id = found.source_id AND c.due_ms <= ?);
-- name: due_calls
SELECT call_id, person_id, begun_ms, attempt, body FROM call
WHERE source_id = ? AND state <> 'dead' AND due_ms <= ? ORDER BY due_ms, call_id LIMIT ?;
-- name: next_call
SELECT min(due_ms) FROM call WHERE state <> 'dead';
-- name: call
SELECT person_id, begun_ms, attempt, body FROM call
WHERE call_id = ? AND attempt = ? AND state = 'leased';
-- name: set_call
UPDATE call SET state = ?, due_ms = ?, attempt = ?, failure = ? WHERE call_id = ?;
-- name: release_calls
UPDATE call SET state = 'open', due_ms = ? WHERE state = 'leased';
-- name: begin_look_ups
UPDATE call SET begun_ms = ? WHERE kind = 'look_up';
-- name: dead_calls
SELECT call_id, person_id, due_ms, attempt, failure, body FROM call
WHERE state = 'dead' AND call_id > ? ORDER BY call_id LIMIT ?;
-- name: redrive_calls
UPDATE call SET state = 'open', due_ms = ?1, begun_ms = ?1
WHERE state = 'dead' AND (?2 = '' OR call_id = ?2) AND (?3 = '' OR source_id = ?3);
-- name: prune_calls
DELETE FROM call WHERE call_id IN (
  SELECT call_id FROM call WHERE state = 'dead' AND due_ms < ? LIMIT ?);
-- name: forget_broadcast
DELETE FROM broadcast WHERE broadcast_id = ? AND state = 'done' AND done_ms < ?;
-- name: broadcast_number
SELECT number FROM broadcast WHERE broadcast_id = ?;
-- name: put_broadcast
INSERT INTO broadcast (number, broadcast_id, name, body, appended_ms, state, turn, total)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);
-- name: next_broadcast
SELECT number, body, after FROM broadcast WHERE state = 'running' ORDER BY turn LIMIT 1;
-- name: move_broadcast
UPDATE broadcast SET turn = ?, after = ?, seen = seen + ?, state = ? WHERE number = ?;
-- name: begin_broadcast
UPDATE broadcast SET state = 'running', total = ? WHERE number = ? AND state = 'waiting';
-- name: end_broadcast
UPDATE broadcast SET state = 'done', done_ms = ? WHERE number = ?;
-- name: reach_broadcast
UPDATE broadcast SET reached = reached + ? WHERE number = ?;
-- name: open_broadcasts
SELECT number, body FROM broadcast WHERE state IN ('running', 'told') ORDER BY number;
-- name: waiting_broadcasts
SELECT count(*) FROM broadcast WHERE state IN ('waiting', 'running', 'told');
-- name: broadcasts
SELECT number, body, appended_ms, state, after, seen, total, reached, done_ms FROM broadcast
WHERE number < ? ORDER BY number DESC LIMIT ?;
-- name: broadcasts_named
SELECT number, body, appended_ms, state, after, seen, total, reached, done_ms FROM broadcast
WHERE name = ? AND number < ? ORDER BY number DESC LIMIT ?;
-- name: trim_broadcasts
DELETE FROM broadcast WHERE state = 'done' AND done_ms < ?;
-- name: drop_schedules
UPDATE schedule SET due_ms = NULL WHERE schedule_id NOT IN (SELECT value FROM json_each(?));
-- name: keep_schedule
INSERT INTO schedule (schedule_id, due_ms) VALUES (?, ?)
ON CONFLICT (schedule_id) DO UPDATE SET due_ms = coalesce(due_ms, excluded.due_ms);
-- name: move_schedule
UPDATE schedule SET due_ms = ? WHERE schedule_id = ?;
-- name: schedules
SELECT schedule_id, due_ms FROM schedule WHERE due_ms IS NOT NULL ORDER BY due_ms, schedule_id;
-- name: trim_started
DELETE FROM started WHERE appended_ms < ?;
-- name: forget_started
DELETE FROM started WHERE campaign_id = ? AND key = ? AND appended_ms < ?;
-- name: started
SELECT person_id, appended_ms FROM started WHERE campaign_id = ? AND key = ?;
-- name: put_started
INSERT INTO started (campaign_id, key, person_id, appended_ms) VALUES (?, ?, ?, ?);
-- name: tallies
SELECT campaign_id, what, count FROM campaign_tally;
-- name: put_tally
INSERT INTO campaign_tally (campaign_id, what, count) VALUES (?, ?, ?)
ON CONFLICT (campaign_id, what) DO UPDATE SET count = excluded.count;

-- name: trial
SELECT number, mode, shorten_ms, began_ms, body FROM trial;
-- name: set_trial
INSERT OR REPLACE INTO trial (one, number, mode, shorten_ms, began_ms, body)
VALUES (1, ?, ?, ?, ?, ?);
-- name: drop_trial_messages
DELETE FROM trial_message;
-- name: drop_trial_records
DELETE FROM trial_record;
-- name: drop_trial_tallies
DELETE FROM campaign_tally WHERE campaign_id LIKE '~%';
-- name: put_trial_message
INSERT INTO trial_message
  (message_id, person_id, state, due_ms, priority, cause_ms, ahead_ms, channel, body)
VALUES (?, ?, 'queued', ?, ?, ?, 0, '', ?) ON CONFLICT DO NOTHING;
-- name: put_trial_record
INSERT INTO trial_record (at_ms, person_id, kind, subject, campaign_id, outcome, reason, channel, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);
-- name: trial_due
SELECT message_id FROM trial_message
WHERE state IN ('queued', 'deferred') AND due_ms <= ?
ORDER BY priority DESC, cause_ms, message_id LIMIT ?;
-- name: trial_message
SELECT body, person_id, state, due_ms, ahead_ms FROM trial_message WHERE message_id = ?;
-- name: trial_slots
SELECT person_id, slot FROM trial_message WHERE person_id = ? AND slot IS NOT NULL ORDER BY message_id;
-- name: set_trial_message
UPDATE trial_message SET state = ?, due_ms = ?, ahead_ms = ?, channel = ?, content = ?, slot = ?
WHERE message_id = ? AND state IN ('queued', 'deferred');
-- name: trial_messages_of
SELECT body, state, channel, content FROM trial_message WHERE person_id = ?;
-- name: trial_records_of
SELECT cursor, at_ms, person_id, kind, subject, body FROM trial_record
WHERE person_id = ? ORDER BY cursor;
-- name: trial_sums
SELECT campaign_id, kind, outcome, reason, channel, count(*), count(DISTINCT person_id)
FROM trial_record WHERE outcome <> '' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;
-- name: prune_trial_records
DELETE FROM trial_record WHERE cursor IN (
  SELECT cursor FROM trial_record ORDER BY cursor LIMIT ?) AND at_ms < ?;
-- name: prune_trial_messages
DELETE FROM trial_message WHERE message_id IN (
  SELECT message_id FROM trial_message
  WHERE state NOT IN ('queued', 'deferred') AND due_ms < ? LIMIT ?);
-- name: move_trial_messages
UPDATE trial_message SET person_id = ? WHERE person_id = ?;
-- name: move_trial_records
UPDATE trial_record SET person_id = ? WHERE person_id = ?;
-- name: control
SELECT body FROM control WHERE campaign_id = ?;
-- name: controls
SELECT campaign_id, body FROM control;
-- name: put_control
INSERT INTO control (campaign_id, body) VALUES (?, ?)
ON CONFLICT (campaign_id) DO UPDATE SET body = excluded.body;
-- name: put_act
INSERT INTO act (at_ms, by, action, campaign_id, detail, note) VALUES (?, ?, ?, ?, ?, ?);
-- name: acts
SELECT number, at_ms, by, action, campaign_id, detail, note FROM act
WHERE campaign_id = ? ORDER BY number DESC LIMIT ?;
-- name: release_messages
UPDATE message SET held_by = '' WHERE message_id IN (
  SELECT message_id FROM message WHERE held_by = ? ORDER BY due_ms, message_id LIMIT ?);
-- name: held_messages
SELECT held_by, count(*) FROM message WHERE held_by <> '' GROUP BY held_by;
-- name: ending_runs
SELECT person_id FROM run WHERE campaign_id = ? AND ended_ms IS NULL AND entered_ms <= ?
ORDER BY entered_ms, run_id LIMIT ?;
-- name: held_runs
SELECT person_id FROM run WHERE campaign_id = ? AND is_held = 1 ORDER BY since_ms, run_id LIMIT ?;
-- name: living_journeys
SELECT DISTINCT campaign_id FROM run WHERE ended_ms IS NULL;
-- name: count_journey_day
INSERT INTO journey_day (campaign_id, day, version, step_id, stage, what, n)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (campaign_id, day, version, step_id, stage, what) DO UPDATE SET n = n + excluded.n;
-- name: trim_journey_days
DELETE FROM journey_day WHERE (campaign_id, day, version, step_id, stage, what) IN (
  SELECT campaign_id, day, version, step_id, stage, what FROM journey_day WHERE day < ? LIMIT ?);
-- name: journey_counts
SELECT campaign_id, version, step_id, stage, what, sum(n) FROM journey_day
WHERE campaign_id = ? AND day >= ? GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;
-- name: journey_sums
SELECT campaign_id, version, what, sum(n) FROM journey_day
WHERE day >= ? AND step_id = '' AND stage = '' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- name: standing
SELECT campaign_id, version, step_id, stage, count(*), sum(is_held),
  coalesce(sum(due_ms < ?), 0), min(since_ms)
FROM run WHERE ended_ms IS NULL AND is_test = 0 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
-- name: standing_in
SELECT campaign_id, version, step_id, stage, count(*), sum(is_held),
  coalesce(sum(due_ms < ?), 0), min(since_ms)
FROM run WHERE ended_ms IS NULL AND is_test = 0 AND campaign_id = ?
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
-- name: standing_since
SELECT since_ms FROM run
WHERE ended_ms IS NULL AND is_test = 0 AND campaign_id = ? AND version = ? AND step_id = ?
ORDER BY since_ms LIMIT 1 OFFSET ?;
-- name: standing_due
SELECT due_ms FROM run
WHERE ended_ms IS NULL AND is_test = 0 AND campaign_id = ? AND version = ? AND step_id = ?
  AND due_ms IS NOT NULL
ORDER BY due_ms LIMIT 1 OFFSET ?;
-- name: links
SELECT url, status, failure, asked_ms, bad_since_ms FROM link ORDER BY url;
-- name: put_link
INSERT OR REPLACE INTO link (url, status, failure, asked_ms, bad_since_ms) VALUES (?, ?, ?, ?, ?);
-- name: drop_link
DELETE FROM link WHERE url = ?;

-- name: put_request
INSERT INTO request (person_id, kind, asked_ms, due_ms) VALUES (?, ?, ?, ?);
-- name: requests_of
SELECT number, person_id, kind, asked_ms, due_ms FROM request
WHERE person_id = ? OR person_id IN (SELECT visitor_id FROM alias WHERE person_id = ?)
ORDER BY number;
-- name: requests
SELECT r.number, coalesce(l.person_id, r.person_id), r.kind, r.asked_ms, r.due_ms FROM request r
LEFT JOIN alias l ON l.visitor_id = r.person_id
WHERE r.number > ? ORDER BY r.number LIMIT ?;
-- name: reached_by
SELECT channel, address_ref FROM delivery WHERE message_id = ?
ORDER BY lease_until_ms DESC, delivery_id LIMIT 1;

-- name: refusal
SELECT body FROM refusal WHERE refusal_id = ?;
-- name: put_refusal
INSERT OR REPLACE INTO refusal (refusal_id, channel, ref, taken_ms, stands, asks, body)
VALUES (?, ?, ?, ?, ?, ?, ?);
-- name: refusals_standing
SELECT body FROM refusal WHERE channel = ? AND ref = ? AND stands = 1
ORDER BY taken_ms DESC, refusal_id DESC;
-- name: refusals_open
SELECT body FROM refusal WHERE asks = 1 ORDER BY taken_ms, refusal_id LIMIT ?;
-- name: drop_refusals
DELETE FROM refusal WHERE refusal_id IN (
  SELECT refusal_id FROM refusal WHERE stands = 0 AND asks = 0 AND taken_ms < ?
  ORDER BY taken_ms, refusal_id LIMIT ?);
-- name: suppression_of
SELECT channel, ref, reason, since_ms, source FROM suppression WHERE channel = ? AND ref = ?;
-- name: report
SELECT at_ms FROM report WHERE key = ?;
-- name: put_report
INSERT INTO report (key, at_ms) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET at_ms = excluded.at_ms;
-- name: prune_reports
DELETE FROM report WHERE key IN (SELECT key FROM report WHERE at_ms < ? LIMIT ?);
-- name: calls_to
SELECT state, reason, lease_until_ms FROM delivery WHERE channel = ? AND address_ref = ?
ORDER BY lease_until_ms DESC, delivery_id DESC LIMIT ?;
-- name: delivered_to
SELECT coalesce(alias.person_id, m.person_id), d.channel, d.address_ref
FROM delivery d JOIN message m ON m.message_id = d.message_id
LEFT JOIN alias ON alias.visitor_id = m.person_id
WHERE d.delivery_id = ?;
-- name: delivery_by_id
SELECT delivery_id FROM delivery WHERE delivery_id = :id AND :channel IN ('', channel);
-- name: delivery_by_message
SELECT delivery_id FROM delivery WHERE message_id = :id AND :channel IN ('', channel)
ORDER BY lease_token DESC, delivery_id DESC LIMIT 1;
-- name: delivery_by_provider
SELECT min(delivery_id) FROM delivery
WHERE provider_id = :id AND provider_id <> '' AND :channel IN ('', channel);
-- name: delivery_by_ref
SELECT delivery_id FROM delivery WHERE channel = :channel AND address_ref = :id
ORDER BY lease_until_ms DESC, delivery_id DESC LIMIT 1;
-- name: raise_delivery
UPDATE delivery SET state = ?, reason = ? WHERE delivery_id = ?;
-- name: provider_of
SELECT provider_id FROM delivery WHERE delivery_id = ?;

-- name: spent
SELECT day, micros FROM spent WHERE day >= (SELECT max(day) - 1 FROM spent);
-- name: add_spent
INSERT INTO spent (day, micros) VALUES (?, ?)
ON CONFLICT (day) DO UPDATE SET micros = micros + excluded.micros;
-- name: put_cost
INSERT INTO cost (delivery_id, day, micros) VALUES (?, ?, ?)
ON CONFLICT (delivery_id) DO UPDATE SET day = excluded.day, micros = excluded.micros;
-- name: take_back_spent
UPDATE spent SET micros = micros - (SELECT micros FROM cost WHERE delivery_id = ?1)
WHERE day = (SELECT day FROM cost WHERE delivery_id = ?1);
-- name: drop_cost
DELETE FROM cost WHERE delivery_id = ?;
-- name: prune_costs
DELETE FROM cost WHERE delivery_id IN (SELECT delivery_id FROM cost WHERE day < ? LIMIT ?);
