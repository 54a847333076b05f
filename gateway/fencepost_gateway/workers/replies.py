"""
Replies: hears what people write back, and what providers tell of their no; answers them.

Rule 1. A STOP is in the claim's store before whoever told it is answered: nothing starts after it.
Rule 2. A fixed word and a clear no are obeyed alike; of the clear one, and of one in doubt, a
        person is asked to look (``keywords``). What a provider has understood is believed.
Rule 3. One confirmation a STOP, at once, without advertising: none where the provider has answered
        by itself, and none to whom it is not new. Help is given ``HELPS_MAX`` times an hour, since
        two machines may write to each other.
Rule 4. What was written is neither logged nor counted. Who is asked to look sees it, until then.
Rule 5. A complaint is a no to the marketing of its channel, and so is mail that asks to
        unsubscribe. A number or mailbox that does not exist is put on the suppression list, and
        changes no consent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal

import structlog

from fencepost_channels.callback import Report
from fencepost_gateway.decide.keywords import Meaning, meaning_of
from fencepost_gateway.decide.reply_words import ReplyWord, reply
from fencepost_gateway.intake.addresses import address_ref
from fencepost_gateway.intake.refusals import Assent, Refusal, Scope
from fencepost_gateway.ports import Store
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.wakes import Wakes

EMAIL: Final = "email"
HOUR_MS: Final = 3_600_000
HELPS_MAX: Final = 5
REMEMBERED_MAX: Final = 10_000
UNDERSTOOD: Final[Mapping[str, Meaning]] = {"STOP": "out", "START": "start", "HELP": "help"}

log = structlog.get_logger()


class Replies:
    """Hears for one gateway (``reception.Heed``)."""

    def __init__(
        self, store: Store, plans: Plans, wakes: Wakes, own: Mapping[Any, str] | None = None
    ) -> None:
        self._store = store
        self._plans = plans
        self._wakes = wakes
        self._own = own or {}
        self._helped: dict[str, tuple[int, int]] = {}

    async def heed(self, channel: str, told: Report, now_ms: int) -> str:
        """Take a no, or a yes again, that a report tells of; gives what whoever wrote is told."""
        if told.what == "complained":
            await self._refuse(channel, told, ("complaint", "channel", "complaint"), now_ms)
        elif told.what == "opted_out" and channel == EMAIL:
            await self._refuse(channel, told, ("unsubscribe_mail", "channel", ""), now_ms)
        elif told.what == "opted_out":
            method = "stop_reply" if told.text or told.code == "STOP" else "provider_code"
            await self._refuse(channel, told, (method, "all", "stop"), now_ms)
        elif told.what == "bounced_hard":
            method = "bounce" if channel == EMAIL else "callback"
            await self._refuse(channel, told, (method, "none", "hard_bounce"), now_ms)
        elif told.what == "replied":
            return await self._hear(channel, told, now_ms)
        return ""

    async def _hear(self, channel: str, told: Report, now_ms: int) -> str:
        """Do what a message means (Rule 2)."""
        meaning = UNDERSTOOD.get(told.code) or meaning_of(told.text)
        word: ReplyWord | Literal[""] = ""
        if meaning in {"out", "clear"}:
            how: tuple[str, Scope, str] = ("stop_reply", "all", "stop")
            is_new = await self._refuse(channel, told, how, now_ms, meaning=meaning)
            word = "stop" if is_new else ""
        elif meaning == "doubt":
            await self._refuse(channel, told, ("reply", "none", ""), now_ms, meaning=meaning)
        elif meaning in {"start", "yes"}:
            word = "start" if await self._assent(channel, told, meaning, now_ms) else ""
        elif meaning == "help":
            word = "help" if self._may_help(self._ref(channel, told), now_ms) else ""
        if not word or told.code:  # the provider has answered by itself (Rule 3)
            return ""
        number = str((told.address or {}).get("address", ""))
        brand = self._plans.plan.brand_of(None)
        return reply(word, self._own, brand, text=told.text, number=number)

    async def _refuse(
        self,
        channel: str,
        told: Report,
        how: tuple[str, Scope, str],
        now_ms: int,
        *,
        meaning: Meaning = "out",
    ) -> bool:
        """Take a no (method, scope, reason); says whether it was news."""
        method, scope, reason = how
        ref, person_id = self._ref(channel, told), ""
        if not ref and told.delivery_id:
            person_id, ref = await self._reached(told.delivery_id, channel)
        if not ref and not person_id:
            log.warning("replies.of_nobody", channel=channel, what=told.what)
            return False
        refusal = Refusal(
            refusal_id=_id(channel, told),
            method=method,
            said_ms=now_ms if told.at_s is None else min(told.at_s * 1000, now_ms),
            spares=self._plans.plan.is_service,
            person_id=person_id,
            channel=channel,
            ref=ref,
            scope=scope,
            reason=reason,
            proof=_proof(told),
            asks=meaning in {"clear", "doubt"},
            text=told.text,
        )
        taken = await self._store.refusals.take(refusal, now_ms)
        self._wakes.log.set()
        if taken.is_new:
            said = {"people": len(taken.persons), "withheld": taken.withheld, "asks": refusal.asks}
            log.info("replies.refused", channel=channel, method=method, reason=reason, **said)
        return taken.is_new and not taken.again

    async def _assent(self, channel: str, told: Report, meaning: Meaning, now_ms: int) -> bool:
        ref = self._ref(channel, told)
        if not ref:
            return False
        method, starts = f"{meaning}_reply", meaning == "start"
        said_ms, proof = now_ms, _proof(told)
        assent = Assent(_id(channel, told), method, said_ms, channel, ref, starts, proof)
        taken = await self._store.refusals.lift(assent, now_ms)
        self._wakes.log.set()
        return taken.ended + taken.answered > 0

    async def _reached(self, delivery_id: str, channel: str) -> tuple[str, str]:
        """Give whom a delivery was to, and by which address; empty: there is none here."""
        found = await self._store.reports.delivered_to(delivery_id)
        return (found.person_id, found.ref) if found and found.channel == channel else ("", "")

    def _ref(self, channel: str, told: Report) -> str:
        return address_ref(self._plans.plan.seed, channel, told.address) if told.address else ""

    def _may_help(self, ref: str, now_ms: int) -> bool:
        hour = now_ms // HOUR_MS
        at, helps = self._helped.get(ref, (hour, 0))
        helps = helps + 1 if at == hour else 1
        if len(self._helped) >= REMEMBERED_MAX:
            self._helped.clear()
        self._helped[ref] = (hour, helps)
        return helps <= HELPS_MAX


def _id(channel: str, told: Report) -> str:
    return f"{channel}:{told.report_id}"


def _proof(told: Report) -> dict[str, Any]:
    """Say how it came about, without the words: their hash, and what the provider calls it."""
    proof: dict[str, Any] = {"report_id": told.report_id}
    if told.text:
        proof["text_sha256"] = hashlib.sha256(told.text.encode("utf-8", "replace")).hexdigest()
    if told.code:
        proof["code"] = told.code
    if told.delivery_id:
        proof["delivery_id"] = told.delivery_id
    return proof
