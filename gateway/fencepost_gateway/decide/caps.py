"""
Caps: whether a message finds a slot under every frequency-cap rule, else when one comes free.

Pure. A slot is one row a message, written in the transaction of the claim; a rule counts the
slots of its scope, so a rule edited by an author counts what was sent before.

Rule 1. All rules hold; the answer names the first that did not, its count and the next slot.
Rule 2. The subject is the person, and in-app counts as everything else.
Rule 3. Rolling: a slot counts from its reservation until ``used_at`` + span; while open, always.
        Calendar: it counts in the window of the person's zone in which it was reserved, and in
        every window that overlaps that one after a change of zone: travelling opens no second
        window. With no known zone the window is rolling and as long as the longest such window
        of any zone, which is at least as strict as every zone's calendar.
Rule 4. Time is max(now, the person's newest reservation): a clock that jumps back frees nothing.
Rule 5. Only a released slot stops counting early; an unknown outcome keeps its slot.
Rule 6. Messages of one group count once.
Rule 7. A slot never stops counting and counts again: once there is room under all rules, there is
        until another is taken. So the next slot of all is the latest of each rule's next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from fencepost_gateway.decide.plan import CalendarWindow, CapRule, CapScope
from fencepost_gateway.decide.spans import local_time

HOUR_MS = 3_600_000
# Clocks go back by up to three hours (Antarctica/Casey); by half an hour on Lord Howe.
LONGEST_MS = {
    "hour": HOUR_MS * 3 // 2,
    "day": (24 + 3) * HOUR_MS,
    "week": (7 * 24 + 3) * HOUR_MS,
    "month": (31 * 24 + 3) * HOUR_MS,
}

SlotState = Literal["open", "confirmed", "released", "kept_unknown"]


class Asked(Struct, frozen=True):
    """
    What a message asks its receiver to confirm: a consent, and in which words it asks.

    Its slot is no cap's: it keeps a second message from asking the same (``confirm``).
    """

    purpose: str
    channel: str
    address: str
    text: str
    text_sha256: str


class Slot(Struct, frozen=True):
    """
    One message's place under the caps of a person.

    ``group_id`` is shared by the messages of one step that go on every channel: they count once.
    ``used_at_ms`` is the end of the provider's call, or of the lease when the outcome is unknown.
    ``zone`` is the person's when it was reserved, empty if nobody knew. ``fence_id`` is that of the
    transition that caused the message. ``template_id`` is whose the safety cap counts it as
    (``safety``); a cap rule does not look at it.
    """

    slot_id: str
    group_id: str
    person_id: str
    channel: str
    purpose: str
    campaign_id: str
    tags: tuple[str, ...]
    reserved_at_ms: int
    used_at_ms: int | None = None
    state: SlotState = "open"
    zone: str = ""
    brand: str = ""
    fence_id: str = ""
    priority: int = 50
    cause_at_ms: int = 0
    asks: Asked | None = None
    template_id: str = ""


class CapAnswer(Struct, frozen=True):
    """
    One rule's answer: how many slots were used of how many, and when the next comes free.

    ``last`` is, where none was free, the slot that was taken last: who got it.
    """

    rule_id: str
    ok: bool
    used: int
    limit: int
    window: str
    retry_at_ms: int | None = None
    last: Slot | None = None


def in_scope(scope: CapScope, slot: Slot) -> bool:
    """Say whether ``slot`` counts under ``scope``."""
    return (
        slot.purpose == scope.purpose
        and (not scope.channels or slot.channel in scope.channels)
        and (not scope.tags or not scope.tags.isdisjoint(slot.tags))
        and (not scope.campaigns or slot.campaign_id in scope.campaigns)
        and (not scope.brands or slot.brand in scope.brands)
        and (scope.fence_ids is None or slot.fence_id in scope.fence_ids)
    )


def outranks(slot: Slot, other: Slot) -> bool:
    """Say who goes first: the higher priority, then the earlier cause, then the smaller id."""
    return _rank(slot) < _rank(other)


def _rank(slot: Slot) -> tuple[int, int, str]:
    return (-slot.priority, slot.cause_at_ms, slot.slot_id)


def reserved_now_ms(slots: Iterable[Slot], now_ms: int) -> int:
    """Give the moment at which a slot reserved now counts as reserved (Rule 4)."""
    return max([now_ms, *(s.reserved_at_ms for s in slots)])


def check(
    rules: Iterable[CapRule], slots: Sequence[Slot], wanted: Slot, zone: str, now_ms: int
) -> list[CapAnswer]:
    """
    Ask every rule that covers ``wanted``, up to the first that has no slot left.

    Args:
        rules: The workspace's cap rules, in their order.
        slots: The person's slots.
        wanted: The slot that would be reserved.
        zone: The person's zone for calendar windows, empty if unknown.
        now_ms: Moment of the claim.

    """
    answers = []
    for answer in _answers(rules, slots, wanted, zone, now_ms):
        answers.append(answer)
        if not answer.ok:
            break
    return answers


def standing(
    rules: Iterable[CapRule], slots: Sequence[Slot], zone: str, now_ms: int
) -> list[CapAnswer]:
    """Say of every rule how many slots are taken now, whoever asks."""
    nobody = Slot("", "", "", "", "", "", (), now_ms)
    now_ms = reserved_now_ms(slots, now_ms)
    counting = [s for s in slots if s.state != "released"]
    return [
        _ask(rule, [s for s in counting if in_scope(rule.scope, s)], nobody, zone, now_ms)
        for rule in rules
    ]


def free_at_ms(
    rules: Iterable[CapRule], slots: Sequence[Slot], wanted: Slot, zone: str, now_ms: int
) -> int:
    """
    Say when every rule that covers ``wanted`` has a slot, unless more are taken (Rule 7).

    Takes what ``check`` takes.
    """
    found = _answers(rules, slots, wanted, zone, now_ms)
    return max([now_ms, *(a.retry_at_ms for a in found if a.retry_at_ms is not None)])


def _answers(
    rules: Iterable[CapRule], slots: Sequence[Slot], wanted: Slot, zone: str, now_ms: int
) -> Iterator[CapAnswer]:
    now_ms = reserved_now_ms(slots, now_ms)
    counting = [s for s in slots if s.state != "released"]
    for rule in rules:
        if in_scope(rule.scope, wanted):
            in_rule = [s for s in counting if in_scope(rule.scope, s)]
            yield _ask(rule, in_rule, wanted, zone, now_ms)


def _ask(rule: CapRule, slots: Sequence[Slot], wanted: Slot, zone: str, now_ms: int) -> CapAnswer:
    ends: dict[str, int] = {}  # when each group that counts now stops counting
    if rule.calendar is not None and zone:
        window = f"{rule.calendar} in {zone}"
        current = calendar_window(rule.calendar, zone, now_ms) if slots else (0, 0)
        found = ((s, _calendar_end_ms(s, rule.calendar, zone, current)) for s in slots)
    else:
        span_ms = rule.rolling_ms or LONGEST_MS[rule.calendar or "day"]
        window = f"rolling {span_ms // 1000} s"
        found = ((s, _rolling_end_ms(s, span_ms, now_ms)) for s in slots)
    taken = []
    for slot, end_ms in found:
        if end_ms > now_ms:
            ends[slot.group_id] = max(ends.get(slot.group_id, 0), end_ms)
            taken.append(slot)
    ends.pop(wanted.group_id, None)
    used = len(ends)
    if used < rule.limit:
        return CapAnswer(rule.rule_id, True, used, rule.limit, window)  # noqa: FBT003 - a record
    retry_at_ms = sorted(ends.values())[used - rule.limit]
    others = (s for s in taken if s.group_id != wanted.group_id)
    last = max(others, key=lambda s: (s.reserved_at_ms, s.slot_id))
    return CapAnswer(rule.rule_id, False, used, rule.limit, window, retry_at_ms, last)  # noqa: FBT003


def _rolling_end_ms(slot: Slot, span_ms: int, now_ms: int) -> int:
    """Say when ``slot`` leaves a rolling window; an open one is taken to be used just now."""
    used_at_ms = now_ms if slot.used_at_ms is None else slot.used_at_ms
    return max(used_at_ms, slot.reserved_at_ms) + span_ms


def _calendar_end_ms(
    slot: Slot, window: CalendarWindow, zone: str, current: tuple[int, int]
) -> int:
    """
    Say when the last window of ``zone`` ends that overlaps the slot's own (Rule 3).

    ``current`` is the one of now: of its own zone, a slot counts in it or not any more. The answer
    of a slot that counts no more is no later than now, and nothing else is promised of it.
    """
    latest_ms = slot.reserved_at_ms + 2 * LONGEST_MS[window]
    if latest_ms <= current[0]:  # long past, whatever the zones: spares the calendar
        return latest_ms
    if slot.zone in ("", zone):
        return current[1] if slot.reserved_at_ms >= current[0] else current[0]
    _, own_end_ms = calendar_window(window, slot.zone or zone, slot.reserved_at_ms)
    return calendar_window(window, zone, own_end_ms - 1)[1]


def calendar_window(window: CalendarWindow, zone: str, now_ms: int) -> tuple[int, int]:
    """Give start and end (epoch ms) of the hour, day, week (from Monday) or month in ``zone``."""
    info = ZoneInfo(zone)
    if window == "hour":
        return _hour(info, now_ms)
    local = local_time(now_ms, info)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if window == "day":
        end = start + timedelta(days=1)
    elif window == "week":
        start -= timedelta(days=start.weekday())
        end = start + timedelta(days=7)
    else:
        start = start.replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1)
    return _epoch_ms(start, info), _epoch_ms(end, info)


def _hour(zone: ZoneInfo, now_ms: int) -> tuple[int, int]:
    """Give the hour between two full hours; ninety minutes where a clock moves by half of one."""
    start_ms = now_ms - _past_hour_ms(now_ms, zone)
    start_ms -= _past_hour_ms(start_ms, zone)
    end_ms = start_ms + HOUR_MS
    return start_ms, end_ms + -_past_hour_ms(end_ms, zone) % HOUR_MS


def _past_hour_ms(at_ms: int, zone: ZoneInfo) -> int:
    local = local_time(at_ms, zone)
    return (local.minute * 60 + local.second) * 1000 + local.microsecond // 1000


def _epoch_ms(wall: datetime, zone: ZoneInfo) -> int:
    return round(wall.replace(tzinfo=zone).astimezone(UTC).timestamp() * 1000)
