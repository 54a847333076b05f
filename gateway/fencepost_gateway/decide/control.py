"""
Control: what an operator has decided about a campaign or journey while it is live, beside its text.

Pure. The claim reads it in its own transaction, so that the next claim obeys; the pipeline reads it
as of a record in the log, so that entering and walking see it in order.

Rule 1. Three switches, each turned alone: closed (nobody enters), paused (nobody enters, no step is
        taken, no message is claimed), stopped (nobody enters, every run ends, no message goes).
        What was closed before a pause is closed after it.
Rule 2. Stopping, and pausing with ``discard``, end whatever was entered until then, also what is
        met only after the journey has been opened again: ``ends_ms`` remembers until when.
Rule 3. A campaign that is paused holds its messages where they stand: they stay due, and go on in
        the order in which they came due once it is resumed.
Rule 4. Turning a switch that stands so already changes nothing. A journey that is stopped is not
        paused or resumed: it is opened, or left.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct, structs

Action = Literal["pause", "resume", "close", "open", "stop"]
Mode = Literal["hold", "discard"]
State = Literal["live", "closed", "paused", "stopped"]

STOPPED: Final = "stopped"
BARS: Final[dict[State, str]] = {
    "closed": "journey_closed",
    "paused": "journey_paused",
    "stopped": "journey_stopped",
}


class Control(Struct, frozen=True):
    """
    How the switches of one campaign or journey stand.

    ``paused`` names the mode of the pause; whatever was entered until ``ends_ms`` is over, with the
    outcome ``ends_as``.
    """

    campaign_id: str
    is_closed: bool = False
    paused: Literal["", "hold", "discard"] = ""
    is_stopped: bool = False
    ends_ms: int = 0
    ends_as: Literal["", "discarded", "stopped"] = ""

    @property
    def state(self) -> State:
        """Name it by the switch that weighs most."""
        if self.is_stopped:
            return "stopped"
        if self.paused:
            return "paused"
        return "closed" if self.is_closed else "live"

    @property
    def bars(self) -> str:
        """Give the reason for which nobody may enter; empty: they may."""
        return BARS.get(self.state, "")

    def ended(self, entered_ms: int) -> str:
        """Give the outcome of what was entered then, if it is over by this; else nothing."""
        return self.ends_as if entered_ms <= self.ends_ms else ""


def turned(control: Control, action: Action, mode: Mode, now_ms: int) -> Control | None:
    """Turn a switch (Rules 1, 2 and 4); None: the state it is in does not allow that."""
    if action == "close":
        return structs.replace(control, is_closed=True)
    if action == "open":
        return structs.replace(control, is_closed=False, is_stopped=False)
    if action == "stop":
        if control.is_stopped:
            return control
        return structs.replace(
            control, paused="", is_stopped=True, ends_ms=now_ms, ends_as="stopped"
        )
    if control.is_stopped:
        return None
    if action == "resume":
        return structs.replace(control, paused="")
    if control.paused in (mode, "discard"):
        return control
    if mode == "hold":
        return structs.replace(control, paused="hold")
    return structs.replace(control, paused="discard", ends_ms=now_ms, ends_as="discarded")
