"""
Health words: the answer of ``GET /v1/fences/health`` for a terminal of 100 columns.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, Final

from fencepost_gateway.reports.fence_health import UNDECIDED
from fencepost_gateway.reports.fence_overlaps import KINDS
from fencepost_gateway.reports.lines import (
    NO_FENCE,
    WIDTH,
    counted,
    length,
    paragraph,
    percent,
    titled,
)

INDENT: Final = 15


def tell_health(answer: Mapping[str, Any], asked: Sequence[str]) -> Iterator[str]:
    """Say how the fences do, what to mend first, or why there is nothing to say yet."""
    yield from paragraph(_summary(answer))
    shown = [row for row in answer["health"] if row["findings"] or asked]
    for row in shown:
        yield ""
        yield from _fence(row)
    seen = {row["fence_id"] for row in answer["health"]}
    for fence_id in asked:
        if fence_id not in seen:
            yield ""
            yield f"{fence_id}: nobody was in it in {counted(answer['days'], 'day')}"
    left = answer["ailing"] - sum(1 for row in shown if row["findings"])
    if left > 0:
        yield ""
        yield f"and {left} more: --limit {answer['ailing']}"
    yield from _overlaps(answer["overlaps"], is_asked=bool(asked))


def _summary(answer: Mapping[str, Any]) -> str:
    fences, seen, ailing = answer["fences"], answer["seen"], answer["ailing"]
    if not fences:
        return NO_FENCE
    when = f"{counted(answer['days'], 'day')} ({answer['from']} to {answer['to']}, UTC)"
    if not seen:
        return (
            f"{counted(fences, 'fence is', 'fences are')} live, and no position fell into one "
            f"in {when}. "
            "Positions need the consent `location_collect`, and an app that sends them; "
            "`fencepost explain --user ID` says what came of one person."
        )
    unseen = f"; nobody was in {fences - seen}" if fences > seen else ""
    verdict = "nothing to mend" if not ailing else f"{ailing} of {fences} to mend, worst first"
    return f"{counted(fences, 'fence')}, {when}: {verdict}{unseen}."


def _fence(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"{titled(row)}, {row['size_m']:.0f} m"
    yield from paragraph("; ".join(_figures(row)), "  ")
    for finding in row["findings"]:
        yield from _advice(finding["code"], finding["advice"])


def _figures(row: Mapping[str, Any]) -> Iterator[str]:
    reasons = [
        f"{_words(reason)} {percent(row['undecided'][reason] / row['fixes'])}"
        for reason in sorted(UNDECIDED, key=lambda each: -row["undecided"].get(each, 0))
        if row["undecided"].get(reason)
    ]
    why = f" ({', '.join(reasons)})" if reasons else ""
    share = percent(row["undecided_share"] or 0)
    yield f"{counted(row['fixes'], 'fix', 'fixes')}, {share} undecided{why}"
    flaps = f", {row['flaps']} of them flaps" if row["flaps"] else ""
    yield f"{counted(row['enters'], 'visit')}{flaps}"
    if row["sends"]:
        each = row["sends_per_visit"]
        yield f"{row['sends']:,} sent" + (f", {each:.1f} a visit" if each is not None else "")
    if row["enter_delay_s"] is not None:
        yield f"ENTER after {length(row['enter_delay_s'])}"
    if row["accuracy_m"] is not None:
        yield f"accuracy {row['accuracy_m']} m"
    if row["taken_back"]:
        yield f"{row['taken_back']} taken back by late fixes"


def _overlaps(found: Mapping[str, Any], *, is_asked: bool) -> Iterator[str]:
    worst = [one for one in found["worst"] if is_asked or one["kind"] != "nested"]
    if not worst and not found["is_cut"]:
        return
    yield ""
    yield f"Overlaps: {', '.join(f'{found[k]} {k}' for k in KINDS)}"
    for one in worst:
        yield from _advice(one["kind"], one["advice"])
    if found["is_cut"] or found["unmeasured"]:
        yield "  too many lie on top of each other to measure all; ask for single fences by id"


def _advice(what: str, advice: str) -> Iterator[str]:
    head = f"  {_words(what)}".ljust(INDENT)
    first, *rest = wrap(advice, WIDTH - INDENT)
    yield head + first
    yield from (" " * INDENT + line for line in rest)


def _words(code: str) -> str:
    return code.replace("_", " ")
