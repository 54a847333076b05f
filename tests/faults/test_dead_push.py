"""
R17: dead push addresses go, live ones stay.

A crowd subscribes at the double of a push service, whose browsers decrypt what arrives. Nearly a
third of the subscriptions end, some answered 404 and some 410. One message to all, and exactly
those are removed; a second message calls none of them. A push service that refuses *us* (401, 403),
or the message (413), or asks for time (429), removes nobody.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from doubles.http_server import Reply
from doubles.push_service import PushService
from e2e.rig import until_answered
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import GRANTS, NOON_MS, OPEN_POLICY, Rig, moment, open_rig

DOCUMENTS = """
kind: campaign
id: blast
entry: {external: blast}
reentry: always
message: {template: hello, channels: [web_push]}
goal: none
---
kind: template
id: hello
purpose: marketing
web_push: {title: Luma, body: Hello}
"""
AT_ONCE = 100
HOUR_S = 3_600
SETTLE_S = 600.0
LOOPBACK = ChannelSettings(
    driver="web_push", settings={"allow_hosts": "127.0.0.1", "allow_http": "true"}
)


@dataclass(slots=True)
class Crowd:
    """Persons with a browser each, and the push service behind them."""

    rig: Rig
    service: PushService
    subscriptions: list[dict[str, Any]]
    blasts: int = 0

    async def blast(self) -> Counter[str]:
        """Tell everybody; give which subscriptions were called, how often."""
        self.blasts += 1
        self.service.asked.clear()
        event = {"id": f"b-{self.blasts}", "name": "blast", "props": {}}
        told = await self.rig.client.post("/v1/external", json=event, headers=self.rig.operator)
        assert told.status == 200, await told.text()
        await self.rig.settle() if len(self.subscriptions) < AT_ONCE else await self._at_once()
        return Counter(self.service.asked)

    async def _at_once(self) -> None:
        """Settle as a gateway does by itself: many calls at a time."""
        gateway = self.rig.gateway
        deliver = asyncio.create_task(gateway.deliver.run())

        async def is_quiet() -> bool:
            moved = await gateway.timers.step(), await gateway.pipeline.step()
            counts = await gateway.store.counts()
            self.rest(1)  # a lane takes so many calls a second, by this clock
            return not any(moved) and not any(
                counts.get(state) for state in ("pending", "queued", "sending")
            )

        await until_answered(is_quiet, SETTLE_S)
        deliver.cancel()
        await asyncio.gather(deliver, return_exceptions=True)

    def rest(self, for_s: int) -> None:
        """Let time pass."""
        self.rig.clock.move_to(self.rig.clock.now_ms() + for_s * 1_000)

    def names(self, subscriptions: list[dict[str, Any]]) -> Counter[str]:
        """Give the subscriptions as the push service names them, each once."""
        return Counter(str(each["endpoint"]).rpartition("/")[2] for each in subscriptions)


@asynccontextmanager
async def crowd(folder: Path, persons: int) -> AsyncIterator[Crowd]:
    """Let so many subscribe."""
    channels = {"web_push": LOOPBACK}
    async with (
        PushService(lambda: NOON_MS // 1_000) as service,
        open_rig(folder, channels=channels) as rig,
    ):
        nowhere = {"type": "FeatureCollection", "features": []}
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=nowhere)
        found = Crowd(rig, service, [service.subscribe() for _ in range(persons)])
        for first in range(0, persons, AT_ONCE):
            some = enumerate(found.subscriptions[first : first + AT_ONCE], first)
            await asyncio.gather(*(_come(rig, f"u{number}", each) for number, each in some))
        await rig.settle()
        yield found


async def _come(rig: Rig, user_id: str, subscription: dict[str, Any]) -> None:
    said = [
        {"type": "consent", "values": GRANTS},
        {"type": "address", "channel": "web_push", "subscription": subscription},
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
    response = await rig.client.post("/v1/batch", data=json.dumps(body).encode(), headers=headers)
    assert (await response.json())["verdicts"]["others"] == []


async def dead_go_and_live_stay(folder: Path, persons: int) -> None:
    """Judge R17 for a crowd."""
    async with crowd(folder, persons) as found:
        gone = [each for n, each in enumerate(found.subscriptions) if n % 10 in {1, 4, 7}]
        live = [each for n, each in enumerate(found.subscriptions) if n % 10 not in {1, 4, 7}]
        for number, each in enumerate(gone):
            found.service.unsubscribe(each, 404 if number % 2 else 410)

        first, second = await found.blast(), await found.blast()
        rows = await found.rig.gateway.store.records(0, 10 * persons)
        outcomes = Counter(
            (row.body["state"], row.body["reason"]) for row in rows if row.kind == "outcome"
        )
        withheld = sum(row.body.get("reason") == "no_address" for row in rows)

    assert first == found.names(found.subscriptions)
    assert second == found.names(live)
    assert withheld == len(gone)
    assert outcomes == {("sent", ""): 2 * len(live), ("failed", "gone"): len(gone)}
    assert found.service.violations == []


@pytest.mark.guarantee("R17")
async def test_dead_subscription_is_called_no_more(tmp_path: Path) -> None:
    """Of ten, one call after the other."""
    await dead_go_and_live_stay(tmp_path, 10)


@pytest.mark.guarantee("R17")
@pytest.mark.feature("C04")
async def test_exactly_the_dead_subscriptions_go(tmp_path: Path) -> None:
    """Of a thousand."""
    await dead_go_and_live_stay(tmp_path, 1_000)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.guarantee("R17")
async def test_exactly_the_dead_subscriptions_of_many_go(tmp_path: Path) -> None:
    """Of ten thousand."""
    await dead_go_and_live_stay(tmp_path, 10_000)


@pytest.mark.guarantee("R17")
@pytest.mark.parametrize("status", [400, 401, 403, 413, 500])
async def test_answer_about_us_removes_nobody(tmp_path: Path, status: int) -> None:
    """Our keys, our message or their trouble: the subscription is as good as before."""
    async with crowd(tmp_path, 5) as found:
        found.service.server.always = Reply(status)
        first = await found.blast()
        found.service.server.always = None
        found.rest(HOUR_S)  # a lane that failed so often pauses
        second = await found.blast()

    assert first  # a lane whose keys are refused stops at once; the rest waits for the second
    assert set(second) == set(found.names(found.subscriptions))


@pytest.mark.guarantee("R17")
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_push_service_that_asks_for_time_gets_it(tmp_path: Path, form: str) -> None:
    """Not a call before the moment it names, as seconds or as a date; then the same delivery."""
    async with crowd(tmp_path, 1) as found:
        clock = found.rig.clock
        at_s = clock.now_ms() // 1_000 + 120
        date = format_datetime(datetime.fromtimestamp(at_s, UTC), usegmt=True)
        script = found.service.server.script
        script.append(Reply(429, {"Retry-After": "120" if form == "seconds" else date}))
        await found.blast()
        calls = [len(found.service.asked)]
        for after_s in (119, 1_000):
            clock.move_to(at_s * 1_000 - 120_000 + after_s * 1_000)
            await found.rig.settle()
            calls.append(len(found.service.asked))

    assert calls == [1, 1, 2]
    assert len(found.service.received) == 1
