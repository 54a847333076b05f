"""
Queue: which event yields when a bound is broken.

Pure: the store counts and deletes, this says what must go.

Rule 1. Oldest first within ``low``, then ``normal``, then ``high``. Consent is never dropped.
Rule 2. The bounds are looked at in this order: fixes, held for consent, everything.
Rule 3. What is in flight does not yield: its verdict may be on the way, and a counter that calls
        an accepted event lost would lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fencepost_sdk.limits import Limits

LOW, NORMAL, HIGH, NEVER = 0, 1, 2, 3
CLASS_NAMES = ("low", "normal", "high", "never")
CLASS_OF: Mapping[str, int] = {
    "fix": LOW,
    "screen": LOW,
    "track": NORMAL,
    "check_in": NORMAL,
    "identify": HIGH,
    "set": HIGH,
    "address": HIGH,
    "receipt": HIGH,
    "engagement": HIGH,
    "consent": NEVER,
}
NOW_TYPES = frozenset({"identify", "consent", "address", "check_in"})


class Yield(NamedTuple):
    """Drop the oldest of ``klass`` (of the held ones, of the fixes) and count ``reason``."""

    reason: str
    klass: int
    is_held: bool = False
    is_fix: bool = False


class Totals:
    """What the queue holds, by class; counted along with every change, reloaded at the opening."""

    __slots__ = ("fixes", "held", "held_bytes", "ready", "ready_bytes")

    def __init__(self) -> None:
        self.ready = [0, 0, 0, 0]
        self.held = [0, 0, 0, 0]
        self.ready_bytes = 0
        self.held_bytes = 0
        self.fixes = 0

    def add(self, kind: str, size: int, *, is_held: bool, count: int = 1) -> None:
        """Count ``count`` events of ``kind`` in (or out, when negative) with ``size`` bytes."""
        counts = self.held if is_held else self.ready
        counts[CLASS_OF[kind]] += count
        if is_held:
            self.held_bytes += size
        else:
            self.ready_bytes += size
        if kind == "fix":
            self.fixes += count

    @property
    def events(self) -> int:
        """All events, held ones too."""
        return sum(self.ready) + sum(self.held)


def overflow(totals: Totals, limits: Limits) -> Yield | None:
    """Name what must yield first, or None while every bound holds."""
    if totals.fixes > limits.fixes:
        return Yield("full_count", LOW, is_fix=True)
    if sum(totals.held) > limits.held_events:
        return _lowest(totals.held, "full_count", is_held=True)
    if totals.held_bytes > limits.held_bytes:
        return _lowest(totals.held, "full_bytes", is_held=True)
    counts = [ready + held for ready, held in zip(totals.ready, totals.held, strict=True)]
    if totals.events > limits.events:
        return _lowest(counts, "full_count")
    if totals.ready_bytes + totals.held_bytes > limits.bytes:
        return _lowest(counts, "full_bytes")
    return None


def _lowest(counts: list[int], reason: str, *, is_held: bool = False) -> Yield | None:
    klass = next((k for k in (LOW, NORMAL, HIGH) if counts[k]), None)
    return None if klass is None else Yield(reason, klass, is_held=is_held)
