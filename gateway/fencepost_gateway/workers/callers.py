"""
Callers: make the calls that runs of journeys ask for, and put what is answered into the log.

Rule 1. A call stands in the store from the commit of the step that asked for it until the commit
        of its answer. Between the two it may be made more than once: after a crash, or when a lease
        ran out. Who is called knows a repeat by ``Idempotency-Key``; the run goes on once.
Rule 2. At most ``IN_FLIGHT`` calls of one source are under way, so that a source which hangs holds
        up nobody who asks another. What cannot be answered in time is not: look-ups that have
        waited for longer than their source's timeout end as ``timeout`` without a call.
Rule 3. What was told lately is not asked for again (``answers``); what fails is tried again, or
        left alone for a while (``decide.retries``).
Rule 4. Calls that somebody held who is gone are due when this one starts, and their time begins
        anew: nobody is told ``timeout`` because we were away.
Rule 5. Logs name source, step and failure; never the address, what was sent, or what was said.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import Final

import structlog

from fencepost_gateway.clock import Clock
from fencepost_gateway.decide.breaker import Breaker
from fencepost_gateway.decide.calls import RETRIED, Call, filled, reply_to
from fencepost_gateway.decide.plan import Source
from fencepost_gateway.decide.retries import again_ms
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import LEASE_MS, Store, TakenCall
from fencepost_gateway.workers.answers import Answers, Told, nothing
from fencepost_gateway.workers.outbound import Outbound
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.wakes import Wakes, finish, rung

IN_FLIGHT: Final = 10  # of one source
PAUSE_S: Final = 0.5
DRAIN_S: Final = 8.0  # below the ten seconds that a stop may take

log = structlog.get_logger()


class Callers:
    """Brings due calls to their end."""

    def __init__(
        self,
        *,
        store: Store,
        plans: Plans,
        outbound: Outbound,
        clock: Clock,
        wakes: Wakes,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._plans = plans
        self._outbound = outbound
        self._clock = clock
        self._wakes = wakes
        self._metrics = metrics
        self._answers = Answers(clock)
        self._breakers: defaultdict[str, Breaker] = defaultdict(Breaker)
        self._under_way: dict[asyncio.Task[None], str] = {}

    async def run(self) -> None:
        """Work until cancelled; calls under way may finish first."""
        is_released = False
        try:
            while True:
                try:
                    if not is_released:
                        await self._store.calls.release(self._clock.now_ms())
                        is_released = True
                    await self._start_due()
                except StoreUnavailableError:
                    log.warning("calls.store_unavailable")
                await rung(self._wakes.calls, PAUSE_S)
        finally:
            await finish(self._under_way, DRAIN_S)

    async def _start_due(self) -> None:
        """Start a task for each due call, as many as may be under way (Rule 2)."""
        now_ms, busy = self._clock.now_ms(), Counter(self._under_way.values())
        sources = await self._store.calls.sources(now_ms)
        room = {name: IN_FLIGHT - busy[name] for name in sources if busy[name] < IN_FLIGHT}
        if not room:
            return
        for taken in await self._store.calls.take(now_ms, room, LEASE_MS):
            task = asyncio.create_task(self._guarded(taken))
            self._under_way[task] = taken.call.source_id
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._wakes.calls.set()

    async def _guarded(self, taken: TakenCall) -> None:
        """Make one call; what goes wrong here leaves the lease to run out."""
        source_id = taken.call.source_id
        try:
            await self.call(taken)
        except StoreUnavailableError:
            log.warning("calls.store_unavailable", source_id=source_id)
            await asyncio.sleep(PAUSE_S)
        except Exception as error:  # noqa: BLE001 - its text could hold what was said
            log.error("calls.bug", source_id=source_id, error=type(error).__name__)  # noqa: TRY400
            await asyncio.sleep(PAUSE_S)

    async def step(self) -> int:
        """Bring everything due now to its end, one after the other: tests."""
        now_ms = self._clock.now_ms()
        room = dict.fromkeys(await self._store.calls.sources(now_ms), 1_000)
        due = await self._store.calls.take(now_ms, room, LEASE_MS)
        for taken in due:
            await self.call(taken)
        return len(due)

    async def call(self, taken: TakenCall) -> None:
        """Bring one call to its end, or put it off."""
        call, book = taken.call, self._store.calls
        source = self._plans.plan.sources.get(call.source_id)
        told = await self._told(taken, source)
        tried, now_ms = told.tried, self._clock.now_ms()
        if source is not None and tried.failure:
            timeout_ms, begun_ms = source.timeout_ms, taken.begun_ms
            at_ms = again_ms(call, tried, taken.attempt, begun_ms, timeout_ms, now_ms)
            if tried.failure == "breaker":
                open_ms = self._breakers[call.source_id].until_ms
                at_ms = max(at_ms, open_ms) if at_ms and call.kind == "webhook" else None
            if at_ms is not None:
                await book.put_off(call.call_id, taken.attempt, tried.failure, at_ms)
                return
        said = {"value": tried.value, "failure": tried.failure, "status": tried.status}
        reply = reply_to(call, told.at_ms, taken.attempt, **said)
        if not await book.answer(reply, now_ms):
            self._metrics.lease_lost.inc()
            return
        self._metrics.calls.labels(call.kind, tried.failure or "answered").inc()
        if tried.failure:
            told_of = {"source_id": call.source_id, "step_id": call.step_id}
            log.warning("calls.failed", kind=call.kind, failure=tried.failure, **told_of)
        self._wakes.log.set()

    async def _told(self, taken: TakenCall, source: Source | None) -> Told:
        call, now_ms = taken.call, self._clock.now_ms()
        if source is None:
            return nothing("no_source", now_ms)
        if call.kind == "webhook":
            return await self._made(call, source)
        if now_ms - taken.begun_ms > source.timeout_ms:
            return nothing("timeout", now_ms)
        url = filled(source.url, call.fills)

        async def make() -> Told:
            return await self._made(call, source)

        return await self._answers.ask(source, url, make)

    async def _made(self, call: Call, source: Source) -> Told:
        """Make a call, unless its source is left alone."""
        breaker = self._breakers[source.source_id]
        if not breaker.lets(self._clock.now_ms()):
            return nothing("breaker", self._clock.now_ms())
        told = nothing("no_answer", 0)
        try:
            tried = await self._outbound.make(call, source)
            told = Told(tried, self._clock.now_ms())
        finally:
            breaker.went(
                failed=told.tried.failure in RETRIED,
                now_ms=self._clock.now_ms(),
                hold_s=told.tried.retry_after_s,
            )
        return told
