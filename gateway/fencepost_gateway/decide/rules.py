"""
Rules: the small typed tree that authors write, compiled to closures that explain themselves.

Pure. ``compile_rule`` turns an authored tree (plain JSON values) into a ``Rule``; ``Rule.evaluate``
answers with every operand it looked at. The language is spec/documents.md section 2; what of it is
not here yet is refused as such, never ignored.

Rule 1. A tree is at most ``DEPTH_MAX`` deep and ``NODES_MAX`` nodes large. A ``where`` stands a
        level below its leaf and counts: one of equalities is one node, and one for each of them.
Rule 2. Evaluation is left to right and stops as soon as the answer is known; the operands are the
        leaves that were looked at, in that order.
Rule 3. A missing value makes a comparison false, except ``exists: false`` and ``is_not``.
Rule 4. Everything wrong with a tree is said at once, with path and remedy.
Rule 5. ``where`` is either equalities over properties (``{category: yoga}``) or a rule whose leaves
        are all ``event:``. A property called ``event`` is written as ``{event: event, is: …}``.
Rule 6. ``Rule.reads`` names every fact of the person that the answer depends on, and
        ``Rule.next_change_ms`` the moment until which it stays as it is if none of them changes.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import partial

from msgspec import structs

from fencepost_gateway.decide.reads import Reads, reads_of, reads_of_where
from fencepost_gateway.decide.rule_clock import compile_time
from fencepost_gateway.decide.rule_comparisons import COMPARISONS
from fencepost_gateway.decide.rule_facts import (
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
)
from fencepost_gateway.decide.rule_history import compile_age, compile_did
from fencepost_gateway.decide.rule_leaves import compile_inside, compile_transition
from fencepost_gateway.decide.rule_looked import compile_looked
from fencepost_gateway.decide.rule_messages import compile_got
from fencepost_gateway.decide.rule_standing import (
    compile_audience,
    compile_consent,
    compile_reachable,
)
from fencepost_gateway.decide.rule_values import compile_value
from fencepost_gateway.decide.rule_visits import compile_visited

__all__ = [
    "FORMS",
    "LATER_FORMS",
    "Evaluation",
    "Operand",
    "Reads",
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
    "trait": (*COMPARISONS, "fold"),
    "arm": (*COMPARISONS, "fold"),
    "value": (*COMPARISONS, "fold", "max_age"),
    "did": ("where", "within", "since", "count", "sum"),
    "last": ("older_than", "within", "where"),
    "first": ("older_than", "within", "where"),
    "inside": ("for",),
    "visited": ("within", "since", "count"),
    "transition": ("fence", "initial", "opened", "clean"),
    "audience": (),
    "got": ("outcome", "within", "since", "count"),
    "consent": ("channel", "older_than", "within"),
    "reachable": (),
    "time": ("zone",),
}
LATER_FORMS: Mapping[str, str] = {
    "source": "look it up in a step before, then write value: NAME.PATH",
}
_LEAVES: Mapping[str, Callable[[Mapping[str, Json], Path, Faults], Check | None]] = {
    "inside": compile_inside,
    "visited": compile_visited,
    "transition": compile_transition,
    "audience": compile_audience,
    "got": compile_got,
    "consent": compile_consent,
    "reachable": compile_reachable,
    "time": compile_time,
    "value": compile_looked,
}


class Rule:
    """A compiled rule. Two rules of the same tree are equal."""

    __slots__ = ("_check", "reads", "tree")

    def __init__(self, tree: Json, check: Check, reads: Reads) -> None:
        self.tree = tree
        self.reads = reads
        self._check = check

    def evaluate(self, facts: RuleFacts) -> Evaluation:
        """Say whether the rule holds, and what was looked at."""
        operands: list[Operand] = []
        ok = self._check(facts, operands)
        return Evaluation(ok, tuple(operands))

    def holds(self, facts: RuleFacts) -> bool:
        """Say whether the rule holds, without explaining it."""
        return self._check(facts, None)

    def next_change_ms(self, facts: RuleFacts) -> int | None:
        """Give the moment before which the answer stays, if nothing happens; None: it stays."""
        if not self.reads.time:
            return None
        wakes: list[int] = []
        self._check(structs.replace(facts, wakes=wakes), None)
        return min(wakes, default=None)

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
    return _finish(tree, lambda compiler: compiler.node(tree, (), 1), reads_of)


def compile_where(tree: Json) -> Rule:
    """
    Compile a ``where``: equalities over the event's properties, or a rule over ``event:``.

    Raises:
        RuleError: With everything that is wrong with it.

    """
    return _finish(tree, lambda compiler: compiler.where(tree, (), 1), reads_of_where)


def _finish(
    tree: Json,
    compiled: Callable[[_Compiler], Check | None],
    read: Callable[[Json], Reads],
) -> Rule:
    compiler = _Compiler()
    check = compiled(compiler)
    if compiler.faults.found or check is None:
        raise RuleError(tuple(compiler.faults.found))
    return Rule(tree, check, read(tree))


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
        if form == "did":
            check = compile_did(tree, path, local, where)
        elif form in {"last", "first"}:
            check = compile_age(tree, form, path, local, where)
        elif form in _LEAVES:
            check = _LEAVES[form](tree, path, local)
        else:
            check = compile_value(form, tree, path, local)
        self.faults.found += local.found
        return check


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
