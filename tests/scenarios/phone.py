"""Phone: a device of somebody in a story, and what it tells the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scenarios.ways import Spot, wire

if TYPE_CHECKING:
    from scenarios.rig import World

SHOWN_AFTER_MS = 2_000
GRANTED = {
    "collect": "y",
    "profiling": "y",
    "personalisation": "y",
    "marketing": "y",
    "location_collect": "y",
    "location_background": "y",
    "location_precise": "y",
    "location_marketing": "y",
}


class Phone:
    """A device and whom it speaks for."""

    def __init__(
        self,
        world: World,
        name: str,
        user_id: str | None,
        *,
        zone: str = "Europe/Monaco",
        locale: str = "en",
        anonymous_id: str = "",
    ) -> None:
        self.world = world
        self.name = name
        self.user_id = user_id
        self.zone = zone
        self.locale = locale
        self.anonymous_id = anonymous_id or f"{name}-visitor"
        self.seq = 0
        self.kept: list[dict[str, Any]] = []
        self.uploaded: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.seen = 0
        self.is_offline = False

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the device."""
        key = self.world.gateway.credentials.write_key
        return {
            "Authorization": f"Bearer {key}",
            "Fencepost-Device": f"{self.name}-phone.secret of {self.name}",
        }

    async def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Send events that happen now; offline they are kept until ``online``."""
        now_ms = self.world.clock.now_ms()
        for event in events:
            self.seq += 1
            head = {"seq": self.seq, "event_id": f"{self.name}-{self.seq}", "at": wire(now_ms)}
            self.kept.append({**head, **event})
        return {} if self.is_offline else await self.upload(self.kept)

    async def upload(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Upload numbered events; gives the answer, which must be 200."""
        body = {
            "v": 1,
            "device_id": f"{self.name}-phone",
            "stream": "s",
            "sent_at": wire(self.world.clock.now_ms()),
            "who": {"anonymous_id": self.anonymous_id, "user_id": self.user_id},
            "context": {"zone": self.zone, "locale": self.locale},
            "events": list(events),
        }
        response = await self.world.client.post("/v1/batch", json=body, headers=self.headers)
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        self.answers.append(answer)
        self.uploaded += self.kept
        self.kept = []
        await self.world.settle()
        return answer

    async def online(self) -> dict[str, Any]:
        """Come back, and upload what was kept."""
        self.is_offline = False
        return await self.upload(self.kept)

    async def track(self, event: str, /, **props: Any) -> dict[str, Any]:
        """Report an app event."""
        return await self.send({"type": "track", "name": event, "props": props})

    async def set(self, **traits: Any) -> dict[str, Any]:
        """Set attributes of the person."""
        return await self.send({"type": "set", "traits": traits})

    async def agree(self, channel: str | None = None, **values: str) -> dict[str, Any]:
        """State consent: everything by default."""
        said: dict[str, Any] = {"type": "consent", "values": values or GRANTED}
        return await self.send(said | ({"channel": channel} if channel else {}))

    async def reach(self, *channels: str, **raw: str) -> None:
        """Let channels reach the person; ``raw`` says where."""
        for channel in channels:
            if channel == "web_push":
                endpoint = f"https://push.example.com/{self.name}"
                where: dict[str, Any] = {"subscription": {"endpoint": endpoint}}
            elif channel == "sms":
                where = {"address": raw.get("sms", f"+3774100{_number(self.name):04d}")}
            else:
                where = {"address": f"{self.name}@example.com"}
            await self.send({"type": "address", "channel": channel, **where})

    async def fix(self, where: Spot, accuracy_m: float = 10.0) -> dict[str, Any]:
        """Report where the device is."""
        lat, lon = where
        return await self.send({"type": "fix", "lat": lat, "lon": lon, "accuracy_m": accuracy_m})

    async def look(self) -> list[dict[str, Any]]:
        """Show what is new in the inbox, and say so two seconds later (Rule 3)."""
        response = await self.world.client.get("/v1/messages", headers=self.headers)
        found = (await response.json())["messages"][self.seen :]
        self.seen += len(found)
        if found:
            await self.world.at(self.world.clock.now_ms() + SHOWN_AFTER_MS)
        for message in found:
            delivery_id = message["delivery_id"]
            await self.send({"type": "receipt", "delivery_id": delivery_id, "status": "received"})
            await self.react(delivery_id, "displayed")
        return list(found)

    async def react(self, delivery_id: str, action: str) -> None:
        """Report what the person did with a message."""
        await self.send({"type": "engagement", "delivery_id": delivery_id, "action": action})


def _number(name: str) -> int:
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(name)) % 10_000
