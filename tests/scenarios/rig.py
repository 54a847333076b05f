"""
The world of a story: a gateway with SQLite on a virtual clock, people, doubles of drivers.

Rule 1. Times are local to Europe/Monaco. What comes due by time happens at its own moment while
        time passes; uploads happen at once.
Rule 2. Walks are straight lines at 1.3 m/s with a fix every 15 s, exact, 10 m of accuracy; who
        stands sends one a minute.
Rule 3. Doubles accept at once and hold what they were asked to send, unless a story says what they
        answer. A device in front shows what is in its inbox, and says so two seconds later.
Rule 4. What a story expects of a person are lines: ``NAME CAMPAIGN[/STEP] SENT channel``,
        ``… WITHHELD reason``, ``… DEFERRED until``; ``told`` gives those since it was last asked.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp.test_utils import TestClient, TestServer
from msgspec import Struct

from fencepost_channels.driver import DriverIO, DriverSpec, Send
from fencepost_channels.errors import Outcome, Sent
from fencepost_channels.message import Channel, Outgoing
from fencepost_gateway.api.table import build
from fencepost_gateway.app import Gateway, open_gateway
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.credentials import KEYS_FILE
from fencepost_gateway.decide.calls import Call
from fencepost_gateway.decide.ids import person_id_of_user, person_id_of_visitor
from fencepost_gateway.decide.plan import Source
from fencepost_gateway.decide.retries import Tried
from fencepost_gateway.ports import RecordRow
from fencepost_gateway.workers.lanes import Lane
from fencepost_gateway.workers.page_asking import PageAnswer
from gateway.rig import make_settings
from scenarios.evidence import Evidence, gathering

MONACO = ZoneInfo("Europe/Monaco")
PAGE = 1000
WALK_MPS = 1.3
EVERY_S = 15.0
STAND_S = 60.0
SHOWN_AFTER_MS = 2_000
CROSSED_WITHIN_MS = 60_000
TOLD_WITHIN_MS = 120_000
EARTH_M = 6_371_008.8

Spot = tuple[float, float]

STUDIO_FONTVIEILLE: Spot = (43.729837, 7.416387)
STUDIO_GRIMALDI: Spot = (43.743108, 7.431319)
STORE: Spot = (43.741244, 7.428224)
QUARTER: Spot = (43.727600, 7.415500)
CLUBSHOP: Spot = (43.730235, 7.416883)
BAKERY: Spot = (43.730465, 7.417188)
A: Spot = (43.732760, 7.419328)
B: Spot = (43.729339, 7.415781)
C: Spot = (43.730862, 7.417773)
D: Spot = (43.728008, 7.418315)
E: Spot = (43.740733, 7.426036)

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
SEED = "the seed of the stories"


def ms(text: str, zone: ZoneInfo = MONACO) -> int:
    """Give a moment written as people write it: local to Monaco unless it has an offset."""
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return round(aware.timestamp() * 1000)


def text(at_ms: int | None) -> str:
    """Write a moment as people in Monaco read it."""
    if at_ms is None:
        return "never"
    moment = datetime.fromtimestamp(at_ms / 1000, MONACO).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds")


def wire(at_ms: int) -> str:
    """Write a moment as the wire does."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def metres(a: Spot, b: Spot) -> float:
    """Give the distance between two spots, by great circle."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(half))


class Reading(Struct, frozen=True):
    """One fix, when it is taken."""

    at_ms: int
    where: Spot
    accuracy_m: float = 10.0


def walk(start: Spot, end: Spot, at: str, mps: float = WALK_MPS) -> list[Reading]:
    """Walk from one spot to another (Rule 2); the last fix is taken there."""
    took_s = metres(start, end) / mps
    at_ms, found, passed_s = ms(at), [], 0.0
    while passed_s < took_s:
        share = passed_s / took_s
        lat = start[0] + (end[0] - start[0]) * share
        lon = start[1] + (end[1] - start[1]) * share
        found.append(Reading(at_ms + round(passed_s * 1000), (lat, lon)))
        passed_s += EVERY_S
    return [*found, Reading(at_ms + round(took_s * 1000), end)]


def stand(where: Spot, since: str | int, until: str) -> list[Reading]:
    """Stand somewhere: a fix a minute, up to a moment."""
    since_ms = ms(since) if isinstance(since, str) else since
    moments = range(since_ms, ms(until), round(STAND_S * 1000))
    return [Reading(at_ms, where) for at_ms in moments]


class World:
    """One gateway, its clock, and everybody in it."""

    def __init__(
        self, gateway: Gateway, client: Any, clock: ManualClock, folder: Path, evidence: Evidence
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.clock = clock
        self.folder = folder
        self.evidence = evidence
        self.names: dict[str, str] = {}
        self.sent: list[tuple[str, Outgoing]] = []
        self.answers: dict[str, Outcome] = {}
        self.phones: list[Phone] = []
        self.outside = Outside()
        self.cursor = 0
        self._lend_doubles()

    # ---- documents ------------------------------------------------------------------------

    @property
    def operator(self) -> dict[str, str]:
        """Headers of the operator."""
        return {"Authorization": f"Bearer {self.gateway.credentials.operator_key}"}

    async def publish(self, *paths: Path, but: Mapping[str, str] | None = None) -> None:
        """Publish documents, or folders of them; ``but`` says what stands for which words."""
        every = [each for path in paths for each in (sorted(path.glob("*")) or [path])]
        files = [{"path": each.name, "text": each.read_text("utf-8")} for each in every]
        for before, after in (but or {}).items():
            assert any(before in file["text"] for file in files), before
            files = [{**file, "text": file["text"].replace(before, after)} for file in files]
        await self.publish_texts(files)

    async def publish_texts(self, files: Sequence[Mapping[str, str]]) -> None:
        """Publish documents given as texts."""
        response = await self.client.post(
            "/v1/documents", json={"files": list(files)}, headers=self.operator
        )
        assert response.status == 200, await response.text()
        await self.settle()

    async def plan(self, files: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Ask what would change if these documents were published."""
        body = {"files": list(files), "dry_run": True}
        response = await self.client.post("/v1/documents", json=body, headers=self.operator)
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer

    async def tell_everybody(self, event_id: str, name: str, /, **props: Any) -> str:
        """Report something that happened outside; gives ``accepted`` or ``duplicate``."""
        body = {"id": event_id, "name": name, "props": props}
        response = await self.client.post("/v1/external", json=body, headers=self.operator)
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        await self.settle()
        return str(answer["status"])

    async def get(self, path: str) -> dict[str, Any]:
        """Ask the gateway as its operator does."""
        response = await self.client.get(path, headers=self.operator)
        assert response.status == 200, await response.text()
        found: dict[str, Any] = await response.json()
        return found

    async def control(self, campaign_id: str, action: str, **more: Any) -> dict[str, Any]:
        """Turn a switch of a journey, as its operator does."""
        path, body = f"/v1/journeys/{campaign_id}/control", {"action": action, **more}
        response = await self.client.post(path, json=body, headers=self.operator)
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        await self.settle()
        return answer

    async def start(self, campaign_id: str, user_id: str, key: str) -> None:
        """Let a server start something for somebody."""
        path, body = f"/v1/journeys/{campaign_id}/start", {"user_id": user_id, "key": key}
        response = await self.client.post(path, json=body, headers=self.operator)
        assert response.status == 200, await response.text()
        await self.settle()

    # ---- time -----------------------------------------------------------------------------

    async def at(self, moment: str | int) -> None:
        """Let time pass up to a moment; everything due before it happens at its own (Rule 1)."""
        until_ms = ms(moment) if isinstance(moment, str) else moment
        assert until_ms >= self.clock.now_ms(), f"{moment} is past"
        while True:
            due_ms = await self.gateway.store.next_due_ms()
            if due_ms is None or due_ms > until_ms:
                break
            self.clock.move_to(due_ms)
            await self.settle()
        self.clock.move_to(until_ms)
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can happen now."""
        gateway = self.gateway
        while True:
            while await gateway.pipeline.step():
                pass
            steps = gateway.timers.step, gateway.deliver.step, gateway.callers.step
            if not any([await step() for step in steps]):
                return

    # ---- people ---------------------------------------------------------------------------

    def phone(self, name: str, user_id: str | None = None, **more: Any) -> Phone:
        """Give somebody a device; ``user_id`` defaults to the name."""
        phone = Phone(self, name, user_id or name, **more)
        self.phones.append(phone)
        self.know(user_id or name)
        return phone

    def take_over(self, before: World) -> None:
        """Go on with the people, and with what the doubles hold, of a gateway that was stopped."""
        self.names, self.sent, self.answers = before.names, before.sent, before.answers
        self.phones, self.cursor = before.phones, before.cursor
        for phone in self.phones:
            phone.world = self

    def know(self, user_id: str) -> None:
        """Learn the name of a person, for what is told."""
        workspace = self.gateway.settings.workspace
        self.names[person_id_of_user(workspace, user_id)] = user_id

    def know_visitor(self, anonymous_id: str) -> None:
        """Learn the name of a visitor."""
        workspace = self.gateway.settings.workspace
        self.names[person_id_of_visitor(workspace, anonymous_id)] = anonymous_id

    def id_of(self, name: str) -> str:
        """Give the id of somebody who is known by name."""
        return next(person_id for person_id, known in self.names.items() if known == name)

    async def play(self, *tracks: tuple[Phone, Sequence[Reading]]) -> None:
        """Let people move, together, in order of time."""
        timeline = [
            (reading.at_ms, number, phone, reading)
            for number, (phone, readings) in enumerate(tracks)
            for reading in readings
        ]
        for at_ms, _, phone, reading in sorted(timeline, key=lambda one: one[:2]):
            await self.at(at_ms)
            await phone.fix(reading.where, reading.accuracy_m)

    # ---- what is on record ----------------------------------------------------------------

    async def records(self, after: int = 0) -> list[RecordRow]:
        """Give the records behind a cursor."""
        found: list[RecordRow] = []
        while rows := await self.gateway.store.records(after, PAGE):
            after = rows[-1].cursor
            found += rows
        return found

    async def news(self) -> list[RecordRow]:
        """Give the records since this, or ``told``, was last asked."""
        found = await self.records(self.cursor)
        self.cursor = found[-1].cursor if found else self.cursor
        return found

    async def told(self, *kinds: str) -> list[str]:
        """Say what was decided since it was last asked (Rule 4); ``kinds``: claims by default."""
        wanted = kinds or ("claim",)
        return list(self.lines(r for r in await self.news() if r.kind in wanted))

    def lines(self, rows: Iterator[RecordRow] | Sequence[RecordRow]) -> Iterator[str]:
        """Put records into lines."""
        for row in rows:
            name = self.names.get(row.person_id, row.person_id)
            yield f"{name} {_line(row)}"

    async def claims(self, name: str = "") -> list[RecordRow]:
        """Give the records of every claim, of one person if asked."""
        found = [r for r in await self.records() if r.kind == "claim"]
        return [r for r in found if name in ("", self.names.get(r.person_id))]

    # ---- doubles --------------------------------------------------------------------------

    def _lend_doubles(self) -> None:
        """Put a double in the place of every driver (Rule 3)."""
        for channel in Channel:
            self.gateway.deliver._lanes[channel] = self._double(channel)  # type: ignore[index] # noqa: SLF001 - lanes are wired at the start

    def _double(self, channel: Channel) -> Lane:
        async def send(message: Outgoing, address: object) -> Outcome:
            outcome = self.answers.get(str(address), Sent())
            self.evidence.calls += 1
            if isinstance(outcome, Sent):
                self.sent.append((channel.value, message))
            return outcome

        @asynccontextmanager
        async def connect(_settings: object, _io: DriverIO) -> AsyncIterator[Send]:
            yield send

        spec = DriverSpec(
            name=f"double of {channel.value}",
            channels=frozenset({channel}),
            parse_address=_plain_address,
            mask=lambda _raw: "•••",
            parse_settings=lambda raw: raw,
            connect=connect,
        )
        return Lane(spec, send, 1.0)

    def words(self) -> list[str]:
        """Give what the doubles hold, each as one text."""
        return [f"{channel}: {_words(message.content)}" for channel, message in self.sent]


class Outside:
    """Stands for the systems that journeys look values up in; ``says`` has the values by source."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {}
        self.asked: list[Call] = []
        self.gone: set[str] = set()

    async def make(self, call: Call, source: Source) -> Tried:
        """Answer a call."""
        self.asked.append(call)
        return Tried(value=self.says[source.source_id], status=200)

    async def page(self, url: str) -> PageAnswer:
        """Say that a page is there, unless it is gone."""
        return PageAnswer(404 if url in self.gone else 200)

    @asynccontextmanager
    async def open(self, *_: object) -> AsyncIterator[Outside]:
        """Stand in the place of the way there."""
        yield self


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


