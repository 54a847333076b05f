"""
Drawn: a way that somebody drew becomes the fixes a phone would tell.

Pure. Walking tells a fix every 15 s, standing one a minute, as an SDK at rest does; between two
points the way is straight. Noise is the business of the benchmark. A leg of more fixes than
``FIXES_MAX`` is refused before any is made: it is nearly always a fence whose latitude and
longitude changed places, and playing it would take hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.lab.scenario import AtFence, Leg
from fencepost_gateway.lab.tracks import TrackPoint
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Circle
from fencepost_geofence.sphere import ground_m

WALKING_MS: Final = 15_000
STANDING_MS: Final = 60_000
FIXES_MAX: Final = 20_000

Spot = tuple[float, float]


class NoSuchFenceError(Exception):
    """A leg leads to a fence that is not there."""

    def __init__(self, leg: int, fence_id: str) -> None:
        super().__init__(fence_id)
        self.leg, self.fence_id = leg, fence_id


class LegTooLongError(Exception):
    """A leg goes on for more fixes than anybody means to play."""

    def __init__(self, leg: int, length_m: float, lasts_ms: int) -> None:
        super().__init__(f"leg {leg}")
        self.leg, self.length_m, self.lasts_ms = leg, length_m, lasts_ms


def fixes_along(
    path: Sequence[Leg], fences: Mapping[str, Fence], start_ms: int
) -> list[TrackPoint]:
    """
    Give the fixes of a drawn way.

    Raises:
        NoSuchFenceError: A leg leads to a fence that is not there.
        LegTooLongError: A leg has more than ``FIXES_MAX`` fixes.

    """
    found: list[TrackPoint] = []
    here, at_ms = (0.0, 0.0), start_ms
    for number, leg in enumerate(path):
        meant = leg.at if leg.at is not None else leg.to
        there = here if meant is None else _spot(meant, fences, number)
        lasts_ms = _lasts_ms(leg, here, there)
        if leg.silent is None and lasts_ms > FIXES_MAX * _every_ms(leg):
            raise LegTooLongError(number, ground_m(*here, *there), lasts_ms)
        points = list(_leg(leg, here, there, at_ms))
        found += points[1:] if found and points and leg.at is None else points
        at_ms = at_ms + lasts_ms
        here = there
    return found


def middle_of(fence: Fence) -> Spot:
    """Give a spot to walk to: the middle of the fence, or one inside if that is not."""
    shape = fence.shape
    lat, lon, *_ = shape.hub
    if isinstance(shape, Circle) or shape.contains(lat, lon):
        return lat, lon
    area = shape.area if isinstance(shape, Corridor) else shape
    inside = area.geometry.representative_point()
    return inside.y, inside.x


def _spot(meant: list[float] | AtFence, fences: Mapping[str, Fence], leg: int) -> Spot:
    if not isinstance(meant, AtFence):
        return meant[0], meant[1]
    if meant.fence not in fences:
        raise NoSuchFenceError(leg, meant.fence)
    return middle_of(fences[meant.fence])


def _lasts_ms(leg: Leg, here: Spot, there: Spot) -> int:
    if leg.to is not None:
        return round(ground_m(*here, *there) / leg.speed_mps * 1000)
    return parse_duration_ms(leg.stay or leg.silent) or 0


def _every_ms(leg: Leg) -> int:
    return STANDING_MS if leg.stay is not None else WALKING_MS


def _leg(leg: Leg, here: Spot, there: Spot, at_ms: int) -> Iterator[TrackPoint]:
    """Give the fixes of one leg; the first is where the one before has ended."""
    lasts_ms = _lasts_ms(leg, here, there)
    if leg.silent is not None:
        return
    for after_ms in (*range(0, lasts_ms, _every_ms(leg)), lasts_ms):
        share = after_ms / lasts_ms if lasts_ms else 1.0
        lat, lon = (a + (b - a) * share for a, b in zip(here, there, strict=True))
        yield TrackPoint(at_ms + after_ms, lat, lon, leg.accuracy_m)
