"""
Receiving: messages from the gateway into the store, and from there to the host's callbacks.

Not pure: the store, through the core.

Rule 1. A message is noted before it is handed to the host's callbacks, and handed once; again only
        on a later occasion, if its author asks for that (``display.py``). One is shown at a time.
Rule 2. A ``receipt`` says that it arrived, or could not be shown. After ``show_until`` a message is
        not handed any more: if nobody was ever shown it, ``unshown`` (``expired``) gives its cap
        slot back. So does the host's ``discard`` (``discarded``).
Rule 3. What the gateway retracts is gone: another device of the person has shown or closed it, or
        they have left the place it hangs on. A card that changed is handed to the callbacks anew.
Rule 4. The host's answer to a message is ``show`` (as is none), ``later`` or ``discard``; an error,
        or an answer after ``VETO_MS``, is ``later``, unless it was reported as displayed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fencepost_sdk.answer import OK, read_object
from fencepost_sdk.display import again
from fencepost_sdk.inbox import CARD, MESSAGE, Message, is_past
from fencepost_sdk.message_table import GONE, HANDED, PENDING, NewMessage, StoredMessage
from fencepost_sdk.wire import encode, moment_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fencepost_sdk.answer import Reply
    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard

NOT_MODIFIED = 304
VETO_MS = 2_000


def come_again(core: Core) -> None:
    """Let what may be shown more than once wait again: the app was opened (Rule 1)."""
    with core.lock:
        core.screen.occasion()
        handed = core.store.messages.read((HANDED,))
        now_ms = core.clock.wall_ms()
        again_now = [
            each.delivery_id
            for each in handed
            if each.kind == MESSAGE and again(_show_of(each), each.shown_ms, now_ms)
        ]
        if again_now:
            with core.store.transaction():
                for delivery_id in again_now:
                    core.store.messages.move(delivery_id, PENDING)
        core.changed.notify_all()


def _show_of(stored: StoredMessage) -> Mapping[str, Any]:
    show = json.loads(stored.body or "{}").get("show")
    return show if isinstance(show, dict) else {}


def due_ms(core: Core, kinds: frozenset[str]) -> int | None:
    """Say from when on there is something to hand out; None: not by itself. The lock is held."""
    if not kinds or core.is_closed:
        return None
    if core.changed_cards and CARD in kinds:
        return 0
    waiting = core.store.messages.read((PENDING,))
    if CARD in kinds and any(each.kind == CARD for each in waiting):
        return 0
    if MESSAGE not in kinds:
        return None
    return core.screen.due_ms([each.delivery_id for each in waiting if each.kind == MESSAGE])


def hand_out(core: Core, guard: Guard, kinds: frozenset[str]) -> list[Message]:
    """Take what callbacks for ``kinds`` are to be given now (Rules 1, 2)."""
    with core.lock:
        handed: list[Message] = []
        if core.is_closed or not kinds:
            return handed
        waiting = core.store.messages.read((PENDING,))
        if not waiting and not core.changed_cards:
            return handed
        with core.store.transaction():
            waiting = _fresh(core, waiting)
            if CARD in kinds:
                handed += _take_changed(core, guard)
                handed += [Message(core, guard, each) for each in waiting if each.kind == CARD]
            if MESSAGE in kinds:
                now_ms = core.clock.steady_ms()
                mine = {each.delivery_id: each for each in waiting if each.kind == MESSAGE}
                chosen = core.screen.next_of(tuple(mine), now_ms)
                if chosen:
                    core.screen.shows(chosen, now_ms)
                    handed.append(Message(core, guard, mine[chosen]))
            for message in handed:
                core.store.messages.move(message.delivery_id, HANDED)
        return handed


def _take_changed(core: Core, guard: Guard) -> list[Message]:
    """Take the cards that the gateway has changed since they were handed (Rule 3)."""
    changed, core.changed_cards = core.changed_cards, {}
    found = []
    for delivery_id, before in changed.items():
        now = core.store.messages.find(delivery_id) or before
        if now.state != PENDING:  # else it is handed as it is anyway
            is_gone = now.state == GONE
            found.append(Message(core, guard, before if is_gone else now, is_gone=is_gone))
    return found


def _fresh(core: Core, waiting: Iterable[StoredMessage]) -> list[StoredMessage]:
    """Let go of what is past its time (Rule 2); give the rest."""
    now_ms, fresh = core.clock.wall_ms(), []
    for stored in waiting:
        if not is_past(stored, now_ms):
            fresh.append(stored)
            continue
        core.store.messages.move(stored.delivery_id, GONE)
        if not stored.is_read:
            _receipt(core, stored.delivery_id, "unshown", "expired")
    return fresh


def answered(core: Core, message: Message, answer: str, took_ms: int) -> None:
    """Do what the host's answer to a message asks for (Rule 4)."""
    with core.lock:
        if core.is_closed or (answer == "show" and took_ms <= VETO_MS):
            return
        stored = core.store.messages.find(message.delivery_id)
        if stored is None or stored.state != HANDED or message.is_displayed:
            return
        with core.store.transaction():
            if answer == "discard":
                core.store.messages.move(message.delivery_id, GONE)
                if not stored.is_read:
                    _receipt(core, message.delivery_id, "unshown", "discarded")
            else:
                core.store.messages.move(message.delivery_id, PENDING)
        core.screen.puts_off(message.delivery_id, core.clock.steady_ms())
        core.changed.notify_all()


