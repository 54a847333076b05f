"""
Values: the forms of a rule that compare one value: ``person event place trait arm``.

Pure. As ``rule_leaves``; the comparisons themselves are ``rule_comparisons``.

Rule 1. ``person``, ``event`` and ``place`` follow a dotted path. A person has, besides attributes,
        ``user_id``, ``locale`` and ``zone``; an attribute of that name goes first.
Rule 2. ``trait`` is worked out by whoever declares traits, and says when time alone may change it;
        ``arm`` is the arm of an experiment the person was drawn into. Not declared, not drawn:
        missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fencepost_gateway.decide.place import place_facts
from fencepost_gateway.decide.rule_comparisons import compile_comparison, leaf
from fencepost_gateway.decide.rule_facts import (
    MISSING,
    PERSON_MEMBERS,
    Check,
    Faults,
    Json,
    Path,
    RuleFacts,
    dotted,
)

if TYPE_CHECKING:
    from fencepost_gateway.decide.place import FenceView

_PLACE_MEMBERS = ("id", "name", "tags", "library", "meta")

Get = Callable[[RuleFacts], object]


def compile_value(form: str, tree: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{person: tier, is: plus}`` and the other forms that compare one value."""
    name = tree[form]
    if not isinstance(name, str) or not all(name.split(".")):
        how = f"write {form}: ID" if form in _IDS else f"write {form}: NAME, dots go deeper"
        faults.add((*path, form), "no name", how)
        return None
    keys = tuple(name.split("."))
    if form == "place" and keys[0] not in _PLACE_MEMBERS:
        how = f"write one of {', '.join(_PLACE_MEMBERS)}; own data is under meta.{name}"
        faults.add((*path, form), f"a place has no {keys[0]}", how)
        return None
    members = {key: value for key, value in tree.items() if key not in {form, "fold"}}
    comparison = compile_comparison(members, path, faults, fold=tree.get("fold", False))
    if comparison is None:
        return None
    if form in _IDS:
        return leaf(f"{form} {name}", _IDS[form](name), comparison)
    return leaf(f"{form}.{name}", _PATHS[form](keys), comparison)


def _of_person(keys: tuple[str, ...]) -> Get:
    """Read an attribute, else one of the members a person has besides."""
    name = keys[0] if len(keys) == 1 and keys[0] in PERSON_MEMBERS else ""

    def get(facts: RuleFacts) -> object:
        found = dotted(facts.person.attributes, keys)
        return (getattr(facts.person, name) or MISSING) if name and found is MISSING else found

    return get


def _of_event(keys: tuple[str, ...]) -> Get:
    return lambda facts: dotted(facts.event, keys)


def _of_place(keys: tuple[str, ...]) -> Get:
    def get(facts: RuleFacts) -> object:
        place: FenceView | None = facts.place
        return MISSING if place is None else dotted(place_facts(place), keys)

    return get


def _of_trait(trait_id: str) -> Get:
    def get(facts: RuleFacts) -> object:
        read = facts.traits.get(trait_id)
        if read is None:
            return MISSING
        value, next_ms = read(facts.person, facts.now_ms)
        if facts.wakes is not None:
            facts.may_change(next_ms)
        return value

    return get


def _of_arm(experiment_id: str) -> Get:
    return lambda facts: facts.person.arms.get(experiment_id, MISSING)


_PATHS: Mapping[str, Callable[[tuple[str, ...]], Get]] = {
    "person": _of_person,
    "event": _of_event,
    "place": _of_place,
}
_IDS: Mapping[str, Callable[[str], Get]] = {"trait": _of_trait, "arm": _of_arm}
