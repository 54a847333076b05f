"""Messages inside the app at the door of the gateway: layouts, changes, and the stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from jsonschema import Draft202012Validator

from fencepost_gateway.api.inbox import DESK
from gateway.rig import OPEN_POLICY, OUTSIDE, Rig, open_rig

STREAM = "/v1/messages/stream"
SCHEMA = json.loads(
    (Path(__file__).resolve().parents[3] / "sdk/wire/v1.schema.json").read_text("utf-8")
)
ANSWER = Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/messages_answer"})


def documents(in_app: str, entry: str = "{transition: enter, fence: {tag: studio}}") -> str:
    """Write a campaign that shows ``in_app`` on the entry."""
    return f"""
kind: campaign
id: greeting
entry: {entry}
reentry: always
message: {{template: greet, channels: [in_app]}}
goal: none
---
kind: template
id: greet
purpose: marketing
in_app: {in_app}
"""


CARD = documents(
    '{layout: card, title: Loft, body: "Next class at {{ place.meta.next_class }}", pinned: true,'
    " while_inside: true, expires: 12h, buttons: [{id: book, text: Book, link: /book}, {text: No}],"
    ' image: "https://img.example/{{ place.meta.next_class }}.png"}'
)
GREET = documents("{layout: modal, title: Hello, body: Come in}")
EVENT = documents("{title: Hello, body: Come in, show: {times: 3, per: 24h}}", "{event: asked}")


class Stream:
    """Reads server-sent events as a browser would."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def next(self) -> dict[str, str]:
        """Give the next block: fields by name, a comment under the empty one."""
        block: dict[str, str] = {}
        async with asyncio.timeout(10):
            while line := (await self.response.content.readline()).decode():
                if not line.strip():
                    return block
                name, _, value = line.rstrip("\n").partition(": ")
                block[name.rstrip(":")] = value
        return block

    async def event(self) -> tuple[str, dict[str, Any]]:
        """Give name and data of the next event."""
        while True:
            block = await self.next()
            assert block, "the stream has ended"
            if "event" in block:
                return block["event"], json.loads(block["data"])


@asynccontextmanager
async def stream(rig: Rig, after: str = "", **headers: str) -> AsyncIterator[Stream]:
    """Open a stream; its first block, how soon to come again, is read."""
    sent = rig.device_headers() | headers
    async with rig.client.get(f"{STREAM}?after={after}", headers=sent) as response:
        assert response.status == 200, await response.text()
        opened = Stream(response)
        assert "retry" in await opened.next()
        yield opened


async def ask(rig: Rig, after: str = "") -> dict[str, Any]:
    """Ask for the messages behind a cursor."""
    path = f"/v1/messages?after={after}"
    response = await rig.client.get(path, headers=rig.device_headers())
    answer: dict[str, Any] = await response.json()
    ANSWER.validate(answer)
    return answer


@pytest.mark.feature("C02")
async def test_card_leaves_with_its_person(tmp_path: Path) -> None:
    """A card that is there while inside is gone after EXIT, for whoever has seen it."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(CARD, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        answer = await ask(rig)
        (card,) = answer["cards"]
        for _ in range(4):
            await rig.fix(OUTSIDE, 60)
        await rig.settle()
        later = await ask(rig, answer["cursor"])

        assert (answer["messages"], answer["retracted"]) == ([], [])
        assert card.pop("show_until").endswith("Z")
        assert card == {
            "message_id": card["message_id"],
            "delivery_id": card["delivery_id"],
            "kind": "card",
            "layout": "card",
            "priority": 50,
            "read": False,
            "pinned": True,
            "content": {
                "title": "Loft",
                "body": "Next class at 10:00",
                "image": "https://img.example/10:00.png",
                "buttons": [
                    {"id": "book", "text": "Book", "link": "/book"},
                    {"id": "2", "text": "No", "link": ""},
                ],
            },
            "while": {"inside": "studio"},
        }
        assert (later["cards"], later["retracted"]) == ([], [card["delivery_id"]])
        assert (await ask(rig))["cards"] == []


async def test_card_of_a_place_needs_one(tmp_path: Path) -> None:
    """Woken by an event, somewhere else: there is no place it could hang on."""
    placeless = documents("{body: Here, while_inside: true}", "{event: asked}")
    async with open_rig(tmp_path) as rig:
        await rig.apply(placeless, OPEN_POLICY)
        await rig.consent()
        await rig.send({"type": "track", "name": "asked"})
        await rig.settle()

        assert await rig.claims() == [("withheld", "render_failed")]


async def test_message_says_how_often_it_is_shown(tmp_path: Path) -> None:
    """The device counts; what was displayed comes again as read, and closing it does not end it."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(EVENT, OPEN_POLICY)
        await rig.consent()
        await rig.send({"type": "track", "name": "asked"})
        await rig.settle()
        answer = await ask(rig)
        (message,) = answer["messages"]
        about = {"type": "engagement", "delivery_id": message["delivery_id"]}
        await rig.send(about | {"action": "displayed"})
        await rig.settle()
        displayed = await ask(rig, answer["cursor"])
        await rig.send(about | {"action": "dismissed"})
        await rig.settle()
        closed = await ask(rig, displayed["cursor"])

        assert message["show"] == {"frequency": "times", "times": 3, "per_s": 86_400}
        assert [m["read"] for m in (message, *displayed["messages"])] == [False, True]
        assert (closed["messages"], closed["retracted"]) == ([], [])


