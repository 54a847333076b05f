"""When a cron expression comes due, on the days the clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.schedule import MISSED_MAX, Occurrence, cron_fault, newest, next_ms
from gateway.decide.builders import DAY_MS, HOUR_MS, MIN_MS, MODEST, at

MONACO = "Europe/Monaco"
ZONES = [MONACO, "America/New_York", "Australia/Lord_Howe", "Asia/Seoul", "UTC", "Pacific/Apia"]


def utc(at_ms: int | None) -> str:
    """Write a moment as ``at`` reads it."""
    return f"{datetime.fromtimestamp((at_ms or 0) / 1000, UTC):%Y-%m-%d %H:%M}"


def moments(cron: str, zone: str, from_ms: int, until_ms: int) -> list[int]:
    """Give every moment in a span."""
    found: list[int] = []
    after_ms: int | None = from_ms
    while (after_ms := next_ms(cron, zone, after_ms or 0)) is not None and after_ms < until_ms:
        found.append(after_ms)
    return found


@pytest.mark.parametrize(
    ("day", "told"),
    [("2026-03-29", "2026-03-29 01:00"), ("2026-10-25", "2026-10-25 00:30")],
    ids=["the hour is left out", "the hour comes twice"],
)
def test_half_past_two_happens_once_on_both_days_the_clocks_change(day: str, told: str) -> None:
    """When the hour is left out, as it ends; when it comes twice, the first time."""
    begin_ms = at(f"{day} 00:00") - 2 * HOUR_MS

    assert [utc(m) for m in moments("30 2 * * *", MONACO, begin_ms, begin_ms + DAY_MS)] == [told]


@pytest.mark.parametrize("minutes", range(0, 180, 10))
def test_whenever_somebody_asks_half_past_two_is_told_once(minutes: int) -> None:
    """Asked at any minute around the hour that comes twice, the next one lies ahead."""
    asked_ms = at("2026-10-25 00:00") + minutes * MIN_MS
    found = next_ms("30 2 * * *", MONACO, asked_ms)

    assert utc(found) == ("2026-10-25 00:30" if minutes < 30 else "2026-10-26 01:30")


def test_every_hour_means_the_hours_that_pass() -> None:
    """An expression for every hour goes by the hours that really pass: 23 of them, or 25."""
    spring, autumn = at("2026-03-28 22:59"), at("2026-10-24 21:59")

    assert len(moments("0 * * * *", MONACO, spring, spring + 23 * HOUR_MS)) == 23
    assert len(moments("0 * * * *", MONACO, autumn, autumn + 25 * HOUR_MS)) == 25


@MODEST
@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from(ZONES),
    day=st.integers(0, 3_000),
)
def test_time_of_day_comes_once_a_day(hour: int, minute: int, zone: str, day: int) -> None:
    """As counted over calendar days: at its own time, or where that is left out, as it resumes."""
    begin = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(days=day)
    last = begin + timedelta(days=3)
    found = moments(f"{minute} {hour} * * *", zone, ms(begin) - 1, ms(last) - 1)
    wanted: list[int] = []
    for n in range(3):
        wall = (begin + timedelta(days=n)).replace(hour=hour, minute=minute, tzinfo=ZoneInfo(zone))
        there = wall.astimezone(UTC).astimezone(ZoneInfo(zone))
        while there.replace(tzinfo=None) != wall.replace(tzinfo=None):  # left out: look ahead
            wall += timedelta(minutes=1)
            there = wall.astimezone(UTC).astimezone(ZoneInfo(zone))
        wanted.append(ms(there))

    assert found == sorted(set(wanted))


def ms(moment: datetime) -> int:
    """Give a moment as epoch milliseconds."""
    return round(moment.timestamp() * 1000)


def test_what_was_missed_happens_once_as_the_newest() -> None:
    """Three nights down: the last of them, two more were missed, and the next is told."""
    due_ms = at("2026-06-01 08:00")
    found = newest("0 10 * * *", MONACO, due_ms, at("2026-06-03 09:00"))

    assert found == Occurrence(at("2026-06-03 08:00"), 2, at("2026-06-04 08:00"))
    assert newest("0 10 * * *", MONACO, due_ms, due_ms) == Occurrence(due_ms, 0, due_ms + DAY_MS)


def test_missed_are_counted_up_to_a_bound() -> None:
    """A year of every minute is not gone through, and the newest is still the newest."""
    due_ms = at("2026-01-01 00:00")
    now_ms = at("2027-01-01 00:00") + 30_000
    found = newest("* * * * *", MONACO, due_ms, now_ms)

    assert found == Occurrence(now_ms - 30_000, MISSED_MAX, now_ms + 30_000)


@MODEST
@given(
    cron=st.sampled_from(
        ["30 2 * * *", "0 */6 * * *", "15 1-3 * * *", "0 2 * * SUN", "*/20 * * * *"]
    ),
    zone=st.sampled_from(ZONES),
    hours=st.integers(0, 24 * 400),
    later=st.integers(0, 24 * 20 * 60),
)
def test_newest_is_the_last_of_all_that_came(cron: str, zone: str, hours: int, later: int) -> None:
    """As listed one after the other."""
    due_ms = next_ms(cron, zone, at("2026-01-01 00:00") + hours * HOUR_MS)
    assert due_ms is not None
    now_ms = due_ms + later * MIN_MS
    listed = [due_ms, *moments(cron, zone, due_ms, now_ms + 1)]
    found = newest(cron, zone, due_ms, now_ms)

    assert found.at_ms == listed[-1]
    assert found.missed == min(len(listed) - 1, MISSED_MAX)
    assert found.next_ms == next_ms(cron, zone, now_ms)
    assert all(a < b for a, b in pairwise(listed))


@pytest.mark.parametrize(
    "text", ["0 10 1 * *", "*/15 8-18 * * MON-FRI", "0 9 L * *", "0 9 * * MON#1", "30 2 29 2 *"]
)
def test_cron_that_can_be_read_has_no_fault(text: str) -> None:
    """Names, lists, steps, the last day and the first Monday."""
    assert not cron_fault(text)


@pytest.mark.parametrize(
    "text",
    ["", "x", "@daily", "0 10 1 *", "0 0 10 1 * *", "60 * * * *", "0 24 * * *", "0 0 30 2 *",
     "0 0 * * 8", "*/0 * * * *", "0 0 1 * *" + " " * 200, "\u0660 0 1 * *", 5, None, ["0 0 1 * *"]],
)  # fmt: skip
def test_cron_that_cannot_be_read_has_one(text: object) -> None:
    """Too many fields, too few, out of bounds, what never comes, what is no text."""
    assert cron_fault(text)
