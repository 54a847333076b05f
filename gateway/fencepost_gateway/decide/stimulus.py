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
    What happened to a person, or what moved a run of theirs without that.

    Attributes:
        stimulus_id: Names the stimulus; every id made from it is the same on a repeat.
        kind: Which of them it is.
        name: The event's name, the kind of the transition, join or leave, ``member`` (in the
            audience before), the key of a call; empty for a schedule. Of a ``timer`` that, of a
            reaction what it was, of a jump the journey that is meant.
        at_ms: When it happened, by the device's corrected clock; when a schedule came due.
        props: Properties of an event or call; of a schedule how many times were missed; of what
            moved a run later, those of the event before.
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
        campaign_id: Whom alone it wakes; empty: whoever waits for it.
        broadcast: Position of the record by which many are told; 0: it was told to one.

    """

    stimulus_id: str
    kind: Literal[
        "event",
        "transition",
        "audience",
        "external",
        "schedule",
        "api",
        "timer",
        "reaction",
        "jump",
    ]
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
    campaign_id: str = ""
    broadcast: int = 0

    @property
    def tells(self) -> bool:
        """Say whether it has a name and properties that rules read as ``event:``."""
        return self.kind in {"event", "external", "api"}

    @property
    def is_by_place(self) -> bool:
        """Say whether a position has brought it about, at once or by an audience."""
        return self.kind == "transition" or self.is_located
