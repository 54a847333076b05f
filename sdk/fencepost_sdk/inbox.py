"""
Inbox: messages and cards as the host sees them, and what it says happened to them.

Not pure: store and callbacks, through the core.

Rule 1. What happened is an event: ``engagement`` when it was displayed, clicked or dismissed;
        receipts are ``receiving.py``'s.
Rule 2. Content is data that the host draws; nothing of it is ever run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from fencepost_sdk.display import is_over
from fencepost_sdk.fallback import dropped, no_count, nothing
from fencepost_sdk.guard import InvalidCallError, guarded
from fencepost_sdk.message_table import GONE, HANDED, PENDING, StoredMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.results import Tracked

MESSAGE, CARD = "message", "card"


class Messages(NamedTuple):
    """
    Settings of the part.

    Attributes:
        poll_s: How often the gateway is asked while somebody listens and no stream is open.
        stream: Whether the gateway is asked for a stream, by which messages come at once.
        gap_s: Time between the end of one message and the next.
        hold_s: How long a message holds the screen of a host that does not say when it ended.

    """

    poll_s: float = 60.0
    stream: bool = True
    gap_s: float = 30.0
    hold_s: float = 300.0


class Message:
    """
    One message or card.

    Attributes:
        delivery_id: Names it everywhere: in reports, in ``explain``, on the gateway.
        kind: ``message`` or ``card``.
        layout: How the author wants it shown: ``banner``, ``modal``, ``full``; of a card ``card``.
        title: Heading; may be empty.
        body: Text.
        image: Address of a picture; may be empty.
        buttons: Each with ``id`` (for ``clicked``), ``text`` and ``link``.
        content: All of that as the author gave it.
        inside: Id of the fence that it hangs on; empty when it hangs on none.
        is_pinned: A card that stands above the others.
        is_read: Whether some device of the person has shown it.
        is_gone: It is not there any more; a card callback is told so.
        is_displayed: Whether ``displayed`` was called of this very object.
        show_until_ms: Epoch milliseconds after which it must not be shown; None: no end.

    """

    def __init__(
        self, core: Core, guard: Guard, stored: StoredMessage, *, is_gone: bool = False
    ) -> None:
        told: dict[str, Any] = json.loads(stored.body or "{}")
        content, show, held = told.get("content"), told.get("show"), told.get("while")
        self.guard = guard
        self.delivery_id = stored.delivery_id
        self.kind = stored.kind
        self.layout = str(told.get("layout", "banner"))
        self.content: Mapping[str, Any] = content if isinstance(content, dict) else {}
        self.title = str(self.content.get("title", ""))
        self.body = str(self.content.get("body", ""))
        self.image = str(self.content.get("image", ""))
        buttons = self.content.get("buttons")
        self.buttons: tuple[Mapping[str, Any], ...] = tuple(
            each
            for each in (buttons if isinstance(buttons, list) else ())
            if isinstance(each, dict)
        )
        self.inside = str(held.get("inside", "")) if isinstance(held, dict) else ""
        self.is_pinned = told.get("pinned") is True
        self.is_read = stored.is_read
        self.is_gone = is_gone
        self.is_displayed = False
        self.show_until_ms = stored.show_until_ms
        self._show: Mapping[str, Any] = show if isinstance(show, dict) else {}
        self._core = core

    def __repr__(self) -> str:
        """Show ids only: content may be personal."""
        return f"Message({self.kind}, delivery_id={self.delivery_id!r})"

    @guarded(dropped)
    def displayed(self) -> Tracked:
        """Report that the person saw it."""
        core = self._core
        with core.lock, core.store.transaction():
            core.store.messages.note_shown(self.delivery_id, core.clock.wall_ms())
            self.is_read = self.is_displayed = True
            return self._engaged("displayed")

    @guarded(dropped)
    def clicked(self, button: str | None = None) -> Tracked:
        """Report that the person followed it, or one of its buttons, by its id."""
        if button is not None and not isinstance(button, str):
            raise InvalidCallError("button must be the id of a button, a string")
        return self._ended("clicked", button)

    @guarded(dropped)
    def dismissed(self) -> Tracked:
        """Report that the person closed it; a card leaves the inbox."""
        return self._ended("dismissed")

    def _ended(self, action: str, button: str | None = None) -> Tracked:
        core = self._core
        with core.lock, core.store.transaction():
            stays = action == "clicked" if self.kind == CARD else not is_over(self._show, action)
            if not stays:
                core.store.messages.move(self.delivery_id, GONE)
            elif self.kind == CARD:
                core.store.messages.note_shown(self.delivery_id, core.clock.wall_ms())
            core.screen.ends(self.delivery_id, core.clock.steady_ms())
            core.changed.notify_all()
            return self._engaged(action, button)

    def _engaged(self, action: str, button: str | None = None) -> Tracked:
        fields: dict[str, object] = {"delivery_id": self.delivery_id, "action": action}
        if button is not None:
            fields["button"] = button
        return self._core.record("engagement", fields, now=action == "clicked")


def no_messages(_: str) -> tuple[Message, ...]:
    """Stand for messages that cannot be read."""
    return ()


class Inbox:
    """Cards that are kept for the person."""

    def __init__(self, core: Core, guard: Guard) -> None:
        self.guard = guard
        self._core = core

    @guarded(no_messages)
    def list(self) -> tuple[Message, ...]:
        """Give the cards that are not over: pinned first, by priority, then the earlier."""
        return _kept(self._core, self.guard, CARD, (PENDING, HANDED))

    @property
    def unread(self) -> int:
        """Count the cards that no device of the person has shown: the badge."""
        return self._unread()

    @guarded(no_count)
    def _unread(self) -> int:
        cards = _kept(self._core, self.guard, CARD, (PENDING, HANDED))
        return sum(not card.is_read for card in cards)

    @guarded(nothing)
    def mark_read(self, delivery_id: str) -> None:
        """Take it that a card was seen, and report it; on all devices it is read."""
        for card in _kept(self._core, self.guard, CARD, (PENDING, HANDED)):
            if card.delivery_id == delivery_id and not card.is_read:
                card.displayed()

    @guarded(nothing)
    def dismiss(self, delivery_id: str) -> None:
        """Remove a card and report it; on all devices it is gone."""
        for card in _kept(self._core, self.guard, CARD, (PENDING, HANDED)):
            if card.delivery_id == delivery_id:
                card.dismissed()


class PendingMessages:
    """Messages that wait to be shown."""

    def __init__(self, core: Core, guard: Guard) -> None:
        self.guard = guard
        self._core = core

    @guarded(no_messages)
    def pending(self) -> tuple[Message, ...]:
        """Give what waits to be shown; it waits on until a callback or ``dismissed`` takes it."""
        return _kept(self._core, self.guard, MESSAGE, (PENDING,))

    @guarded(nothing)
    def show(self, delivery_id: str) -> None:
        """Have this message handed to the callbacks next, before others and at once."""
        if not isinstance(delivery_id, str):
            raise InvalidCallError("delivery_id must be a string")
        with self._core.lock:
            self._core.screen.asks(delivery_id)
            self._core.changed.notify_all()

    @guarded(nothing)
    def pause(self) -> None:
        """Hand out no message until ``resume``: a checkout, a film, a call."""
        with self._core.lock:
            self._core.screen.is_paused = True

    @guarded(nothing)
    def resume(self) -> None:
        """Hand out messages again, those that were put off too."""
        with self._core.lock:
            self._core.screen.is_paused = False
            self._core.screen.occasion()
            self._core.changed.notify_all()


def _kept(core: Core, guard: Guard, kind: str, states: tuple[str, ...]) -> tuple[Message, ...]:
    with core.lock:
        listen(core)
        now_ms = core.clock.wall_ms()
        return tuple(
            Message(core, guard, stored)
            for stored in core.store.messages.read(states)
            if stored.kind == kind and not is_past(stored, now_ms)
        )


def is_past(stored: StoredMessage, now_ms: int) -> bool:
    """Say whether a message must not be shown any more."""
    return stored.show_until_ms is not None and stored.show_until_ms <= now_ms


def listen(core: Core) -> None:
    """Begin to ask the gateway for messages."""
    with core.lock:
        if core.poll.want(core.clock.steady_ms()):
            core.changed.notify_all()
