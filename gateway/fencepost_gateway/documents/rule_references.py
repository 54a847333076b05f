"""
Rule references: what a rule names that has to be there, and where it names it.

Pure. The rule compiled before; ``documents.check`` knows what is there. A reference that points
nowhere would make a rule that is never true, and nobody would see why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from fencepost_gateway.decide.place import Selector
from fencepost_gateway.documents.document import Path

# Form of a rule -> the kind of document its name is the id of.
NAMED: Mapping[str, str] = {"audience": "audience", "trait": "trait", "arm": "experiment"}
_SELECTING = (("inside", "inside"), ("visited", "visited"), ("transition", "fence"))


class Reference(Struct, frozen=True):
    """
    A name in a rule and its path.

    ``kind`` is that of the document it names; ``message`` stands for template, campaign or tag.
    """

    path: Path
    kind: str
    name: str


def selectors(tree: object, path: Path) -> Iterator[tuple[Path, Selector]]:
    """Find every selector of fences in a rule."""
    for leaf, below in leaves(tree, path):
        for form, member in _SELECTING:
            chosen = leaf.get(member) if form in leaf else None
            if isinstance(chosen, Mapping):
                names = (chosen.get(key, "") for key in ("id", "tag", "library"))
                yield (*below, member), Selector(*names)


def references(tree: object, path: Path) -> Iterator[Reference]:
    """Find everything else that a rule names."""
    for leaf, below in leaves(tree, path):
        for form, kind in NAMED.items():
            if form in leaf:
                yield Reference((*below, form), kind, str(leaf[form]))
        if "got" in leaf:
            yield Reference((*below, "got"), "message", str(leaf["got"]))


def consents(tree: object) -> set[str]:
    """Give the purposes whose consent a rule asks for."""
    return {str(leaf["consent"]) for leaf, _ in leaves(tree, ()) if "consent" in leaf}


def trees_behind(tree: object, audiences: Mapping[str, object]) -> Iterator[object]:
    """Give a rule and those of all audiences that it asks for, and they; each once."""
    ahead, seen = [tree], set[str]()
    while ahead:
        asked = ahead.pop()
        yield asked
        for each in references(asked, ()):
            if each.kind == "audience" and each.name in audiences and each.name not in seen:
                seen.add(each.name)
                ahead.append(audiences[each.name])


def circle_of(name: str, audiences: Mapping[str, object]) -> list[str]:
    """Give the way from an audience back to itself, empty where there is none."""
    ways = [[name]]
    seen = set[str]()
    while ways:
        way = ways.pop()
        for each in references(audiences[way[-1]], ()):
            if each.kind != "audience" or each.name not in audiences:
                continue
            if each.name == name:
                return [*way, name]
            if each.name not in seen:
                seen.add(each.name)
                ways.append([*way, each.name])
    return []


def leaves(tree: object, path: Path) -> Iterator[tuple[Mapping[str, object], Path]]:
    """Give the leaves of a rule and where they stand."""
    if isinstance(tree, list):
        for number, below in enumerate(tree):
            yield from leaves(below, (*path, number))
    if not isinstance(tree, Mapping):
        return
    branches = [branch for branch in ("all", "any", "not") if branch in tree]
    for branch in branches:
        yield from leaves(tree[branch], (*path, branch))
    if not branches:
        yield tree, path
