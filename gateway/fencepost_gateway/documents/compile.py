"""
Compile: live documents become the plan that deciding reads.

Pure, but for the shipped default policy, which is read from the package. Documents come in checked
(``documents.check``); this only turns authored words into numbers, ids and compiled rules.

Rule 1. A plan depends on the documents alone, never on their order.
Rule 2. Selectors become fence ids here. ``dwell`` with ``after`` means those selected fences that
        have this threshold, ``pass`` and ``approach`` those that ask for them.
Rule 3. No default policy authored: the shipped one is it. Policies of jurisdictions are kept by id.
        Cap rules of all caps documents hold together.
Rule 4. A journey is in ``campaigns`` as what it shares with one, and in ``flows`` as its steps.
Rule 5. Quiet hours become spans of one weekday each, overnight spans split at midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from fencepost_gateway.decide import plan
from fencepost_gateway.decide.event_shape import EventShape, Property
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.decide.spans import (
    parse_duration_ms,
)
from fencepost_gateway.decide.spend import SpendTerms, micros
from fencepost_gateway.decide.steps import Flow, Reaction, WaitStep
from fencepost_gateway.decide.traits import readers
from fencepost_gateway.documents import fences
from fencepost_gateway.documents.audience_plans import (
    audiences_of,
    ranked,
    traits_of,
    traits_on,
)
from fencepost_gateway.documents.campaign_plans import campaign_of, windows_of
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.documents.kept_flows import KeptFlows
from fencepost_gateway.documents.mjml_text import compile_mjml
from fencepost_gateway.documents.models.base import Authored, percent_fraction
from fencepost_gateway.documents.models.brand import Brand
from fencepost_gateway.documents.models.campaign import Campaign
from fencepost_gateway.documents.models.caps import WINDOWS, Caps
from fencepost_gateway.documents.models.costs import SmsCosts
from fencepost_gateway.documents.models.event import Event
from fencepost_gateway.documents.models.experiment import Experiment
from fencepost_gateway.documents.models.place import Library, Workspace
from fencepost_gateway.documents.models.policy import Label, MustContain, Policy, QuietHours
from fencepost_gateway.documents.models.selector import FenceSelector
from fencepost_gateway.documents.models.source import Source
from fencepost_gateway.documents.models.table import Table
from fencepost_gateway.documents.models.template import Fragment, Template
from fencepost_gateway.documents.shipped import default_documents
from fencepost_gateway.documents.translations import CHANNELS, translated
from fencepost_gateway.documents.wake_index import (
    by_audience,
    by_event,
    by_external,
    by_transition,
    openings_of,
    scheduled,
)
from fencepost_geofence.fence import Fence

_M = TypeVar("_M", bound=Authored)


def compile_plan(
    documents: Iterable[StoredDocument],
    revision: int,
    seed: str,
    live_fences: Sequence[Fence] | None = None,
    rankings: Mapping[str, Ranking] | None = None,
    kept_flows: KeptFlows | None = None,
) -> plan.Plan:
    """
    Compile everything that is live.

    Args:
        documents: The live documents, checked.
        revision: Number of the publication, raised by each.
        seed: Seeds every draw (holdout, jitter) of the workspace.
        live_fences: What ``fences_of`` gives for them, where somebody has asked it already.
        rankings: The newest of the traits that are ranked.
        kept_flows: The journeys compiled for the plan before, and older versions to keep.

    """
    stored = sorted(documents, key=lambda d: (d.kind, d.id))
    policies = [_policy(source, each) for source, each in _of_kind(stored, "policy", Policy)]
    shipped = _of_kind(default_documents(), "policy", Policy)
    policies += [_policy(source, each) for source, each in shipped]
    workspace = next((each for _, each in _of_kind(stored, "workspace", Workspace)), None)
    zone = (workspace.zone if workspace else None) or ""
    all_fences = fences_of(stored) if live_fences is None else live_fences
    views = fence_views(stored, all_fences, zone)
    campaigns = [
        campaign_of(source, each, views, all_fences, zone)
        for source, each in _of_kind(stored, "campaign", Campaign)
    ]
    kept = kept_flows or KeptFlows()
    flows = kept.of(stored, views, all_fences, zone)
    live = flows[len(kept.pinned) :]
    campaigns = sorted([*campaigns, *(flow.head for flow in live)], key=lambda c: c.campaign_id)
    traits, need_ranks, ranks = traits_of(stored), ranked(stored), rankings or {}
    return plan.Plan(
        revision=revision,
        policy=next(each for each in policies if not each.countries),
        policies=tuple(each for each in policies if each.countries),
        campaigns={each.campaign_id: each for each in campaigns},
        templates={
            source.id: _template(source, each)
            for source, each in _of_kind(stored, "template", Template)
        },
        fragments={
            source.id: _fragment(source, each)
            for source, each in _of_kind(stored, "fragment", Fragment)
        },
        caps=tuple(
            rule for _, each in _of_kind(stored, "caps", Caps) for rule in _caps(each, views)
        ),
        fences=views,
        on_event=by_event(campaigns),
        on_transition=by_transition(campaigns),
        on_audience=by_audience(campaigns),
        on_external=by_external(campaigns),
        scheduled=scheduled(campaigns),
        openings=openings_of([*_entries(campaigns), *_awaited(flows)], views),
        awaits=frozenset(
            each.name for each in _awaited(flows) if isinstance(each, plan.ExternalEntry)
        ),
        traits=traits,
        traits_on=traits_on(traits.values()),
        trait_readers=readers(traits.values(), {name: ranks.get(name) for name in need_ranks}),
        ranked=need_ranks,
        audiences=audiences_of(stored, traits, ranks, zone),
        workspace_zone=zone,
        workspace_name=(workspace.name if workspace else ""),
        living=workspace.journeys_at_once if workspace else plan.LIVING,
        workspace_holdout=_fraction(workspace.holdout if workspace else 0),
        allows_mock=workspace is not None and workspace.mock,
        merging=workspace.merge if workspace else "on_login",
        experiments={
            source.id: _experiment(source, each)
            for source, each in _of_kind(stored, "experiment", Experiment)
        },
        spend=_spend(workspace.sms_costs if workspace else None),
        allow_only=_users(workspace.allow_only if workspace else None),
        testers=frozenset(workspace.testers if workspace else ()),
        seeds=frozenset(workspace.seeds if workspace else ()),
        seed=seed,
        flows={(f.head.campaign_id, f.head.version): f for f in flows},
        brands={source.id: _brand(each) for source, each in _of_kind(stored, "brand", Brand)},
        tables={source.id: each.rows for source, each in _of_kind(stored, "table", Table)},
        event_shapes={each.called: _shape(each) for _, each in _of_kind(stored, "event", Event)},
        sources={
            source.id: _source(source, each) for source, each in _of_kind(stored, "source", Source)
        },
    )


def _spend(costs: SmsCosts | None) -> SpendTerms | None:
    if costs is None:
        return None
    return SpendTerms(
        prices={country: micros(_exact(price)) for country, price in costs.prices.items()},
        other=micros(_exact(costs.other or 0)),
        per_day=None if costs.per_day is None else micros(_exact(costs.per_day)),
        currency=costs.currency,
    )


def _exact(amount: float) -> Decimal:
    """Take an amount as it was written: 0.1 is a tenth."""
    return Decimal(str(amount))


def _shape(event: Event) -> EventShape:
    properties = {
        name: Property(each.type, each.required, tuple(each.one_of), each.min, each.max)
        for name, each in event.properties.items()
    }
    return EventShape(properties, closed=event.closed)


def fences_of(
    documents: Iterable[StoredDocument], since_ms: Mapping[str, int] | None = None
) -> list[Fence]:
    """Give every live fence by id; ``since_ms`` says when each was published first."""
    since = since_ms or {}
    found = [fences.fence_of(each.body) for each in documents if each.kind == "fence"]
    found.sort(key=lambda fence: fence.fence_id)
    return [fences.since(fence, since.get(fence.fence_id, 0)) for fence in found]


def fence_views(
    documents: Sequence[StoredDocument], all_fences: Iterable[Fence], zone: str
) -> dict[str, FenceView]:
    """Give what rules and messages may know of each fence; ``zone`` is the workspace's."""
    ranks = {each.id: each.rank for _, each in _of_kind(documents, "library", Library)}
    return {fence.fence_id: fences.view_of(fence, ranks, zone) for fence in all_fences}


