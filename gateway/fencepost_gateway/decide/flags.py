"""
Flags: what was suspicious lately about a device's positions (``fencepost_geofence.suspicion``).

Pure apart from the person, with whom flags stand: by device and name, with the moment they were
last seen, and no position.

Rule 1. They are kept for ``KEEP_MS`` and at most ``FLAGS_MAX``, the newest; and go when location
        is withdrawn.
Rule 2. A transition bears those of its device that were seen since ``BEFORE_MS`` before its visit
        began. So a visit that came of a leap stays marked to its end.
Rule 3. A visit is clean when its transition bears none but weak ones, which honest receivers may
        earn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from fencepost_geofence.suspicion import WEAK

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person

KEEP_MS = 86_400_000
BEFORE_MS = 3_600_000
FLAGS_MAX = 32


class Flagged(Struct, frozen=True, gc=False, array_like=True):
    """A flag of a device, last seen at ``at_ms``."""

    flag: str
    device_id: str
    at_ms: int


def note(person: Person, device_id: str, flags: Iterable[str], at_ms: int) -> None:
    """Remember what is suspicious about an upload that ended at ``at_ms`` (Rule 1)."""
    kept = {(one.flag, one.device_id): one.at_ms for one in person.flags}
    for flag in flags:
        kept[flag, device_id] = max(at_ms, kept.pop((flag, device_id), at_ms))
    young = [Flagged(*key, ms) for key, ms in kept.items() if at_ms - ms <= KEEP_MS]
    person.flags = young[-FLAGS_MAX:]


def borne(person: Person, device_id: str, began_ms: int) -> tuple[str, ...]:
    """Give the flags of a transition whose visit began then (Rule 2)."""
    since_ms = began_ms - BEFORE_MS
    return tuple(
        sorted(f.flag for f in person.flags if f.device_id == device_id and f.at_ms >= since_ms)
    )


def is_clean(flags: Iterable[str]) -> bool:
    """Say whether a transition with these flags is of a clean visit (Rule 3)."""
    return WEAK.issuperset(flags)
