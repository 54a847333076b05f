"""A simulation: one invented person, the same engine, and a page that harms nobody."""

from __future__ import annotations

import json
import socket
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.errors import StartError
from fencepost_gateway.intake.wire import Context
from fencepost_gateway.lab.authored import read_authored
from fencepost_gateway.lab.device import Device
from fencepost_gateway.lab.expect import brief
from fencepost_gateway.lab.page import page
from fencepost_gateway.lab.rehearse import simulated_from
from fencepost_gateway.lab.scenario import Scenario
from fencepost_gateway.lab.script import script_of, start_of
from fencepost_gateway.lab.simulate import Simulated, named
from fencepost_gateway.lab.sketch import spans_of
from fencepost_gateway.lab.timeline import tongue_of
from gateway.rig import Rig, open_rig

ROOT = Path(__file__).resolve().parents[3]
TRY_IT = ROOT / "examples" / "try-it"
OLD_TOWN = ROOT / "examples" / "old-town"
MONDAY = TRY_IT / "monday.yaml"
HOSTILE = "</script><img src=x onerror=alert(1)>\"' onload='x"


def simulate(*arguments: object) -> tuple[int, str, str]:
    """Run ``fencepost simulate``; gives exit code, output and error output."""
    done = CliRunner().invoke(cli, ["simulate", *map(str, arguments)])
    if isinstance(done.exception, StartError):
        return 1, done.stdout, str(done.exception)
    return done.exit_code, done.stdout, done.stderr


def written(folder: Path, text: str, documents: str = "") -> Path:
    """Write a scenario, beside documents of its own if there are any."""
    if documents:
        (folder / "documents").mkdir()
        (folder / "documents" / "all.yaml").write_text(documents)
    path = folder / "scenario.yaml"
    path.write_text("kind: scenario\nid: s\n" + text)
    return path


def briefs(simulated: Simulated) -> list[str]:
    """Give what came of it, line by line."""
    found = (brief(told.kind, told.body) for told in simulated.timeline)
    return [line for line in found if line]


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))


@pytest.mark.feature("J01")
def test_example_comes_as_it_is_expected() -> None:
    """The example of the how-to: what comes of it is what its file of expectations says."""
    code, told, wrong = simulate(MONDAY, "--expect", TRY_IT / "monday.expect.yaml")

    assert (code, wrong) == (0, "")
    assert "waits at answer until 2026-06-08 19:36:00 Europe/Berlin" in told
    assert told.splitlines()[-1].endswith("Nothing was sent.")


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        ("answer by timeout", "answer by clicked", "+class-invitation/answer by timeout"),
        ("  - exit yoga-loft\n", "", "+exit yoga-loft"),
        ("+930m send", "+931m send", "++55800s send class-invitation by email"),
    ],
    ids=["another", "missing", "another-time"],
)
def test_difference_is_shown_and_fails(tmp_path: Path, line: str, instead: str, says: str) -> None:
    """What came otherwise than expected is a difference with an exit code, as a build needs."""
    expected = (TRY_IT / "monday.expect.yaml").read_text()
    assert line in expected
    (tmp_path / "expect.yaml").write_text(expected.replace(line, instead))
    code, _, wrong = simulate(MONDAY, "--expect", tmp_path / "expect.yaml")

    assert code == 1
    assert says in wrong.splitlines()


def test_replay_compares_too(tmp_path: Path) -> None:
    """``replay --expect`` fails with a difference as ``simulate`` does."""
    (tmp_path / "expect.yaml").write_text("kind: expect\nthen: [enter nowhere]\n")
    where = ["--fences", OLD_TOWN / "fences.geojson", "--track", OLD_TOWN / "walk.gpx"]
    more = ["--documents", OLD_TOWN / "documents", "--expect", tmp_path / "expect.yaml"]
    done = CliRunner().invoke(cli, ["replay", *map(str, where + more)])

    assert done.exit_code == 1
    assert "-enter nowhere" in done.stderr.splitlines()


