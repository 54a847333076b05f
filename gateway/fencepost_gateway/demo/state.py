"""
State: what the page and the terminal show, bounded, in the gateway's memory.

The gateway calls ``add`` for each transition, decision and step, ``count`` for what is only
counted (fixes); the walkers' process posts where people are; the page reads ``since(cursor)``.

Rule 1. At most ``ENTRIES_MAX`` entries are kept, oldest out first; counts go on counting.
Rule 2. A cursor is one more than the entries it has seen, so that 0 means "I know nothing". A
        reader that fell behind gets what is kept; one whose cursor lies in the future (the
        gateway began anew) knows nothing.
Rule 3. Town and streets travel only to a reader that knows nothing: they do not change.
Rule 4. Positions here come from the simulation, not from fixes: the page can draw a person whose
        positions the gateway never sees (``tracked`` false).
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Annotated, Any

from msgspec import Meta, Struct

ENTRIES_MAX = 400
PEOPLE_MAX = 200

ShortText = Annotated[str, Meta(min_length=1, max_length=64)]


class Check(Struct, frozen=True):
    """One gate of a decision record: what was asked, the answer, its inputs in words."""

    gate: str
    ok: bool
    detail: str = ""


class Entry(Struct, frozen=True, kw_only=True):
    """
    One line of the stream.

    Attributes:
        id: Delivery id, visit id or step id; what ``fencepost explain`` takes.
        at_ms: When it happened, epoch milliseconds.
        kind: ``transition``, ``decision`` or ``step``.
        person: Name as the terminal and the page show it.
        text: One line without the outcome (``entered Café Linde -> coffee-coupon``).
        outcome: ``sent``, ``withheld``, ``deferred``, ... ; empty for transitions.
        reason: Code of the first refusing gate; empty when nothing refused.
        channel: Channel of the decision, if any.
        checks: The ordered checks behind the outcome.

    """

    id: str
    at_ms: int
    kind: str
    person: str
    text: str
    outcome: str = ""
    reason: str = ""
    channel: str = ""
    checks: tuple[Check, ...] = ()


class Position(Struct, frozen=True):
    """Where a simulated person is; ``tracked`` says whether her positions reach the gateway."""

    person: ShortText
    name: ShortText
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    at_ms: int
    tracked: bool = True


class Snapshot(Struct, frozen=True):
    """The answer of ``GET /demo/state``."""

    cursor: int
    people: list[Position]
    entries: list[Entry]
    counts: dict[str, int]
    town: dict[str, Any] | None = None
    streets: list[dict[str, Any]] | None = None


class DemoState:
    """Entries, positions and counts of one demonstration."""

    def __init__(self, town: dict[str, Any], streets: list[dict[str, Any]]) -> None:
        self._town = town
        self._streets = streets
        self._entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self._added = 0
        self._people: dict[str, Position] = {}
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """What happened so far, by name."""
        return dict(self._counts)

    def add(self, entry: Entry) -> None:
        """Take an entry; it counts under its kind (``transitions``) and its outcome (``sent``)."""
        self._entries.append(entry)
        self._added += 1
        self._counts[f"{entry.kind}s"] += 1
        if entry.outcome:
            self._counts[entry.outcome] += 1

    def count(self, name: str, by: int = 1) -> None:
        """Count what has no line of its own, such as ``fixes``."""
        self._counts[name] += by

    def place_people(self, positions: list[Position]) -> None:
        """Take where people are; beyond ``PEOPLE_MAX`` nobody new is taken."""
        for position in positions:
            if position.person in self._people or len(self._people) < PEOPLE_MAX:
                self._people[position.person] = position

    def since(self, cursor: int) -> Snapshot:
        """Give what a reader with ``cursor`` has not seen."""
        knows_town = 1 <= cursor <= self._added + 1
        seen = cursor - 1 if knows_town else 0
        first_kept = self._added - len(self._entries)
        entries = list(self._entries)[max(seen - first_kept, 0) :]
        return Snapshot(
            cursor=self._added + 1,
            people=list(self._people.values()),
            entries=entries,
            counts=self.counts,
            town=None if knows_town else self._town,
            streets=None if knows_town else self._streets,
        )
