"""
Membership: from the evidence of fixes to ENTER, DWELL and EXIT, for one fence at a time.

Pure, standard library only, so that the client SDK can use it. Says nothing about shapes: whether a
fix is inside, and how far from the boundary, comes from the caller. State is plain data that can be
stored between any two calls; it holds moments and references, never a position.

::

    state of a fence   a fix on the same side    a fix on the other side
    ----------------   ----------------------    -----------------------------------------
    outside            -                         clear: ENTER;   not clear: outside, doubt
    outside, doubt     outside                   ENTER
    inside             DWELL when due            clear: EXIT;    not clear: inside, doubt
    inside, doubt      inside, DWELL when due    EXIT

Rule 1. A fix is clear when it lies at least its own accuracy away from the boundary. Unknown, zero
        or negative accuracy means unknown (65 m), never perfect.
Rule 2. What is not clear needs the next fix to agree; one stray fix next to the boundary changes
        nothing but the moment of a DWELL.
Rule 3. ENTER and EXIT of a fence alternate, whatever comes.
Rule 4. Inside on the device's first fix ever, or on its first fix after the fence was published:
        ENTER with ``initial``.
Rule 5. A DWELL per threshold and visit, counted from the first fix inside. A fix decides it by its
        own time; without one a timer does (``due_dwells``), as long as the last fix was younger
        than the fence's ``presence_ttl_s`` when the threshold was reached, so that it does not
        matter how late the timer runs. While an exit is in doubt neither claims a DWELL.
Rule 6. The crossing is put in the middle between the last fix on the old side and the first on the
        new one; unknown (an initial ENTER) it is that first fix.

Rule 7. A fix coarser than 200 m and than twice the fence's size can tell nothing of that fence: it
        neither decides nor raises or settles a doubt. So a position snapped to a grid never puts
        anybody into a shop.

Not here yet: the evidence filter, EXPIRE, PASS, APPROACH, ``cooldown``, late fixes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

UNKNOWN_ACCURACY_M: Final = 65.0  # what a phone's cell and Wi-Fi position typically is
COARSE_M: Final = 200.0  # a finer fix is always weighed, however small the fence

Kind = Literal["enter", "exit", "dwell"]
Reason = Literal["clear", "two_fixes", "dwelled", "timer"]


@dataclass(slots=True)
class Fix:
    """
    One position reading.

    Attributes:
        at_ms: Event time, epoch milliseconds.
        lat: Degrees, -90 ... 90.
        lon: Degrees, -180 ... 180.
        accuracy_m: Radius that holds the true position with 68 % probability; None is unknown.
        ref: Where the fix came from (stream and number); transitions point to it.
        speed_mps: As reported by the receiver.
        is_mock: The platform says the position was made up.

    """

    at_ms: int
    lat: float
    lon: float
    accuracy_m: float | None
    ref: str = ""
    speed_mps: float | None = None
    is_mock: bool = False


@dataclass(slots=True)
class Doubt:
    """The first fix on the other side, waiting for the next one to agree."""

    at_ms: int
    crossed_at_ms: int
    ref: str
    initial: bool


@dataclass(slots=True)
class FenceState:
    """What is held of one fence: a visit, a doubt, or both. ``dwelled_s``: last threshold told."""

    inside: bool
    visit_began_ms: int
    visit_ref: str
    dwelled_s: int = 0
    doubt: Doubt | None = None


@dataclass(slots=True)
class DeviceState:
    """What is held of one device: its last fix's time, and fences it is inside of or in doubt."""

    last_at_ms: int | None = None
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
        distance_m: Signed distance of the deciding fix, negative inside; None from a timer.
        accuracy_m: Accuracy as the deciding fix reported it.
        reason: ``clear`` or ``two_fixes``; a DWELL is ``dwelled`` (by a fix) or by ``timer``.

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
    distance_m: float | None = None
    accuracy_m: float | None = None
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


