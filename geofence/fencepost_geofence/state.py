"""
State: what is held of a device between two fixes, and what is told of it.

Pure, standard library only. Plain data that can be stored between any two calls; ``membership``
decides, ``tracker`` drives, ``late`` goes back.

Rule 1. What is held of a fence is a value: a change holds another one, and notes what was held
        before (``DeviceState.past``), so that a late fix can undo it.
Rule 2. Nothing but the trail has a position in it.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from fencepost_geofence.trail import Trail, untrodden

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
