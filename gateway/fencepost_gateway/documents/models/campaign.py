"""Campaign: a journey of one message."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.documents.models.base import (
    LIST_MAX,
    Authored,
    Duration,
    EventName,
    Id,
    Moment,
    Name,
    Percent,
    RuleTree,
    Shape,
    Tag,
    as_list,
    refuse,
)
from fencepost_gateway.documents.models.entry import Entry, Limits
from fencepost_gateway.documents.models.experiment import ARMS_MAX
from fencepost_gateway.documents.models.hours import Allowed

ChannelName = Literal["in_app", "push", "web_push", "sms", "email", "webhook"]
CHANNELS: tuple[ChannelName, ...] = get_args(ChannelName)


def _reentry(value: object) -> object:
    if value in ("never", "after_end", "always"):
        return value
    if (
        isinstance(value, dict)
        and list(value) == ["after"]
        and parse_duration_ms(value["after"]) is not None
    ):
        return value
    return refuse("no re-entry rule", "write never, after_end, always or {after: 24h}")


def _fallback(value: object) -> object:
    if value == "never" or parse_duration_ms(value) is not None:
        return value
    return refuse("no length of time", "write a length of time (5m) or never")


FallbackAfter = Annotated[str, PlainValidator(_fallback), Shape("a length of time (5m) or never")]
Channel = ChannelName
ReentryRule = Annotated[
    Any, PlainValidator(_reentry), Shape("never, after_end, always or {after: 24h}")
]


class ArmTemplates(Authored):
    """An experiment, and the template that each of its arms gets."""

    experiment: Id = Field(description="The experiment.")
    arms: dict[str, Id] = Field(
        min_length=2,
        max_length=ARMS_MAX,
        description="Template by arm: every arm, all of one purpose.",
    )


class Message(Authored):
    """The one message: which template, where it may go, how long it is worth sending."""

    later: ClassVar = {
        "spread": "leave it out: deferred messages are spread anyway",
    }

    template: Id | ArmTemplates = Field(
        description="The template, or each arm's: `{experiment: greet-test, arms: {A: greet-a, "
        "B: greet-b}}`."
    )
    channels: list[Channel] = Field(
        min_length=1,
        max_length=len(CHANNELS),
        description="In order of preference: the first that may go is used.",
    )
    each: bool = Field(default=False, description="Send on every channel that may go.")
    while_: RuleTree | None = Field(
        default=None,
        alias="while",
        description="Asked again right before sending; false withholds.",
    )
    max_age: Duration | None = Field(
        default=None,
        description="Older messages are withheld. Default: 15m for transitions, else 24h.",
    )
    hours: Allowed | None = Field(
        default=None,
        description="Local hours in which it may go; they only narrow what the policy leaves.",
    )
    only_open: bool = Field(
        default=False,
        description="Only while the fence that woke it is open, by its opening hours.",
    )
    quiet_hours: Literal["defer", "drop"] = Field(
        default="defer", description="Outside such hours: wait for the next that suit all, or drop."
    )
    caps: Literal["defer", "drop"] = Field(
        default="drop", description="Under a full cap: wait for the next slot, or drop."
    )
    on_unknown: Literal["end", "retry"] | None = Field(
        default=None,
        description="Nobody knows whether a call arrived: end, or send again, three times at most "
        "(it may arrive twice). Default: end for marketing, retry for transactional messages.",
    )
    fallback_after: FallbackAfter | None = Field(
        default=None,
        description="How long a channel that takes no calls is waited for before the next is "
        "tried, or `never`. Default: 1m for transactional messages, never for marketing.",
    )
    priority: int = Field(
        default=50, ge=0, le=100, description="Who goes first for the last cap slot."
    )

    @model_validator(mode="after")
    def _channels_once(self) -> Self:
        if len(set(self.channels)) != len(self.channels):
            refuse("a channel is named twice", "name each channel once")
        return self


class Goal(Authored):
    """The event the campaign is for."""

    event: EventName = Field(description="The app event.")
    within: Duration = Field(description="Counted from the entry.")


class Run(Authored):
    """When the campaign takes people in."""

    from_: Moment | None = Field(
        default=None, alias="from", description="Default: as soon as it is live."
    )
    until: Moment | None = Field(default=None, description="Exclusive. Default: no end.")


def _goal(value: object) -> object:
    return None if value == "none" else value


Entries = Annotated[list[Entry], BeforeValidator(as_list), Field(min_length=1, max_length=20)]
GoalOrNone = Annotated[
    Goal | None, BeforeValidator(_goal, json_schema_input_type=Goal | Literal["none"])
]


class Campaign(Authored):
    """A journey of one message: who enters, on what condition, and what is sent."""

    hints: ClassVar = dict.fromkeys(
        ("steps", "exit_on", "lifetime"), "a campaign is one message: write kind: journey"
    )

    kind: Literal["campaign"]
    id: Id = Field(description="Unique among campaigns.")
    name: Name = Field(default="", description="For people; default: the id.")
    entry: Entries = Field(description="One entry, or a list: any of them wakes it.")
    when: RuleTree | None = Field(default=None, description="Condition at the entry.")
    reentry: ReentryRule = Field(default="after_end", description="When a person may enter again.")
    message: Message = Field(description="What is sent.")
    goal: GoalOrNone = Field(default=None, description="The event the campaign is for, or `none`.")
    holdout: Percent = Field(default=0, description="Share of persons kept without the message.")
    tags: list[Tag] = Field(default=[], max_length=LIST_MAX, description="For caps and reports.")
    brand: Id | None = Field(default=None, description="Whose campaign it is; for caps.")
    limits: Limits | None = Field(
        default=None, description="How many it takes in. Default: everybody."
    )
    run: Run = Field(default=Run(), description="When it takes people in.")
