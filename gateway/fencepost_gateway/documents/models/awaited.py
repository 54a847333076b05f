"""Awaited: what a run may wait for, or be ended by: something that happens, or a reaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self, get_args

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from fencepost_gateway.decide.steps import Reacted
from fencepost_gateway.documents.models.base import Authored, Shape, refuse
from fencepost_gateway.documents.models.entry import Entry
from fencepost_gateway.documents.models.target import StepRef, WayName

REACTIONS: Final[tuple[Reacted, ...]] = get_args(Reacted)
AWAITED_MAX: Final = 20
PropertyName = Annotated[str, Field(min_length=1, max_length=128)]


class Happening(Entry):
    """What wakes a journey may be waited for too; members as of an entry."""

    forms: ClassVar = ("event", "transition", "audience", "external")

    same: list[PropertyName] = Field(
        default=[],
        max_length=8,
        description="Properties that must equal those of the event that the run began with.",
    )


class Reaction(Authored):
    """A reaction to a message of this run; of several, any."""

    delivered: StepRef | None = Field(
        default=None, description="The provider, or the device, has the message of this step."
    )
    failed: StepRef | None = Field(
        default=None, description="It was refused, or could not be delivered, for whatever reason."
    )
    bounced: StepRef | None = Field(
        default=None, description="The receiving side sent it back; it has failed, too."
    )
    displayed: StepRef | None = Field(default=None, description="It was shown.")
    opened: StepRef | None = Field(default=None, description="It was opened, or clicked.")
    clicked: StepRef | None = Field(default=None, description="A link or button was clicked.")
    dismissed: StepRef | None = Field(default=None, description="It was closed.")
    replied: StepRef | None = Field(default=None, description="The person wrote back.")

    @model_validator(mode="after")
    def _is_some(self) -> Self:
        if not self.parts:
            refuse("no reaction", f"write one of: {', '.join(REACTIONS)}, with a step")
        return self

    @property
    def parts(self) -> tuple[tuple[Reacted, str], ...]:
        """The reactions and the steps they are to."""
        named = ((what, getattr(self, what)) for what in REACTIONS)
        return tuple((what, step_id) for what, step_id in named if step_id is not None)


def _which(value: object) -> str:
    """Tell the forms apart: ``opened`` with a step is a reaction, with ``true`` an entry's."""
    members = value.items() if isinstance(value, Mapping) else ()
    is_reaction = any(
        name in REACTIONS and (name, said) != ("opened", True) for name, said in members
    )
    return "Reaction" if is_reaction or isinstance(value, Reaction) else "Happening"


Awaited = Annotated[
    Annotated[Happening, Tag("Happening")] | Annotated[Reaction, Tag("Reaction")],
    Discriminator(_which),
]


def named_or_one(value: object) -> object:
    """Take one where several may stand by name; the empty name is that of one alone."""
    if isinstance(value, Mapping) and not _is_one(value):
        return value
    return {"": value}


def _is_one(value: Mapping[Any, object]) -> bool:
    members = {*Entry.model_fields, *Entry.later, *REACTIONS, "same"}
    return not all(isinstance(v, Mapping) for v in value.values()) or members.issuperset(value)


def own_name(awaited: Happening | Reaction) -> str:
    """Give the name of what its author gave none: its form; empty: reactions name themselves."""
    if isinstance(awaited, Reaction):
        return ""
    return next(form for form in awaited.forms if getattr(awaited, form) is not None)


AwaitedByName = Annotated[
    dict[WayName | Any, Awaited],
    BeforeValidator(named_or_one),
    Field(min_length=1, max_length=AWAITED_MAX),
    Shape("what is awaited, or `{name: …}` of several, which are then ways"),
]
