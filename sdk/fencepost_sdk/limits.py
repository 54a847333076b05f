"""
Limits: every bound of the SDK in one record, each with its reason.

Pure. A host may narrow or widen them at ``init(limits=Limits(...))``; tests use tiny ones.

Records of this package are named tuples: they cost a third of a frozen dataclass to make, and
``dataclasses`` would bring ``inspect`` into the import of every host app.
"""

from __future__ import annotations

from typing import NamedTuple

KIB = 1024
MIB = 1024 * KIB
DAY_MS = 86_400_000


class Limits(NamedTuple):
    """
    Bounds of queue, batch and patience.

    Attributes:
        events: Events kept; a month of an average app.
        bytes: Bytes of events kept; room an app may take without being asked.
        age_ms: An older event is dropped; stays below the gateway's 31 days.
        fixes: Newest positions kept; positions age fastest.
        held_events: Events kept while consent is open.
        held_bytes: Bytes of them.
        held_age_ms: A question that was not answered in a week is not answered.
        event_bytes: One event on the wire; the gateway takes twice that.
        keys: Keys of one object.
        depth: Nesting of one value, the value itself being 1.
        key_bytes: One key, UTF-8 (the gateway's bound).
        string_bytes: One string, UTF-8 (the gateway's bound).
        array: Items of one array (the gateway's bound).
        batch_events: Events of one request.
        batch_bytes: Bytes of one request before compression.
        consent_bytes: Bytes of a request of class ``consent`` (the gateway's bound).
        trigger_events: So many waiting events start an upload.
        trigger_bytes: So many waiting bytes start one.
        trigger_age_ms: So old an event starts one.
        quarantined: Events kept aside because no request with them was understood.
        outcomes: Verdicts remembered for ``explain``.
        losses: Rows of ranges waiting to be reported.
        cards: Messages that ``inbox.list()`` keeps.
        seen_ms: How long a shown message is remembered, so that it is shown once.
        connect_s: Patience for a connection.
        request_s: Patience for one whole exchange.

    """

    events: int = 10_000
    bytes: int = 20 * MIB
    age_ms: int = 30 * DAY_MS
    fixes: int = 2_000
    held_events: int = 1_000
    held_bytes: int = 1 * MIB
    held_age_ms: int = 7 * DAY_MS
    event_bytes: int = 32 * KIB
    keys: int = 128
    depth: int = 8
    key_bytes: int = 128
    string_bytes: int = 8 * KIB
    array: int = 1_024
    batch_events: int = 100
    batch_bytes: int = 256 * KIB
    consent_bytes: int = 64 * KIB
    trigger_events: int = 30
    trigger_bytes: int = 64 * KIB
    trigger_age_ms: int = 10_000
    quarantined: int = 100
    outcomes: int = 1_000
    losses: int = 1_000
    cards: int = 100
    seen_ms: int = 35 * DAY_MS
    connect_s: float = 5.0
    request_s: float = 30.0
