"""
Twin: what somebody would be if the journeys on trial were live, beside what they are.

Pure. A trial (``decide.trial``) runs by the same ``enter`` and ``walk`` as everything that is live,
but on a ghost: a copy of the person with the twin's runs, attributes, arms and draws. What the walk
changes of the ghost is kept in the twin, and the person stays as they are.

Rule 1. The twin holds only what differs: everything else of the ghost is the person's own.
Rule 2. A twin belongs to one trial, by number; with another one it begins anew.
Rule 3. Its clock may be ahead of the real one (``ahead_ms``): where waits are shortened, it leaps.
        ``due_ms`` is by the real clock, ``wakes_ms`` by its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from fencepost_gateway.decide.past import MESSAGES_MAX, PastMessage
from fencepost_gateway.decide.run import Run

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person


class Twin(Struct):
    """
    Where somebody stands in a trial.

    ``changed`` has the attributes that steps would have set, None for those they would have
    removed; ``messages`` what would have become of the messages.
    """

    number: int
    runs: dict[str, Run] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    arms: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)
    messages: list[PastMessage] = field(default_factory=list)
    ahead_ms: int = 0
    wakes_ms: int | None = None
    due_ms: int | None = None

    @property
    def is_under_way(self) -> bool:
        """Say whether a run of a journey lives."""
        return any(run.at is not None for run in self.runs.values())

    def leap(self, now_ms: int) -> None:
        """Let its clock leap to what is due, if that is due now (Rule 3)."""
        if self.due_ms is not None and self.wakes_ms is not None and now_ms >= self.due_ms:
            self.ahead_ms = max(self.ahead_ms, self.wakes_ms - now_ms)

    def wind(self, now_ms: int, shorten_ms: int | None) -> None:
        """Say when time has something to say to it, in at most ``shorten_ms`` (Rule 3)."""
        moments = [run.at.wakes_ms for run in self.runs.values() if run.at is not None]
        wakes_ms = min(moments, default=None)
        if wakes_ms == self.wakes_ms and self.due_ms is not None and self.due_ms > now_ms:
            return  # what happens meanwhile makes the wait no longer
        self.wakes_ms = self.due_ms = wakes_ms
        if wakes_ms is not None:
            longest_ms = wakes_ms if shorten_ms is None else now_ms + shorten_ms
            self.due_ms = max(now_ms, min(wakes_ms - self.ahead_ms, longest_ms))


def ghost_of(person: Person, twin: Twin) -> Person:
    """Give the person as they would be; a change of it changes neither of the two."""
    attributes = person.attributes | twin.changed
    return structs.replace(
        person,
        attributes={name: value for name, value in attributes.items() if value is not None},
        runs=dict(twin.runs),
        arms=person.arms | twin.arms,
        drawn=dict(twin.drawn),
        messages=[*person.messages, *twin.messages][-2 * MESSAGES_MAX :],
        twin=None,
    )


def keep(twin: Twin, person: Person, ghost: Person) -> None:
    """Let the twin have what became of its ghost (Rule 1)."""
    ours, theirs = person.attributes, ghost.attributes
    changed = {name: value for name, value in theirs.items() if ours.get(name) != value}
    twin.changed = changed | {name: None for name in ours if name not in theirs}
    twin.runs, twin.drawn = ghost.runs, ghost.drawn
    twin.arms = {name: arm for name, arm in ghost.arms.items() if person.arms.get(name) != arm}
