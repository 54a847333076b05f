"""
Flow: how many calls a lane may make now.

Pure: a state machine that is told the moment, by a clock that never runs backwards. A place is
taken before a delivery is claimed and given back after its call, so that nothing is claimed that
could not be called.

Rule 1. Of ``per_second`` calls a second's worth may be made at once: a bucket that fills up.
Rule 2. At most ``in_flight`` calls are under way.
Rule 3. The breaker shuts it; so does a provider that asks for a pause.
Rule 4. It is shut from when the breaker opened until a call succeeds: a trial call in between that
        fails makes nothing new of it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fencepost_gateway.decide.breaker import Breaker
from fencepost_gateway.decide.settle import CallOutcome

FAULTS: Final = frozenset({"unavailable", "unknown", "misconfigured"})
MANY: Final = 1 << 30


class LaneView(Struct, frozen=True):
    """How a lane stands that takes no call now: shut for so long, or full (None)."""

    shut_ms: int | None = None


class Flow:
    """The places of one lane."""

    def __init__(self, per_second: float | None = None, in_flight: int = MANY) -> None:
        self.breaker = Breaker()
        self._per_second = per_second
        self._in_flight = in_flight
        self._busy = 0
        self._most = max(1.0, per_second or 0.0)
        self._drops = self._most
        self._filled_ms = 0

    def room(self, now_ms: int) -> int:
        """Say how many calls may begin now."""
        if self.breaker.is_shut(now_ms):
            return 0
        room = 1 if self.breaker.is_on_trial else self._in_flight - self._busy
        return max(0, min(room, self._in_bucket(now_ms)))

    def view(self, now_ms: int) -> LaneView | None:
        """Say how it stands if it takes no call now."""
        if self.room(now_ms):
            return None
        since_ms = self.breaker.since_ms
        return LaneView(None if since_ms is None else now_ms - since_ms)

    def wait_ms(self, now_ms: int) -> int | None:
        """Say in how long it takes a call again; None: it does, or once another call has ended."""
        if self.breaker.is_shut(now_ms):
            return max(0, self.breaker.until_ms - now_ms) or None
        if self._per_second is None or self._in_bucket(now_ms):
            return None
        return round((1 - self._drops) / self._per_second * 1_000) + 1

    def take(self, now_ms: int) -> bool:
        """Take a place, if there is one."""
        if not self.room(now_ms):
            return False
        self.squeeze(now_ms)
        return True

    def squeeze(self, now_ms: int) -> None:
        """Take a place, whether or not there is one."""
        self.breaker.lets(now_ms)
        self._busy += 1
        self._drops -= 1

    def give_back(self) -> None:
        """Give a place back on which no call was made."""
        self.breaker.off()
        self._busy -= 1
        self._drops = min(self._most, self._drops + 1)

    def ended(self, outcome: CallOutcome, now_ms: int) -> None:
        """Take how the call on a place went."""
        self._busy -= 1
        self.breaker.went(
            failed=outcome.family in FAULTS,
            now_ms=now_ms,
            hold_s=outcome.retry_after_s,
            is_certain=outcome.family == "misconfigured",
        )

    def _in_bucket(self, now_ms: int) -> int:
        if self._per_second is None:
            return MANY
        more = (now_ms - self._filled_ms) / 1_000 * self._per_second
        if more >= 0:
            self._drops = min(self._most, self._drops + more)
            self._filled_ms = now_ms
        return int(self._drops)
