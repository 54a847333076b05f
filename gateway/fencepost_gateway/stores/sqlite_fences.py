"""
What happened at fences, in SQLite: transitions, and what is counted of each fence by UTC day.

Rule 1. A row is read, added to and written back in the commit of the effects: a hundred bytes or
        so, one row for a fence and day however many fixes there were.
Rule 2. Rows of a day lie together: today's stay in the cache, and a day that is over goes in one
        stretch. A whole month of 100,000 fences is read page by page, so that others have their
        turn at the connection in between.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from types import SimpleNamespace

import apsw
import msgspec

from fencepost_gateway.ports import RecordRow
from fencepost_gateway.stores.sqlite_records import record_rows
from fencepost_gateway.stores.sqlite_side import Side

PAGE_ROWS = 2_000  # some ten milliseconds

Counts = dict[str, int]

_pack = msgspec.msgpack.Encoder().encode
_counts: msgspec.msgpack.Decoder[Counts] = msgspec.msgpack.Decoder(Counts)


def count_fence_days(
    db: apsw.Connection, sql: SimpleNamespace, found: Mapping[tuple[int, str], Mapping[str, int]]
) -> None:
    """Add to what was counted (rule 1); in the caller's transaction."""
    rows = []
    for key, more in found.items():
        body = db.execute(sql.fence_day, key).get
        held = _counts.decode(body) if body is not None else {}
        _add(held, more)
        rows.append((*key, _pack(held)))
    db.executemany(sql.put_fence_day, rows)


class SqliteFences:
    """``FenceBook`` of the SQLite store."""

    def __init__(self, read: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._sql = sql

    async def transitions(self, after: tuple[int, int], limit: int) -> list[RecordRow]:
        """See ``FenceBook.transitions``."""
        row = (*after, limit)
        return await self._read.run(lambda: record_rows(self._read.db, self._sql.transitions, row))

    async def days(
        self, since_day: int, fence_ids: Collection[str] | None = None
    ) -> dict[str, Counts]:
        """See ``FenceBook.days``."""
        if fence_ids is not None:
            return await self._read.run(lambda: self._days_of(fence_ids, since_day))
        totals: dict[str, Counts] = {}
        after: tuple[int, str] | None = (since_day, "")
        while after is not None:
            after = await self._read.run(partial(self._add_page, totals, after))
        return totals

    def _add_page(
        self, totals: dict[str, Counts], after: tuple[int, str]
    ) -> tuple[int, str] | None:
        """Add the rows behind ``after`` to the totals; give the last one's key, None at the end."""
        page = list(self._read.db.execute(self._sql.fence_days, (*after, PAGE_ROWS)))
        _total(totals, ((fence_id, body) for _, fence_id, body in page))
        return page[-1][:2] if len(page) == PAGE_ROWS else None

    def _days_of(self, fence_ids: Collection[str], since_day: int) -> dict[str, Counts]:
        totals: dict[str, Counts] = {}
        asked = json.dumps(sorted(set(fence_ids)))
        oldest, newest = self._read.db.execute(self._sql.fence_days_span).get
        for day in range(max(since_day, oldest), newest + 1):
            _total(totals, self._read.db.execute(self._sql.fence_days_of, (asked, day)))
        return totals


def _total(totals: dict[str, Counts], rows: Iterable[tuple[str, bytes]]) -> None:
    for fence_id, body in rows:
        counted = _counts.decode(body)
        held = totals.setdefault(fence_id, counted)
        if held is not counted:
            _add(held, counted)


def _add(held: Counts, more: Mapping[str, int]) -> None:
    for what, count in more.items():
        held[what] = held.get(what, 0) + count
