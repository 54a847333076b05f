"""
Census: how many entered each campaign and how many are in it, and whether one more may come in.

Pure apart from the counts, which the one ordered reader of the log keeps and commits with every
entry: so they are exact, however many come at once.

Rule 1. Entries are counted in total and by calendar window of the workspace's zone. Each window has
        a count of its own, so a clock that steps back finds the one it had.
Rule 2. Somebody is in a campaign while one of their runs in it lives. That is compared with what
        was counted of them whenever something has happened to them, so no way out is forgotten.
Rule 3. Test persons are let in, and their entries are not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from fencepost_gateway.decide.spans import local_time, zone_named

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.plan import Campaign

RUNNING: Final = "running"
TOTAL: Final = "total"
_FORMATS: Final = {"hour": "hour %Y-%m-%dT%H%z", "day": "day %Y-%m-%d", "month": "month %Y-%m"}

Counts = dict[tuple[str, str], int]  # by campaign and what is counted


class Census:
    """Counts of every campaign; ``changed`` are those that have to be written."""

    def __init__(self, counts: Mapping[tuple[str, str], int]) -> None:
        self._counts: Counts = dict(counts)
        self._living: dict[str, Counter[str]] = {}
        self.changed: Counts = {}

    def count(self, campaign_id: str, what: str) -> int:
        """Say how many were counted."""
        return self._counts.get((campaign_id, what), 0)

    def objection(self, campaign: Campaign, zone: str, now_ms: int) -> tuple[str, dict[str, Any]]:
        """Give the limit that keeps one more person out, and what was counted."""
        limits = campaign.limits
        if limits is None:
            return "", {}
        inside = self.count(campaign.campaign_id, RUNNING)
        if limits.running is not None and inside >= limits.running:
            return "concurrency_cap", {"running": inside, "limit": limits.running}
        entered = self.count(campaign.campaign_id, window_of(limits.per, zone, now_ms))
        if limits.entries is not None and entered >= limits.entries:
            return "entry_cap", {"entered": entered, "limit": limits.entries, "per": limits.per}
        return "", {}

    def entered(self, campaign: Campaign, zone: str, now_ms: int) -> None:
        """Count an entry (Rule 1)."""
        self.add(campaign.campaign_id, TOTAL, 1)
        if campaign.limits is not None and campaign.limits.per != TOTAL:
            self.add(campaign.campaign_id, window_of(campaign.limits.per, zone, now_ms), 1)

    def know(self, person: Person) -> None:
        """Take note of how many runs of a person were counted: those that are committed."""
        self._living[person.person_id] = _living(person)

    def settle(self, person: Person) -> None:
        """Count what has changed about the runs of a person (Rule 2)."""
        known, now = self._living.get(person.person_id, Counter()), _living(person)
        if known == now:
            return
        for campaign_id in known.keys() | now.keys():
            self.add(campaign_id, RUNNING, now[campaign_id] - known[campaign_id])
        self._living[person.person_id] = now

    def join(self, visitor_id: str, person_id: str) -> None:
        """Two persons turned out to be one: what was counted of both is theirs."""
        theirs = self._living.pop(visitor_id, Counter())
        self._living[person_id] = self._living.get(person_id, Counter()) + theirs

    def forget(self, person_id: str) -> None:
        """Let go of what was known of a person, whose row is not held any more."""
        self._living.pop(person_id, None)

    def take_changed(self) -> Counts:
        """Give what has to be written since the last time."""
        changed, self.changed = self.changed, {}
        return changed

    def add(self, campaign_id: str, what: str, more: int) -> None:
        """Count something else of a campaign: who went through a step that is limited."""
        if more:
            key = (campaign_id, what)
            self._counts[key] = self.changed[key] = self._counts.get(key, 0) + more


def window_of(per: str, zone: str, now_ms: int) -> str:
    """Name the window that a moment is in."""
    if per == TOTAL:
        return TOTAL
    local = local_time(now_ms, zone_named(zone) or ZoneInfo("UTC"))
    if per == "week":
        return f"week {local - timedelta(days=local.weekday()):%Y-%m-%d}"
    return local.strftime(_FORMATS[per])


def _living(person: Person) -> Counter[str]:
    """Count the runs of a person that live, by campaign."""
    runs = person.runs.items()
    return Counter(key.partition("#")[0] for key, run in runs if run.ended_ms is None)
