"""
Bearer: signed tokens by which a push service knows us, kept while they are good.

Reads no clock: the moment is an argument. The signatures are PyJWT's.

Rule 1. A token is made once and used by everybody until it is due to be renewed; while it is being
        made the others wait for the same one.
Rule 2. A refused token may be renewed at once (``renew``), by whoever was refused with the one in
        use; who was refused with an older one takes the newer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Token:
    """A token, when it was made and when another is due, seconds since the epoch."""

    text: str = field(repr=False)
    made_s: int
    renew_s: int


Make = Callable[[int], Awaitable[Token]]
"""Makes a token, now in seconds; raises what a failure means."""


class Bearer:
    """Keeps one token (rules 1 and 2)."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    async def token(self, now_s: int) -> Token:
        """Give a token that is good now."""
        async with self._lock:
            if self._token is None or not self._token.made_s <= now_s < self._token.renew_s:
                self._token = await self._make(now_s)
            return self._token

    async def renew(self, refused: Token, now_s: int) -> Token:
        """Give another one than ``refused``."""
        async with self._lock:
            if self._token is None or self._token is refused:
                self._token = await self._make(now_s)
            return self._token
