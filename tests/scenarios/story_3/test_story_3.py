"""Story 3. FC Rocher: tickets by the stadium, a code at the shop."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from scenarios.again import check_again
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.later import Later
from scenarios.phone import Phone
from scenarios.rig import World, open_world
from scenarios.telling import check_crossing, check_of
from scenarios.ways import A, B, C, D, Spot, ms, text, walk

DOCUMENTS = Path(__file__).parent / "documents"
GOLDEN = Path(__file__).parent / "golden.txt"
PUBLISHED = "2026-09-12T09:00"
RIDE_MPS = 7.0
CAP_OF_TWO = "limit: 2"
CAP_OF_ONE = "limit: 1"

pytestmark = pytest.mark.feature("J04", "J07", "P04", "P10", "C05", "C06", "G04", "G07", "N13")

LATER = (
    Later(3, 2, "D06", "one-time code of the pool"),
    Later(3, 5, "C06", "the two gateways of a cluster"),
    Later(3, 9, "Q15", "an SMS that says stop"),
)


async def open_gates(world: World, but: Mapping[str, str] | None = None, left: int = 214) -> None:
    """Publish the documents; the ticket office says how many are left."""
    await world.publish(DOCUMENTS, but=but)
    world.outside.says["tickets"] = {"left": left}


async def arrive(world: World, name: str, club: str = "rocher") -> Phone:
    """Bring a fan in."""
    phone = world.phone(name)
    await phone.agree()
    await phone.reach("web_push", "sms", "email")
    await phone.set(club=club)
    return phone


async def pass_by(world: World, phone: Phone, *fixes: tuple[str, Spot]) -> None:
    """Report where somebody is now and then."""
    for moment, where in fixes:
        await world.at(moment)
        await phone.fix(where)


async def go(world: World, *phones: Phone) -> None:
    """Tell who rides into the quarter, and stops there."""
    readings = walk(A, D, "2026-09-12T10:00:00", RIDE_MPS)
    await world.play(*((phone, readings) for phone in phones))


async def get_tickets(world: World) -> None:
    """Tell steps 1 and 7: fans of the club get the mail; not others, nor who was there already."""
    news = await world.news()
    entered = [r for r in news if r.kind == "transition"]
    for row in entered[:2]:
        check_crossing(row, "enter", "2026-09-12T10:00:31")
    assert sorted(world.lines(r for r in news if r.kind in ("transition", "claim"))) == [
        "marco ENTER quarter",
        "marco tickets/mail SENT email",
        "olga ENTER quarter",
        "paul ENTER quarter initial",
    ]
    (olga,) = [r for r in news if r.kind == "step" and world.names[r.person_id] == "olga"]
    assert list(world.lines([olga])) == ["olga tickets not_entered condition_false"]
    (operand,) = olga.body["inputs"]["operands"]
    assert (operand["rule"], operand["value"]) == ("person.club is rocher", "vallon")
    (mail,) = await world.claims("marco")
    assert world.words() == ["email: Tickets for the next match | 214 are left for the next match."]
    (left,) = [r for r in news if r.kind == "step" and r.body["step_id"] == "left"]
    (operand,) = left.body["inputs"]["operands"]
    assert (operand["rule"], operand["value"]) == ("value.tickets.left gt 0 within 60s", 214)
    assert operand["age_s"] <= 60
    (cap,) = check_of(mail, "caps")["inputs"]["rules"]
    assert (cap["used"], cap["limit"]) == (0, 2)


async def pass_the_shop(world: World, marco: Phone) -> None:
    """Tell steps 2 to 4: a code as he passes, none as he comes back, and then the day is full."""
    await pass_by(world, marco, ("2026-09-12T10:20:00", B), ("2026-09-12T10:20:30", C))
    assert await world.told("transition", "claim") == ["marco PASS clubshop", "marco kit SENT sms"]
    entered_ms = (await world.claims("marco"))[-1].at_ms

    await pass_by(world, marco, ("2026-09-12T10:35:00", C), ("2026-09-12T10:35:30", B))
    news = await world.news()
    assert list(world.lines(r for r in news if r.kind != "outcome")) == [
        "marco PASS clubshop",
        "marco kit not_entered reentry_wait",
    ]
    (refused,) = [r for r in news if r.kind == "step"]
    assert refused.body["inputs"]["opens_ms"] == entered_ms + 24 * 3_600_000

    await world.at("2026-09-12T17:00")
    assert sorted(await world.told()) == [
        "marco matchday WITHHELD frequency_cap",
        "paul matchday SENT web_push",
    ]
    mail, _, matchday = await world.claims("marco")
    (cap,) = check_of(matchday, "caps")["inputs"]["rules"]
    assert (cap["used"], cap["limit"]) == (2, 2)
    assert cap["next_ms"] == mail.at_ms + 24 * 3_600_000


async def test_story_3(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Marco gets what he may, once; others get nothing, and the records say why."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await open_gates(world)
        marco = await arrive(world, "marco")
        olga = await arrive(world, "olga", club="vallon")
        await world.at("2026-09-12T10:00:00")
        await go(world, marco, olga)
        paul = await arrive(world, "paul")
        await paul.fix(D)
        await get_tickets(world)
        await pass_the_shop(world, marco)

        await pass_by(world, marco, ("2026-09-13T12:00:00", B), ("2026-09-13T12:00:30", C))
        told = await world.told("transition", "step", "claim")
        assert "marco PASS clubshop inactive" in told
        assert "marco kit not_entered fence_inactive" in told
        await check_golden(world, GOLDEN, update=update)
        await check_again(world)
        await check_backtest(world, PUBLISHED)


async def test_story_3_late_upload_is_too_old_for_a_code(tmp_path: Path) -> None:
    """Nico was offline: when he passed is on record, and he gets nothing for it now."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await open_gates(world)
        nico = await arrive(world, "nico", club="")
        nico.is_offline = True
        await pass_by(world, nico, ("2026-09-12T10:20:00", B), ("2026-09-12T10:20:30", C))
        await world.at("2026-09-12T10:41:00")
        await nico.online()
        news = await world.news()

        (passed,) = [r for r in news if r.kind == "transition" and r.body["kind"] == "pass"]
        assert text(passed.body["crossed_at_ms"])[:16] == "2026-09-12T10:20"
        claims = [r for r in news if r.kind == "claim"]
        assert list(world.lines(claims)) == ["nico kit WITHHELD too_old"]
        assert claims[0].at_ms == ms("2026-09-12T10:41:00")
        assert world.sent == []
        await check_again(world)
        await check_backtest(world, PUBLISHED)


