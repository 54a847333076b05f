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
from typing import Final, Literal, NamedTuple, NoReturn, Protocol

from fencepost_geofence import verdict
from fencepost_geofence.evidence import FORGET_MS, inside_probability
from fencepost_geofence.trail import Trail, Weighed, untrodden
from fencepost_geofence.verdict import is_coarse, side_of

Kind = Literal["enter", "exit", "dwell", "expire", "pass", "approach"]
Reason = Literal["decided", "timer"]


class Doubt(NamedTuple):
    """The first fix whose estimate lay on the other side, waiting for certainty."""

    at_ms: int
    crossed_at_ms: int
    initial: bool


class FenceState(NamedTuple):
    """
    What is held of one fence: a visit, a doubt, or both.

    Attributes:
        is_inside: On which side the device is held to be.
        began_ms: When the visit began.
        named_ms: When its ENTER was first decided, by which it is known.
        dwelled_s: Last threshold told.
        doubt: Since when the estimate lies on the other side.
        is_unsure: The last fix that was weighed decided nothing.
        is_expired: The last visit ended by EXPIRE, and nothing was heard since.
        left: When the EXIT will be told, and when the boundary was crossed (rule 9).
        seen_ms: Last coarse fix that still told something of this fence, or check-in.
        since_ms: When the fence was first published that the visit is to.

    """

    is_inside: bool = False
    began_ms: int = 0
    named_ms: int = 0
    dwelled_s: int = 0
    doubt: Doubt | None = None
    is_unsure: bool = False
    is_expired: bool = False
    left: tuple[int, int] | None = None
    seen_ms: int = 0
    since_ms: int = 0


OUTSIDE: Final = FenceState()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """
    One change of membership, with what decided it.

    Attributes:
        kind: What happened.
        fence_id: To which fence.
        at_ms: Time of the deciding fix, or the moment a timer was set to.
        crossed_at_ms: Estimated crossing; of a DWELL when its threshold was reached; of an EXPIRE
            the last evidence.
        visit_ms: When the visit's ENTER was first decided: with ``fence_id`` it names the visit.
        visit_began_ms: When the visit began.
        duration_s: Length of the visit (EXIT, EXPIRE), whole seconds.
        after_s: The threshold (DWELL).
        initial: The device was inside already when the fence or its tracking began (ENTER).
        arrives_in_s: Estimated time to the boundary (APPROACH), whole seconds.
        late: The sorted track has it, but it was told only when a fix came late.
        superseded: The sorted track lacks what this takes back: an EXIT the ENTER of its visit, an
            ENTER the EXIT or EXPIRE; others take back their like.
        distance_m: Signed distance of the estimate, negative inside; None from a timer.
        accuracy_m: Accuracy as the deciding fix reported it.
        confidence: Probability of the side claimed: P(inside), of an EXIT 1 - P(inside); None from
            a timer.
        reason: ``decided`` by a fix, or by ``timer``.

    """

    kind: Kind
    fence_id: str
    at_ms: int
    crossed_at_ms: int
    visit_ms: int
    visit_began_ms: int
    duration_s: int | None = None
    after_s: int | None = None
    initial: bool = False
    arrives_in_s: int | None = None
    late: bool = False
    superseded: bool = False
    distance_m: float | None = None
    accuracy_m: float | None = None
    confidence: float | None = None
    reason: Reason


class Told(NamedTuple):
    """What is remembered of a transition that was told."""

    kind: Kind
    fence_id: str
    at_ms: int
    visit_ms: int
    after_s: int | None
    initial: bool


@dataclass
class DeviceState:
    """
    What is held of one device.

    Attributes:
        trail: Its recent fixes; positions, so these are to be forgotten in time.
        fences: Those it is inside of, or not certainly outside.
        past: Moment, fence and what was held of it before, for every change a late fix may undo.
        told: Transitions a late fix may take back, as much as that takes.
        waiting: Transitions that are told once no late fix can change them.
        settled_ms: What was up to here is told and cannot be taken back; None: nothing yet.
        passed: Fences passed or visited, and until when crossing them is nothing new.
        approached: Fences approached or visited, and until when arriving there is nothing new.
        check_ins: Moment and fence of those that a late fix may come before.

    """

    # By hand, so that what the tracker has at hand is no field: it is neither stored nor compared.
    __slots__ = (
        "approached",
        "check_ins",
        "fences",
        "passed",
        "past",
        "settled_ms",
        "told",
        "trail",
        "waiting",
        "watch",
    )

    trail: Trail
    fences: dict[str, FenceState]
    past: list[tuple[int, str, FenceState | None]]
    told: list[Told]
    waiting: list[Transition]
    settled_ms: int | None
    passed: dict[str, int]
    approached: dict[str, int]
    check_ins: list[tuple[int, str]]

    def __post_init__(self) -> None:
        """Nothing is at hand yet."""
        self.watch: object = None

    def hold(self, fence_id: str, held: FenceState | None, at_ms: int) -> None:
        """Hold something else of a fence from a moment on; None: nothing."""
        before = self.fences.get(fence_id)
        if held is before:
            return
        self.past.append((at_ms, fence_id, before))
        if held is None:
            del self.fences[fence_id]
        else:
            self.fences[fence_id] = held

    def rewind(self, at_ms: int) -> None:
        """Hold what was held before a moment."""
        while self.past and self.past[-1][0] >= at_ms:
            _, fence_id, before = self.past.pop()
            if before is None:
                self.fences.pop(fence_id, None)
            else:
                self.fences[fence_id] = before


def unseen() -> DeviceState:
    """Give the state of a device nobody has heard of yet."""
    return DeviceState(untrodden(), {}, [], [], [], None, {}, {}, [])


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
