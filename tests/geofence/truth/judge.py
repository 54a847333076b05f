"""
Judge: where index or shapes say something else than the oracle, position by position.

Rule 1. A position counts by its side when the oracle puts it farther from the boundary than the
        known error (``error_m``). Nearer ones count by distance; which side they are on is asked
        of the shape alone, so that the index must still give every fence it should.
Rule 2. Each function goes through all fences for all positions, without the index, and gives a line
        for each difference and a tally of what was compared: nobody is content with nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fencepost_geofence.fence import Fence
from fencepost_geofence.index import REACH_M
from fencepost_geofence.shapes import Circle
from fencepost_geofence.sphere import Box
from fencepost_geofence.way import crosses
from geofence.truth.oracle import LEAST_M_PER_DEG, Bools, Floats, Truth, on_ellipsoid
from geofence.truth.world import Spots, World

Ints = npt.NDArray[np.int64]
Verdict = tuple[list[str], Counter[str]]
"""Differences, and how much was compared."""

SPHERE: Final = 0.000_3  # of a distance: what is left of the ellipsoid (ADR 0013)
OUTLINE: Final = 0.003  # of half a width: how a corridor's outline is drawn
OUTLINE_M: Final = 0.3
ROUNDING_M: Final = 1e-3
FRAME: Final = 0.015 / 6_371_008.8  # of a distance's square: which edge is nearest, far north
STEEPEST_LAT: Final = 86.0
FAR_M: Final = 100_000.0  # beyond it lengths are no promise
STEPS: Final = 64  # of a way that is walked
_SHOWN: Final = 20
_REACH_DEG: Final = REACH_M / 110_574.28  # by the least there is


def error_m(truth: Truth, signed_m: Floats) -> Floats:
    """Give how far a distance may be off."""
    error: Floats = SPHERE * (abs(signed_m) + truth.reach_m) + ROUNDING_M
    if truth.is_area or truth.is_line:
        farthest = abs(truth.edges[:, 1]).max() + abs(signed_m) / LEAST_M_PER_DEG
        steep = np.tan(np.radians(np.minimum(farthest, STEEPEST_LAT)))
        error += FRAME * steep * signed_m**2
        if truth.is_line:
            error += OUTLINE * truth.reach_m + OUTLINE_M
    return error


def wrong_at(world: World, spots: Spots) -> Verdict:
    """Compare ``at``."""
    expected: list[Ints] = []
    tally: Counter[str] = Counter()
    for number, fence, truth in _all(world):
        window = truth.window(*spots, 0.02 * truth.reach_m + 1)
        lats, lons = spots[0][window], spots[1][window]
        signed_m = truth.signed_m(lats, lons)
        is_close = abs(signed_m) <= (ROUNDING_M if truth.is_area else error_m(truth, signed_m))
        is_sure = ~is_close & (signed_m < 0)
        asked = [fence.shape.contains(*spot) for spot in _rows(lats[is_close], lons[is_close])]
        holds = np.concatenate((window[is_sure], window[is_close][np.array(asked, dtype=bool)]))
        expected.append(holds * len(world.fences) + number)
        tally.update(sure=int(is_sure.sum()), close=int(is_close.sum()))
    found = _found(world, [world.index.at(*spot) for spot in _rows(*spots)])
    return _told(world, np.setxor1d(np.concatenate(expected), found), spots), tally


def wrong_around(world: World, spots: Spots) -> Verdict:
    """Compare ``around``: every fence in reach, and every fence whose box is."""
    found = _found(world, [world.index.around(*spot) for spot in _rows(*spots)])
    owed: list[Ints] = []
    for number, fence, truth in _all(world):
        boxes = fence.shape.boxes()
        window = truth.window(*spots, 2 * REACH_M + 0.02 * truth.reach_m)
        seen = spots[0][window], spots[1][window]
        signed_m = truth.signed_m(*seen)
        is_near = signed_m + error_m(truth, signed_m) < REACH_M * (1 - SPHERE)
        is_owed = [_is_beside(box, seen, _REACH_DEG * (1 - 1e-6)) for box in boxes]
        owed.append(window[np.any([is_near, *is_owed], axis=0)] * len(world.fences) + number)
    lacking = np.setdiff1d(np.concatenate(owed), found)
    return _told(world, lacking, spots), Counter(near=len(found))


def wrong_nearest(world: World, spots: Spots, k: int) -> Verdict:
    """
    Compare ``nearest`` with measuring all that could be among the ``k``.

    The oracle proposes with a wide margin, the shapes' own distances put in order.
    """
    signed_m = np.array([truth.signed_m(*spots) for truth in world.truths])
    wrong, tally = [], Counter[str]()
    for column, spot in zip(signed_m.T, _rows(*spots), strict=True):
        worst_m = max(0.0, _measured(world, np.argsort(column)[:k], spot)[-1][0])
        likely = _measured(world, np.flatnonzero(column <= worst_m * 1.1 + 1_000), spot)
        found = [
            (metres, fence.fence_id) for fence, metres in world.index.nearest(spot[0], spot[1], k)
        ]
        if found != likely[:k]:
            wrong.append(f"nearest to {spot}: {found}, not {likely[:k]}")
        tally.update(positions=1, measured=len(likely))
    return wrong[:_SHOWN], tally


def wrong_distances(world: World, spots: Spots, count: int) -> Verdict:
    """Compare shapes alone at up to ``count`` positions each, more of them near than far."""
    wrong, tally = [], Counter[str]()
    for _, fence, truth in _all(world):
        window = truth.window(*spots, FAR_M)
        lats, lons = spots[0][window], spots[1][window]
        signed_m = truth.signed_m(lats, lons)
        ranks = np.geomspace(1, len(window) + 1, count).astype(int) - 1
        picked = np.argsort(abs(signed_m))[np.unique(ranks[ranks < len(window)])]
        slack_m = error_m(truth, signed_m)[picked].tolist()
        expected = zip(signed_m[picked].tolist(), slack_m, strict=True)
        for spot, judged in zip(_rows(lats[picked], lons[picked]), expected, strict=True):
            metres, is_inside = fence.shape.signed_distance_m(*spot), fence.shape.contains(*spot)
            if not is_right(truth, judged, metres, is_inside=is_inside):
                wrong.append(f"{fence.fence_id} from {spot}: {metres}, not {judged[0]}")
            tally.update(inside=is_inside, outside=not is_inside)
    return wrong[:_SHOWN], tally


def is_right(truth: Truth, judged: tuple[float, float], metres: float, *, is_inside: bool) -> bool:
    """Compare one answer of a shape with the oracle's distance and how far it may be off."""
    expected_m, slack_m = judged
    if (metres <= 0) != is_inside and abs(metres) > ROUNDING_M:
        return False
    if is_inside != (expected_m < 0) and abs(expected_m) > (
        ROUNDING_M if truth.is_area else slack_m
    ):
        return False
    if abs(expected_m) > FAR_M or (truth.is_line and expected_m < 0):
        return metres <= expected_m + slack_m
    return abs(metres - expected_m) <= slack_m


