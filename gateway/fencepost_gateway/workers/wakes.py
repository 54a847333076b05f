"""Wakes: how one loop tells another that there is something to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator


class InboxBells:
    """A bell for each stream that waits for somebody's messages."""

    def __init__(self) -> None:
        self._by_person: dict[str, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def hung(self, person_id: str, bell: asyncio.Event) -> Iterator[None]:
        """Let a bell ring when something may have changed for a person."""
        self._by_person.setdefault(person_id, set()).add(bell)
        try:
            yield
        finally:
            left = self._by_person[person_id]
            left.discard(bell)
            if not left:
                del self._by_person[person_id]

    def ring(self, person_ids: Iterable[str]) -> None:
        """Wake those who wait for one of these persons."""
        if self._by_person:
            for person_id in person_ids:
                for bell in self._by_person.get(person_id, ()):
                    bell.set()

    def ring_all(self) -> None:
        """Wake everybody: the gateway stops."""
        self.ring(list(self._by_person))


class Wakes:
    """
    Four bells, and those of the inboxes.

    ``log`` when records were appended, ``messages`` when a claim may be due, ``calls`` when a call
    may be, ``told`` when persons were told of a broadcast, ``inbox`` when what is before a person
    may have changed: after the commit, so that whoever wakes finds it.
    """

    def __init__(self) -> None:
        self.log = asyncio.Event()
        self.messages = asyncio.Event()
        self.calls = asyncio.Event()
        self.told = asyncio.Event()
        self.inbox = InboxBells()


async def finish(tasks: Iterable[asyncio.Task[None]], within_s: float) -> None:
    """Let what is under way come to its end; what takes longer is cancelled."""
    waiting = [*tasks]
    if waiting:
        _, late = await asyncio.wait(waiting, timeout=within_s)
        for task in late:
            task.cancel()


async def rung(bell: asyncio.Event, within_s: float) -> None:
    """Wait for the bell, at most ``within_s`` seconds, and silence it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await bell.wait()
    bell.clear()
