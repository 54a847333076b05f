"""
Scenario: one invented person, where they go and what they do, as people write it down.

Pure. ``simulate`` plays it; ``script`` puts it in time.

Rule 1. A moment is ``+5m`` after the start, ``"10:30"`` the next time it is that late where the
        person is, or a moment by ISO 8601, which without an offset is theirs too.
Rule 2. Whoever says nothing of consent has granted everything, and the output says so: a simulation
        asks what would happen, not who allowed it.
Rule 3. A reaction waits for the message it is a reaction to, by the id of its step, its template or
        its campaign; it happens once.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from fencepost_gateway.decide.spans import parse_clock_min, parse_duration_ms, parse_moment
from fencepost_gateway.documents.models.base import (
    Authored,
    Duration,
    EventName,
    Id,
    Name,
    Shape,
    Zone,
    as_list,
    refuse,
)

REACTIONS: Final = ("displayed", "clicked", "dismissed")
LEGS_MAX: Final = 1_000
HAPPENINGS_MAX: Final = 1_000
SPEED_MPS: Final = 1.3


def _when(text: str) -> str:
    is_after = text.startswith("+") and parse_duration_ms(text[1:]) is not None
    if not is_after and parse_clock_min(text) is None and parse_moment(text) is None:
        refuse("no moment", 'write +5m (after the start), "10:30", or 2026-06-01T08:00')
    return text


def _start(text: str) -> str:
    if parse_moment(text) is None:
        refuse("no moment", "write 2026-06-01T08:00; without an offset it is where the person is")
    return text


def _position(pair: list[float]) -> list[float]:
    if not (-90 <= pair[0] <= 90 and -180 <= pair[1] <= 180):  # noqa: PLR2004 - degrees
        refuse("no position on earth", "write [lat, lon], such as [48.21104, 11.129619]")
    return pair


When = Annotated[str, AfterValidator(_when), Shape('moment: +5m, "10:30", 2026-06-01T08:00')]
Position = Annotated[
    list[float],
    Field(min_length=2, max_length=2),
    AfterValidator(_position),
    Shape("position: [lat, lon]"),
]


class AtFence(Authored):
    """The middle of a fence."""

    fence: Id = Field(description="Id of a fence of the documents.")


class Leg(Authored):
    """One piece of the way: exactly one of `at`, `to`, `stay`, `silent`."""

    at: Position | AtFence | None = Field(default=None, description="Is there, from nowhere.")
    to: Position | AtFence | None = Field(default=None, description="Walks there, straight.")
    stay: Duration | None = Field(default=None, description="Stays for so long.")
    silent: Duration | None = Field(default=None, description="Nothing is heard for so long.")
    speed_mps: float = Field(default=SPEED_MPS, gt=0, le=1_000, description="With `to`.")
    accuracy_m: float = Field(default=10, gt=0, le=100_000, description="Of its fixes.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        _one_of(self, "at", "to", "stay", "silent")
        return self


class Happening(Authored):
    """Something the person does; exactly one of `event`, `set`, `consent` and the reactions."""

    hints: ClassVar = {"name": "write it as event: NAME", "traits": "write them as set: {…}"}

    at: When | None = Field(default=None, description="When, unless it is a reaction.")
    event: EventName | None = Field(default=None, description="App event.")
    props: dict[str, Any] = Field(default={}, description="Properties of the event.")
    set: dict[str, Any] | None = Field(default=None, description="Attributes; null removes one.")
    consent: dict[str, str] | None = Field(default=None, description="Statement: purpose to value.")
    channel: str | None = Field(default=None, description="Channel that the statement is for.")
    displayed: str | None = Field(default=None, description="Step, template or campaign.")
    clicked: str | None = Field(default=None, description="Likewise.")
    dismissed: str | None = Field(default=None, description="Likewise.")
    after: Duration = Field(default="0s", description="How long after the message went.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kind = _one_of(self, "event", "set", "consent", *REACTIONS)
        if kind in REACTIONS and self.at is not None:
            refuse("a reaction has no time of its own", "write after: 5m, counted from the message")
        if kind not in REACTIONS and self.at is None:
            refuse("no time", 'add at: +5m (after the start) or at: "10:30"')
        return self

    @property
    def reaction(self) -> tuple[str, str] | None:
        """Which reaction it is, and to what; None: it is none."""
        named = ((what, getattr(self, what)) for what in REACTIONS)
        return next(((what, name) for what, name in named if name is not None), None)


class Persona(Authored):
    """Who it is."""

    user_id: str = Field(default="somebody", min_length=1, max_length=256, description="Theirs.")
    zone: Zone = Field(description="Where they are: nothing is assumed silently.")
    locale: str = Field(default="", max_length=64, description="Language, such as `ko`.")
    attributes: dict[str, Any] = Field(default={}, description="What is known of them.")
    consent: Literal["all"] | dict[str, str] = Field(
        default="all", description="`all` of it, or purpose to value."
    )
    addresses: dict[str, str] | None = Field(
        default=None, description="Channel to address; default: an invented one on every channel."
    )


class Scenario(Authored):
    """One invented person, where they go and what they do."""

    hints: ClassVar = {
        "path": "write path: [{at: [lat, lon]}, {to: {fence: …}}, {stay: 6m}], or leave it out",
        "steps": "those belong to a journey; here it is events:",
    }

    kind: Literal["scenario"]
    id: Id = Field(description="Names it.")
    name: Name = Field(default="", description="For people.")
    start: Annotated[str, AfterValidator(_start)] = Field(
        description="When it begins, where the person is."
    )
    person: Persona = Field(description="Who it is.")
    documents: Annotated[list[str], BeforeValidator(as_list)] = Field(
        default=[], description="Folders and GeoJSON files, beside this file."
    )
    track: str | None = Field(
        default=None, description="Recorded track beside this file; begins at the start."
    )
    path: list[Leg] = Field(default=[], max_length=LEGS_MAX, description="Drawn way.")
    events: list[Happening] = Field(
        default=[], max_length=HAPPENINGS_MAX, description="What they do besides."
    )
    until: Duration | None = Field(
        default=None,
        description="How long it lasts. Default: until nothing more is due, at most 400d.",
    )

    @model_validator(mode="after")
    def _goes_one_way(self) -> Self:
        if self.track is not None and self.path:
            refuse("a track and a path", "keep one of them")
        if self.path and self.path[0].at is None:
            refuse("the path begins nowhere", "let it begin with {at: [lat, lon]}")
        return self


def _one_of(model: Authored, *names: str) -> str:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        what = f"{given[0]} and {given[1]} at once" if given else "nothing said"
        refuse(what, f"write exactly one of {', '.join(names)}")
    return given[0]
