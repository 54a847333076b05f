"""
The tail of the log: its newest records, decoded, until the pipeline is done with them.

The writer's thread adds what a commit appended; the pipeline reads and lets go. So the pipeline
rarely reads back from the file.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from fencepost_gateway.intake.records import LogRecord

TAIL_MAX = 20_000


class Tail:
    """The newest records in order, without gaps; in ``kept``, as many as it holds."""

    def __init__(self, kept: deque[LogRecord]) -> None:
        self._kept = kept

    def keep(self, appended: list[LogRecord]) -> None:
        """After a commit, on the writer's thread: take what it appended out of the list."""
        self._kept.extend(appended)
        appended.clear()

    def let_go(self, position: int) -> None:
        """Drop what the pipeline is done with; the newest stays and says that nothing follows."""
        while len(self._kept) > 1 and self._kept[0].position <= position:
            self._kept.popleft()

    def behind(self, after: int, limit: int) -> list[LogRecord] | None:
        """Give the records behind a position; None when the tail does not reach back to it."""
        try:
            start = after + 1 - self._kept[0].position
            found = list(islice(self._kept, start, start + limit)) if start >= 0 else None
        except (IndexError, RuntimeError):  # empty, or the writer moved it meanwhile
            return None
        return found if not found or found[0].position == after + 1 else None
