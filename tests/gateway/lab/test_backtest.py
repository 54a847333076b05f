"""A backtest: what happened once more, under other documents, and what it says of itself."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.decide.message import ListedAddress
from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.errors import StartError
from fencepost_gateway.lab import backtest as lab
from fencepost_gateway.lab import editions
from fencepost_gateway.lab.backtest import backtest, job_of
from fencepost_gateway.lab.backtest_words import as_json, tell
from fencepost_gateway.lab.dossiers import Source, open_file, write_file
from fencepost_gateway.lab.estimate import Wish, estimate
from fencepost_gateway.lab.forecast import compare
from fencepost_gateway.lab.job import Edition, Window
from fencepost_gateway.lab.rerun import Life, shown
from fencepost_gateway.ports import RecordRow
from gateway.lab.lived import (
    ALWAYS,
    CART,
    CHANGED,
    DAY_MS,
    HOUR_MS,
    JOURNEY,
    cart,
    found_by,
    lived,
    lives,
    records_of,
    source_of,
    sums,
    walk,
    written,
)
from gateway.rig import (
    NOON_MS,
)


@pytest.mark.feature("N13")
async def test_backtest_of_what_was_live_gives_the_live_records(tmp_path: Path) -> None:
    """The same documents over the same history: the same steps and claims, byte for byte."""
    async with lived(tmp_path, ALWAYS) as rig:
        await cart(rig)
        await walk(rig)
        await cart(rig, 2 * HOUR_MS)
        live = await records_of(rig)
        with source_of(tmp_path) as source:  # beside the gateway, which holds the folder
            (life,) = await lives(source)

    assert [r.body["outcome"] for r in live] == ["entered", "send"] * 3
    assert written(life.rows) == written(live)
    assert [shown(r).get("body", {}).get("predicted", False) for r in life.rows] == [
        False, True, False, True, False, True
    ]  # fmt: skip


async def test_who_logs_in_lives_on_as_one_person(tmp_path: Path) -> None:
    """A visitor's events and consent are the known person's in a backtest too."""
    async with lived(tmp_path, ALWAYS) as rig:
        body = rig.batch({"type": "track", "name": "cart_updated"}, user_id=None)
        await rig.post(body | {"device_id": "other", "who": {"anonymous_id": "b"}},
                       **rig.device_headers("other"))  # fmt: skip
        await rig.settle()
        await cart(rig)
        live = await records_of(rig)
        with source_of(tmp_path) as source:
            found = [row for life in (await lives(source)) for row in life.rows]

    assert sorted(written(found)) == sorted(written(live))
    assert len(live) == 4


async def test_changed_document_says_who_is_gained_and_why(tmp_path: Path) -> None:
    """The first step in which the two lives differ, and what was decided in each."""
    async with lived(tmp_path, CART.replace("REENTRY", "never")) as rig:
        await cart(rig)
        await cart(rig)
        with source_of(tmp_path) as source:
            more = await found_by(source, ALWAYS)
            gone = await found_by(source, ALWAYS.replace("cart_updated", "cart_emptied"))
            other = await found_by(source, ALWAYS.replace("sms, email", "email"))
    (changed,), (lost,) = more.differences, gone.differences

    assert (changed.moved, lost.moved) == ("changed", "lost")
    assert changed.now == {"kind": "step", "campaign_id": "cart", "outcome": "entered"}
    assert changed.before == {
        "kind": "step",
        "campaign_id": "cart",
        "outcome": "not_entered",
        "reason": "reentry_never",
    }
    assert (lost.now, lost.before) == (
        None,
        {"kind": "step", "campaign_id": "cart", "outcome": "entered"},
    )
    assert other.forecasts[0].withheld == {("cart", "no_address"): 2}
    assert [f.reached for f in other.forecasts] == [0, 1]


async def test_what_was_decided_before_the_window_binds(tmp_path: Path) -> None:
    """Who had entered a campaign that admits once stays out; a taken slot counts for the cap."""
    caps = (
        "kind: caps\nid: default\nrules:\n  - {limit: 2, per: 24h, scope: {purpose: marketing}}\n"
    )
    async with lived(tmp_path, CART.replace("REENTRY", "never"), caps) as rig:
        await cart(rig)
        begin_ms = rig.clock.now_ms() + 1
        await cart(rig)
        await cart(rig)
        with source_of(tmp_path) as source:
            (once,) = await lives(source, begin_ms)
            (often,) = await lives(source, begin_ms, NOON_MS + DAY_MS, ALWAYS)

    assert [r.body["reason"] for r in once.rows] == ["reentry_never"] * 2
    assert [r.body["reason"] for r in often.rows] == ["", "", "", "frequency_cap"]


async def test_what_was_known_before_the_window_is_known_in_it(tmp_path: Path) -> None:
    """Attributes and counts come from before it; app events are counted inside it alone."""
    known = "{all: [{person: tier, is: gold}, {did: cart_updated, count: {min: 2}}]}"
    rule = ALWAYS.replace("reentry: always", f"reentry: always\nwhen: {known}")
    async with lived(tmp_path, ALWAYS) as rig:
        await rig.send({"type": "set", "traits": {"tier": "gold"}})
        await cart(rig)
        begin_ms = rig.clock.now_ms() + 1
        await cart(rig)
        with source_of(tmp_path) as source:
            (life,) = await lives(source, begin_ms, NOON_MS + DAY_MS, rule)

    assert [r.body["outcome"] for r in life.rows] == ["entered", "send"]
    assert life.events == 1


async def test_address_is_off_limits_from_the_moment_it_was(tmp_path: Path) -> None:
    """Before it was put on the list it could be used, in a backtest as it was then."""
    async with lived(tmp_path, ALWAYS) as rig:
        await cart(rig)
        people = await rig.gateway.store.persons(
            [(await rig.gateway.store.history.page(0, 1))[0].person_id]
        )
        (ref,) = [each.ref for person in people.values() for each in person.reach["sms"]]
        listed = ListedAddress("sms", ref, "stop", rig.clock.now_ms() + 1, "operator")
        await rig.gateway.store.lists.put("suppression", [listed])
        await cart(rig)
        with source_of(tmp_path) as source:
            (life,) = await lives(source)

    assert [r.body["reason"] for r in life.rows if r.kind == "claim"] == ["", "suppressed"]


async def test_test_persons_do_not_count(tmp_path: Path) -> None:
    """Neither in sums nor among those who fare otherwise."""
    tests = "kind: workspace\nid: w\ntesters: [u1]\n"
    async with lived(tmp_path, tests) as rig:
        await cart(rig)
        with source_of(tmp_path) as source:
            found = await found_by(source, ALWAYS)

    assert [(f.people, f.reached) for f in found.forecasts] == [(0, 0), (0, 0)]
    assert found.differences == []


async def test_time_alone_brings_people_in(tmp_path: Path) -> None:
    """Who has done nothing in the window, and is only known, leaves an audience as time passes."""
    lapsed = ALWAYS.replace("{event: cart_updated}", "{audience: lately, on: leave}") + (
        "---\nkind: audience\nid: lately\nwhen: {did: cart_updated, within: 7d}\n"
    )
    async with lived(tmp_path) as rig:
        await cart(rig)
        await rig.gateway.store.history.prune(rig.clock.now_ms(), rig.clock.now_ms() + 1, 500)
        with source_of(tmp_path) as source:
            begin_ms = rig.clock.now_ms() + HOUR_MS
            (life,) = await lives(source, begin_ms, begin_ms + 8 * DAY_MS, lapsed)

    (step, claim) = life.rows
    assert (step.body["outcome"], claim.body["outcome"]) == ("entered", "send")
    assert step.at_ms == NOON_MS + 60_000 + 7 * DAY_MS + 1


@pytest.mark.feature("N04")
@pytest.mark.parametrize("workers", [2, pytest.param(8, marks=pytest.mark.long)])
@pytest.mark.timeout(300)  # eight interpreters start, on however few cores
async def test_any_number_of_processes_comes_to_the_same(
    many: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice alone and by several processes: the same figures and the same differences."""
    monkeypatch.setattr(lab, "PORTION_ROWS", 100)
    with source_of(many) as source:
        changed = (CHANGED, JOURNEY)
        told = [sums(await found_by(source, *changed, workers=n)) for n in (1, 1, workers)]

    assert told[0] == told[1] == told[2]
    assert "changed" in told[0]
    assert "rescue" in told[0]


