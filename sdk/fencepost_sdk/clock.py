"""
Clock: the only reader of time and entropy in the SDK.

Everything else takes moments, ids and chance as arguments, so tests hand in a clock of their own.
Wall time dates what happened; monotonic time measures patience, so that a clock set back or
forward neither hurries nor stalls an upload.
"""

from __future__ import annotations

import os
import time
from typing import Protocol


class Clock(Protocol):
    """What the shell asks for."""

    def wall_ms(self) -> int:
        """Epoch milliseconds by the device's wall clock."""

    def steady_ms(self) -> int:
        """Milliseconds of a clock that never jumps."""

    def entropy(self, size: int) -> bytes:
        """Unpredictable bytes."""

    def chance(self) -> float:
        """Uniform in [0, 1)."""


class SystemClock:
    """The clock of the machine."""

    def wall_ms(self) -> int:
        """Epoch milliseconds by the device's wall clock."""
        return time.time_ns() // 1_000_000

    def steady_ms(self) -> int:
        """Milliseconds of a clock that never jumps."""
        return time.monotonic_ns() // 1_000_000

    def entropy(self, size: int) -> bytes:
        """Unpredictable bytes."""
        return os.urandom(size)

    def chance(self) -> float:
        """Uniform in [0, 1)."""
        return int.from_bytes(os.urandom(6), "big") / 2**48
