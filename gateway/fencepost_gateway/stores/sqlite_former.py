"""
Persons as a former release wrote them, read once and written as this one keeps them.

Pure. Migration 10 calls it, row by row, as the SQL function ``grown_person``; ``living_runs`` is
for migration 12. The former row has twelve fields, so its first byte tells it from any later one.
It knew counts, and the newest events with their properties; it knew neither days nor values,
visits, messages, statements or addresses.

Rule 1. What can be told exactly is: the days and the value of an event name of which every event
        is still remembered; statements and addresses, which have rows of their own; visits that
        have not ended.
Rule 2. Of the rest we say from when on it is known (``lost``, ``since_day``, ``..._lost_ms``):
        nothing that we only do not know counts as not having happened. A name's ``value`` is that
        of the events that are remembered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, cast

import apsw
import msgspec
from msgspec import Struct

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
    DayCell,
    EventSummary,
    fold_oldest,
    value_of,
)

_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)
_pack = msgspec.msgpack.Encoder().encode
_statements = msgspec.json.Decoder(list[tuple[str, str, int, str, str, str]])
_addresses = msgspec.json.Decoder(list[tuple[str, str, str]])


class _FormerRun(Struct):
    """What is asked of a run, whatever else its release kept."""

    ended_ms: int | None = None


class _Former(Struct):
    """What is asked of a person, whatever else their release kept."""

    runs: dict[str, _FormerRun] = {}


def teach(db: apsw.Connection) -> None:
    """Let the migrations of a connection call ``grown_person``."""

    def called(*row: Any) -> bytes:
        return grown_person(*row)

    db.create_scalar_function("grown_person", called, 4, deterministic=True)
    db.create_scalar_function(
        "living_runs", lambda *row: living_runs(cast("bytes", row[0])), 1, deterministic=True
    )


def living_runs(body: bytes) -> str:
    """Name, as a JSON list, the campaigns that a person is in."""
    runs = msgspec.msgpack.decode(body, type=_Former).runs.items()
    return msgspec.json.encode([name for name, run in runs if run.ended_ms is None]).decode()


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
    days = _days(person.recent)
    for name, summary in person.summaries.items():
        _date(summary, days.get(name, {}).values(), oldest_ms)
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


def _days(events: Iterable[PastEvent]) -> dict[str, dict[int, DayCell]]:
    """Count what is remembered by name and day; events come in order of time, so days do."""
    found: dict[str, dict[int, DayCell]] = {}
    for event in events:
        day = event.at_ms // DAY_MS
        cell = found.setdefault(event.name, {}).setdefault(day, DayCell(day, 0))
        cell.count += 1
        cell.value += value_of(event.props)
    return found


def _date(summary: EventSummary, cells: Collection[DayCell], oldest_ms: int) -> None:
    """Give a summary its days; whatever fell out happened no later than what is remembered."""
    if sum(cell.count for cell in cells) < summary.count:
        summary.since_day = min(oldest_ms, summary.last_ms) // DAY_MS + 1
    summary.value = sum(cell.value for cell in cells)
    summary.days = [cell for cell in cells if summary.knows(cell.day)]
