"""
Watch: one entry whose goal is watched, and the name under which it is counted.

Pure data. Which entries make one, and what comes of it, is said in ``scoring``.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

GroupName = Literal["treated", "holdout", "no_consent"]
Figure = Literal["entered", "converted", "worth"]
_GOAL = "goal"


class Watch(Struct, array_like=True, gc=False):
    """
    A person entered a campaign, and its goal is watched for.

    Attributes:
        campaign_id: What was entered,
        version: and in which version.
        event: The goal's event.
        within_ms: How long after the entry it counts.
        group: Where the person was drawn to be, whatever was sent.
        began_ms: The entry, by the time of what caused it.
        day: The UTC day on which the entry was taken: everything of it is counted there.
        converted_ms: When the goal was reached.
        worth: What that was worth, in ten-thousandths.

    """

    campaign_id: str
    version: int
    event: str
    within_ms: int
    group: GroupName
    began_ms: int
    day: int
    converted_ms: int | None = None
    worth: int = 0

    @property
    def until_ms(self) -> int:
        """The end of its window; the goal at this very moment counts."""
        return self.began_ms + self.within_ms

    def covers(self, at_ms: int) -> bool:
        """Say whether the goal counts that was reached at a moment."""
        return self.began_ms < at_ms <= self.until_ms


class Scored(Struct, frozen=True):
    """Something to add to what is counted of a campaign, on a day; below nothing: taken back."""

    campaign_id: str
    version: int
    day: int
    what: str
    count: int


class Key(Struct, frozen=True, order=True):
    """What is counted of watches: of whom, and of which goal."""

    event: str
    within_ms: int
    group: str
    figure: str


def scored(watch: Watch, figure: Figure, count: int = 1) -> Scored:
    """Count something of a watch."""
    what = f"{_GOAL}:{watch.group}:{figure}:{watch.within_ms}:{watch.event}"
    return Scored(watch.campaign_id, watch.version, watch.day, what, count)


def key_of(what: str) -> Key | None:
    """Read what was counted; None for what is not of watches."""
    kind, _, rest = what.partition(":")
    if kind != _GOAL:
        return None
    group, figure, within, event = rest.split(":", 3)
    return Key(event, int(within), group, figure)
