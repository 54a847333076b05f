"""
Passing: who comes by a fence (PASS), and who is about to arrive at one (APPROACH).

Pure. Both are told only of fences whose author asks (``passes``, ``approach_s``). What has to be
remembered of a device between two fixes are fences and until when they are nothing new
(``Until``): plain data, updated in place, without a position in it. Receivers sway, so both ask for
a way that no sway would make.

Rule 1. PASS: the straight way between two fixes, at most ``MAX_GAP_MS`` apart, crosses the fence,
        and the device is inside at neither end: not by its visits, nor by the fixes themselves.
Rule 2. A way counts if it is at least ``STRIDE`` times the accuracies of both ends together, no
        faster than ``MAX_SPEED_MPS``. So neither standing still nor a stray fix makes one.
Rule 3. One passage, one PASS: crossing the fence again, or being inside, within ``PASSAGE_MS`` (or
        the fence's cooldown, if longer) belongs to it, however often it happens.
Rule 4. APPROACH: three fixes, each a way (rule 2) from the one before, go straight enough (at most
        ``BEND`` longer than the straight way) and come nearer to the boundary. By the speed at
        which they do, the device is there within ``approach_s``; its course is at most 20
        degrees off the nearest point of the boundary, or crosses the fence within that time.
Rule 5. One approach, one APPROACH: it lasts until the device has neither been arriving nor inside
        for ``LEFT_MS`` (or the cooldown). Waiting at a light is no second one.
Rule 6. A fix that is too coarse for a fence (``verdict.is_coarse``) says nothing of it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import asin, atan2, cos, degrees, radians, sin
from typing import Final, Protocol

from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix, claimed_m
from fencepost_geofence.nearest import Measured, Wanted
from fencepost_geofence.sphere import EARTH_RADIUS_M, great_circle_m
from fencepost_geofence.verdict import is_coarse
from fencepost_geofence.way import crosses

MAX_GAP_MS: Final = 120_000
MAX_SPEED_MPS: Final = 100.0  # the fastest trains; who flies passes no shops
STRIDE: Final = 2.0  # one in ten thousand pairs of fixes of a device that stands still
BEND: Final = 1.08  # as long as the way around a corner of 45 degrees
ON_COURSE: Final = 0.94  # cos 20 degrees
PASSAGE_MS: Final = 300_000
LEFT_MS: Final = 900_000
NEAREST_MAX: Final = 100  # fences that one fix can approach

Three = tuple[Fix, Fix, Fix]
Until = dict[str, int]
"""Ids of fences, and the moment until which coming by there is nothing new."""


class Fences(Protocol):
    """What is asked of the index of fences."""

    def get(self, fence_id: str) -> Fence | None:
        """Give a fence by its id."""

    def crossed(self, lat1: float, lon1: float, lat2: float, lon2: float) -> list[Fence]:
        """Give the fences that a way crosses, in order of their ids."""

    def nearest(
        self,
        lat: float,
        lon: float,
        k: int,
        *,
        wanted: Wanted | None = None,
        within_m: float = ...,
    ) -> list[Measured]:
        """Give the nearest fences with their signed distances."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A fence that a device approaches: how far it is, and when it will be there."""

    fence: Fence
    distance_m: float
    arrives_in_s: int


def passed(
    until: Until, previous: Fix, fix: Fix, index: Fences, inside: Collection[str]
) -> list[Fence]:
    """
    Tell which fences a device has passed on its way to a fix (rules 1-3).

    Args:
        until: Fences the device passed or visited; updated in place.
        previous: The fix before.
        fix: The fix.
        index: The fences.
        inside: Ids of the fences it is inside of, or was until this fix.

    Returns:
        The fences passed, in order of their ids.

    """
    _forget(until, fix.at_ms)
    for fence in _known(index, inside):
        if fence.passes:
            until[fence.fence_id] = _until_ms(fix, fence, PASSAGE_MS)
    if not _is_way(previous, fix):
        return []
    told = []
    for fence in index.crossed(previous.lat, previous.lon, fix.lat, fix.lon):
        if not fence.passes or fence.fence_id in inside:
            continue
        is_new = fence.fence_id not in until
        if is_new and not _is_past(fence, previous, fix):
            continue
        until[fence.fence_id] = _until_ms(fix, fence, PASSAGE_MS)
        if is_new:
            told.append(fence)
    return told


