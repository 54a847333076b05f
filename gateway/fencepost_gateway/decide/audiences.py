"""
Audiences: who belongs to them, kept current by what happens and by time alone.

Pure apart from the person whose memberships are updated in place.

Rule 1. An audience is asked again when something it reads has changed (``Audiences`` knows what
        reads what), and when the moment comes from which its answer may change by itself: the
        earliest of those is the person's ``rethink_ms``, kept by one timer a person.
Rule 2. An audience that reads another is asked after it, in the same pass; there are no circles.
Rule 3. Joining and leaving are stimuli of that moment. Who belongs because the definition is new
        has not just joined: that membership is ``filled``, wakes nobody, and is counted apart.
        The same for leaving a definition that has changed or gone.
Rule 4. What changes at once is asked about once: nobody joins and leaves by one record because two
        of an audience's facts were looked at one after the other.
Rule 5. Where somebody is or was decides also through another audience: a rule that reads a located
        one is located too.
Rule 6. A person knows by which definitions they were judged (``judged``). Before anything else
        happens to them under new ones they are judged anew, so a back-fill and a live event never
        race: whoever comes first does it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from fencepost_gateway.decide.person import UNSUMMED
from fencepost_gateway.decide.rules import Evaluation, Rule

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.rule_facts import RuleFacts

Keys = Mapping[str, tuple[str, str]]  # by audience: definition, ranks

_packed = msgspec.msgpack.Encoder(order="deterministic").encode


class Audience(Struct, frozen=True):
    """
    A published audience.

    ``key`` names everything its answer depends on besides the person: its rule, the traits and
    audiences it reads, fences and policy where it reads places or consent. ``ranks`` names the
    rankings it reads: a new one is no new definition. ``goal`` is the event its members should do.
    ``is_located`` says that where somebody is or was decides, by itself or through another.
    """

    audience_id: str
    version: int
    when: Rule
    key: str
    name: str = ""
    ranks: str = ""
    goal: str = ""
    is_located: bool = False


class Change(Struct, frozen=True):
    """Somebody joined or left; ``filled`` says that the definition changed, not the person."""

    audience_id: str
    joined: bool
    filled: bool
    answer: Evaluation | None = None


class Audiences:
    """
    Every published audience, and which of them to ask about what.

    ``key`` names them all, empty where there are none.
    """

    def __init__(self, audiences: Iterable[Audience], trait_events: Mapping[str, str]) -> None:
        found = {each.audience_id: each for each in audiences}
        order = TopologicalSorter(
            {i: sorted(a.when.reads.audiences & found.keys()) for i, a in sorted(found.items())}
        ).static_order()
        self.by_id = {i: found[i] for i in order}
        self.keys = {i: (a.key, a.ranks) for i, a in self.by_id.items()}
        self.key = key_of(self.keys) if self.keys else ""
        self._readers: dict[str, list[str]] = {}
        for audience in self.by_id.values():
            for one in audience.when.reads.audiences:
                self._readers.setdefault(one, []).append(audience.audience_id)
        self._on = {
            topic: self._with_readers(ids) for topic, ids in self._topics(trait_events).items()
        }
        self.timed = self.about("time")
        self.goals: dict[str, tuple[str, ...]] = {}
        for audience in self.by_id.values():
            if audience.goal:
                known = self.goals.get(audience.goal, ())
                self.goals[audience.goal] = (*known, audience.audience_id)

    def __eq__(self, other: object) -> bool:
        """Compare the audiences; the rest follows from them and from the traits of a plan."""
        return isinstance(other, Audiences) and self.by_id == other.by_id

    __hash__ = None  # type: ignore[assignment] # rules are trees of dictionaries

    def about(self, *topics: str) -> tuple[Audience, ...]:
        """
        Give the audiences to ask when something has changed, in order, each once (Rules 2 and 4).

        Args:
            topics: ``event NAME``, ``attribute NAME``, ``places``, ``messages``, ``consents``,
                ``reach``, ``arms`` or ``time``; ``event`` alone for an event that nobody named.

        """
        if f"event {UNSUMMED}" in topics:
            return self.all()
        found = [self._on[topic] for topic in topics if topic in self._on]
        if len(found) < 2:  # noqa: PLR2004 - nearly always; it is in order as it stands
            return found[0] if found else ()
        wanted = {each.audience_id for asked in found for each in asked}
        return tuple(a for i, a in self.by_id.items() if i in wanted)

    def is_located(self, rule: Rule) -> bool:
        """Say whether where somebody is or was decides about a rule, published or not (Rule 5)."""
        read = (self.by_id[name] for name in rule.reads.audiences if name in self.by_id)
        return rule.reads.places or any(audience.is_located for audience in read)

    def all(self) -> tuple[Audience, ...]:
        """Give every audience in order."""
        return tuple(self.by_id.values())

    def changed(self, keys: Keys) -> tuple[tuple[Audience, ...], tuple[Audience, ...]]:
        """Give, in order, those that are defined otherwise than in ``keys``, and ranked anew."""
        defined, ranked = [], []
        for name, audience in self.by_id.items():
            key, ranks = keys.get(name, ("", ""))
            if key != audience.key or (audience.ranks and not ranks):  # the first one is no news
                defined.append(audience)
            elif ranks != audience.ranks:
                ranked.append(audience)
        return tuple(defined), tuple(ranked)

    def _topics(self, trait_events: Mapping[str, str]) -> dict[str, set[str]]:
        topics: dict[str, set[str]] = {}
        for audience in self.by_id.values():
            for topic in _topics_of(audience.when, trait_events):
                topics.setdefault(topic, set()).add(audience.audience_id)
        return topics

    def _with_readers(self, ids: Collection[str]) -> tuple[Audience, ...]:
        wanted, ahead = set(ids), list(ids)
        while ahead:
            for reader in self._readers.get(ahead.pop(), ()):
                if reader not in wanted:
                    wanted.add(reader)
                    ahead.append(reader)
        return tuple(a for i, a in self.by_id.items() if i in wanted)


NO_AUDIENCES = Audiences((), {})


def _topics_of(rule: Rule, trait_events: Mapping[str, str]) -> Iterator[str]:
    reads = rule.reads
    yield from (f"event {name}" for name in reads.events)
    yield from (f"event {trait_events[t]}" for t in reads.traits if t in trait_events)
    yield from (f"attribute {name}" for name in reads.attributes)
    for topic in ("places", "messages", "consents", "reach", "arms", "time"):
        if getattr(reads, topic):
            yield topic


def rejudge(
    asked: Iterable[Audience], person: Person, facts: RuleFacts, *, filled: bool = False
) -> list[Change]:
    """
    Ask ``asked`` anew, in their order, and update the person's memberships (Rule 1).

    Args:
        asked: From ``Audiences``.
        person: Whose memberships they are.
        facts: What the rules may read; its ``wakes`` collect when to ask again.
        filled: The definitions changed, not the person (Rule 3).

    """
    changes = []
    for audience in asked:
        name = audience.audience_id
        is_in = audience.when.holds(facts)
        if is_in == (name in person.audiences):
            continue
        if is_in:
            person.audiences[name] = facts.now_ms
        else:
            del person.audiences[name]
        changes.append(Change(name, is_in, filled, audience.when.evaluate(facts)))
    return changes


def leave_gone(audiences: Audiences, person: Person) -> list[Change]:
    """End memberships in audiences that are no more (Rule 3)."""
    gone = sorted(set(person.audiences) - set(audiences.by_id))
    for name in gone:
        del person.audiences[name]
    return [Change(name, joined=False, filled=True) for name in gone]


def key_of(parts: object) -> str:
    """Name plain data by its content."""
    return hashlib.blake2b(_packed(parts), digest_size=9).hexdigest()
