"""
Message table: what arrived for this device, and what became of it.

Not pure: table ``message`` of the store, inside its transactions.

Rule 1. A delivery is kept once: its id stays for ``seen_ms`` even when its body is gone.
Rule 2. ``pending`` (to be handed to the host), ``handed``, ``gone`` (no body). What is gone stays
        so; what was handed may wait again.
Rule 3. What the gateway tells of a delivery again is what holds now: content, and whether some
        device of the person has read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from fencepost_sdk.limits import Limits

PENDING, HANDED, GONE = "pending", "handed", "gone"
SHOWN_MAX = 100  # moments of showings kept; no author may ask for more in a window
COLUMNS = "delivery_id, kind, state, show_until_ms, body, is_read, shown"


class NewMessage(NamedTuple):
    """A message as it arrived; the order of its members is the order of the table."""

    delivery_id: str
    kind: str
    state: str
    priority: int
    arrived_ms: int
    show_until_ms: int | None
    body: str
    is_pinned: bool = False
    is_read: bool = False
    shown: str = ""


class StoredMessage(NamedTuple):
    """A message as the store gives it back; ``body`` is the JSON that arrived."""

    delivery_id: str
    kind: str
    state: str
    show_until_ms: int | None
    body: str
    is_read: bool = False
    shown: str = ""

    @property
    def shown_ms(self) -> list[int]:
        """When it was shown, by the wall clock."""
        return [int(each) for each in self.shown.split()]


class MessageTable:
    """Messages by delivery."""

    def __init__(self, db: sqlite3.Connection, limits: Limits) -> None:
        self._db = db
        self._limits = limits

    def put(self, row: NewMessage) -> StoredMessage | None:
        """Store a message, or what is told anew of it; give what was known, None: it is new."""
        known = self.find(row.delivery_id)
        if known is None:
            self._db.execute("INSERT INTO message VALUES (?,?,?,?,?,?,?,?,?,?)", row)
        elif known.state != GONE:
            told = (row.priority, row.show_until_ms, row.body, row.is_pinned, row.is_read)
            self._db.execute(
                "UPDATE message SET priority = ?, show_until_ms = ?, body = ?, is_pinned = ?,"
                " is_read = is_read OR ? WHERE delivery_id = ?",
                (*told, row.delivery_id),
            )
        return known

    def find(self, delivery_id: str) -> StoredMessage | None:
        """Read one message."""
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM message WHERE delivery_id = ?",  # noqa: S608 - our own words
            (delivery_id,),
        ).fetchone()
        return None if found is None else StoredMessage(*found)

    def read(self, states: Sequence[str]) -> list[StoredMessage]:
        """Read messages in ``states``: pinned first, higher priority first, then the earlier."""
        marks = ",".join("?" * len(states))
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM message"  # noqa: S608 - our own words and marks
            f" WHERE state IN ({marks})"
            " ORDER BY is_pinned DESC, priority DESC, arrived_ms, rowid",
            states,
        )
        return [StoredMessage(*row) for row in rows]

    def move(self, delivery_id: str, state: str) -> None:
        """Move a message on; its body goes with ``gone``, its name stays so that it shows once."""
        self._db.execute(
            "UPDATE message SET state = ?1, body = CASE ?1 WHEN 'gone' THEN '' ELSE body END"
            " WHERE delivery_id = ?2 AND state <> 'gone'",
            (state, delivery_id),
        )

    def note_shown(self, delivery_id: str, at_ms: int) -> None:
        """Note that it was shown here, and so is read."""
        found = self.find(delivery_id)
        if found is not None:
            shown = " ".join(map(str, [*found.shown_ms, at_ms][-SHOWN_MAX:]))
            self._db.execute(
                "UPDATE message SET shown = ?, is_read = 1 WHERE delivery_id = ?",
                (shown, delivery_id),
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
