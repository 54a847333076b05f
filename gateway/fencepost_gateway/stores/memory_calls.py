"""Calls of journeys in memory: as the books say, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide.calls import Call, Reply
from fencepost_gateway.ports import DeadCall, Effects, TakenCall
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.memory_books import Books, CallRow, append, pack, unpack


def put_calls(books: Books, effects: Effects) -> None:
    """Write what is asked; drop what is answered, and what nobody waits for any more."""
    for call in effects.calls:
        row = CallRow(call.person_id, pack(call), "open", effects.now_ms, effects.now_ms)
        books.calls.setdefault(call.call_id, row)
    for call_id in effects.answered:
        if (held := books.calls.get(call_id)) and held.state != "dead":
            del books.calls[call_id]
    ended = {row.run_id for row in effects.runs.values() if row.ended_ms is not None}
    for call_id, row in [*books.calls.items()] if ended else ():
        call = call_of(row)
        if call.kind == "look_up" and call.run_id in ended:  # a webhook is made all the same
            del books.calls[call_id]


def call_of(row: CallRow) -> Call:
    """Give the call of a row, of whoever its person is by now."""
    return structs.replace(unpack(row.body, Call), person_id=row.person_id)


class MemoryCalls:
    """``CallBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def sources(self, now_ms: int) -> list[str]:
        """See ``CallBook.sources``."""
        return sorted({call_of(row).source_id for _, row in self._due(now_ms)})

    async def take(self, now_ms: int, room: Mapping[str, int], lease_ms: int) -> list[TakenCall]:
        """See ``CallBook.take``."""
        taken: list[TakenCall] = []
        left = dict(room)
        with self._unit() as books:
            for call_id, row in self._due(now_ms):
                call = call_of(row)
                if left.get(call.source_id, 0) <= 0:
                    continue
                left[call.source_id] -= 1
                leased = structs.replace(
                    row, state="leased", due_ms=now_ms + lease_ms, attempt=row.attempt + 1
                )
                books.calls[call_id] = leased
                taken.append(TakenCall(call, leased.attempt, row.begun_ms))
        return taken

    async def answer(self, reply: Reply, now_ms: int) -> bool:
        """See ``CallBook.answer``."""
        with self._unit() as books:
            row = self._leased(books, reply.call_id, reply.attempt)
            if row is None:
                return False
            append(books, rows.answered(call_of(row), reply), now_ms)
            if rows.is_dead(reply):
                dead = structs.replace(row, state="dead", due_ms=now_ms, failure=reply.failure)
                books.calls[reply.call_id] = dead
            else:
                del books.calls[reply.call_id]
            return True

    async def put_off(self, call_id: str, attempt: int, failure: str, until_ms: int) -> bool:
        """See ``CallBook.put_off``."""
        with self._unit() as books:
            row = self._leased(books, call_id, attempt)
            if row is not None:
                books.calls[call_id] = structs.replace(
                    row, state="open", due_ms=until_ms, failure=failure
                )
            return row is not None

    async def release(self, now_ms: int) -> int:
        """See ``CallBook.release``."""
        with self._unit() as books:
            for call_id, row in [*books.calls.items()]:
                if call_of(row).kind == "look_up":
                    books.calls[call_id] = structs.replace(row, begun_ms=now_ms)
            held = {i: row for i, row in books.calls.items() if row.state == "leased"}
            for call_id, row in held.items():
                books.calls[call_id] = structs.replace(row, state="open", due_ms=now_ms)
            return len(held)

    async def next_due_ms(self) -> int | None:
        """See ``CallBook.next_due_ms``."""
        waiting = (row.due_ms for row in self._books().calls.values() if row.state != "dead")
        return min(waiting, default=None)

    async def dead(self, after: str, limit: int) -> list[DeadCall]:
        """See ``CallBook.dead``."""
        found = sorted((i, row) for i, row in self._books().calls.items() if row.state == "dead")
        return [
            rows.dead_call(call_of(row), row.due_ms, row.attempt, row.failure)
            for call_id, row in found
            if call_id > after
        ][:limit]

    async def redrive(self, now_ms: int, *, call_id: str = "", source_id: str = "") -> int:
        """See ``CallBook.redrive``."""
        moved = 0
        with self._unit() as books:
            for name, row in [*books.calls.items()]:
                is_meant = call_id in {"", name} and source_id in {"", call_of(row).source_id}
                if row.state == "dead" and is_meant:
                    again = structs.replace(row, state="open", due_ms=now_ms, begun_ms=now_ms)
                    books.calls[name] = again
                    moved += 1
        return moved

    async def prune(self, before_ms: int, limit: int) -> int:
        """See ``CallBook.prune``."""
        with self._unit() as books:
            dead = [i for i, r in books.calls.items() if r.state == "dead" and r.due_ms < before_ms]
            for call_id in dead[:limit]:
                del books.calls[call_id]
            return len(dead[:limit])

    def _due(self, now_ms: int) -> list[tuple[str, CallRow]]:
        found = (
            (row.due_ms, call_id, row)
            for call_id, row in self._books().calls.items()
            if row.state != "dead" and row.due_ms <= now_ms
        )
        return [(call_id, row) for _, call_id, row in sorted(found, key=lambda one: one[:2])]

    def _leased(self, books: Books, call_id: str, attempt: int) -> CallRow | None:
        row = books.calls.get(call_id)
        is_held = row is not None and row.state == "leased" and row.attempt == attempt
        return row if is_held else None
