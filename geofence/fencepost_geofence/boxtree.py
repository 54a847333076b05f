"""
Box tree: the R-tree, told of changes one by one.

Pure; the only module that talks to ``rtree``. A fence is known by the numbers of its boxes, two
where it is cut at the seam.

Rule 1. A change is there for the next question. A new box is inserted (30 us); a deleted one costs
        1.5 ms in the library, so its number is only forgotten here.
Rule 2. Once forgotten numbers outweigh the living (and ``DEAD_MIN``), the next change loads the
        tree anew, in bulk: 0.1 s for 100,000 boxes, paid by as many changes before it.
"""

from collections.abc import Iterable
from typing import Final, cast

import numpy as np
import numpy.typing as npt
from rtree.index import Index

from fencepost_geofence.fence import Fence
from fencepost_geofence.sphere import Box

DEAD_MIN: Final = 1_000

Floats = npt.NDArray[np.float64]


class BoxTree:
    """The boxes of fences."""

    def __init__(self, fences: Iterable[Fence]) -> None:
        self._numbers: dict[str, tuple[int, ...]] = {}
        self._owners: list[Fence | None] = []
        self._bounds: Floats = np.empty((0, 4))
        self._dead = 0
        self._load(fences)

    def put(self, fence: Fence) -> None:
        """Take a fence whose id is not held."""
        boxes = fence.shape.boxes()
        first = len(self._owners)
        while len(self._bounds) < first + len(boxes):
            self._bounds = np.concatenate((self._bounds, np.empty((max(first, 64), 4))))
        self._numbers[fence.fence_id] = tuple(range(first, first + len(boxes)))
        for number, box in enumerate(boxes, first):
            self._owners.append(fence)
            self._bounds[number] = box
            self._tree.insert(number, box)

    def remove(self, fence_id: str) -> None:
        """Forget a fence that is held."""
        for number in self._numbers.pop(fence_id):
            self._owners[number] = None
            self._dead += 1
        if self._dead > max(DEAD_MIN, len(self._owners) - self._dead):
            self._load(self._owners[numbers[0]] for numbers in self._numbers.values())

    def numbers(self, box: Box) -> list[int]:
        """Give the numbers of all living boxes that meet a box."""
        owners = self._owners
        return [number for number in self._tree.intersection(box) if owners[number] is not None]

    def within(self, boxes: Iterable[Box]) -> list[Fence]:
        """Give the fences one of whose boxes meets one of these, each once, in order of ids."""
        found = {number for box in boxes for number in self.numbers(box)}
        fences = {fence.fence_id: fence for fence in self.owners(found)}
        return [fences[fence_id] for fence_id in sorted(fences)]

    def owners(self, numbers: Iterable[int]) -> list[Fence]:
        """Give the fence of each living number."""
        return cast("list[Fence]", [self._owners[number] for number in numbers])

    def bounds(self, numbers: list[int]) -> Floats:
        """Give the boxes of numbers, a row each."""
        return self._bounds[numbers]

    def _load(self, fences: Iterable[Fence | None]) -> None:
        """Build the tree in bulk."""
        rows: list[Box] = []
        owners: list[Fence | None] = []
        numbers: dict[str, tuple[int, ...]] = {}
        for fence in fences:
            if fence is not None:
                boxes = fence.shape.boxes()
                numbers[fence.fence_id] = tuple(range(len(rows), len(rows) + len(boxes)))
                rows += boxes
                owners += [fence] * len(boxes)
        self._numbers, self._owners, self._dead = numbers, owners, 0
        self._bounds = np.array(rows, dtype=np.float64).reshape(-1, 4)
        # The library refuses to load nothing.
        self._tree = Index(self._columns()) if rows else Index()

    def _columns(self) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
        """Give numbers, lower and upper corners, as the bulk loader wants them."""
        lower, upper = self._bounds[:, :2].copy(), self._bounds[:, 2:].copy()
        return np.arange(len(self._bounds), dtype=np.int64), lower, upper
