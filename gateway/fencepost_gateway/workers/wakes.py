"""Wakes: how one loop tells another that there is something to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable


class Wakes:
    """
    Four bells.

    ``log`` when records were appended, ``messages`` when a claim may be due, ``calls`` when a call
    may be, ``told`` when persons were told of a broadcast.
    """

    def __init__(self) -> None:
        self.log = asyncio.Event()
        self.messages = asyncio.Event()
        self.calls = asyncio.Event()
        self.told = asyncio.Event()


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
