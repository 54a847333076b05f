"""
Message table: what arrived for this device, and that it arrived.

Not pure: table ``message`` of the store, inside its transactions.

Rule 1. A delivery is kept once: its id stays for ``seen_ms`` even when its body is gone.
Rule 2. States rise: ``pending`` (not handed to the host), ``handed``, ``gone`` (no body).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from fencepost_sdk.limits import Limits

PENDING, HANDED, GONE = "pending", "handed", "gone"


class NewMessage(NamedTuple):
    """A message as it arrived; the order of its members is the order of the table."""

    delivery_id: str
    kind: str
    state: str
    priority: int
    arrived_ms: int
    show_until_ms: int | None
    body: str


class StoredMessage(NamedTuple):
    """A message as the store gives it back; ``body`` is the JSON that arrived."""

    delivery_id: str
    kind: str
    state: str
    show_until_ms: int | None
    body: str


class MessageTable:
    """Messages by delivery."""

    def __init__(self, db: sqlite3.Connection, limits: Limits) -> None:
        self._db = db
        self._limits = limits

    def add(self, row: NewMessage) -> bool:
        """Store a message unless its delivery is known; say whether it was new."""
        cursor = self._db.execute("INSERT OR IGNORE INTO message VALUES (?,?,?,?,?,?,?)", row)
        return cursor.rowcount > 0

    def read(self, states: Sequence[str]) -> list[StoredMessage]:
        """Read messages in ``states``: higher priority first, then the earlier."""
        marks = ",".join("?" * len(states))
        rows = self._db.execute(
            "SELECT delivery_id, kind, state, show_until_ms, body FROM message"  # noqa: S608 - marks
            f" WHERE state IN ({marks}) ORDER BY priority DESC, arrived_ms, delivery_id",
            states,
        )
        return [StoredMessage(*row) for row in rows]

    def move(self, delivery_id: str, state: str) -> None:
        """Move a message on; its body goes with ``gone``, its name stays so that it shows once."""
        self._db.execute(
            "UPDATE message SET state = ?1, body = CASE ?1 WHEN 'gone' THEN '' ELSE body END"
            " WHERE delivery_id = ?2",
            (state, delivery_id),
        )

    def trim(self, now_ms: int) -> None:
        """Forget shown messages after their time, and bodies beyond the bound."""
        self._db.execute(
            "DELETE FROM message WHERE arrived_ms < ?", (now_ms - self._limits.seen_ms,)
        )
        self._db.execute(
            "UPDATE message SET state = 'gone', body = '' WHERE state <> 'gone' AND delivery_id"
            " NOT IN (SELECT delivery_id FROM message WHERE state <> 'gone'"
            " ORDER BY arrived_ms DESC, delivery_id LIMIT ?)",
            (self._limits.cards,),
        )

    def clear(self) -> None:
        """Empty the inbox; the names stay, so that nothing shows twice."""
        self._db.execute("UPDATE message SET state = 'gone', body = ''")
