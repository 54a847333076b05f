"""
Traits: values kept up from what somebody does: a count, a sum, the last or largest of an event.

Pure apart from the person whose traits are kept up in place. A trait is declared in a document;
each event of its name that fits its ``where`` goes into it, and rules read its value.

Rule 1. With ``within`` a step is a ``STEPS``-th of the window, never under a minute; without there
        is one step for ever. A window begins at the beginning of a step, so an event counts for
        its window and up to one step longer.
Rule 2. A trait that was declared or changed after its events is filled from those the person
        remembers, or, where they remember too few (``falls_short``), from history; ``whole`` says
        whether the window reaches back no further than that.
Rule 3. Nothing is filled ahead of need: the first event, or the first rule that asks, does it. From
        history it is filled before anything else happens to the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from fencepost_gateway.decide.person import UNSUMMED, PastEvent, Person
from fencepost_gateway.decide.ranking import SCORES, Ranking, Standing, scores
from fencepost_gateway.decide.rule_facts import MISSING, RuleFacts, TraitReader, dotted
from fencepost_gateway.decide.rules import Rule
from fencepost_gateway.decide.trait_state import (
    TraitKind,
    TraitState,
    bound,
    cell_of,
    put,
    summed,
)

STEPS: Final = 1_000
STEP_MIN_MS: Final = 60_000


class Trait(Struct, frozen=True):
    """
    A declared trait.

    Attributes:
        trait_id: What rules call it.
        kind: What is made of the events.
        event: Name of the app event.
        key: Names the definition; another key means other values.
        of: Path of the property that is summed, compared or told apart; empty for a count.
        where: Which of these events; None: all.
        within_ms: How long an event counts; None: for ever.

    """

    trait_id: str
    kind: TraitKind
    event: str
    key: str
    of: tuple[str, ...] = ()
    where: Rule | None = None
    within_ms: int | None = None

    @property
    def step_ms(self) -> int:
        """Width of a step; 0 where there is only one (Rule 1)."""
        return 0 if self.within_ms is None else max(STEP_MIN_MS, self.within_ms // STEPS)


class Value(Struct, frozen=True):
    """
    A trait's value now, ``MISSING`` for nothing.

    ``until_ms`` is when it changes if nothing happens, None for never; ``whole`` says that no
    event of its window was forgotten.
    """

    value: object
    until_ms: int | None = None
    whole: bool = True


class _ValueReader(Struct, frozen=True):
    """Reads a trait: its value, and until when it stands."""

    trait: Trait

    def __call__(self, person: Person, now_ms: int) -> tuple[object, int | None]:
        found = value_of(self.trait, person, now_ms)
        return found.value, found.until_ms


class _ScoreReader(Struct, frozen=True):
    """Reads one score of a trait that is ranked; it changes with a ranking, not with time."""

    trait: Trait
    ranking: Ranking | None
    score: str

    def __call__(self, person: Person, now_ms: int) -> tuple[object, int | None]:
        standing = standing_of(self.trait, person, now_ms)
        if standing is None or self.ranking is None or self.ranking.key != self.trait.key:
            return MISSING, None
        return scores(self.ranking, standing)[self.score], None


def readers(
    traits: Iterable[Trait], rankings: Mapping[str, Ranking | None]
) -> dict[str, TraitReader]:
    """
    Give what rules read traits with, by the name they use.

    Args:
        traits: Every trait.
        rankings: Of those that are ranked, by id; None: not yet.

    """
    found: dict[str, TraitReader] = {}
    for trait in traits:
        if trait.trait_id in rankings:
            ranking = rankings[trait.trait_id]
            for score in SCORES:
                found[f"{trait.trait_id}.{score}"] = _ScoreReader(trait, ranking, score)
        else:
            found[trait.trait_id] = _ValueReader(trait)
    return found


def standing_of(trait: Trait, person: Person, now_ms: int) -> Standing | None:
    """Give what a person brings to the ranking of a trait; None: they never did its event."""
    summary = person.summaries.get(trait.event)
    if summary is None:
        return None
    found = value_of(trait, person, now_ms).value
    amount = float(found) if isinstance(found, int | float) else 0.0
    return Standing(person.person_id, summary.last_ms, summary.count, amount)


def keep_up(
    trait: Trait, person: Person, at_ms: int, props: Mapping[str, Any], now_ms: int
) -> None:
    """Take an event, which the person remembers already, into a trait."""
    state = person.traits.get(trait.trait_id)
    if state is None or state.key != trait.key:
        person.traits[trait.trait_id] = _filled(trait, person, now_ms)  # it is among them
        return
    _take(trait, state, person, at_ms, props)
    bound(state, _first_step(trait, now_ms))


def falls_short(trait: Trait, person: Person, now_ms: int) -> bool:
    """Say whether a trait is still to be filled, from more than the person remembers."""
    state = person.traits.get(trait.trait_id)
    if state is not None and state.key == trait.key:
        return False
    lost_ms = _lost_ms(trait, person)
    summary = person.summaries.get(trait.event)
    from_ms = 0 if trait.within_ms is None else now_ms - trait.within_ms
    is_past = summary is not None and summary.last_ms < from_ms
    return lost_ms is not None and lost_ms >= from_ms and not is_past


def fill(
    trait: Trait, person: Person, events: Iterable[PastEvent], whole_ms: int, now_ms: int
) -> None:
    """
    Fill a trait from history, if that reaches further back than what the person remembers.

    Args:
        trait: One that falls short.
        person: Whose it is.
        events: Of its name, at least those since ``whole_ms``.
        whole_ms: No event since then is missing; 0: none at all.
        now_ms: The moment it is.

    """
    lost_ms = _lost_ms(trait, person)
    if lost_ms is not None and whole_ms <= lost_ms:
        person.traits[trait.trait_id] = _made(trait, person, events, whole_ms, now_ms)
    else:
        person.traits[trait.trait_id] = _filled(trait, person, now_ms)


def value_of(trait: Trait, person: Person, now_ms: int) -> Value:
    """Give a trait's value; one that was never kept up is filled for the asking."""
    state = person.traits.get(trait.trait_id)
    if state is None or state.key != trait.key:
        state = _filled(trait, person, now_ms)
    first = _first_step(trait, now_ms)
    steps = [step for step in state.cells if step >= first]
    found = summed(trait.kind, [state.cells[step] for step in steps])
    value = MISSING if found is None else found
    if trait.within_ms is None:
        return Value(value, None, state.whole_ms == 0)
    next_out = max if trait.kind == "last" else min  # what is overtaken is asked for no more
    until_ms = (next_out(steps) + 1) * trait.step_ms + trait.within_ms if steps else None
    return Value(value, until_ms, state.whole_ms <= now_ms - trait.within_ms)


