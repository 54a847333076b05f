"""
Reads: which facts about a person a rule depends on, worked out from the authored tree.

Pure. Whoever evaluates a rule again only where its answer may have changed asks this, so it has to
be complete: changing a fact that is not named here never changes the answer.

Rule 1. Facts are named as narrowly as they can be found by: event, attribute (top level), trait,
        audience, arm, message; the others as a flag.
Rule 2. Of the person alone. Published documents and the workspace are the same for everybody; after
        a publication everything is asked again.
Rule 3. ``time`` says that the answer may change when nothing happens at all; when, says
        ``Rule.next_change_ms``.
Rule 4. ``woke`` says that it asks for the stimulus itself, or for what a run has looked up, and so
        answers only while there is one. A place is that of the stimulus, else where the person
        is: ``places``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from fencepost_gateway.decide.rule_facts import Json

_BRANCHES = ("all", "any", "not")
_COUNTRY = frozenset({"country", "zone", "locale"})  # whose policies hold
_RELATIVE = "within"  # the one comparison with now


class Reads(Struct, frozen=True):
    """
    What a rule depends on.

    Attributes:
        events: Names of app events whose history it asks for.
        attributes: Of the person, by the first name of a path; ``user_id``, ``locale`` and ``zone``
            are among them.
        traits: Ids of declared traits.
        audiences: Ids of audiences.
        arms: Ids of experiments.
        messages: Templates, campaigns and tags of messages that were got.
        places: Where the person is or was.
        consents: The person's statements.
        reach: The addresses that reach the person.
        woke: The stimulus itself, or what a run has looked up.
        time: The answer may change by time alone.

    """

    events: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    arms: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()
    places: bool = False
    consents: bool = False
    reach: bool = False
    woke: bool = False
    time: bool = False

    def __or__(self, other: Reads) -> Reads:
        """Give what either depends on."""
        names = self.__struct_fields__
        return Reads(**{name: getattr(self, name) | getattr(other, name) for name in names})


def reads_of(tree: Json) -> Reads:
    """Say what a rule that compiles depends on."""
    if not isinstance(tree, Mapping):
        return Reads()
    for branch in _BRANCHES:
        if branch in tree:
            below = tree[branch]
            return _union(below if isinstance(below, list) else [below])
    return _of_leaf(tree)


def reads_of_where(tree: Json) -> Reads:
    """Say what a ``where`` about the stimulus depends on."""
    return Reads(woke=True, time=_is_where_relative(tree))


def _union(trees: list[Json]) -> Reads:
    found = Reads()
    for tree in trees:
        found |= reads_of(tree)
    return found


def _of_leaf(leaf: Mapping[str, Json]) -> Reads:  # noqa: C901, PLR0912 - a list of cases
    is_relative = _RELATIVE in leaf
    match leaf:
        case {"person": name}:
            return Reads(attributes=_first(name), time=is_relative)
        case {"event": _}:
            return Reads(woke=True, time=is_relative)
        case {"value": _}:
            return Reads(woke=True, time=is_relative or "max_age" in leaf)
        case {"place": _}:
            return Reads(places=True, time=is_relative)
        case {"did": name} | {"last": name} | {"first": name}:
            is_timed = is_relative or "did" not in leaf or _is_where_relative(leaf.get("where"))
            return Reads(events=frozenset({name}), time=is_timed)
        case {"inside": _}:
            return Reads(places=True, time="for" in leaf)
        case {"visited": _}:
            return Reads(places=True, time=is_relative)
        case {"transition": _}:
            return Reads(woke=True)
        case {"time": _}:
            zone = leaf.get("zone", "person")
            named = frozenset({"zone"}) if zone == "person" else frozenset()
            return Reads(attributes=named, places=zone == "place", time=True)
        case {"trait": name}:
            return Reads(traits=frozenset({name}), time=True)
        case {"audience": name}:
            return Reads(audiences=frozenset({name}))
        case {"arm": name}:
            return Reads(arms=frozenset({name}), time=is_relative)
        case {"got": name}:
            return Reads(messages=frozenset({name}), time=is_relative)
        case {"consent": _}:
            is_aged = is_relative or "older_than" in leaf
            by_channel = "channel" in leaf
            return Reads(consents=True, reach=by_channel, attributes=_COUNTRY, time=is_aged)
        case {"reachable": _}:
            return Reads(reach=True)
    raise ValueError("a form of a rule that nobody said what it reads")


def _first(name: str) -> frozenset[str]:
    return frozenset({name.partition(".")[0]})


def _is_where_relative(tree: Json) -> bool:
    """Say whether a ``where`` compares with now; equalities do not."""
    if isinstance(tree, list):
        return any(_is_where_relative(below) for below in tree)
    if not isinstance(tree, Mapping):
        return False
    if "event" in tree:
        return _RELATIVE in tree
    return any(_is_where_relative(tree[branch]) for branch in _BRANCHES if branch in tree)