def _plain_address(raw: Mapping[str, Any]) -> str:
    found = raw.get("subscription", {}).get("endpoint") or raw.get("address") or raw
    return str(found)


def _words(content: object) -> str:
    members = getattr(content, "__slots__", None) or vars(content)
    return " | ".join(str(getattr(content, name)) for name in members if getattr(content, name))


def _line(row: RecordRow) -> str:
    body = row.body
    match row.kind:
        case "claim":
            where = "/".join(filter(None, (body["campaign_id"], body.get("step_id", ""))))
            return f"{where} {_verdict(body)}"
        case "step":
            parts = [body["campaign_id"], body["step_id"], body["outcome"]]
            parts.append(body["reason"] or body["way"])
            return " ".join(part for part in parts if part)
        case "transition":
            more = [name for name in ("initial", "superseded", "late") if body.get(name)]
            if body.get("active") is False:
                more.append("inactive")
            return " ".join([str(body["kind"]).upper(), body["fence_id"], *more])
        case "audience":
            return f"{body['on']} {body['audience_id']}"
        case _:
            return f"{row.kind} {body.get('state', '')}".strip()


def _verdict(body: Mapping[str, Any]) -> str:
    if body["outcome"] == "send":
        return f"SENT {body['channel']}"
    if body["outcome"] == "withheld":
        return f"WITHHELD {body['reason']}"
    refused = next(check for check in body["checks"] if not check["ok"])
    until_ms = refused["inputs"].get("next_ms") or body["retry_at_ms"]
    return f"DEFERRED {text(until_ms)}"


