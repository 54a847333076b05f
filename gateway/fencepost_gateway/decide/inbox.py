"""
Inbox: what of an in-app message is before its person, and what becomes of it there.

Pure. A row of the inbox changes by what a device tells of it, and by where the person is; a row
that changed goes behind every cursor, so that all the person's devices hear of it.

Rule 1. ``open``: no device has shown it. ``read``: one has, and it is still there. ``gone``: no
        device shows it any more, and nothing of its content is kept; that is final.
Rule 2. A card is read by being displayed or clicked, and gone once it was dismissed. What is shown
        ``once`` is gone with any of the three; ``until_clicked`` once it was clicked; the others
        stay until they are over: closing them ends one showing.
Rule 3. ``unshown`` ends what is open, and gives its cap slot back. What some device has shown keeps
        its slot, whatever another could not do.
Rule 4. What goes only while the person is inside a fence is gone as soon as they are
        not: after EXIT and EXPIRE, when the fence is archived, when positions are forgotten; and if
        that was before it came here, it never was there: its slot is given back.
Rule 5. A card stays as long as its author says, counted from when it came; everything else, and a
        card of which nothing is said, as long as the message was worth sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.person import Person

InboxState = Literal["open", "read", "gone"]

CARD: Final = "card"
KEEP_MS: Final = 35 * 86_400_000  # behind its end: no device may tell of it later than that
_ENDS: Final[Mapping[str, frozenset[str]]] = {
    "card": frozenset({"dismissed"}),
    "once": frozenset({"displayed", "clicked", "dismissed"}),
    "until_clicked": frozenset({"clicked"}),
}
_SEEN: Final = frozenset({"displayed", "clicked", "dismissed"})


def after(state: InboxState, content: Mapping[str, Any], what: str) -> InboxState:
    """Say the state of a row after a device told ``what`` of it (Rules 1 to 3)."""
    if state == "gone":
        return "gone"
    if what == "unshown":
        return "gone" if state == "open" else state
    if what not in _SEEN:
        return state
    frequency = content.get("show", {}).get("frequency", "once")
    ends = _ENDS.get(CARD if content.get("layout") == CARD else frequency, ())
    return "gone" if what in ends else "read"


def gives_back(state: InboxState | None, what: str) -> bool:
    """Say whether the cap slot is given back (Rule 3); None: there is no such row (any more)."""
    return what == "unshown" and state in {None, "open"}


def fence_of(content: Mapping[str, Any]) -> str:
    """Give the fence that a message hangs on, empty when it hangs on none."""
    return str(content.get("inside", ""))


def is_left(fence_id: str, person: Person | None) -> bool:
    """Say whether what hangs on a fence is over, its person not being inside (Rule 4)."""
    return bool(fence_id) and (person is None or person.presence(fence_id) is None)


def until_ms(message: Message, content: Mapping[str, Any], now_ms: int) -> int:
    """Say from when on it is not shown any more (Rule 5)."""
    stays_ms = content.get("expires_ms") if content.get("layout") == CARD else None
    return message.expires_at_ms if stays_ms is None else now_ms + int(stays_ms)
