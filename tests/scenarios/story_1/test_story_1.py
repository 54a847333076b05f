"""Story 1. Luma: from lapsed buyer to class pack."""

from pathlib import Path

import msgspec
import pytest

from scenarios.again import check_again, log_of
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.later import Later
from scenarios.phone import GRANTED, Phone
from scenarios.rig import World, open_world
from scenarios.telling import check_crossing, check_of
from scenarios.ways import STUDIO_FONTVIEILLE, A, Reading, metres, ms, stand, text, walk

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
PUBLISHED = "2026-06-09T07:00"
LONG_LIVED = "      max_age: 24h\n"
FIRST = ("fences.yaml", "policy.yaml", "audience.yaml")

pytestmark = pytest.mark.feature(
    "J05", "J09", "S04", "S05", "S06", "P04", "P06", "P10", "P11", "I02", "I05", "C01", "C06", "N13"
)

LATER = (
    Later(1, 2, "I06", "table campaign by purchases"),
    Later(1, 3, "I07", "scorer and the audience made of scores"),
    Later(1, 4, "D01", "decide(home-hero) and its fallback"),
    Later(1, 6, "I11", "look-up at the call centre, its offers and its audit entry"),
    Later(1, 7, "D01", "offer block in the transactional mail, and why it is left out"),
    Later(1, 8, "C07", "opening of the mail by its pixel, click by a tracked link (Q16)"),
    Later(1, 9, "C03", "APNs and FCM: web push stands for push"),
    Later(1, 10, "Q23", "class_attended by server key: the phone reports it"),
    Later(1, 12, "M04", "attribution"),
)


async def arrive(world: World, name: str, user_id: str | None = None, **consent: str) -> Phone:
    """Bring somebody in who has granted everything, but for ``consent``, and can be reached."""
    phone = world.phone(name, user_id)
    await phone.agree(**(GRANTED | consent))
    await phone.reach("web_push", "email")
    return phone


async def lapse(world: World, sarah: Phone) -> None:
    """Tell steps 1: she bought yoga things, and then nothing for sixty days."""
    await sarah.set(tier="plus", points=420, home_lat=43.73, home_lon=7.42)
    await sarah.track("purchase", sku="yoga-top", category="yoga", value=49.0)
    await world.at("2026-01-20T17:00")
    await sarah.track("purchase", sku="yoga-mat", category="yoga", value=39.0)
    await world.news()
    await world.at("2026-03-21T16:59:59")

    assert await world.told("audience", "claim", "step") == []

    await world.at("2026-03-21T17:00:01")
    (joined,) = [r for r in await world.news() if r.kind == "audience"]

    assert (joined.body["audience_id"], joined.body["on"]) == ("yoga-lapsed", "join")
    assert text(joined.at_ms)[:19] == "2026-03-21T17:00:00"


async def become_known(world: World) -> Phone:
    """Tell steps 4 and 5: a visitor with a cart turns out to be Sarah."""
    await world.at("2026-06-09T08:10")
    web = world.phone("sarah-web", "sarah", anonymous_id="web-visitor")
    web.user_id = None
    world.know_visitor("web-visitor")
    await web.agree(collect="y", personalisation="y")
    await web.track("page_viewed", utm_campaign="luma-yoga-ad")
    await world.at("2026-06-09T08:12")
    await web.track("product_viewed", sku="yoga-shorts", category="yoga")
    assert await world.told("claim", "step") == []

    await world.at("2026-06-09T08:21")
    await web.track("cart_updated", sku="yoga-shorts", value=59.00)
    assert await world.told("claim", "step") == [
        "web-visitor cart-reminder entered",
        "web-visitor cart-reminder patience waits",
    ]

    await world.at("2026-06-09T08:24")
    web.user_id = "sarah"
    await web.send({"type": "identify", "user_id": "sarah"})
    sarah_id = world.id_of("sarah")
    known = (await world.gateway.store.persons([sarah_id]))[sarah_id]

    assert known.runs["cart-reminder"].at is not None
    assert {"purchase", "product_viewed"} <= known.summaries.keys()
    values = {e.purpose: e.value for e in await world.gateway.store.consents(sarah_id)}
    assert values["marketing"] == "y"
    return web


async def buy(world: World, web: Phone, sofia: Phone) -> None:
    """Tell step 7: she buys with the coupon."""
    await world.at("2026-06-09T10:41")
    await world.news()
    await web.set(points=473)
    await web.track("purchase", order=1001, sku="yoga-shorts", value=53.10, coupon="ten-percent")
    news = await world.news()
    told = list(world.lines(news))

    assert "sarah cart-reminder patience ended goal_reached" in told
    assert {"sarah free-class entered", "sarah free-class silence waits"} <= set(told)
    left = next(r for r in news if r.kind == "audience")
    ended = next(r for r in news if r.kind == "step" and r.body["reason"] == "goal_reached")
    assert (left.body["audience_id"], left.body["on"]) == ("yoga-lapsed", "leave")
    assert left.at_ms == ended.at_ms == ms("2026-06-09T10:41")
    assert [line for line in told if "SENT" in line] == ["sarah order-confirmation SENT email"]
    assert "email: Order 1001 | Order 1001: 53.1 EUR. You have 473 points." in world.words()

    await sofia.set(points=473)
    await sofia.track("purchase", order=1002, sku="yoga-shorts", value=53.10)
    assert await world.told() == ["sofia order-confirmation SENT email"]