def take_in(core: Core, reply: Reply | None, whose: str) -> None:
    """Store what a poll brought, unless it was asked for somebody who has logged out meanwhile."""
    with core.lock:
        now_ms = core.clock.steady_ms()
        if core.is_closed or core.identity.anonymous_id != whose:
            return
        if reply is not None and reply.status == NOT_MODIFIED:
            core.poll.succeeded("", now_ms)
            return
        told = read_object(reply.body) if reply is not None and reply.status == OK else None
        if reply is None or told is None or "cursor" not in told:
            wish_s = reply.retry_after_s if reply is not None else None
            core.poll.failed(wish_s, core.clock.chance(), now_ms)
            return
        store(core, told)
        core.poll.succeeded(reply.etag, now_ms)


def store(core: Core, told: Mapping[str, Any]) -> None:
    """Store what the gateway tells, with its cursor, in one commit. The lock is held."""
    now_ms = core.clock.wall_ms()
    with core.store.transaction():
        for message in _arrived(told, now_ms):
            known = core.store.messages.put(message)
            if known is None:
                _receipt(core, message.delivery_id, "received")
            elif known.kind == CARD and known.is_read < message.is_read:
                _changes(core, known)
        for delivery_id in map(str, _list(told, "retracted")):
            known = core.store.messages.find(delivery_id)
            core.store.messages.move(delivery_id, GONE)
            if known is not None:
                _changes(core, known)
        core.store.messages.trim(now_ms)
        core.store.set_meta("messages_after", str(told["cursor"]))
    core.changed.notify_all()


def _changes(core: Core, known: StoredMessage) -> None:
    """Note that a card which the host was given has changed."""
    if known.kind == CARD and known.state == HANDED:
        core.changed_cards.setdefault(known.delivery_id, known)


def _arrived(told: Mapping[str, Any], now_ms: int) -> Iterator[NewMessage]:
    for kind, member in ((MESSAGE, "messages"), (CARD, "cards")):
        for each in _list(told, member):
            if not isinstance(each, dict) or not isinstance(each.get("delivery_id"), str):
                continue  # one that names no delivery cannot be shown once: it is not shown
            priority = each.get("priority")
            yield NewMessage(
                each["delivery_id"],
                kind,
                PENDING,
                priority if isinstance(priority, int) else 0,
                now_ms,
                moment_ms(each.get("show_until")),
                encode(each).decode(),
                each.get("pinned") is True,
                each.get("read") is True,
            )


def _list(told: Mapping[str, Any], member: str) -> list[Any]:
    value = told.get(member)
    return value if isinstance(value, list) else []


def _receipt(core: Core, delivery_id: str, status: str, reason: str = "") -> None:
    fields: dict[str, object] = {"delivery_id": delivery_id, "status": status}
    core.record("receipt", {**fields, "reason": reason} if reason else fields)
