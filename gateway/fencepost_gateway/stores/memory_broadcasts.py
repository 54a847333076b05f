"""Broadcasts in memory: as the book says, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.intake.records import Announced, Started, Stretch
from fencepost_gateway.ports import KEPT_MS, Announcement, BroadcastRow, Effects, ScheduleRow, Start
from fencepost_gateway.stores.memory_books import Books, append


def take_broadcasts(books: Books, effects: Effects, *, counts: bool) -> None:
    """Write what a group has begun, reached and ended of broadcasts, and counts of campaigns."""
    for number, is_wanted in effects.begun.items():
        row, turn = books.broadcasts[number]
        if row.state == "waiting":
            row = structs.replace(row, state="running", total=len(books.persons))
        if not is_wanted:
            row = structs.replace(row, state="done", total=0, done_ms=effects.now_ms)
        books.broadcasts[number] = row, turn
    for number, more in effects.reached.items() if counts else ():
        row, turn = books.broadcasts[number]
        books.broadcasts[number] = structs.replace(row, reached=row.reached + more), turn
    for number in effects.ended:
        row, turn = books.broadcasts[number]
        row = structs.replace(row, state="done", done_ms=effects.now_ms)
        books.broadcasts[number] = row, turn
    books.tallies |= effects.tallies


class MemoryBroadcasts:
    """``BroadcastBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def announce(
        self, broadcast: Broadcast, now_ms: int, *, begun: bool = False
    ) -> Announcement:
        """See ``BroadcastBook.announce``."""
        with self._unit() as books:
            return _announce(books, broadcast, now_ms, begun=begun)

    async def advance(self, limit: int, now_ms: int) -> int:
        """See ``BroadcastBook.advance``."""
        with self._unit() as books:
            running = [each for each in books.broadcasts.values() if each[0].state == "running"]
            if not running:
                return 0
            row, _ = min(running, key=lambda each: each[1])
            ids = [i for i in sorted(books.persons) if i > row.after][:limit]
            is_last = len(ids) < limit
            position = append(books, Stretch(row.number, row.broadcast, ids, is_last), now_ms)
            row = structs.replace(
                row,
                after=ids[-1] if ids else row.after,
                seen=row.seen + len(ids),
                state="told" if is_last else "running",
            )
            books.broadcasts[row.number] = row, position
            return position

    async def open(self) -> dict[int, Broadcast]:
        """See ``BroadcastBook.open``."""
        rows = [row for row, _ in self._books().broadcasts.values()]
        return {r.number: r.broadcast for r in rows if r.state in {"running", "told"}}

    async def waiting(self) -> int:
        """See ``BroadcastBook.waiting``."""
        return sum(row.state != "done" for row, _ in self._books().broadcasts.values())

    async def page(self, before: int, limit: int, *, name: str = "") -> list[BroadcastRow]:
        """See ``BroadcastBook.page``."""
        rows = [row for _, (row, _) in sorted(self._books().broadcasts.items(), reverse=True)]
        found = [r for r in rows if (not before or r.number < before)]
        return [r for r in found if name in {"", r.broadcast.name}][:limit]

    async def trim(self, now_ms: int) -> None:
        """See ``BroadcastBook.trim``."""
        with self._unit() as books:
            for number, (row, _) in list(books.broadcasts.items()):
                if _is_over(row, now_ms):
                    del books.broadcasts[number]
            for key, (_, appended_ms) in list(books.started.items()):
                if appended_ms < now_ms - KEPT_MS:
                    del books.started[key]

    async def keep_schedules(self, rows: Sequence[ScheduleRow]) -> None:
        """See ``BroadcastBook.keep_schedules``."""
        with self._unit() as books:
            before, books.schedules = books.schedules, {}
            for row in rows:
                due_ms = before.get(row.schedule_id)
                books.schedules[row.schedule_id] = row.due_ms if due_ms is None else due_ms

    async def schedules(self) -> list[ScheduleRow]:
        """See ``BroadcastBook.schedules``."""
        found = self._books().schedules.items()
        due = sorted((due_ms, name) for name, due_ms in found if due_ms is not None)
        return [ScheduleRow(name, due_ms) for due_ms, name in due]

    async def fire(self, row: ScheduleRow, broadcast: Broadcast, now_ms: int) -> bool:
        """See ``BroadcastBook.fire``."""
        with self._unit() as books:
            books.schedules[row.schedule_id] = row.due_ms
            return _announce(books, broadcast, now_ms, begun=False).is_new

    async def start(self, started: Started, now_ms: int) -> Start:
        """See ``BroadcastBook.start``."""
        key = (started.campaign_id, started.key)
        with self._unit() as books:
            known = books.started.get(key)
            if known is not None and known[1] >= now_ms - KEPT_MS:
                return Start(*known, is_new=False)
            books.started[key] = started.person_id, now_ms
            append(books, started, now_ms)
            return Start(started.person_id, now_ms, is_new=True)

    async def tallies(self) -> dict[tuple[str, str], int]:
        """See ``BroadcastBook.tallies``."""
        return dict(self._books().tallies)


def _announce(books: Books, broadcast: Broadcast, now_ms: int, *, begun: bool) -> Announcement:
    for number, (row, _) in list(books.broadcasts.items()):
        if row.broadcast.broadcast_id == broadcast.broadcast_id:
            if not _is_over(row, now_ms):
                return Announcement(number, is_new=False)
            del books.broadcasts[number]
    number = append(books, Announced(broadcast), now_ms)
    row = BroadcastRow(number, broadcast, now_ms)
    if begun:
        row = structs.replace(row, state="running", total=len(books.persons))
    books.broadcasts[number] = row, number
    return Announcement(number, is_new=True)


def _is_over(row: BroadcastRow, now_ms: int) -> bool:
    return row.done_ms is not None and row.done_ms < now_ms - KEPT_MS
