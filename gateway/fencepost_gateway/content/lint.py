"""
Lint: what can be known wrong of a template before anybody gets it.

Pure. Used by ``documents.check`` as its ``lint``: syntax, filters, and variables whose root is
none of the scope's. A template that ``confirms`` has its link on every channel, any other on none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from liquid import Environment

from fencepost_gateway.content import language
from fencepost_gateway.content.budget import BudgetedTemplate
from fencepost_gateway.content.scope import CONFIRM, ROOTS
from fencepost_gateway.decide.place import FenceView, place_facts
from fencepost_gateway.documents.document import Path
from fencepost_gateway.documents.kinds import Finding

_LINK = re.compile(r"\{\{-?\s*confirm\.link\b")
_CHANNELS = ("in_app", "web_push", "sms", "email")
_PLACE_MEMBERS = tuple(place_facts(FenceView("")))


def lint_template(body: Mapping[str, object]) -> Iterator[Finding]:
    """Find what is wrong with the Liquid of a template's body."""
    environment = language.environments(language.WITHHOLDING).plain
    roots = (*ROOTS, CONFIRM) if body.get("confirms") else ROOTS
    linked = set()
    for path, source in _sources(body):
        yield from _lint(environment, path, source, roots)
        if _LINK.search(source):
            linked.add(path[0])
    for channel in _CHANNELS if body.get("confirms") else ():
        if body.get(channel) is not None and channel not in linked:
            how = "write {{ confirm.link }} where the receiver finds it"
            yield Finding((channel,), "it confirms, and has no link to confirm by", how)


def _sources(body: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    for channel in _CHANNELS:
        content = body.get(channel)
        if not isinstance(content, Mapping):
            continue
        for member, source in content.items():
            if isinstance(source, str):
                yield (channel, member), source
        buttons = content.get("buttons")
        for number, button in enumerate(buttons if isinstance(buttons, list) else ()):
            for member, source in button.items():
                yield (channel, "buttons", number, member), source


def _lint(
    environment: Environment, path: Path, source: str, roots: tuple[str, ...]
) -> Iterator[Finding]:
    try:
        template = language.parse(environment, source)
    except language.ParseError as error:
        how = f"mend the Liquid, line {error.line} of this text"
        yield Finding(path, error.what, how)
        return
    yield from _lint_names(environment, template, path, roots)


def _lint_names(
    environment: Environment, template: BudgetedTemplate, path: Path, roots: tuple[str, ...]
) -> Iterator[Finding]:
    analysis = template.analyze(include_partials=False)
    for root, uses in analysis.globals.items():
        if root == CONFIRM and CONFIRM not in roots:
            how = "write confirms: marketing, which this link answers, or take it out"
            yield Finding(path, "confirm in a template that confirms nothing", how)
        elif root not in roots:
            near = difflib.get_close_matches(root, roots, 1)
            how = f"did you mean {near[0]}?" if near else f"begin with one of: {', '.join(roots)}"
            yield Finding(path, f"unknown variable {root[:64]}", how)
        for use in uses if root == "place" else ():
            member = use.segments[1] if len(use.segments) > 1 else None
            if isinstance(member, str) and member not in _PLACE_MEMBERS:
                how = f"own data is under place.meta.{member[:64]}"
                yield Finding(path, f"a place has no {member[:64]}", how)
    for name in analysis.filters:
        if name not in environment.filters:
            near = difflib.get_close_matches(name, language.FILTERS, 1)
            how = f"did you mean {near[0]}?" if near else "take it out"
            yield Finding(path, f"unknown filter {name[:64]}", how)
