"""
Settle: what an outcome of a call means for delivery, cap slot, address and message.

Pure. The closed list of outcomes is the drivers'; this is the one place that says what follows
(``delivery.md`` section 6 of the specification).

Rule 1. Only a definite refusal releases the slot; ``unknown`` keeps it, used at the lease's end.
Rule 2. ``gone`` removes the address, ``opted_out`` suppresses it, in the confirm's transaction.
Rule 3. ``unavailable`` is tried again, with full jitter drawn from the delivery's id, and never
        at or after the message's end; ``Retry-After`` is a lower bound, clamped to 1 s ... 1 h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from fencepost_gateway.decide.ids import chance

if TYPE_CHECKING:
    from fencepost_gateway.decide.message import Message

BASE_S = 2.0
CAP_S = 300.0
LOW_S = 0.1
RETRY_AFTER_MIN_S = 1.0
RETRY_AFTER_MAX_S = 3600.0

Family = Literal["sent", "gone", "opted_out", "rejected", "misconfigured", "unavailable", "unknown"]


class CallOutcome(Struct, frozen=True):
    """A driver's outcome as plain data; ``code`` is the driver's finer word."""

    family: Family
    code: str = ""
    provider_id: str = ""
    retry_after_s: float | None = None


class Settlement(Struct, frozen=True):
    """
    What the confirm writes; ``retry_at_ms`` puts the message back into the queue.

    With ``suppress`` the person has said no: ``spares`` tells what is pending and no marketing.
    """

    state: Literal["sent", "failed", "unknown", "queued"]
    slot: Literal["confirmed", "released", "kept_unknown"]
    reason: str = ""
    address: Literal["keep", "remove", "suppress"] = "keep"
    retry_at_ms: int | None = None
    spares: Callable[[Message], bool] | None = None

    @property
    def is_refusal(self) -> bool:
        """Say that nothing was taken: what the call was to cost is not spent."""
        return self.state in {"failed", "queued"}


def settle(
    outcome: CallOutcome, delivery_id: str, attempt: int, expires_at_ms: int, now_ms: int
) -> Settlement:
    """
    Say what ``outcome`` of attempt number ``attempt`` (from 1) means.

    Args:
        outcome: What the driver reported.
        delivery_id: Seeds the jitter of the next attempt.
        attempt: The attempt that just ended, from 1.
        expires_at_ms: End of the message's life, epoch milliseconds.
        now_ms: Moment of the confirm.

    """
    reason = f"{outcome.family}.{outcome.code}" if outcome.code else outcome.family
    match outcome.family:
        case "sent":
            return Settlement("sent", "confirmed")
        case "unavailable":
            at_ms = next_attempt_ms(delivery_id, attempt, outcome.retry_after_s, now_ms)
            if at_ms < expires_at_ms:
                return Settlement("queued", "released", reason, retry_at_ms=at_ms)
            return Settlement("failed", "released", reason)
        case "gone":
            return Settlement("failed", "released", reason, address="remove")
        case "opted_out":
            return Settlement("failed", "released", reason, address="suppress")
        case "rejected" | "misconfigured":
            return Settlement("failed", "released", reason)
        case _:  # nobody knows whether it arrived
            return Settlement("unknown", "kept_unknown", reason)


def next_attempt_ms(seed: str, attempt: int, retry_after_s: float | None, now_ms: int) -> int:
    """Say when to try again what failed at its ``attempt`` (Rule 3); ``seed`` draws the jitter."""
    top_s = min(CAP_S, BASE_S * (1 << min(attempt - 1, 30)))  # clamped: attempt 2,000 is no float
    delay_s = LOW_S + chance(seed, str(attempt)) * (top_s - LOW_S)
    if retry_after_s is not None:
        asked_s = min(max(retry_after_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)
        delay_s = max(delay_s, asked_s)
    return now_ms + round(delay_s * 1000)
