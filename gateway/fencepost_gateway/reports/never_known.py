"""
Never known: what the search for why somebody was never considered starts from and comes to.

Pure data, and the versions of a campaign or journey as they were live.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from fencepost_gateway.decide.person import Person
from fencepost_gateway.documents.models.campaign import Campaign
from fencepost_gateway.documents.models.entry import Entry
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.ports import BroadcastRow, DeviceSeen, DocumentRow, RecordRow, Statement

FOREVER_MS: Final = 1 << 62
SCHEDULE: Final = "schedule"  # the name of every broadcast of a schedule


class Finding(Struct, frozen=True):
    """One thing that was found out; ``facts`` fill in the sentence of ``code``."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)


class Known(Struct, frozen=True):
    """
    What is known of a person in a span of time.

    Attributes:
        person_id: Whose.
        from_ms: Begin of the span.
        until_ms: Its end, exclusive.
        person: As the pipeline has them now; None: it never saw them.
        told: Records of transitions in the span.
        devices: Those that speak for the person now.
        statements: Of consent, oldest first.
        fences: Every version of the fences in ``told``.
        policies: Every version of the policies in force.
        moved: Records of joining and leaving audiences in the span, oldest first.
        many: What many were told of, by the names that ``told_names`` gives, newest first.
        is_many_cut: There is more of it than was looked at.

    """

    person_id: str
    from_ms: int
    until_ms: int
    person: Person | None
    told: Sequence[RecordRow]
    devices: Sequence[DeviceSeen]
    statements: Sequence[Statement]
    fences: Mapping[str, Sequence[DocumentRow]]
    policies: Sequence[DocumentRow] = ()
    moved: Sequence[RecordRow] = ()
    many: Sequence[BroadcastRow] = ()
    is_many_cut: bool = False


class Edition(Struct, frozen=True):
    """A version of the campaign or journey, live from ``from_ms`` until ``until_ms``."""

    version: int
    authored: Campaign | Journey
    from_ms: int
    until_ms: int


def editions(versions: Sequence[DocumentRow]) -> Iterator[Edition]:
    """Give the versions that were live, in order of time."""
    rows = sorted(versions, key=lambda row: (row.applied_ms, row.version))
    ends = [row.applied_ms for row in rows[1:]] + [FOREVER_MS]
    for row, until_ms in zip(rows, ends, strict=True):
        if row.state == "live":
            shape = Journey if row.kind == "journey" else Campaign
            authored = shape.model_validate(msgspec.json.decode(row.body))
            yield Edition(row.version, authored, row.applied_ms, until_ms)


def edition_at(lived: Sequence[Edition], at_ms: int) -> Edition | None:
    """Give the version that was live at a moment."""
    return next((e for e in lived if e.from_ms <= at_ms < e.until_ms), None)


def told_names(versions: Sequence[DocumentRow]) -> frozenset[str]:
    """Name what is told to many that these versions wait for."""
    entries = (entry for edition in editions(versions) for entry in edition.authored.entry)
    return frozenset(filter(None, map(_told_name, entries)))


def _told_name(entry: Entry) -> str:
    if entry.external is not None:
        return entry.external
    if entry.schedule is not None:
        return SCHEDULE
    return entry.audience or "" if entry.include_existing else ""
