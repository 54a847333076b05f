"""
Wake index: which campaigns an event, a transition, an audience or a time may wake.

Pure. Asked before a person is loaded, so it is made of the compiled campaigns alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fencepost_gateway.decide import plan
from fencepost_gateway.decide.opening import Opening
from fencepost_gateway.decide.place import FenceView


def by_event(campaigns: Iterable[plan.Campaign]) -> dict[str, tuple[plan.Campaign, ...]]:
    """Give the campaigns that wait for each event."""
    index: dict[str, list[plan.Campaign]] = {}
    for campaign in campaigns:
        names = {e.name for e in campaign.entries if isinstance(e, plan.EventEntry)}
        for name in sorted(names):
            index.setdefault(name, []).append(campaign)
    return {name: tuple(found) for name, found in index.items()}


def by_transition(
    campaigns: Iterable[plan.Campaign],
) -> dict[tuple[str, str], tuple[plan.Campaign, ...]]:
    """Give the campaigns that wait for each kind of transition of each fence."""
    index: dict[tuple[str, str], list[plan.Campaign]] = {}
    for campaign in campaigns:
        keys = {
            (entry.kind, fence_id)
            for entry in campaign.entries
            if isinstance(entry, plan.TransitionEntry)
            for fence_id in entry.fence_ids
        }
        for key in sorted(keys):
            index.setdefault(key, []).append(campaign)
    return {key: tuple(found) for key, found in index.items()}


def by_audience(
    campaigns: Iterable[plan.Campaign],
) -> dict[tuple[str, str], tuple[plan.Campaign, ...]]:
    """Give the campaigns that wait for each audience to be joined or left."""
    index: dict[tuple[str, str], list[plan.Campaign]] = {}
    for campaign in campaigns:
        found = [e for e in campaign.entries if isinstance(e, plan.AudienceEntry)]
        for key in sorted({(entry.audience_id, entry.on) for entry in found}):
            index.setdefault(key, []).append(campaign)
    return {key: tuple(found) for key, found in index.items()}


def by_external(campaigns: Iterable[plan.Campaign]) -> dict[str, tuple[plan.Campaign, ...]]:
    """Give the campaigns that wait for each external event."""
    index: dict[str, list[plan.Campaign]] = {}
    for campaign in campaigns:
        names = {e.name for e in campaign.entries if isinstance(e, plan.ExternalEntry)}
        for name in sorted(names):
            index.setdefault(name, []).append(campaign)
    return {name: tuple(found) for name, found in index.items()}


def scheduled(campaigns: Iterable[plan.Campaign]) -> dict[str, tuple[str, plan.ScheduleEntry]]:
    """Give every schedule by its id, with the campaign it wakes."""
    return {
        entry.schedule_id: (campaign.campaign_id, entry)
        for campaign in campaigns
        for entry in campaign.entries
        if isinstance(entry, plan.ScheduleEntry)
    }


def openings_of(
    entries: Iterable[plan.Entry], views: Mapping[str, FenceView]
) -> dict[str, Opening]:
    """Give the opening hours that some entry, or something awaited, waits for."""
    asked = {
        fence_id
        for entry in entries
        if isinstance(entry, plan.TransitionEntry) and entry.opened
        for fence_id in entry.fence_ids
    }
    found = {fence_id: views[fence_id].opening for fence_id in sorted(asked)}
    return {fence_id: opening for fence_id, opening in found.items() if opening is not None}
