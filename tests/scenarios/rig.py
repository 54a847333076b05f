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
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

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
from scenarios.phone import Phone
from scenarios.telling import line, words
from scenarios.ways import Reading, ms

PAGE = 1000
SEED = "the seed of the stories"


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

    async def try_out(self, files: Sequence[Mapping[str, str]]) -> None:
        """Put documents on trial for the test persons."""
        response = await self.client.post(
            "/v1/trial", json={"files": list(files)}, headers=self.operator
        )
        assert response.status == 200, await response.text()
        await self.settle()

    async def end_trial(self) -> None:
        """End the trial."""
        response = await self.client.delete("/v1/trial", headers=self.operator)
        assert response.status == 200, await response.text()
        await self.settle()

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
            workers = gateway.timers, gateway.deliver, gateway.callers, gateway.trials
            if not any([await worker.step() for worker in workers]):
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
            yield f"{name} {line(row)}"

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
        return [f"{channel}: {words(message.content)}" for channel, message in self.sent]


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


def _plain_address(raw: Mapping[str, Any]) -> str:
    found = raw.get("subscription", {}).get("endpoint") or raw.get("address") or raw
    return str(found)


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
