"""Devices: clients that speak the wire protocol without an SDK, many at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp

from e2e.clock import now_ms
from e2e.rig import POLL_S, Gateway
from gateway.batches import moment

ALLOWED = {"collect": "CT", "marketing": "y", "personalisation": "y"}


@dataclass(slots=True)
class Device:
    """One installation; ``seq`` counts what it has sent."""

    gateway: Gateway
    device_id: str
    user_id: str
    seq: int = 0
    zone: str = ""

    async def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Send events in one batch; give the answer, every event accepted."""
        status, answer = await self.attempt(*events)
        assert status == 200, answer
        assert answer["verdicts"]["others"] == [], answer
        return answer

    async def attempt(self, *events: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Send one batch once; give status and answer, whatever they are."""
        return await self.gateway.batch(self.device_id, self._batch(events))

    async def insist(self, *events: dict[str, Any]) -> None:
        """Send one batch until it is answered, as an app does whose gateway comes and goes."""
        body = self._batch(events)
        while True:
            try:
                status, answer = await self.gateway.batch(self.device_id, body)
            except (aiohttp.ClientError, ConnectionError):
                status, answer = 503, {}
            if status == 200:
                assert {v["verdict"] for v in answer["verdicts"]["others"]} <= {"duplicate"}, answer
                return
            assert status == 503, answer
            await asyncio.sleep(POLL_S)  # the gateway is being started again

    def _batch(self, events: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        at = moment(now_ms())
        numbered = []
        for event in events:
            self.seq += 1
            head = {"seq": self.seq, "event_id": f"{self.device_id}-{self.seq}", "at": at}
            numbered.append({**head, **event})
        return {
            "v": 1,
            "device_id": self.device_id,
            "stream": "s",
            "sent_at": at,
            "who": {"anonymous_id": self.device_id, "user_id": self.user_id},
            "events": numbered,
            "context": {"zone": self.zone},
        }

    async def settle(self, number: str) -> None:
        """Allow marketing that is about them, and give a number."""
        await self.send(consent(ALLOWED), {"type": "address", "channel": "sms", "address": number})


def consent(values: dict[str, str]) -> dict[str, Any]:
    """Write a statement."""
    return {"type": "consent", "values": values, "method": "toggle"}


def bought(number: int) -> dict[str, Any]:
    """Write the event that wants one message, numbered."""
    return {"type": "track", "name": "bought", "props": {"n": number}}
