"""
Deliver: claims what is due, calls the driver, confirms.

Rule 1. Content is rendered before the claim, from facts read without a lock; the claim reads them
        again and alone decides. Nothing judges twice.
Rule 2. A call starts only while its lease outlives the longest call.
Rule 3. In-app messages are put before their person in the commit of the confirm, so they are
        never unknown.
Rule 4. Leases of a process that is gone end as ``unknown`` when this one starts, those of calls
        that were too slow every ten seconds: what follows is what follows an unknown answer.
Rule 5. What is no customer's (test persons, seeds, proofs) is in no metric.
Rule 6. Nothing is claimed that could not be called: a lane that is shut or full takes nothing out
        of the queue, and nothing of the others' places. A message that may go on several channels
        is judged ahead, which binds nobody, to know whose place it needs.
Rule 7. What has expired while it waited on a lane is claimed nevertheless, to be told so.
Rule 8. ``misconfigured`` is an alarm: an error in the log, a counter, and the lane is shut.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from msgspec import structs

from fencepost_channels.message import Channel, Content, Outgoing, Purpose
from fencepost_gateway.clock import Clock
from fencepost_gateway.content.renderer import RenderProblem
from fencepost_gateway.decide.claim import foresee, judge
from fencepost_gateway.decide.flow import LaneView
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.settle import LOST, Attempt, CallOutcome, Settlement, settle
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.failpoints import Failpoints
from fencepost_gateway.intake.answer_links import links_of
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import LEASE_MS, Claimed, DueMessage, Store
from fencepost_gateway.workers.compose import Composer, arm_now
from fencepost_gateway.workers.composed import Composition
from fencepost_gateway.workers.doors import served
from fencepost_gateway.workers.lanes import Lane
from fencepost_gateway.workers.places import Place, Places
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.wakes import Wakes, finish, rung

PAUSE_S = 1.0
RECONCILE_EVERY_S = 10.0
DRAIN_S = 8.0  # below the ten seconds that a stop may take
STEP_MAX = 1000
OVER_MAX = 500

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
        in_flight: int = 200,
        public_url: str = "",
        failpoints: Failpoints | None = None,
    ) -> None:
        self._store = store
        self._plans = plans
        self._lanes = lanes
        self._clock = clock
        self._wakes = wakes
        self._metrics = metrics
        self._public_url = public_url
        self._failpoints = failpoints or Failpoints()
        self._composer = Composer(store, plans, public_url)
        self._places = Places(lanes, clock)
        self._in_flight = in_flight
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._unclaimed: dict[str, str] = {}  # lane by message: they are due still

    async def run(self) -> None:
        """Work until cancelled; calls under way may finish first."""
        await self.reconcile(all_leases=True)
        reconciled_s = self._clock.monotonic_s()
        try:
            while True:
                try:
                    if self._clock.monotonic_s() - reconciled_s > RECONCILE_EVERY_S:
                        reconciled_s = self._clock.monotonic_s()
                        await self.reconcile()
                        await self._start_over()
                    await self._start_due()
                except StoreUnavailableError:
                    log.warning("deliver.store_unavailable")
                await rung(self._wakes.messages, self._places.wait_s(PAUSE_S))
        finally:
            await finish(self._under_way.values(), DRAIN_S)  # late ones end as `unknown`

    async def reconcile(self, *, all_leases: bool = False) -> None:
        """End the calls whose lease ran out, or all (Rule 4)."""
        now_ms = self._clock.now_ms()

        def lost(attempt: Attempt) -> Settlement:
            self._failpoints.reach("reconcile.before_unknown")
            return settle(LOST, attempt, now_ms)

        if await self._store.reconcile(now_ms, lost, all_leases=all_leases):
            self._failpoints.reach("reconcile.after_unknown")
            self._wakes.log.set()

    def _rooms(self) -> dict[str, int]:
        """Say of how many messages of each lane something can be done now (Rule 6)."""
        left, asked = self._in_flight - len(self._under_way), Counter(self._unclaimed.values())
        rooms = {}
        for lane in ("", *Channel):
            room = self._places.room(lane)
            room = left if room is None else min(left, room)
            if room > 0:
                rooms[str(lane)] = room + asked[lane]
        return rooms

    async def _start_due(self) -> None:
        """Start a task for each due message, as many as may be under way."""
        rooms = self._rooms()
        if not rooms:
            return
        for each in await self._store.due(self._clock.now_ms(), rooms):
            if len(self._under_way) >= self._in_flight:
                return
            place = Place(self._places, self._lanes)
            if each.message_id in self._under_way:
                continue
            if each.lane not in self._lanes or place.take(each.lane):
                self._start(each, place)

    async def _start_over(self) -> None:
        """Start what has expired on a lane (Rule 7)."""
        for each in await self._store.over(self._clock.now_ms(), OVER_MAX):
            if each.message_id not in self._under_way:
                self._start(each, Place(self._places, self._lanes))

    def _start(self, each: DueMessage, place: Place) -> None:
        self._unclaimed[each.message_id] = each.lane
        task = asyncio.create_task(self._guarded(each.message_id, place))
        self._under_way[each.message_id] = task

    async def _guarded(self, message_id: str, place: Place) -> None:
        try:
            await self._deliver(message_id, place)
        except StoreUnavailableError:
            log.warning("deliver.store_unavailable", message_id=message_id)
            await asyncio.sleep(PAUSE_S)
        except Exception:
            log.exception("deliver.bug", message_id=message_id)
            await asyncio.sleep(PAUSE_S)  # it is still due: not again at once
        finally:
            self._under_way.pop(message_id, None)
            self._unclaimed.pop(message_id, None)
            self._wakes.messages.set()

    async def step(self) -> int:
        """Bring everything due now to its end, one after the other: replay and tests."""
        rooms = {str(lane): STEP_MAX for lane in ("", *Channel) if self._places.room(lane) != 0}
        due = await self._store.due(self._clock.now_ms(), rooms)
        for each in due:
            await self.deliver(each.message_id)
        return len(due)

    async def deliver(self, message_id: str) -> None:
        """Claim one message and, if it may go, send and confirm it."""
        await self._deliver(message_id, Place(self._places, self._lanes))

    async def _deliver(self, message_id: str, place: Place) -> None:
        try:
            facts = await self._store.peek(message_id)
            if facts is None:
                return
            facts = served(facts, self._lanes)
            now_ms = self._clock.now_ms()
            composed = await self._composer.compose(facts, self._lanes, now_ms)
            claimed = await self._claim(facts, composed, place, now_ms)
            self._unclaimed.pop(message_id, None)
            if claimed is not None and claimed.verdict.outcome == "send":
                channel = claimed.verdict.channel
                place.move(channel)
                await self._send(claimed, composed.by_channel[channel].content, place, now_ms)
        finally:
            place.leave()
        self._wakes.log.set()

    async def _claim(
        self, facts: ClaimFacts, composed: Composition, place: Place, now_ms: int
    ) -> Claimed | None:
        plan = self._plans.plan
        rendered = {channel: each.rendered for channel, each in composed.by_channel.items()}
        if not place.channel and self._places.is_tight(rendered, len(self._under_way)):
            ahead = foresee(plan, facts, rendered, now_ms, self._places.shut(place))
            if ahead:
                place.take(ahead)
        shut = self._places.shut(place)

        def decide(claim_facts: ClaimFacts) -> Verdict:
            known = served(claim_facts, self._lanes)
            return _judged(plan, known, composed.arm, rendered, shut, now_ms)

        claimed = await self._store.claim(facts.message.message_id, decide, now_ms)
        if claimed is not None and not claimed.message.mark and claimed.verdict.outcome != "waits":
            self._metrics.decisions.labels(claimed.verdict.outcome, claimed.verdict.reason).inc()
        return claimed

    async def _send(
        self, claimed: Claimed, content: Content | RenderProblem, place: Place, claimed_ms: int
    ) -> None:
        verdict, message = claimed.verdict, claimed.message
        if isinstance(content, RenderProblem) or verdict.address is None:
            raise TypeError("a verdict sends only what was rendered, to somewhere")
        self._failpoints.reach("send.after_claim_commit")
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
        place.ended(outcome)
        self._failpoints.reach("send.after_accept_before_confirm")
        if outcome.family == "misconfigured":  # Rule 8
            self._metrics.misconfigured.labels(verdict.channel).inc()
            log.error("lane.misconfigured", channel=verdict.channel, code=outcome.code)
        await self._confirm(claimed, outcome, content)

    async def _confirm(self, claimed: Claimed, outcome: CallOutcome, content: Content) -> None:
        channel = claimed.verdict.channel
        now_ms = self._clock.now_ms()

        def ending(attempt: Attempt) -> Settlement:
            self._failpoints.reach("send.before_confirm_commit")
            ended = settle(outcome, attempt, now_ms)
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
        self._failpoints.reach("send.after_confirm")
        if settlement is None:
            self._metrics.lease_lost.inc()
            return
        if inbox is not None:
            self._wakes.inbox.ring([claimed.message.person_id])
        if not claimed.message.mark:
            self._metrics.deliveries.labels(channel, settlement.state).inc()
            if settlement.retry_at_ms is not None and settlement.state != "queued":
                how = "next" if settlement.moves else "same"
                self._metrics.called_again.labels(channel, how).inc()


def _judged(
    plan: Plan,
    facts: ClaimFacts,
    arm: str,
    rendered: Mapping[str, Rendered],
    shut: Mapping[str, LaneView],
    now_ms: int,
) -> Verdict:
    """Judge a message by the facts of its claim."""
    if arm_now(plan, facts) != arm:  # two persons became one meanwhile
        rendered = dict.fromkeys(rendered, Rendered("content_stale"))
    return judge(plan, facts, rendered, now_ms, shut)
