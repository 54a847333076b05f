"""
Rows: what a file of places holds before anything is made of it.

Pure. A row is one line of a CSV, one feature of a GeoJSON, one placemark or waypoint: an id if it
has one, a GeoJSON geometry, and properties in the words of our own format.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from fencepost_gateway.documents.document import SourceFile
from fencepost_geofence.rings import Fault

FILE_MAX_BYTES = 10 << 20
ROWS_MAX = 50_000  # of one import


class Row(Struct):
    """
    One place of a file.

    Attributes:
        index: Number of the row, from 0; GeoJSON calls it the feature.
        line: Line of the file where it begins, if that is known.
        given_id: The id as it stands in the file, None without one.
        geometry: GeoJSON, or None when the row does not say.
        properties: Members of a fence that the row gives; None takes a member away.
        faults: What is wrong with the row by itself.

    """

    index: int
    line: int | None = None
    given_id: Any = None
    geometry: Any = None
    properties: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


class Rows(Struct):
    """The rows of a file, what is wrong with the file, and columns nobody knows."""

    rows: list[Row] = field(default_factory=list)
    faults: list[tuple[int | None, Fault]] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)


class Verdict(Struct, frozen=True):
    """
    What is wrong with a row, or what was repaired: file, line or feature, field, why.

    ``others`` counts rows of which the same is to be said (``summed``).
    """

    file: str
    what: str
    how: str = ""
    line: int | None = None
    feature: int | None = None
    id: str = ""
    field: str = ""
    others: int = 0

    def __str__(self) -> str:
        """Write the verdict on one line."""
        spot = self.file
        if self.line is not None:
            spot += f":{self.line}"
        elif self.feature is not None:
            spot += f": feature {self.feature}"
        if self.others:
            spot += f" and {self.others:,} other{'s' * (self.others > 1)}"
        named = (self.field,) if self.others else (self.id, self.field)
        said = [spot, ", ".join(filter(None, named)), self.what]
        return ": ".join(filter(None, said)) + (f"; {self.how}" if self.how else "")


def refused(what: str, how: str, line: int | None = None) -> Rows:
    """Give a file that holds nothing, and why."""
    return Rows(faults=[(line, Fault("", what, how))])


def file_fault(file: SourceFile) -> Fault | None:
    """Refuse archives and what is too large, before anything is parsed."""
    name = file.path.lower()
    if name.endswith((".kmz", ".zip", ".gz")) or file.text.startswith("PK"):
        return Fault("", "archives are not opened", "unpack it, and import the files inside")
    if len(file.text) > FILE_MAX_BYTES or len(file.text.encode("utf-8", "replace")) > (
        FILE_MAX_BYTES
    ):
        return Fault("", f"the file is larger than {FILE_MAX_BYTES >> 20} MiB", "split it")
    return None
