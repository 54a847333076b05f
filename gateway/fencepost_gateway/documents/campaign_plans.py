"""
Campaign plans: campaign documents, compiled for deciding.

Pure. As ``compile``, of which it is a part: its Rule 2 is carried out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import structs

from fencepost_gateway.decide import plan
from fencepost_gateway.decide.hours import weekly_windows
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.rules import Rule, compile_rule, compile_where
from fencepost_gateway.decide.spans import (
    moment_ms,
    parse_duration_ms,
    parse_moment,
    zone_named,
)
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.documents.models.base import percent_fraction
from fencepost_gateway.documents.models.campaign import ArmTemplates, Campaign, Message
from fencepost_gateway.documents.models.entry import Entry, Limits
from fencepost_gateway.documents.models.hours import Allowed
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.selector import FenceSelector
from fencepost_geofence.fence import Fence

_ASKED_FOR = ("dwell", "pass", "approach")  # what a fence has only if its author says so


def selected(
    entry: Entry, views: Mapping[str, FenceView], all_fences: Iterable[Fence]
) -> frozenset[str]:
    """Resolve the fences an entry waits for (Rule 2)."""
    selector = (entry.fence or FenceSelector(id="-")).selector()
    chosen = {fence_id for fence_id, view in views.items() if selector.matches(view)}
    if entry.transition in _ASKED_FOR:
        chosen &= {fence.fence_id for fence in all_fences if _tells(fence, entry)}
    return frozenset(chosen)


def _tells(fence: Fence, entry: Entry) -> bool:
    """Say whether a fence ever has the transition that an entry waits for."""
    if entry.transition == "pass":
        return fence.passes
    if entry.transition == "approach":
        return fence.approach_s is not None
    after_ms = parse_duration_ms(entry.after)
    return any(after_ms in {None, each_s * 1_000} for each_s in fence.dwell_after_s)


def run_bounds_ms(campaign: Campaign | Journey, zone: str) -> tuple[int | None, int | None]:
    """Place the run dates in time; one without offset needs the workspace's zone."""
    return _moment(campaign.run.from_, zone), _moment(campaign.run.until, zone)


def campaign_of(
    source: StoredDocument,
    authored: Campaign,
    views: Mapping[str, FenceView],
    all_fences: Sequence[Fence],
    zone: str,
) -> plan.Campaign:
    """Compile a campaign; ``zone`` is the workspace's."""
    head = head_of(source, authored, views, all_fences, zone)
    return structs.replace(head, message=message_of(authored.message))


def head_of(
    source: StoredDocument,
    authored: Campaign | Journey,
    views: Mapping[str, FenceView],
    all_fences: Sequence[Fence],
    zone: str,
) -> plan.Campaign:
    """Compile what campaigns and journeys have in common: all but what they send."""
    goal = authored.goal
    from_ms, until_ms = run_bounds_ms(authored, zone)
    return plan.Campaign(
        campaign_id=authored.id,
        version=source.version,
        name=authored.name or authored.id,
        entries=tuple(
            entry_of(authored.id, each, views, all_fences, zone) for each in authored.entry
        ),
        message=plan.NO_MESSAGE,
        when=rule_of(authored.when),
        reentry=_reentry(authored.reentry),
        goal=plan.Goal(goal.event, parse_duration_ms(goal.within) or 0) if goal else None,
        holdout=percent_fraction(authored.holdout) or 0.0,
        tags=frozenset(authored.tags),
        brand=authored.brand or "",
        run_from_ms=from_ms,
        run_until_ms=until_ms,
        limits=limits_of(authored.limits),
    )


def message_of(wish: Message, priority: int | None = None) -> plan.MessagePlan:
    """Compile what is sent; ``priority`` stands where the message says none."""
    is_said = priority is None or "priority" in wish.model_fields_set
    return plan.MessagePlan(
        **_templates(wish.template),
        channels=tuple(wish.channels),
        each=wish.each,
        while_=rule_of(wish.while_),
        max_age_ms=parse_duration_ms(wish.max_age),
        quiet_hours=wish.quiet_hours,
        priority=wish.priority if is_said or priority is None else priority,
        hours=None if wish.hours is None else windows_of(wish.hours),
        only_open=wish.only_open,
        caps=wish.caps,
        on_unknown=wish.on_unknown or "",
        fallback_after_ms=_fallback_ms(wish.fallback_after),
    )


def _fallback_ms(said: str | None) -> int | None:
    return plan.NEVER_MS if said == "never" else parse_duration_ms(said)


def _templates(authored: str | ArmTemplates) -> dict[str, Any]:
    if isinstance(authored, str):
        return {"template_id": authored}
    by_arm = dict(sorted(authored.arms.items()))
    first = next(iter(by_arm.values()))
    return {"template_id": first, "experiment_id": authored.experiment, "by_arm": by_arm}


def entry_of(
    campaign_id: str,
    authored: Entry,
    views: Mapping[str, FenceView],
    all_fences: Sequence[Fence],
    zone: str,
) -> plan.Entry:
    """Compile what wakes a campaign, or is awaited in a journey; ``zone`` is the workspace's."""
    where = None if authored.where is None else compile_where(authored.where)
    if authored.event is not None:
        return plan.EventEntry(authored.event, where)
    if authored.audience is not None:
        on, existing = authored.on or "join", authored.include_existing
        return plan.AudienceEntry(authored.audience, on, existing)
    if authored.external is not None:
        return plan.ExternalEntry(authored.external, where, authored.audience_id)
    if authored.schedule is not None:
        return _schedule(campaign_id, authored, authored.schedule, zone)
    if authored.api:
        return plan.ApiEntry()
    return plan.TransitionEntry(
        kind=authored.transition or "enter",
        fence_ids=selected(authored, views, all_fences),
        after_ms=parse_duration_ms(authored.after),
        initial=authored.initial,
        opened=authored.opened,
        inactive=authored.inactive,
    )


def _schedule(campaign_id: str, authored: Entry, cron: str, zone: str) -> plan.ScheduleEntry:
    fields, zone = " ".join(cron.upper().split()), authored.zone or zone
    whom = f"{authored.audience_id} {'new' if authored.only_new else 'all'}"
    return plan.ScheduleEntry(
        schedule_id=derive("schedule", campaign_id, fields, zone, whom),
        cron=fields,
        zone=zone,
        audience_id=authored.audience_id,
        only_new=authored.only_new,
    )


def limits_of(authored: Limits | None) -> plan.Limits | None:
    """Compile how many are taken in."""
    if authored is None:
        return None
    return plan.Limits(authored.entries, authored.per or "total", authored.running)


def rule_of(tree: object) -> Rule | None:
    """Compile a rule that may be absent."""
    return None if tree is None else compile_rule(tree)


def _reentry(authored: object) -> plan.Reentry:
    if isinstance(authored, dict):
        return plan.Reentry("after", parse_duration_ms(authored["after"]) or 0)
    if authored == "never":
        return plan.Reentry("never")
    return plan.Reentry("always") if authored == "always" else plan.Reentry()


def _moment(text: str | None, zone: str) -> int | None:
    moment = parse_moment(text)
    return None if moment is None else moment_ms(moment, zone_named(zone))


def windows_of(allowed: Allowed) -> tuple[plan.LocalWindow, ...]:
    """Give allowed hours as windows of one weekday each (``compile``, Rule 5)."""
    days = {name: texts for name, texts in allowed if texts is not None}
    return weekly_windows(days) or ()
