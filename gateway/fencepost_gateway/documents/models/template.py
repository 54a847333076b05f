"""Template: the words of a message by channel, as Liquid."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fencepost_gateway.documents.models.base import TEXT_MAX, Authored, Id, Name, Shape, refuse

BUTTONS_MAX = 4

Liquid = Annotated[str, Field(max_length=TEXT_MAX), Shape("Liquid")]
LiquidFile = Annotated[
    str, Field(max_length=TEXT_MAX), Shape("Liquid, or a file beside: greet.txt")
]

_NO_MEDIA = {
    "image": "leave it out: pictures come later",
    "icon": "leave it out: pictures come later",
}


class Button(Authored):
    """A button of an in-app message."""

    text: Liquid = Field(min_length=1, description="What it says.")
    link: Liquid = Field(default="", description="What it opens: https or a scheme the app named.")


class InApp(Authored):
    """A message inside the app; the app draws it."""

    later: ClassVar = {**_NO_MEDIA, "colours": "leave it out: the app draws in its own colours"}

    layout: Literal["banner", "modal", "full"] = Field(
        default="banner", description="How it is drawn."
    )
    title: Liquid = Field(default="", description="Heading.")
    body: Liquid = Field(min_length=1, description="Text.")
    buttons: list[Button] = Field(default=[], max_length=BUTTONS_MAX, description="At most four.")


class WebPush(Authored):
    """A notification in the browser."""

    later: ClassVar = _NO_MEDIA

    title: Liquid = Field(min_length=1, description="First line.")
    body: Liquid = Field(default="", description="Text.")
    link: Liquid = Field(default="", description="What a click opens.")


class Sms(Authored):
    """A short message."""

    text: Liquid = Field(min_length=1, description="Text.")


class Email(Authored):
    """An email; text always, HTML beside it if you like."""

    later: ClassVar = {
        "mjml": "use html: with a file beside the document",
        "preheader": "put it into the html",
    }

    subject: Liquid = Field(min_length=1, description="One line.")
    text: LiquidFile = Field(min_length=1, description="Body as plain text.")
    html: LiquidFile = Field(default="", description="Body as HTML; values are escaped.")


class Template(Authored):
    """Content by channel. Only the channels written here can be used by a campaign."""

    later: ClassVar = {
        "push": "use web_push, in_app, sms or email",
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
    languages: dict[str, Literal["default"]] = Field(
        default={}, description="At most one for now, written `{en: default}`."
    )
    in_app: InApp | None = Field(default=None, description="Content in the app.")
    web_push: WebPush | None = Field(default=None, description="Content of a notification.")
    sms: Sms | None = Field(default=None, description="Content of a short message.")
    email: Email | None = Field(default=None, description="Content of an email.")
    missing: Literal["withhold", "default"] = Field(
        default="withhold",
        description="A value is missing: withhold the message, or print nothing in its place.",
    )

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if not (self.in_app or self.web_push or self.sms or self.email):
            refuse("no content", "add one of: in_app, web_push, sms, email")
        if self.confirms and self.purpose != "transactional":
            refuse("a confirmation that advertises", "write purpose: transactional")
        if len(self.languages) > 1:
            refuse("several languages come later", "keep the default; write one template each")
        return self
