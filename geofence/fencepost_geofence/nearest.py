"""
Nearest: the fences whose boundary is nearest to a position, and those in reach of it.

Pure.

Rule 1. Near is what ``signed_distance_m`` says: deepest inside first, then by the way to the
        boundary; equally near ones in order of their ids. The answer equals measuring them all.
Rule 2. A box's distance never exceeds its fence's. Fences are measured in the order of their
        boxes' distances until none that is left can be nearer than the last one wanted.
Rule 3. Only boxes in reach are looked at: a reach that doubles until it holds enough.
"""

from collections.abc import Callable
from heapq import heappush, heappushpop
from math import asin, cos, degrees, inf, pi, radians, sin
from typing import Final

import numpy as np

from fencepost_geofence.boxtree import BoxTree, Floats
from fencepost_geofence.fence import Fence
from fencepost_geofence.sphere import LEAST_RADIUS_M, POLE_DEG, SEAM_DEG, Box, boxes

Wanted = Callable[[Fence], bool]
Measured = tuple[Fence, float]

FIRST_REACH_M: Final = 500.0
_SLACK_M: Final = 1.0  # rounding near the far side of the earth costs decimetres
_HALF_TURN_M: Final = pi * LEAST_RADIUS_M


def nearest(
    tree: BoxTree, at: tuple[float, float], k: int, wanted: Wanted | None, within_m: float
) -> list[Measured]:
    """
    Give the ``k`` nearest fences with their signed distances, nearest first.

    Args:
        tree: Their boxes.
        at: Latitude and longitude of the position.
        k: How many at most.
        wanted: Which fences count; None: all.
        within_m: None whose boundary is farther away.

    """
    measured: dict[str, Measured] = {}
    worst: list[float] = []  # the k least distances, negated: the largest on top
    reach_m = min(FIRST_REACH_M, within_m + _SLACK_M)
    while k > 0:
        for fence, bound_m in _by_bound(tree, at, reach_m):
            if len(worst) == k and bound_m - _SLACK_M > max(0.0, -worst[0]):
                break
            if fence.fence_id in measured or (wanted and not wanted(fence)):
                continue
            distance_m = fence.shape.signed_distance_m(*at)
            measured[fence.fence_id] = fence, distance_m
            if distance_m <= within_m:
                (heappush if len(worst) < k else heappushpop)(worst, -distance_m)
        is_enough = len(worst) == k and -worst[0] <= reach_m - _SLACK_M
        if is_enough or reach_m >= min(within_m + _SLACK_M, _HALF_TURN_M):
            break
        reach_m = 2 * reach_m
    found = [each for each in measured.values() if each[1] <= within_m]
    return sorted(found, key=lambda each: (each[1], each[0].fence_id))[:k]


def around(lat: float, lon: float, reach_m: float) -> tuple[Box, ...]:
    """Give boxes that hold every position in reach."""
    angle = min(reach_m / LEAST_RADIUS_M, pi)
    south, north = lat - degrees(angle), lat + degrees(angle)
    if south <= -POLE_DEG or north >= POLE_DEG:
        return boxes(-SEAM_DEG, south, SEAM_DEG, north)
    half_deg = degrees(asin(min(1.0, sin(angle) / cos(radians(lat)))))
    return boxes(lon - half_deg, south, lon + half_deg, north)


def box_distances_m(lat: float, lon: float, bounds: Floats) -> Floats:
    """
    Give the least distance from a position to each box.

    Beside a box the nearest point lies on the meridian of one of its edges: the distance along a
    meridian is a sine of latitude, largest cosine where it bends, or at an end.
    """
    west, south, east, north = (np.radians(column) for column in bounds.T)
    phi, lam = radians(lat), radians(lon)
    straight = np.maximum(0.0, np.maximum(south - phi, phi - north))
    best = np.where((west <= lam) & (lam <= east), straight, inf)
    for edge in (west, east):
        bend = np.arctan2(sin(phi), cos(phi) * np.cos(edge - lam))
        for foot in (south, north, np.clip(bend, south, north)):
            half_lat, half_lon = np.sin((foot - phi) / 2), np.sin((edge - lam) / 2)
            squared = half_lat**2 + cos(phi) * np.cos(foot) * half_lon**2
            best = np.minimum(best, 2 * np.arcsin(np.sqrt(np.clip(squared, 0.0, 1.0))))
    return best * LEAST_RADIUS_M


def _by_bound(tree: BoxTree, at: tuple[float, float], reach_m: float) -> list[tuple[Fence, float]]:
    numbers = [number for box in around(*at, reach_m) for number in tree.numbers(box)]
    bounds_m = box_distances_m(*at, tree.bounds(numbers))
    order = np.argsort(bounds_m, kind="stable").tolist()
    owners = tree.owners(numbers)
    return [
        (owners[i], bound_m) for i, bound_m in zip(order, bounds_m[order].tolist(), strict=True)
    ]
