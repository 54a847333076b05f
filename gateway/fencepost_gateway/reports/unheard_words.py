"""
Unheard words: positions of somebody that did not count, as data and in lines.

Pure. What is known is a count by UTC day, device and reason; never where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fencepost_gateway.decide.phrases import UNHEARD
from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.decide.unheard import DAY_MS, Unheard

ROW: Final = Said("{day} (UTC), {device}: {counts}", "{day} (UTC), {device}: {counts}")


def told_unheard(rows: Iterable[Unheard], tongue: Tongue) -> list[dict[str, Any]]:
    """Give counts as data, a row for each day and device with its line."""
    found: dict[tuple[int, str], dict[str, int]] = {}
    for one in rows:
        found.setdefault((one.day, one.device_id), {})[one.reason] = one.count
    return [
        {
            "day": (named := _day(day)),
            "device_id": device,
            "counts": counts,
            "words": tongue.say(ROW, day=named, device=device, counts=tell_counts(counts, tongue)),
        }
        for (day, device), counts in found.items()
    ]


def tell_counts(counts: Mapping[str, int], tongue: Tongue) -> str:
    """Say how many for which reason, the most first."""
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{tongue.say(UNHEARD[why])} ({tongue.count(n)})" for why, n in ranked)


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS // 1000, UTC).date().isoformat()
