"""
Rule facts: what a rule may read, and what it answers.

Pure. The types that rules, their comparisons and their leaves share.

Rule 1. A rule reads ``RuleFacts`` and nothing else; ``now_ms`` is one of them.
Rule 2. An answer names every operand that was looked at, in order. Short circuit is kept: what was
        not needed is not listed.
Rule 3. Notes are a short list: ``missing`` (no such value), ``type`` (another type than the rule
        compares with), ``stale`` (older than the rule allows), ``zone`` (time zone unknown),
        ``history`` (the bounded history may not reach back far enough). A note explains a false
        leaf; it is never an error.
Rule 4. Where ``wakes`` is a list, every leaf that is evaluated adds the moment at which its own
        answer may change while nothing else happens. Leaves that were not needed stay unneeded
        until one of those moments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from msgspec import Struct, field

from fencepost_gateway.decide.looked import Looked
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.spans import zone_named

if TYPE_CHECKING:
    from fencepost_gateway.decide.plan import Policy

Json = Any  # a plain JSON value: what authors write and devices send

MISSING: Final = object()
PERSON_MEMBERS = ("user_id", "locale", "zone")

TransitionKind = Literal["enter", "exit", "dwell", "expire", "pass", "approach"]
# Gives a trait's value, or MISSING, and the next moment at which time alone may change it.
TraitReader = Callable[[Person, int], tuple[Any, int | None]]
TRANSITIONS: tuple[TransitionKind, ...] = get_args(TransitionKind)


class TransitionView(Struct, frozen=True):
    """The transition that woke us, if one did."""

    kind: str
    fence_id: str
    initial: bool = False
    opened: bool = False
    clean: bool = True


class RuleFacts(Struct, frozen=True):
    """
    Everything a rule may read.

    Attributes:
        person: Whose rule it is.
        now_ms: Moment of the decision, epoch milliseconds.
        event_name: Name of the app event that woke us, else empty.
        event: Its properties; None when no app event woke us.
        transition: The transition that woke us, else None.
        place: Fence of that transition, else the current place, else None.
        fences: Every live fence by id.
        workspace_zone: IANA name, empty when unknown.
        policies: Which statements of consent count, by every policy that holds for the person;
            none: nothing is allowed.
        traits: How each declared trait is worked out, by id.
        values: What the run has looked up, by name; none outside of a journey.
        wakes: Takes the moments at which leaves may answer otherwise (Rule 4).
        seen: Events by name as ``rule_history`` has laid them out for all rules of a pass.

    """

    person: Person
    now_ms: int
    event_name: str = ""
    event: Mapping[str, Any] | None = None
    transition: TransitionView | None = None
    place: FenceView | None = None
    fences: Mapping[str, FenceView] = {}
    workspace_zone: str = ""
    policies: tuple[Policy, ...] = ()
    traits: Mapping[str, TraitReader] = {}
    values: Mapping[str, Looked] = {}
    wakes: list[int] | None = None
    seen: dict[str, Any] = field(default_factory=dict)

    def may_change(self, at_ms: int | None) -> None:
        """Note, for ``wakes``, that an answer may change then; what is past changes nothing."""
        if self.wakes is not None and at_ms is not None and at_ms > self.now_ms:
            self.wakes.append(at_ms)


class Operand(Struct, frozen=True):
    """
    One leaf of a rule as it was evaluated: what it asked, what it found, what came out.

    ``times_ms`` says when the newest of what it counted happened; of what was looked up there is
    the ``source``, and ``age_s``.
    """

    rule: str
    value: Any
    ok: bool
    note: str = ""
    times_ms: tuple[int, ...] = ()
    source: str = ""
    age_s: int | None = None


class Evaluation(Struct, frozen=True):
    """The answer of a rule and the operands that were looked at, in order."""

    ok: bool
    operands: tuple[Operand, ...] = ()


# A compiled node: answers, and adds its operands to the list when there is one.
Check = Callable[[RuleFacts, list[Operand] | None], bool]
Path = tuple[str | int, ...]


class RuleFault(Struct, frozen=True):
    """One thing wrong with an authored rule: where, what, and how to mend it."""

    path: Path
    what: str
    how: str


class RuleError(ValueError):
    """An authored rule that cannot be compiled; ``faults`` holds everything wrong with it."""

    def __init__(self, faults: tuple[RuleFault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.what}: {fault.how}" for fault in faults))


class Faults:
    """Collects what is wrong while a rule is compiled, so that all of it is said at once."""

    def __init__(self) -> None:
        self.found: list[RuleFault] = []

    def add(self, path: Path, what: str, how: str) -> None:
        """Note one fault."""
        self.found.append(RuleFault(path, what, how))


def dotted(values: object, path: tuple[str, ...]) -> object:
    """Follow a dotted path; ``MISSING`` where it leads nowhere or to null."""
    found = values
    for key in path:
        if not isinstance(found, Mapping):
            return MISSING
        found = found.get(key, MISSING)
    return MISSING if found is None else found


def person_zone(person: Person) -> str:
    """Name the person's zone: their own choice (attribute ``zone``), else the device's."""
    chosen = person.attributes.get("zone")
    return chosen if isinstance(chosen, str) and zone_named(chosen) else person.zone
