from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide import caps
from fencepost_gateway.decide.hours import hours_limit
from fencepost_gateway.decide.opening import opening_of
from fencepost_gateway.decide.plan import CapRule, LocalWindow
from fencepost_gateway.decide.solver import FOREVER_MS, HORIZON_MS, Answer, Limit, Span, solve
from gateway.decide.builders import DAY_MS, DAYTIME, HOUR_MS, MIN_MS, NOON_MS, at, slot, windows
from gateway.decide.scan import edges_of, scan, wall_min

DAY_MIN = 1440
MARGIN_MIN = 2 * DAY_MIN


def _open(name: str, *spans: Span) -> Limit:
    """Give a limit that is open in ``spans``, in order."""
    return Limit(name, lambda at_ms: next((s for s in spans if s[1] > at_ms), None))


def _from(span: Span, at_ms: int) -> Span:
    return max(span[0], at_ms), span[1]


# ---- rule by rule --------------------------------------------------------------------------


def test_no_limit_is_always_open() -> None:
    """What nothing limits may go, and for ever."""
    assert solve([], 5) == Answer()


def test_open_now_says_until_when() -> None:
    """Nothing is closed; the first end is told."""
    assert solve([_open("a", (0, 20)), _open("b", (3, 10))], 5) == Answer(until_ms=10)


def test_last_to_open_moved_it() -> None:
    """Both are closed; the one that opens last named, and both are told to be closed."""
    answer = solve([_open("a", (10, 30)), _open("b", (20, 40))], 5)

    assert answer == Answer(("a", "b"), 20, 30, "b")


def test_limits_that_take_turns_are_followed_until_they_meet() -> None:
    """What opens later may find the other one closed again."""
    answer = solve([_open("a", (10, 20), (40, 50)), _open("b", (20, 30), (35, 60))], 5)

    assert (answer.next_ms, answer.until_ms, answer.moved_by) == (40, 50, "a")


def test_of_two_that_open_at_once_the_first_is_named() -> None:
    """The order of the limits decides."""
    assert solve([_open("a", (9, 30)), _open("b", (9, 40))], 5).moved_by == "a"


def test_limit_that_opens_no_more_is_named() -> None:
    """There is nothing to wait for, and the record says for what."""
    answer = solve([_open("a", (10, 20)), _open("b")], 5)

    assert answer == Answer(("a", "b"), moved_by="b", in_time=False)


def test_limits_that_never_meet_end_at_the_horizon() -> None:
    """Eight days are looked over, no more."""
    night, day = (windows(range(7), span) for span in ((0, 480), (480, 1440)))
    limits = [hours_limit("night", night, ZoneInfo("UTC")), hours_limit("d", day, ZoneInfo("UTC"))]

    answer = solve(limits, NOON_MS)

    assert (answer.next_ms, answer.in_time) == (None, False)


@pytest.mark.parametrize(
    ("opens_ms", "found"), [(HORIZON_MS, True), (HORIZON_MS + 1, False)], ids=["at", "behind"]
)
def test_horizon_is_inclusive(opens_ms: int, found: bool) -> None:  # noqa: FBT001 - a table
    """What opens at its very end is found."""
    answer = solve([_open("a", (opens_ms, FOREVER_MS))], 0)

    assert (answer.next_ms is not None) is found


@pytest.mark.parametrize(
    ("expires_ms", "in_time"), [(20, False), (21, True)], ids=["at the end", "before it"]
)
def test_instant_at_the_end_of_the_message_is_too_late(
    expires_ms: int,
    in_time: bool,  # noqa: FBT001 - a table
) -> None:
    """The end is exclusive; the instant is told all the same."""
    answer = solve([_open("a", (20, 30))], 5, expires_ms)

    assert (answer.next_ms, answer.in_time) == (20, in_time)


# ---- against a scan of every minute ----------------------------------------------------------

ZONES = (
    "Europe/Monaco",
    "America/New_York",
    "Asia/Seoul",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Auckland",
    "Africa/Cairo",
    "America/Havana",
    "Antarctica/Troll",
)
CLOCKS_CHANGE = (
    "2026-03-29 01:00",  # Monaco, Troll
    "2026-10-25 01:00",
    "2026-03-08 07:00",  # New York
    "2026-11-01 06:00",
    "2026-03-08 05:00",  # Havana: midnight does not exist
    "2026-11-01 05:00",
    "2026-04-04 15:00",  # Lord Howe, by half an hour
    "2026-10-03 15:30",
    "2026-04-05 03:00",  # Santiago
    "2026-09-06 04:00",
    "2026-04-04 14:00",  # Auckland
    "2026-09-26 14:00",
    "2026-04-23 22:00",  # Cairo: midnight does not exist
    "2026-06-01 12:00",
)
HOURS: tuple[tuple[LocalWindow, ...], ...] = (
    DAYTIME,
    windows(range(7), (0, 120), (1200, 1440)),  # overnight
    windows(range(7), (30, 90), (150, 170), (1380, 1425)),  # edges where clocks change
    (*windows(range(5), (600, 1200)), *windows([6], (720, 1140))),
    windows(range(7), (150, 1410)),
)
OPENINGS = ("Mo-Fr 08:00-18:00; Sa 10:00-14:00", "Mo-Su 22:00-06:00", "Th-Su 02:30-03:30", "24/7")
RULES = (
    CapRule("r.1", 2, rolling_ms=DAY_MS),
    CapRule("r.2", 1, rolling_ms=2 * HOUR_MS),
    CapRule("r.3", 1, calendar="day"),
    CapRule("r.4", 3, calendar="week"),
    CapRule("r.5", 1, calendar="hour"),
)

