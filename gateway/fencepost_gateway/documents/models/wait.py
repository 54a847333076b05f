"""Wait: how long a run stands still, and what it may go on by."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from fencepost_gateway.decide.spans import parse_clock_min, parse_duration_ms, zone_named
from fencepost_gateway.documents.models.audience import PropertyPath
from fencepost_gateway.documents.models.awaited import AwaitedByName, Happening, Reaction, own_name
from fencepost_gateway.documents.models.base import (
    Authored,
    Duration,
    RuleTree,
    Shape,
    refuse,
)

Weekday = Literal["mo", "tu", "we", "th", "fr", "sa", "su"]
_RESERVED = frozenset({"timeout", "broken", "no_date"})
_FORMS = ("for_duration", "until", "until_date", "for_")


def _clock(text: object) -> object:
    if parse_clock_min(text) is None:
        refuse("no local time", 'write "07:30"')
    return text


def _zone(text: object) -> object:
    if text not in ("person", "workspace") and (not isinstance(text, str) or not zone_named(text)):
        refuse("no time zone", "write person, workspace, or a name such as Europe/Monaco")
    return text


Clock = Annotated[str, BeforeValidator(_clock), Shape('local time: "07:30"')]
LocalZone = Annotated[
    str, BeforeValidator(_zone), Shape("`person`, `workspace` or a zone: Europe/Monaco")
]


class UntilDate(Authored):
    """A date that is known of the person, or that the event told."""

    person: PropertyPath | None = Field(default=None, description="Attribute of the person.")
    event: PropertyPath | None = Field(
        default=None, description="Property of the event that the run began with."
    )
    plus: Duration | None = Field(default=None, description="So much later.")
    minus: Duration | None = Field(default=None, description="So much earlier.")
    at: Clock = Field(default="00:00", description="Time of day, where the date has none.")
    zone: LocalZone = Field(default="person", description="Whose time of day.")

    @model_validator(mode="after")
    def _is_one_date(self) -> Self:
        if (self.person is None) == (self.event is None):
            refuse("which date?", "write person: ATTRIBUTE or event: PROPERTY")
        if self.plus is not None and self.minus is not None:
            refuse("both plus and minus", "keep one of them")
        return self

    @property
    def path(self) -> tuple[str, ...]:
        """Where the date is found."""
        root, path = ("person", self.person) if self.person else ("event", self.event)
        return (root, *(path or "").split("."))

    @property
    def move_ms(self) -> int:
        """How far the date is moved."""
        return (parse_duration_ms(self.plus) or 0) - (parse_duration_ms(self.minus) or 0)


class Wait(Authored):
    """Exactly one of ``for_duration``, ``until``, ``until_date`` and ``for``."""

    for_duration: Duration | None = Field(default=None, description="So long, from the step on.")
    until: Clock | None = Field(default=None, description="The next such time of day.")
    zone: LocalZone = Field(default="person", description="With `until`: whose time of day.")
    days: list[Weekday] | None = Field(
        default=None, min_length=1, max_length=7, description="With `until`. Default: every day."
    )
    until_date: UntilDate | None = Field(default=None, description="A date of the person or event.")
    for_: AwaitedByName | None = Field(
        default=None, alias="for", description="Until this happens; each has its own way."
    )
    timeout: Duration | None = Field(
        default=None, description="With `for`: no longer than this, then the way `timeout`."
    )
    spread: Duration | None = Field(
        default=None, description="Go on at a moment drawn from the span after it."
    )
    while_: RuleTree | None = Field(
        default=None, alias="while", description="Once this is false: on by the way `broken`."
    )

    @model_validator(mode="after")
    def _is_one_wait(self) -> Self:
        given = [form for form in _FORMS if getattr(self, form) is not None]
        if len(given) != 1:
            names = " and ".join(name.rstrip("_") for name in given[:2])
            what = f"both {names}" if given else "no wait"
            refuse(what, "write one of: for_duration, until, until_date, for")
        if self.until is None and not {"zone", "days"}.isdisjoint(self.model_fields_set):
            refuse(
                "zone and days belong to until", "take them out; until_date has a zone of its own"
            )
        if self.timeout is not None and self.for_ is None:
            refuse("timeout belongs to for", "write for_duration: to wait so long")
        if _RESERVED & set(self.for_ or ()):
            refuse(f"{', '.join(sorted(_RESERVED))} are ways of every wait", "name it otherwise")
        return self

    @property
    def awaited(self) -> list[tuple[str, Happening | Reaction]]:
        """What is awaited, each by the name of its way; reactions without one name themselves."""
        return [(name or own_name(each), each) for name, each in (self.for_ or {}).items()]

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways on from this wait, besides the next step."""
        ways: list[str] = []
        for name, each in (self.for_ or {}).items():
            parts = each.parts if isinstance(each, Reaction) else ()
            ways += [name] if name else [what for what, _ in parts] or [own_name(each)]
        ways += ["timeout"] if self.timeout is not None else []
        ways += ["broken"] if self.while_ is not None else []
        return (*ways, "no_date") if self.until_date else tuple(ways)
