"""
Shifted: a clock that a test moves while the process that reads it runs.

How far it is off stands in a small file that both processes map into memory; a gateway that is
started again reads the same. Only the wall clock moves: no machine's monotonic clock jumps.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from fencepost_gateway.clock import SystemClock

BYTES = 8


class ShiftedClock:
    """A ``Clock``, so many milliseconds away from the machine's."""

    def __init__(self, path: Path) -> None:
        """Read the shift from the file at ``path``, made where there is none."""
        with path.open("a+b") as file:
            file.truncate(BYTES)
            self._shift = mmap.mmap(file.fileno(), BYTES)
        self._machine = SystemClock()

    def now_ms(self) -> int:
        """Epoch milliseconds, as shifted."""
        return self._machine.now_ms() + int.from_bytes(self._shift[:], "little", signed=True)

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""
        return self._machine.monotonic_s()

    def shift(self, by_ms: int) -> None:
        """Set how far the clock is off, for all who read it."""
        self._shift[:] = by_ms.to_bytes(BYTES, "little", signed=True)
