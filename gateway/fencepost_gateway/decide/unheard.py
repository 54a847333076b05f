"""
Unheard: how many positions of a device could not speak lately, and why; counts, and no position.

Pure apart from the person, with whom the counts stand: by UTC day of the record's append, device
and reason, as the tracker dropped them (``fencepost_geofence.heard``).

Rule 1. Counted are ``COUNTED``. A ``duplicate`` is left out: the position was heard, once.
Rule 2. Kept are the newest ``DAYS`` days and at most ``ROWS_MAX`` counts, the newest; they go when
        location is withdrawn, and with a device that speaks for somebody else.
Rule 3. Of two persons who are joined the counts are added.

Positions that the door refuses for want of consent are in no log and so in no count: the statements
of consent tell of them (``reports.never``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_geofence.heard import DropReason

DAY_MS: Final = 86_400_000
DAYS: Final = 7
ROWS_MAX: Final = 64
COUNTED: Final[tuple[DropReason, ...]] = ("late", "mock", "null_island", "bad_position")


class Unheard(Struct, frozen=True, gc=False, array_like=True):
    """So many positions of a device could not speak on a day (since 1970, UTC)."""

    day: int
    device_id: str
    reason: str
    count: int


def count_unheard(
    person: Person, device_id: str, dropped: Mapping[DropReason, int], now_ms: int
) -> bool:
    """Count what the tracker dropped of an upload; say whether there was anything (Rule 1)."""
    day = now_ms // DAY_MS
    found = [Unheard(day, device_id, r, dropped[r]) for r in COUNTED if dropped.get(r)]
    if found:
        person.unheard = added(person.unheard, found)
    return bool(found)


def added(ours: Iterable[Unheard], theirs: Iterable[Unheard]) -> list[Unheard]:
    """Add counts to counts, oldest day first (Rules 2 and 3)."""
    counts: dict[tuple[int, str, str], int] = {}
    for one in (*ours, *theirs):
        key = (one.day, one.device_id, one.reason)
        counts[key] = counts.get(key, 0) + one.count
    newest = max((day for day, _, _ in counts), default=0)
    rows = [Unheard(*key, n) for key, n in sorted(counts.items()) if key[0] > newest - DAYS]
    return rows[-ROWS_MAX:]


def unheard_within(person: Person, from_ms: int, until_ms: int) -> list[Unheard]:
    """Give the counts of the UTC days that a span of time touches, oldest first."""
    first, last = from_ms // DAY_MS, (until_ms - 1) // DAY_MS
    return [one for one in person.unheard if first <= one.day <= last]