def arrivals(
    until: Until, fixes: Sequence[Fix], index: Fences, longest_s: int, inside: Collection[str]
) -> list[Arrival]:
    """
    Tell which fences a device has begun to approach (rules 4 and 5).

    Args:
        until: Fences the device approaches or visited; updated in place.
        fixes: Its latest fixes, oldest first. Three will do for whoever is fast; who walks with a
            fix every few seconds needs those of a minute or two.
        index: The fences.
        longest_s: The largest ``approach_s`` among them.
        inside: Ids of the fences it is inside of, or was until the last fix.

    Returns:
        The arrivals, in order of the fences' ids.

    """
    if not fixes or not longest_s:
        return []
    fix = fixes[-1]
    _forget(until, fix.at_ms)
    for fence in _known(index, inside):
        if fence.approach_s is not None:
            until[fence.fence_id] = _until_ms(fix, fence, LEFT_MS)
    three = _course(fixes)
    if three is None or longest_s <= 0:
        return []
    told = []
    for arrival in _arriving(three, index, longest_s):
        fence_id = arrival.fence.fence_id
        if fence_id not in inside and fence_id not in until:
            told.append(arrival)
        until[fence_id] = _until_ms(fix, arrival.fence, LEFT_MS)
    return sorted(told, key=lambda arrival: arrival.fence.fence_id)


def _known(index: Fences, fence_ids: Collection[str]) -> Iterator[Fence]:
    for fence_id in fence_ids:
        if fence := index.get(fence_id):
            yield fence


def _forget(until: Until, now_ms: int) -> None:
    for fence_id in [one for one, until_ms in until.items() if until_ms < now_ms]:
        del until[fence_id]


def _until_ms(fix: Fix, fence: Fence, at_least_ms: int) -> int:
    return fix.at_ms + max(at_least_ms, fence.cooldown_s * 1000)


def _is_past(fence: Fence, previous: Fix, fix: Fix) -> bool:
    """Say whether both fixes are good enough for the fence, and outside it."""
    return not any(
        is_coarse(one.accuracy_m, fence.size_m) or fence.shape.contains(one.lat, one.lon)
        for one in (previous, fix)
    )


def _is_way(previous: Fix, fix: Fix) -> bool:
    """Say whether the device went from one fix to the other (rule 2)."""
    if not 0 < fix.at_ms - previous.at_ms <= MAX_GAP_MS:
        return False
    took_s = (fix.at_ms - previous.at_ms) / 1000
    length_m = _length_m(previous, fix)
    blur_m = claimed_m(previous.accuracy_m) + claimed_m(fix.accuracy_m)
    return STRIDE * blur_m <= length_m <= MAX_SPEED_MPS * took_s


def _length_m(a: Fix, b: Fix) -> float:
    return great_circle_m(a.lat, a.lon, b.lat, b.lon)


def _course(fixes: Sequence[Fix]) -> Three | None:
    """Choose three fixes that show where the device goes; None when it stands or turns."""
    last = len(fixes) - 1
    middle = _stride(fixes, last)
    first = None if middle is None else _stride(fixes, middle)
    if middle is None or first is None:
        return None
    a, b, c = fixes[first], fixes[middle], fixes[last]
    is_straight = _length_m(a, b) + _length_m(b, c) <= BEND * _length_m(a, c)
    return (a, b, c) if is_straight else None


def _stride(fixes: Sequence[Fix], at: int) -> int | None:
    """Find the last fix from which it is a way to this one."""
    return next((i for i in range(at - 1, -1, -1) if _is_way(fixes[i], fixes[at])), None)


def _arriving(three: Three, index: Fences, longest_s: int) -> Iterator[Arrival]:
    """Give the fences on the way that are near enough in time."""
    a, _, c = three
    took_s = (c.at_ms - a.at_ms) / 1000
    speed_mps = _length_m(a, c) / took_s
    near = index.nearest(
        c.lat,
        c.lon,
        NEAREST_MAX,
        wanted=lambda fence: fence.approach_s is not None,
        within_m=speed_mps * longest_s,
    )
    for fence, distance_m in near:
        if distance_m <= 0 or is_coarse(c.accuracy_m, fence.size_m):
            continue
        closing_mps = (fence.shape.signed_distance_m(a.lat, a.lon) - distance_m) / took_s
        if closing_mps <= 0:
            continue
        arrives_s = distance_m / closing_mps
        approach_s = fence.approach_s or 0
        if arrives_s > approach_s:
            continue
        if closing_mps >= ON_COURSE * speed_mps or crosses(
            (c.lat, c.lon, *_ahead(a, c, speed_mps * approach_s)), fence
        ):
            yield Arrival(fence, distance_m, int(arrives_s))


def _ahead(start: Fix, now: Fix, length_m: float) -> tuple[float, float]:
    """Give the position so many metres ahead, on the great circle from ``start`` over ``now``."""
    phi1, phi2 = radians(start.lat), radians(now.lat)
    turn = radians(start.lon - now.lon)
    back = atan2(sin(turn) * cos(phi1), cos(phi2) * sin(phi1) - sin(phi2) * cos(phi1) * cos(turn))
    angle = length_m / EARTH_RADIUS_M
    # Ahead is the direction opposite to the one back: both cosine and sine change their sign.
    sin_lat = sin(phi2) * cos(angle) - cos(phi2) * sin(angle) * cos(back)
    lat = asin(max(-1.0, min(1.0, sin_lat)))
    east = atan2(-sin(back) * sin(angle) * cos(phi2), cos(angle) - sin(phi2) * sin_lat)
    return degrees(lat), now.lon + degrees(east)
