"""
Broadcasts: what concerns many persons at once, and whom of them it wakes.

Pure. A broadcast is an event from outside, a schedule that came due, or an audience whose members a
campaign takes in as it is published. It stands in the log once; a durable cursor then tells the
persons, stretch by stretch, and everybody makes a stimulus of their own of it.

Rule 1. Whether it concerns somebody is asked when it is their turn: membership then decides, by the
        definitions in force. What a ``where`` says of an event from outside holds for all of them
        alike, so it is asked once a stretch; whom it does not concern leaves no record.
Rule 2. Nobody is told twice. The stimulus is a hash of cause and person, and the person remembers
        by which running broadcast which campaign was woken: so that of two persons who turn out to
        be one, none, either or both of whom were told, the one is told once.
Rule 3. ``only_new`` takes everybody once for each time they join: the person remembers the
        membership with which they were taken. No clock is asked, so it may run backwards.
Rule 4. Who joins the audience by themselves while its members are taken in comes in by that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from fencepost_gateway.decide.cause import rule_facts
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import AudienceEntry, ExternalEntry
from fencepost_gateway.decide.stimulus import Cause

if TYPE_CHECKING:
    from fencepost_gateway.decide.plan import Campaign, Plan

Kind = Literal["external", "schedule", "members"]


class Broadcast(Struct, frozen=True):
    """
    What many are told of.

    ``broadcast_id`` names the cause: by it, the time and the person every stimulus is named.
    ``campaign_id`` is whose schedule or members it is, ``source_id`` the schedule, or the audience
    of the members; ``missed`` says how many times of a schedule went by while nobody looked.
    """

    broadcast_id: str
    kind: Kind
    name: str
    at_ms: int
    props: dict[str, Any] = {}
    campaign_id: str = ""
    source_id: str = ""
    missed: int = 0


class Wanted(Struct, frozen=True):
    """A campaign that a broadcast wakes, for whom; empty: for everybody."""

    campaign_id: str
    audience_id: str = ""
    only_new: bool = False

    @property
    def series(self) -> str:
        """Name what takes only newcomers, whatever its cron is."""
        return f"{self.campaign_id}/{self.audience_id}"


def wanted(plan: Plan, broadcast: Broadcast, now_ms: int) -> tuple[Wanted, ...]:
    """Give the campaigns that a broadcast may wake, whoever the person is (Rule 1)."""
    if broadcast.kind == "external":
        return tuple(dict.fromkeys(_by_event(plan, broadcast, now_ms)))
    if broadcast.kind == "schedule":
        found = plan.scheduled.get(broadcast.source_id)
        if found is None:
            return ()
        campaign_id, entry = found
        return (Wanted(campaign_id, entry.audience_id, entry.only_new),)
    campaign = plan.campaigns.get(broadcast.campaign_id)
    if campaign is None or broadcast.source_id not in existing_of(campaign):
        return ()
    return (Wanted(campaign.campaign_id, broadcast.source_id),)


def existing_of(campaign: Campaign) -> frozenset[str]:
    """Name the audiences whose members a campaign takes in as it is published."""
    entries = (e for e in campaign.entries if isinstance(e, AudienceEntry) and e.existing)
    return frozenset(entry.audience_id for entry in entries)


def _by_event(plan: Plan, broadcast: Broadcast, now_ms: int) -> Iterator[Wanted]:
    facts = rule_facts(plan, Person(""), general(broadcast, 0, ""), now_ms)
    for campaign in plan.on_external.get(broadcast.name, ()):
        for entry in campaign.entries:
            if (
                isinstance(entry, ExternalEntry)
                and entry.name == broadcast.name
                and (entry.where is None or entry.where.holds(facts))
            ):
                yield Wanted(campaign.campaign_id, entry.audience_id)


def general(broadcast: Broadcast, number: int, person_id: str) -> Cause:
    """Give the stimulus for the runs of a person that wait for an event, or end by it."""
    return Cause(
        stimulus_id=derive(broadcast.broadcast_id, str(broadcast.at_ms), person_id),
        kind="external",
        name=broadcast.name,
        at_ms=broadcast.at_ms,
        props=broadcast.props,
        broadcast=number,
    )


def causes(
    plan: Plan,
    person: Person,
    broadcast: Broadcast,
    number: int,
    found: Collection[Wanted],
    running: Mapping[int, Broadcast],
) -> list[Cause]:
    """
    Give what a person makes of a broadcast, and let them remember it (Rules 2 and 3).

    Args:
        plan: What is in force.
        person: Judged by it already.
        broadcast: What is told.
        number: Position of its record.
        found: From ``wanted``.
        running: The broadcasts that are under way; others need not be remembered any more.

    """
    told = []
    for each in found:
        since_ms = person.audiences.get(each.audience_id)
        is_meant = not each.audience_id or since_ms is not None
        if not is_meant or (number, each.campaign_id) in person.told:
            continue
        if each.only_new:
            if person.taken.get(each.series) == since_ms:
                continue
            person.taken[each.series] = since_ms or 0
        remember(person, number, each.campaign_id, running)
        told.append(_cause(plan, person, broadcast, number, each))
    return told


def _cause(plan: Plan, person: Person, broadcast: Broadcast, number: int, each: Wanted) -> Cause:
    audience = plan.audiences.by_id.get(each.audience_id)
    is_member = broadcast.kind == "members"
    return Cause(
        stimulus_id=derive(broadcast.broadcast_id, str(broadcast.at_ms), person.person_id),
        kind="audience" if broadcast.kind == "members" else broadcast.kind,
        name="member" if is_member else broadcast.name,
        at_ms=broadcast.at_ms,
        props={"missed": broadcast.missed} if broadcast.missed else broadcast.props,
        audience_id=each.audience_id if is_member else "",
        is_located=audience is not None and audience.is_located,
        campaign_id=each.campaign_id,
        broadcast=number,
    )


def remember(person: Person, number: int, campaign_id: str, running: Collection[int]) -> None:
    """Let a person know by what they were woken, as long as it is under way (Rule 2)."""
    person.told = [t for t in person.told if t[0] in running] + [(number, campaign_id)]


def joined(person: Person, audience_id: str, running: Mapping[int, Broadcast]) -> None:
    """Take note that somebody joined by themselves while members are taken in (Rule 4)."""
    for number, each in running.items():
        if each.kind == "members" and each.source_id == audience_id:
            remember(person, number, each.campaign_id, running)


def call_id(campaign_id: str, key: str, at_ms: int) -> str:
    """Name the stimulus of a call that starts something for one person."""
    return derive("api", campaign_id, key, str(at_ms))
