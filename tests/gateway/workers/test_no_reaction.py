"""No reaction to a push: the same message by SMS, once; both count under one cap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.intake.tickets import write_ticket
from gateway.rig import OPEN_POLICY, Rig, captured, open_rig

DAY_MS = 86_400_000
DOCUMENTS = """
kind: journey
id: sale
goal: none
entry: {event: viewed}
reentry: always
steps:
  - id: push
    message: {template: sale, channels: [web_push]}
    then: {withheld.no_address: text}
  - id: reaction
    wait: {for: {opened: push}, timeout: 24h}
    then: {opened: end, timeout: text}
  - id: text
    message: {template: sale, channels: [sms]}
---
kind: template
id: sale
purpose: marketing
web_push: {title: Sale}
sms: {text: Sale}
---
kind: caps
id: default
rules: [{limit: 2, per: 7d}]
"""
SUBSCRIPTION = {
    "endpoint": "https://push.example.com/send/abc",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6S"
        "RpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}


@asynccontextmanager
async def viewed(folder: Path, *, has_push: bool = True) -> AsyncIterator[Rig]:
    """Open a gateway in which somebody has begun the journey."""
    async with open_rig(folder) as rig:
        lanes: Any = rig.gateway.surface.lanes
        lanes["web_push"] = lanes["sms"]  # both are captured
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        push = {"type": "address", "channel": "web_push", "subscription": SUBSCRIPTION}
        await rig.send(
            {"type": "consent", "values": {"collect": "CT", "marketing": "y"}},
            {"type": "address", "channel": "sms", "address": "+4915112345678"},
            *([push] if has_push else []),
            {"type": "track", "name": "viewed"},
        )
        await rig.settle()
        yield rig


async def later(rig: Rig, ms: int) -> None:
    """Let time pass, and what comes due happen."""
    rig.clock.move_to(rig.clock.now_ms() + ms)
    await rig.settle()


async def open_push(rig: Rig, folder: Path) -> int:
    """Let the person press the notification; gives the status of the answer."""
    seed, delivery_id = rig.gateway.credentials.seed, captured(folder)[0]["delivery_id"]
    path = f"/v1/reports/{write_ticket(seed, 'report', delivery_id)}"
    response = await rig.client.post(path, json={"what": "clicked"})
    await rig.settle()
    return int(response.status)


def sent(folder: Path) -> list[str]:
    """Give the channels of what left, in order."""
    return [each["channel"] for each in captured(folder)]


async def slots(rig: Rig) -> list[tuple[str, str]]:
    """Give channel and state of the person's cap slots."""
    (end, *_) = await rig.gateway.store.messages("", 9)
    facts = await rig.gateway.store.peek(end.message_id)
    assert facts is not None
    return sorted((slot.channel, slot.state) for slot in facts.slots)


@pytest.mark.feature("S15")
async def test_push_nobody_opens_for_a_day_is_sent_by_sms(tmp_path: Path) -> None:
    """Not a second before; both took a slot of the same cap, so a third message is kept back."""
    async with viewed(tmp_path) as rig:
        await later(rig, DAY_MS - 1_000)
        before = sent(tmp_path)
        await later(rig, 1_000)
        taken = await slots(rig)
        await rig.send({"type": "track", "name": "viewed"})
        await rig.settle()
        last = (await rig.claims())[-1]

    assert (before, sent(tmp_path)) == (["web_push"], ["web_push", "sms"])
    assert taken == [("sms", "confirmed"), ("web_push", "confirmed")]
    assert last == ("withheld", "frequency_cap")


@pytest.mark.feature("S15")
async def test_push_opened_in_the_last_second_is_enough(tmp_path: Path) -> None:
    """Opened at 23:59:59: no SMS, then or later."""
    async with viewed(tmp_path) as rig:
        await later(rig, DAY_MS - 1_000)
        status = await open_push(rig, tmp_path)
        await later(rig, 1_000)  # a moment that is long past would be too late for an SMS
        await later(rig, 3 * DAY_MS)
        taken = await slots(rig)

    assert (status, sent(tmp_path)) == (204, ["web_push"])
    assert taken == [("web_push", "confirmed")]


@pytest.mark.feature("S15")
async def test_push_to_nowhere_is_an_sms_at_once(tmp_path: Path) -> None:
    """Without an address there is nothing to wait for; only the SMS took a slot."""
    async with viewed(tmp_path, has_push=False) as rig:
        claims = await rig.claims()
        taken = await slots(rig)

    assert claims == [("withheld", "no_address"), ("send", "")]
    assert (sent(tmp_path), taken) == (["sms"], [("sms", "confirmed")])
