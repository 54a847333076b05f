"""
Nearby: the fences around this device: what is held, when to ask again, what an answer changes.

Pure: positions, moments (of a clock that never jumps) and chance are arguments. Vectors:
``sdk/wire/vectors/nearby``.

Rule 1. Asked is for a cell of 0.01 degrees, never for a position.
Rule 2. ``have`` of the last answer is sent back. An answer with ``gone`` is the difference to what
        is held: take those away, put its ``fences``. One without is everything.
Rule 3. When ``count`` does not fit, something was lost here: what is held stays until everything
        was asked for anew, at once and without ``have``. So it does when an answer fails.
Rule 4. Asked again: in another cell outside the inner 80 % of the valid radius, when the answer is
        stale, when a hint names another ETag. Failures back off like an upload.
Rule 5. Nobody wants the fences, or no position is known: nothing is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from fencepost_geofence.sphere import great_circle_m
from fencepost_sdk.answer import OK, Reply, read_object
from fencepost_sdk.uploader import BASE_S, CAP_S
from fencepost_sdk.wire import VERSION

INNER = 0.8
REFUSED_MS = 3_600_000  # 4xx: something only a person can mend
STALE_MAX_S = 86_400.0
ROUTE = "/v1/fences/nearby"
REFUSALS = range(400, 500)
PASSING = frozenset({408, 429})

Fence = Mapping[str, Any]


class FenceSet(NamedTuple):
    """
    What is held.

    Attributes:
        have: What the gateway calls it; empty: it has no name.
        lat: Middle of the cell it was told for.
        lon: The same.
        radius_m: Every fence that reaches within it of the middle is here.
        fences: By id, as they came.

    """

    have: str
    lat: float
    lon: float
    radius_m: float
    fences: Mapping[str, Fence]

    def fits(self, lat: float, lon: float) -> bool:
        """Say whether it is good enough at a position (Rule 4)."""
        if cell(lat, lon) == cell(self.lat, self.lon):
            return True
        return great_circle_m(self.lat, self.lon, lat, lon) <= INNER * self.radius_m


class Told(NamedTuple):
    """A well-formed answer: the set it is about, how long it is good, and what is no more."""

    told: FenceSet
    stale_after_s: float
    gone: tuple[str, ...] | None
    size: int | None


class Nearby:
    """The set, and when to ask for it; ``due_ms`` None: not until something changes."""

    def __init__(self) -> None:
        self.held: FenceSet | None = None
        self.is_wanted = False
        self._etag = ""
        self._here: tuple[float, float] | None = None
        self._wish_ms: int | None = None
        self._is_lossy = False
        self._failures = 0

    @property
    def due_ms(self) -> int | None:
        """When to ask next (Rule 5)."""
        return self._wish_ms if self.is_wanted and self._here is not None else None

    def want(self, now_ms: int) -> None:
        """Begin to ask."""
        if not self.is_wanted:
            self.is_wanted, self._wish_ms = True, now_ms

    def moved(self, lat: float, lon: float, now_ms: int) -> None:
        """Take a position."""
        self._here = (lat, lon)
        is_waiting = self._failures or self._wish_ms is None
        if not is_waiting and not (self.held and self.held.fits(lat, lon)):
            self._wish_ms = now_ms

    def hint(self, etag: str, now_ms: int) -> None:
        """Take the gateway's word on which fences there are."""
        if etag and etag != self._etag and self._wish_ms is not None and not self._failures:
            self._wish_ms = now_ms

    def path(self) -> str:
        """Write the question (Rules 1 and 2)."""
        lat, lon = self._here or (0.0, 0.0)
        have = self.held.have if self.held and not self._is_lossy else ""
        told = "{}?lat={}&lon={}".format(ROUTE, *cell(lat, lon))
        return f"{told}&have={quote(have, safe='')}" if have else told

    def take(self, reply: Reply | None, chance: float, now_ms: int) -> bool:
        """Take an answer; say whether what is held is another set now."""
        told = read(reply.body) if reply is not None and reply.status == OK else None
        if reply is None or told is None:
            self._fail(reply, chance, now_ms)
            return False
        fences = applied(self.held, told)
        if fences is None:
            if self._is_lossy:  # asked for everything, and got a difference
                self._fail(reply, chance, now_ms)
            else:
                self._is_lossy, self._wish_ms = True, now_ms
            return False
        self.held = told.told._replace(fences=fences)
        self._etag = reply.etag.strip('"')
        self._is_lossy, self._failures = False, 0
        self._wish_ms = now_ms + int(1_000 * told.stale_after_s)
        return True

    def forget(self) -> None:
        """Forget fences and position; who wanted them is still there."""
        self.held, self._here, self._etag, self._is_lossy = None, None, "", False
        self._failures, self._wish_ms = 0, 0 if self.is_wanted else None

    def _fail(self, reply: Reply | None, chance: float, now_ms: int) -> None:
        self._failures += 1
        top_ms = 1_000 * min(CAP_S, BASE_S * 2 ** min(self._failures - 1, 30))
        wait_ms = max(100.0, chance * top_ms)
        if reply is not None:
            wait_ms = max(wait_ms, 1_000 * (reply.retry_after_s or 0.0))
            if reply.status in REFUSALS and reply.status not in PASSING:
                wait_ms = REFUSED_MS
        self._wish_ms = now_ms + int(wait_ms)


def cell(lat: float, lon: float) -> tuple[str, str]:
    """Name the cell of a position by its middle (Rule 1)."""
    return f"{round(lat, 2) + 0.0:.2f}", f"{round(lon, 2) + 0.0:.2f}"  # + 0.0: never -0.00


def applied(held: FenceSet | None, told: Told) -> dict[str, Fence] | None:
    """Give the fences after an answer (Rule 2); None: what we hold is not what was meant."""
    if told.gone is None:
        return dict(told.told.fences)
    kept = {} if held is None else dict(held.fences)
    for fence_id in told.gone:
        kept.pop(fence_id, None)
    kept |= told.told.fences
    return kept if told.size == len(kept) else None


def read(body: bytes) -> Told | None:
    """Read an answer without trust; None when it is none."""
    match read_object(body):
        case {
            "v": int() as version,
            "center": {"lat": int() | float() as lat, "lon": int() | float() as lon},
            "valid_radius_m": int() | float() as radius_m,
            "stale_after_s": int() | float() as stale_after_s,
            "fences": list() as fences,
            **rest,
        } if version == VERSION and radius_m >= 0 and all(_is_fence(fence) for fence in fences):
            gone, size, have = rest.get("gone"), rest.get("count"), rest.get("have")
            named = {fence["id"]: fence for fence in fences}
            return Told(
                FenceSet(str(have or ""), lat, lon, radius_m, named),
                min(max(1.0, stale_after_s), STALE_MAX_S),
                tuple(map(str, gone)) if isinstance(gone, list) else None,
                size if isinstance(size, int) else None,
            )
        case _:
            return None


def _is_fence(value: object) -> bool:
    match value:
        case {"id": str(), "version": int(), "shape": {}}:
            return True
        case _:
            return False
