from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fencepost_gateway.decide.caps import (
    LONGEST_MS,
    CapAnswer,
    Slot,
    calendar_window,
    check,
    free_at_ms,
    in_scope,
    outranks,
    reserved_now_ms,
)
from fencepost_gateway.decide.plan import CalendarWindow, CapRule, CapScope
from gateway.decide.builders import DAY_MS, HOUR_MS, MIN_MS, MODEST, NOON_MS, at, slot

ZONES = (
    "Europe/Monaco",
    "America/New_York",
    "Asia/Seoul",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Antarctica/Casey",
)
WINDOWS: tuple[CalendarWindow, ...] = ("hour", "day", "week", "month")
CLOCKS_GO_BACK_MS = (
    at("2022-03-12 13:00"),  # Casey, by three hours
    at("2026-10-25 01:00"),  # Monaco, and Troll by two hours
    at("2026-11-01 05:00"),  # Havana, over midnight
    at("2026-04-04 15:00"),  # Lord Howe, by half an hour
    at("2026-04-23 22:00"),  # Cairo: midnight does not exist
    NOON_MS,
)


def _rule(limit: int, per: CalendarWindow | int, scope: CapScope | None = None) -> CapRule:
    if isinstance(per, int):
        return CapRule("caps.1", limit, scope or CapScope(), rolling_ms=per)
    return CapRule("caps.1", limit, scope or CapScope(), calendar=per)


def _ask(rule: CapRule, slots: Sequence[Slot], now_ms: int, zone: str = "") -> CapAnswer:
    (answer,) = check([rule], slots, slot("wanted", now_ms), zone, now_ms)
    return answer


# ---- rolling -------------------------------------------------------------------------------


@pytest.mark.parametrize(("used", "ok"), [(2, True), (3, False), (4, False)])
def test_limit_is_the_number_that_may_go(used: int, ok: bool) -> None:  # noqa: FBT001 - a table
    """At most ``limit`` messages: the third of three may go, the fourth may not."""
    slots = [slot(f"s{n}", NOON_MS - n, NOON_MS - n) for n in range(used)]

    answer = _ask(_rule(3, DAY_MS), slots, NOON_MS)

    assert (answer.ok, answer.used, answer.limit) == (ok, used, 3)


def test_rolling_window_counts_until_the_use_plus_the_span() -> None:
    """A slot counts until the end of the provider's call + span, to the millisecond."""
    sent = slot("s", NOON_MS, NOON_MS + 900)
    end_ms = NOON_MS + 900 + DAY_MS

    assert _ask(_rule(1, DAY_MS), [sent], NOON_MS + DAY_MS + 1).retry_at_ms == end_ms
    assert not _ask(_rule(1, DAY_MS), [sent], end_ms - 1).ok
    assert _ask(_rule(1, DAY_MS), [sent], end_ms).ok


def test_open_slot_counts_however_old() -> None:
    """Nobody knows yet how the call ended, so its slot counts."""
    open_slot = slot("s", NOON_MS - 100 * DAY_MS)

    assert not _ask(_rule(1, DAY_MS), [open_slot], NOON_MS).ok


def test_unknown_outcome_keeps_its_slot() -> None:
    """It may have arrived, so it counts."""
    unknown = slot("s", NOON_MS - 1, NOON_MS, state="kept_unknown")

    assert not _ask(_rule(1, DAY_MS), [unknown], NOON_MS).ok


def test_released_slot_does_not_count() -> None:
    """A definite refusal gives the slot back."""
    released = slot("s", NOON_MS - 1, NOON_MS, state="released")

    assert _ask(_rule(1, DAY_MS), [released], NOON_MS).used == 0


@pytest.mark.parametrize("per", [DAY_MS, "day"], ids=["rolling", "calendar"])
@pytest.mark.parametrize("back_ms", [HOUR_MS, 400 * DAY_MS], ids=["an hour", "400 days"])
@pytest.mark.guarantee("R22")
def test_clock_that_jumps_back_frees_nothing(per: CalendarWindow | int, back_ms: int) -> None:
    """Time is that of the newest reservation when the clock says less."""
    sent = slot("s", NOON_MS, NOON_MS + 10)

    answer = _ask(_rule(1, per), [sent], NOON_MS - back_ms, "Asia/Seoul")

    assert not answer.ok


def test_slot_reserved_while_the_clock_is_back_counts_from_the_newest() -> None:
    """A slot taken on a clock that went back is dated by the newest, and used no earlier."""
    slots = [slot("s", NOON_MS, NOON_MS + 10)]
    reserved_ms = reserved_now_ms(slots, NOON_MS - 400 * DAY_MS)
    early = slot("t", reserved_ms, NOON_MS - 400 * DAY_MS)

    assert reserved_ms == NOON_MS
    assert _ask(_rule(2, DAY_MS), [*slots, early], NOON_MS + HOUR_MS).used == 2


