"""Books: parts of a store that stand by themselves; docstrings are the contract."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from fencepost_gateway.decide.audiences import Keys
from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.message import (
    ListedAddress,
    ListName,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.proof import ProofHead, ProofRow
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.intake.records import Started
from fencepost_gateway.intake.reports import LaneReport
from fencepost_gateway.ports.journey_rows import LinkRow
from fencepost_gateway.ports.rows import (
    AudienceDay,
    BroadcastRow,
    DeliveredTo,
    DeviceSeen,
    HistoryRow,
    Holdings,
    RecordRow,
    ScheduleRow,
    Statement,
    Sweep,
    Taken,
)

DEFINITIONS_MAX = 64  # a back-fill is through with everybody long before so many more are published
KEPT_MS = 35 * 86_400_000  # a sender who tries again later than that means something new
CURSOR_END = 1 << 62  # behind every row
SignHead = Callable[[int, bytes], ProofHead]


class Announcement(NamedTuple):
    """The number of a broadcast, and whether it is the first of its id."""

    number: int
    is_new: bool


class Start(NamedTuple):
    """Whom a call started something for, when, and whether it was this very call."""

    person_id: str
    at_ms: int
    is_new: bool


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

    async def define(self, key: str, keys: Keys) -> dict[str, Keys]:
        """Keep the definitions in force by their name; gives the newest ``DEFINITIONS_MAX``."""

    async def rankings(self) -> dict[str, Ranking]:
        """Give the newest ranking of each trait that was ranked, by its id."""

    async def put_ranking(self, trait_id: str, ranking: Ranking, now_ms: int) -> None:
        """Store a ranking and append a publication, in one commit: it holds for later records."""

    async def sample(self, after: str, limit: int) -> dict[str, Person]:
        """Give persons behind id ``after``, by id; ids are hashes, so any stretch is by chance."""

    async def persons_count(self) -> int:
        """Say how many persons there are."""


class BroadcastBook(Protocol):
    """What concerns many, whom of them has been told, and the schedules that tell them."""

    async def announce(
        self, broadcast: Broadcast, now_ms: int, *, begun: bool = False
    ) -> Announcement:
        """
        Append ``Announced`` with its row, in one commit, unless one of this id is there.

        One that was done more than ``KEPT_MS`` ago is no longer there. ``begun``: it is ``running``
        at once, the pipeline is at it.
        """

    async def advance(self, limit: int, now_ms: int) -> int:
        """
        Append ``Told`` for the next persons of a running broadcast, in one commit.

        They take turns. Persons come in order of id, the last stretch says so and may be empty.
        Gives its position, 0 if there is nothing to tell.
        """

    async def open(self) -> dict[int, Broadcast]:
        """Give what is running or told, by number: as of the pipeline's last commit."""

    async def waiting(self) -> int:
        """Say how many are not done."""

    async def page(self, before: int, limit: int, *, name: str = "") -> list[BroadcastRow]:
        """Give broadcasts, the newest first, before a number (0: from the newest); or of a name."""

    async def trim(self, now_ms: int) -> None:
        """Let go of what was done more than ``KEPT_MS`` ago, and of calls as old."""

    async def keep_schedules(self, rows: Sequence[ScheduleRow]) -> None:
        """Let exactly these come due; what is due already stays so."""

    async def schedules(self) -> list[ScheduleRow]:
        """Give the schedules that come due, by when and id."""

    async def fire(self, row: ScheduleRow, broadcast: Broadcast, now_ms: int) -> bool:
        """Announce a schedule's broadcast; it comes due at ``row.due_ms`` next. One commit."""

    async def start(self, started: Started, now_ms: int) -> Start:
        """
        Append a call, unless one of this campaign and key was made within ``KEPT_MS``.

        Returns:
            The first call of this key.

        """

    async def tallies(self) -> dict[tuple[str, str], int]:
        """Give what was counted of campaigns: by id and what is counted."""


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


class FenceBook(Protocol):
    """What happened at fences: for reports, of everybody."""

    async def transitions(self, after: tuple[int, int], limit: int) -> list[RecordRow]:
        """Give records of transitions behind (``at_ms``, cursor) ``after``, in this order."""

    async def days(
        self, since_day: int, fence_ids: Collection[str] | None = None
    ) -> dict[str, dict[str, int]]:
        """Add up by fence what was counted from ``since_day`` on, of all fences or of these."""


class HistoryBook(Protocol):
    """What happened to people, for months (``intake.history``)."""

    async def page(self, after: int, limit: int, *, person_id: str = "") -> list[HistoryRow]:
        """Give what happened behind cursor ``after``, oldest first: everybody's, or of one."""

    async def newest(
        self, person_id: str, limit: int, *, before: int = CURSOR_END
    ) -> list[HistoryRow]:
        """Give what happened to somebody last, before a cursor, the newest first."""

    async def prune(self, now_ms: int, before_ms: int, limit: int) -> int:
        """
        Let go of what is too old, in one commit: at most ``limit`` rows of a kind; gives how many.

        Records of the log from before ``LOG_KEEP_MS`` that the pipeline is done with, but for the
        newest of all; history, decision records, runs that ended, what came of a trial and what was
        counted of journeys from before ``before_ms``; what was counted of fences before
        ``KEPT_DAYS`` days. The first rows are looked at, which are the oldest.
        """


class PeopleBook(Protocol):
    """What is held of one person beside their row, and what was recorded of them."""

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


class ProofBook(Protocol):
    """The chain of consent proofs."""

    async def page(self, after: int, limit: int, *, person_id: str = "") -> list[ProofRow]:
        """
        Give proofs of consent behind number ``after``: everybody's, or of one, visitors too.

        ``Store.admit`` chains one a change, in its commit; they are never changed again.
        """

    async def sign(self, sign: SignHead, day: int) -> bool:
        """
        Store the signed head of the chain for a day, unless it has one or nothing is chained.

        ``sign`` gets number and hash of the last proof. Says whether it was signed.
        """

    async def heads(self) -> list[ProofHead]:
        """Give every signed head, by day."""


class ReportBook(Protocol):
    """What is told of deliveries after their calls (``decide.receipts``)."""

    async def take(self, reports: Sequence[LaneReport], now_ms: int) -> list[Taken]:
        """
        Take what was told, in one commit: delivery, message and slot move, and the log is told.

        A report counts once: the same ``key`` within ``KEPT_MS`` changes nothing, nor does one of
        a delivery that nobody knows. A delivery is found by our id, as its message's last on the
        channel, by the provider's id on its channel, or, where nothing of it is said, as the newest
        one to ``ref``. One whose call was never
        confirmed is confirmed by this as ``sent``; the confirm that follows finds the lease lost.

        Returns:
            Of each report what became of it.

        """

    async def delivered_to(self, delivery_id: str) -> DeliveredTo | None:
        """Say whom a delivery was to, as who they are by now; None: there is no such delivery."""

    async def prune(self, before_ms: int, limit: int) -> int:
        """Forget reports taken before ``before_ms``, at most ``limit``; gives how many."""


class LinkBook(Protocol):
    """What the links of live messages answered last; whoever asks keeps it small."""

    async def rows(self) -> list[LinkRow]:
        """Give every link that was asked, in order."""

    async def put(self, row: LinkRow) -> None:
        """Keep what a link answered, in place of what it answered before."""

    async def keep(self, urls: Collection[str]) -> None:
        """Forget every link that is not among these."""
