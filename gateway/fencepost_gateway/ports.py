"""
Ports: what the gateway asks of a store. Docstrings are the contract; one suite proves it.

Every write is one commit, durable at the store's ack level before the call returns, or it raises
``StoreUnavailableError`` and nothing of it is there. Where a decision has to be made inside the
transaction (a verdict per event, a claim) the caller hands in the pure function that makes it:
the store reads the facts, calls it, and writes what it says. It may be called more than once.

The memory store is the reference: dictionaries, O(n), obviously right. The SQLite store is the
embedded deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import (
    ClaimFacts,
    ListedAddress,
    ListName,
    Message,
    MessageEnd,
    Verdict,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.proof import ProofHead, ProofRow
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.decide.settle import CallOutcome, Settlement
from fencepost_gateway.intake.admit import Admission, AdmitFacts
from fencepost_gateway.intake.records import LogRecord, Record
from fencepost_gateway.intake.statement import ConsentChange

LEASE_MS = 60_000  # twice the longest provider call
ADDRESSES_MAX = 10  # of one channel of one person

AckLevel = Literal["memory", "os", "fsync"]


class DocumentRow(Struct, frozen=True):
    """
    One immutable version of a document; ``body`` is its canonical JSON.

    ``first_ms`` is when it went live: its first version, or the one that brought it back.
    """

    kind: str
    id: str
    version: int
    body: bytes
    applied_ms: int
    first_ms: int
    state: Literal["live", "archived"] = "live"


class AddressChange(Struct, frozen=True):
    """
    An address appears or is told again (``raw``), or goes (None).

    Told again it keeps its ``since_ms``. A web push subscription is one browser's: it is taken from
    whoever had it, unless they told it later. Other addresses may be several people's. Of each
    channel a person has the ``ADDRESSES_MAX`` that were told last.
    """

    person_id: str
    channel: str
    ref: str
    raw: dict[str, Any] | None
    device_id: str
    at_ms: int


class AddressMove(Struct, frozen=True):
    """A device speaks for ``person_id`` now, whose its web push subscriptions are from then on."""

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
    kind: Literal["transition", "step", "claim", "outcome", "check_in", "merge", "audience"]
    subject: str
    body: dict[str, Any]


class Effects(Struct):
    """
    Everything a group of log records comes to; committed with ``position`` or not at all.

    ``timers`` maps device id to its timer, None to clear it. ``merges`` are (visitor, person)
    pairs: rows of the first become the second's; cap slots move, so counters add, and messages of
    the inbox get cursors behind all others, so that no device passes them by. ``unshown`` are
    (person, delivery) pairs: that person's device says it never showed the in-app message, so its
    cap slot is released. ``fence_days`` holds what was counted, by UTC day (days since 1970) and
    fence, ``audience_days`` the same by audience; it is added to what is there. ``person_timers``
    maps a person to when to ask again about them, None to clear it.
    """

    position: int
    now_ms: int
    persons: dict[str, Person] = field(default_factory=dict)
    tracks: dict[str, bytes] = field(default_factory=dict)
    addresses: list[AddressChange | AddressMove] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    timers: dict[str, Timer | None] = field(default_factory=dict)
    merges: list[tuple[str, str]] = field(default_factory=list)
    unshown: list[tuple[str, str]] = field(default_factory=list)
    records: list[RecordRow] = field(default_factory=list)
    fence_days: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    audience_days: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    person_timers: dict[str, int | None] = field(default_factory=dict)


class Sweep(Struct, frozen=True):
    """A back-fill: which definitions, up to whom, how many of how many, and whether it is done."""

    key: str = ""
    after: str = ""
    seen: int = 0
    total: int = 0
    done: bool = True


class AudienceDay(Struct, frozen=True):
    """What was counted of an audience on a UTC day (days since 1970)."""

    day: int
    audience_id: str
    joined: int = 0
    left: int = 0
    filled: int = 0
    cleared: int = 0


class DueMessage(Struct, frozen=True):
    """A message whose claim is due."""

    message_id: str
    priority: int
    due_ms: int


class Claimed(Struct, frozen=True):
    """A claim as it was written; ``lease_token`` fences the confirm of a send."""

    verdict: Verdict
    message: Message
    delivery_id: str = ""
    lease_token: int = 0
    attempt: int = 0


class InboxRow(Struct, frozen=True):
    """An in-app message waiting for its person."""

    cursor: int
    delivery_id: str
    message_id: str
    content: dict[str, Any]
    priority: int
    show_until_ms: int


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


Admit = Callable[[AdmitFacts], Admission]
Judge = Callable[[ClaimFacts], Verdict]
Settle = Callable[[int], Settlement]
Answer = Callable[[ClaimFacts], Sequence[ConsentChange]]
SignHead = Callable[[int, bytes], ProofHead]


class AdmitRequest(Struct, frozen=True):
    """One batch on its way in; ``secret_hash`` must be the device's first one."""

    device_id: str
    secret_hash: bytes
    stream: str
    admit: Admit
    received_ms: int


