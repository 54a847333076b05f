"""
Entry: what brings somebody into a campaign or journey, and how many it takes in.

Rule 1. An entry is one thing: an app event, a transition, an audience, an external event, a
        schedule, or a call. What belongs to another of them is refused, never ignored.
Rule 2. An external event and a schedule concern many; ``for`` narrows them to an audience.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, ClassVar, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from fencepost_gateway.decide.rule_facts import TransitionKind
from fencepost_gateway.decide.schedule import cron_fault
from fencepost_gateway.documents.models.base import (
    Authored,
    Duration,
    EventName,
    Id,
    Shape,
    WhereTree,
    Zone,
    refuse,
)
from fencepost_gateway.documents.models.selector import FenceSelector

ENTRIES_TOP: Final = 1_000_000_000
LimitWindow = Literal["hour", "day", "week", "month", "total"]
LIMIT_WINDOWS: tuple[LimitWindow, ...] = get_args(LimitWindow)

_BELONGS: Final = {
    "where": ("event", "external"),
    "fence": ("transition",),
    "after": ("transition",),
    "initial": ("transition",),
    "opened": ("transition",),
    "inactive": ("transition",),
    "on": ("audience",),
    "include_existing": ("audience",),
    "for_": ("external", "schedule"),
    "zone": ("schedule",),
    "only_new": ("schedule",),
}


def _cron(text: object) -> object:
    fault = cron_fault(text)
    if fault:
        how = 'write minute, hour, day, month and weekday: "0 10 1 * *", "30 8 * * MON-FRI"'
        refuse(fault, how)
    return text


Cron = Annotated[str, BeforeValidator(_cron), Shape('cron: "0 10 1 * *"')]


class Whom(Authored):
    """Whom of all persons it concerns."""

    audience: Id = Field(description="Who belongs to this audience when it is their turn.")


class Entry(Authored):
    """What wakes it for a person; one of event, transition, audience and those for many."""

    forms: ClassVar[tuple[str, ...]] = (
        "event",
        "transition",
        "audience",
        "external",
        "schedule",
        "api",
    )
    later: ClassVar[dict[str, str]] = {}

    event: EventName | None = Field(default=None, description="The app event that wakes it.")
    where: WhereTree | None = Field(
        default=None, description="Which of these events; with `event` and `external` only."
    )
    transition: TransitionKind | None = Field(
        default=None,
        description="The transition that wakes it; `pass` and `approach` of fences that ask for "
        "them.",
    )
    fence: FenceSelector | None = Field(
        default=None, description="Of which fences; with `transition`."
    )
    audience: Id | None = Field(
        default=None,
        description="The audience that somebody joins or leaves. Who belongs when it is published "
        "has not joined.",
    )
    on: Literal["join", "leave"] | None = Field(
        default=None, description="With `audience` only. Default: `join`."
    )
    include_existing: bool = Field(
        default=False,
        description="Also who belongs to the audience when this entry is published first, once.",
    )
    external: EventName | None = Field(
        default=None,
        description="The event from outside that wakes it for everybody it concerns: the weather, "
        "a result, a cancelled flight (`POST /v1/external`).",
    )
    schedule: Cron | None = Field(
        default=None,
        description="When it wakes everybody it concerns: five fields, as cron has them.",
    )
    zone: Zone | None = Field(
        default=None, description="On whose clock; with `schedule`. Default: the workspace's."
    )
    for_: Whom | None = Field(
        default=None,
        alias="for",
        description="Whom it concerns; with `external` and `schedule`. Default: everybody.",
    )
    only_new: bool = Field(
        default=False,
        description="Only who joined the audience since the last time; with `schedule`.",
    )
    api: bool = Field(
        default=False,
        description="A call starts it for one person (`POST /v1/journeys/{id}/start`).",
    )
    after: Duration | None = Field(
        default=None,
        description="Which `dwell_after` of the fence; with `dwell` only. Default: any of them.",
    )
    initial: bool = Field(
        default=False,
        description="Also who is inside already when tracking or the fence begins.",
    )
    opened: bool = Field(
        default=False, description="Also who is inside when the fence opens; with `enter` only."
    )
    inactive: bool = Field(
        default=False, description="Also outside the opening hours of the fence."
    )

    @property
    def audience_id(self) -> str:
        """Name the audience whose members it concerns; empty: everybody."""
        return self.for_.audience if self.for_ else ""

    @model_validator(mode="after")
    def _is_one_entry(self) -> Self:
        kinds = [form for form in self.forms if getattr(self, form) not in (None, False)]
        if len(kinds) != 1:
            what = f"both {kinds[0]} and {kinds[1]}" if kinds else "nothing to wait for"
            refuse(what, f"write one of: {', '.join(self.forms)}")
        for member, owners in _BELONGS.items():
            if getattr(self, member) not in (None, False) and kinds[0] not in owners:
                refuse(*_astray(member.rstrip("_"), owners))
        self._check_transition()
        if self.include_existing and self.on == "leave":
            refuse("include_existing belongs to on: join", "take one of them out")
        if self.only_new and self.for_ is None:
            refuse("only_new, and of whom?", "add for: {audience: …}")
        return self

    def _check_transition(self) -> None:
        if self.transition is None:
            return
        if self.fence is None:
            refuse("which fences?", "add fence: {tag: …}, {id: …} or {library: …}")
        if self.after is not None and self.transition != "dwell":
            refuse("after belongs to dwell", "take it out, or use transition: dwell")
        if self.opened and self.transition != "enter":
            refuse("opened belongs to enter", "take it out, or use transition: enter")


def _astray(member: str, owners: Collection[str]) -> tuple[str, str]:
    """Say that a member stands where it means nothing."""
    what = f"{member} belongs to {' or '.join(owners)}"
    if member == "where":
        return what, "write the condition under when:"
    return what, f"take it out, or enter by {' or '.join(f'{owner}:' for owner in owners)}"


class Limits(Authored):
    """How many persons are taken in; exact."""

    entries: int | None = Field(
        default=None, ge=1, le=ENTRIES_TOP, description="How many entries, within `per`."
    )
    per: LimitWindow | None = Field(
        default=None,
        description="With `entries`: each calendar hour, day, week or month of the workspace's "
        "zone, or `total`. Default: `total`.",
    )
    running: int | None = Field(
        default=None, ge=1, le=ENTRIES_TOP, description="How many may be in it at one time."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.entries is None and self.running is None:
            refuse("it limits nothing", "add entries: or running:, or take limits: out")
        if self.entries is None and self.per is not None:
            refuse("per belongs to entries", "add entries:, or take per: out")
        return self
