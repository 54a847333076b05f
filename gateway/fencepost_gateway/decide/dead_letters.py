"""
Dead letters: messages that failed through our side, and may be tried again once it is mended.

Pure.

Rule 1. Ours are keys that a provider does not know, a provider that was away to the end, and
        content that was refused. What the address or the person refused is nobody's to try again.
Rule 2. A message that is too old is no dead letter: it would not go.
Rule 3. Tried again it is a message like any other that is due: rendered and judged anew, under the
        delivery ids that it had. Channels that failed through our side are open to it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OURS: Final = ("misconfigured", "rejected", "unavailable")


def is_dead(state: str, reason: str, expires_at_ms: int, now_ms: int) -> bool:
    """Say whether a message is a dead letter (Rules 1 and 2)."""
    return state == "failed" and _is_ours(reason) and expires_at_ms > now_ms


def still_refused(refused: Mapping[str, str]) -> dict[str, str]:
    """Give what has refused a message for good, by channel (Rule 3)."""
    return {channel: reason for channel, reason in refused.items() if not _is_ours(reason)}


def _is_ours(reason: str) -> bool:
    return reason.partition(".")[0] in OURS
