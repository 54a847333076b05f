"""
Trials: judges the messages of what is on trial, and sends none of them.

Beside ``deliver``, which never sees these messages. This one is lent no driver, only the names of
the channels that have one, so that it cannot send: it composes a message, judges it as the claim
would, and writes down what would have become of it.

Rule 1. It judges by the plan on trial, with the ghost for a person (``decide.twin``).
Rule 2. Whatever may go counts as sent: what a provider says is not foreseen.
Rule 3. What it would have said is kept of a ``draft`` alone, for its test persons to see.
Rule 4. A deferral is waited for, in a trial with shortened waits no longer than these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import msgspec
import structlog
from msgspec import structs

from fencepost_gateway.clock import Clock
from fencepost_gateway.content.nearest import Nearby
from fencepost_gateway.content.renderer import RenderProblem
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.decide.trial import Trial
from fencepost_gateway.decide.twin import ghost_of
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import TrialTold
from fencepost_gateway.ports import RecordRow, Store, TrialVerdict
from fencepost_gateway.stores import rows
from fencepost_gateway.workers.compose import Composer
from fencepost_gateway.workers.composed import Composition
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.wakes import Wakes

PAUSE_S = 1.0
DUE_MAX = 200
_SENT = Settlement("sent", "confirmed")

log = structlog.get_logger()


class _OnTrial:
    """The plan on trial, where the composer looks for a plan."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans

    @property
    def plan(self) -> Plan:
        return self._plans.trial.plan if self._plans.trial else self._plans.plan

    @property
    def nearby(self) -> Nearby:
        return self._plans.nearby


class Trials:
    """Brings messages on trial to their end."""

    def __init__(
        self,
        *,
        store: Store,
        plans: Plans,
        channels: Collection[str],
        clock: Clock,
        wakes: Wakes,
        public_url: str = "",
    ) -> None:
        self._store = store
        self._plans = plans
        self._channels = channels
        self._clock = clock
        self._wakes = wakes
        self._composer = Composer(store, _OnTrial(plans), public_url)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                while await self.step():
                    pass
            except StoreUnavailableError:
                log.warning("trials.store_unavailable")
            await asyncio.sleep(PAUSE_S)

    async def step(self) -> int:
        """Judge what is due now; gives how many messages that were."""
        trial, now_ms = self._plans.trial, self._clock.now_ms()
        if trial is None:
            return 0
        due = await self._store.trials.due(now_ms, DUE_MAX)
        for message_id in due:
            await self._judge(trial, message_id, now_ms)
        if due:
            self._wakes.log.set()
        return len(due)

    async def _judge(self, trial: Trial, message_id: str, real_ms: int) -> None:
        found = await self._store.trials.peek(message_id)
        if found is None:
            return
        twin = found.facts.person.twin
        if twin is None or twin.number != trial.number:  # of a trial that is over
            await self._store.trials.judged(TrialVerdict(message_id, "withheld", []), real_ms)
            return
        facts = structs.replace(found.facts, person=ghost_of(found.facts.person, twin))
        now_ms = real_ms + max(twin.ahead_ms, found.ahead_ms)
        try:
            composed = await self._composer.compose(facts, self._channels, now_ms)
            rendered = {channel: each.rendered for channel, each in composed.by_channel.items()}
            verdict = judge(trial.plan, facts, rendered, now_ms)
        except StoreUnavailableError:
            raise
        except Exception:  # as in deliver: a bug concerns one message
            log.exception("trials.bug", message_id=message_id)
            await self._store.trials.judged(TrialVerdict(message_id, "withheld", []), real_ms)
            return
        written = _written(trial, facts, verdict, composed, (real_ms, now_ms))
        await self._store.trials.judged(written, real_ms)


def _written(
    trial: Trial, facts: ClaimFacts, verdict: Verdict, composed: Composition, at: tuple[int, int]
) -> TrialVerdict:
    """Write down what would have become of a message; ``at`` is the real moment and the trial's."""
    message, (real_ms, now_ms) = facts.message, at
    ref = verdict.address.ref if verdict.address else ""
    delivery_id = rows.delivery_id_of(message.message_id, verdict.channel, ref)
    is_sent = verdict.outcome == "send"
    records = [rows.claim_record(message, verdict, delivery_id if is_sent else "", now_ms)]
    if verdict.outcome == "deferred":
        retry_ms = verdict.retry_at_ms or now_ms
        waits_ms = max(0, retry_ms - now_ms)
        waits_ms = waits_ms if trial.shorten_ms is None else min(waits_ms, trial.shorten_ms)
        due_ms = real_ms + waits_ms
        return TrialVerdict(
            message.message_id, "deferred", _said(records, trial), due_ms, retry_ms - due_ms
        )
    outcome = rows.ended(message, verdict)
    if is_sent:
        outcome = rows.settled(message, _SENT, verdict.channel, delivery_id, ref)
        told = rows.outcome_record(message, verdict.channel, delivery_id, _SENT, now_ms)
        records.append(told)
    content = composed.by_channel[verdict.channel].content if is_sent else None
    is_shown = content is not None and trial.mode == "draft"  # Rule 3
    return TrialVerdict(
        message.message_id,
        "sent" if is_sent else "withheld",
        _said(records, trial),
        due_ms=real_ms,
        channel=verdict.channel,
        content=_plain(content) if is_shown else None,
        slot=None if verdict.slot is None else _taken(verdict.slot, now_ms),
        told=TrialTold(trial.number, now_ms, message.person_id, outcome),
    )


def _taken(slot: Slot, now_ms: int) -> Slot:
    """Give a slot as it would be, once the message has gone (Rule 2)."""
    return structs.replace(slot, state="confirmed", used_at_ms=now_ms)


def _said(records: list[RecordRow], trial: Trial) -> list[RecordRow]:
    """Say in records that they are of a trial."""
    return [structs.replace(r, body=r.body | {"trial": trial.mode}) for r in records]


def _plain(content: object) -> dict[str, Any] | None:
    plain: dict[str, Any] = msgspec.to_builtins(content)
    return None if isinstance(content, RenderProblem) else plain