async def be_reminded(world: World, web: Phone, sarah: Phone) -> None:
    """Tell steps 8 and 9: the mail is clicked, no class booked, so the nearest studio is named."""
    await world.at("2026-06-09T19:06")
    (sent,) = [r for r in await world.claims("sarah") if r.body["outcome"] == "send"]
    await web.react(sent.body["delivery_id"], "clicked")
    assert await world.told("claim", "step") == []

    await world.at("2026-06-10T10:20")
    await sarah.fix(A)
    await world.at("2026-06-10T10:41:30")
    assert await world.told() == ["sarah free-class/free-class-reminder SENT web_push"]

    reminder = (await world.claims("sarah"))[-1]
    (cap,) = check_of(reminder, "caps")["inputs"]["rules"]
    assert text(reminder.at_ms) == "2026-06-10T10:41:00"
    assert (cap["used"], cap["limit"]) == (0, 3)
    wanted = "web_push: A free class for you | Studio Fontvieille, 342 m from here"
    assert world.words()[-1] == wanted
    await world.at("2026-06-10T12:10")
    await sarah.react(reminder.body["delivery_id"], "clicked")


async def go_to_class(world: World, sarah: Phone, nogeo: Phone, noloc: Phone) -> None:
    """Tell step 10: she is greeted once, and one stray fix makes nobody leave."""
    there = walk(A, STUDIO_FONTVIEILLE, "2026-06-11T09:30:00")
    inside = stand(STUDIO_FONTVIEILLE, there[-1].at_ms + 60_000, "2026-06-11T09:40:00")
    await world.news()
    await walk_together(world, [*there, *inside], sarah, nogeo, noloc)
    news = await world.news()
    (entered,) = [r for r in news if r.kind == "transition" and r.person_id == world.id_of("sarah")]

    check_crossing(entered, "enter", "2026-06-11T09:34:23")
    told = list(world.lines(r for r in news if r.kind == "claim"))
    assert told == ["sarah studio-greeting SENT in_app", "nogeo studio-greeting WITHHELD consent"]
    greeting = (await world.claims("sarah"))[-1]
    (cap,) = check_of(greeting, "caps")["inputs"]["rules"]
    assert (cap["used"], cap["limit"]) == (1, 3)
    (shown,) = await sarah.look()
    assert shown["content"]["body"] == "The next class is at 10:00."
    assert await sarah.look() == []
    await world.news()


async def walk_together(world: World, readings: list[Reading], *phones: Phone) -> None:
    """Let everybody walk the same way."""
    await world.play(*((phone, readings) for phone in phones))


async def upload_again(world: World, sarah: Phone) -> None:
    """Upload her walk once more, shuffled: everything is a duplicate."""
    kept = [event for event in sarah.uploaded if event["type"] == "fix"][-30:]
    answer = await sarah.upload(kept[::-1])

    assert answer["verdicts"]["accepted"] == []
    assert {other["verdict"] for other in answer["verdicts"]["others"]} == {"duplicate"}
    assert await world.told("claim", "step", "transition") == []


async def attend(world: World, *phones: Phone) -> None:
    """Tell the rest of step 10: offer, stray fix, class."""
    await world.at("2026-06-11T09:40:00")
    await phones[0].track("offer_redeemed", offer="free-class")
    standing = stand(STUDIO_FONTVIEILLE, "2026-06-11T09:41:00", "2026-06-11T10:20:00")
    await walk_together(world, standing, *phones)
    await world.at("2026-06-11T10:20:30")
    for phone in phones:
        await phone.fix((43.732535, 7.416387), 5.0)
    standing = stand(STUDIO_FONTVIEILLE, "2026-06-11T10:21:00", "2026-06-11T11:20:00")
    await walk_together(world, standing, *phones)
    await world.at("2026-06-11T11:20:00")
    assert await world.told("claim", "transition") == []
    for phone in phones:
        await phone.track("class_attended", studio="studio-fontvieille")


async def leave(world: World, sarah: Phone, nogeo: Phone, noloc: Phone) -> None:
    """Tell step 11: on the way out comes the offer of a class pack."""
    still = stand(STUDIO_FONTVIEILLE, "2026-06-11T11:21:00", "2026-06-11T11:30:00")
    back = walk(STUDIO_FONTVIEILLE, A, "2026-06-11T11:30:00")
    await walk_together(world, [*still, *back], sarah, nogeo, noloc)
    news = await world.news()
    (gone,) = [r for r in news if r.kind == "transition" and r.person_id == world.id_of("sarah")]

    check_crossing(gone, "exit", "2026-06-11T11:30:46")
    assert abs(gone.body["duration_s"] - 6_983) <= 120
    told = list(world.lines(r for r in news if r.kind == "claim"))
    assert told == [
        "sarah first-class-pack/offer SENT web_push",
        "nogeo first-class-pack/offer WITHHELD consent",
    ]
    offer = (await world.claims("sarah"))[-1]
    (cap,) = check_of(offer, "caps")["inputs"]["rules"]
    assert (cap["used"], cap["limit"]) == (2, 3)
    await check_nowhere(world, noloc)


