"""
Display: which in-app message is shown next, and when.

Pure: moments (``now_ms`` of a clock that never jumps, ``wall_ms`` of the wall) are arguments.

Rule 1. One message at a time. It holds the screen until the host says that it was clicked or
        closed; a host that never says so holds it for ``hold_ms``. Between two lies ``gap_ms``.
Rule 2. The next is the first of those that wait: higher priority first, then the earlier. None is
        dropped because another was shown.
Rule 3. Paused, nothing is handed out. What the host put off (``later``) waits for the next
        occasion: the app comes to the foreground, or ``resume``. What it asks for by name
        (``show``) passes by queue and gap.
Rule 4. How often: ``once``; ``until_clicked``; ``always``; ``times`` so often within ``per_s``.
        What may be shown again is shown at the next occasion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ONCE = "once"


class Screen:
    """What is shown, and what waits; of one run of the app."""

    def __init__(self, gap_ms: int, hold_ms: int) -> None:
        self._gap_ms, self._hold_ms = gap_ms, hold_ms
        self._showing = ""
        self._free_ms = 0
        self._asked = ""
        self._later: set[str] = set()
        self.is_paused = False

    def next_of(self, waiting: Sequence[str], now_ms: int) -> str:
        """Say which of those that wait is shown now; empty: none (Rules 1 to 3)."""
        if self.is_paused:
            return ""
        if self._asked in waiting:
            return self._asked
        if now_ms < self._free_ms:
            return ""
        return next((each for each in waiting if each not in self._later), "")

    def due_ms(self, waiting: Sequence[str]) -> int | None:
        """Say from when on one of those that wait may be shown; None: not by itself."""
        if self.is_paused:
            return None
        if self._asked in waiting:
            return 0
        return self._free_ms if any(each not in self._later for each in waiting) else None

    def shows(self, delivery_id: str, now_ms: int) -> None:
        """Take it that a message is handed to the host."""
        self._showing, self._asked = delivery_id, ""
        self._later.discard(delivery_id)
        self._free_ms = now_ms + max(self._hold_ms, self._gap_ms)

    def ends(self, delivery_id: str, now_ms: int) -> None:
        """Take it that a message is no longer on the screen."""
        if self._showing == delivery_id:
            self._showing, self._free_ms = "", now_ms + self._gap_ms

    def puts_off(self, delivery_id: str, now_ms: int) -> None:
        """Take it that the host does not want a message now; nothing was shown, so no gap."""
        self._later.add(delivery_id)
        if self._showing == delivery_id:
            self._showing, self._free_ms = "", now_ms

    def asks(self, delivery_id: str) -> None:
        """Take it that the host wants this message next."""
        self._asked = delivery_id

    def clear(self) -> None:
        """Take it that the screen is free for somebody else."""
        self._showing, self._asked, self._free_ms = "", "", 0
        self._later.clear()

    def occasion(self) -> None:
        """Take it that what was put off may come again."""
        self._later.clear()


def again(show: Mapping[str, Any], shown_ms: Sequence[int], wall_ms: int) -> bool:
    """Say whether what was handed out may be shown on one more occasion (Rule 4)."""
    frequency = show.get("frequency", ONCE)
    if frequency != "times":
        return frequency in {"until_clicked", "always"}
    times, per_s = show.get("times"), show.get("per_s")
    if not isinstance(times, int) or not isinstance(per_s, int):
        return False
    return sum(at_ms > wall_ms - per_s * 1_000 for at_ms in shown_ms) < times


def is_over(show: Mapping[str, Any], action: str) -> bool:
    """Say whether ``clicked`` or ``dismissed`` ends a message for good."""
    frequency = show.get("frequency", ONCE)
    return frequency == ONCE or (frequency == "until_clicked" and action == "clicked")
