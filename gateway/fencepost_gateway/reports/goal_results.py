"""
Goal results: did those who entered do what the campaign is for, more than the holdout?

Pure: adds up what was counted of watched entries (``decide.scoring``) and sets the groups beside
each other.

Rule 1. Shares are of watched entries, each with its interval; the lift is the share of the treated
        less that of the holdout, with the interval of the difference (``intervals``).
Rule 2. With fewer than ``FEW`` in a group nothing is said but that; else the groups differ if the
        interval of the lift leaves out 0. There is no other winner.
Rule 3. Entries watched for another goal (event or window) are another result. The goal that is
        live goes first, also while nobody has entered; then those of former versions.
Rule 4. Days are forgotten whole. Something that is heard of one afterwards is no share of anything,
        until it is forgotten as well.
Rule 5. Who could be sent nothing, for want of consent, stands apart and is in no share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from fencepost_gateway.decide.plan import Goal
from fencepost_gateway.decide.trait_state import DECIMALS
from fencepost_gateway.decide.watch import Key, key_of
from fencepost_gateway.ports import JourneyCount
from fencepost_gateway.reports.intervals import newcombe, wilson

FEW: Final = 10
PLACES: Final = 4

Verdict = Literal["nobody", "no_holdout", "too_few", "unclear", "more", "less"]
Sums = dict[tuple[str, str], int]  # by group and figure


def goal_results(counts: Iterable[JourneyCount], live: Goal | None) -> list[dict[str, Any]]:
    """Give the result by each goal that was counted, the live one first (Rule 3)."""
    sums: dict[tuple[str, int], Sums] = {}
    first = (live.event, live.within_ms) if live else None
    if first:
        sums[first] = {}
    for each in counts:
        key = key_of(each.what)
        if key is not None:
            _add(sums.setdefault((key.event, key.within_ms), {}), key, each.count)
    order = sorted(sums, key=lambda goal: (goal != first, goal))
    return [
        {"event": event, "within_ms": within_ms, "live": (event, within_ms) == first}
        | _told(sums[event, within_ms])
        for event, within_ms in order
    ]


def _add(sums: Sums, key: Key, count: int) -> None:
    place = key.group, key.figure
    sums[place] = sums.get(place, 0) + count


def _told(sums: Sums) -> dict[str, Any]:
    treated, holdout = (_group(sums, name) for name in ("treated", "holdout"))
    verdict, lift = _lift(treated, holdout)
    return {
        "treated": treated,
        "holdout": holdout,
        "lift": lift,
        "verdict": verdict,
        "no_consent": sums.get(("no_consent", "entered"), 0),
    }


def _group(sums: Sums, name: str) -> dict[str, Any]:
    entered = max(0, sums.get((name, "entered"), 0))  # Rule 4
    converted = min(entered, max(0, sums.get((name, "converted"), 0)))
    return {
        "entered": entered,
        "converted": converted,
        "share": round(converted / entered, PLACES) if entered else None,
        "interval": _rounded(wilson(converted, entered)) if entered else None,
        "worth": sums.get((name, "worth"), 0) / DECIMALS,
    }


def _lift(
    treated: Mapping[str, Any], holdout: Mapping[str, Any]
) -> tuple[Verdict, dict[str, Any] | None]:
    """Set the groups beside each other (Rules 1 and 2)."""
    if not treated["entered"] and not holdout["entered"]:
        return "nobody", None
    if not holdout["entered"]:
        return "no_holdout", None
    if not treated["entered"]:
        return "too_few", None
    pair = [(group["converted"], group["entered"]) for group in (treated, holdout)]
    (one, of_one), (other, of_other) = pair
    low, high = newcombe(*pair)
    lift = {
        "difference": round(one / of_one - other / of_other, PLACES),
        "interval": _rounded((low, high)),
    }
    if min(of_one, of_other) < FEW:
        return "too_few", lift
    return ("more" if low > 0 else "less" if high < 0 else "unclear"), lift


def _rounded(bounds: tuple[float, float]) -> list[float]:
    return [round(each, PLACES) for each in bounds]
