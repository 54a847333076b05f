"""
Answers: what sources said of late, so that they are not asked again while it holds.

In memory: after a start everybody is asked anew. Bounded by ``ANSWERS_MAX``; the one that was used
longest ago goes first.

Rule 1. An answer holds for its source's ``ttl_s`` from when it was told, for the same address with
        the same values in it. A source that was published anew is asked anew.
Rule 2. Who asks while the same is being asked waits for that answer, failures too: however many
        ask at once, one call is made.
Rule 3. Only values are kept, no failures; and no answer of a source whose ``ttl_s`` is 0.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from fencepost_gateway.clock import Clock
from fencepost_gateway.decide.plan import Source
from fencepost_gateway.decide.retries import Tried

ANSWERS_MAX: Final = 4_096

Key = tuple[str, int, str]


class Told(Struct, frozen=True):
    """What came of asking, and when that was told."""

    tried: Tried
    at_ms: int


class Answers:
    """What was told of late, and what is being asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[Key, Told] = OrderedDict()
        self._asking: dict[Key, asyncio.Future[Told]] = {}

    async def ask(self, source: Source, url: str, make: Callable[[], Awaitable[Told]]) -> Told:
        """Give what is known, or ask by ``make``."""
        key = (source.source_id, source.version, url)
        known = self._kept.get(key)
        if known is not None and self._clock.now_ms() - known.at_ms < source.ttl_ms:
            self._kept.move_to_end(key)
            return known
        if source.ttl_ms and (under_way := self._asking.get(key)) is not None:
            return await asyncio.shield(under_way)
        made: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._asking[key] = made
        try:
            told = await make()
        except BaseException:
            made.cancel()  # who waits for it gives its lease up, too
            raise
        finally:
            if self._asking.get(key) is made:
                del self._asking[key]
        made.set_result(told)
        self._keep(key, told, source)
        return told

    def _keep(self, key: Key, told: Told, source: Source) -> None:
        if told.tried.failure or not source.ttl_ms:
            return
        self._kept[key] = told
        self._kept.move_to_end(key)
        while len(self._kept) > ANSWERS_MAX:
            self._kept.popitem(last=False)


def nothing(failure: str, now_ms: int) -> Told:
    """Give a failure for which no call was made."""
    return Told(Tried(failure), now_ms)