async def test_story_3_last_slot_goes_to_whom_it_matters_more(tmp_path: Path) -> None:
    """Both are due at once and one may go: the kit, and the record of the other names it."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await open_gates(world, {CAP_OF_TWO: CAP_OF_ONE})
        marco = await arrive(world, "marco")
        await world.at("2026-09-12T10:00:00")
        marco.is_offline = True
        await go(world, marco)
        await pass_by(world, marco, ("2026-09-12T10:03:00", B), ("2026-09-12T10:03:30", C))
        await world.at("2026-09-12T10:05:00")
        await marco.online()

        assert await world.told() == [
            "marco kit SENT sms",
            "marco tickets/mail WITHHELD lower_priority",
        ]
        (cap,) = check_of((await world.claims())[-1], "caps")["inputs"]["rules"]
        assert (cap["taken_by"]["campaign"], cap["taken_by"]["priority"]) == ("kit", 60)
        await check_again(world)
        await check_backtest(world, PUBLISHED)


async def test_story_3_slot_that_is_taken_stays_taken(tmp_path: Path) -> None:
    """The tickets went a second earlier: the kit is withheld, whatever it matters."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await open_gates(world, {CAP_OF_TWO: CAP_OF_ONE})
        marco = await arrive(world, "marco")
        await world.at("2026-09-12T10:00:00")
        await go(world, marco)
        await pass_by(world, marco, ("2026-09-12T10:20:00", B), ("2026-09-12T10:20:30", C))

        assert await world.told() == [
            "marco tickets/mail SENT email",
            "marco kit WITHHELD frequency_cap",
        ]
        (cap,) = check_of((await world.claims())[-1], "caps")["inputs"]["rules"]
        assert cap["taken_by"]["campaign"] == "tickets"
        await check_again(world)


async def test_story_3_no_mail_when_nothing_is_left(tmp_path: Path) -> None:
    """The office is asked when he comes by; without tickets the run ends by the other branch."""
    async with open_world(tmp_path, PUBLISHED) as world:
        await open_gates(world, left=0)
        marco = await arrive(world, "marco")
        await world.at("2026-09-12T10:00:00")
        await go(world, marco)

        assert await world.told() == []
        assert [call.source_id for call in world.outside.asked] == ["tickets"]
        await check_again(world)
        await check_backtest(world, PUBLISHED)
