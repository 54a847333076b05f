"""
Settle: what an outcome of a call means for delivery, cap slot, address and message.

Pure. The closed list of outcomes is the drivers'; this is the one place that says what follows
(``delivery.md`` sections 5 to 8 of the specification): the message has ended, or is tried again,
or goes to its next channel.

Rule 1. Only a definite refusal releases the slot; ``unknown`` keeps it, used at the lease's end.
Rule 2. ``gone`` removes the address, ``opted_out`` suppresses it, in the confirm's transaction.
        Where the provider says since when it is dead (``gone_ms``) and the address was told again
        after that, it lives: the message is refused, and the address stays.
Rule 3. ``unavailable`` is tried again, with full jitter drawn from the delivery's id, and never
        at or after the message's end; ``Retry-After`` is a lower bound, clamped to 1 s ... 1 h.
Rule 4. What the provider refused for good (``gone``, ``opted_out``, ``rejected``) passes the
        message on to its next channel, at once. Its slot stays open: the claim on that channel
        takes it over or gives it back, so that nobody gets in between. The refusal is kept with the
        message, which does not try that channel again.
Rule 5. An ``unknown`` outcome ends the message (``end``), or it is sent again under the same
        delivery id (``retry``), ``TRIES_MAX`` times in all; then it ends, or passes on (``next``).
        Nothing of marketing passes on after an unknown outcome: the first channel may have reached
        the person.
Rule 6. ``misconfigured`` ends the message: our keys are at fault, on this channel as on a retry.
Rule 7. What goes into the app is there only once its confirm has put it there: without one it is
        certain that nobody has it, so it is claimed again, whatever its purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from fencepost_gateway.decide.ids import chance

if TYPE_CHECKING:
    from fencepost_gateway.decide.message import OnUnknown

BASE_S = 2.0
CAP_S = 300.0
LOW_S = 0.1
RETRY_AFTER_MIN_S = 1.0
RETRY_AFTER_MAX_S = 3600.0
TRIES_MAX: Final = 3  # calls of one delivery of which nobody knows whether they arrived

Family = Literal["sent", "gone", "opted_out", "rejected", "misconfigured", "unavailable", "unknown"]
DeliveryState = Literal["sent", "failed", "unknown", "queued"]


class CallOutcome(Struct, frozen=True):
    """
    A driver's outcome as plain data; ``code`` is the driver's finer word.

    ``gone_ms`` is since when the provider holds the address to be dead, if it says so.
    """

    family: Family
    code: str = ""
    provider_id: str = ""
    retry_after_s: float | None = None
    gone_ms: int | None = None


class Attempt(Struct, frozen=True):
    """
    A call that came to its end.

    Attributes:
        delivery_id: Seeds the jitter of the next one.
        number: How many calls the message has cost, this one included.
        expires_at_ms: End of the message's life, epoch milliseconds.
        unknowns: How many of this delivery's calls before ended as ``unknown``.
        on_unknown: What an unknown outcome does (Rule 5).
        has_next: The message names a channel that has not refused it yet.
        channel: The one of the call.
        told_ms: When its address was told last; None: it is not there any more.

    """

    delivery_id: str
    number: int
    expires_at_ms: int
    unknowns: int = 0
    on_unknown: OnUnknown = "end"
    has_next: bool = False
    channel: str = ""
    told_ms: int | None = None


class Settlement(Struct, frozen=True):
    """
    What the confirm writes; ``state`` is the delivery's.

    ``retry_at_ms`` puts the message back into the queue; where it ``moves``, for its next channel.
    Without it the message ends as its delivery did. With ``suppress`` the person has said no:
    ``spares`` says of a message whether it is no marketing.
    """

    state: DeliveryState
    slot: Literal["confirmed", "released", "kept_unknown", "open"]
    reason: str = ""
    address: Literal["keep", "remove", "suppress"] = "keep"
    retry_at_ms: int | None = None
    moves: bool = False
    spares: Callable[[Any], bool] | None = None

    @property
    def is_refusal(self) -> bool:
        """Say that nothing was taken: what the call was to cost is not spent."""
        return self.state in {"failed", "queued"}

    @property
    def message_state(self) -> DeliveryState:
        """Where the message stands after it."""
        return self.state if self.retry_at_ms is None else "queued"


LOST: Final = CallOutcome("unknown", "lease_lost")  # its worker is gone, or was too slow


def settle(outcome: CallOutcome, attempt: Attempt, now_ms: int) -> Settlement:
    """
    Say what the ``outcome`` of a call means.

    Args:
        outcome: What the driver reported.
        attempt: The call that just ended.
        now_ms: Moment of the confirm.

    """
    reason = f"{outcome.family}.{outcome.code}" if outcome.code else outcome.family
    match outcome.family:
        case "sent":
            return Settlement("sent", "confirmed")
        case "unavailable":
            at_ms = _again_ms(attempt, outcome.retry_after_s, now_ms)
            return Settlement(
                "failed" if at_ms is None else "queued", "released", reason, retry_at_ms=at_ms
            )
        case "gone":
            if _lives(outcome, attempt):
                return _refused(attempt, f"{reason}.told_again", "keep", now_ms)
            return _refused(attempt, reason, "remove", now_ms)
        case "opted_out":
            return _refused(attempt, reason, "suppress", now_ms)
        case "rejected":
            return _refused(attempt, reason, "keep", now_ms)
        case "misconfigured":
            return Settlement("failed", "released", reason)
        case _:
            return _unknown(attempt, reason, now_ms)


def _lives(outcome: CallOutcome, attempt: Attempt) -> bool:
    """Say whether an address was told after the provider saw it dead (Rule 2)."""
    known = outcome.gone_ms is not None and attempt.told_ms is not None
    return known and (attempt.told_ms or 0) > (outcome.gone_ms or 0)


def _refused(
    attempt: Attempt, reason: str, address: Literal["keep", "remove", "suppress"], now_ms: int
) -> Settlement:
    """Pass the message on, if there is a way (Rule 4)."""
    if not attempt.has_next:
        return Settlement("failed", "released", reason, address)
    return Settlement("failed", "open", reason, address, retry_at_ms=now_ms, moves=True)


def _unknown(attempt: Attempt, reason: str, now_ms: int) -> Settlement:
    """Nobody knows whether it arrived (Rule 5), but in the app (Rule 7)."""
    if attempt.channel == "in_app":
        return Settlement("queued", "released", reason, retry_at_ms=now_ms)
    at_ms: int | None = None
    is_last = attempt.unknowns + 1 >= TRIES_MAX
    moves = is_last and attempt.on_unknown == "next" and attempt.has_next
    if moves:
        at_ms = now_ms
    elif not is_last and attempt.on_unknown != "end":
        at_ms = _again_ms(attempt, None, now_ms)
    return Settlement("unknown", "kept_unknown", reason, retry_at_ms=at_ms, moves=moves)


def _again_ms(attempt: Attempt, retry_after_s: float | None, now_ms: int) -> int | None:
    """Say when to try again what is not too old by then."""
    at_ms = next_attempt_ms(attempt.delivery_id, attempt.number, retry_after_s, now_ms)
    return at_ms if at_ms < attempt.expires_at_ms else None


def next_attempt_ms(seed: str, attempt: int, retry_after_s: float | None, now_ms: int) -> int:
    """Say when to try again what failed at its ``attempt`` (Rule 3); ``seed`` draws the jitter."""
    top_s = min(CAP_S, BASE_S * (1 << min(attempt - 1, 30)))  # clamped: attempt 2,000 is no float
    delay_s = LOW_S + chance(seed, str(attempt)) * (top_s - LOW_S)
    if retry_after_s is not None:
        asked_s = min(max(retry_after_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)
        delay_s = max(delay_s, asked_s)
    return now_ms + round(delay_s * 1000)
