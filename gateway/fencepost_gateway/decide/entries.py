"""
Entries: whether something that happened is what an entry, or a run, waits for.

Pure. The condition of an entry (``where``) is asked apart, as it leaves a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fencepost_gateway.decide.plan import (
    AudienceEntry,
    Entry,
    EventEntry,
    ExternalEntry,
    ScheduleEntry,
    TransitionEntry,
)

if TYPE_CHECKING:
    from fencepost_gateway.decide.rules import Rule
    from fencepost_gateway.decide.stimulus import Cause


def opens(entry: Entry, cause: Cause) -> bool:
    """Say whether this entry is meant by what happened, its ``where`` aside."""
    if isinstance(entry, EventEntry):
        return cause.kind == "event" and entry.name == cause.name
    if isinstance(entry, AudienceEntry):
        return (
            cause.kind == "audience"
            and entry.audience_id == cause.audience_id
            and (entry.existing if cause.name == "member" else entry.on == cause.name)
        )
    if isinstance(entry, TransitionEntry):
        return _opens_by_place(entry, cause)
    if isinstance(entry, ExternalEntry):
        return cause.kind == "external" and entry.name == cause.name
    return cause.kind == ("schedule" if isinstance(entry, ScheduleEntry) else "api")


def _opens_by_place(entry: TransitionEntry, cause: Cause) -> bool:
    return (
        cause.kind == "transition"
        and entry.kind == cause.name
        and cause.fence_id in entry.fence_ids
        and (entry.after_ms is None or entry.after_ms == cause.after_ms)
        and (entry.initial or not cause.initial)
        and (entry.opened or not cause.opened)
    )


def where_of(entry: Entry) -> Rule | None:
    """Give the condition of an entry over what its event tells; None: it has none."""
    return entry.where if isinstance(entry, EventEntry | ExternalEntry) else None
