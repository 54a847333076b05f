"""
Schema: the tables of one SDK store.

Pure text. ``event.raw`` holds the bytes that go on the wire; ``event.id`` orders the queue.
``state``: 0 ready, 1 held for consent, 2 set aside (quarantined). ``klass``: see ``queue.py``.
``message.shown``: moments of the last showings.
"""

from __future__ import annotations

SCHEMA_VERSION = 2

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE envelope (
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    context TEXT NOT NULL,
    UNIQUE (who, context)
);
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    klass INTEGER NOT NULL,
    state INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    envelope INTEGER NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX event_by_class ON event (klass, state);
CREATE TABLE outcome (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    verdict TEXT NOT NULL,
    code TEXT NOT NULL,
    path TEXT NOT NULL,
    at_ms INTEGER NOT NULL
);
CREATE TABLE loss (
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    klass TEXT NOT NULL,
    stream TEXT NOT NULL,
    lo INTEGER NOT NULL,
    hi INTEGER NOT NULL
);
CREATE TABLE consent (
    purpose TEXT NOT NULL,
    channel TEXT NOT NULL,
    value TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (purpose, channel)
) WITHOUT ROWID;
CREATE TABLE message (
    delivery_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    arrived_ms INTEGER NOT NULL,
    show_until_ms INTEGER,
    body TEXT NOT NULL,
    is_pinned INTEGER NOT NULL DEFAULT 0,
    is_read INTEGER NOT NULL DEFAULT 0,
    shown TEXT NOT NULL DEFAULT ''
);
"""

# From each older version to the one after it: what is queued outlives an upgrade of the app.
UPGRADES = {
    1: """
ALTER TABLE message ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN is_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN shown TEXT NOT NULL DEFAULT '';
""",
}
