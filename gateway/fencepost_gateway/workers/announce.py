"""
Announce: what a publication alone sets going: schedules, and members who are taken in.

Rule 1. Of publications that were loaded together the last one speaks for all.
Rule 2. A schedule comes due for the first time after its publication; one that stays as it is goes
        on, whatever else is published.
Rule 3. Members are taken in once for each time a campaign goes live and each audience it names, by
        a broadcast that is under way from this record on: who joins behind it comes in by that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fencepost_gateway.decide import schedule
from fencepost_gateway.decide.broadcasts import Broadcast, existing_of
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.intake.records import LogRecord, Published
from fencepost_gateway.ports import BroadcastBook, ScheduleRow
from fencepost_gateway.workers.plans import Plans

if TYPE_CHECKING:
    from fencepost_gateway.decide.plan import Plan


async def announce(book: BroadcastBook, plans: Plans, record: LogRecord) -> dict[int, Broadcast]:
    """Set going what a publication asks for; gives the broadcasts that begin, by number."""
    plan, now_ms = plans.plan, record.appended_ms
    if not isinstance(record.record, Published) or record.record.revision < plan.revision:
        return {}
    await book.keep_schedules(schedules(plan, now_ms))
    begun = {}
    for _, members in taken_in(plans, now_ms):
        told = await book.announce(members, now_ms, begun=True)
        if told.is_new:
            begun[told.number] = members
    return begun


def schedules(plan: Plan, now_ms: int) -> list[ScheduleRow]:
    """Say when each schedule comes due for the first time (Rule 2)."""
    return [
        ScheduleRow(name, schedule.next_ms(entry.cron, entry.zone, now_ms))
        for name, (_, entry) in sorted(plan.scheduled.items())
    ]


def taken_in(plans: Plans, now_ms: int) -> Iterator[tuple[int, Broadcast]]:
    """Give whose members are taken in, and since when the campaign is live (Rule 3)."""
    for campaign_id, campaign in sorted(plans.plan.campaigns.items()):
        live_ms = max(plans.live_ms.get((kind, campaign_id), 0) for kind in SENDING)
        for audience_id in sorted(existing_of(campaign)):
            yield (
                live_ms,
                Broadcast(
                    broadcast_id=derive("members", campaign_id, audience_id, str(live_ms)),
                    kind="members",
                    name=audience_id,
                    at_ms=now_ms,
                    campaign_id=campaign_id,
                    source_id=audience_id,
                ),
            )
