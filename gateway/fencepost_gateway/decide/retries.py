"""
Retries: when a call that came to nothing is made again, and when its source is left alone.

Pure.

Rule 1. What may pass by itself is tried again (``RETRIED``); a refusal, a redirect, an answer that
        is none, a missing secret are not.
Rule 2. A look-up is tried as long as its source's timeout lasts, counted from when it was asked
        for: the run waits. A webhook is tried for ``WEBHOOK_MS``; then it is a dead letter.
Rule 3. Between two tries lies what ``settle`` takes for messages: full jitter, ``Retry-After`` as a
        lower bound.
Rule 4. A source has a ``breaker``; what may pass by itself is a failure to it. Any answer of the
        host closes it, a refusal too. ``Retry-After`` holds all of a source's calls back.
Rule 5. Who stands before an open breaker is not made to wait: a look-up fails, a webhook is put
        off.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from fencepost_gateway.decide.calls import RETRIED, Call
from fencepost_gateway.decide.settle import next_attempt_ms

WEBHOOK_MS: Final = 3_600_000


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
