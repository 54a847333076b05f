"""
Rules: the small typed tree that authors write, compiled to closures that explain themselves.

Pure. ``compile_rule`` turns an authored tree (plain JSON values) into a ``Rule``; ``Rule.evaluate``
answers with every operand it looked at. The language is spec/documents.md section 2; this is the
part a first campaign needs, and what is not here yet is refused as such, never ignored.

Rule 1. A tree is at most ``DEPTH_MAX`` deep and ``NODES_MAX`` nodes large. A ``where`` stands a
        level below its leaf and counts: one of equalities is one node, and one for each of them.
Rule 2. Evaluation is left to right and stops as soon as the answer is known; the operands are the
        leaves that were looked at, in that order.
Rule 3. A missing value makes a comparison false, except ``exists: false`` and ``is_not``.
Rule 4. Everything wrong with a tree is said at once, with path and remedy.
Rule 5. ``where`` is either equalities over properties (``{category: yoga}``) or a rule whose leaves
        are all ``event:``. A property called ``event`` is written as ``{event: event, is: …}``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import partial

from fencepost_gateway.decide.place import FenceView, place_facts
from fencepost_gateway.decide.rule_comparisons import COMPARISONS, compile_comparison, leaf
from fencepost_gateway.decide.rule_facts import (
    MISSING,
    PERSON_MEMBERS,
    Check,
    Evaluation,
    Faults,
    Json,
    Operand,
    Path,
    RuleError,
    RuleFacts,
    RuleFault,
    TransitionView,
    dotted,
)
from fencepost_gateway.decide.rule_history import compile_age, compile_did
from fencepost_gateway.decide.rule_leaves import (
    compile_inside,
    compile_time,
    compile_transition,
)

__all__ = [
    "FORMS",
    "LATER_FORMS",
    "Evaluation",
    "Operand",
    "Rule",
    "RuleError",
    "RuleFacts",
    "RuleFault",
    "TransitionView",
    "compile_rule",
    "compile_where",
]

DEPTH_MAX = 20
NODES_MAX = 200

_BRANCHES = ("all", "any", "not")
FORMS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "any": (),
    "not": (),
    "person": (*COMPARISONS, "fold"),
    "event": (*COMPARISONS, "fold"),
    "place": (*COMPARISONS, "fold"),
    "did": ("where", "within", "since", "count", "sum"),
    "last": ("older_than", "within", "where"),
    "first": ("older_than", "within", "where"),
    "inside": ("for",),
    "transition": ("fence", "initial", "opened", "clean"),
    "time": ("zone",),
}
LATER_FORMS: Mapping[str, str] = {
    "trait": "use person: with an attribute the app keeps, or did:",
    "visited": "use inside:, or did: with an event the app tracks",
    "audience": "write the audience's rule here",
    "got": "use reentry and caps",
    "consent": "leave it out: the claim checks consent anyway",
    "reachable": "leave it out: the claim checks it anyway",
    "arm": "use holdout",
    "source": "use event: with a property the app sends",
}
_PLACE_MEMBERS = ("id", "name", "tags", "library", "meta")


class Rule:
    """A compiled rule. Two rules of the same tree are equal."""

    __slots__ = ("_check", "tree")

    def __init__(self, tree: Json, check: Check) -> None:
        self.tree = tree
        self._check = check

    def evaluate(self, facts: RuleFacts) -> Evaluation:
        """Say whether the rule holds, and what was looked at."""
        operands: list[Operand] = []
        ok = self._check(facts, operands)
        return Evaluation(ok, tuple(operands))

    def holds(self, facts: RuleFacts) -> bool:
        """Say whether the rule holds, without explaining it."""
        return self._check(facts, None)

    def __eq__(self, other: object) -> bool:
        """Compare the authored trees; closures cannot be compared."""
        return isinstance(other, Rule) and self.tree == other.tree

    __hash__ = None  # type: ignore[assignment] # trees are dictionaries

    def __repr__(self) -> str:
        """Show the tree."""
        return f"Rule({self.tree!r})"


def compile_rule(tree: Json) -> Rule:
    """
    Compile an authored rule.

    Raises:
        RuleError: With everything that is wrong with it.

    """
    return _finish(tree, lambda compiler: compiler.node(tree, (), 1))


def compile_where(tree: Json) -> Rule:
    """
    Compile a ``where``: equalities over the event's properties, or a rule over ``event:``.

    Raises:
        RuleError: With everything that is wrong with it.

    """
    return _finish(tree, lambda compiler: compiler.where(tree, (), 1))


def _finish(tree: Json, compiled: Callable[[_Compiler], Check | None]) -> Rule:
    compiler = _Compiler()
    check = compiled(compiler)
    if compiler.faults.found or check is None:
        raise RuleError(tuple(compiler.faults.found))
    return Rule(tree, check)


class _Compiler:
    """One compilation: its faults, its count of nodes, and whether only ``event:`` may stand."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.nodes = 0
        self.only_event = False

    def node(self, tree: Json, path: Path, depth: int) -> Check | None:
        """Compile one node and what is below it."""
        self.nodes += 1
        if self.nodes > NODES_MAX or depth > DEPTH_MAX:
            if self.nodes == NODES_MAX + 1 or depth > DEPTH_MAX:
                what = (
                    f"deeper than {DEPTH_MAX}" if depth > DEPTH_MAX else f"over {NODES_MAX} nodes"
                )
                self.faults.add(path, f"the rule is {what}", "split it, or ask the app for a flag")
            return None
        if isinstance(tree, bool):
            return _constant(tree)
        form = self._form(tree, path)
        if form is None:
            return None
        if form in _BRANCHES:
            return self._branch(form, tree[form], (*path, form), depth)
        return self._leaf(form, tree, path, depth)

    def where(self, tree: Json, path: Path, depth: int) -> Check | None:
        """Compile a ``where`` (Rule 5); its nodes count, and it stands a level below its leaf."""
        if isinstance(tree, Mapping) and tree and not set(tree) & {"all", "any", "not", "event"}:
            tree = {"all": [{"event": name, "is": value} for name, value in tree.items()]}
            made = _Compiler()
            made.nodes = self.nodes  # the bound is one for the whole rule
            check = made.node(tree, (), depth)
            self.nodes = made.nodes
            for fault in made.faults.found:  # the author wrote no `all`: say the property instead
                name = tree["all"][fault.path[1]]["event"] if len(fault.path) > 1 else ""
                self.faults.add((*path, name), fault.what, fault.how)
            return check
        outer, self.only_event = self.only_event, True
        check = self.node(tree, path, depth)
        self.only_event = outer
        return check

    def _form(self, tree: Json, path: Path) -> str | None:
        """Say which form a node has, or what is wrong with it."""
        if not isinstance(tree, Mapping):
            self.faults.add(path, "no rule", "write a mapping such as {person: tier, is: plus}")
            return None
        forms = [key for key in tree if key in FORMS or key in LATER_FORMS]
        if len(forms) != 1:
            what = f"two forms in one node: {', '.join(forms)}" if forms else "no form of a rule"
            how = "write them under all: [...]" if forms else _suggest(tree)
            self.faults.add(path, what, how)
            return None
        form = forms[0]
        if form in LATER_FORMS:
            self.faults.add((*path, form), f"{form} comes later", LATER_FORMS[form])
            return None
        if self.only_event and form not in {*_BRANCHES, "event"}:
            what = f"{form} in a where"
            self.faults.add((*path, form), what, "a where looks at event: only; use when:")
            return None
        return form if self._has_known_members(form, tree, path) else None

    def _has_known_members(self, form: str, tree: Mapping[Json, Json], path: Path) -> bool:
        unknown = [key for key in tree if key != form and key not in FORMS[form]]
        for key in unknown:
            near = difflib.get_close_matches(str(key), FORMS[form], 1)
            how = f"did you mean {near[0]}?" if near else f"{form} takes: {_listed(form)}"
            self.faults.add((*path, key), f"unknown member {key}", how)
        return not unknown

    def _branch(self, form: str, below: Json, path: Path, depth: int) -> Check | None:
        if form == "not":
            check = self.node(below, path, depth + 1)
            return _negation(check) if check else None
        if not isinstance(below, list) or not below:
            self.faults.add(path, f"{form} needs a list", f"write {form}: [rule, rule]")
            return None
        checks = [self.node(tree, (*path, i), depth + 1) for i, tree in enumerate(below)]
        good = tuple(check for check in checks if check)
        if len(good) != len(checks):
            return None
        return _conjunction(good) if form == "all" else _disjunction(good)

    def _leaf(self, form: str, tree: Mapping[str, Json], path: Path, depth: int) -> Check | None:
        local = Faults()
        where = partial(self.where, depth=depth + 1)
        match form:
            case "did":
                check = compile_did(tree, path, local, where)
            case "last" | "first":
                check = compile_age(tree, form, path, local, where)
            case "inside":
                check = compile_inside(tree, path, local)
            case "transition":
                check = compile_transition(tree, path, local)
            case "time":
                check = compile_time(tree, path, local)
            case _:
                check = _value_leaf(form, tree, path, local)
        self.faults.found += local.found
        return check


