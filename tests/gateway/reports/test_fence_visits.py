"""Visits of a fence: equal to brute force on the records, and nothing of small groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.spans import local_time
from fencepost_gateway.ports import RecordRow
from fencepost_gateway.reports.fence_visits import (
    FEWEST,
    FenceVisits,
    HourSpan,
    Visit,
    VisitBook,
    hour_spans,
    visited,
    visits_of,
    window_of,
)
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Circle

NOW_MS = 1_780_315_200_000  # 2026-06-01T12:00:00Z
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SHOP = Fence("shop", Circle(48.0, 11.0, 50), "Shop")
SEOUL = "Asia/Seoul"


def told(  # noqa: PLR0913 - what a record says, one by one
    visit: str,
    kind: str,
    person: str,
    began_ms: int,
    dwell_s: int | None = None,
    *,
    superseded: bool = False,
    fence: str = "shop",
    **more: Any,
) -> RecordRow:
    """Give the record of a transition."""
    body = {
        "kind": kind,
        "fence_id": fence,
        "visit_began_ms": began_ms,
        "duration_s": dwell_s,
        "superseded": superseded,
        **more,
    }
    return RecordRow(0, NOW_MS, person, "transition", visit, body)


def stay(visit: str, person: str, began_ms: int, dwell_s: int = 60, **more: Any) -> list[RecordRow]:
    """Give the records of a plain visit."""
    return [
        told(visit, "enter", person, began_ms, **more),
        told(visit, "exit", person, began_ms, dwell_s, **more),
    ]


def stays(people: int, each: int = 1, began_ms: int = NOW_MS - DAY_MS) -> list[RecordRow]:
    """Let people come, one after the other, each so often."""
    return [
        row
        for n in range(people * each)
        for row in stay(f"v{n}", f"p{n % people}", began_ms, dwell_s=n + 1)
    ]


def report(rows: Iterable[RecordRow], zone: str = "UTC", days: int = 7) -> FenceVisits:
    """Give the figures of the shop."""
    window = window_of(zone, days, NOW_MS)
    book = VisitBook({"shop": window})
    book.take(rows)
    return visits_of(SHOP, window, book.of("shop"))


# ---- brute force ----------------------------------------------------------------------------


def what_is_left(rows: Sequence[RecordRow]) -> list[RecordRow]:
    """Strike out what is superseded together with the last opposite before it."""
    left: list[RecordRow] = []
    for row in rows:
        if not row.body["superseded"]:
            left.append(row)
            continue
        is_enter = row.body["kind"] == "enter"
        opposite = [r for r in left if (r.body["kind"] == "enter") != is_enter]
        if opposite:
            left.remove(opposite[-1])
    return left


def brute_force(rows: Sequence[RecordRow], zone: ZoneInfo, first: str, last: str) -> dict[str, Any]:
    """Work out visits and dwell from the records, slowly."""
    by_visit: dict[str, list[RecordRow]] = defaultdict(list)
    for row in rows:
        if row.body["kind"] in {"enter", "exit", "expire"} and not row.body.get("opened"):
            by_visit[row.subject].append(row)
    people, dwell, ended = [], [], set()
    hours: list[set[str]] = [set() for _ in range(24)]
    for records in by_visit.values():
        left = what_is_left(records)
        began = local_time(records[0].body["visit_began_ms"], zone)
        is_in = first <= began.date().isoformat() <= last
        if not is_in or not any(r.body["kind"] == "enter" for r in left):
            continue
        people.append(records[0].person_id)
        hours[began.hour].add(records[0].person_id)
        if ends := [r for r in left if r.body["kind"] != "enter"]:
            dwell.append(ends[-1].body["duration_s"])
            ended.add(records[0].person_id)
    dwell.sort()
    return {"people": people, "dwell": dwell, "ended": ended, "hours": hours}


@st.composite
def histories(draw: st.DrawFn) -> list[RecordRow]:
    """Give the records of many visits, woven together; of each ENTER and EXIT alternate."""
    tracks = []
    for n in range(draw(st.integers(10, 60))):
        person = f"p{draw(st.integers(0, 24))}"
        began_ms = NOW_MS - draw(st.integers(0, 9 * 24)) * HOUR_MS
        track, has_ended = [], False
        for turn in range(draw(st.integers(1, 5))):
            if turn % 2 == 0:  # inside again in the same visit: either nobody left, or nobody came
                track.append(told(f"v{n}", "enter", person, began_ms, superseded=has_ended))
                continue
            has_ended = draw(st.integers(0, 3)) > 0
            end, dwell_s = draw(st.sampled_from(["exit", "expire"])), draw(st.integers(1, 5000))
            track.append(told(f"v{n}", end, person, began_ms, dwell_s, superseded=not has_ended))
        noise = draw(st.sampled_from(["dwell", "pass", "opened", ""]))
        if noise == "opened":
            track.append(told(f"v{n}", "enter", person, began_ms, opened=True))
        elif noise:
            track.append(told(f"v{n}", noise, person, began_ms))
        tracks.append(track)
    order = draw(st.permutations([n for n, track in enumerate(tracks) for _ in track]))
    waiting = [iter(track) for track in tracks]
    return [next(waiting[n]) for n in order]


@pytest.mark.feature("P12")
@settings(max_examples=150, deadline=None)
@given(histories(), st.sampled_from(["UTC", SEOUL]), st.integers(1, 9))
def test_figures_are_those_of_brute_force(rows: list[RecordRow], zone: str, days: int) -> None:
    """Visits, persons, dwell, repeat rate and hours; none of them below ten persons."""
    row = report(rows, zone, days)
    true = brute_force(rows, ZoneInfo(zone), row.first, row.last)

    people, dwell = true["people"], true["dwell"]
    times = [people.count(person) for person in set(people)]
    if len(times) < FEWEST:
        assert row == FenceVisits(
            fence_id="shop", name="Shop", zone=zone, first=row.first, last=row.last
        )
        return
    assert (row.visits, row.persons) == (len(people), len(times))
    assert row.repeat_rate == round(sum(t > 1 for t in times) / len(times), 3)
    if len(true["ended"]) >= FEWEST:
        assert row.median_dwell_s == dwell[ceil(len(dwell) / 2) - 1]
        assert row.p90_dwell_s == dwell[(9 * len(dwell) + 9) // 10 - 1]
    else:
        assert (row.median_dwell_s, row.p90_dwell_s) == (None, None)
    assert sum(span.visits for span in row.hours) == row.visits
    for span in row.hours:
        assert len(set().union(*true["hours"][span.from_hour : span.until_hour])) >= FEWEST


# ---- rule 1: what is a visit ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ([told("x", "enter", "x", NOW_MS - DAY_MS)], (11, 11)),
        ([told("x", "enter", "x", NOW_MS - DAY_MS, superseded=True)], (10, 10)),
        (stay("x", "x", NOW_MS - DAY_MS), (11, 11)),
        ([told("x", "enter", "x", NOW_MS - DAY_MS, initial=True)], (11, 11)),
        ([told("v0", "enter", "p0", NOW_MS - DAY_MS, opened=True)], (10, 10)),
        (
            [
                told("x", "enter", "x", NOW_MS - DAY_MS),
                told("x", "exit", "x", NOW_MS - DAY_MS, 5, superseded=True),
            ],
            (10, 10),
        ),
        (
            [
                *stay("x", "x", NOW_MS - DAY_MS),
                told("x", "enter", "x", NOW_MS - DAY_MS, superseded=True),
                told("x", "exit", "x", NOW_MS - DAY_MS, superseded=True),
            ],
            (10, 10),
        ),
        (
            [
                told("x", "enter", "x", NOW_MS - DAY_MS),
                told("x", "exit", "x", NOW_MS - DAY_MS, 5, superseded=True),
                told("x", "enter", "x", NOW_MS - DAY_MS, late=True),
            ],
            (11, 11),
        ),
    ],
    ids=[
        "inside",
        "never-entered",
        "over",
        "initial",
        "opened",
        "taken-back",
        "both-taken-back",
        "late",
    ],
)
def test_visit_is_what_is_left_of_its_records(
    more: list[RecordRow], counts: tuple[int, int]
) -> None:
    """One visit by another person, told in every way, beside ten plain ones."""
    row = report([*stays(10), *more])

    assert (row.visits, row.persons) == counts


def test_exit_that_is_taken_back_gives_no_dwell() -> None:
    """Nobody left: what counts is the EXIT after it, and none while there is none."""
    first = stays(10)
    first[1:2] = [
        told("v0", "exit", "p0", NOW_MS - DAY_MS, 9000),
        told("v0", "enter", "p0", NOW_MS - DAY_MS, superseded=True),
    ]
    later = [*first, told("v0", "expire", "p0", NOW_MS - DAY_MS, 7)]

    assert report(first).median_dwell_s is None, "nine have left"
    assert (report(later).visits, report(later).p90_dwell_s) == (10, 9)


# ---- rule 2: days and hours -----------------------------------------------------------------


def test_days_are_whole_and_over_where_the_fence_is() -> None:
    """At noon in London it is evening in Seoul: another midnight, and so other days."""
    seoul, london = report([], SEOUL, 2), report([], "Europe/London", 1)
    midnight_ms = NOW_MS - 21 * HOUR_MS  # 00:00 of the first of June in Seoul

    assert (seoul.first, seoul.last, seoul.zone) == ("2026-05-30", "2026-05-31", SEOUL)
    assert (london.first, london.last) == ("2026-05-31", "2026-05-31")
    assert report(stays(10, began_ms=midnight_ms - 1), SEOUL).visits == 10
    assert report(stays(10, began_ms=midnight_ms), SEOUL).visits is None
    assert report(stays(10, began_ms=midnight_ms - DAY_MS), SEOUL, 1).visits == 10
    assert report(stays(10, began_ms=midnight_ms - DAY_MS - 1), SEOUL, 1).visits is None


def test_unknown_zone_is_utc() -> None:
    """A workspace without a zone has days all the same, and the answer says whose."""
    assert report([], "").zone == "UTC"


# ---- rules 3 to 5: small groups -------------------------------------------------------------


def test_nine_persons_leave_no_figure_however_often_they_come() -> None:
    """Not visits, not dwell, not hours; nobody at all looks the same."""
    nobody, nine = report([]), report(stays(9, each=50))

    assert nine == nobody
    assert (nine.fewer_than, nine.visits, nine.persons, nine.hours) == (FEWEST, None, None, ())
    assert report(stays(10)).fewer_than is None


def test_hours_with_few_persons_are_told_together() -> None:
    """No span of fewer than ten, and no hour missing that could be found by subtraction."""
    at = [(8, 3), (9, 7), (9, 2), (14, 12), (23, 1)]
    people = iter(range(100))
    midnight_ms = NOW_MS - 12 * HOUR_MS
    visits = [
        Visit(f"p{next(people)}", midnight_ms + hour * HOUR_MS)
        for hour, count in at
        for _ in range(count)
    ]

    assert hour_spans(visits, ZoneInfo("UTC")) == [HourSpan(0, 10, 12), HourSpan(10, 24, 13)]


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 14)), max_size=80))
@settings(max_examples=80, deadline=None)
def test_spans_tile_the_day_with_ten_persons_each(came: list[tuple[int, int]]) -> None:
    """From midnight to midnight, each visit in one, however people come."""
    always = [(hour, 100 + hour) for hour in range(10)]
    visits = [Visit(f"p{who}", hour * HOUR_MS) for hour, who in [*came, *always]]
    spans = hour_spans(visits, ZoneInfo("UTC"))

    assert (spans[0].from_hour, spans[-1].until_hour) == (0, 24)
    assert all(one.until_hour == two.from_hour for one, two in pairwise(spans))
    for span in spans:
        inside = [v for v in visits if span.from_hour <= v.began_ms // HOUR_MS < span.until_hour]
        assert span.visits == len(inside)
        assert len({v.person_id for v in inside}) >= FEWEST


def test_one_person_fills_no_hour() -> None:
    """Fifty visits of one at night are no group: they are told with those of the morning."""
    night = [row for n in range(50) for row in stay(f"n{n}", "owl", NOW_MS - 9 * HOUR_MS - DAY_MS)]
    row = report([*night, *stays(10, began_ms=NOW_MS - DAY_MS)])

    assert row.hours == (HourSpan(0, 24, 60),)


def test_fences_come_most_visited_first_and_small_ones_are_counted() -> None:
    """Those without figures have no row, unless they were asked for by name."""
    names = ("few", "many", "more")
    window = window_of("UTC", 7, NOW_MS)
    windows = dict.fromkeys(names, window)
    book = VisitBook(windows)
    for name, people in zip(names, (9, 10, 11), strict=True):
        book.take([structured(row, name) for row in stays(people)])
    fences = [Fence(name, Circle(48.0, 11.0, 50)) for name in names]
    every = visited(fences, windows, book, 9, all_=False)
    asked = visited(fences, windows, book, 9, all_=True)
    first = visited(fences, windows, book, 1, all_=False)

    assert ([r.fence_id for r in every.rows], every.count, every.hidden) == (["more", "many"], 2, 1)
    assert [r.fence_id for r in asked.rows] == ["more", "many", "few"]
    assert ([r.fence_id for r in first.rows], first.count) == (["more"], 2)


def structured(row: RecordRow, fence: str) -> RecordRow:
    """Give the same record of another fence."""
    body = {**row.body, "fence_id": fence}
    return RecordRow(0, row.at_ms, row.person_id, row.kind, f"{fence}-{row.subject}", body)
