"""
Membership: from the evidence of fixes to ENTER, DWELL and EXIT, for one fence at a time.

Pure, standard library only, so that the client SDK can use it. Says nothing about shapes: how far
an estimate is from the boundary comes from the caller. State is plain data that can be stored
between any two calls.

::

    P(inside)     outside                      inside
    ---------     -------                      ------
    >= 0.6        ENTER                        DWELL when due
    between       undecided                    undecided; DWELL when due unless in doubt
    <= 0.05       outside, nothing is held     EXIT

Rule 1. What decides is P(inside) of where the filter puts the device (``evidence``, ``verdict``),
        never the fix itself. Every step says why it decided or did not.
Rule 2. A side is in doubt while the estimate lies on the other one. The first fix in doubt is
        where the visit began, if it then comes to an ENTER.
Rule 3. ENTER and EXIT of a fence alternate, whatever comes.
Rule 4. Inside on the device's first fix ever, or on its first fix after the fence was published:
        ENTER with ``initial``.
Rule 5. A DWELL per threshold and visit, counted from the first fix inside. A fix decides it by its
        own time; without one a timer does (``due_dwells``), as long as the last fix was younger
        than the fence's ``presence_ttl_s`` when the threshold was reached, so that it does not
        matter how late the timer runs. While an exit is in doubt neither claims a DWELL.
Rule 6. The crossing is put in the middle between the last fix whose estimate was on the old side
        and the first on the new one; unknown (an initial ENTER) it is that first fix.
Rule 7. A fix coarser than 200 m and than twice the fence's size can tell nothing of that fence: it
        neither decides nor raises or settles a doubt. So a position snapped to a grid never puts
        anybody into a shop.

Not here yet: EXPIRE, PASS, APPROACH, ``cooldown``, late fixes, thresholds per fence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from fencepost_geofence import verdict
from fencepost_geofence.evidence import LEAVE_AT, inside_probability
from fencepost_geofence.fix import COARSE_M, Fix
from fencepost_geofence.trail import Trail, Weighed, untrodden
from fencepost_geofence.verdict import Side, is_coarse, judge

Kind = Literal["enter", "exit", "dwell", "expire", "pass", "approach"]
Reason = Literal["decided", "dwelled", "timer"]


@dataclass(slots=True)
class Doubt:
    """The first fix whose estimate lay on the other side, waiting for certainty."""

    at_ms: int
    crossed_at_ms: int
    ref: str
    initial: bool


@dataclass(slots=True)
class FenceState:
    """What is held of one fence: a visit, a doubt, or both. ``dwelled_s``: last threshold told."""

    side: Side
    visit_began_ms: int = 0
    visit_ref: str = ""
    dwelled_s: int = 0
    doubt: Doubt | None = None


@dataclass(slots=True)
class DeviceState:
    """
    What is held of one device.

    Attributes:
        last_at_ms: Time of its last fix.
        trail: Its recent fixes; positions, so this is to be forgotten with them.
        fences: Those it is inside of, or not certainly outside.

    """

    last_at_ms: int | None = None
    trail: Trail = field(default_factory=untrodden)
    fences: dict[str, FenceState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """
    One change of membership, with what decided it.

    Attributes:
        kind: What happened.
        fence_id: To which fence.
        at_ms: Time of the deciding fix; of a timer's DWELL when its threshold was reached.
        crossed_at_ms: Estimated crossing; of a DWELL when its threshold was reached.
        ref: The deciding fix; of a timer's DWELL the fix that began the visit.
        visit_ref: The fix that began the visit; with ``fence_id`` it names the visit.
        visit_began_ms: Time of that fix.
        duration_s: Length of the visit (EXIT), whole seconds.
        after_s: The threshold (DWELL).
        initial: The device was inside already when the fence or its tracking began (ENTER).
        arrives_in_s: Estimated time to the boundary (APPROACH), whole seconds.
        late: The sorted track has it, but it was told only when a fix came late.
        superseded: The sorted track lacks it: it takes back one that was told.
        distance_m: Signed distance of the estimate, negative inside; None from a timer.
        accuracy_m: Accuracy as the deciding fix reported it.
        confidence: Probability of the side claimed: P(inside), of an EXIT 1 - P(inside); None from
            a timer.
        reason: ``decided``; a DWELL is ``dwelled`` (by a fix) or by ``timer``.

    """

    kind: Kind
    fence_id: str
    at_ms: int
    crossed_at_ms: int
    ref: str
    visit_ref: str
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


class Terms(Protocol):
    """What membership needs to know of a fence."""

    @property
    def fence_id(self) -> str:
        """Its id."""

    @property
    def dwell_after_s(self) -> tuple[int, ...]:
        """Thresholds, ascending."""

    @property
    def presence_ttl_s(self) -> int:
        """For how long the last fix proves presence."""

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
    """One fix against one fence: where the estimate lies, and P(inside)."""

    fix: Fix
    distance_m: float
    p_inside: float


def step(
    device: DeviceState, terms: Terms, fix: Fix, weighed: Weighed, measure: Measure
) -> tuple[Sequence[Transition], verdict.Reason]:
    """
    Weigh one fix against one fence and update the device's state in place.

    The caller sets ``device.last_at_ms`` once all fences have seen the fix.

    Args:
        device: State before the fix; must be older than the fix.
        terms: The fence.
        fix: The fix.
        weighed: Where the fix and those before it put the device.
        measure: Signed distance to the boundary; not asked about a fix that must not decide.

    Returns:
        The transitions, oldest first, usually none; and why it was decided, or was not.

    """
    if weighed.refusal is not None:
        return (), weighed.refusal
    accuracy_m = fix.accuracy_m
    if accuracy_m is not None and accuracy_m > COARSE_M and is_coarse(accuracy_m, terms.size_m):
        return (), "low_accuracy"
    distance_m = measure(weighed.lat, weighed.lon)
    held = device.fences.get(terms.fence_id)
    if held is None:
        if inside_probability(distance_m, weighed.sigma_m) <= LEAVE_AT:
            return (), "decided"  # outside, as before: by far the most common answer
        held = FenceState(Side(is_inside=False, since_ms=0))
    _doubt(device.last_at_ms, terms, held, fix, is_inside=distance_m < 0)
    found = judge(held.side, (distance_m, weighed.sigma_m), fix.at_ms)
    sight = Sight(fix, distance_m, found.p_inside)
    if found.is_changed:
        change = _change(device, terms, held, sight)
        return (change, *_dwells(terms, held, sight)), found.reason
    if held.side.is_inside:
        return _dwells(terms, held, sight), found.reason
    if found.reason == "decided":
        device.fences.pop(terms.fence_id, None)
    else:
        device.fences[terms.fence_id] = held
    return (), found.reason


def due_dwells(device: DeviceState, terms: Terms, now_ms: int) -> list[Transition]:
    """Tell the thresholds reached by ``now_ms`` with no fix to say so, and mark them told."""
    held = device.fences[terms.fence_id]
    due = [one for one in _timers(device, terms) if one[1] <= now_ms]
    return [_dwell(terms, held, after_s, due_ms) for after_s, due_ms in due]


def next_dwell_ms(device: DeviceState, terms: Terms) -> int | None:
    """Give the moment from which ``due_dwells`` has something to tell, if no fix comes."""
    return min((due_ms for _, due_ms in _timers(device, terms)), default=None)


def _doubt(
    previous_ms: int | None, terms: Terms, held: FenceState, fix: Fix, *, is_inside: bool
) -> None:
    """Note since when estimates lie on the side that is not held (rule 2)."""
    if is_inside == held.side.is_inside:
        held.doubt = None
    elif held.doubt is None:
        held.doubt = _first_sign(previous_ms, terms, fix, is_leaving=held.side.is_inside)


def _change(device: DeviceState, terms: Terms, held: FenceState, sight: Sight) -> Transition:
    """Begin or end the visit; the side has changed already."""
    is_leaving = not held.side.is_inside
    # An estimate that changes the side lies on the new one, and so has raised a doubt.
    first = held.doubt or _first_sign(None, terms, sight.fix, is_leaving=is_leaving)
    held.doubt = None
    if is_leaving:
        device.fences.pop(terms.fence_id, None)
    else:
        held.visit_began_ms, held.visit_ref = first.at_ms, first.ref
        device.fences[terms.fence_id] = held
    return Transition(
        kind="exit" if is_leaving else "enter",
        fence_id=terms.fence_id,
        at_ms=sight.fix.at_ms,
        crossed_at_ms=first.crossed_at_ms,
        ref=sight.fix.ref,
        visit_ref=held.visit_ref,
        visit_began_ms=held.visit_began_ms,
        duration_s=(first.crossed_at_ms - held.visit_began_ms) // 1000 if is_leaving else None,
        initial=first.initial,
        distance_m=sight.distance_m,
        accuracy_m=sight.fix.accuracy_m,
        confidence=1.0 - sight.p_inside if is_leaving else sight.p_inside,
        reason="decided",
    )


def _first_sign(previous_ms: int | None, terms: Terms, fix: Fix, *, is_leaving: bool) -> Doubt:
    if previous_ms is None or (previous_ms < terms.since_ms and not is_leaving):
        return Doubt(fix.at_ms, fix.at_ms, fix.ref, initial=True)
    return Doubt(fix.at_ms, (previous_ms + fix.at_ms) // 2, fix.ref, initial=False)


def _dwells(terms: Terms, held: FenceState, sight: Sight) -> list[Transition]:
    """Tell the thresholds this fix proves (rule 5)."""
    if not terms.dwell_after_s or not held.side.is_inside or held.doubt:
        return []
    fix = sight.fix
    due = [one for one in _open_thresholds(terms, held) if one[1] <= fix.at_ms]
    return [
        replace(
            _dwell(terms, held, after_s, due_ms),
            at_ms=fix.at_ms,
            ref=fix.ref,
            distance_m=sight.distance_m,
            accuracy_m=fix.accuracy_m,
            confidence=sight.p_inside,
            reason="dwelled",
        )
        for after_s, due_ms in due
    ]


def _dwell(terms: Terms, held: FenceState, after_s: int, due_ms: int) -> Transition:
    """Mark a threshold told; what a timer knows of it."""
    held.dwelled_s = after_s
    return Transition(
        kind="dwell",
        fence_id=terms.fence_id,
        at_ms=due_ms,
        crossed_at_ms=due_ms,
        ref=held.visit_ref,
        visit_ref=held.visit_ref,
        visit_began_ms=held.visit_began_ms,
        after_s=after_s,
        reason="timer",
    )


def _open_thresholds(terms: Terms, held: FenceState) -> Iterator[tuple[int, int]]:
    for after_s in terms.dwell_after_s:
        if after_s > held.dwelled_s:
            yield after_s, held.visit_began_ms + after_s * 1000


def _timers(device: DeviceState, terms: Terms) -> Iterator[tuple[int, int]]:
    """Give the thresholds that a timer may tell, with their moments (rule 5)."""
    held = device.fences[terms.fence_id]
    if not held.side.is_inside or held.doubt or device.last_at_ms is None:
        return
    until_ms = device.last_at_ms + terms.presence_ttl_s * 1000
    for after_s, due_ms in _open_thresholds(terms, held):
        if due_ms < until_ms:
            yield after_s, due_ms
