"""Screens on the whole way: who allows what is shown, what they tell, and which are forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doubles.screens import Screens
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import GRANTS, NOON_MS, OPEN_POLICY, Rig, open_rig

PATH = "/v1/callbacks/webhook"
DOCUMENTS = """
kind: campaign
id: news
entry: {event: asked}
reentry: always
message: {template: t, channels: [webhook]}
goal: none
---
kind: template
id: t
purpose: marketing
languages: {en: default, ko: {webhook: {title: 안녕하세요}}}
webhook:
  title: "Hello {{ person.name | default: 'you' }}"
  link: https://luma.example/book
  data: {room: "{{ person.room | default: '2' }}"}
"""
ASKED = {"type": "track", "name": "asked"}


def told(target: Any, **more: Any) -> dict[str, Any]:
    """Give the event by which somebody says where a person is."""
    return {"type": "address", "channel": "webhook", "target": target, **more}


@asynccontextmanager
async def house(folder: Path, *more: str) -> AsyncIterator[tuple[Rig, Screens]]:
    """Open a gateway and a system of screens beside it."""
    async with Screens(lambda: NOON_MS // 1_000) as screens:
        screens.targets.add("lobby-7")
        lane = ChannelSettings(driver="webhook", settings=screens.settings)
        async with open_rig(folder, channels={"webhook": lane}) as rig:
            await rig.apply(DOCUMENTS, OPEN_POLICY, *more)
            yield rig, screens


async def ends(rig: Rig) -> list[tuple[str, str]]:
    """Give how the messages ended."""
    return sorted((m.state, m.reason) for m in await rig.gateway.store.messages("", 10))


@pytest.mark.feature("S08")
async def test_screen_shows_what_the_person_allows_there(tmp_path: Path) -> None:
    """A yes for another channel is none for screens; a yes for screens is."""
    async with house(tmp_path) as (rig, screens):
        await rig.consent({"collect": "y", "marketing": "y"}, channel="sms")
        await rig.send(told("lobby-7"), ASKED)
        await rig.settle()
        before = [*screens.received]
        await rig.consent({"marketing": "y"}, channel="webhook")
        await rig.send(ASKED)
        await rig.settle()
        found = await ends(rig)

    assert (before, found) == ([], [("sent", ""), ("withheld", "consent")])
    (message,) = screens.received
    assert (message["title"], message["target"], message["data"]) == (
        "Hello you",
        "lobby-7",
        {"room": "2"},
    )
    assert message["callback"] == "https://edge.example.com/v1/callbacks/webhook"


@pytest.mark.feature("S08")
async def test_caps_count_screens(tmp_path: Path) -> None:
    """One a week is one a week, on a screen as anywhere."""
    caps = "kind: caps\nid: default\nrules:\n  - {limit: 1, per: 7d}\n"
    async with house(tmp_path, caps) as (rig, _):
        await rig.consent()
        await rig.send(told("lobby-7"), ASKED)
        await rig.settle()
        await rig.send(ASKED)
        await rig.settle()

        assert await ends(rig) == [("sent", ""), ("withheld", "frequency_cap")]


@pytest.mark.guarantee("R19")
@pytest.mark.feature("S08")
async def test_screen_tells_what_became_of_it(tmp_path: Path) -> None:
    """What is signed counts once; what is not, or is another's, changes nothing."""
    async with house(tmp_path) as (rig, screens):
        await rig.consent()
        await rig.send(told("lobby-7"), ASKED)
        await rig.settle()
        headers, body = screens.report(screens.received[0]["delivery_id"], "displayed")
        forged = headers | {"webhook-signature": f"v1,{'A' * 43}="}
        asked: list[dict[str, str]] = [{}, forged, headers, headers]
        statuses = []
        seen = []
        for each in asked:
            statuses.append((await rig.client.post(PATH, data=body, headers=each)).status)
            records = await rig.records("outcome")
            seen.append([r["body"]["state"] for r in records].count("displayed"))

    assert (statuses, seen) == ([403, 403, 200, 200], [0, 0, 1, 1])


@pytest.mark.feature("S07")
async def test_screen_that_was_taken_down_is_called_once(tmp_path: Path) -> None:
    """410 forgets the target; told again it is there again."""
    async with house(tmp_path) as (rig, screens):
        await rig.consent()
        for event in (told("lobby-8"), None, told("lobby-8")):
            screens.targets |= set() if event is None or not screens.calls else {"lobby-8"}
            await rig.send(*([event] if event else []), ASKED)
            await rig.settle()
        found = await ends(rig)

    assert (len(screens.calls), len(screens.received)) == (2, 1)
    assert [state for state, _ in found].count("sent") == 1


@pytest.mark.parametrize("target", ["x" * 129, "a\nb", " ", ""])
async def test_what_is_no_target_is_rejected(tmp_path: Path, target: str) -> None:
    """The verdict names the member, and nothing is kept."""
    async with house(tmp_path) as (rig, _):
        await rig.consent(GRANTS)
        answer = await rig.send(told(target))

    assert [(v["verdict"], v["code"], v["path"]) for v in answer["verdicts"]["others"]] == [
        ("rejected", "bad_value", "target")
    ]


async def test_targets_are_told_by_their_case(tmp_path: Path) -> None:
    """Another system's names are taken as they are: two that differ in case are two screens."""
    async with house(tmp_path) as (rig, screens):
        screens.targets.add("Lobby-7")
        await rig.consent()
        await rig.send(told("lobby-7"), told("Lobby-7"), told("lobby-7", removed=True), ASKED)
        await rig.settle()

    assert [message["target"] for message in screens.received] == ["Lobby-7"]
