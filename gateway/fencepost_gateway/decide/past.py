"""
Past: what a person keeps of visits and messages, bounded, the newest first to stay.

Pure; the lists are changed in place. ``decide.person`` owns them, rules read them.

Rule 1. What falls out of a bounded list leaves the moment of the newest that fell: whatever
        happened later than that is still complete, so a rule knows when its count is exact.
Rule 2. A message keeps when each outcome or engagement happened first. In which order the log tells
        them does not matter.
Rule 3. A device may tell of a delivery before its call is confirmed: that is kept under the
        delivery alone until the outcome names the message, and is the first to fall out.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from msgspec import Struct, field, structs

VISITS_MAX = 100
MESSAGES_MAX = 50


class Visit(Struct, frozen=True, gc=False, array_like=True):
    """The person entered a fence."""

    fence_id: str
    entered_ms: int
    visit_id: str


class PastMessage(Struct, omit_defaults=True):
    """
    What became of a message; ``first_ms`` maps outcome or engagement to when it first happened.

    ``message_id`` is empty while only its delivery has been heard of (Rule 3). ``step_id`` and
    ``version`` say which step of a journey wanted it; ``went_on``: after a click on it the person
    did what the journey waited for.
    """

    message_id: str
    campaign_id: str = ""
    template_id: str = ""
    tags: tuple[str, ...] = ()
    delivery_id: str = ""
    first_ms: dict[str, int] = field(default_factory=dict)
    step_id: str = ""
    version: int = 0
    went_on: bool = False

    def note(self, what: str, at_ms: int) -> None:
        """Take note of an outcome or engagement (Rule 2)."""
        self.first_ms[what] = min(at_ms, self.first_ms.get(what, at_ms))

    @property
    def newest_ms(self) -> int:
        """When something was heard of it last."""
        return max(self.first_ms.values(), default=0)


def later_ms(one: int | None, other: int | None) -> int | None:
    """Give the later of two moments, either of which may never have been."""
    return max((each for each in (one, other) if each is not None), default=None)


def begin_visit(visits: list[Visit], visit: Visit) -> int | None:
    """Keep a visit, once; say when the one began that fell out (Rule 1)."""
    if any(each.visit_id == visit.visit_id for each in visits):
        return None
    insort(visits, visit, key=_visit_rank)
    return visits.pop(0).entered_ms if len(visits) > VISITS_MAX else None


def _visit_rank(visit: Visit) -> tuple[int, str]:
    return (visit.entered_ms, visit.visit_id)


def keep_message(messages: list[PastMessage], told: PastMessage) -> int | None:
    """Keep what was told of a message; say when what fell out was heard of last (Rules 1 to 3)."""
    same = [each for each in messages if _is_same(each, told)]
    whole = told
    for each in same:
        whole = _joined(each, whole)
    messages[:] = [*(each for each in messages if each not in same), whole]
    messages.sort(key=_message_rank)
    return messages.pop(0).newest_ms if len(messages) > MESSAGES_MAX else None


def _is_same(one: PastMessage, other: PastMessage) -> bool:
    if one.message_id and other.message_id:
        return one.message_id == other.message_id
    return one.delivery_id == other.delivery_id != ""


def _joined(one: PastMessage, other: PastMessage) -> PastMessage:
    known, more = (one, other) if one.message_id else (other, one)
    delivery_id = known.delivery_id or more.delivery_id
    joined = structs.replace(known, delivery_id=delivery_id, first_ms={})
    joined.went_on = one.went_on or other.went_on
    for what, at_ms in (*one.first_ms.items(), *other.first_ms.items()):
        joined.note(what, at_ms)
    return joined


def _message_rank(message: PastMessage) -> tuple[bool, int, str, str]:
    """Rank what stays: messages before deliveries nobody named, then what was heard of last."""
    is_named = bool(message.message_id)
    return (is_named, message.newest_ms, message.message_id, message.delivery_id)


def keep_all(messages: list[PastMessage], told: Iterable[PastMessage]) -> int | None:
    """Keep several; say when what fell out was heard of last."""
    lost_ms: int | None = None
    for each in told:
        lost_ms = later_ms(lost_ms, keep_message(messages, each))
    return lost_ms
