"""
Timers: rings the bell when something comes due by time alone.

A due timer becomes a record in the log and is marked in the same commit; so does the next stretch
of a back-fill or broadcast, while the pipeline keeps up, a schedule that is due, the nightly
ranking, and whoever a switch that an operator turned makes go on or end (``rouser``). Due messages
are found by the deliver worker itself, which is only woken.
"""

from __future__ import annotations

import structlog

from fencepost_gateway.clock import Clock
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.ports import Store
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.ranker import Ranker
from fencepost_gateway.workers.rouser import Rouser
from fencepost_gateway.workers.teller import Teller
from fencepost_gateway.workers.wakes import Wakes, rung

FIRE_MAX = 500
SWEEP_MAX = 200  # persons a record
TICK_S = 0.25

log = structlog.get_logger()


class Timers:
    """Fires what is due."""

    def __init__(self, store: Store, plans: Plans, clock: Clock, wakes: Wakes) -> None:
        self._store = store
        self._clock = clock
        self._wakes = wakes
        self._swept = 0
        self._ranker = Ranker(store, plans)
        self._rouser = Rouser(store, plans)
        self._teller = Teller(store, plans)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if not await self.step():
                await rung(self._wakes.told, TICK_S)

    async def step(self) -> int:
        """Fire what is due now; gives how many timers, and stretches of a back-fill."""
        now_ms = self._clock.now_ms()
        try:
            fired = await self._store.fire_timers(now_ms, FIRE_MAX)
            fired += await self._sweep(now_ms)
            fired += await self._teller.step(now_ms)
            fired += await self._ranker.step(now_ms)
            fired += await self._rouser.step(now_ms)
        except StoreUnavailableError:
            log.warning("timers.store_unavailable")
            return 0
        if fired:
            self._wakes.log.set()
        return fired

    async def _sweep(self, now_ms: int) -> bool:
        """Go on with a back-fill once the pipeline is through with its last stretch."""
        book = self._store.audiences
        if (await book.sweep()).done or self._swept > await self._store.position():
            return False
        self._swept = await book.advance_sweep(SWEEP_MAX, now_ms)
        return bool(self._swept)
