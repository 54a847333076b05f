"""
CSV: one fence a line.

Pure.

Rule 1. The first line names the columns, in any order and case: ``id``, ``name``, ``lat``, ``lon``,
        ``radius_m``, ``width_m``, ``geometry`` (GeoJSON), ``tags``, ``library``, ``place.name``,
        ``place.meta.KEY``, ``dwell_after``, ``dwell_repeat``, ``presence_ttl``, ``cooldown``,
        ``enter_at``, ``leave_at``, ``pass``, ``approach_s``, ``emit``, ``active``, ``zone``,
        ``sensitive``. Other columns are passed over and named in the answer.
Rule 2. Cells are divided by comma, semicolon or tab, whichever the first line has most of.
Rule 3. An empty cell says nothing: what is live keeps its value.
Rule 4. A line has at most 256 KiB, and a cell what ``csv`` allows (128 KiB), so that an open quote
        ends where it stands and not at the end of memory.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fencepost_gateway.documents.document import parse_json
from fencepost_gateway.documents.imports import cells
from fencepost_gateway.documents.imports.rows import ROWS_MAX, Row, Rows, refused
from fencepost_geofence.fence import Fence
from fencepost_geofence.geojson import to_feature
from fencepost_geofence.members import quoted
from fencepost_geofence.rings import Fault

LINE_MAX = 256 << 10
COLUMNS = (
    "id", "name", "lat", "lon", "radius_m", "width_m", "geometry", "tags", "library",
    "place.name", "dwell_after", "dwell_repeat", "presence_ttl", "cooldown", "enter_at",
    "leave_at", "pass", "approach_s", "emit", "active", "zone", "sensitive",
)  # fmt: skip
META = "place.meta."
_SAME = {"latitude": "lat", "longitude": "lon", "lng": "lon"}
_NUMBERS = frozenset({"radius_m", "width_m", "enter_at", "leave_at"})
_TEXTS = (
    "name", "library", "dwell_repeat", "presence_ttl", "cooldown", "emit", "active", "zone",
)  # fmt: skip
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _LineError(Exception):
    """A line is too long."""


def read_csv(text: str) -> Rows:
    """Read the rows of a CSV."""
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    header_line = lines.readline(LINE_MAX)
    lines.seek(0)
    divider = max(",;\t", key=header_line.count)
    reader = csv.reader(_bounded(lines), delimiter=divider, strict=True)
    found = Rows()
    try:
        columns = [_column(cell) for cell in next(reader, [])]
        if not any(column in COLUMNS for column in columns):
            how = f"name the columns in the first line: {', '.join(COLUMNS)}"
            return refused("no column of a fence is named", how, 1)
        twice = sorted({one for one in columns if one and columns.count(one) > 1})
        if twice:
            return refused(f"the column {quoted(twice[0])} stands there twice", "keep one", 1)
        _read_lines(reader, columns, found)
    except (csv.Error, _LineError) as error:
        how = "check the quotes around this line, or shorten it"
        found.faults.append((reader.line_num, Fault("", f"no CSV from here on: {error}", how)))
    return found


def write_csv(fences: Iterable[Fence]) -> str:
    """Write fences as a CSV that reads the same."""
    written = [_cells(to_feature(fence)) for fence in fences]
    metas = sorted({column for cell in written for column in cell} - set(COLUMNS))
    out = io.StringIO()
    writer = csv.DictWriter(out, [*COLUMNS, *metas], restval="", lineterminator="\r\n")
    writer.writerow({column: cells.safe(column) for column in writer.fieldnames})
    writer.writerows(written)
    return out.getvalue()


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if len(line) > LINE_MAX:
            raise _LineError(f"a line longer than {LINE_MAX >> 10} KiB")
        yield line


def _column(cell: str) -> str:
    name = cells.plain(cell.strip())
    if name.lower().startswith(META):
        return META + name[len(META) :]  # keys of metadata keep their case
    return _SAME.get(name.lower(), name.lower())


def _read_lines(reader: Any, columns: list[str], found: Rows) -> None:
    known = {"", *COLUMNS}
    found.passed_over |= {c[:64] for c in columns if c not in known and not c.startswith(META)}
    line = reader.line_num + 1
    for cell_list in reader:
        if any(cell.strip() for cell in cell_list):
            if len(found.rows) == ROWS_MAX:
                how = f"split it into files of at most {ROWS_MAX:,}"
                found.faults.append((line, Fault("", f"more than {ROWS_MAX:,} rows", how)))
                return
            found.rows.append(_row(len(found.rows), line, columns, cell_list))
        line = reader.line_num + 1


def _row(index: int, line: int, columns: list[str], cell_list: list[str]) -> Row:
    row = Row(index, line)
    if len(cell_list) > len(columns):
        what = f"the row has {len(cell_list)} cells and the first line {len(columns)}"
        row.faults.append(Fault("", what, "put quotes around a cell that holds the divider"))
        return row
    given = {
        column: cell.strip()
        for column, cell in zip(columns, cell_list, strict=False)
        if column and cell.strip()
    }
    row.geometry = _geometry(given, row.faults)
    read_cells(given, row)
    return row


def read_cells(given: Mapping[str, str], row: Row) -> set[str]:
    """Read members from cells by column into ``row``; give the columns nobody knows."""
    unknown = set()
    for column, cell in given.items():
        if column.startswith(META):
            meta = row.properties.setdefault("place", {}).setdefault("meta", {})
            meta[column[len(META) :]] = cells.read_value(cell)
        elif column == "place.name":
            row.properties.setdefault("place", {})["name"] = cells.plain(cell)
        elif column == "id":
            row.given_id = cells.plain(cell)
        elif column in _READERS:
            row.properties[column] = _READERS[column](column, cell, row.faults)
        elif column not in COLUMNS:
            unknown.add(column[:64])
    return unknown


def _geometry(given: dict[str, str], faults: list[Fault]) -> Any:
    """Read where the fence is; None when the row does not say."""
    if "geometry" in given:
        try:
            return parse_json(given["geometry"])
        except (ValueError, RecursionError):
            faults.append(Fault("geometry", "this is no GeoJSON", "write a geometry as JSON"))
            return None
    if "lat" not in given and "lon" not in given:
        return None
    position = [_number(one, given.get(one, ""), faults) for one in ("lon", "lat")]
    return None if None in position else {"type": "Point", "coordinates": position}


def _number(column: str, cell: str, faults: list[Fault]) -> float | None:
    number = cells.read_number(cells.plain(cell))
    if number is None:
        what = f"{quoted(cell)} is no number" if cell else f"{column} is missing"
        faults.append(Fault(column, what, "write digits with a decimal point: 51.3397"))
    return number


def _whole(column: str, cell: str, faults: list[Fault]) -> float | int | None:
    number = _number(column, cell, faults)
    return int(number) if number is not None and number.is_integer() else number


def _flag(column: str, cell: str, faults: list[Fault]) -> bool | None:
    if cell.lower() not in _FLAGS:
        faults.append(Fault(column, f"{quoted(cell)} is neither true nor false", "write true"))
    return _FLAGS.get(cell.lower())


def _text(_column: str, cell: str, _faults: list[Fault]) -> str:
    return cells.plain(cell)


def _list(_column: str, cell: str, _faults: list[Fault]) -> list[Any]:
    return cells.read_list(cell)


_READERS: dict[str, Callable[[str, str, list[Fault]], Any]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(("tags", "dwell_after"), _list),
    **dict.fromkeys(("pass", "sensitive"), _flag),
    "approach_s": _whole,
}


def _cells(feature: dict[str, Any]) -> dict[str, str]:
    """Write a feature as cells by column."""
    properties, geometry = feature["properties"], feature["geometry"]
    place = properties.get("place", {})
    row = {"id": cells.safe(feature["id"]), "place.name": cells.safe(place.get("name", ""))}
    if geometry["type"] == "Point":
        row["lon"], row["lat"] = map(repr, geometry["coordinates"])
    else:
        row["geometry"] = json.dumps(geometry, separators=(",", ":"))
    for member, value in properties.items():
        if isinstance(value, list):
            row[member] = cells.write_list(value)
        elif isinstance(value, bool):
            row[member] = str(value).lower()
        elif isinstance(value, int | float):
            row[member] = repr(value)
        elif isinstance(value, str):
            row[member] = cells.safe(value)
    return row | {META + key: cells.write_value(v) for key, v in place.get("meta", {}).items()}
