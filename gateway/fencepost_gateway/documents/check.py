"""
Check: what single documents cannot know, seen over all that would be live.

Pure. The documents of a folder are laid over those that are live already, and every reference is
followed. Nothing here is about one document alone; that is ``documents.loader``.

Rule 1. A reference that points nowhere is an error: template, channel content, fence selector (one
        that matches nothing), library, what a cap counts.
Rule 2. A live document that the new ones would break is reported too, with its kind and id.
Rule 3. At most one policy and one workspace document are live, and no id is there twice.
Rule 4. A sensitive fence starts no marketing (spec/geofence.md section 5).
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
from fencepost_gateway.documents.compile import fence_views, fences_of, selected
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
from fencepost_gateway.documents.models.campaign import Campaign, Entry
from fencepost_gateway.documents.models.caps import Caps
from fencepost_gateway.documents.models.template import Template
from fencepost_geofence.fence import Fence

Lint = Callable[[Sequence[Document]], Iterable[tuple[Document, Finding]]]
_SINGLE = ("policy", "workspace")


class _World(Struct):
    """Everything that would be live."""

    documents: Sequence[Document]
    templates: dict[str, Template]
    fences: dict[str, Fence]
    views: dict[str, FenceView]
    libraries: set[str]
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


def _world(documents: Sequence[Document]) -> _World:
    stored = [StoredDocument(each.kind, each.id, 0, each.body) for each in documents]
    all_fences = fences_of(stored)
    zones = [each.body.get("zone") for each in documents if each.kind == "workspace"]
    zone = next((zone for zone in zones if isinstance(zone, str)), "")
    return _World(
        documents=documents,
        templates={
            each.id: Template.model_validate(each.body)
            for each in documents
            if each.kind == "template"
        },
        fences={fence.fence_id: fence for fence in all_fences},
        views=fence_views(stored, all_fences, zone),
        libraries={each.id for each in documents if each.kind == "library"},
        zone=zone,
    )


def _several(documents: Sequence[Document]) -> Iterator[Problem]:
    for kind in _SINGLE:
        found = [each for each in documents if each.kind == kind]
        for extra in found[1:]:
            how = f"keep one, or archive {found[0].id}: a second one comes later"
            yield problem_in(extra, (), f"a second {kind} beside {found[0].id}", how)


def _check_campaign(document: Document, world: _World) -> Iterator[Finding]:
    campaign = Campaign.model_validate(document.body)
    yield from _check_template(campaign, world)
    for number, entry in enumerate(campaign.entry):
        path: Path = ("entry", number) if isinstance(document.body["entry"], list) else ("entry",)
        if entry.fence is None:
            continue
        yield from _check_selector(entry.fence.selector(), (*path, "fence"), world)
        chosen = selected(entry, world.views, world.fences.values())
        matching = [f for f in world.views.values() if entry.fence.selector().matches(f)]
        if matching and not chosen:
            yield _lacking(entry, path)
        if entry.opened and matching and not any(view.opening for view in matching):
            what = "opened, and none of these fences has opening hours"
            yield Finding((*path, "opened"), what, "add active: to the fence, or take it out")
        yield from _check_sensitive(campaign, chosen, path, world)
    if campaign.message.only_open and not _has_hours(campaign, world):
        what = "only_open, and no entry's fence has opening hours"
        yield Finding(("message", "only_open"), what, "add active: to a fence, or take it out")
    for rule_path, tree in (
        (("when",), campaign.when),
        (("message", "while"), campaign.message.while_),
    ):
        for path, selector in _selectors(tree, rule_path):
            yield from _check_selector(selector, path, world)
    for member, text in (("from", campaign.run.from_), ("until", campaign.run.until)):
        moment = parse_moment(text)
        if moment is not None and moment.tzinfo is None and zone_named(world.zone) is None:
            how = "write the offset, or set zone: in a workspace document"
            yield Finding(("run", member), "a moment without offset, and no workspace zone", how)


def _has_hours(campaign: Campaign, world: _World) -> bool:
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


def _check_template(campaign: Campaign, world: _World) -> Iterator[Finding]:
    name = campaign.message.template
    template = world.templates.get(name)
    if template is None:
        how = _nearest(name, world.templates, "template")
        yield Finding(("message", "template"), f"there is no template {name}", how)
        return
    for number, channel in enumerate(campaign.message.channels):
        if getattr(template, channel) is None:
            how = f"add {channel}: to the template, or take the channel out"
            what = f"template {name} has no content for {channel}"
            yield Finding(("message", "channels", number), what, how)


def _check_sensitive(
    campaign: Campaign, chosen: Iterable[str], path: Path, world: _World
) -> Iterator[Finding]:
    template = world.templates.get(campaign.message.template)
    if template is None or template.purpose != "marketing":
        return
    for fence_id in sorted(chosen):
        if world.fences[fence_id].sensitive:
            what = f"fence {fence_id} is sensitive and starts no marketing"
            yield Finding((*path, "fence"), what, "select other fences")


def _check_selector(selector: Selector, path: Path, world: _World) -> Iterator[Finding]:
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


def _tags(world: _World) -> set[str]:
    return {tag for view in world.views.values() for tag in view.tags}


def _nearest(wanted: str, known: Iterable[str], kind: str) -> str:
    near = difflib.get_close_matches(wanted, sorted(known), 1)
    return f"did you mean {near[0]}?" if near else f"write the {kind}, or name another"


def _selectors(tree: object, path: Path) -> Iterator[tuple[Path, Selector]]:
    """Find every selector in a rule tree that was compiled before."""
    if isinstance(tree, list):
        for number, below in enumerate(tree):
            yield from _selectors(below, (*path, number))
    if not isinstance(tree, Mapping):
        return
    for form, member in (("inside", "inside"), ("transition", "fence")):
        if form in tree and isinstance(tree.get(member), Mapping):
            chosen = tree[member]
            selector = Selector(
                chosen.get("id", ""), chosen.get("tag", ""), chosen.get("library", "")
            )
            yield (*path, member), selector
    for branch in ("all", "any", "not"):
        if branch in tree:
            yield from _selectors(tree[branch], (*path, branch))


def _check_fence(document: Document, world: _World) -> Iterator[Finding]:
    library = world.views[document.id].library
    if library and library not in world.libraries:
        how = _nearest(library, world.libraries, "library")
        yield Finding(("library",), f"there is no library {library}", how)
    yield from _check_hours(world.fences[document.id], world)


def _check_hours(fence: Fence, world: _World) -> Iterator[Finding]:
    if fence.zone and zone_named(fence.zone) is None:
        how = "write a name such as Europe/Monaco or Asia/Seoul"
        yield Finding(("zone",), "no time zone", how)
    if fence.active and not is_opening_hours(fence.active):
        how = 'write them as OpenStreetMap does: "Mo-Fr 08:00-18:00; Sa 10:00-02:00; PH off"'
        yield Finding(("active",), "no opening hours", how)
    elif fence.active and not fence.zone and zone_named(world.zone) is None:
        how = "add zone: to the fence, or to a workspace document"
        yield Finding(("active",), "opening hours without a zone", how)


def _check_caps(document: Document, world: _World) -> Iterator[Finding]:
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


_FINDERS: Mapping[str, Callable[[Document, _World], Iterator[Finding]]] = {
    "campaign": _check_campaign,
    "fence": _check_fence,
    "caps": _check_caps,
}
