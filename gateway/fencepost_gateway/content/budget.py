"""
Budget: how much work one rendering may do.

Pure. python-liquid limits depth, nested loops and output; this adds what it cannot see: work that
adds up over loops that follow each other, and filters whose result is larger than what went in.

Rule 1. Everything costs operations: a look-up 1; a turn of a loop 4 and 1 more for each node and
        expression of its body; a filter and an assignment 1 and 1 more for each ``TEXT_STEP``
        characters or item they touch.
Rule 2. Filters are charged before they run, those that multiply (``replace``, ``join``, ``uniq``)
        by what they would make: nothing large is built to be thrown away.
Rule 3. A value is at most ``VALUE_MAX`` characters, items or 2**63: what doubles ends soon.
Rule 4. A missing value may meet ``default`` and nothing else (when the template withholds).
Rule 5. A fragment draws on the budget of the template that renders it, and costs its parts each
        time: what doubles from fragment to fragment ends as soon as what doubles in one template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from liquid import BoundTemplate, RenderContext, Token
from liquid.ast import Node
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.exceptions import UndefinedError
from liquid.expression import Expression
from liquid.undefined import FalsyStrictUndefined, is_undefined
from liquid.utils import ReadOnlyChainMap

if TYPE_CHECKING:
    from contextlib import _GeneratorContextManager

    from liquid import Environment
    from liquid.builtin.tags.for_tag import ForLoop
    from liquid.builtin.tags.tablerow_tag import TableRow

OPERATIONS_MAX: Final = 100_000
SOURCE_MAX_BYTES: Final = 64 << 10
OUTPUT_MAX_BYTES: Final = 64 << 10
VALUE_MAX: Final = 64 << 10
TEXT_STEP: Final = 32
TURN_COST: Final = 4  # an empty turn takes as long as four look-ups
_INT_MAX: Final = 2**63


class BudgetExceededError(Exception):
    """A rendering would do more work than it may."""


class MissingValue(FalsyStrictUndefined):
    """A value that is not there: false in conditions, met by ``default``, an error elsewhere."""

    __slots__ = ()


def missing_name(error: UndefinedError) -> str:
    """Give the path of the value that was missing."""
    return str(error.args[0]).removesuffix(" is undefined").strip("'") if error.args else ""


class Rendering:
    """What a template and the fragments it renders share: what was spent, and where they are."""

    __slots__ = ("fragment", "locale", "spent")

    def __init__(self, fragment: FragmentSource | None = None, locale: str = "") -> None:
        self.spent = 0
        self.fragment = fragment
        self.locale = locale


class BudgetedContext(RenderContext):
    """A render context that counts, and knows no clock: ``now`` comes with the scope."""

    __slots__ = ("cost_of_turn", "rendering")

    def __init__(self, template: BoundTemplate, **kwargs: Any) -> None:
        super().__init__(template, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.rendering = Rendering()
        self.cost_of_turn = TURN_COST

    def copy(self, *args: Any, **kwargs: Any) -> RenderContext:
        """Give the context of a fragment, which counts on where this one is (Rule 5)."""
        made = super().copy(*args, **kwargs)
        if isinstance(made, BudgetedContext):
            made.rendering = self.rendering
        return made

    def charge(self, operations: int) -> None:
        """Count operations; end the rendering when they are used up."""
        self.rendering.spent += operations
        if self.rendering.spent > OPERATIONS_MAX:
            raise BudgetExceededError

    def get(self, path: list[object], **kwargs: Any) -> object:
        """Look a value up."""
        self.charge(1)
        return super().get(path, **kwargs)

    def assign(self, key: str, val: Any) -> None:
        """Keep a value under a name of the template."""
        self.charge(1 + _size(val))
        super().assign(key, val)

    def loop(
        self, namespace: Mapping[str, object], forloop: ForLoop | TableRow
    ) -> _GeneratorContextManager[RenderContext, None, None]:
        """Begin a loop, charged for all of its turns at once."""
        self.charge(forloop.length * self.cost_of_turn)
        return super().loop(namespace, forloop)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """Give a filter that is charged for what it touches."""
        run = super().filter(name, token)

        def charged(left: object, *args: object, **kwargs: object) -> object:
            if name != "default":
                _refuse_missing((left, *args, *kwargs.values()))
            self.charge(1 + _work(name, left, args))
            made = run(left, *args, **kwargs)
            _refuse_large(made)
            return made

        return charged


class BudgetedTemplate(BoundTemplate):
    """A parsed template that renders within the budget."""

    context_class = BudgetedContext
    roots: frozenset[str] | None = None  # what it names, found out once (``language.roots_of``)
    _cost: int | None = None

    def write(
        self,
        scope: Mapping[str, Any],
        fragment: FragmentSource | None = None,
        locale: str = "",
    ) -> str:
        """Render it; ``fragment`` gives what ``render`` asks for, ``locale`` how numbers print."""
        context = BudgetedContext(self, globals=self.make_globals(dict(scope)))
        context.rendering = Rendering(fragment, locale)
        buffer = self._get_buffer()
        self.render_with_context(context, buffer)
        return buffer.getvalue()

    def cost(self) -> int:
        """Say what rendering it once as a fragment costs before anything in it is charged."""
        if self._cost is None:
            context = RenderContext(self)
            parts = sum(1 for node in self.nodes for _ in parts_of(node, context))
            self._cost = TURN_COST + parts
        return self._cost


FragmentSource = Callable[["Environment", str], BudgetedTemplate | None]


class BudgetedForNode(ForNode):
    """A loop that says what one of its turns costs before it begins."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Render the loop."""
        if isinstance(context, BudgetedContext):
            context.cost_of_turn = self._cost_of_turn(context)
        return super().render_to_output(context, buffer)

    def _cost_of_turn(self, context: RenderContext) -> int:
        kept: int | None = getattr(self, "_cost", None)
        if kept is None:
            kept = self._cost = TURN_COST + sum(1 for _ in parts_of(self.block, context))
        return kept


