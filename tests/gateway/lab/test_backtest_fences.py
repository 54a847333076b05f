"""Changed fences in a backtest: judged anew for as long as positions are kept, and no longer."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.credentials import open_credentials
from fencepost_gateway.errors import StartError
from fencepost_gateway.lab import backtest as lab
from fencepost_gateway.lab import editions
from fencepost_gateway.lab.backtest import Desk, backtest, job_of
from fencepost_gateway.lab.backtest_words import as_json, tell
from fencepost_gateway.lab.dossiers import END_MS, open_file, write_file
from fencepost_gateway.lab.estimate import Wish, estimate
from fencepost_gateway.lab.job import Window
from fencepost_gateway.lab.rerun import Life
from fencepost_gateway.lab.tracks import TrackPoint, read_track
from fencepost_gateway.ports import LOG_KEEP_MS
from gateway.lab.lived import (
    ALWAYS,
    DAY_MS,
    HOUR_MS,
    edition_of,
    lived,
    lives,
    pass_time,
    records_of,
    source_of,
    sums,
    written,
)
from gateway.rig import FENCES, GRANTS, NOON_MS, Rig, moment
from real_data import real_data

TOGETHER = 5  # fixes in an upload
PLACES = """
kind: campaign
id: goodbye
entry: {transition: exit, fence: {tag: studio}}
reentry: always
message: {template: greet, channels: [sms]}
goal: none
---
kind: campaign
id: stayed
entry: {transition: dwell, fence: {tag: studio}}
reentry: always
message: {template: greet, channels: [email, in_app]}
goal: none
---
kind: journey
id: visit
entry: {transition: enter, fence: {tag: studio}}
reentry: always
goal: none
steps:
  - id: stays
    wait: {for_duration: 17s, while: {inside: {tag: studio}}}
  - id: hello
    message: {template: greet, channels: [in_app]}
