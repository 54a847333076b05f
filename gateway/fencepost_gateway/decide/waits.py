"""
Waits: the moment at which a waiting run goes on by itself.

Pure. What else may move it on is ``walk``'s business.

Rule 1. A wait counts from when the run came to it, by the time of what moved it there.
Rule 2. A local time is the next one after that, on one of its days. Where the clock jumps over it,
        it is the first instant after the jump; where it comes twice, the first of the two.
Rule 3. The person's zone is where they are by now, else their own choice, else each zone of their
        country: the latest of the moments, so that it is not too early anywhere. It is asked for
        again when something about it is learnt.
Rule 4. With no zone known there is nothing to wait for: the run goes on at once, and what it wants
        to send is kept back by quiet hours, which know no zone either.
Rule 5. A date that is not known, or is no date, takes the way ``no_date``.
Rule 6. ``spread`` moves the moment by a draw of the run's own, unless it goes on at once.
Rule 7. No wait is longer than its run's lifetime, so every moment can be stored and written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from fencepost_gateway.decide.hours import instant_ms
from fencepost_gateway.decide.ids import chance
from fencepost_gateway.decide.spans import local_time, moment_ms, parse_moment, zone_named
from fencepost_gateway.decide.zones import zones_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.plan import Plan
    from fencepost_gateway.decide.run import Run, Standing
    from fencepost_gateway.decide.steps import DateOf, LocalTime, WaitStep

NO_DATE = "no_date"
_WEEK_DAYS = 8  # the same weekday again


def due_ms(
    plan: Plan, person: Person, run: Run, at: Standing, wait: WaitStep, now_ms: int
) -> int | str | None:
    """Give when the run goes on by itself; None: never by time; ``NO_DATE``: there is none."""
    due = _moment(plan, person, at, wait, now_ms)
    if isinstance(due, int) and wait.spread_ms and due > at.since_ms:
        due += int(chance(plan.seed, "spread", run.run_id, at.step_id) * wait.spread_ms)
    return min(due, at.expires_ms) if isinstance(due, int) else due


def _moment(
    plan: Plan, person: Person, at: Standing, wait: WaitStep, now_ms: int
) -> int | str | None:
    if wait.for_ms is not None:
        return at.since_ms + wait.for_ms
    if wait.until is not None:
        return _at_clock(plan, person, wait.until, at.since_ms, now_ms)
    if wait.date is not None:
        return _on_date(plan, person, at, wait.date, now_ms)
    return None if wait.timeout_ms is None else at.since_ms + wait.timeout_ms


def _at_clock(plan: Plan, person: Person, until: LocalTime, since_ms: int, now_ms: int) -> int:
    found = [
        _next_ms(until, zone, since_ms) for zone in clocks_of(plan, person, until.zone, now_ms)
    ]
    return max(found, default=since_ms)  # Rules 3 and 4


def _next_ms(until: LocalTime, zone: ZoneInfo, since_ms: int) -> int:
    today = local_time(since_ms, zone)
    for number in range(_WEEK_DAYS):
        day = today + timedelta(days=number)
        if day.weekday() in until.days:
            found_ms = instant_ms(_wall(day, until.minute), zone, fold=0)
            if found_ms > since_ms:
                return found_ms
    return since_ms  # no day at all: an author cannot write that


def _on_date(
    plan: Plan, person: Person, at: Standing, date: DateOf, now_ms: int
) -> int | str | None:
    found: Any = person.attributes if date.path[0] == "person" else at.cause.props
    for name in date.path[1:]:
        found = found.get(name) if isinstance(found, Mapping) else None
    moment = parse_moment(found) if isinstance(found, str) else None
    if moment is None:
        return NO_DATE
    if moment.tzinfo is not None:
        return (moment_ms(moment, None) or 0) + date.move_ms
    is_day = len(str(found)) <= len("2026-01-01")
    try:
        wall = _wall(moment, date.minute) if is_day else moment
        wall += timedelta(milliseconds=date.move_ms)
        found_ms = [
            instant_ms(wall, zone, fold=0) for zone in clocks_of(plan, person, date.zone, now_ms)
        ]
    except OverflowError:  # no calendar goes there
        return NO_DATE
    return max(found_ms, default=at.since_ms)


def clocks_of(plan: Plan, person: Person, named: str, now_ms: int) -> list[ZoneInfo]:
    """Give the clocks that an author means by ``named`` (Rule 3); none: nobody knows any."""
    if named == "workspace":
        names: tuple[str, ...] = (plan.workspace_zone,)
    elif named == "person":
        found = zones_of(person, person.calling_code, plan.workspace_zone, now_ms)
        names = found.names[-1:] if found.is_known else found.names
    else:
        names = (named,)
    return [zone for zone in map(zone_named, names) if zone is not None]


def _wall(day: datetime, minute: int) -> datetime:
    """Give a wall reading on the day of another; minute 1440 is the midnight that ends it."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)
