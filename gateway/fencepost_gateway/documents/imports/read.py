"""
Read: files of places become fences, row by row, over what is live.

Pure. CSV, GeoJSON, KML and GPX; which one is told by the name of the file.

Rule 1. A row with an id that is live changes what it says and keeps the rest; a new one is a fence
        of its own. Objects (``place``, ``place.meta``) are merged member by member; in GeoJSON a
        member that is null is taken away (RFC 7396).
Rule 2. A row without an id gets one from its name, else from file and position, the same at every
        reading, so that the same file again changes nothing; a live fence of that id is meant. An
        id twice is a fault of the second.
Rule 3. Members nobody knows are passed over and named; what may be meant otherwise is a warning
        (``doubts``).
Rule 4. ``radius_m`` of the wish is for points that say none, and are not live with one.
Rule 5. Polygons are repaired only when the wish says so, and each repair is told.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from fencepost_gateway.documents import fences
from fencepost_gateway.documents.document import Document, Origin, Path, SourceFile, parse_json
from fencepost_gateway.documents.imports.csv_rows import COLUMNS, read_csv
from fencepost_gateway.documents.imports.doubts import misspelt, swapped
from fencepost_gateway.documents.imports.rows import (
    ROWS_MAX,
    Row,
    Rows,
    Verdict,
    file_fault,
    refused,
)
from fencepost_gateway.documents.imports.xml_rows import read_xml
from fencepost_geofence import geojson
from fencepost_geofence.fence import Fence
from fencepost_geofence.members import is_fence_id
from fencepost_geofence.naming import Names, slug
from fencepost_geofence.repair import repair
from fencepost_geofence.rings import Fault

SUFFIXES = (".csv", ".geojson", ".json", ".kml", ".gpx")
_MEASURES = ("radius_m", "width_m")
_MEMBERS = frozenset(fences.MEMBERS) | {"radius_m", "id"}


class Wish(Struct):
    """How to read: the radius of points that have none, and whether polygons are repaired."""

    radius_m: float | None = None
    repair: bool = False


class Imported(Struct):
    """What the rows came to: documents, verdicts on bad rows, what was done to others, doubts."""

    documents: list[Document] = field(default_factory=list)
    problems: list[Verdict] = field(default_factory=list)
    repaired: list[Verdict] = field(default_factory=list)
    warnings: list[Verdict] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)
    rows: int = 0


def read_import(
    files: Sequence[SourceFile], live: Mapping[str, Mapping[str, Any]], wish: Wish
) -> Imported:
    """
    Read all rows of ``files``.

    Args:
        files: The files, with their names.
        live: The body of each live fence by id.
        wish: How to read them.

    """
    imported = Imported()
    context = _Context(live, wish, imported)
    used: set[str] = set()
    for file in files:
        rows = _rows_of(file)
        is_csv = _suffix(file) == ".csv"
        columns = COLUMNS if is_csv or _suffix(file) == ".kml" else _MEMBERS
        imported.warnings += misspelt(file.path, rows, columns, 1 if is_csv else None)
        imported.passed_over |= rows.passed_over
        imported.rows += len(rows.rows)
        imported.problems += [
            Verdict(file.path, fault.what, fault.how, line=line, field=_field(fault.path))
            for line, fault in rows.faults
        ]
        names = Names(posixpath.basename(file.path).rsplit(".", 1)[0])
        names.taken = used
        for row in rows.rows:
            _take(file, row, names, context)
    if imported.rows > ROWS_MAX:
        how = f"import at most {ROWS_MAX:,} rows at once"
        return Imported(problems=[Verdict("", f"{imported.rows:,} rows", how)])
    imported.warnings += swapped(imported.documents, live)
    return imported


class _Context(Struct):
    """What a row is read against."""

    live: Mapping[str, Mapping[str, Any]]
    wish: Wish
    imported: Imported
    taken: dict[str, Verdict] = field(default_factory=dict)


def _rows_of(file: SourceFile) -> Rows:
    if fault := file_fault(file):
        return refused(fault.what, fault.how)
    suffix = _suffix(file)
    if suffix == ".csv":
        return read_csv(file.text)
    if suffix in (".kml", ".gpx"):
        return read_xml(file.text)
    if suffix in (".geojson", ".json"):
        return _geojson_rows(file.text)
    return refused("this is no file of places", f"import one of: {' '.join(SUFFIXES)}")


def _suffix(file: SourceFile) -> str:
    return posixpath.splitext(file.path)[1].lower()


def _geojson_rows(text: str) -> Rows:
    try:
        tree = parse_json(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        return refused(f"not JSON: {error.msg}", "mend the JSON", error.lineno)
    except (RecursionError, ValueError):
        return refused(
            "nested too deeply, or no number or text", "write GeoJSON as RFC 7946 has it"
        )
    features, faults = geojson.features_of(tree)
    found = Rows(faults=[(None, fault) for fault in faults])
    for index, feature in enumerate(features):
        row = Row(index)
        found.rows.append(row)
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            row.faults.append(Fault("", "expected a Feature", 'write {"type": "Feature", ...}'))
            continue
        properties = feature.get("properties")
        given = properties if isinstance(properties, dict) else {}
        row.given_id = feature.get("id", given.get("id"))
        row.geometry = feature.get("geometry")
        row.properties = {key: value for key, value in given.items() if key in _MEMBERS}
        found.passed_over |= {str(key)[:64] for key in given.keys() - _MEMBERS}
    return found


def _take(file: SourceFile, row: Row, names: Names, context: _Context) -> None:
    faults = list(row.faults)
    fence_id = _id_of(row, names, context, faults)
    imported = context.imported
    spot = Verdict(file.path, "", line=row.line, feature=row.index, id=fence_id)
    context.taken.setdefault(fence_id, spot)
    fence = None
    if not faults:
        fence, changes = _fence(_merged(fence_id, row, context), context.wish, faults)
        if fence is not None and changes:
            imported.repaired.append(replace(spot, what="; ".join(changes)))
    imported.problems += [
        replace(spot, what=f.what, how=f.how, field=_field(f.path, is_table=row.line is not None))
        for f in faults
    ]
    if fence is not None:
        lines: dict[Path, int] = {} if row.line is None else {(): row.line}
        origin = Origin(file.path, lines, row.index)
        imported.documents.append(Document("fence", fence_id, fences.body_of(fence), origin))


def _fence(
    feature: dict[str, Any], wish: Wish, faults: list[Fault]
) -> tuple[Fence | None, list[str]]:
    """Read a fence, repaired if the wish says so (Rule 5)."""
    changes: list[str] = []
    reading = geojson.read(feature, default_id_prefix="import")
    if reading.problems and wish.repair and (mended := repair(feature["geometry"])) is not None:
        geometry, changes = mended
        reading = geojson.read({**feature, "geometry": geometry}, default_id_prefix="import")
    faults += [Fault(p.path, p.what, p.how) for p in reading.problems]
    return (reading.fences[0] if reading.fences else None), changes


def _id_of(row: Row, names: Names, context: _Context, faults: list[Fault]) -> str:
    """Give the id of a row (Rule 2); what is no id becomes one."""
    given = str(row.given_id) if isinstance(row.given_id, str | int) else ""
    own = given if is_fence_id(given) else slug(given)
    if not own:
        return names.claim(None, row.properties.get("name"), row.index, faults) or ""
    names.taken.add(own)
    first = context.taken.get(own)
    if first is not None:
        where = first.file + (f":{first.line}" if first.line else f": feature {first.feature}")
        how = f"keep one of them, or give it another id; the first is in {where}"
        faults.append(Fault("id", "the id is taken", how))
    return own


def _merged(fence_id: str, row: Row, context: _Context) -> dict[str, Any]:
    """Lay a row over the live fence of its id (Rule 1)."""
    base = context.live.get(fence_id, {})
    properties: dict[str, Any] = dict(base.get("properties", {}))
    geometry = base.get("geometry")
    if row.geometry is not None:
        old = geometry.get("type") if isinstance(geometry, dict) else None
        new = row.geometry.get("type") if isinstance(row.geometry, dict) else None
        if old != new:
            properties = {k: v for k, v in properties.items() if k not in _MEASURES}
        geometry = row.geometry
    properties = _patched(properties, row.properties)
    properties.pop("id", None)
    is_point = isinstance(geometry, dict) and geometry.get("type") == "Point"
    if is_point and context.wish.radius_m is not None:
        properties.setdefault("radius_m", context.wish.radius_m)
    return {"type": "Feature", "id": fence_id, "geometry": geometry, "properties": properties}


def _patched(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in patch.items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and key in ("place", "meta"):
            merged[key] = _patched(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _field(path: str, *, is_table: bool = True) -> str:
    """Name a field as the file does."""
    if not is_table:
        return path
    if path.startswith("geometry.coordinates"):
        return "coordinates"
    return path.removeprefix("properties.").removesuffix(".type")
