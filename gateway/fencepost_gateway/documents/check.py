"""
Check: what single documents cannot know, seen over all that would be live.

Pure. The documents of a folder are laid over those that are live already, and every reference is
followed. Nothing here is about one document alone; that is ``documents.loader``.

Rule 1. A reference that points nowhere is an error: template, channel content, fence selector (one
        that matches nothing), library, what a cap counts.
Rule 2. A live document that the new ones would break is reported too, with its kind and id.
Rule 3. At most one workspace document and one policy without jurisdiction are live, no country is
        in two policies, and no id is there twice.
Rule 4. A sensitive fence starts no marketing (spec/geofence.md section 5), nor is it asked for by
        marketing, in a rule or through an audience.
Rule 5. Opening hours can be read, and have a zone.
Rule 6. Templates and fragments are read by the caller's ``lint``: Liquid lives above this room.
        What is doubtful comes with the errors as a warning (``document.errors_of`` drops it).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from fencepost_gateway.decide.opening import is_opening_hours
from fencepost_gateway.decide.place import FenceView, Selector
from fencepost_gateway.decide.spans import parse_moment, zone_named
from fencepost_gateway.documents.campaign_plans import selected
from fencepost_gateway.documents.compile import fence_views, fences_of
from fencepost_gateway.documents.document import (
    Document,
    Origin,
    Path,
    Problem,
    StoredDocument,
    problem_in,
)
from fencepost_gateway.documents.kinds import Finding
from fencepost_gateway.documents.loader import doubled
from fencepost_gateway.documents.models.audience import Trait
from fencepost_gateway.documents.models.campaign import Campaign
from fencepost_gateway.documents.models.caps import Caps
from fencepost_gateway.documents.models.entry import Entry
from fencepost_gateway.documents.models.policy import Policy
from fencepost_gateway.documents.models.template import Template
from fencepost_gateway.documents.rule_references import (
    circle_of,
    references,
    selectors,
    trees_behind,
)
from fencepost_geofence.fence import Fence

Lint = Callable[[Sequence[Document]], Iterable[tuple[Document, Finding]]]
_SHOWN = {"message": "template, campaign or tag"}


class World(Struct):
    """Everything that would be live."""

    documents: Sequence[Document]
    templates: dict[str, Template]
    fences: dict[str, Fence]
    views: dict[str, FenceView]
    libraries: set[str]
    audiences: dict[str, object]
    experiments: dict[str, set[str]]
    zone: str


def check(
    documents: Sequence[Document], live: Iterable[StoredDocument], lint: Lint
) -> list[Problem]:
    """
    Find every reference that would point nowhere.

    Args:
        documents: What the loader gave, without problems.
        live: The documents that are live already.
        lint: Reads the Liquid of templates and fragments (``content.lint``).

    """
    world = _world(_laid_over(documents, live))
    problems: list[Problem] = []
    for document in world.documents:
        finder = _FINDERS.get(document.kind)
        findings = [*finder(document, world)] if finder else []
        problems += [problem_in(document, f.path, f.what, f.how) for f in dict.fromkeys(findings)]
    problems += [
        problem_in(document, f.path, f.what, f.how, is_warning=f.is_warning)
        for document, f in lint(world.documents)
    ]
    problems += [*_several(world.documents), *doubled(documents)]
    return sorted(problems, key=lambda p: (p.file, p.feature or 0, p.line or 0))


def _laid_over(documents: Sequence[Document], live: Iterable[StoredDocument]) -> list[Document]:
    new = {(each.kind, each.id) for each in documents}
    kept = [
        Document(each.kind, each.id, each.body, Origin())
        for each in live
        if (each.kind, each.id) not in new
    ]
    return sorted([*kept, *documents], key=lambda each: (each.kind, each.id))


def _world(documents: Sequence[Document]) -> World:
    stored = [StoredDocument(each.kind, each.id, 0, each.body) for each in documents]
    all_fences = fences_of(stored)
    zones = [each.body.get("zone") for each in documents if each.kind == "workspace"]
    zone = next((zone for zone in zones if isinstance(zone, str)), "")
    return World(
        documents=documents,
        templates={
            each.id: Template.model_validate(each.body)
            for each in documents
            if each.kind == "template"
        },
        fences={fence.fence_id: fence for fence in all_fences},
        views=fence_views(stored, all_fences, zone),
        experiments={
            each.id: set(each.body["arms"]) for each in documents if each.kind == "experiment"
        },
        libraries={each.id for each in documents if each.kind == "library"},
        audiences={each.id: each.body["when"] for each in documents if each.kind == "audience"},
        zone=zone,
    )


def _several(documents: Sequence[Document]) -> Iterator[Problem]:
    policies = [each for each in documents if each.kind == "policy"]
    for_all = [each for each in policies if not Policy.model_validate(each.body).jurisdiction]
    workspaces = [each for each in documents if each.kind == "workspace"]
    for what, found in (("workspace", workspaces), ("policy without jurisdiction", for_all)):
        for extra in found[1:]:
            how = "keep one of them: change the file, or archive the one that is live"
            yield problem_in(extra, (), f"a second {what} beside {found[0].id}", how)
    seen: dict[str, str] = {}
    for each in policies:
        for country in dict.fromkeys(Policy.model_validate(each.body).jurisdiction):
            if seen.setdefault(country, each.id) != each.id:
                what = f"{country} is in policy {seen[country]} as well"
                yield problem_in(each, ("jurisdiction",), what, "keep it in one of them")


def _check_campaign(document: Document, world: World) -> Iterator[Finding]:
    campaign = Campaign.model_validate(document.body)
    yield from _check_template(campaign, world)
    for number, entry in enumerate(campaign.entry):
        path: Path = ("entry", number) if isinstance(document.body["entry"], list) else ("entry",)
        yield from _check_entry(entry, path, world)
        chosen = selected(entry, world.views, world.fences.values()) if entry.fence else ()
        yield from _check_sensitive(campaign, chosen, path, world)
    if campaign.message.only_open and not _has_hours(campaign, world):
        what = "only_open, and no entry's fence has opening hours"
        yield Finding(("message", "only_open"), what, "add active: to a fence, or take it out")
    for rule_path, tree in (
        (("when",), campaign.when),
        (("message", "while"), campaign.message.while_),
    ):
        yield from check_rule(tree, rule_path, world)
    yield from _check_sensitive_rules(campaign, world)
    for member, text in (("from", campaign.run.from_), ("until", campaign.run.until)):
        moment = parse_moment(text)
        if moment is not None and moment.tzinfo is None and zone_named(world.zone) is None:
            how = "write the offset, or set zone: in a workspace document"
            yield Finding(("run", member), "a moment without offset, and no workspace zone", how)
    if campaign.limits and campaign.limits.per not in {None, "total"} and not world.zone:
        how = "set zone: in a workspace document, or write per: total"
        yield Finding(("limits", "per"), "a calendar window, and no workspace zone", how)


def _check_entry(entry: Entry, path: Path, world: World) -> Iterator[Finding]:
    """Find what one entry waits for and is not there."""
    if entry.audience is not None:
        yield from check_rule({"audience": entry.audience}, path, world)
    if entry.audience_id:
        yield from check_rule({"audience": entry.audience_id}, (*path, "for"), world)
    if entry.schedule is not None and not entry.zone and zone_named(world.zone) is None:
        how = "add zone: to the entry, or to a workspace document"
        yield Finding((*path, "schedule"), "a schedule without a zone", how)
    if entry.fence is None:
        return
    yield from _check_selector(entry.fence.selector(), (*path, "fence"), world)
    chosen = selected(entry, world.views, world.fences.values())
    matching = [f for f in world.views.values() if entry.fence.selector().matches(f)]
    if matching and not chosen:
        yield _lacking(entry, path)
    if entry.opened and matching and not any(view.opening for view in matching):
        what = "opened, and none of these fences has opening hours"
        yield Finding((*path, "opened"), what, "add active: to the fence, or take it out")


def _has_hours(campaign: Campaign, world: World) -> bool:
    """Say whether some entry is a transition of a fence with opening hours."""
    fences = (f for e in campaign.entry for f in selected(e, world.views, world.fences.values()))
    return any(world.views[fence_id].opening for fence_id in fences)


def _lacking(entry: Entry, path: Path) -> Finding:
    """Say what none of the selected fences has, and so never the transition of the entry."""
    if entry.transition == "dwell":
        what = f"dwell_after {entry.after or ''}".rstrip()
        how = f"add dwell_after: {entry.after or '5m'} to the fence"
    else:
        what = "pass" if entry.transition == "pass" else "approach_s"
        how = f"add {'pass: true' if what == 'pass' else 'approach_s: 300'} to the fence"
    return Finding(path, f"none of these fences has {what}", how)


def _check_template(campaign: Campaign, world: World) -> Iterator[Finding]:
    wish = campaign.message.template
    if isinstance(wish, str):
        yield from _check_content(wish, ("message", "template"), campaign, world)
        return
    path: Path = ("message", "template")
    arms = world.experiments.get(wish.experiment)
    if arms is None:
        how = _nearest(wish.experiment, world.experiments, "experiment")
        yield Finding((*path, "experiment"), f"there is no experiment {wish.experiment}", how)
    for arm in sorted(arms ^ set(wish.arms) if arms else ()):
        is_known = arm in (arms or ())
        what = f"arm {arm} has no template" if is_known else f"the experiment has no arm {arm}"
        how = f"add {arm}: and its template" if is_known else "take it out, or add it there"
        yield Finding((*path, "arms"), what, how)
    for arm, name in wish.arms.items():
        yield from _check_content(name, (*path, "arms", arm), campaign, world)
    purposes = {world.templates[n].purpose for n in wish.arms.values() if n in world.templates}
    if len(purposes) > 1:
        how = "choose templates of one purpose"
        yield Finding((*path, "arms"), "some of these are marketing and some are not", how)


def _check_content(name: str, path: Path, campaign: Campaign, world: World) -> Iterator[Finding]:
    template = world.templates.get(name)
    if template is None:
        how = _nearest(name, world.templates, "template")
        yield Finding(path, f"there is no template {name}", how)
        return
    for number, channel in enumerate(campaign.message.channels):
        if getattr(template, channel) is None:
            how = f"add {channel}: to the template, or take the channel out"
            what = f"template {name} has no content for {channel}"
            yield Finding(("message", "channels", number), what, how)


def _is_marketing(campaign: Campaign, world: World) -> bool:
    wish = campaign.message.template
    names = [wish] if isinstance(wish, str) else wish.arms.values()
    found = [world.templates[name] for name in names if name in world.templates]
    return any(template.purpose == "marketing" for template in found)


def _check_sensitive(
    campaign: Campaign, chosen: Iterable[str], path: Path, world: World
) -> Iterator[Finding]:
    if not _is_marketing(campaign, world):
        return
    for fence_id in sorted(chosen):
        if world.fences[fence_id].sensitive:
            what = f"fence {fence_id} is sensitive and starts no marketing"
            yield Finding((*path, "fence"), what, "select other fences")


def _check_sensitive_rules(campaign: Campaign, world: World) -> Iterator[Finding]:
    """Find rules of marketing that ask for sensitive fences, also through audiences."""
    if not _is_marketing(campaign, world):
        return
    rules: list[tuple[Path, object]] = [
        (("when",), campaign.when),
        (("message", "while"), campaign.message.while_),
        *((("entry",), {"audience": e.audience}) for e in campaign.entry if e.audience),
        *((("entry",), {"audience": e.audience_id}) for e in campaign.entry if e.audience_id),
    ]
    for path, tree in rules:
        for asked in trees_behind(tree, world.audiences):
            for _, selector in selectors(asked, ()):
                for fence_id, view in sorted(world.views.items()):
                    if world.fences[fence_id].sensitive and selector.matches(view):
                        what = f"it asks for fence {fence_id}, which is sensitive: no marketing"
                        yield Finding(path, what, "select other fences")


def _check_audience(document: Document, world: World) -> Iterator[Finding]:
    yield from check_rule(document.body["when"], ("when",), world)
    circle = circle_of(document.id, world.audiences)
    if circle:
        what = f"audiences ask for one another in a circle: {' - '.join(circle)}"
        yield Finding(("when",), what, "take one of them out of a rule")


def _check_selector(selector: Selector, path: Path, world: World) -> Iterator[Finding]:
    if any(selector.matches(view) for view in world.views.values()):
        return
    known: Iterable[str]
    if selector.fence_id:
        known, wanted = world.views, selector.fence_id
    elif selector.tag:
        known, wanted = _tags(world), selector.tag
    else:
        known = {view.library for view in world.views.values() if view.library}
        wanted = selector.library
    how = _nearest(wanted, known, "fence") if wanted not in known else "no fence has all of them"
    yield Finding(path, f"no fence with {selector}", how)


def _tags(world: World) -> set[str]:
    return {tag for view in world.views.values() for tag in view.tags}


def _nearest(wanted: str, known: Iterable[str], kind: str) -> str:
    near = difflib.get_close_matches(wanted, sorted(known), 1)
    return f"did you mean {near[0]}?" if near else f"write the {kind}, or name another"


def check_rule(tree: object, path: Path, world: World) -> Iterator[Finding]:
    """Find what a rule names that is not there; ``path`` is where the rule stands."""
    for below, selector in selectors(tree, path):
        yield from _check_selector(selector, below, world)
    for each in references(tree, path):
        known = _known(each.kind, world)
        if each.name not in known:
            what = f"there is no {_SHOWN.get(each.kind, each.kind)} {each.name}"
            yield Finding(each.path, what, _nearest(each.name, known, each.kind))


def _known(kind: str, world: World) -> set[str]:
    """Give the names that a reference of this kind may have."""
    if kind == "trait":
        traits = (each.body for each in world.documents if each.kind == "trait")
        return {name for body in traits for name in Trait.model_validate(body).readings}
    kinds = ("template", "campaign") if kind == "message" else (kind,)
    found = {each.id for each in world.documents if each.kind in kinds}
    if kind == "message":
        campaigns = (each.body for each in world.documents if each.kind == "campaign")
        found |= {str(tag) for body in campaigns for tag in body.get("tags", [])}
    return found


def _check_fence(document: Document, world: World) -> Iterator[Finding]:
    library = world.views[document.id].library
    if library and library not in world.libraries:
        how = _nearest(library, world.libraries, "library")
        yield Finding(("library",), f"there is no library {library}", how)
    yield from _check_hours(world.fences[document.id], world)


def _check_hours(fence: Fence, world: World) -> Iterator[Finding]:
    if fence.zone and zone_named(fence.zone) is None:
        how = "write a name such as Europe/Monaco or Asia/Seoul"
        yield Finding(("zone",), "no time zone", how)
    if fence.active and not is_opening_hours(fence.active):
        how = 'write them as OpenStreetMap does: "Mo-Fr 08:00-18:00; Sa 10:00-02:00; PH off"'
        yield Finding(("active",), "no opening hours", how)
    elif fence.active and not fence.zone and zone_named(world.zone) is None:
        how = "add zone: to the fence, or to a workspace document"
        yield Finding(("active",), "opening hours without a zone", how)


def _check_caps(document: Document, world: World) -> Iterator[Finding]:
    campaigns = [each for each in world.documents if each.kind == "campaign"]
    known = {
        "campaign": {each.id for each in campaigns},
        "tag": {tag for each in campaigns for tag in each.body.get("tags", [])},
        "brand": {str(each.body["brand"]) for each in campaigns if each.body.get("brand")},
    }
    for number, rule in enumerate(Caps.model_validate(document.body).rules):
        path: Path = ("rules", number, "scope")
        for member, names in known.items():
            for name in getattr(rule.scope, member):
                if name not in names:
                    yield _no_such(member, name, names, path)
        if rule.scope.place is not None:
            yield from _check_selector(rule.scope.place.selector(), (*path, "place"), world)


def _no_such(member: str, name: str, known: Iterable[str], path: Path) -> Finding:
    if member == "campaign":
        how = _nearest(name, known, "campaign")
        return Finding((*path, member), f"there is no campaign {name}", how)
    how = _nearest(name, known, f"{member} on a campaign")
    return Finding((*path, member), f"no campaign has the {member} {name}", how)


_FINDERS: Mapping[str, Callable[[Document, World], Iterator[Finding]]] = {
    "campaign": _check_campaign,
    "audience": _check_audience,
    "fence": _check_fence,
    "caps": _check_caps,
}
