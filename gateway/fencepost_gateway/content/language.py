"""
Liquid: what of the language a template may use, and how its values print.

Pure. Two environments for each treatment of missing values, one of them escaping HTML.

Rule 1. Filters and tags are an allow-list: none reads a file, a clock or chance, and none marks a
        value as safe HTML. ``render`` reaches published fragments and nothing else (``fragments``).
Rule 2. A range has two numbers written out, at most ``RANGE_MAX`` apart.
Rule 3. ``date`` reads ISO 8601 and epoch seconds, never guesses, and prints with the directives of
        ``_DIRECTIVES``; ``now`` is a value of the scope. Names of months and days are English
        there; ``local_date`` and its like print by locale (``formats``).
"""

from __future__ import annotations

import re
from typing import Any, Final

from liquid import Environment, Mode, RenderContext
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.exceptions import LiquidError
from liquid.filter import with_context
from liquid.undefined import Undefined
from msgspec import Struct

from fencepost_gateway.content import delimiters, formats
from fencepost_gateway.content.budget import (
    OUTPUT_MAX_BYTES,
    SOURCE_MAX_BYTES,
    BudgetedFor,
    BudgetedTemplate,
    MissingValue,
    parts_of,
)
from fencepost_gateway.content.formats import UnprintableError
from fencepost_gateway.content.fragments import FragmentLoader, FragmentTag

RANGE_MAX: Final = 1_000
FILTERS: Final = frozenset({
    "abs", "append", "at_least", "at_most", "capitalize", "ceil", "compact", "concat", "date",
    "default", "divided_by", "downcase", "escape", "escape_once", "first", "floor", "join", "last",
    "local_date", "local_time", "lstrip", "map", "minus", "modulo", "money", "newline_to_br",
    "number", "plus", "prepend", "remove",
    "remove_first", "remove_last", "replace", "replace_first", "replace_last", "reverse", "round",
    "rstrip", "size", "slice", "sort", "sort_natural", "split", "squish", "strip",
    "strip_newlines", "sum", "times", "truncate", "truncatewords", "uniq", "upcase", "url_encode",
    "where",
})  # fmt: skip
TAGS: Final = frozenset({
    "#", "assign", "break", "capture", "case", "comment", "content", "continue", "cycle", "echo",
    "for", "if", "illegal", "output", "render", "unless",
})  # fmt: skip
_DIRECTIVES = re.compile(r"(?:[^%]|%-?[aAbBdeHIjmMpSuVwyYzZ%])*")
_FORMAT_MAX = 200


class ParseError(ValueError):
    """A template that cannot be used; ``line`` counts from 1 inside its source."""

    def __init__(self, what: str, line: int = 1) -> None:
        self.what = what
        self.line = line
        super().__init__(what)


class Data(dict[str, Any]):
    """A mapping of the scope: looked into, never printed."""

    __slots__ = ()

    def __str__(self) -> str:
        """Refuse to print."""
        raise UnprintableError

    __repr__ = __str__


class Environments(Struct, frozen=True):
    """The environments of one treatment of missing values."""

    plain: Environment
    html: Environment


def environments(undefined: type[Undefined]) -> Environments:
    """Make the two environments whose missing values are ``undefined``."""
    return Environments(
        _environment(undefined, escapes=False), _environment(undefined, escapes=True)
    )


WITHHOLDING: Final[type[Undefined]] = MissingValue
LENIENT: Final[type[Undefined]] = Undefined


def parse(environment: Environment, source: str, name: str = "") -> BudgetedTemplate:
    """
    Parse a source; ``name`` is the fragment's.

    Raises:
        ParseError: It is no Liquid, too large, or uses what is not allowed.

    """
    if len(source.encode(errors="surrogatepass")) > SOURCE_MAX_BYTES:
        raise ParseError(f"the source is larger than {SOURCE_MAX_BYTES >> 10} KiB")
    found = delimiters.fault(source)
    if found is not None:
        raise ParseError(found[1], source.count("\n", 0, found[0]) + 1)
    try:
        template = environment.from_string(source, name)
    except LiquidError as error:
        raise ParseError(_message(error), _line(error, source)) from error
    except RecursionError as error:
        raise ParseError("nested too deeply") from error
    if not isinstance(template, BudgetedTemplate):  # pragma: no cover - set by _environment
        raise TypeError("the environment makes templates without a budget")
    _refuse_wide_ranges(template)
    return template


def roots_of(template: BudgetedTemplate) -> frozenset[str]:
    """Give everything a template names that is not its own; fragments are not looked into."""
    if template.roots is None:
        template.roots = frozenset(template.analyze(include_partials=False).globals)
    return template.roots


def _environment(undefined: type[Undefined], *, escapes: bool) -> Environment:
    environment = Environment(
        undefined=undefined, autoescape=escapes, tolerance=Mode.STRICT, strict_filters=True
    )
    # Instance attributes shadow the class's own: no limit is shared with another user of Liquid.
    environment.template_class = BudgetedTemplate
    environment.output_stream_limit = OUTPUT_MAX_BYTES  # type: ignore[misc] # as above
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in TAGS}
    environment.add_tag(BudgetedFor)
    environment.add_tag(FragmentTag)
    environment.loader = FragmentLoader()
    kept = {name: run for name, run in environment.filters.items() if name in FILTERS}
    environment.filters = {**kept, "date": _date, **formats.FILTERS}
    return environment


def _message(error: LiquidError) -> str:
    text = str(error.args[0]) if error.args else "not Liquid"
    short = 160
    return text.splitlines()[0][:short] if text else "not Liquid"


def _line(error: LiquidError, source: str) -> int:
    index = error.token.start_index if error.token is not None else 0
    return source.count("\n", 0, max(index, 0)) + 1


def _refuse_wide_ranges(template: BudgetedTemplate) -> None:
    context = RenderContext(template)
    for part in (part for node in template.nodes for part in parts_of(node, context)):
        if not isinstance(part, RangeLiteral):
            continue
        ends = (part.start, part.stop)
        numbers = [end.value for end in ends if isinstance(end, IntegerLiteral)]
        if len(numbers) != len(ends) or numbers[1] - numbers[0] > RANGE_MAX:
            raise ParseError(f"a range needs two written numbers, at most {RANGE_MAX:,} apart")


@with_context
def _date(value: object, form: object = "%Y-%m-%d", *, context: RenderContext) -> str:
    """Print a moment (Rule 3)."""
    moment = formats.moment_of(value, context)
    is_form = isinstance(form, str) and len(form) <= _FORMAT_MAX
    if not is_form or not _DIRECTIVES.fullmatch(str(form)):
        raise UnprintableError
    return moment.strftime(str(form))
