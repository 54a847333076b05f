"""Experiment: the arms that persons are spread over, and for good."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fencepost_gateway.documents.models.base import Authored, Id, Name, refuse

ARMS_MAX = 20
WEIGHT_MAX = 1_000_000

ArmName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Weight = Annotated[int | float, Field(ge=0, le=WEIGHT_MAX)]


class Experiment(Authored):
    """Which arms there are; a campaign gives each a template."""

    kind: Literal["experiment"]
    id: Id = Field(description="Unique among experiments.")
    name: Name = Field(default="", description="For people.")
    arms: dict[ArmName, Weight] = Field(
        min_length=2,
        max_length=ARMS_MAX,
        description="Weight by arm, such as `{A: 50, B: 50}`; other weights move only newcomers.",
    )

    @model_validator(mode="after")
    def _has_weight(self) -> Self:
        if not any(self.arms.values()):
            refuse("no arm has a weight", "give one of them more than 0")
        return self
