"""Event: what an app event carries, said once for everybody who sends or uses it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from fencepost_gateway.decide.event_shape import PropertyType
from fencepost_gateway.decide.rule_facts import RuleFault
from fencepost_gateway.documents.models.audience import PropertyPath
from fencepost_gateway.documents.models.base import (
    Authored,
    EventName,
    Id,
    Name,
    refuse,
    refuse_all,
)

PROPERTIES_MAX: Final = 200
CHOICES_MAX: Final = 500


def _short(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


class PropertyOf(Authored):
    """What one property may be; ``sku: text`` says the type alone."""

    type: PropertyType = Field(
        default="text", description="`moment` is a text as ISO 8601 has it: 2026-06-01T18:00:00Z."
    )
    required: bool = Field(default=False, description="Refuse the event without it.")
    one_of: list[str] = Field(
        default=[], max_length=CHOICES_MAX, description="With `text`: which there are."
    )
    min: float | None = Field(default=None, description="With `number` and `integer`.")
    max: float | None = Field(default=None, description="With `number` and `integer`.")
    example: Any = Field(default=None, description="A value for `fencepost snippet`.")
    note: Name = Field(default="", description="For people.")

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.one_of and self.type != "text":
            refuse("one_of belongs to text", "take it out, or use type: text")
        if self.type not in {"number", "integer"} and not (self.min is self.max is None):
            refuse("min and max belong to numbers", "take them out, or use type: number")
        if self.min is not None and self.max is not None and self.min > self.max:
            refuse("min is above max", "change one of them")
        return self


Properties = dict[
    PropertyPath,
    Annotated[
        PropertyOf, BeforeValidator(_short, json_schema_input_type=PropertyOf | PropertyType)
    ],
]


class Event(Authored):
    """An app event, or one from outside, and its properties."""

    kind: Literal["event"]
    id: Id = Field(description="Unique among events.")
    name: Name = Field(default="", description="For people.")
    event: EventName | None = Field(
        default=None, description="What apps call it, such as `Order Completed`. Default: the id."
    )
    properties: Properties = Field(
        default={},
        max_length=PROPERTIES_MAX,
        description="By name, dots go deeper: `{sku: text, cart.value: {type: number, min: 0}}`.",
    )
    closed: bool = Field(default=False, description="Refuse properties that are not named here.")

    @property
    def called(self) -> str:
        """What apps call it."""
        return self.event or self.id

    @model_validator(mode="after")
    def _names_go_together(self) -> Self:
        for name in self.properties:
            above = name
            while "." in above:
                above = above.rpartition(".")[0]
                found = self.properties.get(above)
                if found is not None and found.type != "object":
                    what = f"{above} is {found.type}, and has nothing inside"
                    how = f"make {above} an object, or take one of them out"
                    refuse_all((RuleFault(("properties", name), what, how),))
        return self