async def lived(rig: Rig, scenario: Scenario, simulated: Simulated) -> list[tuple[Any, ...]]:
    """Let a live gateway be told what the scenario's device tells; gives its records."""
    needs = {"clock": rig.clock, "store": rig.gateway.store, "plans": rig.gateway.surface.plans}
    gateway: Any = SimpleNamespace(**needs)
    device = Device(gateway, named(scenario), Context(zone=scenario.person.zone))
    cues = [(cue.at_ms, cue.events) for cue in script_of(scenario, simulated.points)]
    reactions = [
        (told.at_ms, ({"type": "engagement", **_reaction(told.body)},))
        for told in simulated.timeline
        if told.kind == "outcome" and told.body["state"] in {"displayed", "clicked"}
    ]
    for at_ms, events in sorted([*cues, *reactions], key=lambda each: each[0]):
        await _pass_time(rig, at_ms)
        await device.tell(list(events), at_ms)
        await rig.settle()
    await _pass_time(rig, simulated.end_ms)
    rows = await rig.gateway.store.records(0, 1000)
    return [(row.at_ms, row.kind, row.subject, row.body) for row in rows]


def _reaction(body: dict[str, Any]) -> dict[str, str]:
    return {"delivery_id": body["delivery_id"], "action": body["state"]}


async def _pass_time(rig: Rig, until_ms: int) -> None:
    while (due_ms := await rig.gateway.store.next_due_ms()) is not None and due_ms <= until_ms:
        rig.clock.move_to(due_ms)
        await rig.settle()
    rig.clock.move_to(until_ms)


@pytest.mark.feature("J01")
async def test_simulation_has_the_records_of_a_live_gateway(tmp_path: Path) -> None:
    """The same facts give the same records, ids and checks of a SQLite gateway, byte for byte."""
    text = MONDAY.read_text().partition("kind: scenario\nid: monday\n")[2]
    later = "  - {at: +20h, event: class_viewed, props: {class: flow}}\n"  # behind waits and timers
    path = written(tmp_path, text + later)
    scenario, _ = read_authored(path, Scenario)
    files = sorted((TRY_IT / "documents").glob("*.yaml"))
    fences = json.loads((TRY_IT / "documents" / "fences.geojson").read_text())
    live_folder = tmp_path / "live"
    async with open_rig(live_folder, start_of(scenario), workspace="main") as rig:
        await rig.apply(*(file.read_text() for file in files), fences=fences)
        seed = rig.gateway.credentials.seed
        simulated = await simulated_from(path, [TRY_IT / "documents"], seed)
        live = await lived(rig, scenario, simulated)
    told = [(t.at_ms, t.kind, t.subject, t.body) for t in simulated.timeline if t.kind != "act"]

    assert [json.dumps(row) for row in told] == [json.dumps(row) for row in live]
    assert sum(kind == "claim" for _, kind, *_ in live) == 2


async def test_the_same_scenario_gives_the_same_again() -> None:
    """Ids, order and texts depend on scenario, documents and seed alone."""
    first, again = [await simulated_from(MONDAY, [], "s") for _ in range(2)]

    assert first.timeline == again.timeline


async def test_reaction_changes_the_way(tmp_path: Path) -> None:
    """A click on what went takes the way of the click; no reminder follows."""
    text = MONDAY.read_text().partition("kind: scenario\nid: monday\n")[2]
    path = written(tmp_path, text.replace("displayed: greet", "clicked: greet"))
    simulated = await simulated_from(path, [TRY_IT / "documents"], "s")

    assert "class-invitation/answer by clicked" in briefs(simulated)
    assert not any(line.startswith("send") and "email" in line for line in briefs(simulated))


