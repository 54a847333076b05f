"""
Check parts: what campaigns and journeys are checked for alike: entries, rules and messages.

Pure. As ``check``, of which it is a part; its rules 1, 4 and 5 are carried out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fencepost_gateway.decide.place import Selector
from fencepost_gateway.decide.spans import parse_moment, zone_named
from fencepost_gateway.documents.campaign_plans import selected
from fencepost_gateway.documents.document import Path
from fencepost_gateway.documents.kinds import Finding
from fencepost_gateway.documents.models.campaign import Message, Run
from fencepost_gateway.documents.models.entry import Entry, Limits
from fencepost_gateway.documents.models.template import Template
from fencepost_gateway.documents.rule_references import (
    consents,
    references,
    selectors,
    trees_behind,
)
from fencepost_gateway.documents.world import World, known_names, nearest

_SHOWN = {"message": "template, campaign, journey or tag"}
Placed = tuple[Path, Entry]
Rules = Sequence[tuple[Path, object]]


def check_rule(tree: object, path: Path, world: World) -> Iterator[Finding]:
    """Find what a rule names that is not there; ``path`` is where the rule stands."""
    for below, selector in selectors(tree, path):
        yield from check_selector(selector, below, world)
    for each in references(tree, path):
        yield from check_name(each.kind, each.name, each.path, world)


def check_name(kind: str, name: str, path: Path, world: World) -> Iterator[Finding]:
    """Find a name that nothing of its kind has."""
    known = known_names(kind, world)
    if name not in known:
        shown = _SHOWN.get(kind, kind)
        yield Finding(path, f"there is no {shown} {name}", nearest(name, known, kind))


def check_selector(selector: Selector, path: Path, world: World) -> Iterator[Finding]:
    """Find a selector that matches no fence."""
    if any(selector.matches(view) for view in world.views.values()):
        return
    known: Iterable[str]
    if selector.fence_id:
        known, wanted = world.views, selector.fence_id
    elif selector.tag:
        known, wanted = {tag for view in world.views.values() for tag in view.tags}, selector.tag
    else:
        known = {view.library for view in world.views.values() if view.library}
        wanted = selector.library
    how = nearest(wanted, known, "fence") if wanted not in known else "no fence has all of them"
    yield Finding(path, f"no fence with {selector}", how)


def check_entry(entry: Entry, path: Path, world: World) -> Iterator[Finding]:
    """Find what an entry, or something awaited, names that is not there."""
    if entry.audience is not None:
        yield from check_rule({"audience": entry.audience}, path, world)
    if entry.audience_id:
        yield from check_rule({"audience": entry.audience_id}, (*path, "for"), world)
    if entry.schedule is not None and not entry.zone and zone_named(world.zone) is None:
        how = "add zone: to the entry, or to a workspace document"
        yield Finding((*path, "schedule"), "a schedule without a zone", how)
    if entry.fence is None:
        return
    yield from check_selector(entry.fence.selector(), (*path, "fence"), world)
    chosen = selected(entry, world.views, world.fences.values())
    matching = [f for f in world.views.values() if entry.fence.selector().matches(f)]
    if matching and not chosen:
        yield _lacking(entry, path)
    if entry.opened and matching and not any(view.opening for view in matching):
        what = "opened, and none of these fences has opening hours"
        yield Finding((*path, "opened"), what, "add active: to the fence, or take it out")


def _lacking(entry: Entry, path: Path) -> Finding:
    """Say what none of the selected fences has, and so never the transition of the entry."""
    if entry.transition == "dwell":
        what = f"dwell_after {entry.after or ''}".rstrip()
        how = f"add dwell_after: {entry.after or '5m'} to the fence"
    else:
        what = "pass" if entry.transition == "pass" else "approach_s"
        how = f"add {'pass: true' if what == 'pass' else 'approach_s: 300'} to the fence"
    return Finding(path, f"none of these fences has {what}", how)


def check_message(message: Message, path: Path, world: World) -> Iterator[Finding]:
    """Find templates, arms, contents and names of a message that are not there."""
    wish, spot = message.template, (*path, "template")
    if isinstance(wish, str):
        yield from _check_content(wish, spot, message, path, world)
    else:
        arms = world.experiments.get(wish.experiment)
        yield from check_name("experiment", wish.experiment, (*spot, "experiment"), world)
        for arm in sorted(arms ^ set(wish.arms) if arms else ()):
            is_known = arm in (arms or ())
            what = f"arm {arm} has no template" if is_known else f"the experiment has no arm {arm}"
            how = f"add {arm}: and its template" if is_known else "take it out, or add it there"
            yield Finding((*spot, "arms"), what, how)
        for arm, name in wish.arms.items():
            yield from _check_content(name, (*spot, "arms", arm), message, path, world)
        purposes = {world.templates[n].purpose for n in wish.arms.values() if n in world.templates}
        if len(purposes) > 1:
            how = "choose templates of one purpose"
            yield Finding((*spot, "arms"), "some of these are marketing and some are not", how)
    yield from check_rule(message.while_, (*path, "while"), world)


def _check_content(
    name: str, spot: Path, message: Message, path: Path, world: World
) -> Iterator[Finding]:
    template = world.templates.get(name)
    if template is None:
        yield from check_name("template", name, spot, world)
        return
    for number, channel in enumerate(message.channels):
        if getattr(template, channel) is None:
            how = f"add {channel}: to the template, or take the channel out"
            what = f"template {name} has no content for {channel}"
            yield Finding((*path, "channels", number), what, how)


def check_open(
    message: Message, path: Path, entries: Iterable[Entry], world: World
) -> Iterator[Finding]:
    """Find ``only_open`` where no entry is a transition of a fence with opening hours."""
    chosen = (f for e in entries for f in selected(e, world.views, world.fences.values()))
    if message.only_open and not any(world.views[fence_id].opening for fence_id in chosen):
        what = "only_open, and no entry's fence has opening hours"
        yield Finding((*path, "only_open"), what, "add active: to a fence, or take it out")


def check_limits(limits: Limits | None, world: World) -> Iterator[Finding]:
    """Find a calendar window on nobody's calendar."""
    if limits and limits.per not in {None, "total"} and not world.zone:
        how = "set zone: in a workspace document, or write per: total"
        yield Finding(("limits", "per"), "a calendar window, and no workspace zone", how)


