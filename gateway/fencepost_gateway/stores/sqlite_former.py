"""
Persons as a former release wrote them, read once and written as this one keeps them.

Pure. Migration 10 calls it, row by row, as the SQL function ``grown_person``. The former row has
twelve fields, so its first byte tells it from any later one. It knew counts, and the newest events
with their properties; it knew neither days nor values, visits, messages, statements or addresses.

Rule 1. What can be told exactly is: the days and the value of an event name of which every event
        is still remembered; statements and addresses, which have rows of their own; visits that
        have not ended.
Rule 2. Of the rest we say from when on it is known (``lost``, ``since_day``, ``..._lost_ms``):
        nothing that we only do not know counts as not having happened. A name's ``value`` is that
        of the events that are remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.past import Visit
from fencepost_gateway.decide.person import (
    NAMES_MAX,
    RECENT_MAX,
    UNSUMMED,
    PastEvent,
    Person,
    Reached,
)
from fencepost_gateway.decide.summary import (
    DAY_MS,
    EventSummary,
    fold_oldest,
    summary_of,
    value_of,
)

_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)
_pack = msgspec.msgpack.Encoder().encode
_statements = msgspec.json.Decoder(list[tuple[str, str, int, str, str, str]])
_addresses = msgspec.json.Decoder(list[tuple[str, str, str]])


def teach(db: apsw.Connection) -> None:
    """Let the migrations of a connection call ``grown_person``."""

    def called(*row: Any) -> bytes:
        return grown_person(*row)

    db.create_scalar_function("grown_person", called, 4, deterministic=True)


def grown_person(body: bytes, until_ms: int, statements: str, addresses: str) -> bytes:
    """
    Write a former person as one of today.

    Args:
        body: The former row.
        until_ms: When the former release appended its newest record.
        statements: The person's statements as a JSON list of rows.
        addresses: Their addresses as a JSON list of (channel, reference, device), the newest last.

    """
    person = _person.decode(body)
    oldest_ms = person.recent[0].at_ms if person.recent else until_ms
    for name, summary in person.summaries.items():
        _date(summary, [event for event in person.recent if event.name == name], oldest_ms)
        if summary.since_day:
            person.lost[name] = min(oldest_ms, summary.last_ms)
    if len(person.summaries) >= NAMES_MAX and len(person.recent) >= RECENT_MAX:
        person.lost[UNSUMMED] = oldest_ms
    fold_oldest(person.summaries)
    for each in person.inside:
        person.visit(Visit(each.fence_id, each.since_ms, each.visit_id))
    person.visits_lost_ms = person.messages_lost_ms = until_ms
    person.state(ConsentEntry(*row) for row in _statements.decode(statements))
    for channel, ref, device_id in _addresses.decode(addresses):
        person.reached_at(channel, Reached(ref, device_id))
    return _pack(person)


def _date(summary: EventSummary, events: Sequence[PastEvent], oldest_ms: int) -> None:
    """Give a summary its days; whatever fell out happened no later than what is remembered."""
    whole = len(events) >= summary.count
    summary.since_day = 0 if whole else min(oldest_ms, summary.last_ms) // DAY_MS + 1
    if not events:
        return
    found = summary_of(events[0].at_ms, value_of(events[0].props))
    for event in events[1:]:
        found.add(event.at_ms, value_of(event.props))
    summary.value = found.value
    summary.days = [cell for cell in found.days if summary.knows(cell.day)]
