"""
Message: what a driver is asked to send.

Pure. Everything here is rendered, labelled and decided already: a driver adds transport, never
words. Content is a closed union, one record a channel; a driver takes exactly one of them.

Rule 1. ``marketing`` or ``transactional`` is part of the message, and nothing turns one into the
        other on the way.
Rule 2. ``delivery_id`` is the idempotency key towards the provider: 32 characters of lower-case
        base32, so it fits a Web Push ``Topic`` (RFC 8030 section 5.4) as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_DELIVERY_ID = re.compile(r"[a-z2-7]{32}")


class Channel(StrEnum):
    """Where a message can arrive."""

    IN_APP = "in_app"
    PUSH = "push"
    WEB_PUSH = "web_push"
    SMS = "sms"
    EMAIL = "email"
    WEBHOOK = "webhook"


ON_A_DEVICE = frozenset({Channel.PUSH, Channel.WEB_PUSH})
"""Channels whose address is one device's: whoever uses the device has it."""


class Purpose(StrEnum):
    """Why a message is sent; part of the template's type."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


@dataclass(frozen=True, slots=True)
class Button:
    """
    A button of an in-app message; ``link`` is ``https:`` or a scheme the app named.

    ``id`` names it in what the app reports: what the author called it, else its place, from 1.
    """

    text: str
    link: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class InAppContent:
    """
    Structured content of an in-app message; the host app draws it, so it is never HTML.

    Attributes:
        body: Text.
        title: Heading.
        layout: ``banner``, ``modal``, ``full``, or ``card``, which stays in the inbox.
        buttons: At most four.
        image: Address of a picture, ``https:``.
        show: How often the app shows it: ``{"frequency": "once"}``, ``until_clicked``, ``always``,
            or ``{"frequency": "times", "times": 2, "per_s": 86400}``.
        is_pinned: A card that stands above the others.
        while_inside: Only while the person is inside a fence.
        inside: That fence: the one that woke the message, or else where the person is.
        expires_ms: How long a card stays; None: as long as the message is worth sending.

    """

    body: str
    title: str = ""
    layout: str = "banner"
    buttons: tuple[Button, ...] = ()
    image: str = ""
    show: dict[str, object] = field(default_factory=lambda: {"frequency": "once"})
    is_pinned: bool = False
    while_inside: bool = False
    inside: str = ""
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PushContent:
    """
    A notification of a native app.

    Attributes:
        title: First line.
        body: Text.
        link: What a tap opens.
        image: An ``https:`` address; the app's notification service fetches it.
        data: What the app finds beside it.
        badge: The number on the app's icon; None leaves it as it is.
        sound: ``default`` or a file of the app; empty: silent.

    """

    title: str
    body: str = ""
    link: str = ""
    image: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    badge: int | None = None
    sound: str = ""


@dataclass(frozen=True, slots=True)
class WebPushContent:
    """A notification: title, body, and the link that a click opens."""

    title: str
    body: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class SmsContent:
    """The text of a short message; with ``media``, links to pictures, it is an MMS."""

    text: str
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmailContent:
    """Subject and bodies of an email; ``html`` may be empty, ``text`` may not."""

    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class WebhookContent:
    """
    What a kiosk, a sign, a television or another system shows.

    Attributes:
        title: Heading.
        body: Text.
        link: What a touch opens, or what is shown as a code to read by a phone.
        data: What the system finds beside it.

    """

    title: str
    body: str = ""
    link: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Links:
    """
    Where a receiver, or their machine, can answer one message; empty without ``public_url``.

    Attributes:
        unsubscribe: One POST there unsubscribes (RFC 8058); GET shows a page.
        preferences: The page where they see and change what they agreed to.
        report: Where their machine tells that it was displayed, clicked, dismissed.
        return_token: Names the delivery in a return path, signed; one word of ``a-z2-7``.
        callback: Where the provider tells what becomes of it; the provider signs what it sends.

    """

    unsubscribe: str = field(default="", repr=False)
    preferences: str = field(default="", repr=False)
    report: str = field(default="", repr=False)
    return_token: str = field(default="", repr=False)
    callback: str = field(default="", repr=False)


Content = InAppContent | PushContent | WebPushContent | SmsContent | EmailContent | WebhookContent


@dataclass(frozen=True, slots=True)
class Outgoing:
    """
    One message on its way to one address.

    Attributes:
        delivery_id: Idempotency key, 32 characters of ``a-z2-7``.
        purpose: Marketing or transactional.
        content: Rendered content of the driver's channel.
        ttl_s: Seconds of life left; the provider is told so (always > 0).
        facts: Names without personal data (campaign, template) for captures and previews.
        links: Where the receiver can answer.

    """

    delivery_id: str
    purpose: Purpose
    content: Content
    ttl_s: int
    facts: dict[str, str] = field(default_factory=dict)
    links: Links = field(default_factory=Links)


def is_delivery_id(text: str) -> bool:
    """Say whether ``text`` may go into a header as it is (rule 2); drivers refuse the rest."""
    return _DELIVERY_ID.fullmatch(text) is not None
