"""
Fence visits: how many came to a place, how long they stayed, whether they came again, and when.

Pure: records of transitions in, figures out. Persons are counted and never named. Each device that
somebody carries visits for itself, so whoever carries two seems to come again.

Rule 1. A visit is what is left of the records of one visit id. A superseded EXIT or EXPIRE takes
        back the visit's ENTER, a superseded ENTER its EXIT or EXPIRE. With its ENTER left it is a
        visit, an ``initial`` one too; ``opened`` ones are told of visits that are there already.
        Its dwell is the ``duration_s`` of the EXIT or EXPIRE left; while there is none it has none.
Rule 2. A visit belongs to the day and hour in which it began, on the wall clock of the fence's own
        zone, else the workspace's, else UTC. Days are whole days that are over: an answer about
        today, asked for twice, would tell who came in between.
Rule 3. Of fewer than ``FEWEST`` persons there is no figure at all, and nobody at all looks the
        same as a few. Dwell needs as many persons whose visit has ended.
Rule 4. Hours of the day are told in spans. From midnight on hours are put together until
        ``FEWEST`` different persons came in them; what is left at the end of the day joins the
        last span. So the spans tile the day and their visits add up to all: no hour is left out
        that could be found by subtracting the others. How many persons came in each span stays
        untold: their sum would tell how many came in two of them.
Rule 5. There are no totals over several fences. With them one could ask for a tag, then for the tag
        and one fence more, and subtract.

What no rule here prevents: asking for seven days and for eight, or of two fences on the same
ground, and subtracting. Only noise would; figures here are exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from heapq import nsmallest
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct, field, structs

from fencepost_gateway.decide.spans import local_time, moment_ms, zone_named
from fencepost_gateway.ports import RecordRow
from fencepost_gateway.reports.fence_counts import percentile
from fencepost_geofence.fence import Fence

FEWEST: Final = 10  # no setting: a workspace cannot lower it
HOURS: Final = 24
KINDS: Final = ("enter", "exit", "expire")


class Window(Struct, frozen=True):
    """Whole days on the wall clock of a zone, up to the last midnight."""

    zone: ZoneInfo
    from_ms: int
    until_ms: int

    @property
    def dates(self) -> tuple[str, str]:
        """Give the first and the last day."""
        first, last = (local_time(ms, self.zone) for ms in (self.from_ms, self.until_ms - 1))
        return first.date().isoformat(), last.date().isoformat()


class Visit(Struct, gc=False):
    """What is left of a visit so far (rule 1)."""

    person_id: str
    began_ms: int
    is_entered: bool = False
    dwell_s: int | None = None


class HourSpan(Struct, frozen=True):
    """Visits that began in these hours of the day; ``until_hour`` is not one of them."""

    from_hour: int
    until_hour: int
    visits: int


class FenceVisits(Struct, frozen=True, kw_only=True):
    """
    The visits of one fence.

    Attributes:
        fence_id: Which.
        name: Its name.
        zone: Whose wall clock its days and hours are of.
        first: First day.
        last: Last day.
        fewer_than: So many persons did not come, therefore there are no figures; else None.
        visits: How many.
        persons: By how many.
        repeat_rate: Share of the persons who came more than once.
        median_dwell_s: How long half of the visits took at most, of those that have ended.
        p90_dwell_s: How long nine of ten took at most.
        hours: When they began.

    """

    fence_id: str
    name: str
    zone: str
    first: str = field(name="from")
    last: str = field(name="to")
    fewer_than: int | None = FEWEST
    visits: int | None = None
    persons: int | None = None
    repeat_rate: float | None = None
    median_dwell_s: int | None = None
    p90_dwell_s: int | None = None
    hours: tuple[HourSpan, ...] = ()


class VisitBook:
    """Gathers the visits of some fences from records of transitions, taken in order."""

    def __init__(self, windows: Mapping[str, Window]) -> None:
        """
        Begin with no visit.

        Args:
            windows: The fences, and the days of each.

        """
        self._windows = windows
        self._visits: dict[str, dict[str, Visit]] = {}
        self.size = 0

    def of(self, fence_id: str) -> Collection[Visit]:
        """Give the visits of a fence, those that were taken back too."""
        return self._visits.get(fence_id, {}).values()

    def take(self, rows: Iterable[RecordRow]) -> None:
        """Take the next records; any but those of visits to these fences on these days pass."""
        for row in rows:
            body = row.body
            window = self._windows.get(body["fence_id"])
            if (
                window is None
                or body["kind"] not in KINDS
                or body.get("opened")
                or body.get("test")
            ):
                continue
            began_ms = body["visit_began_ms"]
            if not window.from_ms <= began_ms < window.until_ms:
                continue
            visits = self._visits.setdefault(body["fence_id"], {})
            visit = visits.get(row.subject)
            if visit is None:
                visit = visits[row.subject] = Visit(row.person_id, began_ms)
                self.size += 1
            if body["kind"] == "enter":
                visit.is_entered = visit.is_entered or not body["superseded"]
                visit.dwell_s = None
            elif body["superseded"]:
                visit.is_entered = False
            else:
                visit.dwell_s = body["duration_s"]


class Visited(Struct, frozen=True):
    """
    The most visited of many fences.

    Attributes:
        rows: Most visits first, as many as were asked for.
        count: How many rows there are in all.
        hidden: How many fences have no figures (rule 3).

    """

    rows: list[FenceVisits]
    count: int
    hidden: int


def visited(
    fences: Iterable[Fence],
    windows: Mapping[str, Window],
    book: VisitBook,
    most: int,
    *,
    all_: bool,
) -> Visited:
    """Count the visits of each fence; those without figures have a row if ``all_`` should."""
    hidden = count = 0

    def counted() -> Iterator[FenceVisits]:
        nonlocal hidden, count
        for fence in fences:
            row = visits_of(fence, windows[fence.fence_id], book.of(fence.fence_id))
            hidden += row.fewer_than is not None
            if all_ or row.fewer_than is None:
                count += 1
                yield row

    rows = nsmallest(most, counted(), key=lambda row: (-(row.visits or 0), row.fence_id))
    return Visited(rows, count, hidden)


def visits_of(fence: Fence, window: Window, visits: Iterable[Visit]) -> FenceVisits:
    """Give the figures of one fence, or none (rule 3)."""
    first, last = window.dates
    bare = FenceVisits(
        fence_id=fence.fence_id, name=fence.name, zone=window.zone.key, first=first, last=last
    )
    there = [visit for visit in visits if visit.is_entered]
    times = Counter(visit.person_id for visit in there)
    if len(times) < FEWEST:
        return bare
    dwell = _dwell([visit for visit in there if visit.dwell_s is not None])
    return structs.replace(
        bare,
        fewer_than=None,
        visits=len(there),
        persons=len(times),
        repeat_rate=round(sum(1 for count in times.values() if count > 1) / len(times), 3),
        median_dwell_s=percentile(dwell, 50),
        p90_dwell_s=percentile(dwell, 90),
        hours=tuple(hour_spans(there, window.zone)),
    )


def hour_spans(visits: Iterable[Visit], zone: ZoneInfo) -> list[HourSpan]:
    """Tile the day so that enough persons came in each span (rule 4); they came in all of it."""
    began: list[list[str]] = [[] for _ in range(HOURS)]
    for visit in visits:
        began[local_time(visit.began_ms, zone).hour].append(visit.person_id)
    spans: list[HourSpan] = []
    from_hour, held = 0, list[str]()
    for hour, persons in enumerate(began):
        held += persons
        if len(set(held)) >= FEWEST:
            spans.append(HourSpan(from_hour, hour + 1, len(held)))
            from_hour, held = hour + 1, []
    if from_hour < HOURS:
        last = spans.pop()
        spans.append(HourSpan(last.from_hour, HOURS, last.visits + len(held)))
    return spans


def window_of(zone: str, days: int, now_ms: int) -> Window:
    """Give the last ``days`` that are over where ``zone`` is the time; unknown it is UTC."""
    known = zone_named(zone) or ZoneInfo("UTC")
    midnight = local_time(now_ms, known).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0
    )
    from_ms = moment_ms(midnight - timedelta(days=days), known)
    until_ms = moment_ms(midnight, known)
    if from_ms is None or until_ms is None:
        raise ValueError("a local time with a zone is a moment")
    return Window(known, from_ms, until_ms)


def _dwell(ended: Collection[Visit]) -> dict[int, int]:
    """Give how many visits took how long, in order; nothing if too few persons' have ended."""
    if len({visit.person_id for visit in ended}) < FEWEST:
        return {}
    counted = Counter(visit.dwell_s for visit in ended if visit.dwell_s is not None)
    return {dwell_s: counted[dwell_s] for dwell_s in sorted(counted)}