def _filled(trait: Trait, person: Person, now_ms: int) -> TraitState:
    lost_ms = _lost_ms(trait, person)
    whole_ms = 0 if lost_ms is None else lost_ms + 1
    return _made(trait, person, person.recent, whole_ms, now_ms)


def _made(
    trait: Trait, person: Person, events: Iterable[PastEvent], whole_ms: int, now_ms: int
) -> TraitState:
    state = TraitState(trait.key, trait.kind, trait.event, step_ms=trait.step_ms)
    state.whole_ms = whole_ms
    for event in events:
        if event.name == trait.event:
            _take(trait, state, person, event.at_ms, event.props)
    bound(state, _first_step(trait, now_ms))
    return state


def _lost_ms(trait: Trait, person: Person) -> int | None:
    """Give the newest moment of its events that the person does not remember."""
    return person.lost.get(trait.event if trait.event in person.summaries else UNSUMMED)


def _take(
    trait: Trait, state: TraitState, person: Person, at_ms: int, props: Mapping[str, Any]
) -> None:
    if trait.where is not None:
        facts = RuleFacts(person=person, now_ms=at_ms, event_name=trait.event, event=props)
        if not trait.where.holds(facts):
            return
    cell = cell_of(trait.kind, at_ms, dotted(props, trait.of) if trait.of else None)
    if cell is not None:
        put(state, at_ms // trait.step_ms if trait.step_ms else 0, cell)


def _first_step(trait: Trait, now_ms: int) -> int:
    """Give the first step of the window that ends now."""
    return 0 if trait.within_ms is None else (now_ms - trait.within_ms) // trait.step_ms
