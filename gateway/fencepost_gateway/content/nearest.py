"""
Nearest: ``{{ nearest.studio.name }}``, the place with a tag that is nearest to the person.

Pure, and lazy: a template that does not say ``nearest`` costs nothing, one that does is charged for
each tag it asks for, once.

Rule 1. ``nearest.TAG`` is asked by tag, ``nearest_in.ID`` by library. Near is what the geofence
        index calls near: deepest inside, then by the way to the boundary, then by id.
Rule 2. It gives the members of a place, and ``distance_m`` to its boundary (0 inside), ``open_now``
        where the place has opening hours, and ``source``: ``fix`` or ``home``.
Rule 3. A distance is rounded to the power of ten that adds at most a tenth of the position's own
        uncertainty: 1 m at 10 m, 10 m at 65 m, 100 m from a cell of 0.01 degrees.
Rule 4. Without a position, without such a place, or with none within ``REACH_M``, it is missing,
        and what the template says of missing values holds.
Rule 5. Marketing never names a sensitive place.
Rule 6. At most ``ASKED_MAX`` tags a rendering. Up to ``FEW`` places of a tag are all measured; more
        have boxes of their own, made once a publication. Asking the index of all fences for a tag
        that is rare and far would look through the whole town in vain: 1.5 s at 100,000 fences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import floor, log10
from typing import Any, Final, Literal

from msgspec import Struct

from fencepost_gateway.content.budget import BudgetExceededError
from fencepost_gateway.content.language import Data
from fencepost_gateway.content.scope import data
from fencepost_gateway.decide.place import FenceView, place_facts
from fencepost_geofence.boxtree import BoxTree
from fencepost_geofence.fence import Fence
from fencepost_geofence.nearest import nearest

BY_TAG: Final = "nearest"
BY_LIBRARY: Final = "nearest_in"
ROOTS: Final = (BY_TAG, BY_LIBRARY)
OWN_MEMBERS: Final = ("distance_m", "open_now", "source")
REACH_M: Final = 100_000.0
ASKED_MAX: Final = 8
FEW: Final = 500
UNCERTAINTY_PER_STEP: Final = 5.0
CELL_M: Final = 800.0  # of a position that is known to 0.01 degrees


class Position(Struct, frozen=True):
    """
    Where the person is, for this rendering alone: never stored, never told.

    ``age_ms`` is how old the fix is; None for the home that the person stated.
    """

    lat: float
    lon: float
    accuracy_m: float
    source: Literal["fix", "home"]
    age_ms: int | None = None


class _Group(Struct, frozen=True):
    """The fences of one tag or library; ``tree`` where they are many."""

    fences: list[Fence]
    tree: BoxTree | None


def _group(fences: list[Fence]) -> _Group:
    return _Group(fences, BoxTree(fences) if len(fences) > FEW else None)


class Nearby:
    """The fences of one publication by tag and by library, gathered when first asked."""

    def __init__(self, fences: Iterable[Fence], views: Mapping[str, FenceView]) -> None:
        self._fences = fences
        self._views = views
        self._groups: dict[tuple[str, str], _Group] | None = None

    def scope(self, position: Position | None, now_ms: int, *, is_marketing: bool) -> NearestScope:
        """Give what ``nearest`` and ``nearest_in`` name in one rendering."""
        return NearestScope(self, position, now_ms, is_marketing=is_marketing)

    def find(
        self, root: str, key: str, position: Position, *, is_marketing: bool
    ) -> tuple[Fence, float] | None:
        """Give the nearest fence of a tag or library, and the way to its boundary."""
        group = self.prepare().get((root, key))
        if group is None:
            return None
        at = position.lat, position.lon

        def wanted(fence: Fence) -> bool:
            return not (is_marketing and fence.sensitive)  # Rule 5

        if group.tree is not None:
            found = nearest(group.tree, at, 1, wanted, REACH_M)
        else:
            measured = [(f, f.shape.signed_distance_m(*at)) for f in group.fences if wanted(f)]
            found = sorted(measured, key=lambda each: (each[1], each[0].fence_id))[:1]
        return found[0] if found and found[0][1] <= REACH_M else None

    @property
    def is_ready(self) -> bool:
        """Say whether the fences were gathered already."""
        return self._groups is not None

    def prepare(self) -> Mapping[tuple[str, str], _Group]:
        """Gather the fences once; half a second at 100,000, so a thread may do it."""
        if self._groups is None:
            by: dict[tuple[str, str], list[Fence]] = {}
            for fence in self._fences:
                for tag in fence.tags:
                    by.setdefault((BY_TAG, tag), []).append(fence)
                if fence.library:
                    by.setdefault((BY_LIBRARY, fence.library), []).append(fence)
            self._groups = {key: _group(fences) for key, fences in by.items()}
        return self._groups

    def view(self, fence: Fence) -> FenceView | None:
        """Give what messages may know of a fence."""
        return self._views.get(fence.fence_id)


class NearestScope:
    """What the two names give in one rendering, and what was asked of them."""

    def __init__(
        self, nearby: Nearby, position: Position | None, now_ms: int, *, is_marketing: bool
    ) -> None:
        self._nearby = nearby
        self._position = position
        self._now_ms = now_ms
        self._is_marketing = is_marketing
        self._known: dict[tuple[str, str], Data | None] = {}
        self.is_used = False

    def roots(self) -> dict[str, Data]:
        """Give the values of the two names."""
        return {root: _Asked(partial(self._ask, root)) for root in ROOTS}

    def _ask(self, root: str, key: str) -> Data | None:
        if (root, key) not in self._known:
            if len(self._known) >= ASKED_MAX:
                raise BudgetExceededError
            self._known[root, key] = self._answer(root, key)
        return self._known[root, key]

    def _answer(self, root: str, key: str) -> Data | None:
        position = self._position
        if position is None:
            return None
        found = self._nearby.find(root, key, position, is_marketing=self._is_marketing)
        view = self._nearby.view(found[0]) if found else None
        if found is None or view is None:
            return None
        self.is_used = True
        open_now = None if view.opening is None else view.opening.is_open(self._now_ms)
        told = place_facts(view) | {
            "distance_m": rounded_m(found[1], position.accuracy_m),
            "open_now": open_now,
            "source": position.source,
        }
        return data(told)


class _Asked(Data):
    """A mapping whose members are found when they are asked for."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[str], Data | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, key: Any) -> Data:
        found = self._find(key) if isinstance(key, str) and key not in {"first", "last"} else None
        if found is None:
            raise KeyError(key)
        return found


def rounded_m(distance_m: float, accuracy_m: float) -> int:
    """Round the way to a boundary to what the position supports (Rule 3)."""
    step = 10 ** max(0, floor(log10(max(accuracy_m, 1.0) / UNCERTAINTY_PER_STEP)))
    return int(round(max(0.0, distance_m) / step) * step)
