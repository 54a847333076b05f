"""
Monitor: visits to the fences around this device, told on the device itself.

Pure. One device, few fences: the rules of ``fencepost_geofence.tracker`` without its index, by the
same filter and the same membership. The gateway stays the authority; what is told here is for what
the app shows.

Rule 1. A fix is weighed for those fences only that it contradicts, and for those in doubt.
Rule 2. Fixes that cannot speak leave no trace. A device knows its fixes in order: one that is not
        newer than the last is one of them.
Rule 3. Watched are the fences that ``regions`` chooses; a choice is made before the fix is weighed
        that asks for it. What is held of a fence stays, however often it is chosen.
Rule 4. A fence that is gone ends silently. One that changed is judged by the next fix. One that is
        only too far off for the set is not gone: who is driven away has to be seen leaving.
Rule 5. Time passes until each fix, and until ``tick`` when none comes (DWELL, EXPIRE).
Rule 6. State is text that can be stored between any two calls; it holds positions.
Rule 7. Nothing is told late or taken back, nobody passes or approaches: that takes fixes out of
        order, or fences far off, and is the gateway's.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT
from fencepost_geofence.fix import COARSE_M, Fix
from fencepost_geofence.membership import Sight, next_moment_ms, step, tell_due
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG, great_circle_m
from fencepost_geofence.state import DeviceState, Doubt, FenceState, Transition, unseen
from fencepost_geofence.trail import Trail
from fencepost_geofence.verdict import is_coarse
from fencepost_sdk.outline import Outline, read_outline
from fencepost_sdk.regions import OWN_SLOTS, TRIGGER_M, change, choose
from fencepost_sdk.wire import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fencepost_sdk.nearby import FenceSet

KEEP_MS = 22 * 3_600_000  # raw positions may be kept for 24 h
PRESENCE_TTL_S = 3_600
SLACK, SLACK_M = 0.01, 0.1  # of the sphere against the ellipsoid
ASKS_PER_FENCE = 2  # then it is cheaper to measure all anew


@dataclass(frozen=True, slots=True)
class Watched:
    """A fence as membership wants it (``membership.Terms``)."""

    fence_id: str
    version: int
    outline: Outline
    dwell_after_s: tuple[int, ...] = ()
    dwell_repeat_s: int | None = None
    presence_ttl_s: int = PRESENCE_TTL_S
    cooldown_s: int = 0
    enter_at: float = ENTER_AT
    leave_at: float = LEAVE_AT
    since_ms: int = 0

    @property
    def size_m(self) -> float:
        """Radius of the circle of the same area."""
        return self.outline.size_m


class Look:
    """Where the device last measured all it watches, and how far their boundaries were."""

    def __init__(self, lat: float, lon: float, distances: list[tuple[float, Watched]]) -> None:
        self._at = lat, lon
        self._clear = sorted(((abs(m), fence) for m, fence in distances), key=itemgetter(0))
        self._asks = ASKS_PER_FENCE * (1 + len(distances))
        self._inside = frozenset(fence.fence_id for m, fence in distances if m <= 0)

    def inside(self, lat: float, lon: float) -> frozenset[str] | None:
        """Say which fences contain a position; None when it is time to measure anew."""
        moved_m = (1 + SLACK) * great_circle_m(*self._at, lat, lon) + SLACK_M
        inside = self._inside
        for clear_m, fence in self._clear:
            if clear_m > moved_m:
                break
            self._asks -= 1
            if fence.outline.contains(lat, lon) is not (fence.fence_id in inside):
                inside ^= {fence.fence_id}
        return None if self._asks < 0 else inside


class Monitor:
    """
    The visits of one device.

    Attributes:
        state: What is held.
        watched: The fences chosen, by id.
        registered: How often a fence was registered or taken away.

    """

    def __init__(self, slots: int = OWN_SLOTS, trigger_m: float = TRIGGER_M) -> None:
        self.state = unseen()
        self.watched: dict[str, Watched] = {}
        self.registered = 0
        self._slots, self._trigger_m = slots, trigger_m
        self._known: dict[str, Watched] = {}
        self._chosen: tuple[float, float, float] | None = None
        self._look: Look | None = None

    def read(self, held: FenceSet) -> dict[str, Watched]:
        """Read the fences around the device, as the gateway tells them; changes nothing."""
        before = self._known
        found: dict[str, Watched] = {}
        for fence_id, told in held.fences.items():
            known = before.get(fence_id)
            fence = known if known and known.version == told["version"] else read_fence(told)
            if fence is not None:
                found[fence_id] = fence
        return found

    def know(self, held: FenceSet, fences: dict[str, Watched] | None = None) -> None:
        """Take the fences around the device, read before or now (Rule 4)."""
        before = self._known
        self._known = self.read(held) if fences is None else fences
        for fence_id in self.state.fences.keys() - self._known.keys():
            old = before.get(fence_id)
            if old and old.outline.signed_distance_m(held.lat, held.lon) > held.radius_m:
                self._known[fence_id] = old
            else:
                del self.state.fences[fence_id]
        self._chosen = None

    def take(self, fix: Fix) -> list[Transition]:
        """Take a fix; tell what it leads to."""
        state, trail = self.state, self.state.trail
        if not _is_usable(fix, trail.last_ms):
            return []
        told = self.tick(fix.at_ms)
        count = len(state.fences)
        before_ms = trail.last_ms
        lat, lon, accuracy_m = trail.add(fix)
        inside = self._inside(lat, lon)
        if accuracy_m is not None and accuracy_m > COARSE_M:
            self._see(inside, fix.at_ms, accuracy_m)
        odd = set(inside.difference(state.fences))
        for fence_id, held in state.fences.items():
            is_odd = (fence_id in inside) is not held.is_inside
            if is_odd or held.doubt or held.is_unsure or held.is_expired:
                odd.add(fence_id)
        if odd:
            sight = Sight(fix.at_ms, accuracy_m, before_ms, trail.weigh())
            told += self._judged(sorted(odd), sight)
        if len(state.fences) < count and len(self._known) > self._slots:
            self._chosen = None  # a slot is free
        state.past.clear()  # nothing here goes back in time
        return told

    def tick(self, now_ms: int) -> list[Transition]:
        """Let time pass; tell what fell due, in order of the moments (Rule 5)."""
        state, told = self.state, list[Transition]()
        last_ms = state.trail.last_ms
        if last_ms is not None and now_ms >= last_ms + KEEP_MS:
            state.trail.forget()
        while (due := self._due()) is not None and due[0] <= now_ms:
            told.append(tell_due(state, self._known[due[1]]))
            self._chosen = None
        state.past.clear()
        return told

    @property
    def next_tick_ms(self) -> int | None:
        """From when on ``tick`` has something to tell if no fix comes before."""
        due = self._due()
        return due[0] if due else None

    def _due(self) -> tuple[int, str] | None:
        moments = (
            (next_moment_ms(self.state, self._known[fence_id]), fence_id)
            for fence_id in self.state.fences
            if fence_id in self._known
        )
        return min(((at_ms, key) for at_ms, key in moments if at_ms is not None), default=None)

    def _judged(self, fence_ids: list[str], sight: Sight) -> list[Transition]:
        """Weigh a fix for the fences it may tell something new of."""
        state, told = self.state, list[Transition]()
        for fence_id in fence_ids:
            fence = self._known.get(fence_id)
            if fence is None:
                continue
            before = state.fences.get(fence_id)
            held, news, _ = step(before, fence, sight, fence.outline.signed_distance_m)
            state.hold(fence_id, held, sight.at_ms)
            if news is not None:
                told.append(news)
        return told

    def _see(self, inside: frozenset[str], at_ms: int, accuracy_m: float) -> None:
        """Take a coarse fix as evidence of presence in fences it can tell something of."""
        for fence_id in inside & self.state.fences.keys():
            held, fence = self.state.fences[fence_id], self._known[fence_id]
            if held.is_inside and not is_coarse(accuracy_m, fence.size_m):
                self.state.hold(fence_id, held._replace(seen_ms=at_ms), at_ms)

    # -- what is watched ---------------------------------------------------------------------------

    def _inside(self, lat: float, lon: float) -> frozenset[str]:
        """Say which of the watched fences contain a position, after choosing them (Rule 3)."""
        chosen = self._chosen
        if chosen is None or great_circle_m(chosen[0], chosen[1], lat, lon) >= chosen[2]:
            self._choose(lat, lon)
        found = self._look.inside(lat, lon) if self._look else None
        if found is None:
            distances = [(f.outline.signed_distance_m(lat, lon), f) for f in self.watched.values()]
            self._look = Look(lat, lon, distances)
            found = frozenset(fence.fence_id for metres, fence in distances if metres <= 0)
        return found

    def _choose(self, lat: float, lon: float) -> None:
        known = self._known
        distances_m = {key: f.outline.signed_distance_m(lat, lon) for key, f in known.items()}
        choice = choose(
            distances_m, self._slots, held=self.state.fences.keys(), trigger_m=self._trigger_m
        )
        wanted = {key: known[key] for key in choice.fence_ids}
        told = change(_versions(self.watched), _versions(wanted))
        self.registered += len(told.removed) + len(told.added)
        self.watched = wanted
        self._look = Look(lat, lon, [(distances_m[key], f) for key, f in wanted.items()])
        self._chosen = lat, lon, choice.trigger_m

    def anew(self) -> Monitor:
        """Give a monitor that knows nothing yet."""
        return Monitor(self._slots, self._trigger_m)

    # -- storage -----------------------------------------------------------------------------------

    def packed(self) -> str:
        """Write the state as text (Rule 6)."""
        trail = self.state.trail
        return encode(
            {
                "fixes": base64.b64encode(trail.fixes).decode(),
                "scales2": trail.scales2,
                "last_ms": trail.last_ms,
                "fine_ms": trail.fine_ms,
                "gone": trail.gone,
                "fences": self.state.fences,
            }
        ).decode()

    def restore(self, text: str) -> None:
        """Go on from what ``packed`` wrote; from nothing if another release wrote otherwise."""
        try:
            self.state = _state(json.loads(text)) if text else unseen()
        except (TypeError, ValueError, LookupError):
            self.state = unseen()


def read_fence(told: Mapping[str, Any]) -> Watched | None:
    """Read a fence of the wire; None: there is nothing to watch, or nothing we know how to."""
    outline = read_outline(told["shape"])
    if outline is None:
        return None
    repeat_s = told.get("dwell_repeat_s")
    try:
        return Watched(
            fence_id=told["id"],
            version=told["version"],
            outline=outline,
            dwell_after_s=tuple(sorted(map(int, told.get("dwell_after_s") or ()))),
            dwell_repeat_s=int(repeat_s) if repeat_s else None,
            presence_ttl_s=int(told.get("presence_ttl_s") or PRESENCE_TTL_S),
            cooldown_s=int(told.get("cooldown_s") or 0),
            enter_at=float(told.get("enter_at") or ENTER_AT),
            leave_at=float(told.get("leave_at") or LEAVE_AT),
        )
    except (TypeError, ValueError):
        return None


def _is_usable(fix: Fix, last_ms: int | None) -> bool:
    """Say whether a fix may speak (Rule 2)."""
    return not (
        fix.is_mock
        or not (-POLE_DEG <= fix.lat <= POLE_DEG and -SEAM_DEG <= fix.lon <= SEAM_DEG)
        or (fix.lat == 0 and fix.lon == 0)
        or fix.at_ms <= (-inf if last_ms is None else last_ms)
    )


def _versions(fences: Mapping[str, Watched]) -> dict[str, int]:
    return {fence_id: fence.version for fence_id, fence in fences.items()}


def _state(told: Any) -> DeviceState:
    state = unseen()
    first_ms, second_ms = told["gone"]
    state.trail = Trail(
        bytearray(base64.b64decode(told["fixes"])),
        [float(each) for each in told["scales2"]],
        told["last_ms"],
        told["fine_ms"],
        (first_ms, second_ms),
    )
    for fence_id, row in told["fences"].items():
        held = FenceState(*row)
        state.fences[fence_id] = held._replace(
            doubt=Doubt(*held.doubt) if held.doubt else None,
            left=(held.left[0], held.left[1]) if held.left else None,
        )
    return state
