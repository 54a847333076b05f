"""
Bounces: when mail to an address comes back too often to go on, and when it may be tried again.

Pure. A mailbox that is not there is told so by one answer (a hard bounce); one that is full, or
refuses for a while, only by several (``delivery.md`` section 11 of the specification).

Rule 1. ``IN_A_ROW`` failures in a row, from the first to the last at least ``SPAN_MS``: nothing
        more is sent there (``soft_bounce``). A failure is a bounce, a refused recipient, or that
        nothing was taken until the message was too old.
Rule 2. A success ends the row: the mail was delivered, or was taken and for ``SETTLED_MS`` did not
        come back. What is younger says nothing yet.
Rule 3. ``PROBE_MS`` after the address was listed one message may go there. If it does not come back
        the next may ``SETTLED_MS`` later, and so on; if it does, the address is listed anew.
Rule 4. Whoever answers, opens or clicks has the mail: the address is listed no longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from fencepost_gateway.decide.receipts import Word

SOFT: Final = "soft_bounce"
HARD: Final = "hard_bounce"
IN_A_ROW: Final = 3
HOUR_MS: Final = 3_600_000
SPAN_MS: Final = 72 * HOUR_MS
SETTLED_MS: Final = 72 * HOUR_MS
PROBE_MS: Final = 30 * 24 * HOUR_MS
CALLS_MAX: Final = 50  # looked back on
ALIVE: Final[frozenset[Word]] = frozenset({"delivered", "opened", "clicked", "replied"})
LISTED_CHANNELS: Final = frozenset({"email", "sms"})  # where an address is words, told again
_FAILURES: Final = ("bounced", "rejected.recipient_refused", "unavailable")


class Call(Struct, frozen=True, array_like=True):
    """A call to an address: where it stands, why, and when it was made."""

    state: str
    reason: str
    at_ms: int


def comes_back(calls: Iterable[Call], now_ms: int) -> bool:
    """
    Say whether mail to an address has come back too often (Rules 1 and 2).

    Args:
        calls: The calls that were made to it, the newest first.
        now_ms: When this is asked.

    """
    failed_ms: list[int] = []
    for call in calls:
        if call.state == "failed" and call.reason.startswith(_FAILURES):
            failed_ms.append(call.at_ms)
        elif call.state == "delivered" or _has_settled(call, now_ms):
            break
        if len(failed_ms) >= IN_A_ROW and failed_ms[0] - failed_ms[-1] >= SPAN_MS:
            return True
    return False


def _has_settled(call: Call, now_ms: int) -> bool:
    return call.state == "sent" and now_ms - call.at_ms >= SETTLED_MS


def may_probe(reason: str, listed_ms: int, now_ms: int) -> bool:
    """Say whether one message may go to a listed address all the same (Rule 3)."""
    return reason == SOFT and now_ms >= listed_ms + PROBE_MS


def listed_after_probe_ms(now_ms: int) -> int:
    """Give since when the address of a probe counts as listed, so that the next waits for it."""
    return now_ms + SETTLED_MS - PROBE_MS
