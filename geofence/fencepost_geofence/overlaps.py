"""
Overlaps: which fences share ground, and how much of each.

Pure. For whoever looks after fences, not for the hot path: it builds an index of its own and
leaves the one that fixes are looked up in alone.

Rule 1. A share is the common surface by that of the fence; ground that is enclosed twice by two
        fences counts whole for both. Pairs whose greater share is under ``LEAST_SHARE`` are left
        out: neighbours touch.
Rule 2. Two circles are measured in closed form, on a plane; at 100 km that is off by less than
        0.1 %. Other pairs are drawn in Lambert's cylindrical projection, which keeps areas, and
        circles become polygons of 64 corners (0.2 % smaller).
Rule 3. The work is bounded. At most ``PAIRS_MAX`` pairs whose boxes meet are looked at, and
        outlines are laid over each other until ``VERTICES_MAX`` vertices have gone in; the answer
        says how many pairs were left out, and whether more were never found.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import pi
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely.affinity import translate

from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Area, Circle
from fencepost_geofence.sphere import EARTH_RADIUS_M

LEAST_SHARE: Final = 0.05
PAIRS_MAX: Final = 200_000  # two seconds
VERTICES_MAX: Final = 4_000_000  # as many
CORNERS: Final = 64
_CHUNK: Final = 20  # fences asked about at once: all may meet all
_TURN: Final = 2 * pi * EARTH_RADIUS_M

Floats = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int64]
Outline = shapely.Polygon | shapely.MultiPolygon
Measured = tuple[int, int, float]
"""Numbers of two fences, and their common ground in square metres."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two fences that share ground; each share is of that fence, 0 ... 1."""

    first_id: str
    second_id: str
    first_share: float
    second_share: float


@dataclass(slots=True)
class Overlaps:
    """
    What was found.

    Attributes:
        pairs: In order of their ids.
        unmeasured: Pairs whose boxes meet, and that were not measured for want of budget.
        is_cut: There may be more pairs that were never looked for.

    """

    pairs: list[Overlap] = field(default_factory=list)
    unmeasured: int = 0
    is_cut: bool = False


def overlaps(fences: Sequence[Fence], of: Collection[str] | None = None) -> Overlaps:
    """
    Find the fences that share ground.

    Args:
        fences: All of them, each id once.
        of: Only pairs with one of these ids; None: all pairs.

    """
    ordered = sorted(fences, key=lambda fence: fence.fence_id)
    answer = Overlaps()
    if not ordered:
        return answer
    near = _near(ordered, of, answer)
    is_circle = np.array([isinstance(fence.shape, Circle) for fence in ordered], dtype=bool)
    round_ = is_circle[near].all(axis=1)
    found = [*_of_circles(ordered, near[round_]), *_of_outlines(ordered, near[~round_], answer)]
    area_m2 = cache(lambda number: ordered[number].shape.area_m2)
    for first, second, common_m2 in found:
        shares = [min(1.0, common_m2 / area_m2(number)) for number in (first, second)]
        if max(shares) >= LEAST_SHARE:
            pair = ordered[first].fence_id, ordered[second].fence_id
            answer.pairs.append(Overlap(*pair, *shares))
    answer.pairs.sort(key=lambda pair: (pair.first_id, pair.second_id))
    return answer


def _near(fences: Sequence[Fence], of: Collection[str] | None, answer: Overlaps) -> Pairs:
    """Give the pairs whose boxes meet, the lower number first, each once (rule 3)."""
    boxed = [(number, box) for number, fence in enumerate(fences) for box in fence.shape.boxes()]
    owner = np.array([number for number, _ in boxed], dtype=np.int64)
    drawn = shapely.box(*np.array([box for _, box in boxed]).reshape(-1, 4).T)
    tree = shapely.STRtree(drawn)
    is_asked = np.array([of is None or fence.fence_id in of for fence in fences], dtype=bool)
    asked = np.flatnonzero(is_asked[owner])
    found, count = [np.empty((0, 2), dtype=np.int64)], 0
    for start in range(0, len(asked), _CHUNK):
        chunk = asked[start : start + _CHUNK]
        left, right = tree.query(drawn[chunk])
        met = np.stack((owner[chunk[left]], owner[right]), axis=1)
        met = met[met[:, 0] != met[:, 1]]
        found.append(np.sort(met, axis=1))
        count += len(met)
        if count > 2 * PAIRS_MAX:  # each pair is met from both sides
            answer.is_cut = True
            break
    return np.unique(np.concatenate(found), axis=0)[:PAIRS_MAX]


