"""Target: how the steps of a journey name one another."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from fencepost_gateway.decide.steps import END
from fencepost_gateway.documents.models.base import Shape, refuse

WAYS_MAX: Final = 50


def _own(name: str) -> str:
    if name == END:
        refuse("end is where every journey ends", "give the step another id")
    if name.isdecimal():
        refuse("an id of digits alone is what steps without one get", "begin it with a letter")
    return name


def _named(name: str) -> str:
    if name.isdecimal():
        refuse(f"step {name} has no id, and numbers move", "give that step an id, and name it")
    return name


_Text = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
StepId = Annotated[_Text, AfterValidator(_own), Shape("id: a-z, 0-9 and -, at most 64")]
StepRef = Annotated[_Text, AfterValidator(_named), Shape("id of a step")]
Target = Annotated[_Text, AfterValidator(_named), Shape("id of a step, or `end`")]
WayName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ValueName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"), Shape("name: letters, digits and _")
]
