"""
Summary: how often an app event of one name happened, when, and what it was worth, day by day.

Pure apart from the summaries, which are changed in place.

Rule 1. Count, first, last and ``value`` (the sum of the numeric property ``value``) are of all
        events of the name, and exact: nothing is ever taken out of them.
Rule 2. Beside them stand days (UTC): count and value of each day with such an event. Late events
        go into the day on which they happened.
Rule 3. A person has at most ``DAYS_MAX`` of these cells over all names. When there are more the
        oldest go, and ``since_day`` says from which day on the days are all there.
Rule 4. Merging adds. Of days that one side has let go of the merged summary knows nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

DAY_MS: Final = 86_400_000
DAYS_MAX: Final = 400
VALUE_MAX: Final = float(1 << 53)  # beyond, a sum of floats is no sum


class DayCell(Struct, array_like=True, gc=False):
    """Events of one name on one UTC day (days since 1970)."""

    day: int
    count: int
    value: float = 0.0


class EventSummary(Struct):
    """How often and when an app event of one name happened; times in epoch milliseconds."""

    count: int
    first_ms: int
    last_ms: int
    value: float = 0.0
    days: list[DayCell] = field(default_factory=list)
    since_day: int = 0

    def count_since(self, day: int) -> int:
        """Count the events from ``day`` on; short of some if ``day`` is before ``since_day``."""
        return sum(cell.count for cell in self._from(day))

    def value_since(self, day: int) -> float:
        """Add up the value from ``day`` on; short of some if ``day`` is before ``since_day``."""
        return sum(cell.value for cell in self._from(day))

    def knows(self, day: int) -> bool:
        """Say whether every event from ``day`` on stands in the days."""
        return day >= self.since_day

    def _from(self, day: int) -> list[DayCell]:
        return self.days[bisect_left(self.days, day, key=_day) :]

    def add(self, at_ms: int, value: float) -> bool:
        """Take one more event; say whether it opened a new cell."""
        self.count += 1
        self.value += value
        self.first_ms = min(self.first_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        return self._into(DayCell(at_ms // DAY_MS, 1, value))

    def join(self, other: EventSummary) -> None:
        """Add what another person had of this name (Rule 4)."""
        self.count += other.count
        self.value += other.value
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)
        self.since_day = max(self.since_day, other.since_day)
        for cell in other.days:
            self._into(cell)
        self.days = self._from(self.since_day)

    def _into(self, more: DayCell) -> bool:
        if not self.knows(more.day):
            return False
        at = bisect_left(self.days, more.day, key=_day)
        if at < len(self.days) and self.days[at].day == more.day:
            self.days[at].count += more.count
            self.days[at].value += more.value
            return False
        self.days.insert(at, DayCell(more.day, more.count, more.value))
        return True


def _day(cell: DayCell) -> int:
    return cell.day


def summary_of(at_ms: int, value: float) -> EventSummary:
    """Begin a summary with its first event."""
    cell = DayCell(at_ms // DAY_MS, 1, value)
    return EventSummary(1, at_ms, at_ms, value, [cell])


def fold_oldest(summaries: Mapping[str, EventSummary]) -> None:
    """Let go of the oldest days until there are at most ``DAYS_MAX`` cells (Rule 3)."""
    over = sum(len(each.days) for each in summaries.values()) - DAYS_MAX
    while over > 0:
        oldest = min(each.days[0].day for each in summaries.values() if each.days)
        for each in summaries.values():
            if each.days and each.days[0].day == oldest:
                del each.days[0]
                each.since_day = oldest + 1
                over -= 1


def value_of(props: Mapping[str, Any]) -> float:
    """Give what an event says it is worth; 0 where it says nothing that can be added up."""
    value = props.get("value")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0.0
    return float(value) if -VALUE_MAX <= value <= VALUE_MAX else 0.0
