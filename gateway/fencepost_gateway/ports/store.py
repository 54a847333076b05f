"""
Store: what the gateway asks of one. Docstrings are the contract; one suite proves it.

Every write is one commit, durable at the store's ack level before the call returns, or it raises
``StoreUnavailableError`` and nothing of it is there. Where a decision has to be made inside the
transaction (a verdict per event, a claim) the caller hands in the pure function that makes it:
the store reads the facts, calls it, and writes what it says. It may be called more than once.

The memory store is the reference: dictionaries, O(n), obviously right. The SQLite store is the
embedded deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import (
    ClaimFacts,
    MessageEnd,
    Verdict,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.settle import Attempt, CallOutcome, Settlement
from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.records import LogRecord, Record
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports.books import (
    AddressLists,
    AudienceBook,
    BroadcastBook,
    FenceBook,
    HistoryBook,
    LinkBook,
    PeopleBook,
    ProofBook,
    ReportBook,
)
from fencepost_gateway.ports.journey_books import CallBook, JourneyBook, RunBook, TrialBook
from fencepost_gateway.ports.letter_rows import LetterBook
from fencepost_gateway.ports.preference_rows import PreferenceBook
from fencepost_gateway.ports.refusal_rows import RefusalBook
from fencepost_gateway.ports.rows import (
    Claimed,
    DocumentRow,
    DueMessage,
    Effects,
    InboxRow,
    RecordRow,
)

AckLevel = Literal["memory", "os", "fsync"]

Admit = Callable[[AdmitFacts], Admission]
Judge = Callable[[ClaimFacts], Verdict]
Settle = Callable[[Attempt], Settlement]
Answer = Callable[[ClaimFacts], Sequence[ConsentChange]]


class AdmitRequest(Struct, frozen=True):
    """One batch on its way in; ``secret_hash`` must be the device's first one."""

    device_id: str
    secret_hash: bytes
    stream: str
    admit: Admit
    received_ms: int


class Store(Protocol):
    """The store of one gateway."""

    @property
    def audiences(self) -> AudienceBook:
        """What it keeps of audiences."""

    @property
    def broadcasts(self) -> BroadcastBook:
        """What it keeps of what concerns many, of schedules and of calls."""

    @property
    def calls(self) -> CallBook:
        """What runs of journeys ask of other systems, or tell them."""

    @property
    def fences(self) -> FenceBook:
        """What it keeps of fences."""

    @property
    def history(self) -> HistoryBook:
        """What happened to people, and what of it is let go."""

    @property
    def journeys(self) -> JourneyBook:
        """What operators decided of campaigns and journeys, and what was counted of them."""

    @property
    def letters(self) -> LetterBook:
        """What it keeps of messages that failed through our side."""

    @property
    def links(self) -> LinkBook:
        """What the links of live messages answered last."""

    @property
    def lists(self) -> AddressLists:
        """The suppression list and the allow list."""

    @property
    def people(self) -> PeopleBook:
        """What is held and recorded of one person."""

    @property
    def preferences(self) -> PreferenceBook:
        """What people choose and ask on our own page."""

    @property
    def proofs(self) -> ProofBook:
        """The chain of consent proofs."""

    @property
    def refusals(self) -> RefusalBook:
        """Who said no, and yes again, in another way than through an app."""

    @property
    def reports(self) -> ReportBook:
        """What is told of deliveries after their calls."""

    @property
    def runs(self) -> RunBook:
        """Where runs of journeys stand."""

    @property
    def trials(self) -> TrialBook:
        """What is on trial, and what it would have done."""

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

        A message or call that exists already is left as it is: ids come from the cause.
        ``fence_days``, ``audience_days`` and ``journey_days`` are added only if the position moves
        forward: the same effects again count nothing twice.
        """

    async def fire_timers(self, now_ms: int, limit: int) -> int:
        """
        Append ``timer.fired`` for due timers and mark them, in one commit; gives how many.

        Those of devices come first, then those of persons.
        """

    async def due(self, now_ms: int, rooms: Mapping[str, int]) -> list[DueMessage]:
        """
        Give open messages that are due, in the order of their claims.

        That is by rank, then priority (higher first), earlier cause, id. ``rooms`` says of how many
        of each lane; the lane of what may go on several channels is the empty name.
        """

    async def over(self, now_ms: int, limit: int) -> list[DueMessage]:
        """Give open messages that have expired while they waited on a lane."""

    async def next_due_ms(self) -> int | None:
        """Give the earliest moment at which an open message or a timer comes due."""

    async def peek(self, message_id: str) -> ClaimFacts | None:
        """Read what a claim would read, without lock or promise: for rendering."""

    async def claim(self, message_id: str, judge: Judge, now_ms: int) -> Claimed | None:
        """
        Judge an open, due message and write the verdict, in one commit.

        To send: the slot is reserved (that of a channel before is taken over), the delivery is
        leased (``lease_token`` rises) and in state ``sending``. Withheld, or failed: the outcome
        re-enters the log. Everything but sending and waiting gives an open slot back. It waits: its
        lane is noted, and when it is due if that is said; nothing else. Held (``verdict.holds``):
        it is not due until ``JourneyBook.release`` gives it back, as due as it was. The claim's
        checks are a
        record.

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
        Write the outcome of a call; ``settle`` says what it means.

        What refused a message that goes on to its next channel is kept with it. With ``inbox`` an
        in-app message is put before its person in the same commit. Who is found
        to have opted out at the provider (``address: suppress``) has said no, as by
        ``RefusalBook.take``.

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

    async def reconcile(self, now_ms: int, settle: Settle, *, all_leases: bool = False) -> int:
        """End ``sending`` deliveries whose lease ran out, or all, as ``settle`` says; how many."""

    async def inbox(self, person_id: str, after: int, now_ms: int) -> list[InboxRow]:
        """
        Give at most 100 in-app messages behind cursor ``after`` that are not over.

        Those that are gone are among them, for devices that have seen more than nothing.
        """

    async def trim_inbox(self, before_ms: int, limit: int) -> int:
        """Forget what of the inbox was over before a moment, at most ``limit``; how many."""

    async def message_of(self, delivery_id: str) -> str | None:
        """Give the message that a delivery belongs to."""

    async def person_of_device(self, device_id: str, secret_hash: bytes) -> str | None:
        """Give whom a device speaks for by now, None when the secret is wrong or unknown."""

    async def consents(self, person_id: str) -> list[ConsentEntry]:
        """Give the statements of whoever ``person_id`` is by now."""

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

    async def versions(self, kind: str, ids: Collection[str]) -> list[DocumentRow]:
        """Give every version of these documents, archived ones too, by id and version."""

    async def counts(self) -> dict[str, int]:
        """Give what there is: log records, unprocessed, passed over; messages by state."""

    async def close(self) -> None:
        """Finish what is under way and let go of the files."""
