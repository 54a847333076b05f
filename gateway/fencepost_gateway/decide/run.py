"""
Run: one person on the way through one campaign or journey.

Pure data, kept in the person's row: whatever happens to somebody finds their runs at hand, and one
timer a person wakes them all.

Rule 1. The key of a run among a person's is the campaign's id; where a person may be in it several
        times at once, ``ID#INSTANCE``.
Rule 2. A run of a journey stands at a step (``at``) until it ends; of a run that has ended only
        what re-entry asks for is left.
Rule 3. A run whose steps are done lives on, at ``END``, until its messages have come to an end.
"""

from __future__ import annotations

from msgspec import Struct, field

from fencepost_gateway.decide.looked import Looked
from fencepost_gateway.decide.stimulus import Cause


class Standing(Struct):
    """
    Where a run of a journey stands.

    Attributes:
        step_id: The step it is at; ``END``: only its messages are still under way.
        since_ms: When it came there, by the time of what moved it.
        began_ms: When the run began, by the time of what started it.
        expires_ms: The end of its lifetime.
        cause: What moved it last, with the event and the place before where that has none.
        due_ms: When time moves it on; None: not by time alone.
        stage: Name of the stage, for reports.
        sent: Message ids by step, of the newest time that the run came by.
        counts: How often the run has come by each message step.
        pending: Messages of this step whose outcome the run waits for.
        values: What look-ups gave, by name.
        is_held: It stands before its step, and takes it when the journey goes on.

    """

    step_id: str
    since_ms: int
    began_ms: int
    expires_ms: int
    cause: Cause
    due_ms: int | None = None
    stage: str = ""
    sent: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    pending: int = 0
    values: dict[str, Looked] = field(default_factory=dict)
    is_held: bool = False

    @property
    def wakes_ms(self) -> int:
        """When time has something to say to it, at the latest at the end of its lifetime."""
        return self.expires_ms if self.due_ms is None else min(self.due_ms, self.expires_ms)


class Run(Struct):
    """
    The newest run of a person in one campaign; ``ended_ms`` is None while it lives.

    ``open`` counts its messages that have not come to an end; ``version`` is that of the
    journey at the entry, 0 of a campaign. ``left_at`` is the step at which a run ended.
    """

    run_id: str
    entered_ms: int
    open: int = 1
    ended_ms: int | None = None
    outcome: str = ""
    version: int = 0
    at: Standing | None = None
    left_at: str = ""

    def end(self, outcome: str, now_ms: int) -> None:
        """End it (Rule 2)."""
        self.left_at = self.at.step_id if self.at else ""
        self.ended_ms, self.outcome, self.at = now_ms, outcome, None


def campaign_of(key: str) -> str:
    """Give the campaign that a run is of, by its key (Rule 1)."""
    return key.partition("#")[0]
