"""
Visit words: the answer of ``GET /v1/fences/visits`` for a terminal of 100 columns.

Pure. Hours are told of fences asked for by name; of others the busiest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fencepost_gateway.reports.lines import (
    NO_FENCE,
    counted,
    length,
    paragraph,
    percent,
    titled,
)

BAR: Final = 40


def tell_visits(answer: Mapping[str, Any], asked: Sequence[str]) -> Iterator[str]:
    """Say how the fences were visited, or why that is not told."""
    yield from paragraph(_summary(answer))
    for row in answer["visits"]:
        yield ""
        yield titled(row)
        if row["fewer_than"]:
            yield f"  fewer than {row['fewer_than']} persons"
            continue
        yield from paragraph("; ".join(_figures(row, is_asked=bool(asked))), "  ")
        if asked:
            yield from _hours(row["hours"])
    if answer["next"] is not None:
        told = answer["fences"] - answer["hidden"]
        yield ""
        yield f"and {told - answer['next']} more: --limit {told}"


def _summary(answer: Mapping[str, Any]) -> str:
    fences, hidden, few = answer["fences"], answer["hidden"], answer["fewer_than"]
    if not fences:
        live = answer["live"]
        return f"None of {counted(live, 'fence')} has this tag and library." if live else NO_FENCE
    days = [(row["from"], row["to"], row["zone"]) for row in answer["visits"]]
    when = counted(answer["days"], "whole day")
    if len(set(days)) == 1:
        first, last, zone = days[0]
        when += f" ({first if first == last else f'{first} to {last}'}, {zone})"
    if hidden == fences:
        return (
            f"{counted(fences, 'fence')}, {when}: fewer than {few} persons came to "
            f"{'it' if fences == 1 else 'each of them'}, of whom nothing is told. Today counts "
            "from tomorrow on."
        )
    left = f"; fewer than {few} persons came to {hidden} more" if hidden else ""
    return f"{counted(fences, 'fence')}, {when}, most visits first{left}."


def _figures(row: Mapping[str, Any], *, is_asked: bool) -> Iterator[str]:
    yield f"{counted(row['visits'], 'visit')} by {counted(row['persons'], 'person')}"
    yield f"{percent(row['repeat_rate'])} came more than once"
    if row["median_dwell_s"] is not None:
        median, p90 = length(row["median_dwell_s"]), length(row["p90_dwell_s"])
        yield f"half of the visits took {median} at most, nine of ten {p90}"
    if not is_asked:
        busiest = max(row["hours"], key=_an_hour)
        yield f"busiest {_named(busiest)}"


def _hours(spans: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    most = max(_an_hour(span) for span in spans)
    wide = max(len(f"{span['visits']:,}") for span in spans)
    for span in spans:
        bar = "▇" * round(BAR * _an_hour(span) / most)
        yield f"  {_named(span)}  {span['visits']:>{wide},}  {bar}".rstrip()


def _an_hour(span: Mapping[str, Any]) -> float:
    hours: int = span["until_hour"] - span["from_hour"]
    return float(span["visits"]) / hours


def _named(span: Mapping[str, Any]) -> str:
    return f"{span['from_hour']:02}:00-{span['until_hour']:02}:00"
