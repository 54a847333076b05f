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
Rule 5. Marketing that looks at where people are, and is not caused by a place, is doubted unless it
        asks for the consent ``location_marketing`` itself: nothing else would.
Rule 6. Opening hours can be read, and have a zone.
Rule 7. Campaigns and journeys share their ids. Of journeys more is known: ``check_journey``.
        What is asked of events that are defined is in their definition: ``check_events``.
Rule 8. What policies want marketing to say, the brand that sends it tells: ``check_brands``.
Rule 9. Templates and fragments are read by the caller's ``lint``: Liquid lives above this room.
        What is doubtful comes with the errors as a warning (``document.errors_of`` drops it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fencepost_gateway.decide.opening import is_opening_hours
from fencepost_gateway.decide.spans import zone_named
from fencepost_gateway.documents.check_brands import check_brand, check_defaults
from fencepost_gateway.documents.check_events import check_events
from fencepost_gateway.documents.check_journey import check_journey
from fencepost_gateway.documents.check_parts import (
    check_entry,
    check_limits,
    check_message,
    check_open,
    check_purposes,
    check_rule,
    check_run,
    check_selector,
    check_sensitive,
    is_marketing,
    placed,
)
from fencepost_gateway.documents.document import (
    Document,
    Path,
    Problem,
    StoredDocument,
    problem_in,
)
from fencepost_gateway.documents.kinds import Finding
from fencepost_gateway.documents.loader import doubled
from fencepost_gateway.documents.models.campaign import Campaign
from fencepost_gateway.documents.models.caps import Caps
from fencepost_gateway.documents.models.event import Event
from fencepost_gateway.documents.models.policy import Policy
from fencepost_gateway.documents.rule_references import circle_of
from fencepost_gateway.documents.world import World, laid_over, nearest, world_of
from fencepost_geofence.fence import Fence

Lint = Callable[[Sequence[Document]], Iterable[tuple[Document, Finding]]]


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
    world = world_of(laid_over(documents, live))
    problems: list[Problem] = []
    for document in world.documents:
        finder = _FINDERS.get(document.kind)
        findings = [*finder(document, world)] if finder else []
        findings += check_events(document, world)
        findings += check_brand(document, world)
        problems += [
            _problem(document, f) for f in dict.fromkeys(findings) if _is_told(document, f)
        ]
    problems += [_problem(document, f) for document, f in lint(world.documents)]
    problems += [*_several(world.documents), *_defined_twice(world.documents)]
    problems += [_problem(document, found) for document, found in check_defaults(world)]
    problems += doubled(documents)
    return sorted(problems, key=lambda p: (p.file, p.feature or 0, p.line or 0))


def _problem(document: Document, found: Finding) -> Problem:
    return problem_in(document, found.path, found.what, found.how, is_warning=found.is_warning)


def _is_told(document: Document, found: Finding) -> bool:
    """A warning is about what was written, not about what is live already."""
    return bool(document.origin.file) or not found.is_warning


def _several(documents: Sequence[Document]) -> Iterator[Problem]:
    policies = [each for each in documents if each.kind == "policy"]
    for_all = [each for each in policies if not Policy.model_validate(each.body).jurisdiction]
    workspaces = [each for each in documents if each.kind == "workspace"]
    for what, found in (("workspace", workspaces), ("policy without jurisdiction", for_all)):
        for extra in found[1:]:
            how = "keep one of them: change the file, or archive the one that is live"
            yield problem_in(extra, (), f"a second {what} beside {found[0].id}", how)
    campaigns = {each.id for each in documents if each.kind == "campaign"}
    for each in documents:
        if each.kind == "journey" and each.id in campaigns:
            what = f"a campaign is called {each.id} too, and they share their ids"
            yield problem_in(each, ("id",), what, "give the journey another id, or archive it")
    seen: dict[str, str] = {}
    for each in policies:
        for country in dict.fromkeys(Policy.model_validate(each.body).jurisdiction):
            if seen.setdefault(country, each.id) != each.id:
                what = f"{country} is in policy {seen[country]} as well"
                yield problem_in(each, ("jurisdiction",), what, "keep it in one of them")


def _defined_twice(documents: Sequence[Document]) -> Iterator[Problem]:
    defined: dict[str, str] = {}
    for each in documents:
        if each.kind == "event":
            called = Event.model_validate(each.body).called
            if defined.setdefault(called, each.id) != each.id:
                what = f"event {called} is defined as {defined[called]} as well"
                yield problem_in(each, (), what, "keep one of them, or archive the live one")


def _check_campaign(document: Document, world: World) -> Iterator[Finding]:
    campaign = Campaign.model_validate(document.body)
    entries, message = placed(campaign.entry, document.body["entry"]), campaign.message
    yield from check_message(message, ("message",), world)
    for path, entry in entries:
        yield from check_entry(entry, path, world)
    yield from check_open(message, ("message",), campaign.entry, world)
    yield from check_rule(campaign.when, ("when",), world)
    if is_marketing([message], world):
        rules = [(("when",), campaign.when), (("message", "while"), message.while_)]
        forbidden = [*check_sensitive(entries, rules, world)]
        yield from forbidden or check_purposes(entries, rules, world)
    yield from check_run(campaign.run, world)
    yield from check_limits(campaign.limits, world)


def _check_audience(document: Document, world: World) -> Iterator[Finding]:
    yield from check_rule(document.body["when"], ("when",), world)
    circle = circle_of(document.id, world.audiences)
    if circle:
        what = f"audiences ask for one another in a circle: {' - '.join(circle)}"
        yield Finding(("when",), what, "take one of them out of a rule")


def _check_fence(document: Document, world: World) -> Iterator[Finding]:
    library = world.views[document.id].library
    if library and library not in world.libraries:
        how = nearest(library, world.libraries, "library")
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
    sending = world.sending
    known = {
        "campaign": {each.id for each in sending},
        "tag": {tag for each in sending for tag in each.body.get("tags", [])},
        "brand": {str(each.body["brand"]) for each in sending if each.body.get("brand")},
    }
    for number, rule in enumerate(Caps.model_validate(document.body).rules):
        path: Path = ("rules", number, "scope")
        for member, names in known.items():
            for name in getattr(rule.scope, member):
                if name not in names:
                    yield _no_such(member, name, names, path)
        if rule.scope.place is not None:
            yield from check_selector(rule.scope.place.selector(), (*path, "place"), world)


def _no_such(member: str, name: str, known: Iterable[str], path: Path) -> Finding:
    if member == "campaign":
        how = nearest(name, known, "campaign")
        return Finding((*path, member), f"there is no campaign or journey {name}", how)
    how = nearest(name, known, f"{member} on a campaign")
    return Finding((*path, member), f"no campaign or journey has the {member} {name}", how)


_FINDERS: Mapping[str, Callable[[Document, World], Iterator[Finding]]] = {
    "campaign": _check_campaign,
    "journey": check_journey,
    "audience": _check_audience,
    "fence": _check_fence,
    "caps": _check_caps,
}