Truth = Callable[[range], list[bool]]


def _hours(number: int, allowed: tuple[LocalWindow, ...], zone: str) -> tuple[Limit, Truth]:
    info = ZoneInfo(zone)

    def truth(minutes: range) -> list[bool]:
        wider = range(minutes.start - MARGIN_MIN, minutes.stop + MARGIN_MIN)
        walls = [wall_min(minute, info) for minute in wider]
        return scan(edges_of(allowed), walls)[MARGIN_MIN:-MARGIN_MIN]

    return hours_limit(f"hours {number} in {zone}", allowed, info), truth


def _opening(text: str, zone: str) -> tuple[Limit, Truth]:
    opening = opening_of(text, zone, 43.7, 7.4)
    limit = Limit("opening hours", opening.span_at)
    return limit, lambda minutes: [opening.is_open(minute * MIN_MS) for minute in minutes]


def _caps(
    rules: Sequence[CapRule], used: Sequence[tuple[int, str]], zone: str, now_ms: int
) -> tuple[Limit, Truth]:
    slots = [
        slot(f"s{n}", now_ms - ago * MIN_MS, now_ms - ago * MIN_MS, zone=there)
        for n, (ago, there) in enumerate(used)
    ]
    wanted = slot("wanted", now_ms, zone=zone)
    free_ms = caps.free_at_ms(rules, slots, wanted, zone, now_ms)

    def truth(minutes: range) -> list[bool]:
        answers = (caps.check(rules, slots, wanted, zone, m * MIN_MS) for m in minutes)
        return [all(each.ok for each in answer) for answer in answers]

    return Limit("caps", lambda at_ms: _from((free_ms, FOREVER_MS), at_ms)), truth


_limits = st.tuples(
    st.lists(st.tuples(st.sampled_from(HOURS), st.sampled_from(ZONES)), max_size=3),
    st.one_of(st.none(), st.tuples(st.sampled_from(OPENINGS), st.sampled_from(ZONES))),
    st.lists(st.sampled_from(RULES), max_size=3, unique_by=lambda rule: rule.rule_id),
    st.lists(st.tuples(st.integers(0, 2 * DAY_MIN), st.sampled_from(ZONES)), max_size=4),
    st.sampled_from(ZONES),
)


@settings(max_examples=60, deadline=None)
@given(_limits, st.sampled_from(CLOCKS_CHANGE), st.integers(-2 * DAY_MIN, DAY_MIN))
@pytest.mark.guarantee("R15")
def test_solver_equals_a_scan_of_every_minute(
    given: tuple[
        list[tuple[tuple[LocalWindow, ...], str]],
        tuple[str, str] | None,
        list[CapRule],
        list[tuple[int, str]],
        str,
    ],
    change: str,
    offset_min: int,
) -> None:
    """Quiet hours in several zones, opening hours and caps: the first minute all are open."""
    hours, opening, rules, used, zone = given
    now_min = at(change) // MIN_MS + offset_min
    now_ms = now_min * MIN_MS
    pairs = [_hours(n, allowed, name) for n, (allowed, name) in enumerate(hours)]
    pairs += [_opening(*opening)] if opening else []
    pairs += [_caps(rules, used, zone, now_ms)] if rules else []

    answer = solve([limit for limit, _ in pairs], now_ms)

    found_min = now_min + 3 * DAY_MIN if answer.next_ms is None else answer.next_ms // MIN_MS
    last_min = now_min if answer.is_open else min(found_min, now_min + 3 * DAY_MIN)
    minutes = range(now_min, last_min + 1)
    truths = {limit.name: truth(minutes) for limit, truth in pairs}
    together = [all(each) for each in zip(*truths.values(), strict=True)] or [True]
    assert answer.closed == tuple(name for name, truth in truths.items() if not truth[0])
    assert together[0] is answer.is_open
    assert not any(together[:-1])
    if answer.next_ms is not None and found_min == last_min:
        assert answer.next_ms == found_min * MIN_MS
        assert together[-1]
        assert not truths[answer.moved_by][-2]
