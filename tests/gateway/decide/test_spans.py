from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from fencepost_gateway.decide import spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000), ("7d", 604_800_000)],
)
def test_duration_is_read(text: str, expected: int) -> None:
    """A duration is a number and one of s m h d."""
    assert spans.parse_duration_ms(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "0s", "1w", "1M", "-1s", "1.5h", " 1s", "1s ", "10", "99999999d", 7, None, "\u0661s"],
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    """There are no months, no zero, no fractions, no blanks, no foreign digits."""
    assert spans.parse_duration_ms(text) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("00:00", 0), ("07:30", 450), ("24:00", 1440), ("23:59", 1439)]
)
def test_clock_is_read(text: str, expected: int) -> None:
    """A local time is HH:MM, up to 24:00."""
    assert spans.parse_clock_min(text) == expected


@pytest.mark.parametrize("text", ["7:30", "24:01", "12:60", "", 730, "07.30"])
def test_what_is_no_clock_is_refused(text: object) -> None:
    """Everything else is no local time."""
    assert spans.parse_clock_min(text) is None


def test_moment_without_offset_needs_a_zone() -> None:
    """A wall reading is placed in the zone given, never silently in UTC."""
    wall = datetime.fromisoformat("2026-06-01T08:00:00")

    assert spans.moment_ms(wall, None) is None
    assert spans.moment_ms(wall, ZoneInfo("Asia/Seoul")) == 1_780_268_400_000


@pytest.mark.parametrize("name", ["", "Mars", "../etc", "/etc/passwd", "Europe", "a\0b"])
def test_odd_zone_names_are_unknown(name: str) -> None:
    """A name that is no zone is unknown, whatever it looks like."""
    assert spans.zone_named(name) is None
