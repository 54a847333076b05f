"""
Formats: numbers, money, dates and times as the reader of a language writes them.

Pure. The rules of languages are Unicode's (CLDR), through ``babel``; a filter prints in the locale
of the message's variant (``variants``), never in one of its own.

Rule 1. ``number`` and ``money: "EUR"`` take numbers, and texts that are plain decimal numbers.
Rule 2. ``local_date`` and ``local_time`` take what ``date`` takes, on the clock they were written
        on, in one of the forms of ``FORMS``.
Rule 3. A locale nobody knows is English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal
from liquid import RenderContext
from liquid.filter import with_context

from fencepost_gateway.content.budget import BudgetedContext
from fencepost_gateway.decide.spans import parse_moment

_Form = Literal["short", "medium", "long", "full"]
FORMS: Final[tuple[_Form, ...]] = ("short", "medium", "long", "full")
_NUMBER_MAX: Final = 40
_CODE_LENGTH: Final = 3


class UnprintableError(Exception):
    """A value that has no text form where it stands."""


@lru_cache(maxsize=256)
def locale_of(tag: str) -> Locale:
    """Read a language tag such as ``pt-BR`` (Rule 3)."""
    parts = tag.replace("_", "-").split("-")
    for end in range(len(parts), 0, -1):
        try:
            return Locale.parse("-".join(parts[:end]), sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale("en")


def moment_of(value: object, context: RenderContext) -> datetime:
    """
    Read a moment: ISO 8601, epoch seconds, or ``now``.

    Raises:
        UnprintableError: It is none.

    """
    if value == "now":
        value = context.scope.get("now")
    moment = parse_moment(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
        except (OverflowError, ValueError):
            moment = None
    if moment is None:
        raise UnprintableError
    return moment


@with_context
def _number(value: object, *, context: RenderContext) -> str:
    return str(format_decimal(_decimal(value), locale=_locale(context)))


@with_context
def _money(value: object, code: object = "", *, context: RenderContext) -> str:
    is_code = isinstance(code, str) and len(code) == _CODE_LENGTH and code.isascii()
    if not is_code or not str(code).isalpha() or not str(code).isupper():
        raise UnprintableError
    return str(format_currency(_decimal(value), str(code), locale=_locale(context)))


@with_context
def _local_date(value: object, form: object = "medium", *, context: RenderContext) -> str:
    return format_date(moment_of(value, context).date(), _form(form), locale=_locale(context))


@with_context
def _local_time(value: object, form: object = "short", *, context: RenderContext) -> str:
    wall = moment_of(value, context).replace(tzinfo=None)
    return format_time(wall.time(), _form(form), locale=_locale(context))


def _locale(context: RenderContext) -> Locale:
    return locale_of(context.rendering.locale if isinstance(context, BudgetedContext) else "en")


def _form(form: object) -> _Form:
    found = next((each for each in FORMS if each == form), None)
    if found is None:
        raise UnprintableError
    return found


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UnprintableError
    text = str(value)
    try:
        found = Decimal(text) if len(text) <= _NUMBER_MAX else Decimal("nan")
    except InvalidOperation:
        raise UnprintableError from None
    if not found.is_finite() or abs(found.adjusted()) > _NUMBER_MAX:
        raise UnprintableError
    return found


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "number": _number,
    "money": _money,
    "local_date": _local_date,
    "local_time": _local_time,
}
