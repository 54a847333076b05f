from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

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
