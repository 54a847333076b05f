"""
Person: what deciding may know of somebody, and how events change it.

Pure. The person stage owns a ``Person`` and changes it in place; the row that the commit writes is
the truth. Consent, addresses and suppression are not here: the claim reads their rows itself.

Rule 1. A person's id is a hash of workspace and identity, so every process makes the same one.
Rule 2. History kept here is bounded: the newest ``RECENT_MAX`` app events with their properties,
        oldest first, and per event name a summary (count, first, last) for the first
        ``NAMES_MAX`` names. Newest by when it happened, not by when we heard of it. Properties
        larger than ``PROPS_MAX_BYTES`` woke whom they woke, but are not remembered; nor is an
        attribute set that would make more than ``ATTRIBUTES_MAX`` of them.
Rule 3. Merging adds counters, keeps the known person's attributes over the visitor's, and of two
        runs in one campaign keeps the older one that lives, else the one that began last.
        The known person's arm in an experiment stays.
Rule 4. ``arms`` remembers by experiment which arm somebody was first exposed to.
        ``fix_zone`` is the zone of the newest position, which itself is not here.
"""

from __future__ import annotations

from bisect import insort
from typing import Any

import msgspec
from msgspec import Struct, field

from fencepost_gateway.decide.flags import FLAGS_MAX, Flagged

RECENT_MAX = 100
NAMES_MAX = 200
PROPS_MAX_BYTES = 2_048  # a hundred of them are 200 KiB a person at the very most
ATTRIBUTES_MAX = 256
LEFT_MAX = 16

_packed = msgspec.msgpack.Encoder().encode


class EventSummary(Struct):
    """How often and when an app event of one name happened; times in epoch milliseconds."""

    count: int
    first_ms: int
    last_ms: int


class PastEvent(Struct, frozen=True, gc=False, array_like=True):
    """One app event as history keeps it."""

    name: str
    at_ms: int
    props: dict[str, Any]


class Presence(Struct):
    """
    The person is inside a fence since ``since_ms``; which visit, seen by which device.

    Openings of the fence after ``opened_ms`` are still to be told; 0: nobody has asked for any.
    """

    fence_id: str
    since_ms: int
    visit_id: str
    device_id: str
    opened_ms: int = 0


class Departure(Struct, frozen=True, gc=False, array_like=True):
    """A device left a fence at ``at_ms``; kept for minutes, to tell a flap from a visit."""

    fence_id: str
    device_id: str
    at_ms: int


class RunMark(Struct):
    """
    The newest run of a person in one campaign; ``ended_ms`` is None while it lives.

    ``open`` counts its messages that have not come to an end.
    """

    run_id: str
    entered_ms: int
    open: int = 1
    ended_ms: int | None = None
    outcome: str = ""


class Person(Struct):
    """Somebody we know, or an anonymous visitor."""

    person_id: str
    user_id: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    summaries: dict[str, EventSummary] = field(default_factory=dict)
    recent: list[PastEvent] = field(default_factory=list)
    inside: list[Presence] = field(default_factory=list)
    left: list[Departure] = field(default_factory=list)
    flags: list[Flagged] = field(default_factory=list)
    runs: dict[str, RunMark] = field(default_factory=dict)
    zone: str = ""
    zone_at_ms: int = 0
    locale: str = ""
    arms: dict[str, str] = field(default_factory=dict)
    fix_zone: str = ""
    fix_zone_at_ms: int = 0

    def remember(self, name: str, at_ms: int, props: dict[str, Any]) -> None:
        """Take an app event into the history, oldest out first (Rule 2)."""
        summary = self.summaries.get(name)
        if summary is not None:
            summary.count += 1
            summary.first_ms = min(summary.first_ms, at_ms)
            summary.last_ms = max(summary.last_ms, at_ms)
        elif len(self.summaries) < NAMES_MAX:
            self.summaries[name] = EventSummary(1, at_ms, at_ms)
        kept = props if not props or len(_packed(props)) <= PROPS_MAX_BYTES else {}
        event = PastEvent(name, at_ms, kept)
        if self.recent and at_ms < self.recent[-1].at_ms:
            insort(self.recent, event, key=lambda e: e.at_ms)
        else:
            self.recent.append(event)  # events come in order, nearly always
        if len(self.recent) > RECENT_MAX:
            del self.recent[0]

    def set_attributes(self, traits: dict[str, Any]) -> None:
        """Set attributes; None removes one, a missing key is left alone."""
        for key, value in traits.items():
            if value is None:
                self.attributes.pop(key, None)
            elif key in self.attributes or len(self.attributes) < ATTRIBUTES_MAX:
                self.attributes[key] = value

    def end_message(self, campaign_id: str, run_id: str, outcome: str, now_ms: int) -> bool:
        """Take note that a message came to an end; the run ends with its last one."""
        mark = self.runs.get(campaign_id)
        if mark is None or mark.run_id != run_id or mark.ended_ms is not None:
            return False
        mark.open -= 1
        if mark.open <= 0:
            mark.ended_ms, mark.outcome = now_ms, outcome
        return True

    def presence(self, fence_id: str) -> Presence | None:
        """Say since when the person is inside ``fence_id``, if so."""
        return next((p for p in self.inside if p.fence_id == fence_id), None)


def merge(known: Person, visitor: Person) -> None:
    """Take ``visitor`` into ``known`` (Rule 3)."""
    for key, value in visitor.attributes.items():
        known.attributes.setdefault(key, value)
    for name, theirs in visitor.summaries.items():
        ours = known.summaries.get(name)
        if ours is not None:
            ours.count += theirs.count
            ours.first_ms = min(ours.first_ms, theirs.first_ms)
            ours.last_ms = max(ours.last_ms, theirs.last_ms)
        elif len(known.summaries) < NAMES_MAX:
            known.summaries[name] = theirs
    known.recent = sorted([*known.recent, *visitor.recent], key=lambda e: e.at_ms)[-RECENT_MAX:]
    known.inside += [p for p in visitor.inside if known.presence(p.fence_id) is None]
    known.left = [*known.left, *visitor.left][-LEFT_MAX:]
    known.flags = [*known.flags, *visitor.flags][-FLAGS_MAX:]
    for campaign_id, mark in visitor.runs.items():
        marks = (known.runs.get(campaign_id, mark), mark)
        known.runs[campaign_id] = min(marks, key=_run_rank)
    if visitor.zone_at_ms > known.zone_at_ms:
        known.zone, known.zone_at_ms = visitor.zone, visitor.zone_at_ms
    if visitor.fix_zone_at_ms > known.fix_zone_at_ms:
        known.fix_zone, known.fix_zone_at_ms = visitor.fix_zone, visitor.fix_zone_at_ms
    known.locale = known.locale or visitor.locale
    known.arms = visitor.arms | known.arms


def _run_rank(mark: RunMark) -> tuple[bool, int]:
    """Rank runs in one campaign: a living one goes first, the older of two (Rule 3)."""
    has_ended = mark.ended_ms is not None
    return (has_ended, -mark.entered_ms if has_ended else mark.entered_ms)
