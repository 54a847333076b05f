"""
R17 for phones: dead tokens go, live ones stay.

A crowd with a phone each, half of them at the double of APNs and half at that of FCM. Nearly a
third remove the app. One message to all, and exactly those are forgotten; a second message calls
none of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from doubles.apns import Apns
from doubles.authority import issue
from doubles.fcm import Fcm
from e2e.rig import until_answered
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import GRANTS, NOON_MS, OPEN_POLICY, Rig, moment, open_rig

DOCUMENTS = """
kind: campaign
id: blast
entry: {external: blast}
reentry: always
message: {template: hello, channels: [push]}
goal: none
---
kind: template
id: hello
purpose: marketing
push: {title: Luma, body: Hello}
"""
PERSONS = 1_000
AT_ONCE = 100
SETTLE_S = 100.0
NOWHERE = {"type": "FeatureCollection", "features": []}
DEAD = {1, 4, 7}  # of ten


async def come(rig: Rig, user_id: str, service: str, token: str) -> None:
    """Let somebody come with a phone."""
    registration = {"service": service, "token": token}
    said: list[dict[str, Any]] = [
        {"type": "consent", "values": GRANTS},
        {"type": "address", "channel": "push", "registration": registration},
    ]
    at = moment(rig.clock.now_ms())
    body = {
        "v": 1,
        "device_id": f"d-{user_id}",
        "stream": "s",
        "sent_at": at,
        "who": {"anonymous_id": f"a-{user_id}", "user_id": user_id},
        "events": [
            {"seq": seq, "event_id": f"{user_id}-{seq}", "at": at, **each}
            for seq, each in enumerate(said, 1)
        ],
    }
    headers = rig.device_headers(f"d-{user_id}")
    response = await rig.client.post("/v1/batch", json=body, headers=headers)
    assert (await response.json())["verdicts"]["others"] == []


async def blast(rig: Rig, apns: Apns, fcm: Fcm, number: int) -> Counter[str]:
    """Tell everybody; give which tokens were called, how often."""
    apns.calls.clear()
    fcm.calls.clear()
    event = {"id": f"b-{number}", "name": "blast", "props": {}}
    told = await rig.client.post("/v1/external", json=event, headers=rig.operator)
    assert told.status == 200, await told.text()
    gateway = rig.gateway
    deliver = asyncio.create_task(gateway.deliver.run())

    async def is_quiet() -> bool:
        moved = await gateway.timers.step(), await gateway.pipeline.step()
        counts = await gateway.store.counts()
        waits = any(counts.get(state) for state in ("pending", "queued", "sending"))
        return not any(moved) and not waits

    await until_answered(is_quiet, SETTLE_S)
    deliver.cancel()
    await asyncio.gather(deliver, return_exceptions=True)
    return Counter(apns.calls + fcm.calls)


@pytest.mark.guarantee("R17")
@pytest.mark.feature("C03")
async def test_exactly_the_dead_tokens_go(tmp_path: Path) -> None:
    """Of a thousand."""
    now_s = NOON_MS // 1_000
    async with Apns(issue(tmp_path), lambda: now_s) as apns, Fcm(lambda: now_s) as fcm:
        channels = {
            name: ChannelSettings(driver=driver, settings=settings, per_second=100_000)
            for name, driver, settings in (
                ("push_apns", "apns", apns.settings),
                ("push_fcm", "fcm", fcm.settings),
            )
        }
        async with open_rig(tmp_path, channels=channels) as rig:
            await rig.apply(DOCUMENTS, OPEN_POLICY, fences=NOWHERE)
            phones = [
                ("apns", apns.register()) if number % 2 else ("fcm", fcm.register())
                for number in range(PERSONS)
            ]
            for first in range(0, PERSONS, AT_ONCE):
                some = enumerate(phones[first : first + AT_ONCE], first)
                await asyncio.gather(*(come(rig, f"u{n}", *each) for n, each in some))
            await rig.settle()
            dead = {token for n, (_, token) in enumerate(phones) if n % 10 in DEAD}
            apns.gone |= {each: rig.clock.now_ms() for each in dead}
            fcm.gone |= dead
            first_calls = await blast(rig, apns, fcm, 1)
            second_calls = await blast(rig, apns, fcm, 2)

    everybody = [token for _, token in phones]
    assert first_calls == Counter(everybody)
    assert second_calls == Counter(token for token in everybody if token not in dead)
    assert apns.violations == fcm.violations == []