def wrong_crossed(world: World, starts: Spots, ends: Spots) -> Verdict:
    """Compare ``crossed`` with walking each way, step by step; ways are some km long."""
    expected: list[Ints] = []
    tally: Counter[str] = Counter()
    long_m = np.linalg.norm(on_ellipsoid(*ends) - on_ellipsoid(*starts), axis=1)
    ways = list(_rows(*starts, *ends))
    for number, fence, truth in _all(world):
        window = truth.window(*starts, float(long_m.max()) + 0.02 * truth.reach_m)
        if not len(window):
            continue
        walk = _arcs if isinstance(fence.shape, Circle) else _straights
        lats, lons = walk(*((lat[window], lon[window]) for lat, lon in (starts, ends)))
        signed_m = truth.signed_m(lats.ravel(), lons.ravel()).reshape(-1, len(window))
        least_m = signed_m.min(axis=0)
        slack_m = error_m(truth, least_m)
        is_sure = least_m < -slack_m
        is_close = ~is_sure & (least_m <= slack_m + long_m[window] / STEPS)
        asked = [i for i in window[is_close].tolist() if crosses(ways[i], fence)]
        met = np.concatenate((window[is_sure], np.array(asked, dtype=np.int64)))
        expected.append(met * len(world.fences) + number)
        tally.update(sure=int(is_sure.sum()), close=int(is_close.sum()))
    found = _found(world, [world.index.crossed(*way) for way in ways])
    return _told(world, np.setxor1d(np.concatenate(expected), found), starts), tally


def _all(world: World) -> Iterator[tuple[int, Fence, Truth]]:
    return zip(range(len(world.fences)), world.fences, world.truths, strict=True)


def _rows(*columns: Floats) -> Iterator[Any]:
    return zip(*(column.tolist() for column in columns), strict=True)


def _found(world: World, answers: Sequence[Sequence[Fence]]) -> Ints:
    """Write answers as ``position * fences + fence``."""
    number = {fence.fence_id: i for i, fence in enumerate(world.fences)}
    codes = [
        at * len(number) + number[fence.fence_id]
        for at, fences in enumerate(answers)
        for fence in fences
    ]
    return np.array(codes, dtype=np.int64)


def _told(world: World, codes: Ints, spots: Spots) -> list[str]:
    told = []
    for code in codes[:_SHOWN].tolist():
        at, number = divmod(code, len(world.fences))
        where = f"{spots[0][at]!r}, {spots[1][at]!r}"
        told.append(f"{world.fences[number].fence_id} at {where}: {world.fences[number].shape}")
    return told


def _measured(world: World, numbers: npt.NDArray[Any], spot: Any) -> list[tuple[float, str]]:
    fences = [world.fences[number] for number in numbers.tolist()]
    return sorted((fence.shape.signed_distance_m(*spot), fence.fence_id) for fence in fences)


def _is_beside(box: Box, spots: Spots, reach_deg: float) -> Bools:
    """Say which positions, as squares of a reach, meet a box; around a pole all longitudes do."""
    west, south, east, north = box
    lats, lons = spots
    farthest = abs(lats) + reach_deg
    with np.errstate(divide="ignore"):
        wide = np.where(farthest >= 90, 360, reach_deg / np.cos(np.radians(farthest)))
    beside = abs((lons - (west + east) / 2 + 180) % 360 - 180) - (east - west) / 2
    return (lats + reach_deg >= south) & (lats - reach_deg <= north) & (beside <= wide)


def _straights(starts: Spots, ends: Spots) -> Spots:
    """Walk straight in longitude and latitude."""
    part = np.linspace(0, 1, STEPS + 1)[:, None]
    east = (ends[1] - starts[1] + 180) % 360 - 180
    return starts[0] + part * (ends[0] - starts[0]), starts[1] + part * east


def _arcs(starts: Spots, ends: Spots) -> Spots:
    """Walk the great circle."""
    part = np.linspace(0, 1, STEPS + 1)[:, None, None]
    first, last = _upward(starts), _upward(ends)
    x, y, z = np.moveaxis(first + part * (last - first), 2, 0)
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))


def _upward(spots: Spots) -> Floats:
    phi, lam = np.radians(spots[0]), np.radians(spots[1])
    return np.column_stack((np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)))
