"""
Inbox: messages that arrived for this device, and what the host says happened to them.

Not pure: store and callbacks, through the core.

Rule 1. A delivery is handed to the host's callbacks once a device, and noted before it is handed.
Rule 2. What happened is an event: ``receipt`` when it arrived or could not be shown,
        ``engagement`` when it was displayed, clicked or dismissed.
Rule 3. After ``show_until`` a message is not handed any more: ``unshown`` (``expired``) gives its
        cap slot back.
Rule 4. Content is data that the host draws; nothing of it is ever run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from fencepost_sdk.answer import OK, read_object
from fencepost_sdk.fallback import dropped, nothing
from fencepost_sdk.guard import InvalidCallError, guarded
from fencepost_sdk.message_table import GONE, HANDED, PENDING, NewMessage, StoredMessage
from fencepost_sdk.wire import encode, moment_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fencepost_sdk.answer import Reply
    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.results import Tracked

NOT_MODIFIED = 304


class Messages(NamedTuple):
    """Setting of the part: how often the gateway is asked while somebody listens."""

    poll_s: float = 60.0


class Message:
    """
    One message or card.

    Attributes:
        delivery_id: Names it everywhere: in reports, in ``explain``, on the gateway.
        kind: ``message`` or ``card``.
        layout: How the author wants it shown: ``banner``, ``modal``, ``full``.
        title: Heading; may be empty.
        body: Text.
        content: Everything the author gave: buttons, image, colours.
        show_until_ms: Epoch milliseconds after which it must not be shown; None: no end.

    """

    def __init__(self, core: Core, guard: Guard, stored: StoredMessage) -> None:
        told: dict[str, Any] = json.loads(stored.body)
        content = told.get("content")
        self.guard = guard
        self.delivery_id = stored.delivery_id
        self.kind = stored.kind
        self.layout = str(told.get("layout", "banner"))
        self.content: Mapping[str, Any] = content if isinstance(content, dict) else {}
        self.title = str(self.content.get("title", ""))
        self.body = str(self.content.get("body", ""))
        self.show_until_ms = stored.show_until_ms
        self._core = core

    def __repr__(self) -> str:
        """Show ids only: content may be personal."""
        return f"Message({self.kind}, delivery_id={self.delivery_id!r})"

    @guarded(dropped)
    def displayed(self) -> Tracked:
        """Report that the person saw it."""
        return self._engaged("displayed")

    @guarded(dropped)
    def clicked(self, button: str | None = None) -> Tracked:
        """Report that the person followed it, or one of its buttons."""
        return self._engaged("clicked", button)

    @guarded(dropped)
    def dismissed(self) -> Tracked:
        """Report that the person closed it; it leaves the inbox."""
        with self._core.lock:
            self._core.store.messages.move(self.delivery_id, GONE)
            return self._engaged("dismissed")

    def _engaged(self, action: str, button: str | None = None) -> Tracked:
        fields: dict[str, object] = {"delivery_id": self.delivery_id, "action": action}
        if button is not None:
            if not isinstance(button, str):
                raise InvalidCallError("button must be the id of a button, a string")
            fields["button"] = button
        return self._core.record("engagement", fields, now=action == "clicked")


def no_messages(_: str) -> tuple[Message, ...]:
    """Stand for messages that cannot be read."""
    return ()


class Inbox:
    """Messages and cards that are kept for the person."""

    def __init__(self, core: Core, guard: Guard) -> None:
        self.guard = guard
        self._core = core

    @guarded(no_messages)
    def list(self) -> tuple[Message, ...]:
        """Give what is kept and not over: higher priority first, then the earlier."""
        return _kept(self._core, self.guard, (PENDING, HANDED))

    @guarded(nothing)
    def dismiss(self, delivery_id: str) -> None:
        """Remove a card and report it."""
        for message in _kept(self._core, self.guard, (PENDING, HANDED)):
            if message.delivery_id == delivery_id:
                message.dismissed()


class PendingMessages:
    """Messages that no callback has been given yet."""

    def __init__(self, core: Core, guard: Guard) -> None:
        self.guard = guard
        self._core = core

    @guarded(no_messages)
    def pending(self) -> tuple[Message, ...]:
        """Give what waits to be shown; it waits on until a callback or ``dismissed`` takes it."""
        return _kept(self._core, self.guard, (PENDING,))


def _kept(core: Core, guard: Guard, states: tuple[str, ...]) -> tuple[Message, ...]:
    with core.lock:
        listen(core)
        now_ms = core.clock.wall_ms()
        return tuple(
            Message(core, guard, stored)
            for stored in core.store.messages.read(states)
            if stored.show_until_ms is None or stored.show_until_ms > now_ms
        )


def listen(core: Core) -> None:
    """Begin to ask the gateway for messages."""
    with core.lock:
        if core.poll.want(core.clock.steady_ms()):
            core.changed.notify_all()


def hand_out(core: Core, guard: Guard, kinds: frozenset[str]) -> list[Message]:
    """Take the messages that callbacks for ``kinds`` are to be given, each once (Rules 1, 3)."""
    with core.lock:
        handed: list[Message] = []
        now_ms = core.clock.wall_ms()
        waiting = [] if core.is_closed else core.store.messages.read((PENDING,))
        if not waiting:
            return handed
        with core.store.transaction():
            for stored in waiting:
                if stored.show_until_ms is not None and stored.show_until_ms <= now_ms:
                    core.store.messages.move(stored.delivery_id, GONE)
                    _receipt(core, stored.delivery_id, "unshown", "expired")
                elif stored.kind in kinds:
                    core.store.messages.move(stored.delivery_id, HANDED)
                    handed.append(Message(core, guard, stored))
        return handed


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
        with core.store.transaction():
            _store(core, told)
        core.poll.succeeded(reply.etag, now_ms)
        core.changed.notify_all()


def _store(core: Core, told: Mapping[str, Any]) -> None:
    now_ms = core.clock.wall_ms()
    for message in _arrived(told, now_ms):
        if core.store.messages.add(message):
            _receipt(core, message.delivery_id, "received")
    for delivery_id in _list(told, "retracted"):
        core.store.messages.move(str(delivery_id), GONE)
    core.store.messages.trim(now_ms)
    core.store.set_meta("messages_after", str(told["cursor"]))


def _arrived(told: Mapping[str, Any], now_ms: int) -> Iterator[NewMessage]:
    for kind, member in (("message", "messages"), ("card", "cards")):
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
            )


def _list(told: Mapping[str, Any], member: str) -> list[Any]:
    value = told.get(member)
    return value if isinstance(value, list) else []


def _receipt(core: Core, delivery_id: str, status: str, reason: str = "") -> None:
    fields: dict[str, object] = {"delivery_id": delivery_id, "status": status}
    core.record("receipt", {**fields, "reason": reason} if reason else fields)
