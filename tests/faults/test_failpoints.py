"""
R12, the matrix: a gateway dies at each failpoint of sending and reconciling, on each channel.

One message of each purpose at each point; then the gateway is started again without failpoints
and left alone until every message has come to its end.

Pass lines, by the provider's own ledger (in-app: by the inbox):

1. Marketing was taken once at most, wherever the gateway died.
2. What is transactional was taken, and more than once only where the gateway died after the
   provider had taken it and before that was written; under the same key.
3. In-app is never unknown and never there twice.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections import Counter
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from e2e.rig import (
    START_S,
    Gateway,
    Receivers,
    gateway,
    receivers,
    start_serving,
    until,
    write_settings,
)
from faults.checker import read_house
from faults.devices import ALLOWED, Device, consent
from faults.laws import conserved
from fencepost_gateway.failpoints import RECONCILE, SEND
from gateway.rig import OPEN_POLICY

AT_THE_SOCKET = ("send.before_connect", "send.after_connect", "send.mid_body")
TAKEN_UNWRITTEN = {"send.after_accept_before_confirm", "send.before_confirm_commit"}
BY_HTTP = SEND
BESIDE = tuple(point for point in SEND if point not in AT_THE_SOCKET)
POINTS = {"in_app": BESIDE, "sms": BY_HTTP, "web_push": BY_HTTP, "email": BESIDE}
ON_THE_WAY = """
SELECT (SELECT count(*) FROM message WHERE state IN ('queued', 'deferred', 'sending'))
  + (SELECT coalesce(max(position), 0) FROM log)
  - (SELECT value FROM fact WHERE name = 'position')
"""
PURPOSES = ("marketing", "transactional")
DOCUMENT = """
kind: campaign
id: {purpose}
entry: {{event: asked_{purpose}}}
reentry: always
message: {{template: {purpose}, channels: [{channel}]}}
goal: none
---
kind: template
id: {purpose}
purpose: {purpose}
in_app: {{title: Hello, body: "n={{{{ event.n }}}}."}}
web_push: {{title: Hello, body: "n={{{{ event.n }}}}."}}
sms: {{text: "n={{{{ event.n }}}}."}}
email: {{subject: "n={{{{ event.n }}}}.", text: Hello}}
"""


@dataclass(slots=True)
class Play:
    """One channel's gateway, whoever uses it, and what was wanted at which point."""

    folder: Path
    channel: str
    there: Receivers
    seq: int = 0
    wanted: dict[int, tuple[str, str]] = field(default_factory=dict)  # number -> point, purpose
    deaths: int = 0

    def settings(self, failpoint: str) -> dict[str, Any]:
        """Give the settings of a gateway that dies at a point, or of one that does not."""
        armed = {"failpoint": f"{failpoint}:crash:1:0"} if failpoint else {}
        return {"environment": "test", "public_url": "https://edge.example.com", **armed}

    def running(self, failpoint: str = "") -> AbstractAsyncContextManager[Gateway]:
        """Run the gateway until the block ends."""
        return gateway(self.folder, self.there.channels(), **self.settings(failpoint))

    def device(self, running: Gateway) -> Device:
        """Give the one installation there is."""
        return Device(running, "device-1", "user-1", self.seq)

    async def begin(self) -> None:
        """Publish, and let somebody be reachable and willing."""
        texts = [DOCUMENT.format(purpose=p, channel=self.channel) for p in PURPOSES]
        async with self.running() as running:
            applied = await running.apply("live", {"d.yaml": "---".join([*texts, OPEN_POLICY])})
            assert applied.code == 0, applied.err
            device, given = self.device(running), [consent(ALLOWED)]
            address = {"sms": "+15550100100", "email": "someone@example.com"}.get(self.channel)
            if address is not None:
                given.append({"type": "address", "channel": self.channel, "address": address})
            if self.channel == "web_push":
                mine = self.there.push.subscribe()
                given.append({"type": "address", "channel": "web_push", "subscription": mine})
            await device.send(*given)
            self.seq = device.seq

    async def want(self, point: str, purpose: str) -> None:
        """Want one message of a gateway that dies at a point on the way."""
        number = len(self.wanted)
        self.wanted[number] = point, purpose
        on_the_way = "send.after_claim_commit" if point in RECONCILE else point
        async with self.running(on_the_way) as running:
            device = self.device(running)
            await device.send({"type": "track", "name": f"asked_{purpose}", "props": {"n": number}})
            self.seq = device.seq
            async with asyncio.timeout(START_S):
                assert await running.process.wait() == -signal.SIGKILL, point
        self.deaths += 1
        if point in RECONCILE:
            await self.die_at_the_start(point)

    async def die_at_the_start(self, point: str) -> None:
        """Start a gateway that dies of the leases that it finds."""
        write_settings(self.folder, self.there.channels(), **self.settings(point))
        process = await start_serving(self.folder)
        async with asyncio.timeout(START_S):
            assert await process.wait() == -signal.SIGKILL, point
        self.deaths += 1

    async def rest(self) -> None:
        """Run the gateway until every message has come to its end."""
        async with self.running():
            await until(lambda: not self.on_the_way(), START_S)

    def on_the_way(self) -> int:
        """Count the messages that have not come to their end, and the records not folded."""
        path = self.folder / "data" / "fencepost.db"
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        (found,) = db.execute(ON_THE_WAY).fetchone()
        db.close()
        return int(found)

    def taken(self) -> Counter[int]:
        """Count how often each message was taken, by the provider's ledger or the inbox."""
        if self.channel == "sms":
            texts = [each.body for each in self.there.sms.received]
        elif self.channel == "web_push":
            texts = [str(each.payload) for each in self.there.push.received]
        elif self.channel == "email":
            texts = [str(each.message["Subject"]) for each in self.there.mta.received]
        else:
            db = sqlite3.connect(self.folder / "data" / "fencepost.db")
            texts = [str(body) for (body,) in db.execute("SELECT content FROM inbox")]
            db.close()
        return Counter(int(text.partition("n=")[2].partition(".")[0]) for text in texts)


@pytest.mark.guarantee("R12")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "channel",
    [
        "in_app",
        "sms",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("web_push", "email")),
    ],
)
async def test_marketing_never_doubles_wherever_the_gateway_dies(
    tmp_path: Path, channel: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two messages for each point, one of each purpose; each is taken as often as it may be."""
    async with receivers() as there:
        play = Play(tmp_path, channel, there)
        await play.begin()
        for point in (*POINTS[channel], *RECONCILE):
            for purpose in PURPOSES:
                await play.want(point, purpose)
            await play.rest()
        taken = play.taken()
    house = read_house(tmp_path / "data")
    twice = {play.wanted[n]: times for n, times in taken.items() if times > 1}
    with capsys.disabled():
        print(  # noqa: T201 - the row's one line
            f"\nR12 channel={channel} messages={len(play.wanted)} kills={play.deaths} "
            f"taken={sum(taken.values())} twice={len(twice)} "
            f"states={dict(Counter(house.messages.values()))}"
        )

    assert {purpose for _, purpose in twice} <= {"transactional"}
    assert {point for point, _ in twice} <= (TAKEN_UNWRITTEN if channel != "in_app" else set())
    lost = [play.wanted[n] for n in play.wanted if not taken[n]]
    assert {purpose for _, purpose in lost} <= {"marketing"}
    assert conserved(house) == {}
