"""
Audience plans: trait and audience documents, compiled for deciding.

Pure. As ``compile``, of which it is a part.

Rule 1. A trait's key names its definition. An audience's key names everything its answer depends on
        besides the person: its rule, the definitions it reads, the fences where it reads places,
        the policy where it reads consent, the workspace's zone. Another key: persons are judged
        anew. So they are after a ranking, whose name stands apart: that changes no definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from fencepost_gateway.decide.audiences import Audience, Audiences, key_of
from fencepost_gateway.decide.ranking import SCORES, Ranking
from fencepost_gateway.decide.rules import compile_rule, compile_where
from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.decide.traits import Trait
from fencepost_gateway.documents.models.audience import Audience as AuthoredAudience
from fencepost_gateway.documents.models.audience import Trait as AuthoredTrait

if TYPE_CHECKING:
    from fencepost_gateway.decide.rules import Rule
    from fencepost_gateway.documents.document import StoredDocument

_PLACES = ("fence", "library")


def traits_of(stored: Iterable[StoredDocument]) -> dict[str, Trait]:
    """Compile the traits."""
    return {each.id: _trait(each) for each in stored if each.kind == "trait"}


def traits_on(traits: Iterable[Trait]) -> dict[str, tuple[Trait, ...]]:
    """Give the traits that each event goes into."""
    found: dict[str, tuple[Trait, ...]] = {}
    for trait in traits:
        found[trait.event] = (*found.get(trait.event, ()), trait)
    return found


def ranked(stored: Iterable[StoredDocument]) -> frozenset[str]:
    """Name the traits that need a ranking."""
    return frozenset(each.id for each in stored if each.kind == "trait" and "rfm" in each.body)


def _trait(source: StoredDocument) -> Trait:
    authored = AuthoredTrait.model_validate(source.body)
    kind, event = authored.made_of
    definition = [kind, event, authored.of, authored.where, authored.within]
    return Trait(
        trait_id=source.id,
        kind=kind,
        event=event,
        key=key_of(definition),
        of=tuple(authored.of.split(".")) if authored.of else (),
        where=None if authored.where is None else compile_where(authored.where),
        within_ms=parse_duration_ms(authored.within),
    )


def audiences_of(
    stored: Sequence[StoredDocument],
    traits: Mapping[str, Trait],
    rankings: Mapping[str, Ranking],
    zone: str,
) -> Audiences:
    """
    Compile the audiences.

    Args:
        stored: Every live document, by kind and id.
        traits: From ``traits_of``.
        rankings: The newest of the traits that are ranked.
        zone: The workspace's.

    """
    found = [each for each in stored if each.kind == "audience"]
    if not found:
        return Audiences((), {})
    rules = {
        each.id: compile_rule(AuthoredAudience.model_validate(each.body).when) for each in found
    }
    keys = _Keys(stored, traits, rankings, zone)
    order = TopologicalSorter({i: sorted(circle_free(i, rules)) for i in rules}).static_order()
    for name in order:
        keys.add(name, rules[name])
    compiled = [
        Audience(
            audience_id=each.id,
            version=each.version,
            when=rules[each.id],
            key=keys.of[each.id],
            ranks=keys.ranks[each.id],
            name=str(each.body.get("name") or each.id),
            goal=str(each.body.get("goal") or ""),
            is_located=each.id in keys.located,
        )
        for each in found
    ]
    names = {n: t.event for t in traits.values() for n in (t.trait_id, *_scores(t.trait_id))}
    return Audiences(compiled, names)


def _scores(trait_id: str) -> list[str]:
    return [f"{trait_id}.{score}" for score in SCORES]


def circle_free(name: str, rules: Mapping[str, Rule]) -> set[str]:
    """Give the audiences that ``name`` reads and that exist; ``check`` has refused circles."""
    return {other for other in rules[name].reads.audiences if other in rules}


class _Keys:
    """Names what each audience depends on (Rule 1)."""

    def __init__(
        self,
        stored: Sequence[StoredDocument],
        traits: Mapping[str, Trait],
        rankings: Mapping[str, Ranking],
        zone: str,
    ) -> None:
        self._stored = stored
        self._traits = traits
        self._rankings = rankings
        self._zone = zone
        self.of: dict[str, str] = {}
        self.ranks: dict[str, str] = {}
        self.located: set[str] = set()

    def add(self, name: str, rule: Rule) -> None:
        reads = rule.reads
        traits = sorted({trait.partition(".")[0] for trait in reads.traits})
        others = [other for other in sorted(reads.audiences) if other in self.of]
        self.of[name] = key_of(
            [
                rule.tree,
                [self._traits[t].key for t in traits if t in self._traits],
                [self.of[other] for other in others],
                self._versions(_PLACES) if reads.places else [],
                self._versions(("policy",)) if reads.consents else [],
                self._zone if reads.time else "",
            ]
        )
        if reads.places or not self.located.isdisjoint(others):
            self.located.add(name)
        ranks = [self._ranked_ms(t) for t in traits if self._ranked_ms(t)]
        below = [self.ranks[other] for other in others if self.ranks[other]]
        self.ranks[name] = key_of([ranks, below]) if ranks or below else ""

    def _ranked_ms(self, trait_id: str) -> int:
        """Say when a trait, as it is defined now, was ranked last; 0: never."""
        ranking, trait = self._rankings.get(trait_id), self._traits.get(trait_id)
        return ranking.at_ms if ranking and trait and ranking.key == trait.key else 0

    def _versions(self, kinds: Sequence[str]) -> list[list[object]]:
        return [[d.kind, d.id, d.version] for d in self._stored if d.kind in kinds]