@pytest.mark.feature("C01")
async def test_stream_tells_at_once_what_changes(tmp_path: Path) -> None:
    """Messages as they are put before their person, and that they are gone; ids are cursors."""
    async with open_rig(tmp_path) as rig:
        rig.client.app[DESK].ping_s = 3600
        await rig.apply(GREET, OPEN_POLICY)
        await rig.consent()
        async with stream(rig) as opened:
            await rig.walk_in()
            block = await opened.next()
            message = json.loads(block["data"])
            seen = {"type": "engagement", "delivery_id": message["delivery_id"]}
            await rig.send(seen | {"action": "displayed"})
            await rig.settle()
            gone = await opened.event()

        assert (block["event"], message["layout"]) == ("message", "modal")
        assert gone == ("retract", {"delivery_id": message["delivery_id"]})
        assert opened.response.headers["X-Accel-Buffering"] == "no"
        assert opened.response.content_type == "text/event-stream"
        async with stream(rig, **{"Last-Event-ID": block["id"]}) as again:
            assert await again.event() == gone


async def test_stream_pings_and_ends_for_a_newer_one(tmp_path: Path) -> None:
    """Proxies see that it lives; a device has one, and its place is free after."""
    async with open_rig(tmp_path) as rig:
        desk = rig.client.app[DESK]
        desk.ping_s = 0.02
        await rig.consent()
        async with stream(rig) as older:
            ping = await older.next()
            async with stream(rig) as newer:
                while await older.next():
                    pass
                count = len(desk.open)
                alive = await newer.next()

        assert ping == alive == {"": "ping"}
        assert count == 1


async def test_streams_are_bounded(tmp_path: Path) -> None:
    """One more device than may is refused, told when to come again, and asks as before."""
    async with open_rig(tmp_path) as rig:
        rig.client.app[DESK].most = 0
        await rig.consent()
        response = await rig.client.get(STREAM, headers=rig.device_headers())

        assert (response.status, (await response.json())["code"]) == (503, "too_many_streams")
        assert int(response.headers["Retry-After"]) > 0
        assert (await ask(rig))["cursor"] == "0"


async def test_stream_ends_when_its_device_speaks_for_another(tmp_path: Path) -> None:
    """The next person's messages are not told to who asked for the last one's."""
    async with open_rig(tmp_path) as rig:
        rig.client.app[DESK].ping_s = 0.05
        await rig.consent()
        async with stream(rig) as opened:
            body = rig.batch({"type": "track", "name": "a"}, user_id="u2")
            body["who"] = {"anonymous_id": "a2", "user_id": "u2"}
            await rig.post(body)
            await rig.settle()
            while await opened.next():
                pass

            assert opened.response.content.at_eof()


async def test_stream_ends_when_the_gateway_stops(tmp_path: Path) -> None:
    """A stop waits for no stream."""
    async with open_rig(tmp_path) as rig:
        rig.client.app[DESK].ping_s = 3600
        await rig.consent()
        async with stream(rig) as opened:
            rig.gateway.surface.is_stopping = True
            rig.gateway.surface.wakes.inbox.ring_all()

            assert await opened.next() == {}


async def test_stream_refuses_what_is_no_cursor(tmp_path: Path) -> None:
    """A cursor is a number that fits."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        answers = [
            await rig.client.get(STREAM, headers=rig.device_headers() | {"Last-Event-ID": each})
            for each in ("x", "-1", "9" * 19, "1" * 40)
        ]

        assert [each.status for each in answers] == [400] * 4


async def test_the_commit_of_a_message_rings_its_bell(tmp_path: Path) -> None:
    """Streams wake with the confirm, before the pipeline has heard of it."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(EVENT, OPEN_POLICY)
        await rig.consent()
        await rig.send({"type": "track", "name": "asked"})
        while await rig.gateway.pipeline.step():
            pass
        person_id = (await rig.records("step"))[0]["person_id"]
        bell = asyncio.Event()
        with rig.gateway.surface.wakes.inbox.hung(person_id, bell):
            await rig.gateway.deliver.step()

            assert bell.is_set()
