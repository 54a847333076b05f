"""The visits on a terminal."""

from __future__ import annotations

from typing import Any

from fencepost_gateway.reports.lines import WIDTH, length
from fencepost_gateway.reports.visit_words import tell_visits

HOURS = [(0, 7, 1310), (7, 8, 2500), (8, 9, 4100), (9, 17, 9000), (17, 24, 700)]


def row(**more: Any) -> dict[str, Any]:
    """Give a busy station."""
    hours = [{"from_hour": a, "until_hour": b, "visits": n} for a, b, n in HOURS]
    return {
        "fence_id": "station",
        "name": "Central Station with a name that is rather long",
        "zone": "Europe/Berlin",
        "from": "2026-05-26",
        "to": "2026-06-01",
        "fewer_than": None,
        "visits": 17610,
        "persons": 12000,
        "repeat_rate": 0.314,
        "median_dwell_s": 384,
        "p90_dwell_s": 8000,
        "hours": hours,
        **more,
    }


def answer(*rows: dict[str, Any], fences: int = 9, **more: Any) -> dict[str, Any]:
    """Give the answer of the gateway."""
    hidden = fences - len(rows)
    head = {"days": 7, "fences": fences, "fewer_than": 10, "hidden": hidden}
    return {**head, "visits": list(rows), "next": None, **more}


def told(found: dict[str, Any], *asked: str) -> str:
    """Tell an answer."""
    return "\n".join(tell_visits(found, asked))


def flat(found: dict[str, Any]) -> str:
    """Tell an answer in one line."""
    return " ".join(told(found).split())


def test_lines_fit_a_terminal() -> None:
    """Everything there is to say, within 100 columns."""
    lines = told(answer(row()), "station").splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("9 fences, 7 whole days (2026-05-26 to 2026-06-01, Europe/Berlin)")


def test_hours_are_told_of_fences_asked_for() -> None:
    """Bars compare an hour with an hour, however many are told together; else the busiest."""
    shown = told(answer(row()), "station").splitlines()
    bars = {line.split()[0]: line.count("▇") for line in shown if ":00-" in line}

    assert bars["08:00-09:00"] == max(bars.values())
    assert bars["09:00-17:00"] < bars["07:00-08:00"]
    assert "busiest 08:00-09:00" in told(answer(row()))


def test_one_day_is_one_date() -> None:
    """Not from a day to the same."""
    assert "(2026-06-01, Europe/Berlin)" in told(answer(row(**{"from": "2026-06-01"}), days=1))


def test_days_of_several_zones_are_not_given_as_one() -> None:
    """Where fences have different days the summary names none."""
    found = told(answer(row(), row(zone="Asia/Seoul")))

    assert "2026" not in found
    assert found.startswith("9 fences, 7 whole days, most visits first")


def test_small_groups_are_said_to_be_hidden() -> None:
    """By number of fences, and by name when asked for; it is said when today counts."""
    few = row(fewer_than=10, visits=None, persons=None, hours=[])

    assert "fewer than 10 persons came to 8 more" in flat(answer(row()))
    assert "  fewer than 10 persons" in told(answer(few, hidden=9), "station").splitlines()
    assert "came to each of them" in flat(answer())
    assert "Today counts from tomorrow on" in flat(answer(fences=1))


def test_nothing_yet_says_what_to_do() -> None:
    """No fence: how to publish one. None of those asked for: that there are others."""
    assert "`fencepost apply FOLDER`" in told(answer(fences=0, live=0))
    assert told(answer(fences=0, live=3)) == "None of 3 fences has this tag and library."


def test_dwell_of_too_few_is_left_out() -> None:
    """Visits are told while most of them go on."""
    assert "took" not in told(answer(row(median_dwell_s=None, p90_dwell_s=None)))


def test_more_than_is_shown_is_said() -> None:
    """How many fences are left, and how to see them."""
    found = answer(row(), fences=14, hidden=2, next=10)

    assert told(found).splitlines()[-1] == "and 2 more: --limit 12"


def test_length_is_in_the_unit_people_use() -> None:
    """Seconds, minutes, hours."""
    assert [length(s) for s in (119, 120, 7199, 9000)] == ["119 s", "2 min", "120 min", "2.5 h"]
