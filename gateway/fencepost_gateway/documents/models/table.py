"""Table: rows by key, for journeys to look up."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, PlainValidator

from fencepost_gateway.documents.models.base import Authored, Id, Name, refuse

ROWS_MAX: Final = 5_000
CELLS_MAX: Final = 50

RowKey = Annotated[str, Field(min_length=1, max_length=128)]
CELL_MAX: Final = 4_096  # characters
_Plain = str | bool | int | float


def _cell(value: object) -> object:
    if not isinstance(value, (str, bool, int, float)):
        refuse("no plain value", "write text, a number, true or false")
    if isinstance(value, str) and len(value) > CELL_MAX:
        refuse("this text is too long", f"write at most {CELL_MAX} characters")
    return value


Cell = Annotated[_Plain, PlainValidator(_cell, json_schema_input_type=_Plain)]


class Table(Authored):
    """What is known of each key: of a tier, a fixture, a product."""

    kind: Literal["table"]
    id: Id = Field(description="Unique among tables.")
    name: Name = Field(default="", description="For people.")
    rows: dict[RowKey, Annotated[dict[RowKey, Cell], Field(max_length=CELLS_MAX)]] = Field(
        min_length=1,
        max_length=ROWS_MAX,
        description="Row by key: `{gold: {lounge: true, discount: 15}}`.",
    )