"""


def track() -> list[TrackPoint]:
    """Give a drive through Leipzig, as if it began a minute past noon."""
    points = read_track(real_data("tracks/leipzig-drive.gpx"))
    begin_ms = points[0].at_ms - NOON_MS - 60_000
    return [TrackPoint(p.at_ms - begin_ms, p.lat, p.lon, 5.0) for p in points]


def fences(**at: int) -> dict[str, Any]:
    """Give fences by the point of the track that they lie at."""
    points = track()
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": name,
                "geometry": {"type": "Point", "coordinates": [points[n].lon, points[n].lat]},
                "properties": {
                    "name": name.title(),
                    "radius_m": 150,
                    "tags": ["studio"],
                    "dwell_after": "20s",
                    "place": {"name": name.title(), "meta": {"next_class": "10:00"}},
                },
            }
            for name, n in at.items()
        ],
    }


WAS = {"first": 40, "second": 110}
MOVED = {"first": 40, "second": 180, "third": 230}


async def ride(rig: Rig, points: Sequence[TrackPoint], begin: int = 0) -> None:
    """Drive along, a few fixes an upload; between them the cart is changed."""
    for n in range(begin, len(points), TOGETHER):
        some = points[n : n + TOGETHER]
        events: list[dict[str, Any]] = [
            {"type": "fix", "lat": p.lat, "lon": p.lon, "accuracy_m": p.accuracy_m,
             "at": moment(p.at_ms)}
            for p in some
        ]  # fmt: skip
        if n % 50 == 0:
            events.insert(1, {"type": "track", "name": "cart_updated", "props": {"items": n},
                              "at": moment(some[0].at_ms + 1)})  # fmt: skip
        await pass_time(rig, some[-1].at_ms + 500)
        await rig.send(*events)
        await rig.settle()


async def ridden(folder: Path, *editions: dict[str, int]) -> list[str]:
    """Drive through a gateway with fences, the last of which count; gives what it decided."""
    async with lived(folder, ALWAYS, PLACES) as rig:
        for each in editions:
            await rig.apply(fences=fences(**each))
        await ride(rig, track())
        await pass_time(rig, NOON_MS + 2 * HOUR_MS)
        return written(await records_of(rig))


def of_studio(rows: Sequence[str]) -> int:
    """Count what was decided of visits."""
    return sum('"campaign_id": "cart"' not in row for row in rows)


@pytest.mark.feature("N13")
async def test_moved_fence_predicts_what_a_gateway_with_it_did(tmp_path: Path) -> None:
    """Over a real drive, byte for byte; and that is not what it was with the fence as it was."""
    was, moved = tmp_path / "was", tmp_path / "moved"
    open_credentials(was)
    shutil.copytree(was, moved)
    before = await ridden(was, WAS)
    live = await ridden(moved, WAS, MOVED)
    with source_of(was) as source:
        (life,) = await lives(source, NOON_MS, NOON_MS + 3 * HOUR_MS, json.dumps(fences(**MOVED)))

    assert written(life.rows) == live
    assert of_studio(live) > of_studio(before) > 10
    assert life.events == 6


def uploaded_ms() -> list[int]:
    """Give when each upload of a drive comes."""
    points = track()
    return [points[n : n + TOGETHER][-1].at_ms + 500 for n in range(0, len(points), TOGETHER)]


def at(row: str) -> int:
    """Give the moment of a record that was written."""
    return int(json.loads(row)[0])


async def ride_as(
    rig: Rig, name: str, points: Sequence[TrackPoint], *, is_visitor: bool = False
) -> None:
    """Drive as somebody with a device of their own, who allows everything."""
    headers = rig.device_headers(f"d-{name}")
    who = {"anonymous_id": f"a-{name}", "user_id": None if is_visitor else name}
    mine = {"device_id": f"d-{name}", "who": who}
    await rig.post(rig.batch({"type": "consent", "values": dict(GRANTS)}) | mine, **headers)
    for p in points:
        await pass_time(rig, p.at_ms)
        fix = {"type": "fix", "lat": p.lat, "lon": p.lon, "accuracy_m": p.accuracy_m}
        await rig.post(rig.batch(fix) | mine, **headers)
        await rig.settle()


async def from_on(folder: Path, positions_ms: int, *texts: str) -> list[Life]:
    """Let everybody live again with positions from a moment on."""
    with source_of(folder) as source:
        window = Window(NOON_MS, NOON_MS + 3 * HOUR_MS)
        job = job_of(source, [edition_of(source, *texts)], window)
        (rerun,) = Desk(job)._reruns  # noqa: SLF001 - the part under test
        people = list(source.dossiers(window.end_ms, positions_ms))
        return [await rerun.live(each) for each in people]


async def test_unchanged_fences_are_judged_as_they_were(tmp_path: Path) -> None:
    """
    Wherever positions begin: as recorded, as only a fence far away is new.

    With a trail that begins there, a boundary crossed just then may be noticed a fix sooner.
    """
    live = await ridden(tmp_path, WAS)
    far = fences(**WAS)
    far["features"].append(FENCES["features"][0] | {"id": "far"})
    apart = []
    for at_ms in [NOON_MS, *uploaded_ms()]:
        (life,) = await from_on(tmp_path, at_ms, json.dumps(far))
        found = written(life.rows)
        assert sorted(row.split('"')[3] for row in found) == sorted(
            row.split('"')[3] for row in live
        )
        apart += [at_ms] if found != live else []

    assert len(apart) <= 3


async def test_before_positions_begin_recorded_transitions_count(tmp_path: Path) -> None:
    """Up to there as it was with the fence as it was, from there on as with the moved one."""
    was, moved = tmp_path / "was", tmp_path / "moved"
    open_credentials(was)
    shutil.copytree(was, moved)
    before, behind = await ridden(was, WAS), await ridden(moved, WAS, MOVED)
    split_ms = uploaded_ms()[75 // TOGETHER]
    (life,) = await from_on(was, split_ms, json.dumps(fences(**MOVED)))
    (none,) = await from_on(was, NOON_MS + 2 * HOUR_MS, json.dumps(fences(**MOVED)))

    assert written(none.rows) == before
    assert written(life.rows) == [row for row in before if at(row) < split_ms] + [
        row for row in behind if at(row) >= split_ms
    ]
    assert len(life.rows) > 10


async def test_who_is_inside_when_a_fence_moves_leaves_it(tmp_path: Path) -> None:
    """As at a gateway where it is moved just then: the visit ends with the next position."""
    was, moved = tmp_path / "was", tmp_path / "moved"
    open_credentials(was)
    shutil.copytree(was, moved)
    recorded = await ridden(was, WAS)
    split_ms = uploaded_ms()[115 // TOGETHER]
    points = track()
    async with lived(moved, ALWAYS, PLACES) as rig:
        await rig.apply(fences=fences(**WAS))
        await ride(rig, points[:115])
        await rig.apply(fences=fences(**MOVED))
        await ride(rig, points, begin=115)
        await pass_time(rig, NOON_MS + 2 * HOUR_MS)
        live = written(await records_of(rig))
    (life,) = await from_on(was, split_ms, json.dumps(fences(**MOVED)))

    assert recorded != live
    assert written(life.rows) == live


async def test_who_logs_in_on_the_way_is_one_person(tmp_path: Path) -> None:
    """A visitor's positions are those of who they turn out to be, as they would be live."""
    was, moved = tmp_path / "was", tmp_path / "moved"
    open_credentials(was)
    shutil.copytree(was, moved)
    points = track()[90:]
    live = []
    for folder, *editions_of in ((was, WAS), (moved, WAS, MOVED)):
        async with lived(folder, ALWAYS, PLACES) as rig:
            for each in editions_of:
                await rig.apply(fences=fences(**each))
            await ride_as(rig, "u9", points[:70], is_visitor=True)
            await ride_as(rig, "u9", points[70:])
            await pass_time(rig, NOON_MS + 2 * HOUR_MS)
            live.append(written(await records_of(rig)))
    with source_of(was) as source:
        people = await lives(source, NOON_MS, NOON_MS + 3 * HOUR_MS, json.dumps(fences(**MOVED)))

    assert [written(life.rows) for life in people if life.rows] == [live[1]]
    assert live[0] != live[1]


