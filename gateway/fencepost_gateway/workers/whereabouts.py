"""
Whereabouts: where ``nearest`` looks from.

Reads the store, writes nothing. From the newest fix of the person's devices, at most ``FIX_MAX_MS``
old, where they may be located; else from the home that the person stated, known to 0.01 degrees;
else from nowhere. A home is never guessed, and no position is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog

from fencepost_gateway.content.nearest import CELL_M, Position
from fencepost_gateway.decide.person import Person
from fencepost_gateway.intake.history import HOME
from fencepost_gateway.ports import Store
from fencepost_geofence.fix import Fix, claimed_m
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG
from fencepost_geofence.state import DeviceState

FIX_MAX_MS: Final = 24 * 3_600_000
DEVICES_MAX: Final = 8

log = structlog.get_logger()
_device: msgspec.msgpack.Decoder[DeviceState] = msgspec.msgpack.Decoder(DeviceState)


async def whereabouts(
    store: Store, person_id: str, shown: Person, now_ms: int, *, may_locate: bool
) -> Position | None:
    """
    Find where ``nearest`` looks from.

    Args:
        store: Where the tracks are.
        person_id: Whose devices are looked at.
        shown: Whose facts the message is made of, with the home they stated.
        now_ms: When.
        may_locate: Whether devices may be looked at.

    """
    fix = await _newest_fix(store, person_id, now_ms) if may_locate else None
    if fix is None:
        return stated_home(shown.attributes)
    age_ms = max(0, now_ms - fix.at_ms)
    return Position(fix.lat, fix.lon, claimed_m(fix.accuracy_m), "fix", age_ms)


async def _newest_fix(store: Store, person_id: str, now_ms: int) -> Fix | None:
    seen = await store.people.devices_of(person_id, DEVICES_MAX)
    tracks = await store.tracks([each.device_id for each in seen])
    fixes = [fix for fix in map(_newest, tracks.values()) if fix is not None]
    fresh = [fix for fix in fixes if now_ms - fix.at_ms <= FIX_MAX_MS]
    return max(fresh, key=lambda fix: fix.at_ms, default=None)


def _newest(track: bytes) -> Fix | None:
    try:
        return _device.decode(track).trail.newest()
    except msgspec.DecodeError:
        log.warning("whereabouts.track_unreadable")
        return None


def stated_home(attributes: Mapping[str, Any]) -> Position | None:
    """Give the home that somebody stated, to 0.01 degrees; None when that is no position."""
    values = [attributes.get(name) for name in HOME]
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) != len(HOME):
        return None
    lat, lon = numbers
    if not (abs(lat) <= POLE_DEG and abs(lon) <= SEAM_DEG):
        return None
    return Position(round(lat, 2), round(lon, 2), CELL_M, "home")
