"""Story 2. Cala Coffee: iced drinks before the commute."""

from pathlib import Path

import pytest

from scenarios.again import check_again
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.phone import Phone
from scenarios.rig import World, open_world
from scenarios.telling import check_of
from scenarios.ways import ms, text

DOCUMENTS = Path(__file__).parent / "documents"
GOLDEN = Path(__file__).parent / "golden.txt"
PUBLISHED = "2026-07-14T17:00"
WITHHOLD = '  allowed: {every_day: "07:00-22:00"}\n'
HOLD = f"{WITHHOLD}  on_zone_unknown: hold\n"
HOT = {"region": "monaco", "for_date": "2026-07-15", "max_c": 33}
PEOPLE = ("ana", "ben", "chloe", "dario", "eva", "hana", "aria", "gus")

pytestmark = pytest.mark.feature("J03", "S04", "G06", "N06", "C03", "N13")


async def arrive(world: World, name: str) -> Phone:
    """Bring somebody in; what their phone tells of the time differs."""
    zones = {"dario": "", "ben": "", "chloe": "", "ana": ""}
    phone = world.phone(name, zone=zones.get(name, "Europe/Monaco"), locale="")
    await phone.agree()
    await phone.set(points=150 if name == "gus" else 240)
    await phone.reach("web_push")
    return phone


async def open_cafe(world: World) -> dict[str, Phone]:
    """Bring everybody in: each is somewhere else by another way of knowing."""
    phones = {name: await arrive(world, name) for name in PEOPLE}
    await phones["ana"].set(zone="Europe/Monaco")
    await phones["ben"].reach("sms")
    await phones["chloe"].reach("sms", sms="+34612345678")
    await phones["eva"].agree("web_push", marketing="n")
    return phones


async def hear_of_heat(world: World) -> None:
    """Tell step 1: the forecast brings in the seven regulars, and once."""
    await world.at("2026-07-14T18:00")
    await world.news()
    assert await world.tell_everybody("w1", "weather.forecast", **HOT) == "accepted"
    entered = [line for line in await world.told("step") if line.endswith("entered")]
    assert sorted(entered) == sorted(f"{name} iced entered" for name in PEOPLE if name != "gus")

    await world.at("2026-07-14T18:01")
    assert await world.tell_everybody("w1", "weather.forecast", **HOT) == "duplicate"
    assert await world.told("step") == []


async def test_story_2(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Everybody hears of it at half past seven where they are, and nobody else at all."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await world.publish(DOCUMENTS)
        phones = await open_cafe(world)
        await hear_of_heat(world)
        (dario,) = await world.claims()
        assert list(world.lines([dario])) == ["dario iced/push WITHHELD zone_unknown"]

        await world.at("2026-07-14T20:00")
        phones["aria"].zone = "Asia/Seoul"
        await phones["aria"].track("app_opened")
        await world.at("2026-07-15T07:29:50")
        await phones["hana"].agree(marketing="n")
        await world.at("2026-07-15T12:00")
        claims = (await world.claims())[1:]
        told = zip(world.lines(claims), (text(each.at_ms) for each in claims), strict=True)
        assert sorted(told) == [
            ("ana iced/push SENT web_push", "2026-07-15T07:30:00"),
            ("aria iced/push SENT web_push", "2026-07-15T00:30:00"),
            ("ben iced/push SENT web_push", "2026-07-15T07:30:00"),
            ("chloe iced/push SENT web_push", "2026-07-15T08:30:00"),
            ("eva iced/push WITHHELD consent", "2026-07-15T07:30:00"),
            ("hana iced/push WITHHELD consent", "2026-07-15T07:30:00"),
        ]
        zones = {
            world.names[each.person_id]: check_of(each, "quiet_hours")["inputs"]["zone_source"]
            for each in claims
            if each.body["outcome"] == "send"
        }
        assert zones == {
            "ana": "chosen",
            "aria": "device",
            "ben": "phone prefix (MC)",
            "chloe": "phone prefix (ES)",
        }
        assert len(world.sent) == 4
        await check_golden(world, GOLDEN, update=update)
        await check_again(world)
        await check_backtest(world, PUBLISHED)


async def test_story_2_unknown_zone_may_be_waited_for(tmp_path: Path) -> None:
    """Where the policy says so, Dario's push is held until a zone is learnt, a day at most."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await world.publish(DOCUMENTS, but={WITHHOLD: HOLD})
        await arrive(world, "dario")
        await world.at("2026-07-14T18:00")
        await world.tell_everybody("w1", "weather.forecast", **HOT)
        told = await world.told()
        assert [line[: len("dario iced/push DEFERRED")] for line in told] == [
            "dario iced/push DEFERRED"
        ]

        await world.at("2026-07-15T18:00")
        last = (await world.claims())[-1]
        assert list(world.lines([last])) == ["dario iced/push WITHHELD too_old"]
        assert last.at_ms == ms("2026-07-15T18:00")
        await check_again(world)


async def test_story_2_cooler_forecast_takes_it_back(tmp_path: Path) -> None:
    """A later forecast for the same day ends every run; nobody hears of anything."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await world.publish(DOCUMENTS)
        await open_cafe(world)
        await hear_of_heat(world)
        await world.at("2026-07-14T21:00")
        cooler = {**HOT, "max_c": 24}
        other = {**cooler, "for_date": "2026-07-16"}
        await world.tell_everybody("w2-other", "weather.forecast", **other)
        assert await world.told("step") == []

        await world.tell_everybody("w2", "weather.forecast", **cooler)
        told = await world.told("step")
        assert sorted(told) == sorted(
            f"{name} iced morning ended exited" for name in PEOPLE if name not in ("gus", "dario")
        )
        await world.at("2026-07-16T12:00")
        assert world.sent == []
        await check_again(world)