async def test_side_by_side_is_judged_as_one_by_one(tmp_path: Path) -> None:
    """Where documents count for everybody; and what happens becomes history no second time."""
    async with lived(tmp_path, ALWAYS, PLACES) as rig:
        await rig.apply(fences=fences(**WAS))
        await ride_as(rig, "u1", track()[150:200])
        await ride_as(
            rig, "u2", [TrackPoint(p.at_ms + HOUR_MS, p.lat, p.lon, 5.0) for p in track()[150:210]]
        )
    with source_of(tmp_path) as source:
        window = Window(NOON_MS, NOON_MS + DAY_MS)
        job = job_of(source, [edition_of(source, json.dumps(fences(**MOVED)))], window)
        people = list(source.dossiers(window.end_ms, job.positions_ms))
        alone, together = (Desk(job)._reruns[0] for _ in range(2))  # noqa: SLF001 - as above
        one_by_one = [await alone.live(each) for each in people]
        kept = await alone.gateway.store.history.page(0, 10)
        side_by_side = await together.live_together(people)

    assert [written(one.rows) for one in one_by_one] == [written(one.rows) for one in side_by_side]
    assert all(one.rows for one in one_by_one)
    assert kept == []


async def test_positions_from_before_a_withdrawal_are_not_read(tmp_path: Path) -> None:
    """What was told of them stays what was recorded; from there on they are judged anew."""
    points = track()
    async with lived(tmp_path, ALWAYS, PLACES) as rig:
        await rig.apply(fences=fences(**WAS))
        await ride(rig, points[:100])
        await rig.consent({"location_collect": "n"})
        await rig.settle()
        withdrawn_ms = rig.clock.now_ms()
        before = written(await records_of(rig))
        rig.clock.move_to(withdrawn_ms + 1)
        await rig.consent({"location_collect": "y"})
        await ride(rig, points[100:])
    changed = json.dumps(fences(first=60, second=180, third=230))
    with source_of(tmp_path) as source:
        (dossier,) = source.dossiers(END_MS, NOON_MS)
        (life,) = await lives(source, NOON_MS, NOON_MS + 3 * HOUR_MS, changed)

    assert min(at_ms for at_ms, _ in dossier.uploads) > withdrawn_ms
    assert [row for row in written(life.rows) if at(row) <= withdrawn_ms] == before
    assert {r.body.get("fence_id") for r in life.rows if r.at_ms > withdrawn_ms} >= {"third"}


async def test_trimmed_log_is_not_read_and_says_from_when(tmp_path: Path) -> None:
    """Nothing from longer ago than a day before the newest, though it is still there."""
    async with lived(tmp_path, ALWAYS, PLACES) as rig:
        await rig.apply(fences=fences(**WAS))
        await ride(rig, track())
        newest_ms = NOON_MS + LOG_KEEP_MS + 10 * 60_000
        await pass_time(rig, newest_ms)
        await rig.send({"type": "track", "name": "opened"})
        await rig.settle()
    with source_of(tmp_path) as source:
        head = source.head
        (dossier,) = source.dossiers(END_MS, head.positions_ms)

    assert head.positions_ms == newest_ms - LOG_KEEP_MS
    assert dossier.uploads
    assert min(at_ms for at_ms, _ in dossier.uploads) >= head.positions_ms


async def told_of(folder: Path, changed: Path, **wish: Any) -> tuple[str, dict[str, Any]]:
    """Run a backtest of a day's folder; gives what it says, in one line and as data."""
    with source_of(folder) as source:
        asked = Wish((changed,), against="live", workers=1, **wish)
        found, told = await asyncio.to_thread(estimate, source, asked, lambda _: None, print)
    return " ".join(" ".join(tell(found, told)).split()), as_json(found, told)


