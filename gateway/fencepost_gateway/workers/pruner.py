"""
Pruner: lets go of what is too old, a little at a time.

What is too old, and what is never let go, say ``HistoryBook.prune`` and ``BroadcastBook.trim``;
webhooks that were given up are kept for ``DEAD_DAYS``, reports of deliveries and refusals that are
over for ``KEPT_MS``, what was in an inbox for ``INBOX_MS`` behind its end. Each commit takes at
most ``ROWS_MAX`` rows of a kind, so that nobody waits for it longer than for an upload.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fencepost_gateway.clock import Clock
from fencepost_gateway.decide.inbox import KEEP_MS as INBOX_MS
from fencepost_gateway.ports import KEPT_MS, Store

ROWS_MAX: Final = 500
PAUSE_S: Final = 0.02
DAY_MS: Final = 86_400_000
DEAD_DAYS: Final = 30


class Pruner:
    """Prunes one store."""

    def __init__(self, store: Store, clock: Clock, history_days: int) -> None:
        self._store = store
        self._clock = clock
        self._keep_ms = history_days * DAY_MS

    async def prune(self) -> int:
        """Let go of everything that is too old now; gives how many rows."""
        gone = 0
        await self._store.broadcasts.trim(self._clock.now_ms())
        while more := await self.step():
            gone += more
            await asyncio.sleep(PAUSE_S)  # others write in between
        return gone

    async def step(self) -> int:
        """Let go of some of it; 0: nothing is left to let go."""
        now_ms = self._clock.now_ms()
        gone = await self._store.history.prune(now_ms, now_ms - self._keep_ms, ROWS_MAX)
        gone += await self._store.trim_inbox(now_ms - INBOX_MS, ROWS_MAX)
        gone += await self._store.refusals.prune(now_ms - KEPT_MS, ROWS_MAX)
        gone += await self._store.reports.prune(now_ms - KEPT_MS, ROWS_MAX)
        return gone + await self._store.calls.prune(now_ms - DEAD_DAYS * DAY_MS, ROWS_MAX)
