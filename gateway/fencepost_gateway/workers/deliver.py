"""
Deliver: claims what is due, calls the driver, confirms.

Rule 1. Content is rendered before the claim, from facts read without a lock; the claim reads them
        again and alone decides. Nothing judges twice.
Rule 2. A call starts only while its lease outlives the longest call.
Rule 3. In-app messages are put before their person in the commit of the confirm, so they are
        never unknown.
Rule 4. Leases of a process that is gone end as ``unknown`` when this one starts.
Rule 5. What is no customer's (test persons, seeds, proofs) is in no metric.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from msgspec import structs

from fencepost_channels.message import Content, Outgoing, Purpose
from fencepost_gateway.clock import Clock
from fencepost_gateway.content.renderer import RenderProblem
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.settle import CallOutcome, Settlement, settle
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.answer_links import links_of
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import LEASE_MS, Claimed, Store
from fencepost_gateway.workers.compose import Composer, arm_now
from fencepost_gateway.workers.lanes import Lane
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.wakes import Wakes, finish, rung

PAUSE_S = 1.0
RECONCILE_EVERY_S = 10.0
DRAIN_S = 8.0  # below the ten seconds that a stop may take

log = structlog.get_logger()


class Deliver:
    """Brings due messages to their end."""

    def __init__(  # noqa: PLR0913 - wired once, in app.py
        self,
        *,
        store: Store,
        plans: Plans,
        lanes: Mapping[str, Lane],
        clock: Clock,
        wakes: Wakes,
        metrics: Metrics,
        in_flight: int = 100,
        public_url: str = "",
    ) -> None:
        self._store = store
        self._plans = plans
        self._lanes = lanes
        self._clock = clock
        self._wakes = wakes
        self._metrics = metrics
        self._public_url = public_url
        self._composer = Composer(store, plans, public_url)
        self._in_flight = in_flight
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled; calls under way may finish first."""
        await self._store.reconcile(self._clock.now_ms(), all_leases=True)
        reconciled_s = self._clock.monotonic_s()
        try:
            while True:
                try:
                    if self._clock.monotonic_s() - reconciled_s > RECONCILE_EVERY_S:
                        reconciled_s = self._clock.monotonic_s()
                        await self._store.reconcile(self._clock.now_ms())
                    await self._start_due()
                except StoreUnavailableError:
                    log.warning("deliver.store_unavailable")
                await rung(self._wakes.messages, PAUSE_S)
        finally:
            await finish(self._under_way.values(), DRAIN_S)  # late ones end as `unknown`

    async def _start_due(self) -> None:
        """Start a task for each due message, as many as may be in flight."""
        room = self._in_flight - len(self._under_way)
        if room <= 0:
            return
        due = await self._store.due(self._clock.now_ms(), room + len(self._under_way))
        for each in due:
            if each.message_id not in self._under_way and room > 0:
                room -= 1
                task = asyncio.create_task(self._guarded(each.message_id))
                self._under_way[each.message_id] = task

    async def _guarded(self, message_id: str) -> None:
        try:
            await self.deliver(message_id)
        except StoreUnavailableError:
            log.warning("deliver.store_unavailable", message_id=message_id)
            await asyncio.sleep(PAUSE_S)
        except Exception:
            log.exception("deliver.bug", message_id=message_id)
            await asyncio.sleep(PAUSE_S)  # it is still due: not again at once
        finally:
            self._under_way.pop(message_id, None)
            self._wakes.messages.set()

    async def step(self) -> int:
        """Bring everything due now to its end, one after the other: replay and tests."""
        due = await self._store.due(self._clock.now_ms(), 1000)
        for each in due:
            await self.deliver(each.message_id)
        return len(due)

    async def deliver(self, message_id: str) -> None:
        """Claim one message and, if it may go, send and confirm it."""
        facts = await self._store.peek(message_id)
        if facts is None:
            return
        now_ms = self._clock.now_ms()
        composed = await self._composer.compose(facts, self._lanes, now_ms)
        plan = self._plans.plan

        def decide(claim_facts: ClaimFacts) -> Verdict:
            rendered = {channel: each.rendered for channel, each in composed.by_channel.items()}
            if arm_now(plan, claim_facts) != composed.arm:  # two persons became one meanwhile
                rendered = dict.fromkeys(rendered, Rendered("content_stale"))
            return judge(plan, claim_facts, rendered, now_ms)

        claimed = await self._store.claim(message_id, decide, now_ms)
        if claimed is None:
            return
        verdict = claimed.verdict
        if not claimed.message.mark:
            self._metrics.decisions.labels(verdict.outcome, verdict.reason).inc()
        if verdict.outcome == "send":
            await self._send(claimed, composed.by_channel[verdict.channel].content, now_ms)
        self._wakes.log.set()

    async def _send(
        self, claimed: Claimed, content: Content | RenderProblem, claimed_ms: int
    ) -> None:
        verdict, message = claimed.verdict, claimed.message
        if isinstance(content, RenderProblem) or verdict.address is None:
            raise TypeError("a verdict sends only what was rendered, to somewhere")
        lane = self._lanes[verdict.channel]
        left_ms = claimed_ms + LEASE_MS - self._clock.now_ms()
        if left_ms <= lane.timeout_s * 1000:  # Rule 2: the lease will run out by itself
            return
        outgoing = Outgoing(
            delivery_id=claimed.delivery_id,
            purpose=Purpose(verdict.purpose),
            content=content,
            ttl_s=max(1, (message.expires_at_ms - claimed_ms) // 1000),
            facts={"campaign_id": message.campaign_id, "person_id": message.person_id},
            links=links_of(
                self._public_url,
                self._plans.plan.seed,
                message.message_id,
                claimed.delivery_id,
                verdict.channel,
            ),
        )
        outcome = await lane.call(outgoing, verdict.address.raw)
        await self._confirm(claimed, outcome, content)

    async def _confirm(self, claimed: Claimed, outcome: CallOutcome, content: Content) -> None:
        channel = claimed.verdict.channel
        now_ms = self._clock.now_ms()

        def ending(attempt: int) -> Settlement:
            expires_at_ms = claimed.message.expires_at_ms
            ended = settle(outcome, claimed.delivery_id, attempt, expires_at_ms, now_ms)
            return structs.replace(ended, spares=self._plans.plan.is_service)

        inbox: dict[str, Any] | None = None
        if channel == "in_app":
            inbox = msgspec.to_builtins(content)
        settlement = await self._store.confirm(
            claimed.delivery_id,
            claimed.lease_token,
            outcome,
            ending,
            now_ms,
            inbox=inbox,
        )
        if settlement is None:
            self._metrics.lease_lost.inc()
            return
        if inbox is not None:
            self._wakes.inbox.ring([claimed.message.person_id])
        if not claimed.message.mark:
            self._metrics.deliveries.labels(channel, settlement.state).inc()
