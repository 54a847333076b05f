"""
Person: what deciding may know of somebody, and how events change it.

Pure. The person stage owns a ``Person`` and changes it in place; the row that the commit writes is
the truth. Everything here comes from log records alone, so that a replay makes the same person.
Statements of consent and addresses stand here for branching: the claim reads their rows itself.

Rule 1. A person's id is a hash of workspace and identity, so every process makes the same one.
Rule 2. History kept here is bounded: the newest ``RECENT_MAX`` app events with their properties,
        oldest first, and per event name a summary (``decide.summary``) for the first
        ``NAMES_MAX`` names. Newest by when it happened, not by when we heard of it; what falls
        out leaves its moment in ``lost``, so that everything later is known to be complete.
        Properties larger than ``PROPS_MAX_BYTES`` woke whom they woke, but are not remembered; nor
        is an attribute set that would make more than ``ATTRIBUTES_MAX`` of them, or make them
        larger than ``ATTRIBUTES_MAX_BYTES`` together. So whatever an app reports, the row of a
        person stays below two mebibytes (``docs/how-to/see-a-person.md``).
Rule 3. Merging adds counters, keeps the known person's attributes over the visitor's, and of two
        runs in one campaign keeps the older one that lives, else the one that began last.
        The known person's arm in an experiment stays.
        Statements are left alone: the door has merged them, and the upload that links says how.
Rule 4. Visits and messages are kept as ``decide.past`` says; of addresses the newest
        ``REACH_MAX`` references a channel; of statements ``CONSENTS_MAX``, those about single
        addresses first to go.
Rule 5. ``arms`` remembers by experiment which arm somebody was first exposed to. ``fix_zone`` is
        the zone of the newest position, which itself is not here; ``unheard`` counts positions that
        could not speak.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from fencepost_gateway.decide import trait_state
from fencepost_gateway.decide.consent import ANY, ConsentEntry
from fencepost_gateway.decide.flags import FLAGS_MAX, Flagged
from fencepost_gateway.decide.past import (
    PastMessage,
    Visit,
    begin_visit,
    keep_all,
    keep_message,
    later_ms,
)
from fencepost_gateway.decide.run import Run
from fencepost_gateway.decide.summary import EventSummary, fold_oldest, summary_of, value_of
from fencepost_gateway.decide.trait_state import TraitState
from fencepost_gateway.decide.twin import Twin
from fencepost_gateway.decide.unheard import Unheard, added
from fencepost_gateway.decide.watch import Watch

RECENT_MAX = 100
NAMES_MAX = 200
PROPS_MAX_BYTES = 2_048  # a hundred of them are 200 KiB a person at the very most
ATTRIBUTES_MAX = 256
ATTRIBUTES_MAX_BYTES = 65_536
LEFT_MAX = 16
REACH_MAX = 8
CONSENTS_MAX = 200
UNSUMMED = ""  # stands for every event name that found no room for a summary
APART_MAX = 16
DROPPED_MAX = 32

NO_PROPS = b"\x80"  # an empty map

_packed = msgspec.msgpack.Encoder().encode
_props = msgspec.msgpack.Decoder(dict[str, Any]).decode


class PastEvent(Struct, frozen=True, gc=False, array_like=True):
    """
    One app event as history keeps it.

    ``packed`` are its properties in msgpack: a person is read and written far more often than a
    rule looks into an event, and so this costs no more than copying bytes.
    """

    name: str
    at_ms: int
    packed: Raw

    @property
    def props(self) -> dict[str, Any]:
        """Its properties, unpacked at each look."""
        found: dict[str, Any] = _props(self.packed)
        return found


def past_event(name: str, at_ms: int, props: dict[str, Any]) -> PastEvent:
    """Make an event for the history; properties that are too large are left out (Rule 2)."""
    packed = _packed(props)
    return PastEvent(name, at_ms, Raw(packed if len(packed) <= PROPS_MAX_BYTES else NO_PROPS))


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


class Reached(Struct, frozen=True, gc=False, array_like=True):
    """An address, by its reference, and the device that told it last."""

    ref: str
    device_id: str = ""


class Person(Struct):
    """
    Somebody we know, or an anonymous visitor.

    ``lost`` maps event name (or ``UNSUMMED``) to the newest moment that fell out of ``recent``;
    ``visits_lost_ms`` and ``messages_lost_ms`` say the same of theirs. ``reach`` maps channel to
    addresses, the newest last; ``arms`` experiment to arm. ``audiences`` says since when
    the person belongs to which, ``judged`` by which definitions, and ``rethink_ms`` when to ask
    again though nothing happens (``decide.audiences``).
    ``apart`` are the visitors who logged in as this person and were not joined, ``dropped`` the
    runs that gave way to an older one when two persons were joined: their messages are withheld.
    ``stood_ms`` is when history last kept how the person stood, or began to keep what they did.
    ``told`` and ``taken`` say by which running broadcast which campaign was woken, and with which
    membership somebody was taken by what takes only newcomers (``decide.broadcasts``). ``twin`` is
    who they would be by what is on trial (``decide.twin``), ``watches`` are the entries whose goals
    are watched (``decide.scoring``).
    """

    person_id: str
    user_id: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    summaries: dict[str, EventSummary] = field(default_factory=dict)
    recent: list[PastEvent] = field(default_factory=list)
    inside: list[Presence] = field(default_factory=list)
    left: list[Departure] = field(default_factory=list)
    flags: list[Flagged] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    zone: str = ""
    zone_at_ms: int = 0
    locale: str = ""
    lost: dict[str, int] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    visits_lost_ms: int | None = None
    messages: list[PastMessage] = field(default_factory=list)
    messages_lost_ms: int | None = None
    consents: list[ConsentEntry] = field(default_factory=list)
    reach: dict[str, list[Reached]] = field(default_factory=dict)
    traits: dict[str, TraitState] = field(default_factory=dict)
    audiences: dict[str, int] = field(default_factory=dict)
    judged: str = ""
    rethink_ms: int | None = None
    arms: dict[str, str] = field(default_factory=dict)
    fix_zone: str = ""
    fix_zone_at_ms: int = 0
    apart: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)
    drawn: dict[str, str] = field(default_factory=dict)
    calling_code: str = ""
    timer_ms: int | None = None
    stood_ms: int = 0
    told: list[tuple[int, str]] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    twin: Twin | None = None
    watches: list[Watch] = field(default_factory=list)

    def remember(self, name: str, at_ms: int, props: dict[str, Any]) -> tuple[str, ...]:
        """
        Take an app event into the history, oldest out first (Rule 2).

        Returns:
            The event names whose history has changed: its own, and that of what fell out
            (``UNSUMMED``: every name without a summary).

        """
        summary, value = self.summaries.get(name), value_of(props)
        if summary is not None:
            if summary.add(at_ms, value):
                fold_oldest(self.summaries)
        elif len(self.summaries) < NAMES_MAX:
            self.summaries[name] = summary_of(at_ms, value)
            fold_oldest(self.summaries)
        event = past_event(name, at_ms, props)
        if self.recent and at_ms <= self.recent[-1].at_ms:
            insort(self.recent, event, key=_event_rank)
        else:
            self.recent.append(event)  # events come in order, nearly always
        if len(self.recent) <= RECENT_MAX:
            return (name,)
        fallen = self.recent.pop(0)
        return (name, self._lose(fallen.name, fallen.at_ms))

    def _lose(self, name: str, at_ms: int) -> str:
        key = name if name in self.summaries else UNSUMMED
        self.lost[key] = max(at_ms, self.lost.get(key, at_ms))
        return key

    def set_attributes(self, traits: dict[str, Any]) -> None:
        """Set attributes; None removes one, a missing key is left alone (Rule 2)."""
        room_bytes = ATTRIBUTES_MAX_BYTES - len(_packed(self.attributes))
        for key, value in traits.items():
            if value is None:
                room_bytes += _size(self.attributes, key)
                self.attributes.pop(key, None)
            elif key in self.attributes or len(self.attributes) < ATTRIBUTES_MAX:
                more_bytes = len(_packed({key: value})) - _size(self.attributes, key)
                if more_bytes <= room_bytes:
                    self.attributes[key] = value
                    room_bytes -= more_bytes

    def end_message(self, campaign_id: str, run_id: str, outcome: str, now_ms: int) -> bool:
        """Take note that a campaign's message came to an end; the run ends with its last one."""
        mark = self.runs.get(campaign_id)
        if mark is None or mark.run_id != run_id or mark.ended_ms is not None or mark.at:
            return False
        mark.open -= 1
        if mark.open <= 0:
            mark.ended_ms, mark.outcome = now_ms, outcome
        return True

    def run(self, run_id: str) -> Run | None:
        """Give the run of this id, if it is still known."""
        return next((run for run in self.runs.values() if run.run_id == run_id), None)

    @property
    def wakes_ms(self) -> int | None:
        """When time has something to say to an audience or a run of theirs."""
        moments = [run.at.wakes_ms for run in self.runs.values() if run.at is not None]
        moments += [] if self.rethink_ms is None else [self.rethink_ms]
        moments += [] if self.twin is None or self.twin.due_ms is None else [self.twin.due_ms]
        return min(moments, default=None)

    def visit(self, visit: Visit) -> None:
        """Remember that a visit began."""
        self.visits_lost_ms = later_ms(self.visits_lost_ms, begin_visit(self.visits, visit))

    def heard_of(self, told: PastMessage) -> None:
        """Remember what became of a message."""
        fallen_ms = keep_message(self.messages, told)
        self.messages_lost_ms = later_ms(self.messages_lost_ms, fallen_ms)

    def state(self, entries: Iterable[ConsentEntry]) -> None:
        """Take statements as the door took them into force."""
        stands = {entry.key: entry for entry in self.consents}
        for entry in entries:
            stands.pop(entry.key, None)
            stands[entry.key] = entry
        narrow = [key for key, entry in stands.items() if entry.address != ANY]
        for key in narrow[: max(0, len(stands) - CONSENTS_MAX)]:
            del stands[key]
        self.consents = list(stands.values())

    def reached_at(self, channel: str, at: Reached, *, is_gone: bool = False) -> None:
        """Learn that an address reaches the person on a channel, or no longer does."""
        found = [each for each in self.reach.get(channel, ()) if each.ref != at.ref]
        self._reach(channel, found if is_gone else [*found, at])

    def give_up(self, channel: str, device_id: str) -> list[Reached]:
        """Give up the addresses of a device, which speaks for somebody else now."""
        found = self.reach.get(channel, [])
        self._reach(channel, [each for each in found if each.device_id != device_id])
        return [each for each in found if each.device_id == device_id]

    def _reach(self, channel: str, found: list[Reached]) -> None:
        if found:
            self.reach[channel] = found[-REACH_MAX:]
        else:
            self.reach.pop(channel, None)

    def presence(self, fence_id: str) -> Presence | None:
        """Say since when the person is inside ``fence_id``, if so."""
        return next((p for p in self.inside if p.fence_id == fence_id), None)