def check_run(run: Run, world: World) -> Iterator[Finding]:
    """Find moments that cannot be placed."""
    for member, text in (("from", run.from_), ("until", run.until)):
        moment = parse_moment(text)
        if moment is not None and moment.tzinfo is None and zone_named(world.zone) is None:
            how = "write the offset, or set zone: in a workspace document"
            yield Finding(("run", member), "a moment without offset, and no workspace zone", how)


def is_marketing(messages: Iterable[Message], world: World) -> bool:
    """Say whether one of these is marketing."""
    return any(template.purpose == "marketing" for template in templates_of(messages, world))


def templates_of(messages: Iterable[Message], world: World) -> list[Template]:
    """Give the templates of messages that there are."""
    names = [
        name
        for wish in (message.template for message in messages)
        for name in ([wish] if isinstance(wish, str) else wish.arms.values())
    ]
    return [world.templates[name] for name in names if name in world.templates]


def check_sensitive(entries: Sequence[Placed], rules: Rules, world: World) -> Iterator[Finding]:
    """Find sensitive fences that start marketing, or that it asks for, through audiences too."""
    for path, entry in entries:
        for fence_id in sorted(selected(entry, world.views, world.fences.values())):
            if world.fences[fence_id].sensitive:
                what = f"fence {fence_id} is sensitive and starts no marketing"
                yield Finding((*path, "fence"), what, "select other fences")
    for path, asked in _behind(entries, rules, world):
        for _, selector in selectors(asked, ()):
            for fence_id, view in sorted(world.views.items()):
                if world.fences[fence_id].sensitive and selector.matches(view):
                    what = f"it asks for fence {fence_id}, which is sensitive: no marketing"
                    yield Finding(path, what, "select other fences")


def check_purposes(entries: Sequence[Placed], rules: Rules, world: World) -> Iterator[Finding]:
    """
    Doubt marketing that looks at where people are, and asks no consent for it.

    A message that a place caused is asked for ``location_marketing`` at its claim; one that an
    event, a schedule or a call caused is not, whatever its rules look at.
    """
    if all(entry.transition is not None for _, entry in entries):
        return
    asked = [*_behind(entries, rules, world)]
    if any("location_marketing" in consents(tree) for _, tree in asked):
        return
    for path in dict.fromkeys(path for path, tree in asked if any(selectors(tree, ()))):
        what = "marketing by where people are, without the consent for it"
        how = "add {consent: location_marketing} to the rule, or to when:"
        yield Finding(path, what, how, is_warning=True)


def _behind(entries: Sequence[Placed], rules: Rules, world: World) -> Iterator[tuple[Path, object]]:
    """Give every rule that is asked, through audiences too, and where that begins."""
    asking = [
        (path, {"audience": name})
        for path, e in entries
        for name in (e.audience, e.audience_id)
        if name
    ]
    for path, tree in (*rules, *asking):
        yield from ((path, each) for each in trees_behind(tree, world.audiences))


def placed(entries: Sequence[Entry], written: object) -> list[Placed]:
    """Give entries with their paths; one alone may have been written without a list."""
    is_list = isinstance(written, list)
    return [(("entry", n) if is_list else ("entry",), each) for n, each in enumerate(entries)]
