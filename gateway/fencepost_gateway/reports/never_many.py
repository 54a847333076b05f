"""
Never, of what many are told: why none of it started anything for somebody.

Pure; a part of ``never``. An event from outside, a schedule, members who are taken in; also calls.

Rule 1. What was told in the span is asked in turn, the nearest miss is the reason: told while the
        campaign did not wait for it, its properties, membership, still under way, over before
        anybody had heard of the person.
Rule 2. Membership is that of now, with since when it lasts: what it was at the person's turn is on
        record only where they joined or left by themselves.
Rule 3. What many were told is kept for ``KEPT_MS`` after it was done; of a time before that, or
        where there is more than is looked at, nothing is said to have never come.
Rule 4. A call leaves a record whatever comes of it, so without one there was none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fencepost_gateway.decide.broadcasts import Broadcast, Wanted, general
from fencepost_gateway.decide.cause import operands_of, rule_facts, standing_facts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.rules import Evaluation, Rule, compile_where
from fencepost_gateway.documents.models.entry import Entry
from fencepost_gateway.ports import BroadcastRow
from fencepost_gateway.reports.never_audience import OPERANDS_MAX
from fencepost_gateway.reports.never_known import (
    SCHEDULE,
    Edition,
    Finding,
    Known,
    edition_at,
)

NEAR_MANY: Final = {
    "many_under_way": 0, "many_unsaid": 1, "many_before_known": 2, "many_taken": 3,
    "many_joined_later": 4, "many_not_in": 5, "many_where": 6, "many_not_live_then": 7,
    "audience_gone": 6, "many_unsure": 8, "many_none": 8, "no_call": 8,
}  # fmt: skip


def by_many(
    plan: Plan, entry: Entry, lived: Sequence[Edition], name: str, known: Known
) -> Finding | None:
    """
    Say why what many are told, or a call, started nothing for somebody.

    Args:
        plan: What is in force now.
        entry: By an event from outside, a schedule, members who are taken in, or a call.
        lived: The versions that were live, oldest first.
        name: Id of the campaign or journey.
        known: What is known of the person.

    Returns:
        The nearest miss; None where there was none and the entry has another way in.

    """
    if entry.api:
        return Finding("no_call", {"campaign": name})
    rows = [row for row in known.many if _is_of(row.broadcast, entry, name)]
    inside = [row for row in rows if _was_told_in(row, known)]
    where = None if entry.where is None else compile_where(entry.where)
    misses = [_miss(plan, (entry, where), row, lived, name, known) for row in inside]
    if misses:
        nearest = min(misses, key=lambda miss: NEAR_MANY[miss.code])
        if nearest.code == "many_not_in":  # the same for all of them, so asked once
            nearest.facts["why"] = _not_in(plan, entry, known)
        return nearest
    if entry.audience is not None:
        return None
    return Finding("many_unsure" if known.is_many_cut else "many_none", _what(entry))


def _is_of(broadcast: Broadcast, entry: Entry, name: str) -> bool:
    if entry.external is not None:
        return broadcast.kind == "external" and broadcast.name == entry.external
    if broadcast.campaign_id != name:
        return False
    if entry.schedule is not None:
        return broadcast.kind == SCHEDULE
    return broadcast.kind == "members" and broadcast.source_id == entry.audience


def _was_told_in(row: BroadcastRow, known: Known) -> bool:
    return row.appended_ms < known.until_ms and (row.done_ms or known.from_ms) >= known.from_ms


def _what(entry: Entry) -> dict[str, Any]:
    """Say in facts which entry is meant; ``never_words`` knows what to call it."""
    for many in ("external", "schedule", "audience"):
        if getattr(entry, many) is not None:
            return {"many": many, "of": getattr(entry, many)}
    return {}


def _miss(
    plan: Plan,
    asked: tuple[Entry, Rule | None],
    row: BroadcastRow,
    lived: Sequence[Edition],
    name: str,
    known: Known,
) -> Finding:
    entry, where = asked
    facts = _what(entry) | {"at_ms": row.appended_ms, "campaign": name}
    edition = edition_at(lived, row.appended_ms)
    if edition is None or entry not in edition.authored.entry:
        return Finding("many_not_live_then", facts)
    if where is not None:
        told = rule_facts(plan, Person(""), general(row.broadcast, 0, ""), row.appended_ms)
        answer = where.evaluate(told)
        if not answer.ok:
            return Finding("many_where", facts | {"why": _why(answer)})
    if row.state != "done":
        counts = {"count": row.seen, "total": max(row.total, row.seen)}
        return Finding("many_under_way", facts | counts)
    first_ms = min((device.first_ms for device in known.devices), default=None)
    done_ms = row.done_ms or row.appended_ms
    if known.person is None or (first_ms is not None and first_ms > done_ms):
        return Finding("many_before_known", facts)
    return next(_by_membership(plan, entry, row, name, known), Finding("many_unsaid", facts))


def _by_membership(
    plan: Plan, entry: Entry, row: BroadcastRow, name: str, known: Known
) -> Iterator[Finding]:
    audience_id = entry.audience or entry.audience_id
    if not audience_id:
        return
    person = known.person or Person(known.person_id)
    facts = _what(entry) | {
        "at_ms": row.appended_ms, "campaign": name, "audience": audience_id,
    }  # fmt: skip
    audience, since_ms = plan.audiences.by_id.get(audience_id), person.audiences.get(audience_id)
    if audience is None:
        yield Finding("audience_gone", {"audience": audience_id})
    elif since_ms is None:
        yield Finding("many_not_in", facts)
    elif since_ms > (row.done_ms or row.appended_ms):
        yield Finding("many_joined_later", facts | {"since_ms": since_ms})
    elif entry.only_new and person.taken.get(Wanted(name, audience_id).series) == since_ms:
        yield Finding("many_taken", facts | {"since_ms": since_ms})


def _not_in(plan: Plan, entry: Entry, known: Known) -> str:
    """Say what stands against the membership that the entry asks for."""
    audience = plan.audiences.by_id[entry.audience or entry.audience_id]
    person = known.person or Person(known.person_id)
    return _why(audience.when.evaluate(standing_facts(plan, person, known.until_ms - 1)))


def _why(answer: Evaluation) -> str:
    false = [f"{o['rule']}: {o['value']!r}" for o in operands_of(answer) if not o["ok"]] or ["-"]
    return "; ".join(false[:OPERANDS_MAX])
