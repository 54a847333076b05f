"""
Cells: the fences near a position, looked up instead of searched for.

Pure. A question to an R-tree costs some 20 us whatever it finds, a fix must cost less than one. So
the world is cut into cells, and a cell asks once.

Rule 1. A cell is filled when the first position falls into it, with the fences that whoever made
        the cells names for its box.
Rule 2. A cell with more than ``CROWD`` fences is split into sixteen, ``LEVELS`` deep at most, and
        no further when splitting kept more than three quarters: fences that overlap everywhere
        cannot be told apart by place.
Rule 3. When a fence comes, changes or goes, the cells that its boxes meet are forgotten whole.
Rule 4. Cells hold at most ``WORDS_MAX`` words of memory; beyond it all are forgotten, and those
        needed are filled again.
Rule 5. Edges are multiples of a power of two, so that arithmetic puts a position into the cell that
        was asked about; what rounding is left is covered by a pad.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Final

from fencepost_geofence.fence import Fence
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG, Box

PER_DEG: Final = 128.0  # cells a degree: 870 m from south to north
FINER: Final = 4.0
LEVELS: Final = 2  # the smallest measure 54 m
CROWD: Final = 16  # testing a fence too many costs 0.3 us; filling a cell 20
WORDS_MAX: Final = 8_000_000  # 64 MiB
_CELL_WORDS: Final = 20  # a key, its place in a table, an empty list
_STILL: Final = 0.75
_PAD_DEG: Final = 1e-9
_COLUMNS: Final = 1 << 24  # more than there are cells around the world on the finest level

Ask = Callable[[Box], Sequence[Fence]]
"""A box -> the fences whose boxes meet it, in order of their ids."""


@dataclass(slots=True, eq=False)
class _Grid:
    """Cells of one size; a crowded one is a grid itself. ``kept``: fences of the cell it splits."""

    per_deg: float
    level: int
    kept: int
    cells: "dict[int, Sequence[Fence] | _Grid]" = field(default_factory=dict)


class Cells:
    """The filled cells over one R-tree."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._world = _Grid(PER_DEG, 1, 0)
        self._words = 0

    def at(self, lat: float, lon: float) -> Sequence[Fence]:
        """Give the fences of the cell that holds a position."""
        found: Sequence[Fence] | _Grid | None = self._world
        while isinstance(found, _Grid):
            # Both sums are positive, so int() rounds down.
            row, column = (
                int((lat + POLE_DEG) * found.per_deg),
                int((lon + SEAM_DEG) * found.per_deg),
            )
            grid, found = found, found.cells.get(row * _COLUMNS + column)
            if found is None:
                found = self._fill(grid, row, column)
        return found  # type: ignore[return-value]  # the loop ends with a list

    def drop(self, boxes: Iterable[Box]) -> None:
        """Forget the cells that boxes meet."""
        cells = self._world.cells
        for west, south, east, north in boxes:
            rows = _span(south, north, POLE_DEG)
            columns = _span(west, east, SEAM_DEG)
            if len(rows) * len(columns) > len(cells):
                for key in [k for k in cells if k // _COLUMNS in rows and k % _COLUMNS in columns]:
                    self._forget(key)
            else:
                for row in rows:
                    for column in columns:
                        self._forget(row * _COLUMNS + column)

    def _forget(self, key: int) -> None:
        found = self._world.cells.pop(key, None)
        if found is not None:
            self._words -= _weight(found)

    def _fill(self, grid: _Grid, row: int, column: int) -> "Sequence[Fence] | _Grid":
        """Ask the tree about a cell."""
        if self._words > WORDS_MAX:
            self._world.cells.clear()
            self._words = 0
        south = row / grid.per_deg - POLE_DEG - _PAD_DEG
        west = column / grid.per_deg - SEAM_DEG - _PAD_DEG
        side = 1 / grid.per_deg + 2 * _PAD_DEG
        fences = tuple(self._ask((west, south, west + side, south + side)))
        count = len(fences)
        is_still = grid.kept and count > _STILL * grid.kept
        found: Sequence[Fence] | _Grid = fences
        if count > CROWD and grid.level < LEVELS and not is_still:
            found = _Grid(grid.per_deg * FINER, grid.level + 1, count)
        grid.cells[row * _COLUMNS + column] = found
        self._words += _weight(found)
        return found


def _span(low: float, high: float, edge: float) -> range:
    """Give the rows or columns of cells whose padded boxes meet a span."""
    first = floor((low - 2 * _PAD_DEG + edge) * PER_DEG)
    return range(first, floor((high + 2 * _PAD_DEG + edge) * PER_DEG) + 1)


def _weight(found: Sequence[Fence] | _Grid) -> int:
    """Give about how many words a cell takes."""
    if isinstance(found, _Grid):
        return 2 * _CELL_WORDS + sum(_weight(each) for each in found.cells.values())
    return _CELL_WORDS + len(found)