def _of_kind(
    documents: Iterable[StoredDocument], kind: str, model: type[_M]
) -> Iterator[tuple[StoredDocument, _M]]:
    for each in documents:
        if each.kind == kind:
            yield each, model.model_validate(each.body)


def _entries(campaigns: Iterable[plan.Campaign]) -> Iterator[plan.Entry]:
    for campaign in campaigns:
        yield from campaign.entries


def _awaited(flows: Iterable[Flow]) -> Iterator[plan.Entry]:
    """Give what the runs of journeys wait for besides reactions."""
    for flow in flows:
        waits = (step.does for step in flow.steps.values() if isinstance(step.does, WaitStep))
        for each in (*flow.exit_on, *(one for wait in waits for one in wait.awaited)):
            if not isinstance(each.what, Reaction):
                yield each.what


def _source(source: StoredDocument, authored: Source) -> plan.Source:
    return plan.Source(
        source_id=authored.id,
        version=source.version,
        url=authored.url,
        ttl_ms=authored.ttl_s * 1_000,
        timeout_ms=round(authored.timeout_s * 1_000),
        headers=tuple(sorted(authored.headers.items())),
        sign=tuple(authored.sign),
    )


def _fraction(percent: object) -> float:
    return percent_fraction(percent) or 0.0


def _users(named: Sequence[str] | None) -> frozenset[str] | None:
    return None if named is None else frozenset(named)


