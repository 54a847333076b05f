"""
Doubts: what a file of places says and may not have meant. Warnings; nothing is changed.

Pure.

Rule 1. A column nobody knows whose name is nearly one of a fence's, which the file does not give,
        is told once with that name. Case, blanks and underscores do not count.
Rule 2. Latitude and longitude look swapped where a file, by the median of its rows, lies more than
        ``FAR_M`` from every live fence, and swapped less than ``NEAR_M`` from one.
Rule 3. So do single rows that lie as far from the fences and from the region in which most rows of
        their file lie, and swapped as near to that region; ``STRAYS_MAX`` of a file are looked at.

Rules 2 and 3 look at the first position of each shape and at a sample spread over what there is:
a country is told from another, not a street. Values beyond 90 degrees need no rule, they are no
latitudes. The 1,000 km keep out whoever opens a branch abroad, nearly always.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from fencepost_gateway.documents.document import Document
from fencepost_gateway.documents.imports.rows import Rows, Verdict
from fencepost_geofence.members import quoted
from fencepost_geofence.sphere import POLE_DEG, great_circle_m

FAR_M: Final = 1_000_000.0
NEAR_M: Final = 100_000.0
LIKE: Final = 0.81  # above `fid` and `gid`, which map programs write, and which are no `id`
ROWS_SAMPLE: Final = 50
FENCES_SAMPLE: Final = 500
STRAYS_MAX: Final = 1_000

Place = tuple[float, float]  # lat, lon

_ODD = re.compile(r"[^a-z0-9]")
_HOW: Final = "check which column is which, here and in what is live; nothing was changed"


def misspelt(file: str, rows: Rows, members: Iterable[str], line: int | None) -> Iterator[Verdict]:
    """Tell of columns that look like a member of a fence (Rule 1)."""
    given = _given(rows)
    known = {_plain(member): member for member in members if member not in given}
    for name in sorted(rows.passed_over):
        near = difflib.get_close_matches(_plain(name), known, 1, LIKE)
        if near:
            how = f"did you mean {known[near[0]]}?"
            what = f"nobody knows {quoted(name)}, so it was passed over"
            yield Verdict(file, what, how, line, field=name)


def swapped(
    documents: Sequence[Document], live: Mapping[str, Mapping[str, Any]]
) -> Iterator[Verdict]:
    """Tell of files and rows that may have latitude and longitude swapped (Rules 2 and 3)."""
    fences = _spread([place for body in live.values() if (place := _place(body))], FENCES_SAMPLE)
    files: dict[str, list[tuple[Document, Place]]] = {}
    for document in documents:
        if place := _place(document.body):
            files.setdefault(document.origin.file, []).append((document, place))
    for file, rows in files.items():
        if fences and _is_elsewhere([place for _, place in rows], fences):
            what = (
                "latitude and longitude may be swapped: as they stand the rows lie more than "
                "1,000 km from every live fence, and swapped within 100 km of one"
            )
            yield Verdict(file, what, _HOW)
        else:
            yield from _strays(rows, fences)


def _is_elsewhere(places: Sequence[Place], fences: Sequence[Place]) -> bool:
    sample = _spread(places, ROWS_SAMPLE)
    if any(abs(lon) > POLE_DEG for _, lon in sample):
        return False
    if median(_away_m(place, fences) for place in sample) <= FAR_M:
        return False
    return median(_away_m((lon, lat), fences) for lat, lon in sample) < NEAR_M


def _strays(rows: Sequence[tuple[Document, Place]], fences: Sequence[Place]) -> Iterator[Verdict]:
    middle = median(lat for _, (lat, _) in rows), median(lon for _, (_, lon) in rows)
    is_home = [great_circle_m(*place, *middle) <= FAR_M for _, place in rows]
    if all(is_home) or sum(is_home) * 2 <= len(rows):
        return
    home = [place for (_, place), is_in in zip(rows, is_home, strict=True) if is_in]
    region = _spread(home, ROWS_SAMPLE)
    what = (
        "latitude and longitude may be swapped: as they stand the row lies more than 1,000 km from "
        "the others of its file, and swapped within 100 km of one"
    )
    strays = [row for row, is_in in zip(rows, is_home, strict=True) if not is_in]
    for document, (lat, lon) in strays[:STRAYS_MAX]:
        if abs(lon) > POLE_DEG or _away_m((lon, lat), region) >= NEAR_M:
            continue
        if _away_m((lat, lon), [*region, *fences]) > FAR_M:
            origin = document.origin
            line = origin.lines.get(())
            yield Verdict(origin.file, what, _HOW, line, origin.feature, document.id)


def _away_m(place: Place, others: Sequence[Place]) -> float:
    return min(great_circle_m(*place, *other) for other in others)


def _spread(places: Sequence[Place], count: int) -> Sequence[Place]:
    return places[:: -(-len(places) // count) or 1]


def _place(body: Mapping[str, Any]) -> Place | None:
    """Give the first position of a shape."""
    found = (body.get("geometry") or {}).get("coordinates")
    while isinstance(found, list | tuple) and found and not isinstance(found[0], int | float):
        found = found[0]
    return (found[1], found[0]) if found else None


def _plain(name: str) -> str:
    return _ODD.sub("", name.lower())


def _given(rows: Rows) -> set[str]:
    """Name the members that the rows of a file give."""
    found = {member for row in rows.rows for member in row.properties}
    if any(row.given_id is not None for row in rows.rows):
        found.add("id")
    if any(row.geometry is not None for row in rows.rows):
        found |= {"lat", "lon", "geometry"}
    places = (row.properties.get("place") for row in rows.rows)
    if any(isinstance(place, dict) and "name" in place for place in places):
        found.add("place.name")
    return found
