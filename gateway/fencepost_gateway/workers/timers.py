"""
Timers: rings the bell when something comes due by time alone.

A due timer becomes a record in the log and is marked in the same commit; due messages are found
by the deliver worker itself, which is only woken.
"""

from __future__ import annotations

import asyncio

import structlog

from fencepost_gateway.clock import Clock
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.ports import Store
from fencepost_gateway.workers.wakes import Wakes

FIRE_MAX = 500
TICK_S = 0.25

log = structlog.get_logger()


class Timers:
    """Fires what is due."""

    def __init__(self, store: Store, clock: Clock, wakes: Wakes) -> None:
        self._store = store
        self._clock = clock
        self._wakes = wakes

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(TICK_S)

    async def step(self) -> int:
        """Fire what is due now; gives how many timers."""
        try:
            fired = await self._store.fire_timers(self._clock.now_ms(), FIRE_MAX)
        except StoreUnavailableError:
            log.warning("timers.store_unavailable")
            return 0
        if fired:
            self._wakes.log.set()
        return fired
