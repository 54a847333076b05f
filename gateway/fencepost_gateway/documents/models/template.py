"""
Template: the words of a message by channel, as Liquid; and fragments, which templates share.

Rule 1. One language is the default, and is what the channels of the template are written in. The
        others repeat the channels they translate; layout and links they may leave out.
Rule 2. A ``card`` stays in the app's inbox until its own end; banner, modal and full screen are
        shown as often as ``show`` says, and no longer than the message is worth sending.
Rule 3. A translation may be unfinished: which texts it lacks is a warning (``content.advice``), and
        until it has them the channel goes out in the next language (``content.variants``).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from fencepost_channels.message import Channel
from fencepost_gateway.documents.mjml_text import MjmlFault, compile_mjml
from fencepost_gateway.documents.models.base import (
    TEXT_MAX,
    Authored,
    Duration,
    Id,
    Name,
    Shape,
    refuse,
)

BUTTONS_MAX = 4
MEDIA_MAX = 10  # of one message at Twilio
DATA_MAX = 16
LANGUAGES_MAX = 50
TIMES_MAX = 100
# What the app finds in any case, what is APNs', what is FCM's.
DATA_TAKEN = frozenset(
    {"delivery_id", "link", "image", "report", "aps", "from", "message_type", "collapse_key"}
)
_DATA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")

Liquid = Annotated[str, Field(max_length=TEXT_MAX), Shape("Liquid")]
LiquidFile = Annotated[
    str, Field(max_length=TEXT_MAX), Shape("Liquid, or a file beside: greet.txt")
]


def _languages(value: dict[str, Any]) -> dict[str, Any]:
    for tag in value:
        if not _TAG.fullmatch(tag):
            refuse(f"{tag[:40]!r} is no language", "write a tag such as en, ko, pt-BR")
    if len({tag.casefold() for tag in value}) < len(value):
        refuse("a language is there twice", "keep one of them")
    if value and sum(each == "default" for each in value.values()) != 1:
        refuse("one language is the default", "write it as {en: default}")
    if len(value) > LANGUAGES_MAX:
        refuse(f"more than {LANGUAGES_MAX} languages", "write a second template")
    return value


def _data(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if not _DATA_NAME.fullmatch(name):
            refuse(f"{name[:40]!r} is no name for data", "write letters, digits and _")
        if name in DATA_TAKEN or name.startswith(("google", "gcm")):
            refuse(f"data cannot have a {name[:40]}", "choose another name: this one is taken")
    if len(value) > DATA_MAX:
        refuse(f"more than {DATA_MAX} data", "let the app fetch the rest")
    return value


def _mjml(text: str) -> str:
    made = compile_mjml(text) if text else ""
    if isinstance(made, MjmlFault):
        where = f" (line {made.line} of this text)" if made.line else ""
        refuse(made.what + where, made.how)
    return text


Mjml = Annotated[
    str,
    Field(
        default="",
        max_length=TEXT_MAX,
        description="Body as MJML, which becomes the HTML; values are escaped.",
    ),
    AfterValidator(_mjml),
    Shape("MJML with Liquid, or a file beside: greet.mjml"),
]
Preheader = Annotated[
    Liquid,
    Field(default="", description="What a list of mails shows beside the subject."),
]

_NO_MEDIA = {
    "image": "leave it out: pictures come later",
    "icon": "leave it out: pictures come later",
}


class Button(Authored):
    """A button of an in-app message."""

    id: Id | None = Field(
        default=None, description="Its name in what the app reports. Default: its place, from 1."
    )
    text: Liquid = Field(min_length=1, description="What it says.")
    link: Liquid = Field(default="", description="What it opens: https or a scheme the app named.")


class ShowTimes(Authored):
    """So many times in a span of time, by the clock of the device."""

    times: int = Field(ge=1, le=TIMES_MAX, description="How often at most.")
    per: Duration = Field(description="In which span, counted back from now.")


class InApp(Authored):
    """A message inside the app; the app draws it."""

    later: ClassVar = {
        "icon": "write image:",
        "colours": "leave it out: the app draws in its own colours",
    }

    layout: Literal["banner", "modal", "full", "card"] = Field(
        default="banner",
        description="How it is drawn; a `card` stays in the app's inbox.",
    )
    image: Liquid = Field(default="", description="Address of a picture, https.")
    show: Literal["once", "until_clicked", "always"] | ShowTimes = Field(
        default="once",
        description="How often a device shows it, a time whenever the app is opened: `once`, "
        "`until_clicked`, `always`, or `{times: 3, per: 24h}`. Not of a card.",
    )
    pinned: bool = Field(default=False, description="Of a card: it stands above the others.")
    expires: Duration | None = Field(
        default=None,
        description="Of a card: how long it stays in the inbox. Default: the message's `max_age`.",
    )
    while_inside: bool = Field(
        default=False,
        description="Only while the person is inside the fence that woke the message (else the one "
        "they are in): it leaves with EXIT and EXPIRE.",
    )
    title: Liquid = Field(default="", description="Heading.")
    body: Liquid = Field(min_length=1, description="Text.")
    buttons: list[Button] = Field(default=[], max_length=BUTTONS_MAX, description="At most four.")

    @model_validator(mode="after")
    def _fits_its_layout(self) -> Self:
        is_card = self.layout == "card"
        if is_card and self.show != "once":
            refuse("a card stays in the inbox", "leave show: out, or choose another layout")
        if not is_card and (self.pinned or self.expires):
            refuse("pinned: and expires: are of a card", "write layout: card, or leave them out")
        names = [each.id for each in self.buttons if each.id]
        if len(set(names)) < len(names):
            refuse("two buttons have one id", "name each differently")
        return self


class WebPush(Authored):
    """A notification in the browser."""

    later: ClassVar = _NO_MEDIA

    title: Liquid = Field(min_length=1, description="First line.")
    body: Liquid = Field(default="", description="Text.")
    link: Liquid = Field(default="", description="What a click opens.")


class Push(Authored):
    """A notification of the app on a phone."""

    later: ClassVar = {"icon": "leave it out: a phone shows the app's own"}

    title: Liquid = Field(min_length=1, description="First line.")
    body: Liquid = Field(default="", description="Text.")
    link: Liquid = Field(default="", description="What a tap opens.")
    image: Liquid = Field(default="", description="A picture, https; the app shows it.")
    data: Annotated[dict[str, Liquid], AfterValidator(_data), Shape("name → Liquid")] = Field(
        default={}, description="What the app finds beside it, as texts: 16 at most."
    )
    badge: int | None = Field(
        default=None, ge=0, le=99_999, description="The number on the icon; iOS."
    )
    sound: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]{0,64}$",
        description="`default`, or a file of the app. Silent without.",
    )


class Webhook(Authored):
    """What a kiosk, a sign, a television or another system shows."""

    later: ClassVar = _NO_MEDIA

    title: Liquid = Field(min_length=1, description="Heading.")
    body: Liquid = Field(default="", description="Text.")
    link: Liquid = Field(default="", description="What a touch opens, or a code on it leads to.")
    data: Annotated[dict[str, Liquid], AfterValidator(_data), Shape("name → Liquid")] = Field(
        default={}, description="What the system finds beside it, as texts: 16 at most."
    )


class Sms(Authored):
    """A short message; with pictures it is an MMS, where the provider and the country have them."""

    text: Liquid = Field(min_length=1, description="Text.")
    media: list[Liquid] = Field(
        default=[], max_length=MEDIA_MAX, description="Links (https) to pictures; at most ten."
    )


class Email(Authored):
    """An email; text always, HTML beside it if you like."""

    subject: Liquid = Field(min_length=1, description="One line.")
    preheader: Preheader
    text: LiquidFile = Field(min_length=1, description="Body as plain text.")
    html: LiquidFile = Field(default="", description="Body as HTML; values are escaped.")
    mjml: Mjml

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.html and self.mjml:
            refuse("both html and mjml", "keep one of them: the MJML becomes the HTML")
        if self.preheader and not (self.html or self.mjml):
            refuse("a preheader without html", "add html: or mjml:, or take the preheader out")
        return self


class ButtonWords(Authored):
    """A button in another language, in the place of the default's."""

    text: Liquid = Field(min_length=1, description="What it says.")
    link: Liquid = Field(default="", description="What it opens. Default: what the default opens.")


