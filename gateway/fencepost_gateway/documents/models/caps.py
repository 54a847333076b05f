"""Caps: how many messages a person gets at most."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from fencepost_gateway.decide.plan import CalendarWindow
from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.documents.models.base import (
    LIST_MAX,
    Authored,
    Id,
    Name,
    Shape,
    Tag,
    as_list,
    refuse,
)
from fencepost_gateway.documents.models.campaign import Channel
from fencepost_gateway.documents.models.selector import FenceSelector

WINDOWS: tuple[CalendarWindow, ...] = get_args(CalendarWindow)


def _per(value: object) -> object:
    if value not in WINDOWS and parse_duration_ms(value) is None:
        refuse("no window", "write a duration such as 7d (rolling), or hour, day, week, month")
    return value


def _limit(value: object) -> object:
    if value == 0 and not isinstance(value, bool):
        refuse("a cap of 0 is no cap", "to send nothing, archive the campaign or narrow consent")
    return value


def _purpose(value: object) -> object:
    if value == "transactional":
        how = "take the rule out; a safety cap against loops holds for them anyway"
        refuse("transactional messages obey no caps", how)
    return value


class Scope(Authored):
    """What a rule counts; members are AND-ed, a member left out does not narrow."""

    hints: ClassVar = {"journey": "write campaign: they share their ids with journeys"}

    purpose: Annotated[Literal["marketing"], BeforeValidator(_purpose)] = Field(
        default="marketing", description="Marketing only: transactional messages obey no caps."
    )
    channel: Annotated[list[Channel], BeforeValidator(as_list)] = Field(
        default=[],
        max_length=LIST_MAX,
        description="One channel or a list. Default: all, in-app included.",
    )
    tag: Annotated[list[Tag], BeforeValidator(as_list)] = Field(
        default=[], max_length=LIST_MAX, description="Campaigns with one of these tags."
    )
    campaign: Annotated[list[Id], BeforeValidator(as_list)] = Field(
        default=[], max_length=LIST_MAX, description="These campaigns."
    )
    brand: Annotated[list[Id], BeforeValidator(as_list)] = Field(
        default=[], max_length=LIST_MAX, description="Campaigns of these brands."
    )
    place: FenceSelector | None = Field(
        default=None, description="Messages caused by transitions of these fences."
    )


class CapRule(Authored):
    """At most ``limit`` messages of ``scope`` in each window."""

    id: Id | None = Field(
        default=None, description="Named in decisions. Default: its number in the list."
    )
    limit: Annotated[int, BeforeValidator(_limit)] = Field(
        ge=1, le=1_000_000, description="At most so many."
    )
    per: Annotated[str, BeforeValidator(_per), Shape("7d (rolling), or hour day week month")] = (
        Field(description="Rolling span, or calendar window in the person's zone.")
    )
    scope: Scope = Field(default=Scope(), description="Default: everything marketing.")


class Caps(Authored):
    """Frequency caps of the workspace. All rules of all documents hold."""

    kind: Literal["caps"]
    id: Id = Field(description="Unique among caps.")
    name: Name = Field(default="", description="For people.")
    rules: list[CapRule] = Field(min_length=1, max_length=100, description="The rules.")
