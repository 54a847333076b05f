"""
Fix zone: in which time zone a person was seen last; quiet hours follow the traveller by it.

No I/O; the zones' borders come with ``tzfpy``.

Rule 1. Only the zone's name and the moment are kept with the person, never the position. Both go
        when location is withdrawn.
Rule 2. It is looked up for the newest fix of an upload, and noted when the zone is another one or
        was confirmed more than ``CONFIRM_MS`` ago: half a microsecond an upload, a row an hour.
Rule 3. Made-up positions say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tzfpy import get_tz

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.spans import zone_named
from fencepost_geofence.fix import Fix

CONFIRM_MS: Final = 3_600_000


def note_zone(person: Person, fixes: Iterable[Fix]) -> bool:
    """Note where the person is by the newest of these fixes; says whether anything changed."""
    newest = max((f for f in fixes if not f.is_mock), key=lambda f: f.at_ms, default=None)
    if newest is None or newest.at_ms <= person.fix_zone_at_ms:
        return False
    if not (abs(newest.lat) <= 90 and abs(newest.lon) <= 180):  # noqa: PLR2004 - degrees
        return False
    name = get_tz(newest.lon, newest.lat)
    if name == person.fix_zone and newest.at_ms - person.fix_zone_at_ms < CONFIRM_MS:
        return False
    if zone_named(name) is None:
        return False
    person.fix_zone, person.fix_zone_at_ms = name, newest.at_ms
    return True


def load_borders() -> None:
    """Read the borders of the zones, which the first look-up would wait for: 0.3 s and 33 MiB."""
    get_tz(0.0, 0.0)


def forget_zone(person: Person) -> None:
    """Forget it: location was withdrawn."""
    person.fix_zone, person.fix_zone_at_ms = "", 0