def is_blank(person: Person) -> bool:
    """Say whether nothing at all is kept of a person: nobody knew them until now."""
    return person == Person(person.person_id, stood_ms=person.stood_ms)


def _size(attributes: dict[str, Any], key: str) -> int:
    return len(_packed({key: attributes[key]})) if key in attributes else 0


def merge(known: Person, visitor: Person) -> None:
    """Take ``visitor`` into ``known`` (Rule 3)."""
    ours = known.attributes
    known.set_attributes({k: v for k, v in visitor.attributes.items() if k not in ours})
    trait_state.merge(known.traits, visitor.traits, known.summaries, visitor.summaries)
    for name, theirs in visitor.summaries.items():
        summary = known.summaries.get(name)
        if summary is not None:
            summary.join(theirs)
        elif len(known.summaries) < NAMES_MAX:
            known.summaries[name] = theirs
    fold_oldest(known.summaries)
    known.recent = sorted([*known.recent, *visitor.recent], key=_event_rank)
    before = [*known.lost.items(), *visitor.lost.items()]
    known.lost = {}
    for name, at_ms in before:
        known._lose(name, at_ms)  # noqa: SLF001 - its own module
    for fallen in known.recent[:-RECENT_MAX]:
        known._lose(fallen.name, fallen.at_ms)  # noqa: SLF001 - as above
    known.recent = known.recent[-RECENT_MAX:]
    _merge_past(known, visitor)
    known.inside += [p for p in visitor.inside if known.presence(p.fence_id) is None]
    known.left = [*known.left, *visitor.left][-LEFT_MAX:]
    known.flags = [*known.flags, *visitor.flags][-FLAGS_MAX:]
    known.unheard = added(known.unheard, visitor.unheard)
    known.apart = [v for v in known.apart if v != visitor.person_id]
    known.dropped = [*known.dropped, *visitor.dropped]
    for campaign_id, mark in visitor.runs.items():
        stays, goes = sorted((known.runs.get(campaign_id, mark), mark), key=_run_rank)
        known.runs[campaign_id] = stays
        if goes.ended_ms is None and goes.run_id != stays.run_id:
            known.dropped.append(goes.run_id)
    known.dropped = known.dropped[-DROPPED_MAX:]
    if visitor.zone_at_ms > known.zone_at_ms:
        known.zone, known.zone_at_ms = visitor.zone, visitor.zone_at_ms
    if visitor.fix_zone_at_ms > known.fix_zone_at_ms:
        known.fix_zone, known.fix_zone_at_ms = visitor.fix_zone, visitor.fix_zone_at_ms
    known.locale = known.locale or visitor.locale
    known.arms = visitor.arms | known.arms
    known.drawn = visitor.drawn | known.drawn
    known.calling_code = known.calling_code or visitor.calling_code
    known.twin = known.twin or visitor.twin
    known.told = [*dict.fromkeys([*known.told, *visitor.told])]
    known.watches = [*known.watches, *visitor.watches]


