"""Policy: what consent is accepted, what stands where nothing was said, and quiet hours."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from fencepost_gateway.decide.consent import PURPOSES
from fencepost_gateway.decide.countries import zones_of_country
from fencepost_gateway.documents.models.base import (
    LIST_MAX,
    NAME_MAX,
    Authored,
    Id,
    Moment,
    Name,
    Shape,
    Zone,
    as_list,
    refuse,
)
from fencepost_gateway.documents.models.campaign import CHANNELS, Channel
from fencepost_gateway.documents.models.hours import Allowed

_PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")
_PLACEHOLDERS: Final = ("link", "free_number")
PURPOSE_NAMES = tuple(sorted(PURPOSES))
Accepted = Literal["y", "dy", "LI", "CT", "CP", "VI", "PI"]
Presumed = Literal["n", "p", "u", "dy", "dn", "LI", "CT", "CP", "VI", "PI"]


def _purposes(value: object) -> object:
    if isinstance(value, dict):
        for purpose in value:
            if purpose != "*" and purpose not in PURPOSES:
                refuse(f"unknown purpose {purpose}", f"write one of: {', '.join(PURPOSE_NAMES)}")
    return value


def _defaults(value: object) -> object:
    if isinstance(value, dict):
        if "*" in value:
            refuse("a default for every purpose", "name the purposes one by one")
        for purpose in value:
            if value[purpose] == "y":
                how = "use dy, LI, CT, CP, VI or PI, and list it under accepts"
                refuse(f"y as default of {purpose}: nobody said it", how)
    return _purposes(value)


def _country(code: object) -> object:
    if not isinstance(code, str) or not zones_of_country(code) or code != code.upper():
        refuse("no country", "write its two letters of ISO 3166-1 in capitals, such as KR or GB")
    return code


Country = Annotated[str, BeforeValidator(_country), Shape("ISO 3166-1 country")]


def _none(value: object) -> object:
    return [] if value == "none" else value


class QuietHours(Authored):
    """When messages may go where the person is."""

    purposes: list[Literal["marketing", "transactional"]] = Field(
        default=["marketing"], min_length=1, description="Which messages."
    )
    channels: list[Channel] = Field(
        default=list(CHANNELS), min_length=1, description="Which channels; one not named is exempt."
    )
    allowed: Allowed = Field(description="The hours in which they may go.")
    lifted_by: Literal["marketing_night"] | None = Field(
        default=None,
        description="A consent that lifts these hours, though no others. Default: none does.",
    )
    zones: Literal["strictest", "first"] = Field(
        default="strictest",
        description="All known zones of the person must allow it; or home, else here.",
    )
    and_zone: Zone | None = Field(
        default=None, description="This zone must allow it too, as where the law names none."
    )
    on_zone_unknown: Literal["withhold", "hold"] = Field(
        default="withhold", description="No zone is known: withhold, or hold until one is."
    )


def _label(text: str) -> str:
    if not text.strip() or text != text.strip() or not text.isprintable():
        refuse("no label", 'write one line without blanks around it, such as "(광고)"')
    return text


LabelText = Annotated[str, Field(max_length=32), AfterValidator(_label)]


class Label(Authored):
    """What every marketing message begins with; no template can take it off."""

    text: LabelText = Field(description="The label.")
    at: Literal["start"] = Field(
        default="start", description="Of a text, of the subject of an email, of a title."
    )
    channels: list[Channel] = Field(
        default=list(CHANNELS), min_length=1, description="On which channels."
    )
    refuse: list[LabelText] = Field(
        default=[],
        max_length=LIST_MAX,
        description="What looks like the label and is not: content that has it is withheld.",
    )


def _opt_out(text: str) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in _PLACEHOLDERS:
            refuse(f"unknown {{{name[:32]}}}", "write {link} or {free_number}, or leave it out")
    if not text.strip() or not text.replace("\n", "").isprintable():
        refuse("no text", "write how to say no, such as STOP to end, or {link}")
    return text


OptOutText = Annotated[str, Field(max_length=NAME_MAX), AfterValidator(_opt_out)]


class OptOut(Authored):
    """How a message says that one can say no; it stands at its end."""

    at: Literal["end"] = Field(default="end", description="Where.")
    sms: OptOutText | None = Field(
        default=None, description="In a text: `{free_number}` of the brand, or `{link}`."
    )
    email: OptOutText | None = Field(
        default=None, description="In an email: `{link}` is where one unsubscribes."
    )


class MustContain(Authored):
    """What every marketing SMS and email says; what the template leaves out is put at its end."""

    channels: list[Literal["sms", "email"]] = Field(
        default=["sms", "email"], min_length=1, description="On which channels."
    )
    sender: bool = Field(default=False, description="The name of the brand.")
    contact: bool = Field(default=False, description="Its contact.")
    postal_address: bool = Field(default=False, description="Its postal address; in an email.")
    opt_out: OptOut = Field(default=OptOut(), description="How to say no.")


class Withdrawal(Authored):
    """What follows when somebody takes a consent back; it acts at once in any case."""

    effect: Literal["at_once"] = Field(default="at_once", description="When it acts.")
    result_notice_within_days: int | None = Field(
        default=None,
        ge=1,
        le=60,
        description="Within how many days they are told what became of it. `fencepost doctor` "
        "asks for the campaign that tells them.",
    )


class Reconfirm(Authored):
    """That people are told again what they agreed to."""

    every_years: int = Field(ge=1, le=10, description="How often.")
    silence: Literal["keeps"] = Field(
        default="keeps", description="Who does not answer goes on agreeing."
    )


class Reviewed(Authored):
    """Who has looked at this policy, for ``fencepost doctor``."""

    by: Name | None = Field(default=None, description="A person's name.")
    at: Moment | None = Field(default=None, description="When.")


class Policy(Authored):
    """
    Consent and quiet hours, of a jurisdiction or of everybody else.

    Without ``jurisdiction`` it replaces the default policy as a whole.
    """

    later: ClassVar = {
        "proof_keep_years": "leave it out: proofs are kept for good",
        "location": "leave it out",
    }

    kind: Literal["policy"]
    id: Id = Field(description="Unique among policies.")
    name: Name = Field(default="", description="For people.")
    jurisdiction: Annotated[list[Country], BeforeValidator(as_list), Field(max_length=LIST_MAX)] = (
        Field(
            default=[],
            description="Countries whose people it is for (ISO 3166-1: KR, or a list). Default: "
            "everybody for whom no other policy is; at most one such policy is live.",
        )
    )
    reviewed: Reviewed = Field(default=Reviewed(), description="Who reviewed it.")
    accepts: Annotated[
        dict[str, list[Accepted]],
        BeforeValidator(_purposes),
        Shape("purpose (or `*`) → list of consent values"),
    ] = Field(description="Consent values that allow a purpose; `*` for purposes not named.")
    defaults: Annotated[
        dict[str, Presumed],
        BeforeValidator(_defaults),
        Shape("purpose → consent value"),
    ] = Field(
        default={}, description="The value that stands where nothing was said. Default: unknown."
    )
    quiet_hours: Annotated[
        list[QuietHours],
        BeforeValidator(as_list),
        BeforeValidator(
            _none, json_schema_input_type=list[QuietHours] | QuietHours | Literal["none"]
        ),
    ] = Field(description="When messages may go, `none`, or a list of such: all of them hold.")
    label: Label | None = Field(default=None, description="What marketing begins with.")
    must_contain: MustContain = Field(
        default=MustContain(), description="What marketing says besides; see the brand."
    )
    withdrawal: Withdrawal = Field(
        default=Withdrawal(), description="What follows when a consent is taken back."
    )
    reconfirm: Reconfirm | None = Field(
        default=None,
        description="That people are told again what they agreed to; `fencepost doctor` asks for "
        "the campaign.",
    )
    location_fields: list[Literal["marketing", "transactional"]] = Field(
        default=["marketing", "transactional"],
        description="Templates of which purposes may name `place` and `nearest`.",
    )
    double_opt_in: list[Channel] = Field(
        default=[],
        max_length=len(CHANNELS),
        description="Channels on which a yes to advertising, given on the preference page, waits "
        "(`p`) until it is confirmed by the link of a message.",
    )
    data_requests_within_days: int = Field(
        default=30,
        ge=1,
        le=365,
        description="Within how many days you answer who asks for a copy of their data, or to be "
        "erased: the preference page names the day. Of several policies the shortest holds.",
    )
