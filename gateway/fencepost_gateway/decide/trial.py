"""
Trial: documents that run beside the live ones, so that their author sees what they would do.

Pure data. Compiled as if they were live; whose plan it is decides what may come of it.

Rule 1. ``draft``: for test persons alone, who see the messages. ``shadow``: for everybody but test
        persons, and only what was decided is kept.
Rule 2. Its messages are never among those of the live gateway: what claims and sends knows nothing
        of them (ADR-0027).
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from fencepost_gateway.decide.message import Mark
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan

Mode = Literal["draft", "shadow"]
MARKS: Final[tuple[Mark, ...]] = ("draft", "shadow")


class Trial(Struct, frozen=True):
    """
    What is on trial now: which one by number, for whom, and its plan.

    ``shorten_ms`` is how long a wait lasts at most by the real clock; None: as long as it is.
    """

    number: int
    mode: Mode
    plan: Plan
    shorten_ms: int | None = None

    def concerns(self, person: Person) -> bool:
        """Say whether it runs for somebody (Rule 1)."""
        return (person.user_id in self.plan.testers) == (self.mode == "draft")


def scope_of(workspace: str, number: int) -> str:
    """Name what ids of a trial are made of, so that they are nobody else's."""
    return f"{workspace} trial {number}"