async def test_reaction_to_nothing_is_said(tmp_path: Path) -> None:
    """A reaction whose message never went did not happen, and the output says so."""
    head = "start: 2026-06-08T09:00\nperson: {zone: UTC}\nevents: [{clicked: greet}]\n"
    simulated = await simulated_from(written(tmp_path, head), [TRY_IT / "documents"], "s")

    assert simulated.missed == ["clicked: greet"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("person: {zone: UTC}", "scenario.yaml:1: start"),
        ("start: soon\nperson: {zone: UTC}", "scenario.yaml:3: start: no moment"),
        ("start: 2026-06-08T09:00\nperson: {zone: Mars}", "no time zone"),
        (
            "start: 2026-06-08T09:00\nperson: {zone: UTC}\npath:\n  - {at: {fence: yoga-lof}}",
            "scenario.yaml:6: path.0: there is no fence yoga-lof; did you mean yoga-loft?",
        ),
        (
            "start: 2026-06-08T09:00\nperson: {zone: UTC}\npath: [{at: [9, 48]}, {to: [48, 9]}]",
            "km; if latitude and longitude changed places, turn them; else say how fast",
        ),
        (
            "start: 2026-06-08T09:00\nperson: {zone: UTC}\npath: [{at: [48.2, 11.1]}, {stay: 20d}]",
            "path.1: this leg takes 20 d; write stay: shorter",
        ),
        (
            "start: 2026-06-08T09:00\nperson: {zone: UTC}\npath: [{stay: 5m}]",
            "the path begins nowhere",
        ),
        (
            "start: 2026-06-08\nperson: {zone: UTC}\nevents: [{event: a, set: {b: 1}, at: +1m}]",
            "event and set at once; write exactly one of",
        ),
        (
            "start: 2026-06-08T09:00\nperson: {zone: UTC}\nevents: [{event: bought}]",
            "no time; add at: +5m",
        ),
    ],
    ids=["start", "moment", "zone", "fence", "far", "long", "nowhere", "both", "no-time"],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong with a scenario, at which line, and how to mend it."""
    code, _, wrong = simulate(written(tmp_path, text), TRY_IT / "documents")

    assert code == 1
    assert says in wrong


async def test_page_escapes_whatever_people_typed(tmp_path: Path) -> None:
    """Names, attributes, events and messages are text on the page, never markup."""
    said = json.dumps(HOSTILE)
    documents = f"""
kind: campaign
id: c
name: {said}
entry: {{event: {said}}}
when: {{person: x, is: {said}}}
message: {{template: t, channels: [in_app]}}
goal: none
---
kind: template
id: t
purpose: transactional
in_app: {{layout: banner, title: "T {{{{ person.x }}}}", body: {said}}}
---
kind: fence
id: f
name: {said}
place: {{name: {said}}}
circle: {{lat: 48.0, lon: 11.0, radius_m: 50}}
"""
    text = f"""name: {said}
start: 2026-06-08T09:00
person: {{user_id: {said}, zone: UTC, attributes: {{x: {said}}}}}
documents: [documents]
path: [{{at: [48.0, 11.0]}}, {{stay: 3m}}]
events: [{{at: +2m, event: {said}}}, {{clicked: t}}, {{clicked: u}}]
"""
    simulated = await simulated_from(written(tmp_path, text, documents), [], "s")
    shown = page(simulated, tongue_of(simulated, "en"))
    elements = Elements(shown).found

    assert any(told.content is not None for told in simulated.timeline)
    assert {tag for tag, _ in elements}.isdisjoint({"script", "img", "iframe", "object", "link"})
    assert not [name for _, attrs in elements for name in attrs if name.startswith("on")]
    assert HOSTILE not in shown


async def test_page_needs_no_network() -> None:
    """Nothing on the page is loaded from anywhere, and its policy forbids it."""
    simulated = await simulated_from(MONDAY, [], "s")
    for language in ("en", "ko"):
        shown = page(simulated, tongue_of(simulated, language))
        elements = Elements(shown).found
        leads = [attrs[n] or "" for _, attrs in elements for n in ("src", "href") if n in attrs]

        assert leads
        assert all(lead.startswith("#e") for lead in leads)
        assert "default-src 'none'" in shown
        assert "url(" not in shown
        assert "@import" not in shown


def test_simulation_opens_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is connected, whatever would be sent."""

    def refuse(*_arguments: object) -> None:
        raise AssertionError("a simulation has no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    code, told, _ = simulate(MONDAY, "--html", tmp_path / "p.html", "--json")

    assert code == 0
    assert json.loads(told)["sums"]["send"] == 2
    assert (tmp_path / "p.html").stat().st_size < 100_000


async def test_pins_and_entries_share_their_numbers() -> None:
    """Each pin of the map leads to an entry that is there."""
    simulated = await simulated_from(MONDAY, [], "s")
    elements = Elements(page(simulated, tongue_of(simulated, "en"))).found
    names = {attrs.get("id") for _, attrs in elements}

    assert {str(a["href"])[1:] for tag, a in elements if tag == "a"} <= names


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([1], "1"), ([1, 2, 3], "1\u20133"), ([3, 1, 2, 7], "1\u20133, 7"), ([4, 6], "4, 6")],
    ids=["one", "span", "unsorted", "apart"],
)
def test_numbers_are_written_briefly(numbers: list[int], text: str) -> None:
    """Neighbours are written as a span."""
    assert spans_of(numbers) == text
