"""
Fragments: pieces of text that templates of every channel share, through ``render``.

Pure: a fragment comes from the published documents that the rendering was given, never from a file.

Rule 1. ``{% render "footer" %}`` names a fragment in quotes; a name that is a value is refused, so
        that what a template can reach is known before anybody gets it.
Rule 2. A fragment sees the values of the message and what it is handed (``name: value``, ``with``,
        ``for``); what it assigns stays in it.
Rule 3. Everything it does is charged to the template that renders it (``budget``), and fragments
        within fragments end at Liquid's depth; cycles are refused by ``lint`` before.
Rule 4. In HTML its values are escaped as the template's own are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.tags.render_tag import RenderNode, RenderTag
from liquid.exceptions import LiquidSyntaxError, TemplateNotFoundError
from liquid.loader import BaseLoader

from fencepost_gateway.content.budget import BudgetedContext, BudgetedTemplate

if TYPE_CHECKING:
    from liquid.ast import Node
    from liquid.loader import TemplateSource
    from liquid.stream import TokenStream

FRAGMENT_COST: Final = 40  # a context of its own takes as long as forty look-ups
_ID: Final = re.compile(r"[a-z0-9-]{1,64}")
_RENDERED: Final = re.compile(r"""\{%-?\s{0,50}render\s{1,50}(?:"([a-z0-9-]+)"|'([a-z0-9-]+)')""")


def names_in(source: str) -> Iterator[str]:
    """Give the names of the fragments that a source renders, in order, as often as it does."""
    for found in _RENDERED.finditer(source):
        yield found[1] or found[2] or ""


class FragmentNode(RenderNode):
    """A fragment in its place, charged before it runs."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Render the fragment."""
        if isinstance(context, BudgetedContext) and isinstance(self.name, StringLiteral):
            fragment = context.env.get_template(self.name.value, context=context)
            times = 1
            if self.loop and self.var is not None:
                items = self.var.evaluate(context)
                times = len(items) if isinstance(items, (list, tuple, range)) else 1
            cost = fragment.cost() if isinstance(fragment, BudgetedTemplate) else 0
            context.charge(times * (FRAGMENT_COST + cost))
        return int(super().render_to_output(context, buffer))


class FragmentTag(RenderTag):
    """The ``render`` tag, for a name in quotes (Rule 1)."""

    node_class = FragmentNode

    def parse(self, stream: TokenStream) -> Node:
        """Parse the tag."""
        node = super().parse(stream)
        name = node.name if isinstance(node, RenderNode) else None
        if not isinstance(name, StringLiteral):
            raise LiquidSyntaxError(
                'a fragment is named in quotes: render "footer"', token=node.token
            )
        if not _ID.fullmatch(name.value):
            raise LiquidSyntaxError("no fragment has this id: a-z, 0-9, -", token=node.token)
        return node


class FragmentLoader(BaseLoader):
    """Gives the fragments of the rendering under way."""

    def get_source(self, env: Environment, template_name: str, **_: Any) -> TemplateSource:  # noqa: ARG002 - the library's signature
        """Have no sources: what there is, is parsed."""
        raise TemplateNotFoundError(template_name)

    def load(
        self,
        env: Environment,
        name: str,
        *,
        context: RenderContext | None = None,
        **_: Any,
    ) -> BoundTemplate:
        """Give a parsed fragment of the rendering."""
        ask = context.rendering.fragment if isinstance(context, BudgetedContext) else None
        found = ask(env, name) if ask else None
        if found is None:
            raise TemplateNotFoundError(name)
        return found
