import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide.hours import quiet_to_allowed, weekly_windows
from fencepost_gateway.decide.plan import LocalWindow, QuietHours
from fencepost_gateway.decide.quiet_hours import Hours, limits, own_hours, policy_hours
from fencepost_gateway.decide.zones import Zones
from gateway.decide.builders import DAYTIME, MODEST, POLICY, windows

ALL_DAY = windows(range(7), (0, 1440))
_window = st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440)).map(
    lambda w: LocalWindow(w[0], w[1], min(1440, w[1] + w[2]))
)


def _minutes(found: tuple[LocalWindow, ...]) -> list[int]:
    return sorted(
        each.weekday * 1440 + minute
        for each in found
        for minute in range(each.start_min, each.end_min)
    )


@MODEST
@given(st.lists(_window, max_size=10))
def test_what_quiet_leaves_is_the_rest_of_the_week(quiet: list[LocalWindow]) -> None:
    """Every minute is either quiet or allowed, once, whatever order and overlaps there are."""
    allowed = _minutes(quiet_to_allowed(quiet))

    assert allowed == sorted(set(range(7 * 1440)) - set(_minutes(tuple(quiet))))


def test_night_is_split_at_midnight_and_sunday_goes_on_on_monday() -> None:
    """Monday's morning belongs to Monday, and to Sunday's night."""
    assert weekly_windows({"su": "22:00-07:00"}) == (
        LocalWindow(0, 0, 420),
        LocalWindow(6, 1320, 1440),
    )


def test_weekday_that_is_named_replaces_every_day() -> None:
    """An empty list is none at all."""
    found = weekly_windows({"every_day": "08:00-10:00", "sa": ["09:00-10:00"], "su": []})

    assert found == (*windows(range(5), (480, 600)), LocalWindow(5, 540, 600))


# ---- the person's own ------------------------------------------------------------------------

SLEEP = windows(range(7), (420, 1320))


@pytest.mark.parametrize(
    "stated",
    ["22:00-07:00", ["22:00-07:00"], ["22:00-24:00", "00:00-07:00"], {"every_day": "22:00-07:00"}],
    ids=["text", "list", "two", "mapping"],
)
def test_own_quiet_hours_are_read_in_each_form(stated: object) -> None:
    """They say when it is quiet; what is left is allowed."""
    assert own_hours(stated, "marketing", "email") == [Hours("person", SLEEP)]


@pytest.mark.parametrize(
    "stated",
    [
        "at night",
        "",
        7,
        ["22:00-07:00", None],
        {"every_day": "25:00-07:00"},
        {"every_day": "22:00-07:00", "purposes": "marketing"},
        {"mo": {"from": "22:00"}},
    ],
    ids=["words", "empty", "number", "half", "no time", "no list", "mapping"],
)
def test_own_quiet_hours_that_cannot_be_read_are_none(stated: object) -> None:
    """Told from having none, so that the record can say so."""
    assert own_hours(stated, "marketing", "email") is None


@pytest.mark.parametrize("stated", [None, [], {}, {"channels": ["sms"]}])
def test_who_states_no_quiet_hours_has_none(stated: object) -> None:
    """Nothing stated, nothing kept."""
    assert own_hours(stated, "marketing", "sms") == []


def test_own_quiet_hours_may_be_for_some_channels() -> None:
    """A channel that is not named is free."""
    stated = {"every_day": "22:00-07:00", "channels": ["sms"]}

    assert own_hours(stated, "marketing", "sms") == [Hours("person", SLEEP)]
    assert own_hours(stated, "marketing", "email") == []


def test_quiet_all_day_allows_nothing() -> None:
    """A whole day of quiet leaves no window, which never opens."""
    assert own_hours("00:00-24:00", "marketing", "sms") == [Hours("person", ())]


# ---- which hours, in which zones -------------------------------------------------------------

PAIR = Zones(("Europe/Monaco", "Asia/Tokyo"), "chosen and device", is_known=True)
GUESS = Zones(("America/Adak", "America/New_York"), "country (US)")


def _names(hours: Hours, zones: Zones) -> list[str]:
    return [limit.name.removeprefix("policy in ") for limit in limits([hours], zones)]


@pytest.mark.parametrize(
    ("hours", "zones", "names"),
    [
        (Hours("policy", DAYTIME), PAIR, ["Europe/Monaco", "Asia/Tokyo"]),
        (Hours("policy", DAYTIME, "first"), PAIR, ["Europe/Monaco"]),
        (Hours("policy", DAYTIME, "first"), GUESS, list(GUESS.names)),
        (Hours("policy", DAYTIME, and_zone="Asia/Seoul"), PAIR, [*PAIR.names, "Asia/Seoul"]),
        (Hours("policy", DAYTIME, "first", "Asia/Tokyo"), PAIR, [*PAIR.names]),
        (Hours("policy", DAYTIME, and_zone="Asia/Tokyo"), PAIR, [*PAIR.names]),
    ],
    ids=["strictest", "first", "first of a guess", "and zone", "first and zone", "the same"],
)
def test_hours_hold_in_each_zone_that_counts(hours: Hours, zones: Zones, names: list[str]) -> None:
    """One limit a zone, none twice."""
    assert _names(hours, zones) == names


@pytest.mark.parametrize(
    ("purpose", "channel", "lifts", "count"),
    [
        ("marketing", "sms", frozenset(), 1),
        ("transactional", "sms", frozenset(), 0),
        ("marketing", "email", frozenset(), 0),
        ("marketing", "sms", frozenset({"marketing_night"}), 0),
        ("marketing", "sms", frozenset({"something"}), 1),
    ],
    ids=["holds", "purpose", "channel", "lifted", "by another"],
)
def test_policy_hours_hold_for_what_they_cover(
    purpose: str, channel: str, lifts: frozenset[str], count: int
) -> None:
    """Purpose and channel are covered, and no consent lifts them."""
    rule = QuietHours(
        frozenset({"marketing"}), frozenset({"sms"}), ALL_DAY, lifted_by="marketing_night"
    )
    policy = replace(POLICY, quiet_hours=(rule,))

    assert len(policy_hours([policy], purpose, channel, lifts)) == count
