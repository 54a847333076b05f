"""Journeys in memory: what operators decided of them, and what was counted of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide.control import Control
from fencepost_gateway.intake.records import Controlled
from fencepost_gateway.ports import Act, JourneyCount, JourneyPlace, RunRow, Turn, Waiting
from fencepost_gateway.stores.memory_books import Books, append


def count_journey_days(
    books: Books, days: Mapping[tuple[int, JourneyPlace], Mapping[str, int]]
) -> None:
    """Add what was counted to what is there."""
    for (day, place), counted in days.items():
        for what, count in counted.items():
            key = day, place, what
            books.journey_days[key] = books.journey_days.get(key, 0) + count


class MemoryJourneys:
    """``JourneyBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def controls(self) -> dict[str, Control]:
        """See ``JourneyBook.controls``."""
        return dict(self._books().controls)

    async def steer(self, act: Act, turn: Turn) -> tuple[Control, Control] | None:
        """See ``JourneyBook.steer``."""
        with self._unit() as books:
            before = books.controls.get(act.campaign_id) or Control(act.campaign_id)
            after = turn(before)
            if after is None:
                return None
            if after != before:
                books.controls[act.campaign_id] = after
                _note(books, act)
                append(books, Controlled(after), act.at_ms)
            return before, after

    async def note(self, act: Act) -> None:
        """See ``JourneyBook.note``."""
        with self._unit() as books:
            _note(books, act)

    async def acts(self, campaign_id: str, limit: int) -> list[Act]:
        """See ``JourneyBook.acts``."""
        found = [act for act in self._books().acts if act.campaign_id == campaign_id]
        return found[::-1][:limit]

    async def release(self, campaign_id: str, limit: int) -> int:
        """See ``JourneyBook.release``."""
        with self._unit() as books:
            held = [(r.due_ms, i) for i, r in books.messages.items() if r.held_by == campaign_id]
            for _, message_id in sorted(held)[:limit]:
                row = books.messages[message_id]
                books.messages[message_id] = structs.replace(row, held_by="")
            return len(held[:limit])

    async def held(self) -> dict[str, int]:
        """See ``JourneyBook.held``."""
        return dict(Counter(r.held_by for r in self._books().messages.values() if r.held_by))

    async def living(self) -> set[str]:
        """See ``JourneyBook.living``."""
        return {row.campaign_id for row in self._living()}

    async def ending(self, campaign_id: str, until_ms: int, limit: int) -> list[str]:
        """See ``JourneyBook.ending``."""
        found = [r for r in self._living(campaign_id) if r.entered_ms <= until_ms]
        found.sort(key=lambda r: (r.entered_ms, r.run_id))
        return [row.person_id for row in found[:limit]]

    async def halted(self, campaign_id: str, limit: int) -> list[str]:
        """See ``JourneyBook.halted``."""
        found = [r for r in self._living(campaign_id) if r.is_held]
        found.sort(key=lambda r: (r.since_ms, r.run_id))
        return [row.person_id for row in found[:limit]]

    async def counts(self, since_day: int, campaign_id: str) -> list[JourneyCount]:
        """See ``JourneyBook.counts``."""
        found = self._books().journey_days.items()
        return _added(
            (place, what, n)
            for (day, place, what), n in found
            if day >= since_day and place.campaign_id == campaign_id
        )

    async def sums(self, since_day: int) -> list[JourneyCount]:
        """See ``JourneyBook.sums``."""
        found = self._books().journey_days.items()
        return _added(
            (place, what, n)
            for (day, place, what), n in found
            if day >= since_day and not place.step_id and not place.stage
        )

    async def waiting(self, due_ms: int, campaign_id: str = "") -> list[Waiting]:
        """See ``JourneyBook.waiting``."""
        by_place: dict[JourneyPlace, list[RunRow]] = {}
        for row in self._living(campaign_id):
            if not row.is_test:
                place = JourneyPlace(row.campaign_id, row.version, row.step_id, row.stage)
                by_place.setdefault(place, []).append(row)
        return [
            Waiting(
                place,
                len(found),
                sum(row.is_held for row in found),
                sum(row.due_ms is not None and row.due_ms < due_ms for row in found),
                min(row.since_ms for row in found),
            )
            for place, found in sorted(by_place.items())
        ]

    async def waiting_since(self, place: JourneyPlace, rank: int) -> int | None:
        """See ``JourneyBook.waiting_since``."""
        found = sorted(row.since_ms for row in self._standing(place))
        return found[rank] if rank < len(found) else None

    async def due_since(self, place: JourneyPlace, rank: int) -> int | None:
        """See ``JourneyBook.due_since``."""
        found = sorted(r.due_ms for r in self._standing(place) if r.due_ms is not None)
        return found[rank] if rank < len(found) else None

    def _standing(self, place: JourneyPlace) -> list[RunRow]:
        return [
            row
            for row in self._living(place.campaign_id)
            if (row.version, row.step_id) == (place.version, place.step_id) and not row.is_test
        ]

    def _living(self, campaign_id: str = "") -> list[RunRow]:
        runs = self._books().runs.values()
        return [r for r in runs if r.ended_ms is None and campaign_id in {"", r.campaign_id}]


def _note(books: Books, act: Act) -> None:
    books.acts = (*books.acts, structs.replace(act, number=len(books.acts) + 1))


def _added(found: Iterable[tuple[JourneyPlace, str, int]]) -> list[JourneyCount]:
    total: Counter[tuple[JourneyPlace, str]] = Counter()
    for place, what, count in found:
        total[place, what] += count
    return [JourneyCount(place, what, n) for (place, what), n in sorted(total.items())]
