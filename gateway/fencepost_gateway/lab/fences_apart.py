"""
Fences apart: which fences of a backtest are not as they are live, and for how much they count.

Pure. Positions are kept for a day, so changed fences count for the last day at most; the report
says from when on, and what counted before.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fencepost_gateway.decide.spans import local_time, zone_named
from fencepost_gateway.lab import editions
from fencepost_gateway.lab.dossiers import Head
from fencepost_gateway.lab.job import Job, Window

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
NAMED_MAX: Final = 5
WERE: Final = "the transitions are the recorded ones, of the fences as they were"
ANEW: Final = (
    "the transitions of all fences were judged anew, those of each device from its first position "
    "on, as if the fences had been changed then; of whoever withdrew consent to positions, only "
    "from there on"
)


class Fences(Struct, frozen=True):
    """
    Fences that are not as they are live, and for how much of the window they counted.

    Attributes:
        differ: Which ones, by id.
        counted_from_ms: From when on transitions were judged anew; None: nowhere.
        recorded_ms: For how long of the window recorded transitions counted.

    """

    differ: tuple[str, ...]
    counted_from_ms: int | None
    recorded_ms: int


def fences_of(job: Job, head: Head) -> Fences | None:
    """Say which fences differ in any edition; None: not one."""
    differ = {name for edition in job.editions for name in editions.fences_apart(edition, head)}
    if not differ:
        return None
    begin_ms, end_ms = job.window.begin_ms, job.window.end_ms
    since_ms = max(job.positions_ms, begin_ms) if job.positions_ms else None
    recorded_ms = (end_ms if since_ms is None else since_ms) - begin_ms
    return Fences(tuple(sorted(differ)), since_ms, recorded_ms)


def say(fences: Fences, window: Window, zone_name: str, *, is_file: bool) -> str:
    """Say it in sentences."""
    more = len(fences.differ) - NAMED_MAX
    named = ", ".join(fences.differ[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
    said = f"fences differ from those that are live ({named})."
    zone = zone_named(zone_name or "UTC")
    if fences.counted_from_ms is None or zone is None:
        why = (
            "A file of history holds no positions"
            if is_file
            else "Positions are kept for a day, of this window none"
        )
        return f"{said} {why}, so {WERE}; replay a track to try new shapes"
    if not fences.recorded_ms:
        return f"{said} Positions are kept of the whole window: {ANEW}"
    since = f"{local_time(fences.counted_from_ms, zone):%Y-%m-%d %H:%M}"
    before = _share(fences.recorded_ms, window.end_ms - window.begin_ms)
    return f"{said} Positions are kept for a day: from {since} on {ANEW}. Before, {before}, {WERE}"


def _share(part_ms: int, whole_ms: int) -> str:
    """Write for how long of what something holds."""
    unit_ms, name = (DAY_MS, "days") if whole_ms > 2 * DAY_MS else (HOUR_MS, "hours")
    return f"for {part_ms / unit_ms:.1f} of {whole_ms / unit_ms:.1f} {name}"
