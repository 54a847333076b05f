"""
Calm: on which side of each fence a device's fixes lie, without asking all of them each time.

Pure. A device that moves two metres is on another side of those fences only whose boundary was
within two metres.

Rule 1. The answer equals asking every fence of the index whether it contains the position; of more
        than ``HITS_MAX`` fences that do, the first by id count.
Rule 2. A calm begins at a position with all fences around it, each with a distance its boundary is
        at least away. A later fix asks those only that it has come as close to as that.
Rule 3. It ends when the device has moved ``MOVES_M`` (farther off are fences nobody looked at), or
        when it has asked so often that a new one is cheaper. Whoever keeps it lets it go when the
        index changes.
"""

from array import array
from math import cos, inf, radians, sqrt
from operator import itemgetter
from typing import Final

from fencepost_geofence.fence import Fence
from fencepost_geofence.index import HITS_MAX, REACH_M, FenceIndex
from fencepost_geofence.sphere import METRES_PER_DEGREE, great_circle_m

MOVES_M: Final = 0.95 * REACH_M
PER_FENCE: Final = 2
FLAT_M: Final = 5_000.0  # nearer than this a flat picture is good enough, by the slack below
FLAT_LAT: Final = 80.0
SLACK: Final = 0.01  # of the sphere against the ellipsoid, and of the flat picture
SLACK_M: Final = 0.1

Inside = frozenset[str]
"""Ids of the fences that contain a position."""


class Calm:
    """Where a device was when it last looked around, and what was there."""

    __slots__ = ("_asks", "_clear", "_east_m", "_fences", "_lat", "_lon", "inside")

    def __init__(self, index: FenceIndex, lat: float, lon: float) -> None:
        self._lat, self._lon = lat, lon
        self._east_m = METRES_PER_DEGREE * cos(radians(lat)) if abs(lat) < FLAT_LAT else inf
        around: list[tuple[float, Fence]] = []
        hits: list[str] = []
        for fence in index.around(lat, lon):
            clear_m, is_inside = self._look(fence)
            around.append((clear_m, fence))
            if is_inside:
                hits.append(fence.fence_id)
                if len(hits) > HITS_MAX:  # nobody will hear of more of them
                    break
        around.sort(key=_clear)
        self._clear = array("d", [clear_m for clear_m, _ in around])  # a tenth of the memory
        self._fences = tuple([fence for _, fence in around])
        self._asks = PER_FENCE * len(around) + PER_FENCE
        if len(hits) > HITS_MAX:
            index.cut_positions += 1
            self._asks = -1
        self.inside: Inside = frozenset(hits[:HITS_MAX])

    def at(self, lat: float, lon: float) -> Inside | None:
        """Say which fences contain a position; None when a new calm must begin (rule 3)."""
        east_m, north_m = (lon - self._lon) * self._east_m, (lat - self._lat) * METRES_PER_DEGREE
        moved_m = (1 + SLACK) * sqrt(east_m * east_m + north_m * north_m)
        clear = self._clear
        if not moved_m <= MOVES_M:  # near a pole it may be no number
            return None
        if not clear or moved_m < clear[0]:
            return self.inside
        if self._asks < 0:
            return None
        inside = self.inside
        for clear_m, fence in zip(clear, self._fences, strict=True):
            if clear_m > moved_m:
                break
            self._asks -= 1
            if fence.shape.contains(lat, lon) is not (fence.fence_id in inside):
                inside ^= {fence.fence_id}
        return inside if len(inside) <= HITS_MAX else None

    def _look(self, fence: Fence) -> tuple[float, bool]:
        """Say how far the boundary is at least, and whether the fence contains the position."""
        shape = fence.shape
        lat, lon, least_m, most_m = shape.hub
        east_m = (lon - self._lon) * self._east_m
        north_m = (lat - self._lat) * METRES_PER_DEGREE
        apart_m = sqrt(east_m * east_m + north_m * north_m)
        if apart_m > FLAT_M:
            apart_m = great_circle_m(self._lat, self._lon, lat, lon)
        slack_m = SLACK_M + SLACK * apart_m
        if apart_m > most_m + slack_m:
            return apart_m - most_m - slack_m, False
        if apart_m < least_m - slack_m:
            return least_m - apart_m - slack_m, True
        return 0.0, shape.contains(self._lat, self._lon)


_clear = itemgetter(0)
