"""
Stimulus: what can wake a journey, or move a run on.

Pure data. A cause travels with the run and with the message that came of it; the facts that it lays
before rules are in ``decide.cause``.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Cause(Struct, frozen=True):
    """
    An app event, a transition, a change of audience; or what moved a run without any of them.

    Attributes:
        stimulus_id: Names the stimulus; every id made from it is the same on a repeat.
        kind: Which of them it is.
        name: The event's name, the kind of the transition, join or leave; of a ``timer`` that, of a
            reaction what it was, of a jump the journey that is meant.
        at_ms: When it happened, by the device's corrected clock.
        props: Properties of an app event; of what came later, those of the event before.
        fence_id: Fence of a transition.
        visit_id: Visit of a transition.
        initial: The device was inside already when tracking began.
        opened: The device was inside when the fence opened.
        inactive: It happened outside the opening hours of the fence.
        after_ms: The threshold a dwell has reached.
        flags: What was suspicious about the positions of the visit.
        audience_id: Audience that was joined or left.
        is_located: Where somebody is or was has brought it about.
        jumps: How many jumps from journey to journey have led here.

    """

    stimulus_id: str
    kind: Literal["event", "transition", "audience", "timer", "reaction", "jump"]
    name: str
    at_ms: int
    props: dict[str, Any] = {}
    fence_id: str = ""
    visit_id: str = ""
    initial: bool = False
    opened: bool = False
    inactive: bool = False
    after_ms: int | None = None
    flags: tuple[str, ...] = ()
    audience_id: str = ""
    is_located: bool = False
    jumps: int = 0

    @property
    def is_by_place(self) -> bool:
        """Say whether a position has brought it about, at once or by an audience."""
        return self.kind == "transition" or self.is_located
