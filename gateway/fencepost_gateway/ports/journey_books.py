"""Journey books: what a store keeps of journeys, beside each person's own runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from fencepost_gateway.decide.calls import Reply
from fencepost_gateway.decide.control import Control
from fencepost_gateway.ports.journey_rows import (
    Act,
    DeadCall,
    JourneyCount,
    JourneyPlace,
    RunRow,
    TakenCall,
    Waiting,
)
from fencepost_gateway.ports.rows import (
    RecordRow,
)
from fencepost_gateway.ports.trial_rows import (
    TrialFacts,
    TrialMessage,
    TrialRow,
    TrialSum,
    TrialVerdict,
)

Turn = Callable[[Control], Control | None]


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
