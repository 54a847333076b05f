"""Fence, library and workspace: where things are, and what holds for all of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from fencepost_gateway.decide.plan import LIVING, LIVING_MAX
from fencepost_gateway.documents.models.base import (
    LIST_MAX,
    Authored,
    Duration,
    Id,
    Name,
    Percent,
    Shape,
    Tag,
    Zone,
    as_list,
    refuse,
)
from fencepost_gateway.documents.models.costs import SmsCosts
from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT

SEEDS_MAX = 20

UserId = Annotated[str, Field(min_length=1, max_length=256), Shape("user id")]


class Circle(Authored):
    """A circle on the ground."""

    lat: Annotated[float, Field(ge=-90, le=90)] = Field(description="Latitude of the centre.")
    lon: Annotated[float, Field(ge=-180, le=180)] = Field(description="Longitude of the centre.")
    radius_m: Annotated[float, Field(ge=10, le=100_000)] = Field(description="10 to 100,000 m.")


class Place(Authored):
    """The point of interest a fence stands for."""

    name: Name = Field(default="", description="Shown to people, `place.name` in templates.")
    meta: dict[str, Any] = Field(
        default={},
        max_length=LIST_MAX,
        description="Own data, `place.meta.…` in rules and templates.",
    )


class Fence(Authored):
    """A shape with rules. A GeoJSON feature is the same with its members under `properties`."""

    kind: Literal["fence"]
    id: Id = Field(description="Unique among fences.")
    name: Name = Field(default="", description="For people.")
    circle: Circle | None = Field(default=None, description="Either this or `geometry`.")
    geometry: Annotated[
        dict[str, Any] | None, Shape("GeoJSON (Multi)Polygon or (Multi)LineString")
    ] = Field(default=None, description="Either this or `circle`; longitude first.")
    width_m: Annotated[float, Field(ge=20, le=20_000)] | None = Field(
        default=None, description="Width of the corridor along a (Multi)LineString."
    )
    tags: list[Tag] = Field(default=[], max_length=LIST_MAX, description="For selectors.")
    place: Place = Field(default=Place(), description="What stands there.")
    library: Id | None = Field(default=None, description="The library it belongs to.")
    dwell_after: Annotated[list[Duration], BeforeValidator(as_list)] = Field(
        default=[],
        max_length=10,
        description="One duration or several: DWELL after so long inside.",
    )
    dwell_repeat: Duration | None = Field(
        default=None,
        description="After the last `dwell_after` a DWELL every so often, 1m at least. Default: "
        "each once per visit.",
    )
    presence_ttl: Duration = Field(
        default="1h", description="No fix for so long ends the visit: EXPIRE."
    )
    cooldown: Duration | None = Field(
        default=None, description="Coming back so soon after an EXIT is the same visit."
    )
    enter_at: Annotated[float, Field(ge=0.5, le=0.99)] = Field(
        default=ENTER_AT, description="Probability of being inside that enters, 0.5 to 0.99."
    )
    leave_at: Annotated[float, Field(ge=0.01, le=0.5)] = Field(
        default=LEAVE_AT, description="Probability of being inside that leaves, 0.01 to 0.5."
    )
    pass_: bool = Field(
        default=False,
        alias="pass",
        description="PASS for who crosses it between two fixes, neither of them inside.",
    )
    approach_s: Annotated[int, Field(ge=10, le=3_600)] | None = Field(
        default=None,
        description="APPROACH for who will arrive within so many seconds, 10 to 3,600.",
    )
    emit: Literal["live", "settled"] = Field(
        default="live",
        description="`live`: transitions at once, and corrections when late fixes say otherwise. "
        "`settled`: ten minutes later, final.",
    )
    active: str | None = Field(
        default=None,
        min_length=1,
        description="Opening hours as OpenStreetMap writes them; transitions at other times are "
        "marked, and wake only entries with `inactive: true`. Default: always.",
    )
    zone: Zone | None = Field(
        default=None, description="Zone of `active`. Default: the workspace's."
    )
    sensitive: bool = Field(
        default=False, description="Health, worship, shelter, school, politics: no marketing."
    )

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        if (self.circle is None) == (self.geometry is None):
            refuse("a fence has one shape", "write circle: {lat, lon, radius_m} or geometry:")
        return self


class Library(Authored):
    """A ranked set of places owned by a team."""

    kind: Literal["library"]
    id: Id = Field(description="Unique among libraries.")
    name: Name = Field(default="", description="For people.")
    rank: int = Field(
        default=100, ge=1, le=1_000_000, description="The smaller wins when several places match."
    )
    team: Name = Field(default="", description="Who owns it.")


class Workspace(Authored):
    """What holds for the whole workspace; at most one document."""

    kind: Literal["workspace"]
    id: Id = Field(description="Any; at most one workspace document is live.")
    name: Name = Field(default="", description="For people.")
    zone: Zone | None = Field(
        default=None,
        description="For persons whose zone is unknown, and for moments without offset.",
    )
    holdout: Percent = Field(default=0, description="Share of persons who get no marketing at all.")
    mock: bool = Field(
        default=False,
        description="Positions that the platform says were made up count too: for test devices.",
    )
    merge: Literal["on_login", "never", "explicit"] = Field(
        default="on_login",
        description="What becomes of a visitor who logs in. `on_login`: all they did is the known "
        "person's. `never`: it stays apart, unused. `explicit`: apart, unless the app says "
        "`merge` with `identify`.",
    )
    journeys_at_once: int = Field(
        default=LIVING,
        ge=1,
        le=LIVING_MAX,
        description="How many journeys somebody may be in at once; beyond, they enter no other "
        "(`runs_full`). Each costs their row up to 20 KB, and an event of theirs 4 µs.",
    )
    testers: list[UserId] = Field(
        default=[],
        max_length=LIST_MAX,
        description="Users who test: outside caps, holdouts, reports and experiments' numbers.",
    )
    seeds: list[UserId] = Field(
        default=[],
        max_length=SEEDS_MAX,
        description="Users who get one copy a day of what each campaign sends on a channel.",
    )
    sms_costs: SmsCosts | None = Field(
        default=None, description="What SMS cost, and how much may be spent a day."
    )
    allow_only: list[UserId] | None = Field(
        default=None,
        max_length=LIST_MAX,
        description="Send only to these users, and to addresses on the allow list. Default: all.",
    )
