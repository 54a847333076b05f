from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.hours import hours_limit
from fencepost_gateway.decide.plan import LocalWindow, QuietHours
from fencepost_gateway.decide.solver import HORIZON_MS, Answer, solve
from gateway.decide.builders import DAY_MS, DAYTIME, MIN_MS, MODEST, NOON_MS, at, windows
from gateway.decide.scan import EPOCH, edges_of, scan, wall_min

DAYS = range(7)

ZONES = (
    "Europe/Monaco",
    "America/New_York",
    "Asia/Seoul",
    "Australia/Lord_Howe",  # half an hour
    "Africa/Casablanca",  # back for Ramadan
    "America/St_Johns",
    "America/Havana",  # midnight comes twice
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Asia/Tehran",
    "Africa/Cairo",  # midnight does not exist
    "America/Santiago",
    "Antarctica/Troll",  # two hours
    "Antarctica/Casey",  # three hours
)
SETS = {
    "day": DAYTIME,
    "overnight": windows(DAYS, (0, 2 * 60), (20 * 60, 24 * 60)),
    "edges where clocks change": windows(DAYS, (30, 90), (150, 170), (1380, 1425)),
    "from the second hour": windows(DAYS, (2 * 60 + 30, 23 * 60 + 30)),
    "sunday is shorter": (*windows(range(6), (600, 1200)), *windows([6], (720, 1200))),
    "around midnight": windows(DAYS, (0, 45), (1410, 1440)),
    "always": windows(DAYS, (0, 1440)),
}


def _hours(allowed: tuple[LocalWindow, ...]) -> QuietHours:
    return QuietHours(frozenset({"marketing"}), frozenset({"sms"}), allowed)


def quiet(hours: QuietHours, zones: Sequence[str], now_ms: int) -> Answer:
    """Ask the solver for hours that every one of ``zones`` must allow."""
    limits = [hours_limit(f"policy in {zone}", hours.allowed, ZoneInfo(zone)) for zone in zones]
    return solve(limits, now_ms)


EDGES = {name: edges_of(allowed) for name, allowed in SETS.items()}


def _changes(zone: str, year: int) -> Iterator[int]:
    """Give the UTC minutes at which the zone's offset changes in ``year``."""
    info = ZoneInfo(zone)

    def offset_min(utc_min: int) -> int:
        return wall_min(utc_min, info) - utc_min

    first_min = at(f"{year}-01-01 00:00") // MIN_MS
    for day_min in range(first_min, first_min + 366 * 1440, 1440):
        minutes = range(day_min, day_min + 1441)
        before, after = offset_min(minutes[0]), offset_min(minutes[-1])
        if before != after:
            n = bisect_left(minutes, x=True, key=lambda minute: offset_min(minute) != before)
            yield minutes[n]


def differences(zone: str, middle_min: int, minutes: Sequence[int]) -> list[object]:
    """Compare ``quiet`` with the scan at ``minutes`` around ``middle_min``."""
    info = ZoneInfo(zone)
    first_min, count = middle_min - 2 * 1440, 5 * 1440
    walls = [wall_min(first_min + n, info) for n in range(count)]
    wrong: list[object] = []
    for name, allowed in SETS.items():
        free = scan(EDGES[name], walls)
        for n in (minute + 2 * 1440 for minute in minutes):
            answer = quiet(_hours(allowed), [zone], (first_min + n) * MIN_MS)
            following = first_min + free.index(True, n)
            want = (True, None) if free[n] else (False, following * MIN_MS)
            if (answer.is_open, answer.next_ms) != want:
                wrong.append((zone, name, EPOCH + timedelta(minutes=first_min + n), answer, want))
    return wrong


