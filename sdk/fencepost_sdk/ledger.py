"""
Ledger: what became of events that are no longer in the queue.

Not pure: tables ``counter``, ``outcome`` and ``loss`` of the store, inside its transactions.

Rule 1. Every loss is counted by reason, for ever; its seqs stand in ``loss`` as ranges until the
        gateway has been told, so that counters equal the gap.
Rule 2. The newest outcomes are remembered one by one, so that ``explain`` can answer.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from fencepost_sdk.queue import CLASS_NAMES, CLASS_OF
from fencepost_sdk.uploader import REPORTS_MAX
from fencepost_sdk.wire import Loss

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from fencepost_sdk.limits import Limits
    from fencepost_sdk.uploader import Decided


class Row(NamedTuple):
    """What leaving the queue needs to know of an event."""

    key: int
    event_id: str
    kind: str
    state: int
    size: int
    stream: str
    seq: int


class Ledger:
    """Counters, outcomes and losses."""

    def __init__(self, db: sqlite3.Connection, limits: Limits) -> None:
        self._db = db
        self._limits = limits

    def count(self, name: str, by: int = 1) -> None:
        """Raise a counter."""
        self._db.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
            (name, by),
        )

    def counters(self) -> dict[str, int]:
        """Read all counters."""
        return dict(self._db.execute("SELECT name, n FROM counter WHERE n > 0").fetchall())

    def lose(self, reason: str, rows: Sequence[Row], now_ms: int) -> None:
        """Count ``rows`` as lost and note their seqs in ranges (Rule 1)."""
        self.count(f"lost:{reason}", len(rows))
        self.remember([(row.event_id, row.kind, "dropped", reason, "", now_ms) for row in rows])
        places = sorted((CLASS_NAMES[CLASS_OF[row.kind]], row.stream, row.seq) for row in rows)
        for klass, stream, seq in places:
            self.note(reason, klass, stream, seq)
        self._db.execute(
            "DELETE FROM loss WHERE id <= (SELECT MAX(id) FROM loss) - ?", (self._limits.losses,)
        )

    def end(self, rulings: Sequence[tuple[Row, Decided]], now_ms: int) -> None:
        """Count and remember what the gateway ruled."""
        names = Counter(
            f"lost:rejected:{each.code}" if each.verdict == "rejected" else each.verdict
            for _, each in rulings
        )
        for name, by in names.items():
            self.count(name, by)
        self.remember([(row.event_id, row.kind, *each[1:], now_ms) for row, each in rulings])

    def note(self, reason: str, klass: str, stream: str, seq: int) -> None:
        """Grow the range that ends before ``seq``, or begin one."""
        about = (reason, klass, stream)
        grown = self._db.execute(
            "UPDATE loss SET hi = ? WHERE reason = ? AND klass = ? AND stream = ? AND hi = ?",
            (seq, *about, seq - 1),
        )
        if not grown.rowcount:
            self._db.execute(
                "INSERT INTO loss (reason, klass, stream, lo, hi) VALUES (?,?,?,?,?)",
                (*about, seq, seq),
            )

    def losses(self) -> list[Loss]:
        """Read what the gateway has not been told yet; as much as one request reports."""
        rows = self._db.execute(
            "SELECT id, reason, klass, stream, lo, hi FROM loss ORDER BY id LIMIT ?", (REPORTS_MAX,)
        )
        return [Loss(*row) for row in rows]

    def forget_told(self, told: Sequence[Loss]) -> None:
        """Forget what was reported; a range may have grown while its report was on the way."""
        for loss in told:
            self._db.execute("DELETE FROM loss WHERE id = ? AND hi = ?", (loss.loss_id, loss.hi))
            self._db.execute(
                "UPDATE loss SET lo = ? WHERE id = ? AND hi > ?",
                (loss.hi + 1, loss.loss_id, loss.hi),
            )

    def remember(self, rows: Sequence[tuple[str, str, str, str, str, int]]) -> None:
        """Remember outcomes: event id, kind, verdict, code, path, moment (Rule 2)."""
        self._db.executemany(
            "INSERT INTO outcome (event_id, kind, verdict, code, path, at_ms) VALUES (?,?,?,?,?,?)",
            rows[-self._limits.outcomes :],
        )
        self._db.execute(
            "DELETE FROM outcome WHERE id <= (SELECT MAX(id) FROM outcome) - ?",
            (self._limits.outcomes,),
        )

    def outcome(self, event_id: str) -> tuple[str, str, str, str, int] | None:
        """Say how an event ended: kind, verdict, code, path, moment."""
        row: tuple[str, str, str, str, int] | None = self._db.execute(
            "SELECT kind, verdict, code, path, at_ms FROM outcome WHERE event_id = ?"
            " ORDER BY id DESC",
            (event_id,),
        ).fetchone()
        return row
