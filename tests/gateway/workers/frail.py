"""Frail: a store that loses its process at a commit, before or behind it, and reads in bites."""

from __future__ import annotations

from typing import Any, Literal, cast

from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import LogRecord
from fencepost_gateway.ports import Effects, Store

Fall = Literal["", "before", "after"]


class Frail:
    """
    Everything that ``within`` is, but for two things.

    Attributes:
        within: The store itself.
        bite: How many records it gives at a time, at most.
        fall: When it falls at the next commit.
        log: What it gives instead of its own log, if anything: one that was written elsewhere.

    """

    def __init__(self, within: Store) -> None:
        self.within = within
        self.bite = 64
        self.fall: Fall = ""
        self.log: list[LogRecord] | None = None

    def __getattr__(self, name: str) -> Any:
        """Give whatever the store has."""
        return getattr(self.within, name)

    async def read_log(self, after: int, limit: int) -> list[LogRecord]:
        """Give a few records."""
        most = min(limit, self.bite)
        if self.log is None:
            return await self.within.read_log(after, most)
        return [record for record in self.log if record.position > after][:most]

    async def commit(self, effects: Effects) -> None:
        """Write, unless it falls before; who asked is not answered if it falls behind."""
        fall, self.fall = self.fall, ""
        if fall == "before":
            raise StoreUnavailableError("fell before the commit")
        await self.within.commit(effects)
        if fall == "after":
            raise StoreUnavailableError("fell behind the commit")


def as_store(frail: Frail) -> Store:
    """Give it as what it stands for."""
    return cast("Store", frail)
