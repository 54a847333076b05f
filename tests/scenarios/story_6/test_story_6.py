"""Story 6. Luma: the cart at the right hour."""

from pathlib import Path

import pytest

from scenarios.again import check_again
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.later import Later
from scenarios.phone import Phone
from scenarios.rig import World, open_world
from scenarios.telling import check_crossing, check_of
from scenarios.ways import STORE, E, ms, stand, text, walk

HERE = Path(__file__).parent
PUBLISHED = "2026-05-20T18:00"

pytestmark = pytest.mark.feature("J09", "S15", "S06", "S05", "P10", "C01", "N13", "X01")

LATER = (
    Later(6, 1, "D05", "the hour is chosen from own openings; the document says 19:00"),
    Later(6, 1, "D05", "the window of 2 to 24 hours, and the table of hours in the record"),
    Later(6, 2, "D05", "the push that waits for its hour is a message: here its run waits"),
    Later(6, 4, "C07", "opened is told by clicked, all that a web push tells"),
    Later(6, 5, "D05", "Uma's hour is the population's"),
)


async def shop(world: World, *names: str) -> list[Phone]:
    """Bring shoppers in, each with a full cart at a quarter past eight in the evening."""
    await world.publish(HERE / "documents")
    found = []
    for name in names:
        phone = world.phone(name, zone="" if name == "vito" else "Europe/Monaco", locale="")
        await phone.agree()
        if name == "vito":
            await phone.reach("web_push")
        else:
            await phone.reach("web_push", "sms")
        found.append(phone)
    await world.at("2026-05-20T20:15")
    for phone in found:
        await phone.track("cart_updated", value=120)
    return found


async def test_story_6(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Who gets the cart's reminder at seven, who at the door, and who not at all."""
    async with open_world(tmp_path, PUBLISHED) as world:
        _, tom, sam, *_ = await shop(world, "rosa", "tom", "sam", "uma", "vito")
        steps = await world.told("step", "claim")
        assert [line for line in steps if "waits" in line] == [
            "rosa cart-reminder hour waits",
            "tom cart-reminder hour waits",
            "sam cart-reminder door waits",
            "uma cart-reminder hour waits",
            "vito cart-reminder push waits",
        ]
        assert [line for line in steps if "WITHHELD" in line] == [
            "vito cart-reminder/push WITHHELD zone_unknown"
        ]

        await world.at("2026-05-21T12:00")
        there = walk(E, STORE, "2026-05-21T12:08:00")
        inside = stand(STORE, there[-1].at_ms + 60_000, "2026-05-21T12:13:00")
        await world.play((sam, [*there, *inside]))
        news = await world.news()
        (entered,) = [r for r in news if r.kind == "transition" and r.body["kind"] == "enter"]
        check_crossing(entered, "enter", "2026-05-21T12:09:51")
        told = list(world.lines(r for r in news if r.kind == "claim"))
        assert told == ["sam cart-reminder/here SENT in_app"]
        (shown,) = await sam.look()
        assert shown["content"]["title"] == "Your item is here"

        await world.at("2026-05-21T18:40")
        await tom.track("purchase", value=120)
        told = await world.told("step", "claim")
        assert "tom cart-reminder hour ended goal_reached" in told
        assert not [line for line in told if "SENT" in line]

        await world.at("2026-05-21T19:30")
        sends = [r for r in await world.news() if r.kind == "claim"]
        assert sorted(world.lines(sends)) == [
            "rosa cart-reminder/push SENT web_push",
            "uma cart-reminder/push SENT web_push",
        ]
        for sent in sends:
            (cap,) = check_of(sent, "caps")["inputs"]["rules"]
            assert (cap["used"], cap["limit"]) == (0, 3)
            assert ms("2026-05-21T19:00") <= sent.at_ms <= ms("2026-05-21T19:30")

        await world.at("2026-05-22T19:30")
        (rosas,) = [r for r in await world.claims("rosa") if r.body["channel"] == "sms"]
        (cap,) = check_of(rosas, "caps")["inputs"]["rules"]
        assert (cap["used"], cap["limit"]) == (1, 3)
        assert text(rosas.at_ms)[:10] == "2026-05-22"
        assert sorted(await world.told()) == [
            "rosa cart-reminder/text SENT sms",
            "uma cart-reminder/text SENT sms",
        ]
        await check_golden(world, HERE / "golden.txt", update=update)
        await check_again(world)
        await check_backtest(world, PUBLISHED)


async def test_story_6_opened_push_needs_no_text(tmp_path: Path) -> None:
    """Rosa opens at eight: no SMS the next day."""
    async with open_world(tmp_path, PUBLISHED) as world:
        (rosa,) = await shop(world, "rosa")
        await world.at("2026-05-21T20:00")
        (sent,) = await world.claims("rosa")
        await rosa.react(sent.body["delivery_id"], "clicked")
        await world.at("2026-05-23T20:00")

        assert await world.told() == ["rosa cart-reminder/push SENT web_push"]
        await check_again(world)
        await check_backtest(world, PUBLISHED)


async def moment_of(world: World) -> int:
    """Give when Tom's push is due, to the millisecond: the hour, and his part of the spread."""
    (run,) = await world.gateway.store.runs.of(world.id_of("tom"))

    assert run.due_ms is not None
    return run.due_ms


async def test_story_6_purchase_at_the_moment_of_the_push_wins(tmp_path: Path) -> None:
    """At the same instant the purchase ends the run before the hour moves it on."""
    async with open_world(tmp_path, PUBLISHED) as world:
        (tom,) = await shop(world, "tom")
        world.clock.move_to(await moment_of(world))
        await tom.track("purchase", value=120)

        assert "tom cart-reminder hour ended goal_reached" in await world.told("step")
        await world.at("2026-05-23T20:00")
        assert await world.told() == []
        assert world.sent == []
        await check_again(world)


async def test_story_6_purchase_before_the_claim_wins(tmp_path: Path) -> None:
    """The hour came first, the claim did not: it withholds the push."""
    async with open_world(tmp_path, PUBLISHED) as world:
        (tom,) = await shop(world, "tom")
        world.clock.move_to(await moment_of(world))
        await world.gateway.timers.step()
        await tom.track("purchase", value=120)

        assert await world.told() == ["tom cart-reminder/push WITHHELD goal_reached"]
        assert world.sent == []
        await check_again(world)


async def test_story_6_without_a_push_the_text_goes_at_once(tmp_path: Path) -> None:
    """Nobody waits a day for a click on what could not be sent."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await world.publish(HERE / "documents")
        rosa = world.phone("rosa")
        await rosa.agree()
        await rosa.reach("sms")
        await world.at("2026-05-20T20:15")
        await rosa.track("cart_updated", value=120)
        await world.at("2026-05-21T19:30")

        assert await world.told() == [
            "rosa cart-reminder/push WITHHELD no_address",
            "rosa cart-reminder/text SENT sms",
        ]
        assert len({claim.at_ms for claim in await world.claims()}) == 1
        await check_again(world)
        await check_backtest(world, PUBLISHED)
