"""The report on a terminal."""

from __future__ import annotations

from typing import Any

import msgspec

from fencepost_gateway.reports.fence_counts import ACCURACY, DELAY, ENTERS, FLAPS, bucket
from fencepost_gateway.reports.fence_health import health_of
from fencepost_gateway.reports.health_words import tell_health
from fencepost_gateway.reports.lines import WIDTH
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Circle

BAD = {
    "decided": 900,
    "oscillating": 700,
    "one_fix": 300,
    "low_accuracy": 200,
    "stale": 100,
    ENTERS: 1000,
    FLAPS: 400,
    "taken_back": 7,
    "sent": 1250,
    bucket(ACCURACY, 65): 99,
    bucket(DELAY, 300): 99,
}
NO_OVERLAPS: dict[str, Any] = {
    "duplicate": 0,
    "overlapping": 0,
    "nested": 0,
    "unmeasured": 0,
    "is_cut": False,
    "worst": [],
}


def answer(*counted: dict[str, int], fences: int = 12, **more: Any) -> dict[str, Any]:
    """Give the answer about fences with such counts."""
    name = "A kiosk with a name that is rather long"
    rows = [
        msgspec.to_builtins(health_of(Fence(f"kiosk-{i}", Circle(48.0, 11.0, 38), name), each))
        for i, each in enumerate(counted)
    ]
    ailing = sum(1 for row in rows if row["findings"])
    days = {"days": 7, "from": "2026-05-28", "to": "2026-06-03", "fences": fences}
    held = {"seen": len(rows), "ailing": ailing, "health": rows, "next": None}
    return {**days, **held, "overlaps": NO_OVERLAPS, **more}


def told(found: dict[str, Any], *asked: str) -> str:
    """Tell an answer."""
    return "\n".join(tell_health(found, asked))


def test_lines_fit_a_terminal() -> None:
    """Everything that can be wrong with a fence, within 100 columns; advice in one column."""
    lines = told(answer(BAD)).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert lines[0].endswith("1 of 12 to mend, worst first; nobody was in 11.")
    assert "1,250 sent, 1.2 a visit" in " ".join(told(answer(BAD)).split())
    heads = [line[:15].strip() for line in lines if line.startswith("  ")]
    assert [head for head in heads[3:] if head] == ["slow", "too small", "flapping"]


def test_fences_that_are_well_are_only_counted() -> None:
    """Nobody reads a hundred lines that say nothing; asked for by name they are told."""
    well = answer({"decided": 5})

    assert told(well).count("\n") == 0
    assert "nothing to mend; nobody was in 11" in told(well)
    assert "5 fixes, 0 % undecided; 0 visits" in told(well, "kiosk-0")


def test_nothing_yet_says_what_to_do() -> None:
    """No fence: how to publish one. No traffic: what positions need."""
    nothing, quiet = told(answer(fences=0)), told(answer(fences=1))

    assert "`fencepost apply FOLDER`" in nothing
    assert "1 fence is live, and no position fell into one" in quiet
    assert "`location_collect`" in quiet


def test_fence_that_nobody_came_near_is_named_when_asked_for() -> None:
    """Silence about it would look like health."""
    assert "quiet: nobody was in it in 7 days" in told(answer({"decided": 5}), "kiosk-0", "quiet")


def test_more_than_is_shown_is_said() -> None:
    """How many fences are left, and how to see them."""
    assert told(answer(BAD, ailing=9)).splitlines()[-1] == "and 8 more: --limit 9"


def test_overlaps_are_told_and_nested_ones_only_when_asked_for() -> None:
    """A shop in its mall is no news, but to whoever asks for the shop."""
    worst = [
        {"kind": "duplicate", "advice": "a and b are the same ground"},
        {"kind": "nested", "advice": "shop lies in mall"},
    ]
    found = answer(overlaps={**NO_OVERLAPS, "duplicate": 1, "nested": 1, "worst": worst})
    cut = answer(overlaps={**NO_OVERLAPS, "is_cut": True})

    assert "Overlaps: 1 duplicate, 0 overlapping, 1 nested" in told(found)
    assert "  duplicate    a and b are the same ground" in told(found)
    assert "shop lies in mall" not in told(found)
    assert "shop lies in mall" in told(found, "shop")
    assert "ask for single fences by id" in told(cut)
