"""Books: parts of a store that stand by themselves; docstrings are the contract."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from fencepost_gateway.decide.audiences import Keys
from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.calls import Reply
from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.message import (
    ListedAddress,
    ListName,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.proof import ProofHead, ProofRow
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.intake.records import Started
from fencepost_gateway.ports.rows import (
    Act,
    AudienceDay,
    BroadcastRow,
    DeadCall,
    DeviceSeen,
    HistoryRow,
    Holdings,
    JourneyCount,
    JourneyPlace,
    LinkRow,
    RecordRow,
    RunRow,
    ScheduleRow,
    Statement,
    Sweep,
    TakenCall,
    TrialFacts,
    TrialMessage,
    TrialRow,
    TrialSum,
    TrialVerdict,
    Waiting,
)

DEFINITIONS_MAX = 64  # a back-fill is through with everybody long before so many more are published
Turn = Callable[[Control], Control | None]
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


class JourneyBook(Protocol):
    """What operators decided of campaigns and journeys, and what was counted of them."""

    async def controls(self) -> dict[str, Control]:
        """Give how the switches stand of each campaign that ever had one turned."""

    async def steer(self, act: Act, turn: Turn) -> tuple[Control, Control] | None:
        """
        Turn a switch of a campaign, in one commit: claims obey from the next one on.

        ``turn`` is given how they stand and says how they shall; where that is the same nothing is
        written. Else the act is put on record and ``Controlled`` appended, for the pipeline.

        Returns:
            Before and after; None where ``turn`` refused.

        """

    async def note(self, act: Act) -> None:
        """Put on record what an operator did by other means."""

    async def acts(self, campaign_id: str, limit: int) -> list[Act]:
        """Give what operators did to a campaign, the newest first; empty: to all marketing."""

    async def release(self, campaign_id: str, limit: int) -> int:
        """Give messages back that the campaign's pause held, first due first; how many."""

    async def held(self) -> dict[str, int]:
        """Say how many messages each campaign's pause holds."""

    async def living(self) -> set[str]:
        """Give the journeys that somebody is on."""

    async def ending(self, campaign_id: str, until_ms: int, limit: int) -> list[str]:
        """Give whose runs live that were entered until then, by entry; test persons too."""

    async def halted(self, campaign_id: str, limit: int) -> list[str]:
        """Give whose runs stand before a step (``RunRow.is_held``), the longest first."""

    async def counts(self, since_day: int, campaign_id: str) -> list[JourneyCount]:
        """Add up what was counted of a campaign from a UTC day on, by place and what."""

    async def sums(self, since_day: int) -> list[JourneyCount]:
        """Add up what was counted of every campaign as such, step and stage left aside."""

    async def waiting(self, due_ms: int, campaign_id: str = "") -> list[Waiting]:
        """Give who stands where now, overdue since ``due_ms``, by place; no test persons."""

    async def waiting_since(self, place: JourneyPlace, rank: int) -> int | None:
        """Give since when stands who is at ``rank`` of a step, 0 the longest; in any stage."""

    async def due_since(self, place: JourneyPlace, rank: int) -> int | None:
        """Give when was due who is at ``rank`` of a step, 0 the longest ago; in any stage."""


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


class CallBook(Protocol):
    """
    What runs of journeys ask of other systems, or tell them.

    ``Store.commit`` writes calls; each is made at least once, and answered once. Who is called
    knows a repeat by the call's id.
    """

    async def sources(self, now_ms: int) -> list[str]:
        """Give the sources that have calls which are due, by id."""

    async def take(self, now_ms: int, room: Mapping[str, int], lease_ms: int) -> list[TakenCall]:
        """
        Lease due calls of each source, in order of time and id, in one commit.

        ``room`` says how many of which source. A lease that runs out makes a call due again.
        """

    async def answer(self, reply: Reply, now_ms: int) -> bool:
        """
        Append ``Answered`` and end the call, in one commit; False when the lease was lost.

        A webhook that failed is kept as a dead letter.
        """

    async def put_off(self, call_id: str, attempt: int, failure: str, until_ms: int) -> bool:
        """Give a lease back, to be taken again from ``until_ms``; False when it was lost."""

    async def release(self, now_ms: int) -> int:
        """
        Make due every call that is leased: whoever held the leases is gone; gives how many.

        The time of look-ups begins anew, leased or not: nobody could make them meanwhile.
        """

    async def next_due_ms(self) -> int | None:
        """Give when the next call comes due, or a lease runs out."""

    async def dead(self, after: str, limit: int) -> list[DeadCall]:
        """Give dead letters behind id ``after``, by id."""

    async def redrive(self, now_ms: int, *, call_id: str = "", source_id: str = "") -> int:
        """Make dead letters due again: one, those of a source, or all; gives how many."""

    async def prune(self, before_ms: int, limit: int) -> int:
        """Let go of dead letters given up before ``before_ms``, at most ``limit``; how many."""


class RunBook(Protocol):
    """What a store keeps of runs of journeys, besides each person's own."""

    async def versions(self) -> set[tuple[str, int]]:
        """Give the journeys and versions that somebody is on."""

    async def of(self, person_id: str) -> list[RunRow]:
        """Give the runs of a person, those that ended too, as they were entered."""


class LinkBook(Protocol):
    """What the links of live messages answered last; whoever asks keeps it small."""

    async def rows(self) -> list[LinkRow]:
        """Give every link that was asked, in order."""

    async def put(self, row: LinkRow) -> None:
        """Keep what a link answered, in place of what it answered before."""

    async def keep(self, urls: Collection[str]) -> None:
        """Forget every link that is not among these."""


class TrialBook(Protocol):
    """
    What is on trial, and what it would have done.

    Apart from everything else: what claims, sends, counts or reports knows nothing of it.
    """

    async def current(self) -> TrialRow:
        """Give what is on trial."""

    async def begin(self, trial: TrialRow, now_ms: int) -> int:
        """
        Put something on trial in place of what was; mode empty: nothing.

        The number of ``trial`` is not asked: it is the next one, and is given. The log is told
        (``TrialBegun``).
        """

    async def due(self, now_ms: int, limit: int) -> list[str]:
        """Give the messages on trial that are to be judged, in the order of ``Store.due``."""

    async def peek(self, message_id: str) -> TrialFacts | None:
        """
        Read what a claim of it would read, without lock or promise.

        Its slots are those of the person and those that this trial would have taken of them.
        """

    async def judged(self, verdict: TrialVerdict, now_ms: int) -> bool:
        """Write what became of an open message; False: there is none, and nothing was written."""

    async def sums(self) -> list[TrialSum]:
        """Give what came of it so far, by campaign, kind, outcome, reason and channel."""

    async def records_of(self, person_id: str) -> list[RecordRow]:
        """Give the records of a person, oldest first."""

    async def messages_of(self, person_id: str) -> list[TrialMessage]:
        """Give the messages of a person, as they were wanted."""