# ---- groups and scope ----------------------------------------------------------------------


@pytest.mark.parametrize("per", [DAY_MS, "day"], ids=["rolling", "calendar"])
def test_messages_of_one_group_count_once(per: CalendarWindow | int) -> None:
    """A step that goes on every channel takes one place, as long as its last message counts."""
    slots = [
        slot("a1", NOON_MS - 300, NOON_MS - 200, group_id="a"),
        slot("a2", NOON_MS - 200, NOON_MS - 100, group_id="a", channel="sms"),
    ]

    answer = _ask(_rule(1, per), slots, NOON_MS, "UTC")

    assert (answer.ok, answer.used) == (False, 1)
    assert answer.retry_at_ms == (NOON_MS - 100 + DAY_MS if per == DAY_MS else at("2026-06-02"))


def test_second_message_of_a_group_needs_no_second_place() -> None:
    """The group of the wanted message is not counted against it."""
    first = slot("a1", NOON_MS - 300, NOON_MS - 200, group_id="a")
    wanted = slot("a2", NOON_MS, group_id="a", channel="sms")

    (answer,) = check([_rule(1, DAY_MS)], [first], wanted, "", NOON_MS)

    assert (answer.ok, answer.used) == (True, 0)


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        (CapScope(), True),
        (CapScope("transactional"), False),
        (CapScope(channels=frozenset({"sms", "email"})), True),
        (CapScope(channels=frozenset({"sms"})), False),
        (CapScope(tags=frozenset({"yoga", "x"})), True),
        (CapScope(tags=frozenset({"x"})), False),
        (CapScope(campaigns=frozenset({"greeting"})), True),
        (CapScope(campaigns=frozenset({"other"})), False),
        (CapScope(brands=frozenset({"luma"})), True),
        (CapScope(brands=frozenset({"other"})), False),
        (CapScope(fence_ids=frozenset({"studio", "x"})), True),
        (CapScope(fence_ids=frozenset({"x"})), False),
        (CapScope(fence_ids=frozenset()), False),
    ],
)
def test_scope_says_what_counts(scope: CapScope, counts: bool) -> None:  # noqa: FBT001 - a table
    """Purpose, channels, tags, campaigns, brands and places narrow; what is left out does not."""
    taken = slot("s", 0, tags=("pilates", "yoga"), brand="luma", fence_id="studio")

    assert in_scope(scope, taken) is counts


_ranked = st.builds(
    lambda name, priority, cause_at_ms: slot(name, 0, priority=priority, cause_at_ms=cause_at_ms),
    st.sampled_from("abc"),
    st.integers(0, 2),
    st.integers(0, 2),
)


