"""
Choice book: the statements by which a switch comes on or goes off, and nothing else does.

Pure. The counterpart of ``consent.allows``: that reads levels (address, channel, everything), this
writes them.

Rule 1. Off is ``n`` for the channel: it beats whatever was said of an address.
Rule 2. On is ``y`` for the channel, and for those addresses of it that were told something else.
Rule 3. Who has said no for everything and now says yes for one channel says so of no other: those
        there are get an ``n`` of their own, and what stood for everything becomes ``p``: it
        neither denies this channel nor allows one that comes to be there later.
Rule 4. What has to be confirmed first is ``p`` instead of ``y``.
Rule 5. A statement is later than the one it takes the place of, whatever clock made that: who
        states it has seen the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fencepost_channels.message import Channel
from fencepost_gateway.decide.consent import ANY, BY_CHANNEL, ConsentEntry


class ChoiceBook:
    """What stands while a form is worked through."""

    def __init__(self, entries: Iterable[ConsentEntry], now_ms: int) -> None:
        self._before = {entry.key: entry for entry in entries}
        self._stands = dict(self._before)
        self._now_ms = now_ms

    def put(self, purpose: str, value: str, channel: str = ANY, address: str = ANY) -> None:
        """State a value, unless it stands already (Rule 5)."""
        key = (purpose, channel, address)
        old = self._before.get(key)
        if old is not None and old.value == value:
            self._stands[key] = old
            return
        at_ms = self._now_ms if old is None else max(self._now_ms, old.at_ms + 1)
        self._stands[key] = ConsentEntry(purpose, value, at_ms, channel, address)

    def refuse(self, purpose: str, channel: str = ANY) -> None:
        """Let a switch go off (Rule 1)."""
        self.put(purpose, "n", channel)

    def allow(
        self, purpose: str, channel: str, refs: Sequence[str] = (), *, waits: bool = False
    ) -> None:
        """Let a switch come on for a channel and its addresses (Rules 2 to 4)."""
        value = "p" if waits else "y"
        everywhere = self._stands.get((purpose, ANY, ANY))
        if purpose in BY_CHANNEL and everywhere is not None and everywhere.value == "n":
            self.put(purpose, "p")
            for other in Channel:
                self.put(purpose, "n", other.value)
        self.put(purpose, value, channel)
        for ref in refs:
            if (purpose, channel, ref) in self._stands:
                self.put(purpose, value, channel, ref)

    def stands(self) -> list[ConsentEntry]:
        """Give everything as it stands now."""
        return list(self._stands.values())

    def changes(self) -> tuple[ConsentEntry, ...]:
        """Give what stands otherwise than before, in order."""
        found = (e for key, e in self._stands.items() if self._before.get(key) != e)
        return tuple(sorted(found, key=lambda entry: entry.key))
