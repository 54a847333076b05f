"""Step: one of the things a journey does, in the order they are written."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from fencepost_gateway.decide.reasons import REASONS
from fencepost_gateway.decide.rule_facts import PERSON_MEMBERS, RuleFault
from fencepost_gateway.documents.models.audience import PropertyPath
from fencepost_gateway.documents.models.base import (
    Authored,
    Id,
    Name,
    RuleTree,
    Shape,
    refuse,
    refuse_all,
)
from fencepost_gateway.documents.models.campaign import Message
from fencepost_gateway.documents.models.experiment import ArmName, Weight
from fencepost_gateway.documents.models.target import WAYS_MAX, StepId, Target, ValueName
from fencepost_gateway.documents.models.wait import Wait

NOTE_MAX: Final = 2_000
PERSONS_MAX: Final = 1_000_000_000
VALUES_MAX: Final = 100
VALUE_MAX: Final = 4_096  # characters of a text that a step sets
MESSAGE_WAYS: Final = ("sent", "withheld", "failed", "unknown")
REFUSALS: Final = ("gone", "opted_out", "rejected", "misconfigured", "unavailable")
DOES: Final = (
    "message", "wait", "branch", "split", "limit", "update", "look_up", "webhook", "goal", "jump",
    "to",
)  # fmt: skip


class Case(Authored):
    """``{when, to}``, or the last one: ``{otherwise}``."""

    when: RuleTree | None = Field(default=None, description="The rule.")
    to: Target | None = Field(default=None, description="Where to go on if it holds.")
    otherwise: Target | None = Field(default=None, description="Where to go on if none held.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.when is None) == (self.otherwise is None):
            refuse("no case", "write {when: RULE, to: STEP}, or {otherwise: STEP} as the last")
        if (self.when is None) != (self.to is None):
            refuse("to goes with when", "write {when: RULE, to: STEP} or {otherwise: STEP}")
        return self


def _cases(cases: list[Case]) -> list[Case]:
    if cases[0].when is None:
        refuse("nothing to branch on", "add {when: RULE, to: STEP} before otherwise")
    for number, case in enumerate(cases[:-1]):
        if case.when is None:
            fault = RuleFault((number, "otherwise"), "otherwise is not the last", "move it down")
            refuse_all((fault,))
    return cases


Branch = Annotated[list[Case], Field(min_length=1, max_length=WAYS_MAX), AfterValidator(_cases)]


def _split(value: object) -> object:
    if not isinstance(value, dict):
        return value
    own = {name: value[name] for name in ("random", "experiment") if name in value}
    weights = {name: weight for name, weight in value.items() if name not in own}
    return {**own, "weights": weights}


class Split(Authored):
    """Weights by way, ``{a: 50, b: 50}``; sticky by person unless ``random: true``."""

    weights: dict[ArmName, Weight] = Field(
        default={}, max_length=WAYS_MAX, description="Weight by way, written beside the others."
    )
    random: bool = Field(default=False, description="Draw anew for every run.")
    experiment: Id | None = Field(
        default=None, description="Instead of weights: its arms are the ways."
    )

    @model_validator(mode="after")
    def _splits(self) -> Self:
        if (self.experiment is None) == (not self.weights):
            refuse("split by what?", "write weights, {a: 50, b: 50}, or experiment: ID")
        if self.experiment is not None and self.random:
            refuse("an experiment is drawn once", "take random out")
        if self.weights and len(self.weights) == 1:
            refuse("a split has two ways at least", "add another")
        if self.weights and not any(self.weights.values()):
            refuse("no way has a weight", "give one of them more than 0")
        return self


class Limit(Authored):
    """Lets so many persons through, exactly; the others go on by the way ``full``."""

    to: int = Field(ge=1, le=PERSONS_MAX, description="How many persons.")


class Copied(Authored):
    """A value to be copied: a property of the event, or something looked up."""

    event: PropertyPath | None = Field(default=None, description="Property of the event.")
    value: PropertyPath | None = Field(default=None, description="`NAME.PATH` of a look-up.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.event is None) == (self.value is None):
            refuse("copied from where?", "write {event: PROPERTY} or {value: NAME.PATH}")
        return self

    @property
    def path(self) -> tuple[str, ...]:
        """Where the value is found."""
        root, path = ("event", self.event) if self.event else ("value", self.value)
        return (root, *(path or "").split("."))


Plain = str | bool | int | float | list[str | bool | int | float]


def _plain(value: object) -> object:
    """Take data as it is; lists of lists, and mappings, are none."""
    each = value if isinstance(value, list) else [value]
    if len(each) > VALUES_MAX or not all(isinstance(one, (str, bool, int, float)) for one in each):
        how = "write text, a number, true, false, a list of such, or {event: PROPERTY}"
        refuse("no plain value", how)
    if any(isinstance(one, str) and len(one) > VALUE_MAX for one in each):
        refuse("this text is too long", f"write at most {VALUE_MAX} characters")
    return value


def _which(value: object) -> str:
    return "Copied" if isinstance(value, (dict, Copied)) else "Plain"


def _attribute(name: str) -> str:
    if name in PERSON_MEMBERS:
        refuse(f"{name} is not set by a journey", "the app and the person say it")
    return name


Attribute = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_attribute)]
Value = Annotated[
    Annotated[Copied, Tag("Copied")]
    | Annotated[
        Plain,
        PlainValidator(_plain, json_schema_input_type=Plain),
        Tag("Plain"),
    ],
    Discriminator(_which),
]


class Update(Authored):
    """Sets attributes of the person, and takes some away."""

    set: dict[Attribute, Value] = Field(
        default={},
        max_length=WAYS_MAX,
        description="Value by attribute: plain data, `{event: PROPERTY}` or `{value: NAME.PATH}`.",
    )
    unset: list[Attribute] = Field(
        default=[], max_length=WAYS_MAX, description="Attributes to take away."
    )

    @model_validator(mode="after")
    def _changes(self) -> Self:
        if not self.set and not self.unset:
            refuse("nothing to update", "write set: {attribute: value} or unset: [attribute]")
        both = sorted(self.set.keys() & set(self.unset))
        if both:
            refuse(f"{both[0]} is set and unset", "keep one of them")
        return self


class Key(Authored):
    """What a row of a table is found by."""

    person: PropertyPath | None = Field(default=None, description="Attribute of the person.")
    event: PropertyPath | None = Field(default=None, description="Property of the event.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.person is None) == (self.event is None):
            refuse("found by what?", "write {person: ATTRIBUTE} or {event: PROPERTY}")
        return self

    @property
    def path(self) -> tuple[str, ...]:
        """Where the key is found."""
        root, path = ("person", self.person) if self.person else ("event", self.event)
        return (root, *(path or "").split("."))


class LookUp(Authored):
    """Gets a row of a table, or the answer of a source, under a name."""

    table: Id | None = Field(default=None, description="The table; needs `key`.")
    source: Id | None = Field(default=None, description="Or the source.")
    key: Key | None = Field(default=None, description="Which row of the table.")
    as_: ValueName = Field(alias="as", description="The name it is known by from here on.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.table is None) == (self.source is None):
            refuse("looked up where?", "write table: ID or source: ID")
        if (self.table is None) != (self.key is None):
            refuse("key goes with table", "write {table: ID, key: {person: …}, as: NAME}")
        return self


class Webhook(Authored):
    """Tells another system of the person, the run and its values."""

    source: Id = Field(description="The source that says where, with which headers.")


_SPLIT_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "random": {"type": "boolean"},
        "experiment": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"},
    },
    "additionalProperties": {"type": "number", "minimum": 0},
}


class Step(Authored):
    """One step: exactly one of its kinds, or ``to``, which goes on elsewhere."""

    later: ClassVar = {"offer": "write the offer into a template"}

    id: StepId | None = Field(
        default=None, description="What others call it. Default: its number, from 1."
    )
    message: Message | None = Field(default=None, description="Sends a message.")
    wait: Wait | None = Field(default=None, description="Waits.")
    branch: Branch | None = Field(
        default=None, description="Goes where the first case that holds says."
    )
    split: Annotated[
        Split | None,
        BeforeValidator(_split),
        Shape("weights, `{a: 50, b: 50}`, perhaps with `random: true`; or `{experiment: ID}`"),
        WithJsonSchema(_SPLIT_SCHEMA),
    ] = Field(default=None, description="Draws a way; see Split.")
    limit: Limit | None = Field(default=None, description="Lets so many persons through.")
    update: Update | None = Field(default=None, description="Changes the person.")
    look_up: LookUp | None = Field(default=None, description="Gets a value.")
    webhook: Webhook | None = Field(default=None, description="Tells another system.")
    goal: Literal[True] | None = Field(default=None, description="Marks the goal as reached.")
    jump: Id | None = Field(
        default=None, description="Ends the run and starts another journey for the person."
    )
    to: Target | None = Field(default=None, description="Where the step before goes on.")
    then: dict[str, Target] = Field(
        default={},
        max_length=WAYS_MAX,
        description="Where to go on, by what came of the step; of a message `sent`, `withheld`, "
        "`failed`, `unknown`, or finer: `withheld.no_address`, `failed.gone`.",
    )
    stage: Name | None = Field(
        default=None,
        min_length=1,
        description="The stage that begins here, for reports: `onboard adopt renew upgrade "
        "convert` or your own. Beside another kind, or alone.",
    )
    note: str = Field(default="", max_length=NOTE_MAX, description="For people.")

    @cached_property
    def kind(self) -> str:
        """What the step does."""
        return next((kind for kind in DOES if getattr(self, kind) is not None), "stage")

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that ``then`` may send somewhere; an experiment's arms are not known here."""
        match self.kind:
            case "message":
                return MESSAGE_WAYS
            case "wait":
                return self.wait.ways if self.wait else ()
            case "split":
                return tuple(self.split.weights) if self.split else ()
            case "limit":
                return ("full",)
            case "look_up":
                return ("missing",) if self.look_up and self.look_up.table else ("error",)
            case "webhook":
                return ("error",)
            case _:
                return ()

    @model_validator(mode="after")
    def _is_one_step(self) -> Self:
        given = [kind for kind in DOES if getattr(self, kind) is not None]
        if len(given) > 1:
            refuse(f"both {given[0]} and {given[1]}", "make two steps of it")
        if not given and self.stage is None:
            refuse("the step does nothing", f"write one of: {', '.join(DOES)}, stage")
        if self.to is not None and (self.then or self.stage):
            refuse("to has nothing beside it", "write to: STEP alone")
        self._check_ways()
        return self

    def _check_ways(self) -> None:
        if self.split and self.split.experiment:
            return  # its arms are known to check
        known = self.ways
        faults = tuple(
            _no_way(way, self.kind, known) for way in self.then if not _is_way(way, self)
        )
        if faults:
            refuse_all(faults)


def _is_way(way: str, step: Step) -> bool:
    head, dot, reason = way.partition(".")
    if dot:
        known: Collection[str] = {"withheld": REASONS, "failed": REFUSALS}.get(head, ())
        return step.kind == "message" and reason in known
    return way in step.ways


def _no_way(way: str, kind: str, known: tuple[str, ...]) -> RuleFault:
    if way.startswith("withheld.") and kind == "message":
        how = "write withheld.REASON with a reason of the reference, such as withheld.no_address"
    elif way.startswith("failed.") and kind == "message":
        how = f"write failed.ANSWER with one of: {', '.join(REFUSALS)}"
    else:
        how = f"write one of: {', '.join(known)}" if known else "take it out"
    return RuleFault(("then", way), f"a {kind} has no way {way[:64]}", how)