def step(
    device: DeviceState, terms: Terms, fix: Fix, measure: Measure, *, is_inside: bool
) -> Sequence[Transition]:
    """
    Weigh one fix against one fence and update the device's state in place.

    The caller sets ``device.last_at_ms`` once all fences have seen the fix.

    Args:
        device: State before the fix; must be older than the fix.
        terms: The fence.
        fix: The fix.
        measure: Signed distance to its boundary; asked only when something may change.
        is_inside: Whether the fix lies inside the fence.

    Returns:
        The transitions, oldest first; usually none.

    """
    accuracy_m = fix.accuracy_m
    if accuracy_m is not None and accuracy_m > COARSE_M and accuracy_m > 2 * terms.size_m:
        return ()
    held = device.fences.get(terms.fence_id)
    if held is None:
        return _contradict(device, terms, fix, measure, None) if is_inside else ()
    if held.inside != is_inside:
        return _contradict(device, terms, fix, measure, held)
    if not held.inside:
        del device.fences[terms.fence_id]
        return ()
    held.doubt = None
    return _dwells(terms, held, fix, measure) if terms.dwell_after_s else ()


def due_dwells(device: DeviceState, terms: Terms, now_ms: int) -> list[Transition]:
    """Tell the thresholds reached by ``now_ms`` with no fix to say so, and mark them told."""
    held = device.fences[terms.fence_id]
    due = [one for one in _timers(device, terms) if one[1] <= now_ms]
    return [_dwell(terms, held, after_s, due_ms) for after_s, due_ms in due]


def next_dwell_ms(device: DeviceState, terms: Terms) -> int | None:
    """Give the moment from which ``due_dwells`` has something to tell, if no fix comes."""
    return min((due_ms for _, due_ms in _timers(device, terms)), default=None)


def _contradict(
    device: DeviceState, terms: Terms, fix: Fix, measure: Measure, held: FenceState | None
) -> Sequence[Transition]:
    """Weigh a fix on the other side: decide, or note the doubt."""
    distance_m = measure(fix.lat, fix.lon)
    is_clear = abs(distance_m) >= _trusted_m(fix.accuracy_m)
    is_leaving = held is not None and held.inside
    first = held.doubt if held else None
    if first is None:
        first = _first_sign(device.last_at_ms, terms, fix, is_leaving=is_leaving)
        if not is_clear:
            state = held or FenceState(inside=False, visit_began_ms=0, visit_ref="")
            state.doubt = first
            device.fences[terms.fence_id] = state
            return ()
    if is_leaving:
        visit = device.fences.pop(terms.fence_id)
    else:
        visit = FenceState(inside=True, visit_began_ms=first.at_ms, visit_ref=first.ref)
        device.fences[terms.fence_id] = visit
    change = Transition(
        kind="exit" if is_leaving else "enter",
        fence_id=terms.fence_id,
        at_ms=fix.at_ms,
        crossed_at_ms=first.crossed_at_ms,
        ref=fix.ref,
        visit_ref=visit.visit_ref,
        visit_began_ms=visit.visit_began_ms,
        duration_s=(first.crossed_at_ms - visit.visit_began_ms) // 1000 if is_leaving else None,
        initial=first.initial,
        distance_m=distance_m,
        accuracy_m=fix.accuracy_m,
        reason="clear" if is_clear else "two_fixes",
    )
    return (change,) if is_leaving else (change, *_dwells(terms, visit, fix, measure))


def _trusted_m(accuracy_m: float | None) -> float:
    return accuracy_m if accuracy_m is not None and accuracy_m > 0 else UNKNOWN_ACCURACY_M


def _first_sign(previous_ms: int | None, terms: Terms, fix: Fix, *, is_leaving: bool) -> Doubt:
    if previous_ms is None or (previous_ms < terms.since_ms and not is_leaving):
        return Doubt(fix.at_ms, fix.at_ms, fix.ref, initial=True)
    return Doubt(fix.at_ms, (previous_ms + fix.at_ms) // 2, fix.ref, initial=False)


def _dwells(terms: Terms, held: FenceState, fix: Fix, measure: Measure) -> list[Transition]:
    """Tell the thresholds this fix proves."""
    due = [one for one in _open_thresholds(terms, held) if one[1] <= fix.at_ms]
    if not due:
        return []
    distance_m = measure(fix.lat, fix.lon)
    told = [_dwell(terms, held, after_s, due_ms) for after_s, due_ms in due]
    return [
        replace(
            one,
            at_ms=fix.at_ms,
            ref=fix.ref,
            distance_m=distance_m,
            accuracy_m=fix.accuracy_m,
            reason="dwelled",
        )
        for one in told
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
    if not held.inside or held.doubt or device.last_at_ms is None:
        return
    until_ms = device.last_at_ms + terms.presence_ttl_s * 1000
    for after_s, due_ms in _open_thresholds(terms, held):
        if due_ms < until_ms:
            yield after_s, due_ms