def _value_leaf(form: str, tree: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    name = tree[form]
    if not isinstance(name, str) or not all(name.split(".")):
        faults.add((*path, form), "no name", f"write {form}: NAME, dots go deeper")
        return None
    keys = tuple(name.split("."))
    if form == "place" and keys[0] not in _PLACE_MEMBERS:
        how = f"write one of {', '.join(_PLACE_MEMBERS)}; own data is under meta.{name}"
        faults.add((*path, form), f"a place has no {keys[0]}", how)
        return None
    members = {key: value for key, value in tree.items() if key not in {form, "fold"}}
    comparison = compile_comparison(members, path, faults, fold=tree.get("fold", False))
    getter = {"person": _of_person, "event": _of_event, "place": _of_place}[form]
    return leaf(f"{form}.{name}", getter(keys), comparison) if comparison else None


def _of_person(keys: tuple[str, ...]) -> Callable[[RuleFacts], object]:
    """Read an attribute, else one of the members a person has besides."""
    name = keys[0] if len(keys) == 1 and keys[0] in PERSON_MEMBERS else ""

    def get(facts: RuleFacts) -> object:
        found = dotted(facts.person.attributes, keys)
        return (getattr(facts.person, name) or MISSING) if name and found is MISSING else found

    return get


def _of_event(keys: tuple[str, ...]) -> Callable[[RuleFacts], object]:
    return lambda facts: dotted(facts.event, keys)


def _of_place(keys: tuple[str, ...]) -> Callable[[RuleFacts], object]:
    def get(facts: RuleFacts) -> object:
        place: FenceView | None = facts.place
        return MISSING if place is None else dotted(place_facts(place), keys)

    return get


def _constant(answer: bool) -> Check:  # noqa: FBT001 - the authored node is a bare true or false
    text = "true" if answer else "false"

    def check(_facts: RuleFacts, out: list[Operand] | None) -> bool:
        if out is not None:
            out.append(Operand(text, answer, answer))
        return answer

    return check


def _negation(below: Check) -> Check:
    return lambda facts, out: not below(facts, out)


def _conjunction(below: tuple[Check, ...]) -> Check:
    return lambda facts, out: all(check(facts, out) for check in below)


def _disjunction(below: tuple[Check, ...]) -> Check:
    return lambda facts, out: any(check(facts, out) for check in below)


def _listed(form: str) -> str:
    return ", ".join(FORMS[form]) or "nothing else"


def _suggest(tree: Mapping[Json, Json]) -> str:
    for key in tree:
        near = difflib.get_close_matches(str(key), (*FORMS, *LATER_FORMS), 1)
        if near:
            return f"did you mean {near[0]}?"
    return "write one of: " + ", ".join(FORMS)
