"""
Membership: from P(inside) to ENTER, DWELL, EXIT and EXPIRE, for one fence at a time.

Pure, standard library only, so that the client SDK can use it. Says nothing about shapes: how far
an estimate is from the boundary comes from the caller. State is plain data that can be stored
between any two calls.

::

    P(inside)     outside                      inside
    ---------     -------                      ------
    >= 0.6        ENTER                        inside, as before
    between       undecided                    undecided; no DWELL while the estimate is outside
    <= 0.05       outside, as before           EXIT

Rule 1. What decides is P(inside) of where the filter puts the device (``evidence``, ``verdict``),
        never the fix itself. Every step says why it decided or did not. A fence may have thresholds
        of its own.
Rule 2. A fence is in doubt while the estimate lies on the other side of it. The first fix in doubt
        is where the visit began, if it then comes to an ENTER. An hour without a fix ends a doubt.
Rule 3. ENTER and EXIT (or EXPIRE) of a fence alternate, whatever comes. A visit has a name: the
        fence, and the moment its ENTER was decided.
Rule 4. Inside on the device's first fix ever, on its first fix after the fence was published, or on
        its first after an EXPIRE: ENTER with ``initial``. Nobody saw a boundary crossed.
Rule 5. The crossing is put in the middle between the last fix before the doubt and its first.
Rule 6. A fix coarser than 200 m and than twice the fence's size can tell nothing of that fence: it
        neither decides nor raises or settles a doubt, and is no evidence of presence. So a position
        snapped to a grid never puts anybody into a shop.

Time does the rest, by event time: a fix lets it pass until its own moment, a timer until now, and
it does not matter which of them comes first.

Rule 7. A DWELL per threshold and visit, counted from the visit's beginning, then one every
        ``dwell_repeat_s`` if asked. None while an exit is in doubt, and none from presence that is
        older than ``presence_ttl_s``.
Rule 8. ``presence_ttl_s`` after the last evidence the visit ends by EXPIRE: an end without a claim
        that anybody left. It lasted until that evidence.
Rule 9. With ``cooldown_s`` an EXIT is told that long after it was decided, unless the device comes
        back in the meantime: then it was one visit, and nothing is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from fencepost_geofence import verdict
from fencepost_geofence.evidence import FORGET_MS, inside_probability
from fencepost_geofence.state import OUTSIDE, DeviceState, Doubt, FenceState, Transition
from fencepost_geofence.trail import Weighed
from fencepost_geofence.verdict import is_coarse, side_of


class Terms(Protocol):
    """What membership needs to know of a fence."""

    @property
    def fence_id(self) -> str:
        """Its id."""

    @property
    def dwell_after_s(self) -> tuple[int, ...]:
        """Thresholds, ascending."""

    @property
    def dwell_repeat_s(self) -> int | None:
        """How often after the last threshold."""

    @property
    def presence_ttl_s(self) -> int:
        """For how long the last fix proves presence."""

    @property
    def cooldown_s(self) -> int:
        """How soon after an EXIT an ENTER belongs to the same visit."""

    @property
    def enter_at(self) -> float:
        """P(inside) to enter."""

    @property
    def leave_at(self) -> float:
        """P(inside) to leave."""

    @property
    def size_m(self) -> float:
        """Radius of the circle of the same area."""

    @property
    def since_ms(self) -> int:
        """When it was first published."""


Measure = Callable[[float, float], float]
"""lat, lon -> signed distance in metres."""


@dataclass(slots=True)
class Sight:
    """A fix, weighed. ``before_ms``: time of the one before; None if it is the first."""

    at_ms: int
    accuracy_m: float | None
    before_ms: int | None
    weighed: Weighed


def step(
    held: FenceState | None, terms: Terms, sight: Sight, measure: Measure
) -> tuple[FenceState | None, Transition | None, verdict.Reason]:
    """
    Weigh one fix against one fence.

    Args:
        held: What is held of the fence; None: the device is certainly outside.
        terms: The fence.
        sight: The fix, and where it and those before it put the device.
        measure: Signed distance to the boundary; not asked about a fix that must not decide.

    Returns:
        What is held now (the same object if nothing changed); ENTER or EXIT, if it came to that;
        and why it was decided, or was not.

    """
    weighed = sight.weighed
    if weighed.refusal is not None:
        return held, None, weighed.refusal
    if is_coarse(sight.accuracy_m, terms.size_m):
        return held, None, "low_accuracy"
    distance_m = measure(weighed.lat, weighed.lon)
    p_inside = inside_probability(distance_m, weighed.sigma_m)
    side = side_of(p_inside, terms.enter_at, terms.leave_at)
    was = held or OUTSIDE
    doubt = None
    if (distance_m < 0) is not was.is_inside:
        doubt = _doubt(was, terms, sight)
    if side is None or side is was.is_inside:
        reason: verdict.Reason = "decided"
        if side is None:
            reason = "oscillating" if was.is_unsure else "one_fix"
        return _stayed(held, was, doubt, is_unsure=side is None), None, reason
    first = doubt or _doubt(was, terms, sight)
    certain = p_inside if side else 1.0 - p_inside
    changed, kind = _crossed(was, terms, first, sight.at_ms)
    if kind is None:
        return changed, None, "decided"
    told = Transition(
        kind=kind,
        fence_id=terms.fence_id,
        at_ms=sight.at_ms,
        crossed_at_ms=first.crossed_at_ms,
        visit_ms=sight.at_ms if side else was.named_ms,
        visit_began_ms=first.at_ms if side else was.began_ms,
        duration_s=None if side else (first.crossed_at_ms - was.began_ms) // 1000,
        initial=first.initial,
        distance_m=distance_m,
        accuracy_m=sight.accuracy_m,
        confidence=certain,
        reason="decided",
    )
    return changed, told, "decided"


def tell_due(state: DeviceState, terms: Terms) -> Transition:
    """Tell what time brings next to a fence, at ``next_moment_ms`` (rules 7 to 9)."""
    at_ms, kind, after_s = _due(state, terms) or _nothing()
    held = state.fences[terms.fence_id]
    changed: FenceState | None = None
    ended_ms = None
    if kind == "dwell":
        changed = held._replace(dwelled_s=after_s)
    elif kind == "expire":
        ended_ms = _evidence_ms(state, held)
        changed = OUTSIDE._replace(is_expired=True)
    elif held.left:
        ended_ms = held.left[1]
    state.hold(terms.fence_id, changed, at_ms)
    dwelled_ms = held.began_ms + after_s * 1000
    return Transition(
        kind=kind,
        fence_id=terms.fence_id,
        at_ms=at_ms,
        crossed_at_ms=dwelled_ms if ended_ms is None else ended_ms,
        visit_ms=held.named_ms,
        visit_began_ms=held.began_ms,
        duration_s=None if ended_ms is None else (ended_ms - held.began_ms) // 1000,
        after_s=after_s if kind == "dwell" else None,
        reason="timer",
    )


def next_moment_ms(state: DeviceState, terms: Terms) -> int | None:
    """Give the moment at which time brings something to a fence that is held, if no fix comes."""
    due = _due(state, terms)
    return due[0] if due else None


def _doubt(was: FenceState, terms: Terms, sight: Sight) -> Doubt:
    """Give the doubt that lasts, or the one that begins (rules 2, 4 and 5)."""
    at_ms, before_ms = sight.at_ms, sight.before_ms
    is_lasting = before_ms is not None and at_ms - before_ms <= FORGET_MS
    if was.doubt and is_lasting:
        return was.doubt
    is_new = before_ms is None or before_ms < terms.since_ms
    if not was.is_inside and not was.left and (is_new or was.is_expired):
        return Doubt(at_ms, at_ms, initial=True)
    since_ms = max(at_ms if before_ms is None else before_ms, was.seen_ms)
    return Doubt(at_ms, (since_ms + at_ms) // 2, initial=False)


def _stayed(
    held: FenceState | None, was: FenceState, doubt: Doubt | None, *, is_unsure: bool
) -> FenceState | None:
    """Give what is held when the side has not changed."""
    is_empty = doubt is None and not is_unsure
    if is_empty and not was.is_inside and not was.left:
        return None
    # Who is still unsure after an EXPIRE has not come from outside.
    is_expired = was.is_expired and not is_empty
    now = doubt, is_unsure, is_expired
    if now == (was.doubt, was.is_unsure, was.is_expired):
        return held
    return was._replace(doubt=doubt, is_unsure=is_unsure, is_expired=is_expired)


def _crossed(
    was: FenceState, terms: Terms, first: Doubt, at_ms: int
) -> tuple[FenceState | None, Literal["enter", "exit"] | None]:
    """Give what is held on the other side, and what is told of it."""
    if not was.is_inside:
        if was.left:
            return was._replace(is_inside=True, left=None, doubt=None, is_unsure=False), None
        visit = OUTSIDE._replace(is_inside=True, began_ms=first.at_ms, named_ms=at_ms)
        return visit._replace(since_ms=terms.since_ms), "enter"
    if terms.cooldown_s:
        left = at_ms + terms.cooldown_s * 1000, first.crossed_at_ms
        return was._replace(is_inside=False, left=left, doubt=None, is_unsure=False), None
    return None, "exit"


def _due(
    state: DeviceState, terms: Terms
) -> tuple[int, Literal["exit", "dwell", "expire"], int] | None:
    """Give moment, kind and threshold of what time brings next."""
    held = state.fences[terms.fence_id]
    if held.left:
        return held.left[0], "exit", 0
    if not held.is_inside:
        return None
    expires_ms = _evidence_ms(state, held) + terms.presence_ttl_s * 1000
    after_s = None if held.doubt else _next_threshold_s(held.dwelled_s, terms)
    if after_s is not None and held.began_ms + after_s * 1000 < expires_ms:
        # A threshold passed while in doubt is told when the doubt is gone.
        known_ms = max(state.trail.last_ms or 0, held.seen_ms)
        return max(held.began_ms + after_s * 1000, known_ms), "dwell", after_s
    return expires_ms, "expire", 0


def _nothing() -> NoReturn:
    raise ValueError("time brings nothing to this fence: ask next_moment_ms first")


def _next_threshold_s(dwelled_s: int, terms: Terms) -> int | None:
    for after_s in terms.dwell_after_s:
        if after_s > dwelled_s:
            return after_s
    if terms.dwell_repeat_s and dwelled_s:
        return dwelled_s + terms.dwell_repeat_s
    return None


def _evidence_ms(state: DeviceState, held: FenceState) -> int:
    """Give the moment of the last evidence of presence (rule 6)."""
    return max(state.trail.fine_ms or 0, held.seen_ms, held.began_ms)
