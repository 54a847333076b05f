"""
Base: what the models of all kinds share.

Strict, so that ``"3"`` is no number; unknown members are errors. A model names the members that
are part of the format but come with a later issue in ``later``, with what to use now: they are
refused as such, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from fencepost_gateway.decide.rules import RuleError, RuleFault, compile_rule, compile_where
from fencepost_gateway.decide.spans import (
    parse_duration_ms,
    parse_moment,
    parse_window_min,
    zone_named,
)

NAME_MAX = 200
TEXT_MAX = 65_536
LIST_MAX = 1_000


class Authored(BaseModel):
    """
    A mapping that people write.

    ``later`` maps members that come later to what helps now; ``hints`` those that are unknown here,
    or missing, to what to write.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    later: ClassVar[dict[str, str]] = {}
    hints: ClassVar[dict[str, str]] = {}


class Shape:
    """How a value is written, for the reference page."""

    def __init__(self, text: str) -> None:
        self.text = text


def refuse(what: str, how: str) -> NoReturn:
    """Refuse a value inside a validator, saying what is wrong and how to mend it."""
    raise PydanticCustomError("fencepost", "{what}; {how}", {"what": what, "how": how})


def refuse_all(faults: tuple[RuleFault, ...]) -> NoReturn:
    """Refuse a value inside a validator with several faults at places of their own."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(
                "fencepost", "{what}; {how}", {"what": fault.what, "how": fault.how}
            ),
            loc=fault.path,
            input=None,
        )
        for fault in faults
    ]
    raise ValidationError.from_exception_data("rule", details, hide_input=True)


def _duration(text: object) -> object:
    if parse_duration_ms(text) is None:
        refuse("no duration", "write 30s 10m 2h 7d; there are no months")
    return text


def _moment(text: object) -> object:
    if parse_moment(text) is None:
        refuse("no moment", "write 2026-06-01 or 2026-06-01T08:00:00+02:00")
    return text


def _zone(text: object) -> object:
    if not isinstance(text, str) or zone_named(text) is None:
        refuse("no time zone", "write a name such as Europe/Monaco or Asia/Seoul")
    return text


def _percent(value: object) -> object:
    if percent_fraction(value) is None:
        refuse("no percentage", "write 10% or a number from 0 to 100")
    return value


def percent_fraction(value: object) -> float | None:
    """Read ``10%`` or ``10`` as 0.1; None when it is no percentage."""
    if isinstance(value, str) and value.endswith("%"):
        number = value[:-1].strip()
        if not number.replace(".", "", 1).isdecimal() or not number.isascii():
            return None
        value = float(number)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    top = 100
    return value / top if 0 <= value <= top else None


def _window(text: object) -> object:
    if parse_window_min(text) is None:
        refuse("no span of local time", 'write "08:00-21:00"; the end is exclusive, at most 24:00')
    return text


def _rule(tree: object) -> object:
    try:
        compile_rule(tree)
    except RuleError as error:
        refuse_all(error.faults)
    return tree


def _where(tree: object) -> object:
    try:
        compile_where(tree)
    except RuleError as error:
        refuse_all(error.faults)
    return tree


def as_list(value: object) -> object:
    """Take one where several may stand."""
    return value if isinstance(value, list) else [value]


Id = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$"), Shape("id: a-z, 0-9 and -, at most 64")]
Name = Annotated[str, Field(max_length=NAME_MAX)]
Tag = Annotated[str, Field(min_length=1, max_length=64)]
EventName = Annotated[str, Field(min_length=1, max_length=128), Shape("name of an app event")]
Duration = Annotated[str, BeforeValidator(_duration), Shape("duration: 30s 10m 2h 7d")]
Moment = Annotated[str, BeforeValidator(_moment), Shape("date or moment, ISO 8601")]
Zone = Annotated[str, BeforeValidator(_zone), Shape("time zone: Europe/Monaco")]
Percent = Annotated[str | int | float, BeforeValidator(_percent), Shape("percentage: 10% or 10")]
Window = Annotated[str, BeforeValidator(_window), Shape('span of local time: "08:00-21:00"')]
RuleTree = Annotated[
    Any, AfterValidator(_rule), Shape("rule"), WithJsonSchema({"$ref": "#/$defs/Rule"})
]
WhereTree = Annotated[
    Any,
    AfterValidator(_where),
    Shape("equalities, or a rule over `event:`"),
    WithJsonSchema({"$ref": "#/$defs/RuleWhere"}),
]
