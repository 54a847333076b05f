"""
Editions: the published fences under a name, and what has changed since names of late.

Rule 1. The name is a hash of every fence's id and version: gateways with the same documents say the
        same name, also after a restart. A version's content never changes, so equal names mean
        equal fences. The workspace's zone is in it, as hours may be in that, and ``FORMAT``: raise
        it when devices are told a fence in another way.
Rule 2. What changed since an earlier name is known as far as this process saw it, and no more than
        ``CHANGES_MAX`` changes back; else it is not known, and nothing is guessed.
Rule 3. All the work is done at a publication (30 ms at 100,000 fences); asking costs a look-up.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = "2"
CHANGES_MAX: Final = 1_000  # ids that a device may be told to forget: a few radio packets
PAST_MAX: Final = 64
NAME_BYTES: Final = 12


class Editions:
    """The edition in force and those before it; ``name`` is what it is known by."""

    def __init__(self) -> None:
        self._versions: Mapping[str, int] = {}
        self._zone = ""
        self._past: deque[tuple[str, frozenset[str]]] = deque(maxlen=PAST_MAX)
        self.name = name_of({}, "")

    def take(self, versions: Mapping[str, int], zone: str) -> None:
        """Take the fences of a publication, id to version, and the workspace's zone."""
        name = name_of(versions, zone)
        if name == self.name:
            return
        changed = frozenset(key for key, _ in self._versions.items() ^ versions.items())
        self._past.append((self.name, changed))
        if zone != self._zone:
            self._past.clear()  # hours of any fence may mean something else
        self._versions, self._zone, self.name = versions, zone, name
        while sum(len(ids) for _, ids in self._past) > CHANGES_MAX:
            self._past.popleft()

    def changed_since(self, name: str) -> frozenset[str] | None:
        """Give the ids that came, changed or went since an edition; None: nobody knows (Rule 2)."""
        changed: frozenset[str] = frozenset()
        if name == self.name:
            return changed
        for earlier, ids in reversed(self._past):
            changed |= ids
            if earlier == name:
                return changed
        return None


def name_of(versions: Mapping[str, int], zone: str) -> str:
    """Name these fences (Rule 1)."""
    lines = sorted(f"{fence_id} {version}" for fence_id, version in versions.items())
    told = "\n".join([FORMAT, zone, *lines]).encode()
    return f"f-{hashlib.blake2b(told, digest_size=NAME_BYTES).hexdigest()}"
