from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.opening import is_opening_hours, opening_of

LEIPZIG = 51.34, 12.37
BERLIN = "Europe/Berlin"


def is_open(text: str, moment: str, zone: str = BERLIN) -> bool:
    """Ask on the wall clock of Berlin."""
    at = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(BERLIN))
    return opening_of(text, zone, *LEIPZIG).is_open(round(at.timestamp() * 1000))


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("24/7", "2026-06-01 03:00", True),
        ("off", "2026-06-01 12:00", False),
        ("Mo-Fr 08:00-18:00", "2026-06-01 08:00", True),
        ("Mo-Fr 08:00-18:00", "2026-06-01 18:00", False),
        ("Mo-Fr 08:00-18:00", "2026-06-06 12:00", False),
        ("Fr 22:00-04:00", "2026-06-06 03:59", True),
        ("Fr 22:00-04:00", "2026-06-06 04:00", False),
        ("Fr 22:00-28:00", "2026-06-06 03:59", True),
        ("Fr 22:00-04:00", "2026-06-05 03:00", False),
        ("Su 01:00-05:00", "2026-03-29 03:30", True),
        ("Mo-Su 10:00-12:00; PH off", "2026-10-03 11:00", False),
        ("Mo-Su 10:00-12:00; PH off", "2026-10-04 11:00", True),
        ("sunrise-sunset", "2026-06-21 20:30", True),
        ("sunrise-sunset", "2026-12-21 17:30", False),
        ("Dec 24-26 off; Mo-Su 08:00-20:00; Dec 24-26 off", "2026-12-25 12:00", False),
        ("Mo-Su 10:00-12:00 unknown", "2026-10-04 11:00", False),
    ],
)
def test_opening_hours_mean_what_openstreetmap_says(
    text: str,
    moment: str,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Weekdays, overnight spans, summer time, public holidays and the sun of the place."""
    assert is_open(text, moment) is expected


def test_opening_hours_are_in_the_fences_own_zone() -> None:
    """Eight in the morning is where the fence lies, not where the gateway runs."""
    assert is_open("08:00-09:00", "2026-06-01 08:30")
    assert not is_open("08:00-09:00", "2026-06-01 08:30", "Asia/Seoul")


@pytest.mark.parametrize(("text", "zone"), [("24/7", ""), ("24/7", "Mars/Olympus"), ("x", BERLIN)])
def test_opening_without_zone_or_sense_is_closed(text: str, zone: str) -> None:
    """What nobody can tell is inactive; the documents' check refuses it before."""
    assert not is_open(text, "2026-06-01 12:00", zone)


@pytest.mark.parametrize(
    "text", ["", "Mo-Xx 8", "08:00-18:00 " * 100, "\x00", "Mo 25:99-30:00", "営業"]
)
def test_text_that_is_no_opening_hours_is_told(text: str) -> None:
    """Nothing unreadable is taken for always or never."""
    assert not is_opening_hours(text)


def opens_after(text: str, moment: str, zone: str = BERLIN) -> str:
    """Give the next opening on the wall clock of Berlin, with its offset; empty when none."""
    after = datetime.fromisoformat(moment)
    if after.tzinfo is None:
        after = after.replace(tzinfo=ZoneInfo(BERLIN))
    found = opening_of(text, zone, *LEIPZIG).next_opening_ms(round(after.timestamp() * 1000))
    if found is None:
        return ""
    return datetime.fromtimestamp(found / 1000, ZoneInfo(BERLIN)).isoformat(" ")


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("08:00-18:00", "2026-06-01 07:59:59.999", "2026-06-01 08:00:00+02:00"),
        ("08:00-18:00", "2026-06-01 08:00", "2026-06-02 08:00:00+02:00"),
        ("Mo-Fr 08:00-18:00", "2026-06-05 12:00", "2026-06-08 08:00:00+02:00"),
        ("Mo-Su 10:00-12:00; PH off", "2026-10-02 11:00", "2026-10-04 10:00:00+02:00"),
        # overnight, and spans that touch, are one opening
        ("22:00-02:00", "2026-06-01 23:00", "2026-06-02 22:00:00+02:00"),
        ("22:00-02:00", "2026-06-02 01:00", "2026-06-02 22:00:00+02:00"),
        ("20:00-24:00,00:00-02:00", "2026-06-01 21:00", "2026-06-02 20:00:00+02:00"),
        ("08:00-12:00,12:00-18:00", "2026-06-01 09:00", "2026-06-02 08:00:00+02:00"),
        ('08:00-12:00 "a", 12:00-18:00 "b"', "2026-06-01 09:00", "2026-06-02 08:00:00+02:00"),
        ('08:00-09:00 unknown "x"; 09:00-10:00', "2026-06-01 07:00", "2026-06-01 09:00:00+02:00"),
        ("24/7", "2026-06-01 12:00", ""),
        ("Mo-Su 00:00-24:00", "2026-06-01 12:00", ""),
        ("off", "2026-06-01 12:00", ""),
        ("2020 Mo 08:00-09:00", "2026-06-01 12:00", ""),
        # clocks put forward at 02:00 on 29 March
        ("02:30-06:00", "2026-03-28 12:00", "2026-03-29 03:00:00+02:00"),
        ("02:10-02:50", "2026-03-28 12:00", "2026-03-30 02:10:00+02:00"),
        ("00:00-02:00,02:30-04:00", "2026-03-29 01:00", "2026-03-30 00:00:00+02:00"),
        ("08:00-18:00", "2026-03-28 12:00", "2026-03-29 08:00:00+02:00"),
        # clocks put back at 03:00 on 25 October
        ("02:30-06:00", "2026-10-24 12:00", "2026-10-25 02:30:00+02:00"),
        ("02:30-06:00", "2026-10-25T02:30+02:00", "2026-10-26 02:30:00+01:00"),
        ("02:30-06:00", "2026-10-25T02:10+01:00", "2026-10-25 02:30:00+01:00"),
        ("08:00-18:00", "2026-10-24 12:00", "2026-10-25 08:00:00+01:00"),
    ],
)
def test_next_opening_is_the_next_time_the_wall_clock_opens(
    text: str, moment: str, expected: str
) -> None:
    """Spans that touch open once; clocks put forward or back neither lose nor double one."""
    assert opens_after(text, moment) == expected


@given(
    st.sampled_from(["08:00-18:00", "22:00-02:00", "Mo,We 09:00-12:00,14:00-18:00", "02:30-05:00"]),
    st.integers(1_770_000_000_000, 1_800_000_000_000),
)
def test_next_opening_comes_from_closed_to_open(text: str, after_ms: int) -> None:
    """At an opening it is open, a moment before it is not, and nothing opened in between."""
    opening = opening_of(text, BERLIN, *LEIPZIG)
    at_ms = opening.next_opening_ms(after_ms)

    assert at_ms is not None
    assert at_ms > after_ms
    assert opening.is_open(at_ms)
    assert not opening.is_open(at_ms - 1)
    assert opening.next_opening_ms(at_ms - 1) == at_ms


def test_next_opening_without_zone_or_sense_never_comes() -> None:
    """What nobody can tell does not open."""
    assert not opens_after("08:00-18:00", "2026-06-01 07:00", "")
    assert not opens_after("x", "2026-06-01 07:00")
