"""From a position in an app to a message in the hand, with no fakes inside; and why not."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.clock import now_ms
from e2e.documents import SPOTS, place_name
from e2e.people import CHANNELS, House, Walker, claims, settled, somebody
from e2e.rig import Gateway, until, until_answered
from fencepost_gateway.demo.cast import NIGHT_HOUR, zone_at_hour

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

NOTHING = dict.fromkeys(CHANNELS, 0)
NAMED = {"first_name": "Quillan"}


async def test_one_walk_into_a_fence_arrives_on_every_channel(
    house: House,
) -> None:
    """App process to gateway process to all four receivers, each with the place's own name."""
    running, there = house
    async with somebody(running, there, "wren", traits=NAMED) as wren:
        await wren.walk(*SPOTS["lotus"])
        await until(lambda: wren.arrived() == dict.fromkeys(CHANNELS, 1))
        shown = wren.phone.messages[0]
        await wren.phone.do("flush")

        async def displayed() -> list[dict[str, Any]]:
            outcomes = await running.decisions("wren", "outcome")
            return [
                o
                for o in outcomes
                if o["subject"] == shown["delivery_id"] and o["body"]["state"] == "displayed"
            ]

        await until_answered(displayed)

    name = place_name("lotus")
    mail = wren.mails[0].message
    assert shown["title"] == "Welcome, Quillan"
    assert shown["body"] == f"{name} has a class at 18:45."
    assert shown["show_until_ms"] > now_ms()
    assert mail["Subject"] == f"Welcome to {name}"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert name in text.get_content()
    assert f"<b>{name}</b>" in html.get_content()
    assert wren.pushes[0].payload["title"] == name
    assert wren.texts[0].body == f"{name}: a class at 18:45. STOP to end."
    assert there.push.violations == []


async def test_explain_says_in_words_why_it_went(house: House) -> None:
    """``fencepost explain`` names the cause, every gate that was passed, and the end."""
    running, there = house
    async with somebody(running, there, "lark", traits=NAMED) as lark:
        await lark.walk(*SPOTS["lotus"])
        await until(lambda: lark.arrived() == dict.fromkeys(CHANNELS, 1))
        told = await claims(running, "lark", 4)
        email = next(c for c in told if c["body"]["channel"] == "email")
        explained = await running.command("explain", email["subject"])

    assert explained.code == 0
    for words in ("enter", "lotus", "consent", "quiet hours", "frequency caps", "email", "sent"):
        assert words in explained.out.lower()
    assert lark.email not in explained.out
    assert "Quillan" not in explained.out


async def test_withdrawn_consent_keeps_everything_back(house: House) -> None:
    """Who took the consent to marketing back walks the same way, and nothing arrives anywhere."""
    running, there = house
    async with somebody(running, there, "dove", traits=NAMED) as dove:
        await dove.phone.do("consent", values={"marketing": "n"})
        await dove.phone.do("flush")
        told = await why_not(running, dove, "lotus")

    assert {(c["outcome"], c["reason"]) for c in told} == {("withheld", "consent")}
    assert dove.arrived() == NOTHING


async def test_quiet_hours_keep_everything_back(house: House) -> None:
    """Where it is night the messages wait for the morning, and nothing arrives now."""
    running, there = house
    night = zone_at_hour(NIGHT_HOUR, now_ms())
    async with somebody(running, there, "owl", traits={**NAMED, "zone": night}) as owl:
        told = await why_not(running, owl, "lotus")

    assert {(c["outcome"], c["reason"]) for c in told} == {("deferred", "quiet_hours")}
    assert all(c["retry_at_ms"] > now_ms() for c in told)
    assert owl.arrived() == NOTHING


async def test_used_up_cap_keeps_the_second_walk_back(house: House) -> None:
    """The first walk of the day uses the only slot, the second one finds none."""
    running, there = house
    async with somebody(running, there, "crow", traits=NAMED) as crow:
        await crow.walk(*SPOTS["capped"])
        await until(lambda: crow.arrived() == dict.fromkeys(CHANNELS, 1))
        await crow.walk(*SPOTS["capped"])
        told = await claims(running, "crow", 8)
        await settled(running)

    second = [c["body"] for c in told[4:]]
    assert {(c["outcome"], c["reason"]) for c in second} == {("withheld", "frequency_cap")}
    assert crow.arrived() == dict.fromkeys(CHANNELS, 1)


async def test_holdout_keeps_everything_back(house: House) -> None:
    """Who is drawn into the holdout walks the same way, and nothing arrives anywhere."""
    running, there = house
    async with somebody(running, there, "rail", traits=NAMED) as rail:
        told = await why_not(running, rail, "held")

    assert {(c["outcome"], c["reason"]) for c in told} == {("withheld", "holdout")}
    assert rail.arrived() == NOTHING


async def test_suppressed_addresses_keep_their_channels_back(
    house: House,
) -> None:
    """Suppressed addresses get nothing; the app itself, which has none, still shows its message."""
    running, there = house
    async with somebody(running, there, "teal", traits=NAMED) as teal:
        endpoint = teal.subscription["endpoint"]
        for channel, address in (
            ("email", teal.email.upper()),
            ("sms", teal.number),
            ("web_push", endpoint),
        ):
            wish = {"channel": channel, "address": address}
            await running.ask("POST", "/v1/suppressions", wish)
        told = await why_not(running, teal, "lotus")
        await until(lambda: teal.phone.messages)

    reasons = sorted(c["reason"] for c in told)
    assert reasons == ["", "suppressed", "suppressed", "suppressed"]
    assert teal.arrived() == NOTHING | {"in_app": 1}


async def why_not(running: Gateway, who: Walker, spot: str) -> list[dict[str, Any]]:
    """Let somebody walk, and give what the claims of it said once nothing is on its way."""
    await who.walk(*SPOTS[spot])
    told = await claims(running, who.user_id, 4)
    await settled(running)
    return [c["body"] for c in told]
