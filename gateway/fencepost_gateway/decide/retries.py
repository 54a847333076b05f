"""
Retries: when a call that came to nothing is made again, and when its source is left alone.

Pure.

Rule 1. What may pass by itself is tried again (``RETRIED``); a refusal, a redirect, an answer that
        is none, a missing secret are not.
Rule 2. A look-up is tried as long as its source's timeout lasts, counted from when it was asked
        for: the run waits. A webhook is tried for ``WEBHOOK_MS``; then it is a dead letter.
Rule 3. Between two tries lies what ``settle`` takes for messages: full jitter, ``Retry-After`` as a
        lower bound.
Rule 4. ``FAILED_MAX`` failures in a row open the breaker of a source for ``OPEN_MS``, doubled each
        time up to ``OPEN_MAX_MS``; then one call is let through, and its end decides. Any answer of
        the host closes it, a refusal too. ``Retry-After`` holds all of a source's calls back.
Rule 5. Who stands before an open breaker is not made to wait: a look-up fails, a webhook is put
        off.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from fencepost_gateway.decide.calls import RETRIED, Call
from fencepost_gateway.decide.settle import next_attempt_ms

WEBHOOK_MS: Final = 3_600_000
FAILED_MAX: Final = 5
OPEN_MS: Final = 30_000
OPEN_MAX_MS: Final = 300_000
HOLD_MAX_MS: Final = 3_600_000


class Tried(Struct, frozen=True):
    """What came of one try: a value, or why there is none."""

    failure: str = ""
    status: int = 0
    value: Any = None
    retry_after_s: float | None = None


def again_ms(
    call: Call, tried: Tried, attempt: int, begun_ms: int, timeout_ms: int, now_ms: int
) -> int | None:
    """Say when to try again, None: not any more (Rules 1 to 3)."""
    if tried.failure not in RETRIED:
        return None
    until_ms = begun_ms + (timeout_ms if call.kind == "look_up" else WEBHOOK_MS)
    at_ms = next_attempt_ms(call.call_id, attempt, tried.retry_after_s, now_ms)
    return at_ms if at_ms < until_ms else None


class Breaker:
    """Whether a source is called at all (Rule 4)."""

    def __init__(self) -> None:
        self.until_ms = 0
        self._failed = 0
        self._opened = 0
        self._is_tried = False

    def lets(self, now_ms: int) -> bool:
        """Say whether a call may be made now; who may, tells how it ``went``."""
        if now_ms < self.until_ms or self._is_tried:
            return False
        self._is_tried = self._opened > 0
        return True

    def went(self, tried: Tried, now_ms: int) -> None:
        """Take how a call ended."""
        is_late = now_ms < self.until_ms and not self._is_tried  # begun before it opened
        self._is_tried = False
        if tried.retry_after_s is not None:
            held_ms = min(round(tried.retry_after_s * 1_000), HOLD_MAX_MS)
            self.until_ms = max(self.until_ms, now_ms + held_ms)
        if tried.failure not in RETRIED:
            self._failed = self._opened = 0
            return
        if is_late:
            return
        self._failed += 1
        if self._opened or self._failed >= FAILED_MAX:
            open_ms = min(OPEN_MS << min(self._opened, 10), OPEN_MAX_MS)
            self.until_ms = max(self.until_ms, now_ms + open_ms)
            self._failed, self._opened = 0, self._opened + 1