async def check_nowhere(world: World, noloc: Phone) -> None:
    """Assert that who is not to be located was refused each fix, and is nowhere in any store."""
    records = [r for r in await world.records() if r.person_id == world.id_of("noloc")]
    others = noloc.answers[-1]["verdicts"]["others"]
    tracks = await world.gateway.store.tracks(["noloc-phone"])
    trails = [msgspec.msgpack.decode(body)["trail"]["fixes"] for body in tracks.values()]
    kept = [r.body for r in await world.gateway.store.history.page(0, 10_000)]
    log = [repr(record) for record in await log_of(world.gateway.store)]

    assert not [r for r in records if r.kind == "transition"]
    assert [(other["verdict"], other["code"]) for other in others] == [("rejected", "consent")]
    assert not any(trails)
    assert not [body for body in kept if b"43.7" in body]
    assert not [one for one in log if "device_id='noloc-phone'" in one and "Fix(" in one]


async def attend_in_the_evening(world: World, late: Phone) -> None:
    """Let somebody take the evening's class and leave at ten past nine."""
    there = walk(A, STUDIO_FONTVIEILLE, "2026-06-11T19:00:00")
    inside = stand(STUDIO_FONTVIEILLE, there[-1].at_ms + 60_000, "2026-06-11T21:00:00")
    await world.play((late, [*there, *inside]))
    await world.at("2026-06-11T21:00:00")
    await late.track("class_attended", studio="studio-fontvieille")
    inside = stand(STUDIO_FONTVIEILLE, "2026-06-11T21:01:00", "2026-06-11T21:09:14")
    back = walk(STUDIO_FONTVIEILLE, A, "2026-06-11T21:09:14")
    await world.news()
    await world.play((late, [*inside, *back]))


async def be_capped(world: World, sarah: Phone) -> None:
    """Tell step 12: she buys the pack, and the week has no slot left."""
    await world.at("2026-06-12T18:00")
    await sarah.track("purchase", order=1002, sku="class-pack-5", value=75.00)
    await world.at("2026-06-13T10:00")
    await world.news()
    await sarah.track("weekend_sale")
    assert await world.told() == ["sarah weekend-sale WITHHELD frequency_cap"]

    sale = (await world.claims("sarah"))[-1]
    (cap,) = check_of(sale, "caps")["inputs"]["rules"]
    assert (cap["used"], cap["limit"]) == (3, 3)
    assert text(cap["next_ms"]) == "2026-06-17T10:41:00"


async def test_story_1(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Sarah comes back to yoga: what she gets, what she does not get, and why."""
    async with open_world(tmp_path, "2025-11-14T10:00") as world:
        await world.publish(*(DOCUMENTS / name for name in FIRST))
        sarah = await arrive(world, "sarah-phone", "sarah")
        await lapse(world, sarah)
        await world.at(PUBLISHED)
        await world.publish(DOCUMENTS)
        sofia = await arrive(world, "sofia")
        await sofia.agree("email", marketing="n")
        web = await become_known(world)
        await buy(world, web, sofia)
        await be_reminded(world, web, sarah)
        nogeo = await arrive(world, "nogeo", location_marketing="n")
        noloc = await arrive(world, "noloc", location_collect="u")
        late = await arrive(world, "late")
        await go_to_class(world, sarah, nogeo, noloc)
        await upload_again(world, sarah)
        await attend(world, sarah, nogeo, noloc)
        await leave(world, sarah, nogeo, noloc)
        await attend_in_the_evening(world, late)
        assert await world.told() == ["late first-class-pack/offer DEFERRED 2026-06-12T08:00:00"]
        await world.at("2026-06-12T08:30")
        assert await world.told() == ["late first-class-pack/offer SENT web_push"]
        await be_capped(world, sarah)
        assert metres(A, STUDIO_FONTVIEILLE) - 60 == pytest.approx(342, abs=1)
        await check_golden(world, HERE / "golden.txt", update=update)
        await check_again(world)
        await check_backtest(world, PUBLISHED)


async def test_story_1_message_that_would_end_in_the_night_is_withheld(tmp_path: Path) -> None:
    """With the default age of messages by place nothing is deferred to the morning."""
    async with open_world(tmp_path, "2026-06-11T18:00") as world:
        await world.publish(DOCUMENTS, but={LONG_LIVED: ""})
        late = await arrive(world, "late")
        await attend_in_the_evening(world, late)

        assert await world.told() == ["late first-class-pack/offer WITHHELD expires_in_quiet_hours"]
        await check_again(world)
