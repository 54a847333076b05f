"""Story 4. Maison Candeille: the loyal order first."""

from pathlib import Path

import pytest

from fencepost_channels.errors import Gone
from scenarios.again import check_again
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.later import Later
from scenarios.phone import Phone
from scenarios.rig import World, open_world
from scenarios.telling import check_crossing
from scenarios.ways import BAKERY, A, text, walk

DOCUMENTS = Path(__file__).parent / "documents"
GOLDEN = Path(__file__).parent / "golden.txt"
PUBLISHED = "2026-11-29T10:00"
TIERS = {"iris": "gold", "jules": "silver", "kim": "", "lou": "", "max": ""}

pytestmark = pytest.mark.feature("J06", "C04", "P04", "P10", "N13")

LATER = (
    Later(4, 2, "D01", "the offer is not eligible: here its campaign has not begun (outside_run)"),
    Later(4, 3, "D03", "what is redeemed of an offer"),
    Later(4, 4, "D03", "exactly two of three who redeem at once"),
    Later(4, 5, "D03", "offer_exhausted, and the fallback"),
)


async def arrive(world: World, name: str) -> Phone:
    """Bring a customer in."""
    phone = world.phone(name)
    await phone.agree()
    await phone.reach("web_push", "email")
    if TIERS[name]:
        await phone.set(tier=TIERS[name])
    return phone


async def order_first(world: World) -> None:
    """Tell step 1: gold is told first; a subscription that is gone makes way for the mail."""
    world.answers["https://push.example.com/iris"] = Gone()
    await world.at("2026-11-30T10:00")
    assert await world.told() == [
        "iris preorder/push SENT web_push",
        "iris preorder/mail SENT email",
    ]
    assert [channel for channel, _ in world.sent] == ["email"]
    iris_id = world.id_of("iris")
    iris = (await world.gateway.store.persons([iris_id]))[iris_id]
    assert sorted(iris.reach) == ["email"]


async def walk_in(world: World, phone: Phone, start: str, crosses: str) -> list[str]:
    """Walk from A into the bakery; gives what is decided."""
    await world.at(start)
    await world.news()
    await world.play((phone, walk(A, BAKERY, start)))
    news = await world.news()
    check_crossing(next(r for r in news if r.kind == "transition"), "enter", crosses)
    return list(world.lines(r for r in news if r.kind in ("claim", "step")))


async def repeat_the_first_wave(world: World) -> None:
    """Tell the first half of step 6: it has its id by its cause, so it is known already."""
    book = world.gateway.store.broadcasts
    (first,) = (r for r in await book.page(0, 10) if text(r.broadcast.at_ms)[:10] == "2026-11-30")
    answer = await book.announce(first.broadcast, world.clock.now_ms())
    await world.settle()

    assert (answer.number, answer.is_new) == (first.number, False)
    assert await world.told("claim", "step") == []


async def test_story_4(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Gold first, then silver, each once; who comes for their order gets its code."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await world.publish(DOCUMENTS)
        phones = {name: await arrive(world, name) for name in TIERS}
        await order_first(world)

        told = await walk_in(world, phones["jules"], "2026-12-01T16:00:00", "2026-12-01T16:03:26")
        assert told == [
            "jules pick-up not_entered condition_false",
            "jules preorder-at-the-door not_entered outside_run",
        ]
        await world.at("2026-12-02T10:00")
        assert await world.told() == ["jules preorder/push SENT web_push"]

        await world.at("2026-12-05T10:00")
        await phones["iris"].track("preordered", order="B-17")
        await phones["iris"].set(order_code="B-17")
        await repeat_the_first_wave(world)
        told = await walk_in(world, phones["iris"], "2026-12-23T11:00:00", "2026-12-23T11:03:26")
        assert "iris pick-up SENT in_app" in told
        (shown,) = await phones["iris"].look()
        assert shown["content"]["title"] == "Your order B-17"
        others = {world.id_of(name) for name in ("kim", "lou", "max")}
        records = await world.records()
        assert not [r for r in records if r.person_id in others and r.kind in ("claim", "step")]
        await check_golden(world, GOLDEN, update=update)
        await check_again(world)
        # In a backtest every provider accepts, so nobody is gone and nothing has to be mailed.
        await check_backtest(world, PUBLISHED, but=("iris preorder ", "iris preorder/"))
