"""
Receipts: what is told of a delivery after its call, and how far that moves its state.

Pure. The order is that of ``delivery.md`` section 10 of the specification.

Rule 1. States rise: ``queued``, ``deferred``, ``sending``, ``unknown``, ``sent``, and above them
        ``failed`` and ``delivered``, which of the two is higher being the channel's. Who hears that
        an email bounced has heard more than that a server took it; of the others an arrival is
        final, whatever was said before.
Rule 2. What is told moves a delivery only upwards, so order and repetition do not matter.
Rule 3. Who reacts to a message has got it: an engagement says ``delivered``, too. ``unshown``,
        ``replied`` and ``opted_out`` move nothing; a reply is found by its sender, not by what it
        answers.
Rule 4. A receipt never gives a cap slot back: what failed today may be delivered tomorrow, and only
        a refused call is certain. It proves that the provider took the call, and confirms the slot
        of one that was unknown, or held to be refused.
Rule 5. Who clicked has opened; what bounced has failed.
"""

from __future__ import annotations

from typing import Final, Literal

from fencepost_gateway.decide.settle import Settlement

Word = Literal[
    "sent",
    "delivered",
    "failed",
    "bounced_hard",
    "bounced_soft",
    "complained",
    "opted_out",
    "replied",
    "displayed",
    "opened",
    "clicked",
    "dismissed",
    "received",
    "unshown",
]

WENT: Final = ("sent", "delivered")  # states of what counts for certain
ACCEPTED: Final = Settlement("sent", "confirmed")  # what a call comes to that a receipt proves
_RISING: Final = ("queued", "deferred", "sending", "unknown", "sent")
_FINAL: Final = {"email": ("delivered", "failed")}
_FINAL_ELSE: Final = ("failed", "delivered")

_SAYS: Final[dict[Word, str]] = {
    "sent": "sent",
    "failed": "failed",
    "bounced_hard": "failed",
    "bounced_soft": "failed",
    "delivered": "delivered",
    "received": "delivered",
    "complained": "delivered",
    "displayed": "delivered",
    "opened": "delivered",
    "clicked": "delivered",
    "dismissed": "delivered",
}
_MEANS: Final[dict[Word, tuple[str, ...]]] = {
    "bounced_hard": ("bounced", "failed"),
    "bounced_soft": ("bounced", "failed"),
    "clicked": ("clicked", "opened"),
}


def state_after(channel: str, state: str, what: Word) -> str:
    """Give the state of a delivery once it was told of ``what``: as high, or higher (Rule 2)."""
    order = (*_RISING, *_FINAL.get(channel, _FINAL_ELSE))
    said = _SAYS.get(what, order[0])
    return max(state, said, key=order.index)


def first_times(what: Word) -> tuple[str, ...]:
    """Give what a person keeps of it, by the words of rules and journeys (Rule 5)."""
    means = _MEANS.get(what, (what,))
    is_got = _SAYS.get(what) == "delivered" and what != "delivered"
    return (*means, "delivered") if is_got else means


def reason_of(state: str, what: Word, code: str) -> str:
    """Give the reason of a message that a receipt moved to ``state``; empty unless it failed."""
    if state != "failed":
        return ""
    reason = "bounced" if "bounced" in first_times(what) else "undelivered"
    return f"{reason}.{code}" if code else reason
