"""Story 8. The whole loop by one person in an hour."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.decide.tongue import ENGLISH
from fencepost_gateway.lab.backtest_words import as_json
from fencepost_gateway.lab.dossiers import open_folder
from fencepost_gateway.lab.estimate import Wish, estimate
from fencepost_gateway.reports.journey_words import tell_journey
from scenarios.again import check_again
from scenarios.backtest import check_backtest
from scenarios.golden import check_golden
from scenarios.later import Later
from scenarios.phone import Phone
from scenarios.rig import World, open_world
from scenarios.ways import STORE, E, ms, stand, walk

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
BEGIN = "2026-05-09T10:00"
PUBLISHED = "2026-06-09T09:00"
PEOPLE = tuple(f"p{number:02}" for number in range(1, 21))
CLICKED = PEOPLE[:9]
LINK, DEAD_LINK = "https://luma.example/welcome", "https://luma.example/gone"
THANKS = "  - id: thanks\n    message: {template: thanks, channels: [in_app]}\n"
FIRST = {LINK: DEAD_LINK, "timeout: 2d": "timeout: 1d", THANKS: ""}  # version 1

pytestmark = pytest.mark.feature("J02", "J11", "T01", "T02", "T04", "S12", "S16", "N13")

LATER = (Later(8, 5, "Q09", "audit of who published, in the console"),)


def test_story_8_typing_error_is_found_with_its_line(tmp_path: Path) -> None:
    """`fencepost check` doubts an attribute that nobody else names, and says where it stands."""
    folder = tmp_path / "documents"
    copy_with(folder, "person.tier |", "person.tierr |")
    found = CliRunner().invoke(cli, ["check", str(folder)])
    where = f"journeys.yaml:{line_of('person.tier |')}: template hello, in_app.body"

    assert f"{where}: warning: person.tierr" in found.output
    assert "did you mean person.tier?" in found.output


async def test_story_8_dead_link_is_found(tmp_path: Path) -> None:
    """`fencepost check --links` asks for the page, and says where it is linked when it is gone."""
    async with TestServer(web.Application()) as server:  # it has no page at all
        page = str(server.make_url("/gone"))
        folder = tmp_path / "documents"
        copy_with(folder, LINK, page)
        found = await asyncio.to_thread(CliRunner().invoke, cli, ["check", "--links", str(folder)])

    assert f"journeys.yaml:{line_of(LINK)}: template welcome, email.text: {page}" in found.output
    assert found.exit_code == 1


def copy_with(folder: Path, before: str, after: str) -> None:
    """Copy the documents with other words in one of them."""
    shutil.copytree(DOCUMENTS, folder)
    path = folder / "journeys.yaml"
    path.write_text(path.read_text("utf-8").replace(before, after), "utf-8")


def line_of(words: str) -> int:
    """Say in which line of the journeys some words stand."""
    written = (DOCUMENTS / "journeys.yaml").read_text("utf-8")
    return written[: written.index(words)].count("\n") + 1


def test_story_8_rehearsal_of_a_drawn_path() -> None:
    """`fencepost simulate`: Tessa comes in, has stayed five minutes, and would get her message."""
    scenario, wanted = HERE / "tessa.yaml", HERE / "tessa.expect.yaml"
    found = CliRunner().invoke(cli, ["simulate", str(scenario), "--expect", str(wanted)])

    assert found.exit_code == 0, found.output


def test_story_8_snippet_sends_the_event_that_is_defined() -> None:
    """`fencepost snippet` prints a call that names the event and an example of each property."""
    found = CliRunner().invoke(cli, ["snippet", "landing-viewed", str(DOCUMENTS)])

    assert '"name": "landing_viewed"' in found.output
    assert '"props": {"page": "spring"}' in found.output


def files(before: str = "", after: str = "") -> list[dict[str, str]]:
    """Give the documents as files, perhaps with other words in one of them."""
    found = []
    for each in sorted(DOCUMENTS.glob("*")):
        text = each.read_text("utf-8")
        found.append({"path": each.name, "text": text.replace(before, after) if before else text})
    return found


async def arrive(world: World, name: str) -> Phone:
    """Bring somebody in."""
    phone = world.phone(name)
    await phone.agree()
    await phone.reach("email", "web_push")
    return phone


async def define(world: World, phone: Phone) -> None:
    """Tell step 1: an event that breaks its definition is refused, its neighbour is not."""
    await phone.track("landing_viewed", page=7)
    (refused,) = phone.answers[-1]["verdicts"]["others"]
    assert (refused["verdict"], refused["path"]) == ("rejected", "props.page")
    await phone.track("landing_viewed", page="spring")
    assert phone.answers[-1]["verdicts"]["others"] == []
    (told,) = (await world.get("/v1/tail?user=p01&last=1"))["happened"]
    assert told["words"] == ["event landing_viewed with page"]
    assert await world.told("claim", "step") == []


async def live_a_month(world: World) -> dict[str, Phone]:
    """Let people look at pages for a month; nothing is sent, for no journey is live."""
    phones = {name: await arrive(world, name) for name in PEOPLE}
    await define(world, phones["p01"])
    for number, name in enumerate(PEOPLE):
        await world.at(f"2026-05-{10 + number:02}T12:00")
        page = "weekend" if number % 5 == 0 else "spring"
        await phones[name].track("landing_viewed", page=page)
    refuser = await arrive(world, "refuser")
    await refuser.agree("email", marketing="n")
    await refuser.track("landing_viewed", page="spring")
    assert await world.told("claim", "step") == []
    return phones


def ask(world: World) -> dict[str, Any]:
    """Ask what the documents would have sent within the last thirty days."""
    wish = Wish(documents=(DOCUMENTS,), begin="2026-05-10", end="2026-06-09", workers=1)
    with open_folder(world.folder, world.gateway.settings.workspace) as source:
        return as_json(*estimate(source, wish, lambda _: None, lambda _: None))


async def predict(world: World) -> None:
    """Tell step 4: sends a day, twice the same, and nobody is called."""
    found = await asyncio.to_thread(ask, world)
    assert found == await asyncio.to_thread(ask, world)
    assert (found["sends"], found["withheld"]) == (24, {"consent": 1})
    assert found["by_channel"] == {"email": 20, "web_push": 4}
    assert found["by_day"]["2026-05-10"] == 2
    assert world.evidence.calls == 0


async def rehearse(world: World) -> None:
    """Tell step 3: a tester walks through what is not live yet, and nothing else hears of it."""
    tessa = await arrive(world, "tessa")
    await tessa.set(tier="plus")
    await world.try_out(files())
    await world.at("2026-06-08T11:00:00")
    await world.news()
    there = walk(E, STORE, "2026-06-08T11:00:00")
    inside = stand(STORE, there[-1].at_ms + 60_000, "2026-06-08T11:08:30")
    await world.play((tessa, [*there, *inside]))
    news = await world.news()
    enter, dwell = (r for r in news if r.kind == "transition")
    assert (enter.body["kind"], dwell.body["kind"]) == ("enter", "dwell")
    assert dwell.body["after_s"] == 300
    assert dwell.body["at_ms"] - enter.body["crossed_at_ms"] == pytest.approx(300_000, abs=30_000)
    assert {r.kind for r in news} == {"transition"}
    found = await world.get("/v1/trial/persons/tessa")
    (shown,) = found["messages"]
    assert (shown["step_id"], shown["channel"], shown["state"]) == ("hello", "in_app", "sent")
    assert shown["content"]["body"] == "As plus you try first."
    assert not [r for r in found["records"] if r["body"].get("campaign_id", "welcome") != "welcome"]
    report = await world.get("/v1/outcomes")
    assert (report["total"], report["tests"], world.evidence.calls) == (0, 0, 0)
    await world.end_trial()


async def meet_the_dead_link(world: World, phones: dict[str, Phone]) -> None:
    """Tell step 5: nine click, and none of them goes on."""
    await world.at("2026-06-09T12:00")
    await world.news()
    for phone in phones.values():
        await phone.track("landing_viewed", page="spring")
    assert await world.told() == [f"{name} welcome/mail SENT email" for name in PEOPLE]
    mails = [words for words in world.words() if words.startswith("email")]
    assert all(DEAD_LINK in words for words in mails)
    await world.at("2026-06-09T13:00")
    for name in CLICKED:
        (sent,) = await world.claims(name)
        await phones[name].react(sent.body["delivery_id"], "clicked")
    waits = [line for line in await world.told("step") if line.endswith("tour waits")]
    assert waits == [f"{name} welcome tour waits" for name in CLICKED]
    await check_where_they_are(world)
    await check_the_dead_link_is_named(world)


async def check_where_they_are(world: World) -> None:
    """Assert what is said of the steps: twenty had the mail, nine came on, none of them goes on."""
    steps = (await world.get("/v1/journeys/welcome"))["steps"]
    brief = {each["step"]: (each["came"], each["went"], each["waiting"]) for each in steps}
    assert brief["mail"] == (20, {"": 20}, 0)
    assert brief["reaction"] == (20, {"clicked": 9}, 11)
    assert brief["tour"] == (9, {}, 9)


async def check_the_dead_link_is_named(world: World) -> None:
    """Assert what the report says of the mail: its link, since when it is dead, and 9 and 0."""
    world.outside.gone = {DEAD_LINK}
    assert await world.gateway.links.step() > 0
    answer = await world.get("/v1/journeys/welcome")
    (mail,) = (each for each in answer["stuck"]["messages"] if each["step"] == "mail")
    assert (mail["sent"], mail["clicked"], mail["went_on"]) == (20, 9, 0)
    (link,) = mail["broken_links"]
    assert (link["url"], link["status"]) == (DEAD_LINK, 404)
    said = [line.strip() for line in tell_journey(answer, ENGLISH)]
    counts = "20 sent, 9 delivered, 9 opened, 9 clicked, 0 went on after it"
    where = said.index(f"message v1 mail: {counts}")
    assert said[where + 1] == f"BROKEN LINK {DEAD_LINK} answers 404 since {link['since']}"


async def check_the_link_is_mended(world: World) -> None:
    """Assert that the mended version has no dead link, and that going on is counted by now."""
    assert await world.gateway.links.step() > 0
    found = (await world.get("/v1/journeys/welcome"))["stuck"]["messages"]
    mails = {each["version"]: each for each in found if each["step"] == "mail"}
    assert [mails[2][name] for name in ("sent", "clicked", "went_on")] == [1, 1, 1]
    assert [mails[1][name] for name in ("sent", "clicked", "went_on")] == [20, 9, 1]
    assert not any(each["broken_links"] for each in found)


async def mend(world: World, phones: dict[str, Phone]) -> None:
    """Tell the rest of step 5: v2 is for those who come after; back and forward once."""
    await world.publish(DOCUMENTS)
    late = await arrive(world, "newcomer")
    await late.track("landing_viewed", page="spring")
    assert LINK in world.words()[-1]
    (sent,) = await world.claims("newcomer")
    await late.react(sent.body["delivery_id"], "clicked")
    for version, following in ((1, 3), (2, 4)):
        turned = await world.control("welcome", "rollback", to=version, who="ann")
        assert (turned["text_of"], turned["version"]) == (version, following)
    acts = (await world.get("/v1/journeys/welcome"))["acts"]
    assert [(act["action"], act["by"], act["detail"]) for act in acts] == [
        ("rollback", "operator ann", "v2 again as v4"),
        ("rollback", "operator ann", "v1 again as v3"),
    ]
    await world.news()
    for phone in (phones["p01"], late):
        await phone.track("tour_begun")
    assert await world.told("claim", "step") == [
        "p01 welcome tour took event",
        "p01 welcome end ended completed",
        "newcomer welcome tour took event",
        "newcomer welcome thanks took",
        "newcomer welcome/thanks SENT in_app",
        "newcomer welcome end ended completed",
    ]
    await check_the_link_is_mended(world)
    await world.at("2026-06-13T13:00")
    over = {
        world.names[row.person_id]: (row.body["campaign_version"], row.at_ms)
        for row in await world.news()
        if row.kind == "step" and (row.body["step_id"], row.body["way"]) == ("tour", "timeout")
    }
    assert over == {name: (1, ms("2026-06-10T13:00")) for name in CLICKED if name != "p01"}


async def apply_what_is_live(world: World) -> None:
    """Tell step 6: what is live, applied again, changes nothing; one changed text is one line."""
    same = await world.plan(files())
    assert same["changed"] == []
    plan = await world.plan(files("You have seen it all.", "You have seen everything."))
    (changed,) = plan["changed"]
    assert (changed["kind"], changed["id"], len(changed["differences"])) == (
        "template",
        "thanks",
        1,
    )


async def test_story_8(tmp_path: Path, update: bool) -> None:  # noqa: FBT001 - a fixture
    """Define, predict, publish, meet a mistake, mend it, and know what is live."""
    async with open_world(tmp_path, BEGIN) as world:
        first = (DOCUMENTS / name for name in ("events.yaml", "fences.yaml", "policy.yaml"))
        await world.publish(*first)
        phones = await live_a_month(world)
        await rehearse(world)
        await world.at(PUBLISHED)
        await predict(world)
        await world.publish(DOCUMENTS, but=FIRST)
        await meet_the_dead_link(world, phones)
        await check_backtest(world, PUBLISHED)
        await mend(world, phones)
        await apply_what_is_live(world)
        await check_golden(world, HERE / "golden.txt", update=update)
        await check_again(world)
