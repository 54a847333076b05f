"""
Clock: the only reader of time and chance in the gateway.

Shells get a ``Clock``; pure code gets ``now_ms``. Tests hand in their own.
"""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now_ms(self) -> int:
        """Epoch milliseconds by the wall clock."""

    def monotonic_s(self) -> float:
        """Seconds that never run backwards, for timeouts and lengths."""


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Epoch milliseconds by the wall clock."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that stands until it is moved: replay and tests."""

    def __init__(self, at_ms: int) -> None:
        self._at_ms = at_ms

    def now_ms(self) -> int:
        """Epoch milliseconds as last set."""
        return self._at_ms

    def monotonic_s(self) -> float:
        """Seconds as last set."""
        return self._at_ms / 1000

    def move_to(self, at_ms: int) -> None:
        """Set the clock, never backwards."""
        self._at_ms = max(self._at_ms, at_ms)

    def begin_anew(self, at_ms: int) -> None:
        """Start again at another moment: of another life, for which nothing has happened yet."""
        self._at_ms = at_ms


def secret_token(prefix: str) -> str:
    """Draw a secret of 256 bits with a prefix that says what it is."""
    return prefix + secrets.token_urlsafe(32)