class AudienceBook(Protocol):
    """What a store keeps of audiences, besides each person's own memberships."""

    async def days(self, since_day: int, audience_id: str = "") -> list[AudienceDay]:
        """Give what was counted by UTC day from ``since_day`` on, by day and audience."""

    async def sizes(self) -> dict[str, int]:
        """Give how many belong to each audience that ever had somebody."""

    async def sweep(self) -> Sweep:
        """Give the newest back-fill, how far it is."""

    async def begin_sweep(self, key: str) -> None:
        """Begin a back-fill of everybody, unless that one has begun; another one ends."""

    async def advance_sweep(self, limit: int, now_ms: int) -> int:
        """Append ``Touched`` for the next persons, in one commit; gives its position, 0 if done."""

    async def rankings(self) -> dict[str, Ranking]:
        """Give the newest ranking of each trait that was ranked, by its id."""

    async def put_ranking(self, trait_id: str, ranking: Ranking, now_ms: int) -> None:
        """Store a ranking and append a publication, in one commit: it holds for later records."""

    async def sample(self, after: str, limit: int) -> dict[str, Person]:
        """Give persons behind id ``after``, by id; ids are hashes, so any stretch is by chance."""

    async def persons_count(self) -> int:
        """Say how many persons there are."""


class AddressLists(Protocol):
    """Addresses by their keyed hash: those not to be used, and those to be used alone."""

    async def put(self, which: ListName, entries: Sequence[ListedAddress]) -> list[bool]:
        """Put addresses on a list, in one commit; says of each if it is new. The first stands."""

    async def drop(self, which: ListName, channel: str, ref: str) -> bool:
        """Take an address off a list; says if it was there."""

    async def page(
        self, which: ListName, after: tuple[str, str], limit: int
    ) -> list[ListedAddress]:
        """Give what a list holds behind (channel, ref) ``after``, in this order."""


