"""
Location: positions that the host gives us.

Not pure: consent and queue, through the core. A part: ``init(location=Location())`` links it.

Rule 1. Without ``location_collect`` no position is taken; it never waits for consent.
Rule 2. Without ``location_precise`` a position is snapped to 0.01 degrees and its accuracy is at
        least 800 m before anything else sees it: deterministic, so that averaging does not help.
Rule 3. ``accuracy_m`` is the radius that holds the true position with 68 % probability.
Rule 4. A check-in is a position too: without ``location_collect`` it is not taken.
Rule 5. Of where the device is, a look-up of nearby fences tells the cell of 0.01 degrees, no more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from fencepost_sdk.fallback import dropped, nothing
from fencepost_sdk.fences import Fences, FenceView
from fencepost_sdk.guard import InvalidCallError, guarded
from fencepost_sdk.regions import OWN_SLOTS
from fencepost_sdk.visits import Visits
from fencepost_sdk.wire import datetime_ms

if TYPE_CHECKING:
    from datetime import datetime

    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.results import Tracked

CODE_MAX = 128
COARSE_DIGITS = 2
COARSE_ACCURACY_M = 800.0
FINE_DIGITS = 7  # a centimetre
LAT_MAX = 90.0
LON_MAX = 180.0


def no_fences(_: str) -> tuple[FenceView, ...]:
    """Stand for fences that cannot be read."""
    return ()


class Fix(NamedTuple):
    """
    One position reading.

    Attributes:
        lat: Latitude in degrees, WGS 84.
        lon: Longitude in degrees.
        accuracy_m: Radius that holds the true position with 68 % probability.
        at: When it was read, aware; None: now.
        altitude_m: Height in metres.
        speed_mps: Speed over ground.
        course_deg: Direction of travel, clockwise from north.
        provider: ``gps``, ``network``, ``fused``, ``manual`` ...
        is_mock: Whether it is simulated.

    """

    lat: float
    lon: float
    accuracy_m: float
    at: datetime | None = None
    altitude_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    provider: str | None = None
    is_mock: bool = False

    def __repr__(self) -> str:
        """Show no coordinates."""
        return f"Fix(accuracy_m={self.accuracy_m!r}, provider={self.provider!r})"


class Location:
    """
    The part that takes positions.

    Args:
        slots: How many fences are watched for visits at once, the nearest of them.

    """

    def __init__(self, *, slots: int = OWN_SLOTS) -> None:
        self._bound: tuple[Core, Guard] | None = None
        self._fences: Fences | None = None
        self._visits: Visits | None = None
        self._slots = slots
        self._is_paused = False

    def attach(self, core: Core, guard: Guard) -> None:
        """Belong to a client; ``init`` calls this."""
        if self._bound is not None:
            raise InvalidCallError("a Location() belongs to one client: make another for this one")
        self._bound = (core, guard)
        self._visits = Visits(core, guard)
        self._fences = Fences(core, self._visits)
        core.errands.append(self._fences)
        core.tellers.append(self._visits)

    @property
    def guard(self) -> Guard:
        """The client's guard."""
        if self._bound is None:
            raise InvalidCallError("this Location() belongs to no client: give it to init()")
        return self._bound[1]

    @guarded(dropped)
    def update(self, fix: Fix) -> Tracked:
        """Take a position that the host has."""
        bound = self._bound
        if bound is None or self._is_paused:
            return dropped("paused")
        core = bound[0]
        fields = checked(fix)
        at_ms = None if fix.at is None else datetime_ms(fix.at)
        with core.lock:
            if not core.allows("location_precise"):
                fields |= coarse(fix)
            tracked = core.record("fix", fields, at_ms)
            if self._fences is not None and core.allows("location_collect"):
                self._fences.moved(fields["lat"], fields["lon"])
                if self._visits is not None:
                    self._visits.moved(fields, at_ms)
            return tracked

    @guarded(dropped)
    def check_in(self, code: str) -> Tracked:
        """
        Take the code of a place that the person read: a sign, a tag, a beacon.

        The gateway opens the visit if the code is genuine; leaving ends it as any other.
        """
        bound = self._bound
        if bound is None or self._is_paused:
            return dropped("paused")
        if not _is_code(code):
            raise InvalidCallError(f"check_in() takes a code of 1 to {CODE_MAX} characters")
        return bound[0].record("check_in", {"code": code})

    @guarded(no_fences)
    def fences(self) -> tuple[FenceView, ...]:
        """
        Give the fences around this device, as the gateway told them last.

        The first call begins to ask for them, from the next position on; until the answer is there
        they are those of the last run. They are kept up to date as the device goes on, and when
        the workspace changes them.
        """
        return () if self._fences is None else self._fences.views()

    @guarded(nothing)
    def watch(self) -> None:
        """
        Begin to tell visits to the fences around this device; ``client.on("enter", ...)`` does it.

        For what the app shows. Journeys and reports go by what the gateway tells.
        """
        if self._fences is not None:
            self._fences.watch(self._slots)

    @guarded(nothing)
    def pause(self) -> None:
        """Take no positions for now; consent stays as it is."""
        self._is_paused = True

    @guarded(nothing)
    def resume(self) -> None:
        """Take positions again."""
        self._is_paused = False


def checked(fix: Fix) -> dict[str, Any]:
    """
    Turn a fix into the members of its event.

    Raises:
        InvalidCallError: It is no position; the sentence names the member, never the value.

    """
    if not isinstance(fix, Fix):
        raise InvalidCallError("update() takes a Fix(lat, lon, accuracy_m, ...)")
    fields: dict[str, Any] = {
        "lat": round(_number("lat", fix.lat, -LAT_MAX, LAT_MAX), FINE_DIGITS),
        "lon": round(_number("lon", fix.lon, -LON_MAX, LON_MAX), FINE_DIGITS),
        "accuracy_m": _number("accuracy_m", fix.accuracy_m, 0.0, math.inf),
    }
    if fix.at is not None and (not hasattr(fix.at, "tzinfo") or fix.at.tzinfo is None):
        raise InvalidCallError("at must be an aware datetime")
    for name, low, high in (
        ("altitude_m", -math.inf, math.inf),
        ("speed_mps", 0.0, math.inf),
        ("course_deg", 0.0, 360.0),
    ):
        value = getattr(fix, name)
        if value is not None:
            fields[name] = _number(name, value, low, high)
    if fix.provider is not None:
        fields["provider"] = str(fix.provider)
    if fix.is_mock:
        fields["is_mock"] = True
    return fields


def coarse(fix: Fix) -> dict[str, Any]:
    """Snap a position to the grid (Rule 2); speed and course would give it away: they go."""
    return {
        "lat": round(float(fix.lat), COARSE_DIGITS),
        "lon": round(float(fix.lon), COARSE_DIGITS),
        "accuracy_m": max(float(fix.accuracy_m), COARSE_ACCURACY_M),
    }


def _is_code(code: object) -> bool:
    return isinstance(code, str) and 0 < len(code) <= CODE_MAX


def _number(name: str, value: object, low: float, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidCallError(f"{name} must be a finite number")
    if not low <= value <= high:
        raise InvalidCallError(f"{name} must be between {low:g} and {high:g}")
    return float(value)