@MODEST
@given(_ranked, _ranked, _ranked)
def test_rank_is_a_total_order(one: Slot, two: Slot, three: Slot) -> None:
    """Two different messages never tie, nor both win, and who beats a winner beats the loser."""
    if (one.slot_id, one.priority, one.cause_at_ms) != (two.slot_id, two.priority, two.cause_at_ms):
        assert outranks(one, two) is not outranks(two, one)
    if outranks(one, two) and outranks(two, three):
        assert outranks(one, three)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": 60}, {"cause_at_ms": 0}),
        ({"cause_at_ms": 1}, {"cause_at_ms": 2}),
        ({}, {"slot_id": "z"}),
    ],
    ids=["priority", "earlier cause", "id"],
)
def test_rank_is_by_priority_then_cause_then_id(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Higher priority first, then the earlier cause, then the smaller id."""
    one = slot("a", 0, **{"cause_at_ms": 2, **first})
    two = slot("b", 0, **{"cause_at_ms": 2, **second})

    assert outranks(one, two)
    assert not outranks(two, one)


def test_next_slot_of_all_rules_is_the_latest_of_each() -> None:
    """AND-ed rules: an hour's room is no room while the day is full."""
    sent = [slot("s", NOON_MS, NOON_MS)]
    rules = [_rule(1, HOUR_MS), _rule(1, DAY_MS), _rule(2, 2 * DAY_MS)]

    free_ms = free_at_ms(rules, sent, slot("wanted", NOON_MS), "", NOON_MS + 1)

    assert free_ms == NOON_MS + DAY_MS


def test_next_slot_is_now_where_there_is_room() -> None:
    """Nothing has to be waited for."""
    assert free_at_ms([_rule(1, DAY_MS)], [], slot("wanted", NOON_MS), "", NOON_MS) == NOON_MS


def test_full_cap_names_who_took_the_last_slot() -> None:
    """Of those that count now, the one reserved last."""
    sent = [slot(f"s{n}", NOON_MS - n, NOON_MS - n) for n in (3, 1, 2)]

    answer = _ask(_rule(3, DAY_MS), sent, NOON_MS)

    assert answer.last is sent[1]
    assert _ask(_rule(4, DAY_MS), sent, NOON_MS).last is None


def test_rule_that_does_not_cover_the_message_is_not_asked() -> None:
    """A cap on SMS says nothing about an email, and SMS sent do not count for a cap on email."""
    sms = CapScope(channels=frozenset({"sms"}))
    email = CapScope(channels=frozenset({"email"}))
    sent = slot("s", NOON_MS - 1, NOON_MS, channel="sms")

    answers = check([_rule(1, DAY_MS, sms)], [sent], slot("w", NOON_MS), "", NOON_MS)

    assert answers == []
    assert _ask(_rule(1, DAY_MS, email), [sent], NOON_MS).used == 0


def test_all_rules_hold_and_the_first_that_does_not_is_named_last() -> None:
    """Rules are asked in their order up to the first without room."""
    slots = [slot("s", NOON_MS - 2 * HOUR_MS, NOON_MS - 2 * HOUR_MS)]
    rules = [CapRule(f"r{n}", 1, rolling_ms=n * HOUR_MS) for n in (1, 3, 4)]

    answers = check(rules, slots, slot("w", NOON_MS), "", NOON_MS)

    assert [(a.rule_id, a.ok) for a in answers] == [("r1", True), ("r3", False)]


# ---- calendar ------------------------------------------------------------------------------


def _local(at_ms: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(
        ZoneInfo(zone)
    )


def _key(window: CalendarWindow, at_ms: int, zone: str) -> object:
    local = _local(at_ms, zone)
    if window == "month":
        return (local.year, local.month)
    return local.date() if window == "day" else local.isocalendar()[:2]


_moments = st.builds(
    lambda base, offset: base + offset,
    st.sampled_from(CLOCKS_GO_BACK_MS),
    st.integers(-40 * 24 * 60, 40 * 24 * 60).map(lambda n: n * MIN_MS),
)


@MODEST
@given(st.sampled_from(("day", "week", "month")), st.sampled_from(ZONES), _moments)
def test_calendar_window_holds_exactly_what_the_wall_calls_one(
    window: CalendarWindow, zone: str, now_ms: int
) -> None:
    """Every quarter of an hour inside shows the same day, week or month; just outside, another."""
    start_ms, end_ms = calendar_window(window, zone, now_ms)
    key = _key(window, now_ms, zone)

    assert start_ms <= now_ms < end_ms
    assert end_ms - start_ms <= LONGEST_MS[window]
    assert {_key(window, t, zone) for t in range(start_ms, end_ms, 45 * MIN_MS)} == {key}
    assert key not in {_key(window, start_ms - 1, zone), _key(window, end_ms, zone)}


@MODEST
@given(st.sampled_from(ZONES), _moments)
@example("Australia/Lord_Howe", at("2026-04-04 15:15"))
@example("Australia/Lord_Howe", at("2026-10-03 15:45"))
def test_hour_runs_from_one_full_hour_to_the_next(zone: str, now_ms: int) -> None:
    """An hour begins and ends where the wall shows a full hour, and shows none between."""
    start_ms, end_ms = calendar_window("hour", zone, now_ms)
    inside = range(start_ms + 15 * MIN_MS, end_ms, 15 * MIN_MS)

    assert start_ms <= now_ms < end_ms
    assert end_ms - start_ms <= LONGEST_MS["hour"]
    assert _local(start_ms, zone).minute == _local(end_ms, zone).minute == 0
    assert 0 not in {_local(t, zone).minute for t in inside}


def test_calendar_day_is_the_persons() -> None:
    """Half past eleven at night and half past midnight are two days in Seoul, one in UTC."""
    late = at("2026-06-01 14:30")
    sent = slot("s", late, late + 1)

    assert _ask(_rule(1, "day"), [sent], late + HOUR_MS, "Asia/Seoul").ok
    assert not _ask(_rule(1, "day"), [sent], late + HOUR_MS, "UTC").ok


def test_change_of_zone_opens_no_second_window() -> None:
    """Who flies to a zone whose new day has begun takes along the count of the day they left."""
    late = at("2026-06-01 14:00")  # 23:00 in Seoul, and half an hour before midnight in Adelaide
    sent = slot("s", late, late + 1, zone="Asia/Seoul")

    answer = _ask(_rule(1, "day"), [sent], late + 31 * MIN_MS, "Australia/Adelaide")

    assert not answer.ok
    assert answer.retry_at_ms == at("2026-06-02 14:30")
    assert _ask(_rule(1, "day"), [sent], at("2026-06-02 14:30"), "Australia/Adelaide").ok


def test_change_of_zone_to_the_west_keeps_the_count_of_the_day_that_overlaps() -> None:
    """A day in Los Angeles that begins while the Seoul day still runs begins with its count."""
    sent = slot("s", at("2026-06-01 15:30"), at("2026-06-01 15:31"), zone="Asia/Seoul")

    answer = _ask(_rule(1, "day"), [sent], at("2026-06-02 07:30"), "America/Los_Angeles")

    assert answer.retry_at_ms == at("2026-06-03 07:00")


def test_window_is_named_in_the_answer() -> None:
    """The record can say which window was full: the calendar's with its zone, or the span."""
    assert _ask(_rule(1, "week"), [], NOON_MS, "Asia/Seoul").window == "week in Asia/Seoul"
    assert _ask(_rule(1, HOUR_MS), [], NOON_MS).window == "rolling 3600 s"


# ---- against brute force -------------------------------------------------------------------


def _slots(zone: str, now_ms: int) -> st.SearchStrategy[list[Slot]]:
    def build(n: int, ago_min: int, call_ms: int) -> Slot:
        reserved_ms = now_ms - ago_min * MIN_MS
        return slot(f"s{n}-{ago_min}", reserved_ms, reserved_ms + call_ms, zone=zone)

    one = st.builds(
        build,
        st.integers(0, 2),
        st.one_of(st.integers(0, 200), st.integers(0, 32 * 24 * 60)),
        st.sampled_from([1, 30_000]),
    )
    return st.lists(one, max_size=6, unique_by=lambda s: s.slot_id)


@MODEST
@given(st.data(), st.sampled_from([HOUR_MS, DAY_MS, 7 * DAY_MS]), st.integers(1, 3))
def test_rolling_count_equals_brute_force(data: st.DataObject, span_ms: int, limit: int) -> None:
    """Count what was reserved and whose span is not over; the next place is the first with room."""
    slots = data.draw(_slots("", NOON_MS))

    def used(t: int) -> int:
        return sum(1 for s in slots if (s.used_at_ms or 0) + span_ms > t)

    answer = _ask(_rule(limit, span_ms), slots, NOON_MS)

    assert (answer.used, answer.ok) == (used(NOON_MS), used(NOON_MS) < limit)
    if answer.retry_at_ms is not None:
        assert used(answer.retry_at_ms) < limit <= used(answer.retry_at_ms - 1)


@MODEST
@given(
    st.data(),
    st.sampled_from(WINDOWS),
    st.sampled_from(ZONES),
    st.sampled_from(CLOCKS_GO_BACK_MS),
    st.integers(1, 3),
)
def test_calendar_retry_is_the_first_moment_with_room(
    data: st.DataObject, window: CalendarWindow, zone: str, base_ms: int, limit: int
) -> None:
    """At ``retry_at`` the rule has room, a millisecond before it has not; also after a move."""
    now_ms = base_ms + data.draw(st.integers(-300, 300)) * MIN_MS
    home = data.draw(st.sampled_from([zone, "", "Asia/Seoul", "America/New_York"]))
    slots = data.draw(_slots(home, now_ms))
    rule = _rule(limit, window)

    answer = _ask(rule, slots, now_ms, zone)

    if home in {zone, ""}:
        start_ms, _ = calendar_window(window, zone, reserved_now_ms(slots, now_ms))
        assert answer.used == sum(1 for s in slots if s.reserved_at_ms >= start_ms)
    if answer.retry_at_ms is not None:
        assert not _ask(rule, slots, answer.retry_at_ms - 1, zone).ok
        assert _ask(rule, slots, answer.retry_at_ms, zone).ok


@MODEST
@given(
    st.data(),
    st.sampled_from(WINDOWS),
    st.sampled_from(ZONES),
    st.sampled_from(CLOCKS_GO_BACK_MS),
)
@example(None, "day", "Antarctica/Casey", at("2022-03-12 12:59"))
def test_unknown_zone_is_at_least_as_strict_as_any_zone(
    data: st.DataObject | None, window: CalendarWindow, zone: str, base_ms: int
) -> None:
    """What a calendar of any zone counts is counted when nobody knows the zone."""
    if data is None:  # 27 hours: the longest day there is
        begun_ms = at("2022-03-11 13:01")
        now_ms, slots = base_ms + 3 * HOUR_MS, [slot("s", begun_ms, begun_ms + 1)]
    else:
        now_ms = base_ms + data.draw(st.integers(-40 * 24 * 60, 24 * 60)) * MIN_MS
        slots = data.draw(_slots(zone, now_ms))

    unknown = _ask(_rule(1, window), slots, now_ms)

    assert unknown.used >= _ask(_rule(1, window), slots, now_ms, zone).used
