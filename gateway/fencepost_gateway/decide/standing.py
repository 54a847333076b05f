"""
Standing: a message, where it stands, and what the end of its call makes of that.

Pure data. What a store keeps of a message beside the message itself.
"""

from __future__ import annotations

from msgspec import Struct

from fencepost_gateway.decide.message import Message, OnUnknown
from fencepost_gateway.decide.settle import Attempt, Settlement


class Standing(Struct, frozen=True):
    """
    A message and where it stands.

    ``refused`` says by channel why it is not tried there again. ``unknowns`` counts the calls of
    its last delivery that ended as unknown, ``on_unknown`` is what the next of them does.
    """

    message: Message
    state: str
    due_ms: int
    attempt: int = 0
    refused: dict[str, str] = {}
    unknowns: int = 0
    on_unknown: OnUnknown = "end"

    def attempted(self, delivery_id: str, channel: str, told_ms: int | None = None) -> Attempt:
        """Give the call on ``channel`` that is under way, to an address told at ``told_ms``."""
        return Attempt(
            delivery_id,
            self.attempt,
            self.message.expires_at_ms,
            self.unknowns,
            self.on_unknown,
            has_next=any(c != channel and c not in self.refused for c in self.message.channels),
            channel=channel,
            told_ms=told_ms,
        )

    def refused_after(self, channel: str, settlement: Settlement) -> dict[str, str]:
        """Give what has refused the message once a call on ``channel`` is settled."""
        return self.refused | ({channel: settlement.reason} if settlement.moves else {})

    def unknowns_after(self, settlement: Settlement) -> int:
        """Count the unknown outcomes of its delivery once a call is settled."""
        return self.unknowns + 1 if settlement.state == "unknown" and not settlement.moves else 0
