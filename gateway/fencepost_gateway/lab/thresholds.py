"""
Thresholds: what a backtest must not come to, so that a pipeline of builds can stop.

Pure. ``NAME>NUMBER`` or ``NAME<NUMBER``; with a per cent sign it is a share.

Rule 1. Names: ``sends`` and ``sends_per_day`` (the most on any day), of a channel ``sends.sms``;
        ``people`` who get something; ``withheld``, for a reason ``withheld.frequency_cap``;
        ``waiting``; with something to hold it against ``gained``, ``lost`` and ``changed``.
Rule 2. A share is of what could have been: of sends and withheld messages together, of all people.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from fencepost_gateway.errors import StartError
from fencepost_gateway.lab.backtest import Findings
from fencepost_gateway.lab.forecast import Forecast, moved, total

_WRITTEN: Final = re.compile(
    r"\s*([a-z_]+)(?:\.([a-z_]+))?\s*(>=|<=|>|<)\s*(\d+(?:\.\d+)?)\s*(%?)\s*"
)
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_MOVED: Final = ("gained", "lost", "changed")
NAMES: Final = ("sends", "sends_per_day", "people", "withheld", "waiting", *_MOVED)
_PARTS: Final = ("sends", "withheld")


class Threshold(Struct, frozen=True):
    """One threshold as it was written."""

    text: str
    name: str
    part: str
    sign: str
    number: float
    is_share: bool


def parse(text: str) -> Threshold:
    """
    Read a threshold.

    Raises:
        StartError: It is none; says how one is written.

    """
    match = _WRITTEN.fullmatch(text)
    name, part, sign, number, share = match.groups() if match else ("", "", "", "0", "")
    if name not in NAMES or (part and name not in _PARTS):
        raise StartError(
            f"--fail-if {text}: write NAME>NUMBER, such as `sends_per_day>500` or "
            f"`withheld.frequency_cap>10%`; names: {', '.join(NAMES)}"
        )
    return Threshold(text.strip(), name, part or "", sign, float(number), bool(share))


def crossed(one: Threshold, found: Findings) -> list[str]:
    """Say that it is crossed, and what the value is; nothing if it is not."""
    value: float = _value(one, found)
    if one.is_share:
        whole = _whole(one, found)
        value = 100 * value / whole if whole else 0.0
    if not _COMPARE[one.sign](value, one.number):
        return []
    return [f"{one.text}: it is {value:.4g}{' %' if one.is_share else ''}"]


def _value(one: Threshold, found: Findings) -> int:
    first = found.forecasts[0]
    if one.name == "sends":
        by_channel = dict(total(first.sends, by=2))
        return by_channel.get(one.part, 0) if one.part else sum(first.sends.values())
    if one.name == "sends_per_day":
        return max((count for _, count in total(first.sends, by=0)), default=0)
    if one.name == "withheld":
        by_reason = dict(total(first.withheld, by=1))
        return by_reason.get(one.part, 0) if one.part else sum(first.withheld.values())
    if one.name == "people":
        return first.reached
    if one.name == "waiting":
        return sum(first.waiting.values())
    return moved(found.differences)[one.name]


def _whole(one: Threshold, found: Findings) -> int:
    first: Forecast = found.forecasts[0]
    if one.name in ("people", *_MOVED):
        return first.people
    return sum(first.sends.values()) + sum(first.withheld.values()) + sum(first.waiting.values())
