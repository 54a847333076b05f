"""Trait and audience: what is kept up about persons, and who belongs together by a rule."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from fencepost_gateway.decide.ranking import SCORES
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.decide.trait_state import TraitKind
from fencepost_gateway.documents.models.base import (
    Authored,
    Duration,
    EventName,
    Id,
    Name,
    RuleTree,
    Shape,
    WhereTree,
    refuse,
)

TRAIT_KINDS: tuple[TraitKind, ...] = get_args(TraitKind)
WITHIN_MIN_MS = 600_000

TraitId = Annotated[
    str, Field(pattern=r"^[a-z0-9_-]{1,64}$"), Shape("id: a-z, 0-9, - and _, at most 64")
]
PropertyPath = Annotated[
    str,
    Field(min_length=1, max_length=128, pattern=r"^[^.]+(\.[^.]+)*$"),
    Shape("property of the event, dots go deeper"),
]


class Trait(Authored):
    """A value that is kept up from one app event, for rules: ``{trait: yoga_90d, gte: 3}``."""

    kind: Literal["trait"]
    id: TraitId = Field(description="Unique among traits; what rules call it.")
    name: Name = Field(default="", description="For people.")
    count: EventName | None = Field(default=None, description="How many of this event.")
    sum: EventName | None = Field(default=None, description="The sum of its property `of`.")
    last: EventName | None = Field(default=None, description="`of` in the newest of this event.")
    max: EventName | None = Field(default=None, description="The largest `of`.")
    distinct: EventName | None = Field(
        default=None, description="How many different `of`; up to 500 are told apart."
    )
    rfm: EventName | None = Field(
        default=None,
        description="Recency, frequency and monetary value (`of`) of this event in fifths of "
        "everybody who ever did it, 5 the best: `{trait: ID.r, gte: 4}`, `ID.f`, `ID.m`. Ranked "
        "every night.",
    )
    of: PropertyPath | None = Field(default=None, description="With all but `count`.")
    where: WhereTree | None = Field(default=None, description="Which of these. Default: all.")
    within: Duration | None = Field(
        default=None,
        description="How long an event counts, 10m at least, to a thousandth of it. "
        "Default: for ever.",
    )

    @property
    def made_of(self) -> tuple[TraitKind, str]:
        """What is made, and of which event; of an `rfm` the sum, which it needs besides."""
        if self.rfm is not None:
            return "sum", self.rfm
        return next((k, e) for k in TRAIT_KINDS if (e := getattr(self, k)) is not None)

    @property
    def readings(self) -> tuple[str, ...]:
        """What rules may ask for."""
        return tuple(f"{self.id}.{score}" for score in SCORES) if self.rfm else (self.id,)

    @model_validator(mode="after")
    def _is_one_value(self) -> Self:
        given = [kind for kind in (*TRAIT_KINDS, "rfm") if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"both {given[0]} and {given[1]}" if given else "no value"
            refuse(what, f"write one of {', '.join(TRAIT_KINDS)}, rfm: NAME_OF_THE_EVENT")
        if (self.of is None) != (given == ["count"]):
            how = "take it out" if self.of else "add of: PROPERTY"
            refuse("a count has no of" if self.of else f"{given[0]} of what?", how)
        if self.rfm is not None and (self.where is not None or self.within is not None):
            refuse("an rfm looks at every event", "take where and within out")
        if self.within is not None and (parse_duration_ms(self.within) or 0) < WITHIN_MIN_MS:
            refuse("within is under ten minutes", "write 10m or more")
        return self


class Audience(Authored):
    """Who a rule holds for, kept current by what happens and by time alone."""

    kind: Literal["audience"]
    id: Id = Field(description="Unique among audiences.")
    name: Name = Field(default="", description="For people.")
    goal: EventName | None = Field(
        default=None,
        description="The app event its members should do: how often they did, and the sum of its "
        "property `value`, is counted by week.",
    )
    when: RuleTree = Field(
        description="The rule. What woke a campaign is not known here: no `event`, no `transition`."
    )

    @model_validator(mode="after")
    def _asks_of_the_person(self) -> Self:
        if compile_rule(self.when).reads.woke:
            how = "ask did: for an event, inside: or visited: for a place"
            refuse("an audience knows of no event or transition that woke it", how)
        return self
