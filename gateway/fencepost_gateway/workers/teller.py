"""
Teller: lets schedules come due, and tells persons of what concerns many, a stretch at a time.

Rule 1. A stretch is a record of at most ``STRETCH_MAX`` persons. At most ``AHEAD_MAX`` are in the
        log that the pipeline has not come to: so it never waits for the next one, and what devices
        send meanwhile waits for so many persons at most.
Rule 2. What is told is in rows and in the log alone: whoever comes after a crash goes on with the
        next person.
Rule 3. A schedule that is due becomes a broadcast, and is due next, in one commit. What was missed
        while nobody looked is told once, as the newest (``decide.schedule``).
"""

from __future__ import annotations

from collections import deque

from fencepost_gateway.decide import schedule
from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.ports import ScheduleRow, Store
from fencepost_gateway.workers.plans import Plans

STRETCH_MAX = 100
AHEAD_MAX = 2


class Teller:
    """Appends what the pipeline is to tell next."""

    def __init__(self, store: Store, plans: Plans) -> None:
        self._store = store
        self._plans = plans
        self._ahead: deque[int] = deque()

    async def step(self, now_ms: int) -> int:
        """Let schedules come due, and append the next stretch; gives how many records."""
        fired = await self._schedules(now_ms)
        book = self._store.broadcasts
        if self._ahead:
            done = await self._store.position()
            while self._ahead and self._ahead[0] <= done:
                self._ahead.popleft()
        while len(self._ahead) < AHEAD_MAX and await book.open():
            position = await book.advance(STRETCH_MAX, now_ms)
            if not position:
                break
            self._ahead.append(position)
            fired += 1
        return fired

    async def _schedules(self, now_ms: int) -> int:
        fired = 0
        for row in await self._store.broadcasts.schedules():
            if row.due_ms is None or row.due_ms > now_ms:
                break  # in order of when they come due
            fired += await self._fire(row, row.due_ms, now_ms)
        return fired

    async def _fire(self, row: ScheduleRow, due_ms: int, now_ms: int) -> bool:
        known = self._plans.plan.scheduled.get(row.schedule_id)
        if known is None:  # archived, and the pipeline is not there yet
            return False
        campaign_id, entry = known
        found = schedule.newest(entry.cron, entry.zone, due_ms, now_ms)
        told = Broadcast(
            broadcast_id=derive("schedule", row.schedule_id, str(found.at_ms)),
            kind="schedule",
            name="schedule",
            at_ms=found.at_ms,
            campaign_id=campaign_id,
            source_id=row.schedule_id,
            missed=found.missed,
        )
        following = ScheduleRow(row.schedule_id, found.next_ms)
        await self._store.broadcasts.fire(following, told, now_ms)
        return True
