"""
Ranker: makes the rankings of RFM traits, every night and when a trait is new.

Rule 1. Due at ``HOUR`` of the workspace's zone (UTC where none is set), and where the newest
        ranking is of another definition. One that failed half way is begun anew.
Rule 2. Persons are read page by page, others have their turn in between; what is held of each is
        id, moment, count and amount: some 150 bytes.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from fencepost_gateway.decide.ranking import Ranking, Standing, rank
from fencepost_gateway.decide.spans import local_time, zone_named
from fencepost_gateway.decide.traits import Trait, standing_of
from fencepost_gateway.ports import Store
from fencepost_gateway.workers.plans import Plans

HOUR = 3
PAGE = 1_000


class Ranker:
    """Ranks what is due."""

    def __init__(self, store: Store, plans: Plans) -> None:
        self._store = store
        self._plans = plans

    async def step(self, now_ms: int) -> bool:
        """Make one ranking that is due; False: none is."""
        plan = self._plans.plan
        if not plan.ranked:
            return False
        known = await self._store.audiences.rankings()
        night_ms = last_night_ms(plan.workspace_zone, now_ms)
        for name in sorted(plan.ranked):
            trait = plan.traits[name]
            if _is_due(trait, known.get(name), night_ms):
                standings = await self._standings(trait, now_ms)
                ranking = rank(trait.key, standings, now_ms)
                await self._store.audiences.put_ranking(name, ranking, now_ms)
                return True
        return False

    async def _standings(self, trait: Trait, now_ms: int) -> list[Standing]:
        found: list[Standing] = []
        after = ""
        while page := await self._store.audiences.sample(after, PAGE):
            for person in page.values():
                standing = standing_of(trait, person, now_ms)
                if standing is not None:
                    found.append(standing)
            after = max(page)
        return found


def _is_due(trait: Trait, known: Ranking | None, night_ms: int) -> bool:
    return known is None or known.key != trait.key or known.at_ms < night_ms


def last_night_ms(zone: str, now_ms: int) -> int:
    """Give the newest moment up to now at which it was ``HOUR`` in a zone."""
    local = local_time(now_ms, zone_named(zone) or ZoneInfo("UTC"))
    nights = (
        (local - timedelta(days=n)).replace(hour=HOUR, minute=0, second=0, microsecond=0, fold=0)
        for n in (0, 1)
    )
    moments = [round(night.astimezone(UTC).timestamp() * 1000) for night in nights]
    return max(at_ms for at_ms in moments if at_ms <= now_ms)
