"""
XML: placemarks of KML and waypoints of GPX.

Pure: a text in, rows out; nothing that a file points to is ever fetched.

Rule 1. A document type (DTD) is refused before anything of it is read, so there are no entities to
        resolve. Depth and size of a row are bounded.
Rule 2. KML: Point, LineString, Polygon, and a MultiGeometry of one of the two latter. ``name`` is
        the name; ``ExtendedData`` (Data and SimpleData) gives members under the names that a CSV
        has for its columns. Altitude is dropped.
Rule 3. GPX: waypoints (``wpt``) with their name; tracks and routes are no fences.
Rule 4. Namespaces are not looked at, as files get them wrong. A row that cannot be read says so
        with its line; the others stand.
"""

from __future__ import annotations

from typing import Any, NoReturn
from xml.parsers import expat

from msgspec import Struct, field

from fencepost_gateway.documents.imports.cells import read_number
from fencepost_gateway.documents.imports.csv_rows import read_cells
from fencepost_gateway.documents.imports.rows import ROWS_MAX, Row, Rows, refused
from fencepost_geofence.members import quoted
from fencepost_geofence.rings import Fault

DEPTH_MAX = 64
NODES_MAX = 20_000  # of one row: a MultiGeometry of thousands of parts
_ROW_TAGS = frozenset({"Placemark", "wpt"})
_SHAPES = ("Point", "LineString", "Polygon")


class _Node(Struct):
    """An element inside a row."""

    tag: str
    attributes: dict[str, str]
    children: list[_Node] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()

    def first(self, tag: str) -> _Node | None:
        return next((each for each in self.children if each.tag == tag), None)


class _RefusedError(Exception):
    """The document holds what is not read here; the message says what, ``how`` what to do."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__(what)
        self.how = how


def read_xml(text: str) -> Rows:
    """Read the rows of a KML or GPX file."""
    reader = _Reader()
    try:
        reader.parser.Parse(text.removeprefix("\ufeff").encode("utf-8", "replace"), True)  # noqa: FBT003 - expat's own positional
    except expat.ExpatError as error:
        message = expat.errors.messages[error.code]
        return refused(f"no XML: {message}", "export the file anew", error.lineno)
    except _RefusedError as error:
        return refused(str(error), error.how, reader.parser.CurrentLineNumber)
    if not reader.found.rows:
        how = "a KML needs Placemarks, a GPX waypoints (wpt)"
        return refused("the file holds no places", how)
    return reader.found


class _Reader:
    """Collects each row as it ends; nothing outside of rows is kept."""

    def __init__(self) -> None:
        self.found = Rows()
        self._open: list[_Node] = []
        self._depth = self._nodes = self._line = 0
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _doctype(self, *_said: Any) -> NoReturn:
        raise _RefusedError("document types and entities are not read", "remove <!DOCTYPE …>")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _RefusedError(f"nested deeper than {DEPTH_MAX}", "export the file anew")
        if not self._open and tag not in _ROW_TAGS:
            return
        if not self._open:
            self._nodes, self._line = 0, self.parser.CurrentLineNumber
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise _RefusedError(f"a place of more than {NODES_MAX:,} elements", "split it")
        node = _Node(tag, attributes)
        if self._open:
            self._open[-1].children.append(node)
        self._open.append(node)

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].texts.append(text)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        node = self._open.pop() if self._open else None
        if node is None or self._open:
            return
        if len(self.found.rows) == ROWS_MAX:
            raise _RefusedError(f"more than {ROWS_MAX:,} places", "split the file")
        row = Row(len(self.found.rows), self._line)
        if node.tag == "wpt":
            _waypoint(node, row)
        else:
            _placemark(node, row, self.found.passed_over)
        self.found.rows.append(row)


def _waypoint(node: _Node, row: Row) -> None:
    position = [_number(one, node.attributes.get(one, ""), row.faults) for one in ("lon", "lat")]
    row.geometry = {"type": "Point", "coordinates": position}
    _named(node, row)


def _placemark(node: _Node, row: Row, passed_over: set[str]) -> None:
    given = dict(_extended(node.first("ExtendedData")))
    row.given_id = node.attributes.get("id")
    passed_over |= read_cells(given, row)
    _named(node, row)
    shapes = [
        shape for each in _shapes_below(node) if (shape := _shape(each, row.faults)) is not None
    ]
    kinds = {shape["type"] for shape in shapes}
    if len(shapes) == 1:
        row.geometry = shapes[0]
    elif len(kinds) == 1 and kinds != {"Point"}:
        parts = [shape["coordinates"] for shape in shapes]
        row.geometry = {"type": f"Multi{kinds.pop()}", "coordinates": parts}
    elif shapes:
        how = "make a placemark of each"
        row.faults.append(Fault("MultiGeometry", "a fence is of one kind of shape", how))


def _named(node: _Node, row: Row) -> None:
    name = node.first("name")
    if name is not None and name.text and "name" not in row.properties:
        row.properties["name"] = name.text


def _extended(node: _Node | None) -> list[tuple[str, str]]:
    found = []
    for each in [] if node is None else _below(node):
        value = each.first("value") if each.tag == "Data" else each
        if each.tag in ("Data", "SimpleData") and value is not None and value.text:
            found.append((each.attributes.get("name", ""), value.text))
    return found


def _below(node: _Node) -> list[_Node]:
    return [one for child in node.children for one in (child, *_below(child))]


def _shapes_below(node: _Node) -> list[_Node]:
    """Find shapes, also in collections of collections."""
    found = []
    for child in node.children:
        if child.tag in _SHAPES:
            found.append(child)
        elif child.tag == "MultiGeometry":
            found += _shapes_below(child)
    return found


def _shape(node: _Node, faults: list[Fault]) -> dict[str, Any] | None:
    if node.tag == "Polygon":
        rings = [
            _positions(ring, faults)
            for tag in ("outerBoundaryIs", "innerBoundaryIs")
            for boundary in node.children
            if boundary.tag == tag
            for ring in boundary.children
            if ring.tag == "LinearRing"
        ]
        return {"type": "Polygon", "coordinates": rings}
    positions = _positions(node, faults)
    if node.tag == "Point":
        return {"type": "Point", "coordinates": positions[0] if len(positions) == 1 else positions}
    return {"type": "LineString", "coordinates": positions}


def _positions(node: _Node, faults: list[Fault]) -> list[list[float]]:
    coordinates = node.first("coordinates")
    positions = []
    for text in coordinates.text.split() if coordinates is not None else ():
        numbers = [read_number(part) for part in text.split(",")[:2]]
        if len(numbers) != 2 or None in numbers:  # noqa: PLR2004 - a pair
            what = f"{quoted(text)} is no position"
            faults.append(Fault("coordinates", what, "write lon,lat without blanks between"))
            break
        positions.append([number for number in numbers if number is not None])
    return positions


def _number(name: str, text: str, faults: list[Fault]) -> float | None:
    number = read_number(text)
    if number is None:
        faults.append(Fault(name, f"{name} is no number", 'write lat="51.3397" lon="12.3731"'))
    return number