class BudgetedFor(ForTag):
    """The ``for`` tag within the budget."""

    node_class = BudgetedForNode


def parts_of(node: Node, context: RenderContext) -> Iterator[Node | Expression]:
    """Give a node, its expressions, and everything below."""
    yield node
    for expression in node.expressions():
        yield from _expressions(expression)
    for below in node.children(context, include_partials=False):
        yield from parts_of(below, context)


def _expressions(expression: Expression) -> Iterator[Expression]:
    yield expression
    for below in expression.children():
        yield from _expressions(below)


def _refuse_missing(values: Sequence[object]) -> None:
    for value in values:
        if isinstance(value, MissingValue):
            raise UndefinedError(value.msg, token=value.token)


def _refuse_large(value: object) -> None:
    if isinstance(value, (str, list, tuple, range)):
        if len(value) > VALUE_MAX:
            raise BudgetExceededError
    elif isinstance(value, int) and abs(value) > _INT_MAX:
        raise BudgetExceededError


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value) // TEXT_STEP
    return len(value) if isinstance(value, (list, tuple, range)) else 0


def _work(name: str, left: object, args: Sequence[object]) -> int:
    """Say what a filter will touch, and make (Rule 2)."""
    base = _size(left) + sum(_size(arg) for arg in args)
    first = args[0] if args else ""
    if name == "uniq" and isinstance(left, (list, tuple, range)):
        return base + len(left) ** 2
    if name == "join" and isinstance(left, (list, tuple, range)):
        return base + len(left) * len(str(first)) // TEXT_STEP + _text_chars(left) // TEXT_STEP
    if name == "replace" and not is_undefined(left):
        found = str(left).count(str(first))
        return base + found * len(str(args[1] if len(args) > 1 else "")) // TEXT_STEP
    return base


def _text_chars(items: Sequence[object]) -> int:
    return sum(len(item) for item in items if isinstance(item, str))
