"""
Fence set: which fences are told to a device for a cell, and what of them it has already.

Pure. ``nearby`` reads the question and writes the answer.

Rule 1. A set is exactly the fences that reach within ``radius_m`` of the cell's middle, of those
        asked for (library, tag, open now). Nothing else of the question counts, so a set that was
        told once can be made again from a few words: edition, middle, radius, filter (``Held``).
Rule 2. Wherever in the cell the device is, its ``limit`` nearest fences by distance to the boundary
        are in the set, as far as they are within 1,000 km: the radius goes a cell's diagonal beyond
        the limit-th from the middle. The device picks from them by its exact position.
Rule 3. At most ``FENCES_MAX`` fences and ``BODY_BYTES`` of them; then the radius ends before the
        first that is left out. Whoever asks what is open now is told of ``FENCES_MAX`` fences those
        that are: opening hours are looked at so often and not more.
Rule 4. A difference is told when it is known which fences changed since the edition held, and the
        two sets share a fence. Take away ``gone``, put ``fences``, and what is left is the set: of
        the fences held, those that did not change are made again by Rule 1, and every one that did
        change is in ``fences`` or in ``gone``.
"""

from __future__ import annotations

import hashlib
import re
from math import floor, hypot
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from fencepost_geofence.corridor import Corridor
from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT
from fencepost_geofence.geojson import write_geometry
from fencepost_geofence.shapes import Circle
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG, ground_m

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fencepost_gateway.workers.plans import Plans
    from fencepost_geofence.fence import Fence
    from fencepost_geofence.nearest import Measured, Wanted

FENCES_MAX: Final = 2_000
BODY_BYTES: Final = 524_288  # half of what our SDKs read of an answer
FARTHEST_M: Final = 1_000_000
HALF_CELL_DEG: Final = 0.005

_HELD = re.compile(
    r"(f-[0-9a-f]{24}),(-?\d{1,2}(?:\.\d{1,2})?),(-?\d{1,3}(?:\.\d{1,2})?),(\d{1,7}),([0-9a-f]{8})",
    re.ASCII,
)


class Ask(Struct, frozen=True):
    """
    What a device asks for.

    Attributes:
        lat: Middle of its cell.
        lon: The same.
        limit: How many nearest fences it needs.
        library: Only those of this library; empty: of any.
        tag: Only those with this tag; empty: with any.
        is_open: Only those that are open now.

    """

    lat: float
    lon: float
    limit: int
    library: str = ""
    tag: str = ""
    is_open: bool = False

    @property
    def filter_key(self) -> str:
        """Stand for library and tag."""
        told = f"{self.library}\n{self.tag}".encode()
        return hashlib.blake2b(told, digest_size=4).hexdigest()

    def wants(self, fence: Fence) -> bool:
        """Say whether library and tag are those asked for."""
        return (not self.library or fence.library == self.library) and (
            not self.tag or self.tag in fence.tags
        )


class FenceSet(Struct, frozen=True):
    """Fences in order of their distance from the middle, each as JSON, and how far they reach."""

    radius_m: int
    fences: dict[str, msgspec.Raw]
    is_exact: bool  # whether Rule 1 holds


class Held(Struct, frozen=True):
    """A set that was told before, in the words of ``write`` (Rule 1)."""

    edition: str
    lat: float
    lon: float
    radius_m: int
    filter_key: str

    def write(self) -> str:
        """Write it for the device to send back."""
        lat, lon = f"{self.lat:g}", f"{self.lon:g}"
        return f"{self.edition},{lat},{lon},{self.radius_m},{self.filter_key}"


class Difference(Struct, frozen=True):
    """What a device lacks, and what it must forget."""

    fences: list[msgspec.Raw]
    gone: list[str]


def read_held(text: str) -> Held | None:
    """Read what ``Held.write`` wrote; anything else is nothing we know."""
    match = _HELD.fullmatch(text)
    if match is None:
        return None
    edition, lat, lon, radius_m, filter_key = match.groups()
    held = Held(edition, float(lat), float(lon), int(radius_m), filter_key)
    is_place = abs(held.lat) <= POLE_DEG and abs(held.lon) <= SEAM_DEG
    return held if is_place and held.radius_m <= FARTHEST_M else None