class Store(Protocol):
    """The store of one gateway."""

    @property
    def audiences(self) -> AudienceBook:
        """What it keeps of audiences."""

    @property
    def ack_level(self) -> AckLevel:
        """What an acknowledged event survives; found out, not configured."""

    async def admit(self, request: AdmitRequest) -> Admission | None:
        """
        Append what ``request.admit`` accepts, with its consent rows and mark, in one commit.

        A withdrawal takes back, in this commit, the pending messages that a transition caused
        (withheld, with their records) and, with ``location_collect``, where the person's devices
        were: ``PlaceForgotten`` tells the pipeline. A revoke's proof lists the calls under way.

        Returns:
            The admission, or None when the device is known with another secret.

        """

    async def append(self, record: Record, now_ms: int) -> int:
        """Append a record of the gateway's own; gives its position."""

    async def read_log(self, after: int, limit: int) -> list[LogRecord]:
        """Give the records behind position ``after``, oldest first."""

    async def position(self) -> int:
        """Give the position up to which the pipeline has committed."""

    async def persons(self, ids: Sequence[str]) -> dict[str, Person]:
        """Give the persons that exist among ``ids``."""

    async def resolve(self, visitor_ids: Sequence[str]) -> dict[str, str]:
        """Give for each merged visitor the person it became."""

    async def tracks(self, device_ids: Sequence[str]) -> dict[str, bytes]:
        """Give the tracker states that exist among ``device_ids``."""

    async def commit(self, effects: Effects) -> None:
        """
        Write ``effects`` with their log position in one commit.

        A message that exists already is left as it is: ids come from the cause. ``fence_days`` and
        ``audience_days`` are added only if the position moves forward: the same effects again
        count nothing twice.
        """

    async def fire_timers(self, now_ms: int, limit: int) -> int:
        """
        Append ``timer.fired`` for due timers and mark them, in one commit; gives how many.

        Those of devices come first, then those of persons.
        """

    async def due(self, now_ms: int, limit: int) -> list[DueMessage]:
        """Give open messages that are due, by priority (higher first), due time, id."""

    async def next_due_ms(self) -> int | None:
        """Give the earliest moment at which an open message or a timer comes due."""

    async def peek(self, message_id: str) -> ClaimFacts | None:
        """Read what a claim would read, without lock or promise: for rendering."""

    async def claim(self, message_id: str, judge: Judge, now_ms: int) -> Claimed | None:
        """
        Judge an open, due message and write the verdict, in one commit.

        To send: the slot is reserved, the delivery is leased (``lease_token`` rises) and in state
        ``sending``. Withheld: the outcome re-enters the log. The claim's checks are a record.

        Returns:
            None when the message is not open or not due any more.

        """

    async def confirm(
        self,
        delivery_id: str,
        lease_token: int,
        outcome: CallOutcome,
        settle: Settle,
        now_ms: int,
        *,
        inbox: dict[str, Any] | None = None,
    ) -> Settlement | None:
        """
        Write the outcome of a call; ``settle`` gets the attempt's number.

        With ``inbox`` an in-app message is put before its person in the same commit.

        Returns:
            None when the lease was lost: nothing was changed.

        """

    async def answer(self, message_id: str, decide: Answer, now_ms: int) -> bool:
        """
        Write what the receiver of a message states, with its proofs, in one commit.

        ``decide`` sees what a claim of the message would see; ``facts.message.person_id`` is
        whoever the person is by now, as ``ConsentChange.person_id`` must be.

        Returns:
            Whether there is such a message.

        """

    async def reconcile(self, now_ms: int, *, all_leases: bool = False) -> int:
        """Turn ``sending`` deliveries whose lease ran out (or all) into ``unknown``; how many."""

    async def inbox(self, person_id: str, after: int, now_ms: int) -> list[InboxRow]:
        """Give at most 100 in-app messages behind cursor ``after`` that may still be shown."""

    async def message_of(self, delivery_id: str) -> str | None:
        """Give the message that a delivery belongs to."""

    async def person_of_device(self, device_id: str, secret_hash: bytes) -> str | None:
        """Give whom a device speaks for by now, None when the secret is wrong or unknown."""

    async def consents(self, person_id: str) -> list[ConsentEntry]:
        """Give the statements of whoever ``person_id`` is by now."""

    @property
    def lists(self) -> AddressLists:
        """The suppression list and the allow list."""

    async def retime(self, now_ms: int, spread_ms: int) -> int:
        """
        Let deferred messages be claimed again within ``spread_ms``; gives how many.

        Each at ``now_ms`` + its old moment modulo the spread, so that what was spread stays spread;
        never later than it was. What waits for a provider (``queued``) is left alone.
        """

    async def messages(self, after: str, limit: int) -> list[MessageEnd]:
        """Give where messages stand, by id behind ``after``."""

    async def suppress(self, channel: str, ref: str, reason: str, now_ms: int) -> None:
        """Put an address reference on the suppression list."""

    async def set_emergency_stop(self, *, on: bool) -> None:
        """Stop (or resume) all marketing claims from the next one on."""

    async def publish(
        self, rows: Sequence[DocumentRow], now_ms: int, *, after: int | None = None
    ) -> int | None:
        """
        Store document versions and append the publication; gives the new revision.

        Args:
            rows: The versions, none of which may be there yet.
            now_ms: When they are published.
            after: The revision they were numbered and checked against; None: whatever it is.

        Returns:
            None when somebody published after that revision: nothing was stored.

        Raises:
            StoreUnavailableError: A version is there already.

        """

    async def documents(self, *, archived: bool = False) -> tuple[int, list[DocumentRow]]:
        """Give the revision and every document's newest version; without ``archived`` if live."""

    async def records(
        self, after: int, limit: int, *, subject: str = "", person_id: str = ""
    ) -> list[RecordRow]:
        """Give decision records behind cursor ``after``, oldest first; both filters must hold."""

    async def transitions(self, after: tuple[int, int], limit: int) -> list[RecordRow]:
        """Give records of transitions behind (``at_ms``, cursor) ``after``, in this order."""

    async def fence_days(
        self, since_day: int, fence_ids: Collection[str] | None = None
    ) -> dict[str, dict[str, int]]:
        """Add up by fence what was counted from ``since_day`` on, of all fences or of these."""

    async def story(
        self, person_id: str, after: tuple[int, int], until_ms: int, limit: int
    ) -> list[RecordRow]:
        """
        Give somebody's decision records in order of time, then cursor.

        Args:
            person_id: Whose.
            after: (``at_ms``, cursor) of the last one seen.
            until_ms: Only those before this moment.
            limit: How many at most.

        """

    async def newest_story(self, person_id: str, limit: int) -> list[RecordRow]:
        """Give somebody's newest decision records, the newest first."""

    async def persons_at(self, channel: str, ref: str, limit: int) -> list[str]:
        """Give who has an address, by its reference; in order of their ids."""

    async def holdings(self, person_id: str) -> Holdings:
        """Give what is held of a person beside their row."""

    async def devices_of(self, person_id: str, limit: int) -> list[DeviceSeen]:
        """Give the devices that speak for somebody now, the one heard of last first."""

    async def statements(self, person_id: str, limit: int) -> list[Statement]:
        """Give what somebody stated, as a visitor too; the newest ``limit``, oldest first."""

    async def proofs(self, after: int, limit: int, *, person_id: str = "") -> list[ProofRow]:
        """
        Give proofs of consent behind number ``after``: everybody's, or of one, visitors too.

        ``admit`` chains one a change, in its commit; they are never changed again.
        """

    async def sign_proofs(self, sign: SignHead, day: int) -> bool:
        """
        Store the signed head of the chain for a day, unless it has one or nothing is chained.

        ``sign`` gets number and hash of the last proof. Says whether it was signed.
        """

    async def proof_heads(self) -> list[ProofHead]:
        """Give every signed head, by day."""

    async def versions(self, kind: str, ids: Collection[str]) -> list[DocumentRow]:
        """Give every version of these documents, archived ones too, by id and version."""

    async def counts(self) -> dict[str, int]:
        """Give what there is: log records, unprocessed ones, messages by state."""

    async def close(self) -> None:
        """Finish what is under way and let go of the files."""