class InAppWords(Authored):
    """A message inside the app in another language."""

    title: Liquid = Field(default="", description="Heading.")
    body: Liquid = Field(default="", description="Text.")
    buttons: list[ButtonWords] = Field(
        default=[], max_length=BUTTONS_MAX, description="As many as the default has."
    )


class WebPushWords(Authored):
    """A notification in another language."""

    title: Liquid = Field(default="", description="First line.")
    body: Liquid = Field(default="", description="Text.")
    link: Liquid = Field(default="", description="What a click opens, if that is another page.")


class PushWords(Authored):
    """A notification of the app in another language."""

    title: Liquid = Field(default="", description="First line.")
    body: Liquid = Field(default="", description="Text.")
    link: Liquid = Field(default="", description="What a tap opens, if that is another page.")
    image: Liquid = Field(default="", description="A picture, if it is another one.")


class WebhookWords(Authored):
    """What a screen shows in another language."""

    title: Liquid = Field(default="", description="Heading.")
    body: Liquid = Field(default="", description="Text.")
    link: Liquid = Field(default="", description="What a touch opens, if that is another page.")


class SmsWords(Authored):
    """A short message in another language."""

    text: Liquid = Field(default="", description="Text.")


class EmailWords(Authored):
    """An email in another language."""

    subject: Liquid = Field(default="", description="One line.")
    text: LiquidFile = Field(default="", description="Body as plain text.")
    html: LiquidFile = Field(default="", description="Body as HTML; values are escaped.")
    preheader: Preheader
    mjml: Mjml