def check_crossing(row: RecordRow, kind: str, wanted: str) -> None:
    """Assert that a boundary was crossed within a minute of the truth, and soon on record."""
    assert row.body["kind"] == kind
    assert abs(row.body["crossed_at_ms"] - ms(wanted)) <= CROSSED_WITHIN_MS
    assert row.at_ms <= ms(wanted) + TOLD_WITHIN_MS


def check_of(row: RecordRow, gate: str) -> dict[str, Any]:
    """Give what a claim says of one gate, the last time it was asked."""
    found: dict[str, Any] = [c for c in row.body["checks"] if c["gate"] == gate][-1]
    return found


@asynccontextmanager
async def open_world(
    folder: Path, start: str | int, before: World | None = None, **settings: Any
) -> AsyncIterator[World]:
    """Open a gateway in ``folder`` whose clock begins at ``start``; it may go on from another."""
    _give_keys(folder / KEYS_FILE)
    clock = ManualClock(ms(start) if isinstance(start, str) else start)
    settings = {"workspace": "story"} | settings
    with gathering(before.evidence if before else None) as evidence:
        outside: Any = Outside()
        made = make_settings(folder, **settings)
        async with open_gateway(made, clock, outside.open) as gateway:
            evidence.watch(gateway)
            server = TestServer(build(gateway.surface))
            await server.start_server(auto_decompress=False)
            async with TestClient(server) as client:
                world = World(gateway, client, clock, folder, evidence)
                world.outside = outside
                if before is not None:
                    world.take_over(before)
                yield world


def _give_keys(path: Path) -> None:
    """Let every run of a story have the same seed, so that ids and draws are the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        named = {"write_key": "pk_story", "operator_key": "sk_story", "seed": SEED}
        path.write_text(json.dumps(named), "utf-8")
