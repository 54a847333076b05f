"""
Event shape: what an app event, or one from outside, may carry once it is defined.

Pure. ``documents.models.event`` is how it is authored; the door asks it of every event of the name.

Rule 1. A dotted name goes deeper: ``cart.value`` is ``value`` inside of ``cart``.
Rule 2. Types are JSON's own and never coerced: ``"3"`` is no number, 3 is one. ``moment`` is a text
        that rules can compare: ISO 8601.
Rule 3. What need not be there may also be null. A property that nobody named is let through, or
        refused where the definition is ``closed``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

PropertyType = Literal["text", "number", "integer", "boolean", "moment", "list", "object"]
_DATE: Final = r"\d{4}-\d\d-\d\d"
_CLOCK: Final = r"[T ]\d\d:\d\d(:\d\d([.]\d+)?)?"
MOMENT: Final = rf"\A{_DATE}({_CLOCK}(Z|[+-]\d\d:?\d\d)?)?\Z"

_TYPES: Final[Mapping[PropertyType, Any]] = {
    "text": str,
    "number": float,
    "integer": int,
    "boolean": bool,
    "moment": Annotated[str, Meta(pattern=MOMENT)],
    "list": list[Any],
    "object": dict[str, Any],
}


class Property(Struct, frozen=True):
    """
    What one property may be.

    ``least`` and ``most`` bound a number or integer; ``one_of`` says which texts there are.
    """

    type: PropertyType = "text"
    required: bool = False
    one_of: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


class EventShape:
    """A definition made ready to be asked. Two of the same properties are equal."""

    __slots__ = ("_made", "closed", "properties")

    def __init__(self, properties: Mapping[str, Property], *, closed: bool = False) -> None:
        self.properties = dict(properties)
        self.closed = closed
        self._made = _object(_tree(properties), closed=closed)

    def check(self, props: Mapping[str, Any]) -> None:
        """
        Take properties that fit.

        Raises:
            msgspec.ValidationError: They do not; its text names the first that does not.

        """
        msgspec.convert(props, self._made)

    def __eq__(self, other: object) -> bool:
        """Compare what was defined; made types cannot be compared."""
        return isinstance(other, EventShape) and (self.properties, self.closed) == (
            other.properties,
            other.closed,
        )

    __hash__ = None  # type: ignore[assignment] # properties are a dictionary

    def __repr__(self) -> str:
        """Show the properties."""
        return f"EventShape({self.properties!r}, closed={self.closed})"


class _Node(Struct):
    """A name on the way down: its own property, if it has one, and what is inside."""

    own: Property | None = None
    inside: dict[str, _Node] = {}

    @property
    def is_required(self) -> bool:
        """What must be there takes what is around it along, unless that says otherwise."""
        if self.own is not None:
            return self.own.required
        return any(node.is_required for node in self.inside.values())


def _tree(properties: Mapping[str, Property]) -> _Node:
    root = _Node()
    for path, each in properties.items():
        node = root
        for part in path.split("."):
            node = node.inside.setdefault(part, _Node())
        node.own = each
    return root


def _object(node: _Node, *, closed: bool) -> type[Struct]:
    fields: list[Any] = []
    names: dict[str, str] = {}
    for number, (name, below) in enumerate(node.inside.items()):
        field = f"f{number}"  # a property may have any name
        names[field] = name
        made = _object(below, closed=closed) if below.inside else _plain(below.own or Property())
        fields.append((field, made) if below.is_required else (field, made | None, None))
    return msgspec.defstruct(
        "Props", fields, rename=names, kw_only=True, forbid_unknown_fields=closed
    )


def _plain(each: Property) -> Any:
    if each.one_of:
        return Literal[each.one_of]
    made = _TYPES[each.type]
    if each.least is None and each.most is None:
        return made
    least, most = each.least, each.most
    if each.type == "integer":
        least = least if least is None else math.ceil(least)
        most = most if most is None else math.floor(most)
    return Annotated[made, Meta(ge=least, le=most)]
