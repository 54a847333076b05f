"""
Check events: whether what is asked of an event that is defined is in its definition.

Pure. As ``check``, of which it is a part. Events that nobody defined are asked nothing.

Rule 1. A property that the definition does not name is an error where it is asked for, so that
        taking one out is refused with every document that uses it.
Rule 2. So is a comparison with a value of another type, or with a text that ``one_of`` lacks.
Rule 3. A rule about what woke a run is about the events it is entered by, and from the first wait
        on about what is awaited as well; it is checked where all of these are defined, and one of
        them has to have the property.
Rule 4. A name close to that of a definition is doubtful: ``purchas`` beside ``purchase``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from fencepost_gateway.documents.document import Document, Path
from fencepost_gateway.documents.kinds import Finding
from fencepost_gateway.documents.models.audience import Trait
from fencepost_gateway.documents.models.awaited import Happening
from fencepost_gateway.documents.models.campaign import Campaign, Goal
from fencepost_gateway.documents.models.entry import Entry
from fencepost_gateway.documents.models.event import Event, PropertyOf
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.step import Copied
from fencepost_gateway.documents.rule_references import leaves
from fencepost_gateway.documents.world import World, nearest

CLOSE: Final = 0.85
_HISTORY: Final = ("did", "last", "first")
_LITERALS: Final = ("is", "is_not", "in", "not_in", "gt", "gte", "lt", "lte", "between")
_CHOICES: Final = ("is", "is_not", "in", "not_in")
_FITTING: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "moment": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
}


class Use(Struct, frozen=True):
    """
    A property that is asked for, of one of these events, and what it is compared with.

    Without ``name`` it is the event itself that is named.
    """

    path: Path
    events: tuple[str, ...]
    name: str
    leaf: Mapping[str, Any] = {}


def check_events(document: Document, world: World) -> Iterator[Finding]:
    """Find what a document asks of defined events and they do not have."""
    if not world.events:
        return
    uses = list(_uses(document, world))
    for use in uses:
        yield from _check_use(use, world)
    named = ((use.path, name) for use in uses if not use.name for name in use.events)
    for path, name in dict.fromkeys(named):
        near = difflib.get_close_matches(name, world.events, 1, CLOSE)
        if name not in world.events and near:
            how = f"write {near[0]}, or define this one too"
            yield Finding(path, f"event {name} is not defined, {near[0]} is", how, is_warning=True)


def _check_use(use: Use, world: World) -> Iterator[Finding]:
    shapes = [world.events[name] for name in use.events if name in world.events]
    if not use.name or len(shapes) < len(use.events):
        return
    found = [each for shape in shapes for each in _property(shape, use.name)]
    if not found:
        known = {name for shape in shapes for name in shape.properties}
        said = " or ".join(use.events)
        how = nearest(use.name, known, f"property into event {use.events[0]}")
        yield Finding(use.path, f"event {said} has no property {use.name}", how)
        return
    faults = [_mismatch(each, use.leaf) for each in found]
    fault = faults[0]
    if fault is not None and None not in faults:
        what, how = fault
        yield Finding(use.path, f"{use.name} of event {use.events[0]} {what}", how)


def _property(shape: Event, name: str) -> Iterator[PropertyOf]:
    """Give what a property is; what lies inside of an object or list may be anything."""
    if name in shape.properties:
        yield shape.properties[name]
        return
    above = name
    while "." in above:
        above = above.rpartition(".")[0]
        if above in shape.properties:
            yield PropertyOf(type="object")
            return
    if any(each.startswith(f"{name}.") for each in shape.properties):
        yield PropertyOf(type="object")


def _mismatch(each: PropertyOf, leaf: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say why a comparison can never hold, and how to mend it."""
    fitting = _FITTING.get(each.type)
    for word in _LITERALS:
        if word not in leaf or fitting is None:
            continue
        given = leaf[word] if isinstance(leaf[word], list) else [leaf[word]]
        for value in given:
            if not isinstance(value, fitting) or (isinstance(value, bool) and bool not in fitting):
                shown = "a text" if isinstance(value, str) else str(value).lower()
                return f"is {each.type}, and {word} compares it with {shown}", _write(each)
            if each.one_of and word in _CHOICES and value not in each.one_of:
                return f"is never {str(value)[:40]!r}", _write(each, str(value))
    return None


def _write(each: PropertyOf, given: str = "") -> str:
    if each.one_of:
        near = difflib.get_close_matches(given, each.one_of, 1)
        return f"did you mean {near[0]}?" if near else f"write one of: {', '.join(each.one_of[:9])}"
    article = "an" if each.type == "integer" else "a"
    return f"write {article} {each.type}, or change the definition of the event"


# ---- who asks -----------------------------------------------------------------------------------