async def test_report_says_from_when_on_changed_fences_counted(tmp_path: Path) -> None:
    """And for how much of the window they did not; without a position in it."""
    folder, changed = tmp_path / "data", tmp_path / "fences.geojson"
    changed.write_text(json.dumps(fences(**MOVED)))
    await ridden(folder, WAS)
    part, plain = await told_of(folder, changed)
    whole, same = await told_of(folder, changed, begin="2026-06-01T12:00", end="2026-06-01T14:00")
    none, never = await told_of(folder, changed, begin="2026-05-01", end="2026-05-10")
    points = track()
    texts = [part, whole, none, json.dumps([plain, same, never])]

    assert "(second, third). Positions are kept for a day: from 2026-06-01 12:00 on" in part
    assert "Before, for 30.0 of 30.0 days, the transitions are the recorded ones" in part
    assert "Positions are kept of the whole window" in whole
    assert "of this window none, so the transitions are the recorded ones" in none
    assert plain["fences"]["counted_from_ms"] == NOON_MS
    assert plain["fences"]["differ"] == ("second", "third")
    assert (same["fences"]["recorded_ms"], never["fences"]["counted_from_ms"]) == (0, None)
    assert same["by_fence"]["third"] > 0
    for text in texts:
        assert '"lat"' not in text
        assert not any(f"{p.lat:.3f}" in text or f"{p.lon:.3f}" in text for p in points)


async def test_archived_fence_tells_nothing(tmp_path: Path) -> None:
    """All others are as they were; a document that is not live cannot be archived."""
    folder, changed = tmp_path / "data", tmp_path / "fences.geojson"
    changed.write_text(json.dumps(fences(first=WAS["first"])))
    await ridden(folder, WAS)
    day = {"begin": "2026-06-01T12:00", "end": "2026-06-01T14:00"}
    text, plain = await told_of(folder, changed, **day, without=("fence/second",))

    assert plain["documents"] == ["fence first", "without fence second"]
    assert plain["fences"]["differ"] == ("second",)
    assert "second" not in plain["by_fence"]
    assert plain["by_fence"]["first"] == plain["against"]["by_fence"]["first"]
    assert plain["against"]["by_fence"]["second"] > 0
    assert "1 changed" in text
    with pytest.raises(StartError, match="--without fence/third: no such document is live"):
        await told_of(folder, changed, without=("fence/third",))


async def test_file_of_history_has_no_positions(tmp_path: Path) -> None:
    """Neither uploads nor a word of since when; the report says so."""
    path, changed = tmp_path / "history.jsonl", tmp_path / "fences.geojson"
    changed.write_text(json.dumps(fences(**MOVED)))
    await ridden(tmp_path, WAS)
    with source_of(tmp_path) as source:
        lines = [*write_file(source)]
    path.write_bytes(b"\n".join(lines))
    with open_file(path) as source:
        wish = Wish((changed,), workers=1)
        found, told = await asyncio.to_thread(estimate, source, wish, lambda _: None, print)

    assert json.loads(lines[0])["positions_ms"] == 0
    assert not any("uploads" in json.loads(line) for line in lines[1:])
    assert "A file of history holds no positions" in " ".join(told.notes)
    assert "third" not in {fence for _, _, _, fence in found.forecasts[0].sends}


@pytest.mark.feature("N04")
@pytest.mark.timeout(300)  # interpreters start
async def test_judged_anew_by_any_number_of_processes_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process and two: the same figures and the same differences, for several people."""
    monkeypatch.setattr(lab, "PORTION_PEOPLE", 1)
    points = track()[90:210]
    async with lived(tmp_path, ALWAYS, PLACES) as rig:
        await rig.apply(fences=fences(**WAS))
        for name in ("u1", "u2", "u3"):
            begin_ms = rig.clock.now_ms() + 60_000 - points[0].at_ms
            await ride_as(rig, name, [TrackPoint(p.at_ms + begin_ms, p.lat, p.lon, 5.0)
                                      for p in points])  # fmt: skip
    with source_of(tmp_path) as source:
        mine = edition_of(source, json.dumps(fences(**MOVED)))
        live = editions.against(source.head, [], "live")
        job = job_of(source, [mine, live], Window(NOON_MS, NOON_MS + DAY_MS))
        told = [
            await asyncio.to_thread(backtest, source, job, workers, lambda _: None)
            for workers in (1, 2)
        ]

    assert sums(told[0]) == sums(told[1])
    assert told[0].forecasts[0].people == 3
    assert len(told[0].differences) == 3
