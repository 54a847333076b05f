"""
Breaker: whether somebody else's system is called at all, or left alone for a while.

Pure: a state machine that is told the moment. One for each source of journeys and each lane of
deliveries.

Rule 1. ``FAILED_MAX`` failures in a row open it, and so do failures of half the calls of the last
        ``WINDOW_MS`` once they were ``CALLS_MIN``. A fault that every call would meet opens it at
        once.
Rule 2. It is open for ``OPEN_MS``, doubled each time up to ``OPEN_MAX_MS``; then one call is let
        through, and its end decides. A success closes it and forgets all.
Rule 3. ``Retry-After`` holds all calls back, for ``HOLD_MIN_MS`` to ``HOLD_MAX_MS``, whether or not
        the breaker is open.
Rule 4. What began before it opened says nothing when it fails.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

FAILED_MAX: Final = 5
CALLS_MIN: Final = 20
WINDOW_MS: Final = 30_000
OPEN_MS: Final = 30_000
OPEN_MAX_MS: Final = 300_000
HOLD_MIN_MS: Final = 1_000
HOLD_MAX_MS: Final = 3_600_000


class Breaker:
    """Says whether a call may be made; whoever may, tells how it ``went``, or lets ``off``."""

    def __init__(self) -> None:
        self.until_ms = 0
        self.since_ms: int | None = None  # nobody has been called since, but to try
        self._in_a_row = 0
        self._opened = 0
        self._is_tried = False
        self._calls: deque[tuple[int, bool]] = deque()  # (when it ended, whether it failed)
        self._failed = 0

    def is_shut(self, now_ms: int) -> bool:
        """Say whether no call may be made now."""
        return now_ms < self.until_ms or self._is_tried

    @property
    def is_on_trial(self) -> bool:
        """Say whether it is open, and lets one call through at most."""
        return self._opened > 0

    def lets(self, now_ms: int) -> bool:
        """Say whether a call may be made now, and take it that it is."""
        if self.is_shut(now_ms):
            return False
        self._is_tried = self._opened > 0
        return True

    def off(self) -> None:
        """Take back that a call was to be made."""
        self._is_tried = False

    def went(
        self, *, failed: bool, now_ms: int, hold_s: float | None = None, is_certain: bool = False
    ) -> None:
        """
        Take how a call ended.

        Args:
            failed: Whether it met a fault of the system itself.
            now_ms: The moment.
            hold_s: For how long the system asked to be left alone.
            is_certain: Every other call would fail as well.

        """
        is_late = now_ms < self.until_ms and not self._is_tried
        self._is_tried = False
        if hold_s is not None and not math.isnan(hold_s):
            held_ms = min(max(hold_s * 1_000, HOLD_MIN_MS), HOLD_MAX_MS)
            self._shut(now_ms, round(held_ms))
        if not failed and self._opened:
            self._forget()
            self._opened = 0
        if not failed:
            self._in_a_row = 0
            self._note(now_ms, failed=False)
            self.since_ms = self.since_ms if now_ms < self.until_ms else None
            return
        if is_late:
            return
        self._in_a_row += 1
        self._note(now_ms, failed=True)
        is_half = len(self._calls) >= CALLS_MIN and self._failed * 2 >= len(self._calls)
        if is_certain or self._opened or self._in_a_row >= FAILED_MAX or is_half:
            self._shut(now_ms, min(OPEN_MS << min(self._opened, 10), OPEN_MAX_MS))
            self._forget()
            self._opened += 1

    def _note(self, now_ms: int, *, failed: bool) -> None:
        self._calls.append((now_ms, failed))
        self._failed += failed
        while self._calls[0][0] <= now_ms - WINDOW_MS:
            self._failed -= self._calls.popleft()[1]

    def _shut(self, now_ms: int, for_ms: int) -> None:
        self.until_ms = max(self.until_ms, now_ms + for_ms)
        if self.since_ms is None:
            self.since_ms = now_ms

    def _forget(self) -> None:
        self._calls.clear()
        self._failed = self._in_a_row = 0