class Translation(Authored):
    """What a template says in another language, by channel."""

    in_app: InAppWords | None = Field(default=None, description="Content in the app.")
    push: PushWords | None = Field(default=None, description="Content of the app's notification.")
    web_push: WebPushWords | None = Field(default=None, description="Content of a notification.")
    sms: SmsWords | None = Field(default=None, description="Content of a short message.")
    email: EmailWords | None = Field(default=None, description="Content of an email.")
    webhook: WebhookWords | None = Field(default=None, description="Content of a screen.")


Languages = Annotated[
    dict[str, Literal["default"] | Translation],
    AfterValidator(_languages),
    Shape("language → `default`, or what it says"),
]


class Tracking(Authored):
    """What a message tells of its reader besides what its channel tells anyway."""

    opens: bool = Field(
        default=False,
        description="An invisible picture in the HTML of an email says it was opened.",
    )
    clicks: bool = Field(
        default=False,
        description="Links in email and SMS lead over the gateway, which counts a click once.",
    )


class Template(Authored):
    """Content by channel. Only the channels written here can be used by a campaign."""

    later: ClassVar = {
        "offer": "write the offer into the text",
        "coupon": "write the coupon into the text",
    }

    kind: Literal["template"]
    id: Id = Field(description="Unique among templates.")
    name: Name = Field(default="", description="For people.")
    purpose: Literal["marketing", "transactional"] = Field(
        description="Part of the type; no campaign can override it."
    )
    confirms: Literal["marketing", "marketing_night"] | None = Field(
        default=None,
        description="It asks its receiver to confirm this consent, which is pending (`p`): "
        "`{{ confirm.link }}` leads there. It goes only where one is pending, and once.",
    )
    security_code: bool = Field(
        default=False,
        description="It holds a code that somebody waits for: it goes before everything else. "
        "Transactional templates only.",
    )
    languages: Languages = Field(
        default={},
        description="`{en: default, ko: {sms: {text: …}}}`; the person's locale chooses.",
    )
    in_app: InApp | None = Field(default=None, description="Content in the app.")
    push: Push | None = Field(default=None, description="Content of the app's notification.")
    web_push: WebPush | None = Field(
        default=None, description="Content of a browser's notification."
    )
    sms: Sms | None = Field(default=None, description="Content of a short message.")
    email: Email | None = Field(default=None, description="Content of an email.")
    webhook: Webhook | None = Field(
        default=None, description="Content of a kiosk, a sign or another system."
    )
    tracking: Tracking = Field(
        default=Tracking(),
        description="Off by default. Never of whoever denies `personalisation`, nor of a message "
        "that asks to confirm.",
    )
    missing: Literal["withhold", "default"] = Field(
        default="withhold",
        description="A value is missing: withhold the message, or print nothing in its place.",
    )

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if not any(getattr(self, channel) for channel in Channel):
            refuse("no content", f"add one of: {', '.join(Channel)}")
        if self.confirms and self.purpose != "transactional":
            refuse("a confirmation that advertises", "write purpose: transactional")
        if self.security_code and self.purpose != "transactional":
            refuse("a security code that advertises", "write purpose: transactional")
        if self.tracking.opens and not self.email:
            refuse("opens are told by email alone", "leave tracking.opens out, or add email")
        if self.tracking.clicks and not (self.email or self.sms):
            refuse("clicks are tracked in email and sms", "leave tracking.clicks out, or add one")
        if self.confirms and (self.tracking.opens or self.tracking.clicks):
            refuse("a confirmation that is tracked", "leave tracking out")
        return self

    @property
    def language(self) -> str:
        """The language of the channels above, empty when none was named."""
        return next((tag for tag, each in self.languages.items() if each == "default"), "")

    @property
    def translations(self) -> dict[str, Translation]:
        """The other languages."""
        return {tag: each for tag, each in self.languages.items() if isinstance(each, Translation)}


class FragmentWords(Authored):
    """A fragment in another language."""

    text: LiquidFile = Field(min_length=1, description="Text.")
    html: LiquidFile = Field(default="", description="What stands in the HTML of an email.")


FragmentLanguages = Annotated[
    dict[str, Literal["default"] | FragmentWords],
    AfterValidator(_languages),
    Shape("language → `default`, or what it says"),
]


class Fragment(Authored):
    """A piece of text that templates of every channel share: `{% render "footer" %}`."""

    kind: Literal["fragment"]
    id: Id = Field(description="Unique among fragments; what `render` names.")
    name: Name = Field(default="", description="For people.")
    languages: FragmentLanguages = Field(
        default={}, description="`{en: default, ko: {text: …}}`; that of the message is taken."
    )
    text: LiquidFile = Field(min_length=1, description="Text.")
    html: LiquidFile = Field(
        default="", description="What stands in the HTML of an email. Default: the text."
    )

    @property
    def language(self) -> str:
        """The language of the text above, empty when none was named."""
        return next((tag for tag, each in self.languages.items() if each == "default"), "")

    @property
    def translations(self) -> dict[str, FragmentWords]:
        """The other languages."""
        return {
            tag: each for tag, each in self.languages.items() if isinstance(each, FragmentWords)
        }
