"""
Joining: a visitor turns out to be somebody known, and what that does to a group's effects.

No I/O: works on the states and effects that ``group.py`` holds.

Rule 1. The visitor's history, runs and presences go into the known person once; from then on every
        record that names the visitor is about the known person.
Rule 2. What the group has for the visitor already is the known person's too: how the log was cut
        into groups leaves no trace.
Rule 3. Each visitor leaves one record: ``joined``, or ``kept_apart`` where the merge policy says
        so. A visitor who is kept apart logs in again and again; it is said the first time.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from fencepost_gateway.decide.person import APART_MAX, Person, merge
from fencepost_gateway.intake.records import Upload
from fencepost_gateway.ports import Effects
from fencepost_gateway.workers.states import States


def join(states: States, effects: Effects, visitor_id: str, known: Person) -> None:
    """Let ``known`` have everything that is the visitor's."""
    visitor = states.persons.pop(visitor_id, None)
    if visitor is not None:
        merge(known, visitor)
    states.census.join(visitor_id, known.person_id)
    states.merged[visitor_id] = known.person_id
    _rename(effects, visitor_id, known.person_id)
    effects.merges.append((visitor_id, known.person_id))
    effects.person_timers.pop(visitor_id, None)


def _rename(effects: Effects, visitor_id: str, person_id: str) -> None:
    """Give what is not written yet to the known person (Rule 2)."""

    def renamed(row: Any) -> Any:
        is_theirs = getattr(row, "person_id", "") == visitor_id
        return structs.replace(row, person_id=person_id) if is_theirs else row

    effects.addresses = [renamed(each) for each in effects.addresses]
    effects.messages = [renamed(each) for each in effects.messages]
    effects.records = [renamed(each) for each in effects.records]
    effects.trial_messages = [renamed(each) for each in effects.trial_messages]
    effects.trial_records = [renamed(each) for each in effects.trial_records]
    effects.history[:] = map(renamed, effects.history)
    effects.timers = {device_id: renamed(timer) for device_id, timer in effects.timers.items()}
    effects.runs = {run_id: renamed(row) for run_id, row in effects.runs.items()}
    effects.calls = [renamed(each) for each in effects.calls]
    effects.reacted = [
        (person_id if owner == visitor_id else owner, delivery_id, what)
        for owner, delivery_id, what in effects.reacted
    ]


def told(upload: Upload, known: Person) -> dict[str, Any] | None:
    """Say what became of the visitor of an upload; None when that was said before (Rule 3)."""
    if upload.parts and not upload.links:
        if upload.visitor_id in known.apart:
            return None
        known.apart = [*known.apart, upload.visitor_id][-APART_MAX:]
    return {
        "outcome": "joined" if upload.links else "kept_apart",
        "policy": upload.merging,
        "visitor_id": upload.visitor_id,
        "device_id": upload.device_id,
        "at_ms": upload.received_ms,
    }
