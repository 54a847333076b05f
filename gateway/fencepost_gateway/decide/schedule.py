"""
Schedule: when a cron expression in a zone comes due.

Pure. Cron itself is ``cronsim``'s business, which keeps to Debian's cron: five fields, names of
months and days, ``L`` and ``#``.

Rule 1. A time of day happens once a day, also on the days the clocks change: what falls into the
        hour that is left out happens when it ends, what falls into the hour that comes twice
        happens the first time. An expression that begins with ``*`` in minute or hour goes by the
        hours that really pass.
Rule 2. What was missed while nobody looked happens once, as the newest of them; how many there were
        is told, up to ``MISSED_MAX``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cronsim import CronSim, CronSimError

from fencepost_gateway.decide.spans import zone_named

FIELDS: Final = 5
TEXT_MAX: Final = 200
MISSED_MAX: Final = 1_000
_START: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - for looking at the fields alone


class Occurrence(NamedTuple):
    """The newest moment that has come, how many before it were missed, and the next one."""

    at_ms: int
    missed: int
    next_ms: int | None


def cron_fault(text: object) -> str:
    """Say what is wrong with a cron expression; empty: nothing."""
    if not isinstance(text, str) or len(text) > TEXT_MAX:
        return "no cron expression"
    if len(text.split()) != FIELDS:
        return f"a cron expression has {FIELDS} fields"
    try:
        found = next(CronSim(text, _START), None)
    except (CronSimError, ValueError) as error:
        return f"no cron expression ({str(error).lower() or 'it cannot be read'})"
    return "" if found else "this never comes"


def next_ms(cron: str, zone: str, after_ms: int) -> int | None:
    """Give the first moment behind ``after_ms``; None: there is none."""
    return next(_moments(cron, zone, after_ms), None)


def newest(cron: str, zone: str, due_ms: int, now_ms: int) -> Occurrence:
    """
    Give the newest moment up to now (Rule 2).

    Args:
        cron: The expression.
        zone: On whose clock.
        due_ms: The first moment that has not happened yet; not later than now.
        now_ms: Now.

    """
    at_ms, missed, coming_ms = due_ms, 0, None
    for each_ms in _moments(cron, zone, due_ms):
        if each_ms > now_ms:
            coming_ms = each_ms
            break
        if missed == MISSED_MAX:
            last_ms = next(_moments(cron, zone, now_ms + 1, back=True), each_ms)
            return Occurrence(max(last_ms, each_ms), missed, next_ms(cron, zone, now_ms))
        at_ms, missed = each_ms, missed + 1
    return Occurrence(at_ms, missed, coming_ms)


def _moments(cron: str, zone: str, from_ms: int, *, back: bool = False) -> Iterator[int]:
    """Give the moments behind ``from_ms`` in order, or those before it, newest first."""
    start = datetime.fromtimestamp(from_ms / 1000, UTC).astimezone(zone_named(zone) or UTC)
    last_ms = from_ms
    for found in CronSim(cron, start, reverse=back):
        at_ms = round(found.timestamp() * 1000)
        # In the hour that comes twice the library looks at the clock alone, and may step back.
        if (at_ms < last_ms) if back else (at_ms > last_ms):
            last_ms = at_ms
            yield at_ms