def fence_set(plans: Plans, ask: Ask, now_ms: int) -> FenceSet:
    """Choose the fences for a cell (Rules 1 to 3)."""
    index, wanted = plans.tracker.index, _wanted(ask)
    within_m: float = FARTHEST_M
    if not ask.is_open:
        wished = index.nearest(ask.lat, ask.lon, ask.limit, wanted=wanted, within_m=within_m)
        within_m = _enough_m(ask, wished)
    found = index.nearest(ask.lat, ask.lon, FENCES_MAX + 1, wanted=wanted, within_m=within_m)
    if len(found) > FENCES_MAX:
        within_m = found.pop()[1] - 1
    if ask.is_open:
        views = plans.plan.fences
        found = [each for each in found if views[each[0].fence_id].is_active(now_ms)]
        within_m = min(within_m, _enough_m(ask, found[: ask.limit]))
    return _written(plans, found, within_m)


def difference(plans: Plans, ask: Ask, held: Held, told: FenceSet) -> Difference | None:
    """Give what a device that holds ``held`` lacks of ``told``; None: tell it all (Rule 4)."""
    changed = plans.editions.changed_since(held.edition)
    if changed is None or held.filter_key != ask.filter_key:
        return None

    def is_same(fence: Fence) -> bool:
        return fence.fence_id not in changed and ask.wants(fence)

    nearest = plans.tracker.index.nearest
    known = {
        fence.fence_id
        for fence, _ in nearest(
            held.lat, held.lon, FENCES_MAX, wanted=is_same, within_m=held.radius_m
        )
    }
    if known.isdisjoint(told.fences):
        return None
    return Difference(
        fences=[raw for fence_id, raw in told.fences.items() if fence_id not in known],
        gone=sorted((known | changed) - told.fences.keys()),
    )


def half_diagonal_m(lat: float, lon: float) -> float:
    """Give how far the corners of a cell are from its middle, at most."""
    north_m = ground_m(lat, lon, lat + HALF_CELL_DEG, lon)
    widest_lat = max(0.0, abs(lat) - HALF_CELL_DEG)
    return hypot(north_m, ground_m(widest_lat, 0.0, widest_lat, HALF_CELL_DEG))


def fence_json(fence: Fence, version: int, zone: str) -> dict[str, Any]:
    """Give what a device needs to watch a fence; ``zone`` is the workspace's."""
    shape = write_geometry(fence.shape)
    if isinstance(fence.shape, Circle):
        shape["radius_m"] = fence.shape.radius_m
    elif isinstance(fence.shape, Corridor):
        shape["width_m"] = fence.shape.width_m
    return {
        "id": fence.fence_id,
        "version": version,
        "shape": shape,
        "place": {"name": fence.place_name or fence.name, "meta": dict(fence.meta)},
        "library": fence.library or None,
        "tags": sorted(fence.tags),
        "dwell_after_s": fence.dwell_after_s,
        "presence_ttl_s": fence.presence_ttl_s,
        "cooldown_s": fence.cooldown_s,
        "active": fence.active or None,
        "zone": fence.zone or (zone if fence.active else "") or None,
        **_unusual(fence),
    }


def _unusual(fence: Fence) -> dict[str, Any]:
    """Give what few fences set and the device's rules ask for; left out, it is the default."""
    return {
        name: value
        for name, value, default in (
            ("dwell_repeat_s", fence.dwell_repeat_s, None),
            ("enter_at", fence.enter_at, ENTER_AT),
            ("leave_at", fence.leave_at, LEAVE_AT),
        )
        if value != default
    }


def _wanted(ask: Ask) -> Wanted | None:
    return ask.wants if ask.library or ask.tag else None


def _enough_m(ask: Ask, wished: Sequence[Measured]) -> float:
    """Give how far to go when these are the ``limit`` nearest to the middle (Rule 2)."""
    if len(wished) < ask.limit:
        return FARTHEST_M
    reach_m = half_diagonal_m(ask.lat, ask.lon)
    last_m = wished[-1][1] if wished else 0.0
    return min(FARTHEST_M, max(reach_m, last_m + 2 * reach_m))


def _written(plans: Plans, found: Sequence[Measured], within_m: float) -> FenceSet:
    """Write fences as long as they fit (Rule 3)."""
    room = BODY_BYTES
    written: list[tuple[str, float, msgspec.Raw]] = []
    zone = plans.plan.workspace_zone
    for fence, distance_m in found:
        raw = msgspec.json.encode(fence_json(fence, plans.versions[fence.fence_id], zone))
        room -= len(raw)
        if room < 0 and written:
            within_m = distance_m - 1
            break
        written.append((fence.fence_id, distance_m, msgspec.Raw(raw)))
    radius_m = floor(within_m)
    is_crowd = radius_m < 0  # more fences hold the middle than fit: those deepest inside are told
    fences = {key: raw for key, distance_m, raw in written if is_crowd or distance_m <= radius_m}
    return FenceSet(max(0, radius_m), fences, is_exact=not is_crowd)