async def test_failure_in_a_process_is_told_here(many: Path) -> None:
    """Nobody takes half a backtest for a whole one."""
    with source_of(many) as source:
        broken = Edition("broken", [*source.head.documents])
        job = job_of(source, [broken], Window(NOON_MS, NOON_MS + DAY_MS))
        dossiers = [*source.dossiers(NOON_MS)][:1]
        dossiers[0].row, dossiers[0].rows = b"\xc1", []
        half = Source(source.head, lambda *_: iter(dossiers))

        with pytest.raises(RuntimeError, match="process of the backtest failed"):
            await asyncio.to_thread(backtest, half, job, 2, lambda _: None)


async def test_file_of_history_gives_the_same_as_the_folder(many: Path, tmp_path: Path) -> None:
    """But for draws by the seed, which stays where it is: nobody here is drawn."""
    path = tmp_path / "history.jsonl"
    with source_of(many) as source:
        path.write_bytes(b"\n".join(write_file(source)) + b"\n")
        by_folder = sums(await found_by(source, CHANGED))
    with open_file(path) as source:
        by_file = sums(await found_by(source, CHANGED))
        seed = source.head.seed

    assert by_file == by_folder
    assert seed == ""


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda lines: [b"{", *lines[1:]], r":1: is not what"),
        (lambda lines: [lines[0].replace(b":1,", b":9,", 1), *lines[1:]], "format 9"),
        (lambda lines: [*lines, b"not json"], "is not what"),
        (lambda lines: [lines[0], lines[2], lines[1]], "order of their ids"),
    ],
    ids=["no-head", "newer", "no-json", "shuffled"],
)
async def test_file_that_is_none_is_refused_with_its_line(
    many: Path, tmp_path: Path, spoil: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    """Whatever it holds, the answer is a sentence with its place."""
    path = tmp_path / "history.jsonl"
    with source_of(many) as source:
        path.write_bytes(b"\n".join(spoil([*write_file(source)])) + b"\n")

    with pytest.raises(StartError, match=says), open_file(path) as source:
        await found_by(source)


@pytest.mark.feature("T02")
async def test_nothing_is_called(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is connected and no name is looked up, whatever would be sent."""
    called: list[str] = []

    def refuse(*_args: Any) -> None:
        called.append("a backtest calls nobody")
        raise OSError

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with source_of(many) as source:
        found = await found_by(source)

    assert called == []
    assert sum(found.forecasts[0].sends.values()) > 50


async def test_report_says_what_it_cannot_know(many: Path, tmp_path: Path) -> None:
    """Fences that differ, history that begins too late; and every figure is in the JSON."""
    fences = {"type": "FeatureCollection", "features": [{
        "type": "Feature", "id": "studio-3",
        "properties": {"name": "S", "radius_m": 90, "tags": ["studio"]},
        "geometry": {"type": "Point", "coordinates": [7.03, 43.73]}}]}  # fmt: skip
    (tmp_path / "fences.geojson").write_text(json.dumps(fences))
    (tmp_path / "cart.yaml").write_text(CHANGED)
    wish = Wish((tmp_path,), days=40, against="live")
    with source_of(many) as source:
        found, told = await asyncio.to_thread(estimate, source, wish, lambda _: None, print)
    lines, plain = "\n".join(tell(found, told)), as_json(found, told)

    assert "fences differ from those that are live (studio-3)" in lines
    assert "history begins later than the window" in lines
    assert "Predicted" in lines
    assert plain["predicted"] is True
    assert plain["sends"] == sum(plain["by_day"].values()) == sum(plain["by_channel"].values())
    assert plain["zone"] == "Europe/Monaco"
    assert {each["moved"] for each in plain["against"]["differences"]} == {"changed", "lost"}
    assert plain["withheld"]["expires_in_quiet_hours"] > 0
    json.dumps(plain)


def test_who_gets_something_only_now_is_gained() -> None:
    """And who got something only before is lost; the same at another moment is a change."""

    def life(*sent_ms: int) -> Life:
        body = {"campaign_id": "cart", "outcome": "send", "channel": "sms"}
        return Life("p", [RecordRow(0, at_ms, "p", "claim", "m", body) for at_ms in sent_ms], {})

    def moved(now: Life, before: Life) -> str:
        found = compare(now, before)
        return found.moved if found else ""

    assert moved(life(1), life()) == "gained"
    assert moved(life(), life(1)) == "lost"
    assert moved(life(1), life(2)) == "changed"
    assert moved(life(1), life(1)) == ""


def command(folder: Path, *asked: str) -> Any:
    """Run ``fencepost`` on a data folder."""
    return CliRunner(env={"FENCEPOST_DATA_DIR": str(folder)}).invoke(cli, [*asked])


def test_thresholds_fail_the_command(many: Path) -> None:
    """A build stops when more is sent than somebody had in mind."""
    fine = command(many, "backtest", "--fail-if", "sends>100000", "--fail-if", "withheld>99%")
    over = command(many, "backtest", "--fail-if", "sends_per_day>1", "--fail-if", "people>=1%")
    odd = command(many, "backtest", "--fail-if", "sent>1")

    assert (fine.exit_code, over.exit_code) == (0, 1)
    assert "sends_per_day>1: it is " in over.stderr
    assert "people>=1%: it is " in over.stderr
    assert isinstance(odd.exception, StartError)
    assert "names: sends, sends_per_day" in str(odd.exception)


def test_command_writes_and_reads_history(many: Path, tmp_path: Path) -> None:
    """What ``fencepost history`` writes is what ``backtest --history`` reads."""
    path, changed = tmp_path / "history.jsonl", tmp_path / "cart.yaml"
    changed.write_text(CHANGED)
    path.write_bytes(command(many, "history").stdout_bytes)
    asked = ("backtest", str(changed), "--json", "--from", "2026-06-05", "--until", "2026-06-20")
    by_folder = json.loads(command(many, *asked).stdout)
    by_file = json.loads(command(tmp_path, *asked, "--history", str(path)).stdout)

    assert by_file.pop("notes") != by_folder.pop("notes")
    assert by_file == by_folder
    assert min(by_file["by_day"]) >= "2026-06-05"
    assert max(by_file["by_day"]) < "2026-06-20"


async def test_version_that_is_not_there_is_refused(many: Path) -> None:
    """Which documents were named, and that there is no such version of them."""
    with source_of(many) as source:
        documents = load([SourceFile("c.yaml", CHANGED)]).documents
        older = editions.against(source.head, documents, "v1")

        with pytest.raises(StartError, match=r"campaign cart was named, .* no version 7"):
            editions.against(source.head, documents, "v7")
    assert {(r.kind, r.id): r.body for r in older.rows} == {
        (r.kind, r.id): r.body for r in source.head.documents
    }
