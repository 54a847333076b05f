"""
Virtual gateway: the core on a clock that is moved; nothing is kept and nothing is sent.

A memory store, the pipeline, timers and the deliver worker that a live gateway has, and drivers
that accept whatever they are asked to send, and only note it. Replay and backtest run on it.

Rule 1. What comes due by time happens at its own moment, in order, as the clock passes it.
Rule 2. One thing at a time: everything that can happen now has happened before time goes on.
Rule 3. Nobody outside is asked: ``answers`` says what is known of what they said.
Rule 4. It may begin anew with nobody in it; documents and templates stay compiled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import structs

from fencepost_channels.driver import DriverIO, DriverSpec, Send
from fencepost_channels.errors import Outcome, Sent
from fencepost_channels.message import Channel, Outgoing
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.decide.census import Counts
from fencepost_gateway.lab.answers import RecordedAnswers
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.memory_books import Books
from fencepost_gateway.workers.deliver import Deliver
from fencepost_gateway.workers.lanes import Lane
from fencepost_gateway.workers.pipeline import Pipeline
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.timers import Timers
from fencepost_gateway.workers.wakes import Wakes


class VirtualGateway:
    """One gateway of the lab."""

    def __init__(
        self,
        plans: Plans,
        workspace: str,
        start_ms: int,
        public_url: str = "https://gateway.invalid",
        *,
        keeps: bool = True,
    ) -> None:
        """
        Open it, with nobody in it.

        Args:
            plans: What is published.
            workspace: Part of every id.
            start_ms: Where the clock starts, epoch milliseconds.
            public_url: Where people would reach it; what is tried is not withheld for want of it.
            keeps: What happens becomes history; else it is history already.

        """
        self.plans = plans
        self.store = MemoryStore()
        self.clock = ManualClock(start_ms)
        self.sent: list[Outgoing] = []
        wakes, metrics = Wakes(), Metrics()
        self._pipeline = Pipeline(
            store=self.store,
            plans=plans,
            workspace=workspace,
            clock=self.clock,
            wakes=wakes,
            metrics=metrics,
            keeps=keeps,
        )
        self._deliver = Deliver(
            store=self.store,
            plans=plans,
            lanes=self._lanes(),
            clock=self.clock,
            wakes=wakes,
            metrics=metrics,
            public_url=public_url,
        )
        self._wakes = wakes
        self._timers = self._new_timers()
        self.answers = RecordedAnswers()

    def _new_timers(self) -> Timers:
        return Timers(self.store, self.plans, self.clock, self._wakes)

    def begin_anew(self, start_ms: int) -> None:
        """Forget everybody and everything that happened (Rule 4)."""
        self.store.take_books(Books())
        self.forget()
        self.clock.begin_anew(start_ms)
        self.sent.clear()
        self.answers = RecordedAnswers()

    def forget(self) -> None:
        """Read the rows anew: somebody has changed them."""
        self._pipeline.forget()
        self._timers = self._new_timers()  # they know how far the log was

    def take_books(self, books: Books, now_ms: int, tallies: Counts) -> None:
        """Go on where somebody else's books were laid down, at this moment."""
        self.store.take_books(structs.replace(books, tallies=tallies))
        self.forget()
        self.clock.begin_anew(now_ms)

    def give_books(self) -> tuple[Books, Counts]:
        """Lay the books down; gives them, and what was counted for everybody."""
        books = self.store.books
        return books, books.tallies

    async def pass_time(self, until_ms: int) -> None:
        """Let what comes due before ``until_ms`` happen at its own moment (Rule 1)."""
        while True:
            due_ms = await self.store.next_due_ms()
            if due_ms is None or due_ms > until_ms:
                break
            self.clock.move_to(due_ms)
            await self.settle()
        self.clock.move_to(until_ms)

    async def settle(self) -> None:
        """Let everything happen that can happen now (Rule 2)."""
        while True:
            while await self._pipeline.step():
                pass
            if await self.answers.step(self.store, self.clock.now_ms()):
                continue
            if await self._is_idle():
                return
            if not (await self._timers.step() or await self._deliver.step()):
                return

    async def _is_idle(self) -> bool:
        due_ms = await self.store.next_due_ms()
        if due_ms is not None and due_ms <= self.clock.now_ms():
            return False
        if await self.store.broadcasts.waiting():
            return False
        return not self.plans.plan.ranked and (await self.store.audiences.sweep()).done

    def _lanes(self) -> dict[str, Lane]:
        async def note(message: Outgoing, _address: object) -> Outcome:
            self.sent.append(message)
            return Sent()

        @asynccontextmanager
        async def connect(_settings: object, _io: DriverIO) -> AsyncIterator[Send]:
            yield note

        spec = DriverSpec(
            name="virtual",
            channels=frozenset(Channel),
            parse_address=lambda raw: raw,
            mask=lambda _raw: "•••",
            parse_settings=lambda raw: raw,
            connect=connect,
        )
        return {channel: Lane(spec, note, 1.0) for channel in Channel}
