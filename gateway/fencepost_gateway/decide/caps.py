"""
Caps: whether a message finds a slot under every frequency-cap rule, else when one comes free.

Pure. A slot is one row a message, written in the transaction of the claim; a rule counts the
slots of its scope, so a rule edited by an author counts what was sent before.

Rule 1. All rules hold; the answer names the first that did not, its count and the next slot.
Rule 2. The subject is the person, and in-app counts as everything else.
Rule 3. Rolling: a slot counts from its reservation until ``used_at`` + span; while open, always.
        Calendar: it counts in the window of the person's zone in which it was reserved. With no
        known zone the window is rolling and an hour longer than the longest such window: that is
        at least as strict as any zone's calendar.
Rule 4. Time is max(now, the person's newest reservation): a clock that jumps back frees nothing.
Rule 5. Only a released slot stops counting early; an unknown outcome keeps its slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from fencepost_gateway.decide.plan import CapRule, CapScope

HOUR_MS = 3_600_000
LONGEST_MS = {"hour": HOUR_MS, "day": 25 * HOUR_MS, "week": 169 * HOUR_MS, "month": 745 * HOUR_MS}

SlotState = Literal["open", "confirmed", "released", "kept_unknown"]


class Slot(Struct, frozen=True):
    """
    One message's place under the caps of a person.

    ``group_id`` is shared by the messages of one step that go on every channel: they count once.
    ``used_at_ms`` is the end of the provider's call, or of the lease when the outcome is unknown.
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


class CapAnswer(Struct, frozen=True):
    """One rule's answer: how many slots were used of how many, and when the next comes free."""

    rule_id: str
    ok: bool
    used: int
    limit: int
    window: str
    retry_at_ms: int | None = None


def in_scope(scope: CapScope, slot: Slot) -> bool:
    """Say whether ``slot`` counts under ``scope``."""
    return (
        slot.purpose == scope.purpose
        and (not scope.channels or slot.channel in scope.channels)
        and (not scope.tags or not scope.tags.isdisjoint(slot.tags))
        and (not scope.campaigns or slot.campaign_id in scope.campaigns)
    )


def check(
    rules: Iterable[CapRule], slots: Sequence[Slot], wanted: Slot, zone: str, now_ms: int
) -> list[CapAnswer]:
    """
    Ask every rule that covers ``wanted``, up to the first that has no slot left.

    Args:
        rules: The workspace's cap rules, in their order.
        slots: The person's slots that are not released.
        wanted: The slot that would be reserved.
        zone: The person's zone for calendar windows, empty if unknown.
        now_ms: Moment of the claim.

    """
    now_ms = max([now_ms, *(s.reserved_at_ms for s in slots)])
    answers = []
    for rule in rules:
        if not in_scope(rule.scope, wanted):
            continue
        answer = _ask(rule, [s for s in slots if in_scope(rule.scope, s)], wanted, zone, now_ms)
        answers.append(answer)
        if not answer.ok:
            break
    return answers


def _ask(rule: CapRule, slots: Sequence[Slot], wanted: Slot, zone: str, now_ms: int) -> CapAnswer:
    if rule.calendar is not None and zone:
        start_ms, end_ms = calendar_window(rule.calendar, zone, now_ms)
        ends = {s.group_id: end_ms for s in slots if s.reserved_at_ms >= start_ms}
        window = f"{rule.calendar} in {zone}"
    else:
        span_ms = rule.rolling_ms or LONGEST_MS[rule.calendar or "day"]
        ends = _rolling_ends(slots, span_ms, now_ms)
        window = f"rolling {span_ms // 1000} s"
    ends.pop(wanted.group_id, None)
    used = len(ends)
    if used < rule.limit:
        return CapAnswer(rule.rule_id, True, used, rule.limit, window)  # noqa: FBT003 - a record
    retry_at_ms = sorted(ends.values())[used - rule.limit]
    return CapAnswer(rule.rule_id, False, used, rule.limit, window, retry_at_ms)  # noqa: FBT003


def _rolling_ends(slots: Sequence[Slot], span_ms: int, now_ms: int) -> dict[str, int]:
    """Give the moment at which each group that counts now stops counting."""
    ends: dict[str, int] = {}
    for slot in slots:
        used_at_ms = now_ms if slot.used_at_ms is None else slot.used_at_ms
        if used_at_ms + span_ms > now_ms:
            ends[slot.group_id] = max(ends.get(slot.group_id, 0), used_at_ms + span_ms)
    return ends


def calendar_window(window: str, zone: str, now_ms: int) -> tuple[int, int]:
    """Give start and end (epoch ms) of the hour, day, week (from Monday) or month in ``zone``."""
    info = ZoneInfo(zone)
    local = datetime.fromtimestamp(now_ms / 1000, info)
    if window == "hour":
        start_ms = now_ms - (local.minute * 60 + local.second) * 1000 - local.microsecond // 1000
        return start_ms, start_ms + HOUR_MS
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if window == "week":
        start -= timedelta(days=start.weekday())
    elif window == "month":
        start = start.replace(day=1)
    if window == "month":
        end = (start + timedelta(days=32)).replace(day=1)
    else:
        end = start + timedelta(days=7 if window == "week" else 1)
    return _epoch_ms(start, info), _epoch_ms(end, info)


def _epoch_ms(wall: datetime, zone: ZoneInfo) -> int:
    return round(wall.replace(tzinfo=zone).astimezone(UTC).timestamp() * 1000)
