"""Table: rows by key, for journeys to look up."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from fencepost_gateway.documents.models.base import Authored, Id, Name

ROWS_MAX: Final = 5_000
CELLS_MAX: Final = 50

RowKey = Annotated[str, Field(min_length=1, max_length=128)]
Cell = Annotated[str, Field(max_length=4_096)] | bool | int | float


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
