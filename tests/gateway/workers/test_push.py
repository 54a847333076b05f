"""Native push on the whole way: what a phone told, which driver it goes by, who is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doubles.apns import Apns, Reply
from doubles.authority import issue
from doubles.fcm import Fcm, failure
from fencepost_gateway.errors import StartError
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import NOON_MS, OPEN_POLICY, Rig, open_rig

DOCUMENTS = """
kind: campaign
id: news
entry: {event: asked}
reentry: always
message: {template: t, channels: [push, in_app]}
goal: none
---
kind: template
id: t
purpose: marketing
push: {title: "Hello {{ person.name | default: 'you' }}", data: {class: yoga}}
in_app: {body: Hello}
"""
ASKED = {"type": "track", "name": "asked"}


def told(service: str, token: str, **more: Any) -> dict[str, Any]:
    """Give the event by which an app tells its token."""
    registration = {"service": service, "token": token}
    return {"type": "address", "channel": "push", "registration": registration, **more}


@asynccontextmanager
async def house(folder: Path, *served: str) -> AsyncIterator[tuple[Rig, Apns, Fcm]]:
    """Open a gateway that pushes by the services named."""
    async with AsyncExitStack() as stack:
        apns = await stack.enter_async_context(Apns(issue(folder), lambda: NOON_MS // 1_000))
        fcm = await stack.enter_async_context(Fcm(lambda: NOON_MS // 1_000))
        known = {
            "push_apns": ChannelSettings(driver="apns", settings=apns.settings),
            "push_fcm": ChannelSettings(driver="fcm", settings=fcm.settings),
        }
        channels = {name: known[name] for name in served}
        rig = await stack.enter_async_context(open_rig(folder, channels=channels))
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        yield rig, apns, fcm


async def ends(rig: Rig) -> list[tuple[str, str]]:
    """Give how the messages ended."""
    return [(m.state, m.reason) for m in await rig.gateway.store.messages("", 10)]


@pytest.mark.feature("C03")
@pytest.mark.parametrize("service", ["apns", "fcm"])
async def test_address_chooses_the_driver(tmp_path: Path, service: str) -> None:
    """A token of Apple's goes to Apple, one of Firebase's to Firebase, and to nobody else."""
    async with house(tmp_path, "push_apns", "push_fcm") as (rig, apns, fcm):
        token = apns.register() if service == "apns" else fcm.register()
        await rig.consent()
        await rig.send(told(service, token), ASKED)
        await rig.settle()
        state = await ends(rig)
        data = apns.received[0].payload if service == "apns" else fcm.received[0]["data"]

    assert state == [("sent", "")]
    assert (len(apns.calls), len(fcm.calls)) == ((1, 0) if service == "apns" else (0, 1))
    assert data["class"] == "yoga"
    assert apns.violations == fcm.violations == []


@pytest.mark.feature("C03")
async def test_address_told_before_consent_is_used_after(tmp_path: Path) -> None:
    """A token set while marketing was not allowed yet is there when it is."""
    async with house(tmp_path, "push_apns") as (rig, apns, _):
        await rig.consent({"collect": "y"})
        await rig.send(told("apns", apns.register()), ASKED)
        await rig.settle()
        before = list(apns.calls)
        await rig.consent()
        await rig.send(ASKED)
        await rig.settle()

    assert before == []
    assert len(apns.received) == 1


async def test_address_without_a_driver_is_passed_by(tmp_path: Path) -> None:
    """With Apple set up alone an Android phone is kept, not called; the next channel has it."""
    async with house(tmp_path, "push_apns") as (rig, apns, fcm):
        await rig.consent()
        await rig.send(told("fcm", fcm.register()), ASKED)
        await rig.settle()
        claims = [row["body"] for row in await rig.records("claim")]
        checks = [c for c in claims[0]["checks"] if c["gate"] == "reachable"]

    assert [(c["channel"], c["ok"]) for c in checks] == [("push", False), ("in_app", True)]
    assert checks[0]["reason"] == "channel_off"
    assert (apns.calls, fcm.calls) == ([], [])


async def test_older_phone_is_served_where_the_newest_is_not(tmp_path: Path) -> None:
    """Of two phones the newest goes by a service that is off: the other one gets it."""
    async with house(tmp_path, "push_apns") as (rig, apns, fcm):
        await rig.consent()
        await rig.send(told("apns", apns.register()))
        await rig.send(told("fcm", fcm.register()), ASKED)
        await rig.settle()

    assert (len(apns.received), len(fcm.calls)) == (1, 0)


@pytest.mark.guarantee("R17")
@pytest.mark.feature("C03")
@pytest.mark.parametrize(("after_ms", "calls"), [(-1, 2), (0, 1), (60_000, 1)])
async def test_token_told_after_the_410_lives(tmp_path: Path, after_ms: int, calls: int) -> None:
    """A 410 whose moment is before the registration removes nothing; at or after it, the token."""
    async with house(tmp_path, "push_apns") as (rig, apns, _):
        token = apns.register()
        await rig.consent()
        await rig.send(told("apns", token))
        told_ms = rig.clock.now_ms()
        apns.unregister(token, told_ms + after_ms)
        for _ in range(2):
            await rig.send(ASKED)
            await rig.settle()

    assert apns.calls == [token] * calls


@pytest.mark.guarantee("R17")
@pytest.mark.parametrize("service", ["apns", "fcm"])
async def test_dead_token_is_called_once(tmp_path: Path, service: str) -> None:
    """What a service says is dead goes in the confirm's commit, and is called by nobody again."""
    async with house(tmp_path, "push_apns", "push_fcm") as (rig, apns, fcm):
        token = apns.register() if service == "apns" else fcm.register()
        await rig.consent()
        await rig.send(told(service, token))
        apns.unregister(token, rig.clock.now_ms())
        fcm.gone.add(token)
        for _ in range(2):
            await rig.send(ASKED)
            await rig.settle()

    assert apns.calls + fcm.calls == [token]