def _of_circles(fences: Sequence[Fence], pairs: Pairs) -> Iterator[Measured]:
    """Measure pairs of circles, all at once (rule 2)."""
    numbers = np.unique(pairs)
    rows = np.zeros((len(fences), 3))
    for number in numbers:
        shape = fences[number].shape
        if isinstance(shape, Circle):
            rows[number] = shape.lat, shape.lon, shape.radius_m
    (lat1, lon1, r1), (lat2, lon2, r2) = rows[pairs[:, 0]].T, rows[pairs[:, 1]].T
    common_m2 = lens_m2(_apart_m((lat1, lon1), (lat2, lon2)), r1, r2)
    for i in np.flatnonzero(common_m2 > 0):
        yield int(pairs[i, 0]), int(pairs[i, 1]), float(common_m2[i])


def lens_m2(apart_m: Floats, r1: Floats, r2: Floats) -> Floats:
    """Give what two circles on a plane have in common."""
    small, large = np.minimum(r1, r2), np.maximum(r1, r2)
    near = np.maximum(apart_m, 1e-6)
    cos1 = np.clip((near**2 + small**2 - large**2) / (2 * near * small), -1, 1)
    cos2 = np.clip((near**2 + large**2 - small**2) / (2 * near * large), -1, 1)
    kite = (small + large - near) * (near + small - large)
    kite = np.sqrt(np.maximum(0, kite * (near - small + large) * (near + small + large)))
    lens = small**2 * np.arccos(cos1) + large**2 * np.arccos(cos2) - kite / 2
    within = np.where(apart_m <= large - small, np.pi * small**2, lens)
    return np.where(apart_m >= small + large, 0.0, within)


def _apart_m(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> Floats:
    """Give great-circle distances, as ``sphere.great_circle_m``."""
    (lat1, lon1), (lat2, lon2) = np.radians(a), np.radians(b)
    half = np.sin((lat2 - lat1) / 2) ** 2
    half += np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    distance_m: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(1.0, half)))
    return distance_m


def _of_outlines(fences: Sequence[Fence], pairs: Pairs, answer: Overlaps) -> Iterator[Measured]:
    """Lay outlines over each other, within the budget (rules 2 and 3)."""
    drawn: dict[int, Outline] = {}
    left = VERTICES_MAX
    for done, (first, second) in enumerate(pairs.tolist()):
        for number in (first, second):
            if number not in drawn:
                drawn[number] = _outline(fences[number].shape)
        one, other = drawn[first], drawn[second]
        left -= int(shapely.get_num_coordinates(one) + shapely.get_num_coordinates(other))
        if left < 0:
            answer.unmeasured = len(pairs) - done
            return
        turns = round(
            (one.bounds[0] + one.bounds[2] - other.bounds[0] - other.bounds[2]) / 2 / _TURN
        )
        if turns:  # one was drawn from the other side of the seam
            other = translate(other, turns * _TURN)
        common_m2 = one.intersection(other).area
        if common_m2 > 0:
            yield first, second, common_m2


def _outline(shape: Circle | Area | Corridor) -> Outline:
    """Draw a shape in Lambert's cylindrical projection, metres times metres."""
    if isinstance(shape, Circle):
        return shapely.Polygon(_to_plane(_corners(shape)))
    area = shape.area if isinstance(shape, Corridor) else shape
    return shapely.transform(area.geometry, _to_plane)


def _corners(circle: Circle) -> Floats:
    """Give positions around a circle that is over no pole, longitude first."""
    way = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    reach, lat = circle.radius_m / EARTH_RADIUS_M, np.radians(circle.lat)
    sin_lat = np.sin(lat) * np.cos(reach) + np.cos(lat) * np.sin(reach) * np.cos(way)
    east = np.sin(way) * np.sin(reach) * np.cos(lat)
    lons = circle.lon + np.degrees(np.arctan2(east, np.cos(reach) - np.sin(lat) * sin_lat))
    return np.column_stack((lons, np.degrees(np.arcsin(sin_lat))))


def _to_plane(points: Floats) -> Floats:
    return EARTH_RADIUS_M * np.column_stack(
        (np.radians(points[:, 0]), np.sin(np.radians(points[:, 1])))
    )