def _uses(document: Document, world: World) -> Iterator[Use]:
    if document.kind == "campaign":
        yield from _of_campaign(Campaign.model_validate(document.body), document.body)
    elif document.kind == "journey":
        yield from _of_journey(world.journeys[document.id], document.body)
    elif document.kind == "audience":
        yield from _of_rule(document.body["when"], ("when",), ())
    elif document.kind == "trait":
        yield from _of_trait(Trait.model_validate(document.body))


def _of_campaign(campaign: Campaign, body: Mapping[str, Any]) -> Iterator[Use]:
    woke = _names(campaign.entry)
    yield from _of_entries(campaign.entry, body["entry"])
    yield from _of_rule(campaign.when, ("when",), woke)
    yield from _of_rule(campaign.message.while_, ("message", "while"), woke)
    yield from _of_goal(campaign)


def _of_journey(journey: Journey, body: Mapping[str, Any]) -> Iterator[Use]:
    began = _names(journey.entry)
    yield from _of_entries(journey.entry, body["entry"])
    yield from _of_rule(journey.when, ("when",), began)
    yield from _of_goal(journey)
    if journey.instance:
        yield Use(("instance",), began, journey.instance)
    happenings = [
        (("steps", n, "wait", "for", *([name] if name else [])), each)
        for n, step in enumerate(journey.steps)
        for name, each in ((step.wait.for_ or {}).items() if step.wait else ())
    ]
    happenings += [(("exit_on", n), each) for n, each in enumerate(journey.exit_on)]
    awaited = [(path, each) for path, each in happenings if isinstance(each, Happening)]
    for path, each in awaited:
        yield from _of_entry(each, path)
        for name in each.same:
            yield Use((*path, "same"), began, name)
            yield Use((*path, "same"), _names([each]), name)
    woke = tuple(dict.fromkeys([*began, *_names(each for _, each in awaited)]))
    for number in range(len(journey.steps)):
        yield from _of_step(journey, number, began, woke)


def _of_step(
    journey: Journey, number: int, began: tuple[str, ...], woke: tuple[str, ...]
) -> Iterator[Use]:
    step, path = journey.steps[number], ("steps", number)
    if step.message is not None:
        yield from _of_rule(step.message.while_, (*path, "message", "while"), woke)
    for n, case in enumerate(step.branch or ()):
        yield from _of_rule(case.when, (*path, "branch", n, "when"), woke)
    if step.wait is not None:
        yield from _of_rule(step.wait.while_, (*path, "wait", "while"), woke)
        if step.wait.until_date is not None and step.wait.until_date.event is not None:
            spot = (*path, "wait", "until_date", "event")
            yield Use(spot, began, step.wait.until_date.event)
    for name, value in step.update.set.items() if step.update else ():
        if isinstance(value, Copied) and value.event is not None:
            yield Use((*path, "update", "set", name, "event"), woke, value.event)


def _of_goal(part: Campaign | Journey) -> Iterator[Use]:
    if isinstance(part.goal, Goal):
        yield Use(("goal", "event"), (part.goal.event,), "")


def _of_trait(trait: Trait) -> Iterator[Use]:
    _, event = trait.made_of
    yield Use((), (event,), "")
    if trait.of is not None:
        yield Use(("of",), (event,), trait.of)
    yield from _of_where(trait.where, ("where",), (event,))


def _names(entries: Iterable[Entry]) -> tuple[str, ...]:
    found = (entry.event or entry.external for entry in entries)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _of_entries(entries: Iterable[Entry], authored: object) -> Iterator[Use]:
    for number, entry in enumerate(entries):
        spot: Path = ("entry", number) if isinstance(authored, list) else ("entry",)
        yield from _of_entry(entry, spot)


def _of_entry(entry: Entry, path: Path) -> Iterator[Use]:
    for name in _names([entry]):
        yield Use(path, (name,), "")
        yield from _of_where(entry.where, (*path, "where"), (name,))


def _of_rule(tree: object, path: Path, woke: tuple[str, ...]) -> Iterator[Use]:
    for leaf, below in leaves(tree, path):
        if "event" in leaf and woke:
            yield Use((*below, "event"), woke, str(leaf["event"]), leaf)
        for form in _HISTORY:
            if form in leaf:
                name = (str(leaf[form]),)
                yield Use((*below, form), name, "")
                yield from _of_where(leaf.get("where"), (*below, "where"), name)
                total = leaf.get("sum")
                if isinstance(total, Mapping) and "of" in total:
                    yield Use((*below, "sum", "of"), name, str(total["of"]))


def _of_where(tree: object, path: Path, events: tuple[str, ...]) -> Iterator[Use]:
    """Read a ``where``: equalities, or a rule over ``event:`` (``decide.rules``, Rule 5)."""
    if not isinstance(tree, Mapping):
        return
    if set(tree) & {"all", "any", "not", "event"}:
        for leaf, below in leaves(tree, path):
            if "event" in leaf:
                yield Use((*below, "event"), events, str(leaf["event"]), leaf)
        return
    for name, value in tree.items():
        yield Use((*path, name), events, str(name), {"is": value})
