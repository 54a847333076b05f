"""
Rouser: brings to rest what operators have switched.

A switch is in force with the next claim and the next record of the log, and a run obeys it whenever
something touches its person. This touches those whom nothing else does: a stretch of persons a
record in the log, the next one when the pipeline is through with it.

Rule 1. Runs of a journey that was stopped, discarded or archived end, in the order of their entry;
        those that a pause held go on in the order in which they came due. Held messages become
        due again, first due first, and the deliver worker takes them at its own pace.
Rule 2. It looks at the plan as the pipeline has it: once a switch is in that, nobody can enter by
        the one before. So a journey that has nobody left needs no second look until the next
        publication or switch; after a restart all are looked at.
Rule 3. Nothing is remembered but what to look at: a touched person's rows have changed. Rows that
        nobody answers for (the same stretch again) are left where they are.
"""

from __future__ import annotations

from typing import Final

from fencepost_gateway.decide.control import Control
from fencepost_gateway.intake.records import Touched
from fencepost_gateway.ports import Store
from fencepost_gateway.workers.plans import Plans

STRETCH: Final = 200  # persons a record
RELEASE_MAX: Final = 500  # messages a commit
FOREVER_MS: Final = 1 << 62


class Rouser:
    """Touches whom a switch concerns."""

    def __init__(self, store: Store, plans: Plans) -> None:
        self._store = store
        self._plans = plans
        self._seen: tuple[int, dict[str, Control]] | None = None
        self._todo: list[str] = []
        self._touched = 0
        self._last: list[str] = []

    async def step(self, now_ms: int) -> bool:
        """Go on with a stretch; False: there is nothing to do now."""
        plan, book = self._plans.plan, self._store.journeys
        if self._seen is None or self._seen != (plan.revision, plan.controls):
            self._seen = plan.revision, plan.controls
            self._todo = sorted(await book.living() | (await book.held()).keys())
        if not self._todo or self._touched > await self._store.position():
            return False
        campaign_id = self._todo[-1]
        released = await self._release(campaign_id)
        person_ids = await self._concerned(campaign_id)
        if person_ids and person_ids != self._last:
            self._last = person_ids
            record = Touched(list(dict.fromkeys(person_ids)))
            self._touched = await self._store.append(record, now_ms)
        elif not released:
            self._todo.pop()
        return True

    async def _release(self, campaign_id: str) -> int:
        control = self._plans.plan.controls.get(campaign_id)
        if control is None or control.paused:
            return 0
        return await self._store.journeys.release(campaign_id, RELEASE_MAX)

    async def _concerned(self, campaign_id: str) -> list[str]:
        plan, book = self._plans.plan, self._store.journeys
        control = plan.controls.get(campaign_id)
        if campaign_id not in plan.campaigns:
            return await book.ending(campaign_id, FOREVER_MS, STRETCH)
        if control is None:
            return []
        found = await book.ending(campaign_id, control.ends_ms, STRETCH) if control.ends_ms else []
        return found or ([] if control.paused else await book.halted(campaign_id, STRETCH))