@pytest.mark.guarantee("R17")
async def test_token_told_again_is_called_again(tmp_path: Path) -> None:
    """After it was gone, the app tells the same token: it is an address like any other."""
    async with house(tmp_path, "push_apns") as (rig, apns, _):
        token = apns.register()
        await rig.consent()
        await rig.send(told("apns", token))
        apns.unregister(token, rig.clock.now_ms())
        await rig.send(ASKED)
        await rig.settle()
        apns.gone.clear()
        await rig.send(told("apns", token), ASKED)
        await rig.settle()

    assert (apns.calls, len(apns.received)) == ([token] * 2, 1)


@pytest.mark.guarantee("R17")
@pytest.mark.parametrize(
    ("service", "script"),
    [
        ("apns", Reply(400, "BadExpirationDate")),
        ("apns", Reply(403, "InvalidProviderToken")),
        ("apns", Reply(403, "ExpiredProviderToken")),
        ("apns", Reply(413, "PayloadTooLarge")),
        ("fcm", failure(400, "INVALID_ARGUMENT")),
        ("fcm", failure(401, "UNAUTHENTICATED")),
        ("fcm", failure(403, "SENDER_ID_MISMATCH")),
        ("fcm", failure(404)),
    ],
    ids=repr,
)
async def test_answer_about_us_removes_nobody(tmp_path: Path, service: str, script: Any) -> None:
    """Our keys or our message: the token is as good as before."""
    async with house(tmp_path, "push_apns", "push_fcm") as (rig, apns, fcm):
        token = apns.register() if service == "apns" else fcm.register()
        await rig.consent()
        apns.always = script if service == "apns" else None
        fcm.server.always = script if service == "fcm" else None
        await rig.send(told(service, token), ASKED)
        await rig.settle()
        apns.always = fcm.server.always = None
        rig.clock.move_to(rig.clock.now_ms() + 60_000)  # our fault shut the lane for a while
        await rig.send(ASKED)
        await rig.settle()

    assert len(apns.received) + len(fcm.received) == 1


async def test_unusable_lane_names_are_refused(tmp_path: Path) -> None:
    """A key that is about no channel stops the start, and says which channels there are."""
    bad = {"pusher_apns": ChannelSettings(driver="apns")}
    with pytest.raises(StartError, match=r"channels\.pusher_apns: no such channel"):
        async with open_rig(tmp_path, channels=bad):
            await asyncio.sleep(0)
