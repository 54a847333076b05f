"""Rows: what crosses the port, into a store and out of it; plain data."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.calls import Call
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.inbox import InboxState
from fencepost_gateway.decide.message import Message, Verdict
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.ports.journey_rows import JourneyPlace, RunRow

LEASE_MS = 60_000  # twice the longest provider call
LOG_KEEP_MS = 24 * 3_600_000  # the log is transit
KEPT_DAYS = 31  # what was counted of a fence
ADDRESSES_MAX = 10  # of one channel of one person


class DocumentRow(Struct, frozen=True):
    """
    One immutable version of a document; ``body`` is its canonical JSON.

    ``first_ms`` is when it went live: its first version, or the one that brought it back.
    ``folder`` is where it is kept (``fencepost apply``), handed on from version to version;
    ``publisher`` says of this version alone who published it.
    """

    kind: str
    id: str
    version: int
    body: bytes
    applied_ms: int
    first_ms: int
    state: Literal["live", "archived"] = "live"
    folder: str = ""
    publisher: str = ""


class AddressChange(Struct, frozen=True):
    """
    An address appears or is told again (``raw``), or goes (None).

    Told again it keeps its ``since_ms``. A push token is one phone's and a web push subscription
    one browser's: they are taken from whoever had them, unless they told them later. Other
    addresses may be several people's. Of each channel a person has the ``ADDRESSES_MAX`` that were
    told last.
    """

    person_id: str
    channel: str
    ref: str
    raw: dict[str, Any] | None
    device_id: str
    at_ms: int


class AddressMove(Struct, frozen=True):
    """A device speaks for ``person_id`` now, whose its push addresses are from then on."""

    device_id: str
    person_id: str


class Timer(Struct, frozen=True):
    """Ask again at ``due_ms``; one per device, so setting it replaces the one before."""

    device_id: str
    person_id: str
    due_ms: int


class RecordRow(Struct, frozen=True):
    """
    One row of the decision records: a transition, a step, a claim, an outcome, a merge.

    ``subject`` is the id that it is asked for by (visit, run, message); ``body`` is plain data.
    """

    cursor: int
    at_ms: int
    person_id: str
    kind: Literal["transition", "step", "claim", "outcome", "check_in", "merge", "audience", "call"]
    subject: str
    body: dict[str, Any]


class HistoryRow(Struct, frozen=True):
    """
    What one record of the log told of one person, at ``at_ms``; rows come in the log's order.

    ``body`` is an ``intake.history.Told``, packed: one column, so that it can be sealed by person.
    ``person_id`` is whose it is by now, the one in the body whose it was.
    """

    cursor: int
    at_ms: int
    person_id: str
    body: bytes


class Effects(Struct):
    """
    Everything a group of log records comes to; committed with ``position`` or not at all.

    ``timers`` maps device id to its timer, None to clear it. ``merges`` are (visitor, person)
    pairs: rows of the first become the second's; cap slots move, so counters add, and messages of
    the inbox get cursors behind all others, so that no device passes them by. ``reacted`` are
    what a person's own device told of a delivery, as (person, delivery, what): it moves as by a
    report; one in the app changes in the inbox too, and one that no device has shown gives its cap
    slot back (``decide.inbox``). What hangs in the inbox on a fence is gone when one of ``persons``
    is no longer inside. ``fence_days`` holds what was counted, by UTC day (days since 1970) and
    fence, ``audience_days`` the same by audience, ``journey_days`` by place in a journey; it is
    added to what is there. ``person_timers`` maps a person to when to ask again about them, None to
    clear it. ``runs`` are those of journeys that moved, ``calls`` what they ask to be called.
    ``answered`` names calls that need not be made any more; look-ups of runs that ended need not.

    Of broadcasts, by number: ``begun`` says whether somebody is to be told (False: nobody waits for
    it, so it is done), ``reached`` how many more it woke something for (added once, as counts are),
    ``ended`` that everybody was told. ``tallies`` sets counts of campaigns.
    ``passed_over`` says why a record at a position could not be folded, or not for everybody.

    ``trial_messages`` and ``trial_records`` are of what is on trial, and stand apart from all else;
    with ``trial_begins`` nothing is left of what the trial before wrote.
    """

    position: int
    now_ms: int
    persons: dict[str, Person] = field(default_factory=dict)
    tracks: dict[str, bytes] = field(default_factory=dict)
    addresses: list[AddressChange | AddressMove] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    timers: dict[str, Timer | None] = field(default_factory=dict)
    merges: list[tuple[str, str]] = field(default_factory=list)
    reacted: list[tuple[str, str, Word]] = field(default_factory=list)
    records: list[RecordRow] = field(default_factory=list)
    fence_days: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    audience_days: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    journey_days: dict[tuple[int, JourneyPlace], dict[str, int]] = field(default_factory=dict)
    person_timers: dict[str, int | None] = field(default_factory=dict)
    runs: dict[str, RunRow] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    history: list[HistoryRow] = field(default_factory=list)
    begun: dict[int, bool] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    tallies: dict[tuple[str, str], int] = field(default_factory=dict)
    passed_over: dict[int, str] = field(default_factory=dict)
    trial_begins: bool = False
    trial_messages: list[Message] = field(default_factory=list)
    trial_records: list[RecordRow] = field(default_factory=list)


class Sweep(Struct, frozen=True):
    """A back-fill: which definitions, up to whom, how many of how many, and whether it is done."""

    key: str = ""
    after: str = ""
    seen: int = 0
    total: int = 0
    done: bool = True


class BroadcastRow(Struct, frozen=True):
    """
    Something that many are told of, and how far that is.

    ``number`` is the position of its record. ``waiting``: the pipeline has not come to it;
    ``running``: persons are being told; ``told``: the last of them are on their way; ``done``.
    """

    number: int
    broadcast: Broadcast
    appended_ms: int
    state: Literal["waiting", "running", "told", "done"] = "waiting"
    after: str = ""
    seen: int = 0
    total: int = 0
    reached: int = 0
    done_ms: int | None = None


class ScheduleRow(Struct, frozen=True):
    """When a schedule comes due; None: it is not published now, or never comes again."""

    schedule_id: str
    due_ms: int | None


class AudienceDay(Struct, frozen=True):
    """
    What was counted of an audience on a UTC day (days since 1970).

    ``reached`` counts the goals that members reached, ``worth`` what they were worth, in
    ten-thousandths.
    """

    day: int
    audience_id: str
    joined: int = 0
    left: int = 0
    filled: int = 0
    cleared: int = 0
    reached: int = 0
    worth: int = 0


class DueMessage(Struct, frozen=True):
    """A message whose claim is due, and the lane it waits on; empty: one of several."""

    message_id: str
    priority: int
    due_ms: int
    cause_ms: int
    rank: int = 2
    lane: str = ""


class Claimed(Struct, frozen=True):
    """A claim as it was written; ``lease_token`` fences the confirm of a send."""

    verdict: Verdict
    message: Message
    delivery_id: str = ""
    lease_token: int = 0
    attempt: int = 0


class InboxRow(Struct, frozen=True):
    """
    An in-app message before its person, or that there was one (``decide.inbox``).

    ``content`` is empty once it is ``gone``; ``fence_id`` is the fence it hangs on, if it does.
    """

    cursor: int
    delivery_id: str
    message_id: str
    content: dict[str, Any]
    priority: int
    show_until_ms: int
    state: InboxState = "open"
    fence_id: str = ""


class DeliveredTo(Struct, frozen=True):
    """Whom a delivery was to, and by which channel and address."""

    person_id: str
    channel: str
    ref: str


class Taken(Struct, frozen=True):
    """
    What became of a report: ``new``, ``repeated``, or of a delivery that is ``unknown``.

    ``state`` is where the delivery stands by now.
    """

    what: Literal["new", "repeated", "unknown"]
    delivery_id: str = ""
    message_id: str = ""
    person_id: str = ""
    state: str = ""


class DeviceSeen(Struct, frozen=True):
    """A device that speaks for somebody; when it was heard of first and last."""

    device_id: str
    first_ms: int
    last_ms: int


class AddressSeen(Struct, frozen=True):
    """Where a channel reaches somebody, by reference: since when, last told, off limits why."""

    channel: str
    ref: str
    since_ms: int
    seen_ms: int
    suppressed: str


class Holdings(Struct, frozen=True):
    """
    What is held of a person beside their row, of the visitors who turned out to be them too.

    ``phone`` is their newest number, for the countries of its prefix alone; it is never shown.
    """

    visitors: tuple[str, ...]
    addresses: tuple[AddressSeen, ...]
    slots: tuple[Slot, ...]
    phone: str = ""


class Statement(Struct, frozen=True):
    """A statement of consent that took effect when it was received."""

    received_ms: int
    entry: ConsentEntry
