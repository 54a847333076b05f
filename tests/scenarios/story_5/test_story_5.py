"""Story 5. Sève: the monthly moisturiser."""

from pathlib import Path

import pytest

from fencepost_channels.errors import Gone, Unknown
from scenarios.again import check_again
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.later import Later
from scenarios.phone import GRANTED, Phone
from scenarios.rig import World, open_world
from scenarios.telling import check_of
from scenarios.ways import ms

DOCUMENTS = Path(__file__).parent / "documents"
GOLDEN = Path(__file__).parent / "golden.txt"
PUBLISHED = "2026-04-05T12:00"
PEOPLE = ("nora", "odile", "pia", "quinn", "remi")
NUMBERS = {"pia": "+33612000001", "remi": "+33612000002"}

pytestmark = pytest.mark.feature("J05", "S13", "C05", "S07", "N13")

LATER = (
    Later(
        5, 2, "D06", "one-time code and tracked link; the offer is a template by what was bought"
    ),
    Later(5, 3, "Q16", "the link's page, and the preview that counts nothing"),
    Later(5, 4, "D06", "the code that passes to the mail"),
    Later(5, 5, "Q15", "an SMS that says stop; a link that has expired"),
)


async def arrive(world: World, name: str) -> Phone:
    """Bring a customer in."""
    phone = world.phone(name)
    if name == "quinn":
        await phone.agree(collect="y")
    elif name == "odile":
        await phone.agree(**(GRANTED | {"marketing": "u"}))
        await phone.agree("email", marketing="y")
    else:
        await phone.agree()
    if name in NUMBERS:
        await phone.reach("sms", "email", sms=NUMBERS[name])
    else:
        await phone.reach("sms", "email")
    return phone


async def buy(world: World, moment: str, sku: str, *phones: Phone) -> None:
    """Let people buy."""
    await world.at(moment)
    for phone in phones:
        await phone.track("purchase", sku=sku)


async def join(world: World) -> dict[str, Phone]:
    """Tell step 1: the third purchase brings everybody in, in the same commit."""
    await world.publish(DOCUMENTS / "audience.yaml", DOCUMENTS / "policy.yaml")
    phones = {name: await arrive(world, name) for name in PEOPLE}
    everybody = phones.values()
    await buy(world, "2026-02-03T15:00", "moisturiser-a", *everybody)
    await buy(world, "2026-03-05T15:00", "moisturiser-a", *everybody)
    await buy(world, "2026-03-24T15:00", "toner", phones["nora"])
    await world.at(PUBLISHED)
    await world.publish(DOCUMENTS)
    await world.news()
    await buy(world, "2026-04-05T15:12", "moisturiser-a", *everybody)
    news = await world.news()

    joined = [r for r in news if r.kind == "audience"]
    assert [r.body["on"] for r in joined] == ["join"] * 5
    assert {r.at_ms for r in news} == {ms("2026-04-05T15:12")}
    waits = [line for line in world.lines(news) if line.endswith("waits")]
    assert waits == [f"{name} same-brand-care morning waits" for name in PEOPLE]
    return phones


async def be_offered(world: World) -> None:
    """Tell steps 2 and 4: each gets it where it may go, and nobody twice."""
    world.answers |= {NUMBERS["pia"]: Gone("invalid"), NUMBERS["remi"]: Unknown("cut")}
    await world.at("2026-04-06T10:00")
    news = await world.news()
    claims = [r for r in news if r.kind == "claim"]
    assert sorted(world.lines(claims)) == [
        "nora same-brand-care/exfoliator SENT sms",
        "odile same-brand-care/exfoliator SENT email",
        "pia same-brand-care/exfoliator SENT email",
        "pia same-brand-care/exfoliator SENT sms",
        "quinn same-brand-care/exfoliator WITHHELD consent",
        "remi same-brand-care/exfoliator SENT sms",
    ]
    assert {claim.at_ms for claim in claims} == {ms("2026-04-06T10:00")}
    (odile,) = [r for r in claims if world.names[r.person_id] == "odile"]
    refused = [(c["gate"], c["channel"]) for c in odile.body["checks"] if not c["ok"]]
    assert refused == [("consent", "sms")]
    mail = next(r for r in claims if any(c["gate"] == "untried" for c in r.body["checks"]))
    (cap,) = check_of(mail, "caps")["inputs"]["rules"]
    assert (cap["used"], cap["limit"]) == (0, 1)
    assert sorted(world.words()) == [
        "email: An exfoliator for you | Of the brand you like.",
        "email: An exfoliator for you | Of the brand you like.",
        "sms: An exfoliator for you.",
    ]
    ended = {world.names[r.person_id]: r.body["state"] for r in news if r.kind == "outcome"}
    assert ended["remi"] == "unknown"
    pia = (await world.gateway.store.persons([world.id_of("pia")]))[world.id_of("pia")]
    assert sorted(pia.reach) == ["email"]


async def ask_for_more(world: World, nora: Phone) -> None:
    """Tell step 3, and that slots are kept: what nobody knows the end of has used its own."""
    await world.at("2026-04-06T10:12")
    (sent,) = await world.claims("nora")
    await nora.react(sent.body["delivery_id"], "clicked")
    await nora.track("landing_viewed", page="care")
    assert await world.told("claim", "step") == []

    await world.at("2026-04-07T10:00")
    for name in ("nora", "pia", "remi"):
        await world.start("spring-news", name, key=f"news-{name}")
    assert await world.told() == [
        f"{name} spring-news WITHHELD frequency_cap" for name in ("nora", "pia", "remi")
    ]


async def test_story_5(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Who is reached, where, and with which words; and whom nothing may reach."""
    async with open_world(tmp_path, "2026-02-03T10:00") as world:
        phones = await join(world)
        await be_offered(world)
        await ask_for_more(world, phones["nora"])
        await check_golden(world, GOLDEN, update=update)
        await check_again(world)
        # In a backtest every provider accepts: Pia has her SMS, and Rémi has his.
        await check_backtest(world, PUBLISHED, but=("pia same-brand-care", "remi same-brand-care"))


async def test_story_5_who_has_bought_it_lately_gets_the_other(tmp_path: Path) -> None:
    """What was bought within thirty days is not offered; with both bought nothing is."""
    async with open_world(tmp_path, "2026-02-03T10:00") as world:
        await world.publish(DOCUMENTS)
        nora, pia = [await arrive(world, name) for name in ("nora", "pia")]
        await buy(world, "2026-02-03T15:00", "moisturiser-a", nora, pia)
        await buy(world, "2026-03-05T15:00", "moisturiser-a", nora, pia)
        await buy(world, "2026-03-24T15:00", "exfoliator", nora, pia)
        await buy(world, "2026-03-24T15:00", "toner", pia)
        await buy(world, "2026-04-05T15:12", "moisturiser-a", nora, pia)
        await world.at("2026-04-06T12:00")

        assert await world.told() == ["nora same-brand-care/toner SENT sms"]
        await check_again(world)


async def test_story_5_who_buys_twice_a_month_is_not_monthly(tmp_path: Path) -> None:
    """Three purchases, two of them a fortnight apart, bring nobody in."""
    async with open_world(tmp_path, "2026-02-03T10:00") as world:
        await world.publish(DOCUMENTS)
        nora = await arrive(world, "nora")
        for moment in ("2026-02-03T15:00", "2026-03-22T15:00", "2026-04-05T15:12"):
            await buy(world, moment, "moisturiser-a", nora)
        await world.at("2026-04-10T12:00")

        assert await world.told("audience", "claim", "step") == []