NEAR = (*range(-31, 31, 6), *range(-250, 250, 15), *range(-1440, 1440, 185))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.guarantee("R15")
def test_quiet_hours_equal_a_scan_of_every_minute(zone: str) -> None:
    """Around each gap and fold the answer, and the next allowed minute, equal a UTC scan."""
    middles = [minute for year in (2022, 2026) for minute in _changes(zone, year)]

    wrong = [d for middle in (*middles, NOON_MS // MIN_MS) for d in differences(zone, middle, NEAR)]

    assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("year", range(2020, 2036))
@pytest.mark.guarantee("R15")
def test_quiet_hours_equal_the_scan_in_all_zones(year: int) -> None:
    """All zones of the time-zone data, each set of changes once."""
    found: dict[object, tuple[str, list[int]]] = {}
    for zone in sorted(available_timezones()):
        middles = list(_changes(zone, year))
        found[wall_min(at(f"{year}-01-01") // MIN_MS, ZoneInfo(zone)), *middles] = (zone, middles)

    wrong = []
    for zone, middles in found.values():
        for middle in middles:
            wrong += differences(zone, middle, NEAR)

    assert wrong == []


def test_day_that_was_left_out_allows_nothing() -> None:
    """Samoa had no 2011-12-30: its window is empty, and the next one is the 31st's."""
    answer = quiet(_hours(DAYTIME), ["Pacific/Apia"], at("2011-12-30 08:30"))

    assert answer.next_ms == at("2011-12-30 18:00")  # 08:00 on the 31st, at +14


def test_window_that_the_gap_leaves_out_allows_nothing_that_day() -> None:
    """New York, 2026-03-08: 02:10 to 02:40 does not exist, so that Sunday has no window."""
    hours = _hours(windows(DAYS, (130, 160)))

    answer = quiet(hours, ["America/New_York"], at("2026-03-08 06:00"))

    assert answer.next_ms == at("2026-03-09 06:10")


@pytest.mark.parametrize(
    ("minute", "allowed"),
    [("07:59", False), ("08:00", True), ("20:59", True), ("21:00", False)],
)
def test_start_is_inclusive_and_end_exclusive(minute: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    """08:00-21:00 allows 08:00:00.000 and no longer 21:00:00.000."""
    now_ms = at(f"2026-01-14 {minute}")

    assert quiet(_hours(DAYTIME), ["UTC"], now_ms).is_open is allowed


def testedges_of_hold_to_the_millisecond() -> None:
    """A millisecond before the start is quiet, a millisecond before the end is not."""
    start_ms, end_ms = at("2026-01-14 08:00"), at("2026-01-14 21:00")

    assert quiet(_hours(DAYTIME), ["UTC"], start_ms - 1).next_ms == start_ms
    assert quiet(_hours(DAYTIME), ["UTC"], end_ms - 1).is_open


def test_answer_says_until_when() -> None:
    """The end of the allowed span is told, so that a release is not spread beyond it."""
    hours = _hours(DAYTIME)
    now, night = at("2026-01-14 12:00"), at("2026-01-14 03:00")

    assert quiet(hours, ["UTC"], now).until_ms == at("2026-01-14 21:00")
    assert quiet(hours, ["UTC"], night).until_ms == at("2026-01-14 21:00")


def test_midnight_where_a_window_is_split_is_no_edge() -> None:
    """An overnight window is one: Havana's second midnight does not interrupt it."""
    hours = _hours(SETS["overnight"])

    between = quiet(hours, ["America/Havana"], at("2026-11-01 04:30"))  # the first 00:30 of two

    assert between.is_open


def test_windows_need_not_be_sorted() -> None:
    """Two windows a day hold in whichever order they are listed."""
    backwards = tuple(reversed(windows(DAYS, (480, 600), (720, 840))))

    assert quiet(_hours(backwards), ["UTC"], at("2026-01-14 09:00")).is_open
    assert quiet(_hours(backwards), ["UTC"], at("2026-01-14 10:30")).next_ms == at(
        "2026-01-14 12:00"
    )


def test_every_known_zone_must_allow_it() -> None:
    """Home and here: at 09:00 in Monaco New York sleeps, and the later start of the two counts."""
    pair = ["Europe/Monaco", "America/New_York"]

    answer = quiet(_hours(DAYTIME), pair, at("2026-06-01 07:00"))

    assert answer.next_ms == at("2026-06-01 12:00")  # 08:00 in New York
    assert answer.until_ms == at("2026-06-01 19:00")  # 21:00 in Monaco


def test_zones_that_never_agree_have_no_next_instant() -> None:
    """Nothing within the horizon: None, which the claim turns into withheld."""
    hours = _hours(windows(DAYS, (600, 900)))

    answer = quiet(hours, ["Asia/Seoul", "America/New_York"], at("2026-06-01 07:00"))

    assert (answer.is_open, answer.next_ms) == (False, None)


def test_no_window_at_all_never_allows() -> None:
    """A policy that allows no hour defers to nothing."""
    assert quiet(_hours(()), ["UTC"], 0).next_ms is None


@pytest.mark.parametrize("weekday", DAYS)
def test_next_instant_is_found_a_week_ahead(weekday: int) -> None:
    """One window a week is within the horizon from any moment of the week."""
    hours = _hours(windows([weekday], (600, 660)))
    now_ms = at("2026-06-04 11:00")

    answer = quiet(hours, ["Asia/Kathmandu"], now_ms)

    assert answer.next_ms is not None
    assert now_ms < answer.next_ms <= now_ms + HORIZON_MS


_quarters = st.integers(0, 95).map(lambda n: n * 15)
_windows = st.lists(
    st.tuples(st.integers(0, 6), _quarters, st.integers(1, 40)).map(
        lambda w: LocalWindow(w[0], w[1], min(1440, w[1] + w[2] * 15))
    ),
    max_size=8,
).map(tuple)


@MODEST
@given(_windows, st.lists(st.sampled_from(ZONES), min_size=1, max_size=2), st.integers(0, 35_000))
def test_next_instant_is_the_first_that_all_zones_allow(
    allowed: tuple[LocalWindow, ...], zones: list[str], quarter: int
) -> None:
    """Each zone for itself allows the next instant, and some zone refuses every one before."""
    now_ms = at("2026-01-01 00:00") + quarter * 15 * MIN_MS
    hours = _hours(allowed)

    def all_allow(at_ms: int) -> bool:
        return all(quiet(hours, [zone], at_ms).is_open for zone in zones)

    answer = quiet(hours, zones, now_ms)
    end_ms = now_ms + HORIZON_MS if answer.next_ms is None else answer.next_ms
    step_ms = 15 * MIN_MS if end_ms - now_ms < DAY_MS else 90 * MIN_MS

    assert answer.is_open is all_allow(now_ms)
    if not answer.is_open:
        assert not any(all_allow(t) for t in range(now_ms, end_ms, step_ms))
        assert answer.next_ms is None or all_allow(answer.next_ms)
    if answer.until_ms is not None:
        assert all_allow(answer.until_ms - 1)
        assert answer.until_ms > end_ms if answer.next_ms else answer.until_ms > now_ms
