"""
Marks: which events of a device's stream were decided already.

Pure. Per (device, stream): every seq up to ``upto`` is decided, and the intervals ``above`` it.

Rule 1. A gap stays open: what the device has not sent may still come, in any order. Nothing the
        device says about itself raises the mark.
Rule 2. Honest streams have few gaps; beyond ``GAPS_MAX`` the lowest one is closed, so that nobody
        can make a mark grow without bound.
"""

from __future__ import annotations

from bisect import bisect_right

from msgspec import Struct

GAPS_MAX = 4096


class Marks(Struct):
    """Decided seqs of one stream; ``above`` holds disjoint, sorted [low, high] pairs."""

    upto: int = 0
    above: list[list[int]] = []

    def add(self, seq: int) -> bool:
        """Mark ``seq`` as decided; False when it was already."""
        if seq <= self.upto:
            return False
        if seq == self.upto + 1 and not self.above:
            self.upto = seq
            return True
        return self._insert(seq)

    def _insert(self, seq: int) -> bool:
        at = bisect_right(self.above, seq, key=lambda pair: pair[0])
        before = self.above[at - 1] if at else None
        after = self.above[at] if at < len(self.above) else None
        if before is not None and seq <= before[1]:
            return False
        if before is not None and before[1] + 1 == seq:
            before[1] = seq
            if after is not None and after[0] == seq + 1:
                before[1] = after[1]
                del self.above[at]
        elif after is not None and after[0] == seq + 1:
            after[0] = seq
        else:
            self.above.insert(at, [seq, seq])
        self._settle()
        return True

    def _settle(self) -> None:
        if self.above and (self.above[0][0] == self.upto + 1 or len(self.above) > GAPS_MAX):
            self.upto = self.above.pop(0)[1]


def ranges(seqs: list[int]) -> list[list[int]]:
    """Write sorted seqs as [low, high] ranges, both ends included."""
    found: list[list[int]] = []
    for seq in sorted(seqs):
        if found and found[-1][1] + 1 == seq:
            found[-1][1] = seq
        else:
            found.append([seq, seq])
    return found
