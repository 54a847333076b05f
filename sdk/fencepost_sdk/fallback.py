"""
Fallback: what a guarded call gives back when it did nothing.

Pure. Each takes the reason: ``invalid``, ``fault`` or ``closed``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fencepost_sdk.results import Tracked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fencepost_sdk.results import ConsentEntry, Stats
    from fencepost_sdk.transport import Host


def dropped(reason: str) -> Tracked:
    """Stand for a call that made no event."""
    return Tracked("", "dropped", reason)


def nothing(_: str) -> None:
    """Stand for the result of a call that has none."""


def do_nothing() -> None:
    """Stand for the end of what never began."""


def no_host(_: str) -> Host | None:
    """Stand for an address that cannot be used."""
    return None


def no_count(_: str) -> int:
    """Stand for a count that cannot be made."""
    return 0


def no_stats(_: str) -> Stats | None:
    """Stand for counts that cannot be read."""
    return None


def no_consent(_: str) -> Mapping[str, ConsentEntry]:
    """Stand for consent that cannot be read."""
    return {}
