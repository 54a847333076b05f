"""
Index: which fences hold a position, are nearest to it, or lie on a way.

Pure; ``put`` and ``remove`` change it in place, in force with the next question. Boxes (cut at
+-180 degrees) propose, the shape decides.

Rule 1. Every answer equals testing all fences one by one, in order of ``fence_id`` (``nearest``: of
        distance). A change costs about 75 us at 100,000 fences and no rebuild (``boxtree``).
Rule 2. Positions are looked up in cells (``cells``), which ask the R-tree once each.
Rule 3. ``around`` gives every fence that reaches within ``REACH_M`` of the position, and some that
        do not: what a device may be inside of after a move of that length.
Rule 4. Fences that ask who comes by (``Fence.asks``) stand in an index of their own beside it,
        ``asking``: it is looked through for every step of every device.
Rule 5. A position is in at most ``HITS_MAX`` fences, first by id; ``cut_positions`` counts how
        often that left some out.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import cos, degrees, inf, radians
from typing import Final

from fencepost_geofence.boxtree import BoxTree
from fencepost_geofence.cells import Cells
from fencepost_geofence.fence import Fence
from fencepost_geofence.nearest import Measured, Wanted, nearest
from fencepost_geofence.sphere import LEAST_RADIUS_M, POLE_DEG, SEAM_DEG, Box, boxes
from fencepost_geofence.way import crosses, reach

HITS_MAX: Final = 1_000
REACH_M: Final = 150.0


class FenceIndex:
    """
    All fences of a workspace, asked by position.

    Attributes:
        cut_positions: How many positions were in more than ``HITS_MAX`` fences, so far.
        changes: Counts what was put and removed: an answer is good until it moves on.
        asking: Those of the fences that ask who comes by; None in that index itself.
        longest_approach_s: None has asked for more.

    Raises:
        ValueError: Two fences have the same id.

    """

    def __init__(self, fences: Iterable[Fence] = (), *, is_whole: bool = True) -> None:
        given = list(fences)
        self._by_id = {fence.fence_id: fence for fence in given}
        if len(self._by_id) != len(given):
            raise ValueError("two fences have the same fence_id")
        self._tree = BoxTree(given)
        self._cells = Cells(lambda box: self._tree.within(grown(box)))
        self.cut_positions = 0
        self.changes = 0
        self.longest_approach_s = max((fence.approach_s or 0 for fence in given), default=0)
        asking = (fence for fence in given if fence.asks)
        self.asking = FenceIndex(asking, is_whole=False) if is_whole else None

    def __len__(self) -> int:
        """Give the number of fences."""
        return len(self._by_id)

    def __iter__(self) -> Iterator[Fence]:
        """Give the fences in order of their ids."""
        return iter([self._by_id[fence_id] for fence_id in sorted(self._by_id)])

    def get(self, fence_id: str) -> Fence | None:
        """Give a fence by its id."""
        return self._by_id.get(fence_id)

    def put(self, fence: Fence) -> None:
        """Take a fence, new or in place of the one with its id."""
        self.remove(fence.fence_id)
        self._by_id[fence.fence_id] = fence
        self._tree.put(fence)
        self._forget(fence)
        self.longest_approach_s = max(self.longest_approach_s, fence.approach_s or 0)
        if self.asking is not None and fence.asks:
            self.asking.put(fence)

    def remove(self, fence_id: str) -> None:
        """Forget a fence; nothing happens if there is none of this id."""
        fence = self._by_id.pop(fence_id, None)
        if fence is not None:
            self._tree.remove(fence_id)
            self._forget(fence)
            if self.asking is not None:
                self.asking.remove(fence_id)

    def at(self, lat: float, lon: float) -> list[Fence]:
        """Give the fences that hold the position, in order of their ids (rule 5)."""
        hits = [fence for fence in self.around(lat, lon) if fence.shape.contains(lat, lon)]
        self.cut_positions += len(hits) > HITS_MAX
        return hits[:HITS_MAX]

    def around(self, lat: float, lon: float) -> Sequence[Fence]:
        """Give the fences around a position, in order of their ids (rule 3)."""
        return self._cells.at(lat, lon)

    def nearest(
        self, lat: float, lon: float, k: int, *, wanted: Wanted | None = None, within_m: float = inf
    ) -> list[Measured]:
        """
        Give the ``k`` fences whose boundary is nearest, with their signed distances in metres.

        Args:
            lat: Latitude, -90 ... 90.
            lon: Longitude, -180 ... 180.
            k: How many at most.
            wanted: Which fences count; None: all.
            within_m: None farther away than this.

        Returns:
            Fences and distances, deepest inside first, equally near ones in order of their ids.

        """
        return nearest(self._tree, (lat, lon), k, wanted, within_m)

    def crossed(self, lat1: float, lon1: float, lat2: float, lon2: float) -> list[Fence]:
        """Give the fences that the straight way crosses or begins or ends in, in order of ids."""
        ends = lat1, lon1, lat2, lon2
        return [fence for fence in self._tree.within(reach(ends)) if crosses(ends, fence)]

    def _forget(self, fence: Fence) -> None:
        """Forget what was looked up where a fence came, changed or went."""
        self.changes += 1
        for box in fence.shape.boxes():
            self._cells.drop(grown(box))


def grown(box: Box) -> tuple[Box, ...]:
    """Let a box reach ``REACH_M`` farther on every side, over the seam and the poles if need be."""
    reach_deg = degrees(REACH_M / LEAST_RADIUS_M)
    west, south, east, north = box
    low, high = south - reach_deg, north + reach_deg
    if high >= POLE_DEG or low <= -POLE_DEG:
        return boxes(-SEAM_DEG, low, SEAM_DEG, high)
    wide_deg = reach_deg / cos(radians(max(abs(low), abs(high))))
    return boxes(west - wide_deg, low, east + wide_deg, high)
