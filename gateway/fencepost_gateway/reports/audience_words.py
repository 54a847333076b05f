"""
Audience words: the answers of ``/v1/audiences`` for a terminal of 100 columns.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fencepost_gateway.reports.lines import counted, paragraph

BAR: Final = 40
NONE: Final = "No audience is live. Publish one: `kind: audience`, `id`, `when`; `fencepost apply`."


def tell_audiences(answer: Mapping[str, Any]) -> Iterator[str]:
    """Say how large every audience is."""
    if not answer["audiences"]:
        yield NONE
        return
    yield from _back_fill(answer["back_fill"])
    wide = max(len(row["id"]) for row in answer["audiences"])
    for row in answer["audiences"]:
        about = "about " if row["rounded_to"] > 1 else ""
        name = "" if row["name"] == row["id"] else f"  {row['name']}"
        yield (
            f"{row['id']:<{wide}}  {about}{counted(row['size'], 'person')}, "
            f"7 days: +{row['joined']:,} -{row['left']:,}{name}"
        )


def tell_audience(answer: Mapping[str, Any]) -> Iterator[str]:
    """Say how an audience went over the weeks."""
    yield from _back_fill(answer["back_fill"])
    about = "about " if answer["rounded_to"] > 1 else ""
    yield f"{answer['id']} v{answer['version']}: {about}{counted(answer['size'], 'person')}"
    if about:
        yield from paragraph(
            "Figures are rounded down to tens: it asks where people are or were.", "  "
        )
    most = max((week["size"] for week in answer["weeks"]), default=0) or 1
    wide = len(f"{most:,}")
    for week in answer["weeks"]:
        parts = [f"{week['size']:>{wide},}", f"+{week['joined']:,} -{week['left']:,}"]
        if week["filled"] or week["cleared"]:
            parts.append(f"definition changed: +{week['filled']:,} -{week['cleared']:,}")
        if week.get("reached"):
            times = counted(week["reached"], "time")
            parts.append(f"{answer['goal']} {times}, worth {week['worth']:,.2f}")
        bar = "▇" * round(BAR * week["size"] / most)
        yield f"  {week['from']}  {'  '.join(parts)}  {bar}".rstrip()


def tell_size(name: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """Say how large an audience would be."""
    of = f"of {counted(answer['persons'], 'person')}"
    if answer["sampled"] >= answer["persons"]:
        yield f"{name}: {answer['size']:,} {of}."
        return
    yield from paragraph(
        f"{name}: about {answer['size']:,} {of}, between {answer['low']:,} and {answer['high']:,} "
        f"(19 times of 20; {answer['sampled']:,} were asked)."
    )


def _back_fill(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["done"]:
        yield from paragraph(
            f"Definitions have changed: {found['seen']:,} of {counted(found['total'], 'person')} "
            "judged so far. Figures are not whole yet."
        )
