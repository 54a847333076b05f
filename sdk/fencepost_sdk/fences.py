"""
Fences: the errand that keeps the set of nearby fences, and what the host sees of it.

Not pure: store and worker, through the core; ``nearby`` decides.

Rule 1. The host's first look, or its first wish to hear of visits, begins it: nobody pays for
        fences that nobody asked for.
Rule 2. Without ``location_collect`` no position comes here, so nothing is asked; when it goes, the
        fences go, in memory and on disk, and an answer under way is not looked at.
Rule 3. The set survives the app, so that it is there at once and offline.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from fencepost_sdk.core import FENCES
from fencepost_sdk.nearby import FenceSet, Nearby
from fencepost_sdk.wire import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fencepost_sdk.answer import Reply
    from fencepost_sdk.core import Core
    from fencepost_sdk.visits import Visits


class FenceView(NamedTuple):
    """
    A fence near this device.

    Attributes:
        fence_id: Its id in the workspace.
        version: Of its content.
        name: Name of its place.
        meta: What the workspace says of the place.
        tags: For choosing.
        shape: GeoJSON geometry, with ``radius_m`` of a circle, ``width_m`` of a corridor.

    """

    fence_id: str
    version: int
    name: str
    meta: Mapping[str, Any]
    tags: tuple[str, ...]
    shape: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show no coordinates: what is near says where we are."""
        return f"FenceView(fence_id={self.fence_id!r}, version={self.version})"


class Fences:
    """The errand; every method takes the core's lock."""

    def __init__(self, core: Core, visits: Visits) -> None:
        self._core = core
        self._visits = visits
        self._nearby = Nearby()

    @property
    def due_ms(self) -> int | None:
        """When the gateway is to be asked."""
        return self._nearby.due_ms

    def path(self) -> str:
        """Write the question."""
        with self._core.lock:
            return self._nearby.path()

    def take(self, reply: Reply | None) -> None:
        """Take the answer, unless consent went while it was under way (Rule 2)."""
        core = self._core
        with core.lock:
            if core.is_closed or self.due_ms is None:
                return
            if not self._nearby.take(reply, core.clock.chance(), core.clock.steady_ms()):
                return
            held = self._nearby.held
            with core.store.transaction():
                core.store.set_meta(FENCES, packed(held))
            core.changed.notify_all()
        self._visits.know(held)

    def hint(self, hints: Mapping[str, str]) -> None:
        """Take the hints of a batch's answer."""
        self._nearby.hint(hints.get("fences", "").strip('"'), self._core.clock.steady_ms())

    def forget(self) -> None:
        """Forget fences, visits and position; the core forgets what is stored."""
        self._nearby.forget()
        self._visits.forget()

    def moved(self, lat: float, lon: float) -> None:
        """Take a position of the host."""
        core = self._core
        with core.lock:
            self._nearby.moved(lat, lon, core.clock.steady_ms())
            self._wake()

    def want(self) -> FenceSet | None:
        """Begin to ask for fences (Rule 1), and give those held."""
        core = self._core
        with core.lock:
            if not self._nearby.is_wanted:
                self._nearby.held = unpacked(core.store.meta().get(FENCES, ""))
                self._nearby.want(core.clock.steady_ms())
                self._wake()
            return self._nearby.held

    def views(self) -> tuple[FenceView, ...]:
        """Give the fences held, in order of their ids."""
        held = self.want()
        if held is None:
            return ()
        return tuple(viewed(held.fences[key]) for key in sorted(held.fences))

    def watch(self, slots: int) -> None:
        """Begin to tell visits to them."""
        with self._core.lock:
            self._visits.begin(self.want(), slots)

    def _wake(self) -> None:
        due_ms = self.due_ms
        if due_ms is not None and due_ms <= self._core.clock.steady_ms():
            self._core.changed.notify_all()


def viewed(fence: Mapping[str, Any]) -> FenceView:
    """Show a fence as the host sees it; what is not as it should be is left out."""
    place = fence.get("place")
    told = place if isinstance(place, dict) else {}
    meta, tags = told.get("meta"), fence.get("tags")
    return FenceView(
        fence_id=fence["id"],
        version=fence["version"],
        name=str(told.get("name", "")),
        meta=meta if isinstance(meta, dict) else {},
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        shape=fence["shape"],
    )


def packed(held: FenceSet | None) -> str:
    """Write a set for the store."""
    return "" if held is None else encode(held._asdict()).decode()


def unpacked(text: str) -> FenceSet | None:
    """Read what ``packed`` wrote; None for what another release wrote otherwise."""
    try:
        return FenceSet(**json.loads(text)) if text else None
    except (TypeError, ValueError):
        return None