def _merge_past(known: Person, visitor: Person) -> None:
    known.visits_lost_ms = later_ms(known.visits_lost_ms, visitor.visits_lost_ms)
    for visit in visitor.visits:
        known.visit(visit)
    lost_ms = later_ms(visitor.messages_lost_ms, keep_all(known.messages, visitor.messages))
    known.messages_lost_ms = later_ms(known.messages_lost_ms, lost_ms)
    for channel, found in visitor.reach.items():
        for at in found:
            known.reached_at(channel, at)
    taken = _taken(known) | _taken(visitor)
    for audience_id, since_ms in visitor.audiences.items():
        known.audiences[audience_id] = min(since_ms, known.audiences.get(audience_id, since_ms))
    known.taken = visitor.taken | known.taken
    for series in taken:
        known.taken[series] = known.audiences[_audience_of(series)]


def _taken(person: Person) -> set[str]:
    """Name what has taken a person with the membership that they have now."""
    found = person.taken.items()
    return {
        name for name, since_ms in found if person.audiences.get(_audience_of(name)) == since_ms
    }


def _audience_of(series: str) -> str:
    return series.partition("/")[2]


def _event_rank(event: PastEvent) -> tuple[int, str, bytes]:
    """Order events by when they happened; of one moment always alike, however they came."""
    return (event.at_ms, event.name, bytes(event.packed))


def _run_rank(mark: Run) -> tuple[bool, int]:
    """Rank runs in one campaign: a living one goes first, the older of two (Rule 3)."""
    has_ended = mark.ended_ms is not None
    return (has_ended, -mark.entered_ms if has_ended else mark.entered_ms)
