"""Story 7. Luma: lapsing regulars, once a month."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fencepost_channels.message import Channel
from scenarios.again import check_again
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.phone import Phone
from scenarios.rig import World, open_world
from scenarios.ways import MONACO, ms

DOCUMENTS = Path(__file__).parent / "documents"
GOLDEN = Path(__file__).parent / "golden.txt"
BEGIN = "2025-10-01T10:00"
PUBLISHED = "2026-07-31T12:00"
OF_ALL = "for: {audience: at-risk}"
OF_NEW = "for: {audience: at-risk}, only_new: true"
REGULARS = {
    "p01": ("2026-07-28", 2, 80),
    "p02": ("2026-07-20", 9, 610),
    "p03": ("2026-07-02", 1, 35),
    "p04": ("2026-06-21", 6, 420),
    "p05": ("2026-06-05", 3, 150),
    "p06": ("2026-05-12", 4, 240),
    "p07": ("2026-04-18", 8, 700),
    "p08": ("2026-03-30", 5, 310),
    "p09": ("2026-02-14", 12, 980),
    "p10": ("2026-01-05", 7, 505),
}  # last order, orders, spend
FIFTHS = {"p07": (2, 4, 5), "p09": (1, 5, 5), "p10": (1, 4, 4)}

pytestmark = pytest.mark.feature("J06", "I06", "S16", "X05", "N13")


def orders() -> Iterator[tuple[str, str, int]]:
    """Give every order there was: when, by whom, what it was worth; a week between two."""
    for name, (last, count, spend) in REGULARS.items():
        for number in range(count):
            moment = datetime.fromisoformat(f"{last}T12:00") - timedelta(weeks=number)
            yield moment.isoformat(), name, spend // count + (spend % count if not number else 0)


async def shop(world: World) -> dict[str, Phone]:
    """Let everybody shop through the year."""
    await world.publish(DOCUMENTS / "audience.yaml", DOCUMENTS / "policy.yaml")
    phones = {}
    for name in REGULARS:
        phones[name] = world.phone(name)
        await phones[name].agree()
        await phones[name].reach("email")
    await phones["p10"].agree("email", marketing="n")
    for moment, name, value in sorted(orders()):
        await world.at(moment)
        await phones[name].track("purchase", value=value)
    return phones


async def rank(world: World, night: str) -> None:
    """Let the night come in which everybody is ranked."""
    await world.at(night)
    assert datetime.fromtimestamp(world.clock.now_ms() / 1000, MONACO).hour == 3


async def members(world: World) -> list[str]:
    """Name who is at risk."""
    found = await world.gateway.store.persons(list(world.names))
    return sorted(world.names[i] for i, person in found.items() if "at-risk" in person.audiences)


async def be_killed_after_the_first_claim(world: World, moment: str) -> None:
    """Let the schedule come due, and the mail to P07 go; no other claim is made."""
    await world.at(ms(moment) - 1)
    world.clock.move_to(ms(moment))
    gateway = world.gateway
    while await gateway.timers.step() or await gateway.pipeline.step():
        pass
    due = [
        each.message_id
        for each in await gateway.store.due(world.clock.now_ms(), dict.fromkeys(("", *Channel), 9))
    ]
    assert len(due) == 3
    for message_id in due:
        facts = await gateway.store.peek(message_id)
        if facts is not None and world.names[facts.person.person_id] == "p07":
            await gateway.deliver.deliver(message_id)
    assert len(await world.claims()) == 1


async def count_the_first_run(world: World) -> None:
    """Tell steps 1 and 2: three are told, one gets it, and a restart changes nothing."""
    assert sorted(await world.told()) == [
        "p07 win-back SENT email",
        "p09 win-back WITHHELD holdout",
        "p10 win-back WITHHELD consent",
    ]
    assert [channel for channel, _ in world.sent] == ["email"]
    report = await world.get("/v1/outcomes?campaign=win-back")
    assert report["total"] == 3
    assert [(row["state"], row["reason"], row["messages"]) for row in report["rows"]] == [
        ("sent", "", 1),
        ("withheld", "consent", 1),
        ("withheld", "holdout", 1),
    ]
    (told,) = (await world.get("/v1/broadcasts"))["broadcasts"]
    assert (told["state"], told["seen"], told["reached"]) == ("done", 10, 3)


async def count_the_goal(world: World) -> None:
    """Tell step 3: who was treated did it, who was held out did not; P10 could not be reached."""
    (goal,) = (await world.get("/v1/journeys/win-back"))["goals"]
    treated, holdout = goal["treated"], goal["holdout"]
    assert (goal["event"], goal["live"], goal["no_consent"]) == ("purchase", True, 1)
    assert (treated["converted"], treated["entered"], treated["worth"]) == (1, 1, 60)
    assert (holdout["converted"], holdout["entered"], holdout["worth"]) == (0, 1, 0)
    assert treated["interval"] == [0.2065, 1.0]
    assert holdout["interval"] == [0.0, 0.7935]
    assert goal["lift"] == {"difference": 1.0, "interval": [-0.1221, 1.0]}
    assert goal["verdict"] == "too_few"


async def test_story_7(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Once a month, by their ranks of that night; killed and restarted, nobody is told twice."""
    async with open_world(tmp_path, BEGIN) as world:
        phones = await shop(world)
        await world.at(PUBLISHED)
        await world.publish(DOCUMENTS)
        await rank(world, "2026-08-01T03:00")
        assert await members(world) == sorted(FIFTHS)
        for name, fifths in FIFTHS.items():
            traits = (await world.get(f"/v1/persons/{name}"))["traits"]
            assert tuple(traits[f"rfm.{letter}"] for letter in "rfm") == fifths
        await world.news()
        await be_killed_after_the_first_claim(world, "2026-08-01T06:00")

    async with open_world(tmp_path, "2026-08-01T06:00", world) as world:
        await world.settle()
        await count_the_first_run(world)
        await check_backtest(world, PUBLISHED)

        await world.at("2026-08-10T12:00")
        await phones["p07"].track("purchase", value=60)
        (left,) = await world.told("audience")
        assert left == "p07 leave at-risk"
        await count_the_goal(world)

        await rank(world, "2026-09-01T03:00")
        await world.at("2026-09-01T06:00")
        assert sorted(await world.told()) == [
            "p09 win-back WITHHELD holdout",
            "p10 win-back WITHHELD consent",
        ]
        assert len(world.sent) == 1
        weeks = (await world.get("/v1/audiences/at-risk"))["weeks"]
        assert [w["size"] for w in weeks if w["from"] in ("2026-07-27", "2026-08-31")] == [3, 2]
        await check_golden(world, GOLDEN, update=update)
        await check_again(world)


async def test_story_7_only_new_takes_nobody_twice(tmp_path: Path) -> None:
    """With ``only_new`` the second month finds nobody who has joined since the first."""
    async with open_world(tmp_path, BEGIN) as world:
        await shop(world)
        await world.at(PUBLISHED)
        await world.publish(DOCUMENTS, but={OF_ALL: OF_NEW})
        await rank(world, "2026-08-01T03:00")
        await world.news()
        await world.at("2026-08-01T06:00")
        assert len(await world.told()) == 3

        await rank(world, "2026-09-01T03:00")
        await world.news()
        await world.at("2026-09-01T06:00")
        assert await world.told("claim", "step") == []
        await check_again(world)
