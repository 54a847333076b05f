"""
Index: which fences hold a position.

Pure. An R-tree over boxes (cut at +-180 degrees) proposes, the shape decides. An index does not
change: a publication makes a new one.

Rule 1. Every answer equals testing all fences one by one, in order of ``fence_id``.
Rule 2. A group of positions is one call into the R-tree (``candidates``). A device's fixes lie
        close together, so the box around them is asked first: 0.3 us a position in groups of 45.
        Only when that proposes more than ``FEW`` is each position asked about, 3 us each. This
        call is the seam where a cache of grid cells will stand. All hits are given; a bound on
        hits per point is not here yet.
Rule 3. Boxes are ``REACH_M`` larger than their shapes on every side, so that ``candidates`` gives
        exactly the fences a fix near the position may tell something of, whatever the group.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import cos, radians
from typing import Final

import numpy as np
from rtree.index import Index

from fencepost_geofence.fence import Fence
from fencepost_geofence.sphere import METRES_PER_DEGREE, POLE_DEG, SEAM_DEG, Box, boxes

FEW: Final = 8  # testing one fence too many costs 0.2 us, a position of its own 3 us
REACH_M: Final = 150.0  # a fix from indoors is seldom farther off
_NONE: Final[tuple[Fence, ...]] = ()


class FenceIndex:
    """
    All fences of a workspace, asked by position.

    Raises:
        ValueError: Two fences have the same id.

    """

    def __init__(self, fences: Iterable[Fence] = ()) -> None:
        self._fences = sorted(fences, key=lambda fence: fence.fence_id)
        self._by_id = {fence.fence_id: fence for fence in self._fences}
        if len(self._by_id) != len(self._fences):
            raise ValueError("two fences have the same fence_id")
        self._near = [tuple(_grown(fence.shape.boxes())) for fence in self._fences]
        # An R-tree cannot be loaded from an empty stream.
        self._tree = Index(self._rows()) if self._fences else None

    def __len__(self) -> int:
        """Give the number of fences."""
        return len(self._fences)

    def __iter__(self) -> Iterator[Fence]:
        """Give the fences in order of their ids."""
        return iter(self._fences)

    def get(self, fence_id: str) -> Fence | None:
        """Give a fence by its id."""
        return self._by_id.get(fence_id)

    def at(self, lat: float, lon: float) -> list[Fence]:
        """Give the fences that hold the position, in order of their ids."""
        near = self.candidates((lat,), (lon,))[0]
        return [fence for fence in near if fence.shape.contains(lat, lon)]

    def candidates(self, lats: Sequence[float], lons: Sequence[float]) -> list[Sequence[Fence]]:
        """
        Give, for each position of a group, the fences it is near (rule 3).

        Args:
            lats: Latitudes, -90 ... 90.
            lons: Longitudes, -180 ... 180, as many.

        Returns:
            A sequence of fences for each position, in order of their ids; all that hold it, and
            those around.

        """
        nothing: list[Sequence[Fence]] = [_NONE] * len(lats)
        if self._tree is None or not lats:
            return nothing
        around = (min(lons), min(lats), max(lons), max(lats))
        near = sorted(set(self._tree.intersection(around)))
        if len(near) <= FEW:
            return self._sifted(near, lats, lons) if near else nothing
        points = np.array((lons, lats), dtype=np.float64).T.copy()
        # The library leaves this one call untyped.
        found, counts = self._tree.intersection_v(points, points)  # type: ignore[no-untyped-call]
        return self._spread(found.tolist(), counts.tolist())

    def _rows(self) -> Iterator[tuple[int, tuple[float, float, float, float], None]]:
        for number, near in enumerate(self._near):
            for box in near:
                yield number, box, None

    def _sifted(
        self, numbers: Sequence[int], lats: Sequence[float], lons: Sequence[float]
    ) -> list[Sequence[Fence]]:
        """Ask few fences about each position."""
        near = [(self._fences[number], self._near[number]) for number in numbers]
        return [
            [
                fence
                for fence, cut in near
                if any(w <= lon <= e and s <= lat <= n for w, s, e, n in cut)
            ]
            for lat, lon in zip(lats, lons, strict=True)
        ]

    def _spread(self, found: list[int], counts: list[int]) -> list[Sequence[Fence]]:
        """Deal the flat answer out; a fence cut at the seam may be named twice."""
        answers: list[Sequence[Fence]] = []
        start = 0
        for count in counts:
            if count:
                numbers = sorted(set(found[start : start + count]))
                answers.append([self._fences[number] for number in numbers])
                start += count
            else:
                answers.append(_NONE)
        return answers


def _grown(cut: Iterable[Box]) -> Iterator[Box]:
    """Let boxes reach farther, over the seam and the poles if need be."""
    reach_deg = REACH_M / METRES_PER_DEGREE
    for west, south, east, north in cut:
        low, high = south - reach_deg, north + reach_deg
        if high >= POLE_DEG or low <= -POLE_DEG:
            yield from boxes(-SEAM_DEG, low, SEAM_DEG, high)
        else:
            wide_deg = reach_deg / cos(radians(max(abs(low), abs(high))))
            yield from boxes(west - wide_deg, low, east + wide_deg, high)
