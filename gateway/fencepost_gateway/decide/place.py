"""
Place: what rules and messages may know of a fence, and which of several is the current one.

Pure. Everything but the shape: the tracker has decided already who is where.

Rule 1. A selector's members are AND-ed; a selector always has at least one.
Rule 2. The current place of several is the best library rank (1 before 2, none last), then the
        smaller area, then the id (spec/geofence.md section 1), so that it never depends on order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fencepost_gateway.decide.opening import Opening

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class FenceView(Struct, frozen=True):
    """What rules and messages may know of a fence: everything but its shape."""

    fence_id: str
    name: str = ""
    tags: frozenset[str] = frozenset()
    library: str = ""
    place_name: str = ""
    meta: dict[str, Any] = {}
    area_m2: float = 0.0
    rank: int = 0
    opening: Opening | None = None

    def is_active(self, at_ms: int) -> bool:
        """Say whether the fence was active at a moment."""
        return self.opening is None or self.opening.is_open(at_ms)


class Selector(Struct, frozen=True):
    """Which fences: by id, tag, library; an empty member does not narrow."""

    fence_id: str = ""
    tag: str = ""
    library: str = ""

    def matches(self, fence: FenceView) -> bool:
        """Say whether ``fence`` is selected (Rule 1)."""
        return (
            (not self.fence_id or fence.fence_id == self.fence_id)
            and (not self.tag or self.tag in fence.tags)
            and (not self.library or fence.library == self.library)
        )

    def __str__(self) -> str:
        """Write the selector as people read it."""
        parts = (("id", self.fence_id), ("tag", self.tag), ("library", self.library))
        return " and ".join(f"{key} {value}" for key, value in parts if value)


def place_facts(fence: FenceView) -> dict[str, Any]:
    """Give the members that ``place.…`` names in rules and templates."""
    return {
        "id": fence.fence_id,
        "name": fence.place_name or fence.name,
        "tags": sorted(fence.tags),
        "library": fence.library,
        "meta": fence.meta,
    }


def current_place(fence_ids: Iterable[str], fences: Mapping[str, FenceView]) -> FenceView | None:
    """Choose the current place among the fences somebody is inside of (Rule 2)."""
    known = [fences[fence_id] for fence_id in fence_ids if fence_id in fences]
    return min(known, key=lambda f: (f.rank or 1 << 31, f.area_m2, f.fence_id), default=None)
