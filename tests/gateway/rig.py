"""A gateway in the test's own process: real store, real surface, loops stepped by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from fencepost_gateway.api.table import build
from fencepost_gateway.app import Gateway, Outside, open_gateway
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.settings import ChannelSettings, Settings

NOON_MS = 1_780_315_200_000  # 2026-06-01T12:00:00Z, a Monday
DEVICE = "dev-1"
SECRET = "s3cret"

GRANTS = {
    "collect": "CT",
    "marketing": "y",
    "location_collect": "y",
    "location_precise": "y",
    "location_marketing": "y",
}

FENCES: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "studio",
            "geometry": {"type": "Point", "coordinates": [7.42, 43.73]},
            "properties": {
                "name": "Studio",
                "radius_m": 60,
                "tags": ["studio"],
                "dwell_after": "5m",
                "place": {"name": "Yoga Loft", "meta": {"next_class": "10:00"}},
            },
        }
    ],
}
INSIDE = (43.73, 7.42)
OUTSIDE = (43.74, 7.42)

DOCUMENTS = """
kind: campaign
id: greeting
entry: {transition: enter, fence: {tag: studio}}
reentry: always
message: {template: greet, channels: [in_app]}
goal: none
---
kind: template
id: greet
purpose: marketing
in_app: {title: Hello, body: "{{ place.name }} has a class at {{ place.meta.next_class }}."}
sms: {text: "{{ place.name }} has a class."}
email: {subject: "{{ place.name }}", text: "A class at {{ place.meta.next_class }}."}
"""
OPEN_POLICY = """
kind: policy
id: default
accepts: {transactional: [y, CT, CP], collect: [y, CT], "*": [y]}
defaults: {transactional: CT}
quiet_hours: none
"""


def moment(at_ms: int) -> str:
    """Write a moment as the wire does."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


class Rig:
    """A gateway under test and one device that talks to it."""

    def __init__(self, gateway: Gateway, client: Any, clock: ManualClock) -> None:
        self.gateway = gateway
        self.client = client
        self.clock = clock
        self.seq = 0

    @property
    def operator(self) -> dict[str, str]:
        """Headers of the operator."""
        return {"Authorization": f"Bearer {self.gateway.credentials.operator_key}"}

    def device_headers(self, device: str = DEVICE, secret: str = SECRET) -> dict[str, str]:
        """Headers of a device."""
        return {
            "Authorization": f"Bearer {self.gateway.credentials.write_key}",
            "Fencepost-Device": f"{device}.{secret}",
        }

    def batch(self, *events: dict[str, Any], user_id: str | None = "u1") -> dict[str, Any]:
        """Make the body of a batch; events get the next seqs."""
        numbered = []
        for event in events:
            self.seq += 1
            numbered.append(
                {
                    "seq": self.seq,
                    "event_id": f"e-{self.seq}",
                    "at": moment(self.clock.now_ms()),
                    **event,
                }
            )
        return {
            "v": 1,
            "device_id": DEVICE,
            "stream": "s",
            "sent_at": moment(self.clock.now_ms()),
            "who": {"anonymous_id": "a1", "user_id": user_id},
            "context": {"zone": "Europe/Monaco", "locale": "en"},
            "events": numbered,
        }

    async def post(self, body: Any, **headers: str) -> ClientResponse:
        """Post to /v1/batch as the device."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = self.device_headers() | headers
        response: ClientResponse = await self.client.post("/v1/batch", data=data, headers=sent)
        return response

    async def send(self, *events: dict[str, Any], user_id: str | None = "u1") -> dict[str, Any]:
        """Send events; gives the answer, which must be 200."""
        response = await self.post(self.batch(*events, user_id=user_id))
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer

    async def fix(self, where: tuple[float, float], after_s: float = 15) -> dict[str, Any]:
        """Let time pass and send one precise fix."""
        self.clock.move_to(self.clock.now_ms() + round(after_s * 1000))
        lat, lon = where
        return await self.send({"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5})

    async def consent(self, values: dict[str, str] | None = None, **more: str) -> dict[str, Any]:
        """State consent; everything by default."""
        return await self.send({"type": "consent", "values": values or GRANTS, **more})

    async def apply(self, *texts: str, fences: Any = FENCES) -> dict[str, Any]:
        """Publish documents; gives the answer, which must be 200."""
        files = [{"path": f"d{i}.yaml", "text": text} for i, text in enumerate(texts)]
        files.append({"path": "fences.geojson", "text": json.dumps(fences)})
        response = await self.client.post(
            "/v1/documents", json={"files": files}, headers=self.operator
        )
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        await self.settle()
        return answer

    async def settle(self) -> None:
        """Let timers, pipeline and deliver work until nothing is left to do now."""
        while True:
            fired = await self.gateway.timers.step()
            folded = await self.gateway.pipeline.step()
            sent = await self.gateway.deliver.step()
            tried = await self.gateway.trials.step()
            called = await self.gateway.callers.step()
            if not (fired or folded or sent or tried or called):
                return

    async def walk_in(self) -> None:
        """Walk from outside into the studio, and let everything happen."""
        for where in (OUTSIDE,) * 3 + (INSIDE,) * 3:  # a leap takes some to be believed
            await self.fix(where)
        await self.settle()

    async def records(self, kind: str = "") -> list[dict[str, Any]]:
        """Give the decision records, of one kind if asked."""
        response = await self.client.get("/v1/decisions", headers=self.operator)
        found: Sequence[dict[str, Any]] = (await response.json())["records"]
        return [r for r in found if not kind or r["kind"] == kind]

    async def claims(self) -> list[tuple[str, str]]:
        """Give outcome and reason of every claim, in order."""
        return [(r["body"]["outcome"], r["body"]["reason"]) for r in await self.records("claim")]

    async def inbox(self) -> list[dict[str, Any]]:
        """Give the device's in-app messages."""
        response = await self.client.get("/v1/messages", headers=self.device_headers())
        messages: list[dict[str, Any]] = (await response.json())["messages"]
        return messages


def make_settings(folder: Path, **more: Any) -> Settings:
    """Make settings of a gateway that captures what it would send."""
    captured = ChannelSettings(driver="capture", settings={"path": str(folder / "out.jsonl")})
    channels = {"sms": captured, "email": captured} | more.pop("channels", {})
    defaults: dict[str, Any] = {"min_ack_level": "memory", "environment": "test"}
    defaults["public_url"] = "https://edge.example.com"
    defaults["channels"] = channels
    defaults["check_links"] = False  # nobody is asked but where a test says so
    return Settings(data_dir=folder, **(defaults | more))


@asynccontextmanager
async def open_rig(
    folder: Path, start_ms: int = NOON_MS, outside: Outside | None = None, **settings: Any
) -> AsyncIterator[Rig]:
    """Open a gateway in ``folder`` with a clock that stands until it is moved."""
    clock = ManualClock(start_ms)
    async with open_gateway(make_settings(folder, **settings), clock, outside) as gateway:
        server = TestServer(build(gateway.surface))
        await server.start_server(auto_decompress=False)  # as app.serve does
        async with TestClient(server) as client:
            yield Rig(gateway, client, clock)


def captured(folder: Path) -> list[dict[str, Any]]:
    """Give what the capture driver wrote."""
    path = folder / "out.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