def _experiment(source: StoredDocument, authored: Experiment) -> plan.Experiment:
    return plan.Experiment(authored.id, source.version, tuple(sorted(authored.arms.items())))


def _template(source: StoredDocument, authored: Template) -> plan.Template:
    sources: dict[str, dict[str, Any]] = {}
    for channel in CHANNELS:
        content: Authored | None = getattr(authored, channel)
        if content is not None:
            sources[channel] = _rendered_from(content.model_dump())
    languages = {
        tag: {name: _rendered_from(each) for name, each in translated(authored, tag).items()}
        for tag in authored.translations
    }
    return plan.Template(
        template_id=authored.id,
        version=source.version,
        purpose=authored.purpose,
        sources=sources,
        missing=authored.missing,
        language=authored.language,
        languages=languages,
        confirms=authored.confirms or "",
        is_code=authored.security_code,
        tracks_opens=authored.tracking.opens,
        tracks_clicks=authored.tracking.clicks,
    )


def _rendered_from(content: dict[str, Any]) -> dict[str, Any]:
    """Give what is rendered: HTML in the place of MJML, once and for all."""
    mjml = content.pop("mjml", "")
    made = compile_mjml(mjml) if mjml else None
    if isinstance(made, str):
        content["html"] = made
    return content


def _fragment(source: StoredDocument, authored: Fragment) -> plan.Fragment:
    return plan.Fragment(
        authored.id,
        source.version,
        {"text": authored.text, "html": authored.html},
        authored.language,
        {tag: each.model_dump() for tag, each in authored.translations.items()},
    )


def _caps(authored: Caps, views: Mapping[str, FenceView]) -> Iterator[plan.CapRule]:
    for number, rule in enumerate(authored.rules, 1):
        calendar = next((each for each in WINDOWS if each == rule.per), None)
        yield plan.CapRule(
            rule_id=f"{authored.id}.{rule.id or number}",
            limit=rule.limit,
            scope=plan.CapScope(
                purpose=rule.scope.purpose,
                channels=frozenset(rule.scope.channel),
                tags=frozenset(rule.scope.tag),
                campaigns=frozenset(rule.scope.campaign),
                brands=frozenset(rule.scope.brand),
                fence_ids=_places(rule.scope.place, views),
            ),
            rolling_ms=None if calendar else parse_duration_ms(rule.per),
            calendar=calendar,
        )


def _places(
    authored: FenceSelector | None, views: Mapping[str, FenceView]
) -> frozenset[str] | None:
    if authored is None:
        return None
    selector = authored.selector()
    return frozenset(fence_id for fence_id, view in views.items() if selector.matches(view))


def _policy(source: StoredDocument, authored: Policy) -> plan.Policy:
    return plan.Policy(
        policy_id=authored.id,
        version=source.version,
        accepts={purpose: frozenset(values) for purpose, values in authored.accepts.items()},
        defaults=dict(authored.defaults),
        quiet_hours=tuple(_quiet_hours(each) for each in authored.quiet_hours),
        countries=frozenset(authored.jurisdiction),
        location_fields=frozenset(authored.location_fields),
        double_opt_in=frozenset(authored.double_opt_in),
        answer_days=authored.data_requests_within_days,
        label=_label(authored.label) if authored.label else None,
        imprint=_imprint(authored.must_contain),
    )


def _label(authored: Label) -> plan.Label:
    return plan.Label(authored.text, frozenset(authored.channels), tuple(authored.refuse))


def _imprint(authored: MustContain) -> plan.Imprint:
    words = {"sms": authored.opt_out.sms, "email": authored.opt_out.email}
    everywhere = authored.sender or authored.contact
    wanted = {c for c in words if everywhere or words[c]}
    wanted |= {"email"} if authored.postal_address else set()
    return plan.Imprint(
        channels=frozenset(wanted.intersection(authored.channels)),
        sender=authored.sender,
        contact=authored.contact,
        postal_address=authored.postal_address,
        opt_out={channel: text for channel, text in words.items() if text},
    )


def _brand(authored: Brand) -> plan.Brand:
    return plan.Brand(
        brand_id=authored.id,
        name=authored.name,
        contact=authored.contact,
        postal_address=authored.postal_address,
        free_number=authored.free_number,
        is_default=authored.default,
    )


def _quiet_hours(authored: QuietHours) -> plan.QuietHours:
    return plan.QuietHours(
        purposes=frozenset(authored.purposes),
        channels=frozenset(authored.channels),
        allowed=windows_of(authored.allowed),
        on_zone_unknown=authored.on_zone_unknown,
        zones=authored.zones,
        and_zone=authored.and_zone or "",
        lifted_by=authored.lifted_by or "",
    )
