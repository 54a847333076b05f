"""
Audience stage: what a log record does to who belongs to which audience.

No I/O; a part of the fold (``group.py``), which tells it what has changed about a person and takes
back the stimuli that come of it. The rules are in ``decide.audiences``.

Rule 1. A person is judged by the definitions in force before a record does anything to them.
        Somebody of whom nothing at all was kept joins for good; everybody else's membership is
        ``filled``.
Rule 2. Every change is on record with the operands that decided, and is counted by UTC day.
Rule 3. One timer a person, moved forward only: it may ring early and find nothing changed, and is
        set again by what it finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fencepost_gateway.decide import audiences
from fencepost_gateway.decide.cause import operands_of, standing_facts
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.person import is_blank
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.trait_state import cell_of

if TYPE_CHECKING:
    from fencepost_gateway.decide.audiences import Audience, Change
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.workers.fold import Fold

DAY_MS = 86_400_000


class AudienceStage:
    """Keeps memberships current while a group is folded."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold

    def settle(self, person: Person, now_ms: int) -> list[Cause]:
        """Judge somebody by the definitions in force, unless that is done (Rule 1)."""
        found = self._fold.plan.audiences
        if person.judged == found.key:
            return []
        is_new = is_blank(person)
        gone = audiences.leave_gone(found, person)
        person.judged, then = found.key, person.judged
        self._note(person, gone, now_ms, "published")
        if is_new:
            return self._ask(found.all(), person, now_ms, "new")
        defined, ranked = found.changed(self._fold.plans.audience_keys(then))
        self._ask(defined, person, now_ms, "published", filled=True)
        return self._ask(ranked, person, now_ms, "ranked")

    def happened(self, person: Person, topics: Sequence[str], now_ms: int) -> list[Cause]:
        """Ask the audiences that read what has changed about somebody."""
        found = self._fold.plan.audiences
        asked = found.about(*topics) if found.key else ()
        if not asked:
            return []
        why = ", ".join(topic for topic in topics if found.about(topic))
        return self._ask(asked, person, now_ms, why)

    def did(self, person: Person, name: str, props: Mapping[str, Any], now_ms: int) -> None:
        """Count an event for the audiences it is the goal of; who leaves by it did belong."""
        for audience_id in self._fold.plan.audiences.goals.get(name, ()):
            if audience_id in person.audiences and not self._fold.is_tester(person):
                self._count(audience_id, "reached", now_ms)
                worth = cell_of("sum", now_ms, props.get("value"))
                self._count(audience_id, "worth", now_ms, worth or 0)

    def merged(self, person: Person, doubled: Iterable[str], now_ms: int) -> list[Cause]:
        """Ask every audience about a person who took in a visitor; both belonged to ``doubled``."""
        for name in sorted(doubled):
            self._count(name, "cleared", now_ms)
        return self._ask(self._fold.plan.audiences.all(), person, now_ms, "merge")

    def rang(self, person: Person, now_ms: int) -> list[Cause]:
        """Ask what time alone may have changed; a timer may ring for something else."""
        if person.rethink_ms is None or person.rethink_ms > now_ms:
            return []
        person.rethink_ms = None
        return self._ask(self._fold.plan.audiences.timed, person, now_ms, "time")

    def _ask(
        self,
        asked: Iterable[Audience],
        person: Person,
        now_ms: int,
        why: str,
        *,
        filled: bool = False,
    ) -> list[Cause]:
        wakes: list[int] = []
        facts = standing_facts(self._fold.plan, person, now_ms, wakes)
        changes = audiences.rejudge(asked, person, facts, filled=filled)
        if wakes:
            due_ms = min(wakes)
            if person.rethink_ms is None or due_ms < person.rethink_ms:
                person.rethink_ms = due_ms
        self._note(person, changes, now_ms, why)
        return [self._cause(person, change, now_ms) for change in changes if not change.filled]

    def _note(self, person: Person, changes: Iterable[Change], now_ms: int, why: str) -> None:
        for change in changes:
            on = "join" if change.joined else "leave"
            body: dict[str, Any] = {"audience_id": change.audience_id, "on": on, "why": why}
            body |= {"filled": True} if change.filled else {}
            body |= {"operands": operands_of(change.answer)} if change.answer else {}
            self._fold.record(person, "audience", self._name(person, change, now_ms), body)
            words = {True: ("filled", "cleared"), False: ("joined", "left")}[change.filled]
            self._count(change.audience_id, words[not change.joined], now_ms)

    def _count(self, audience_id: str, what: str, now_ms: int, more: int = 1) -> None:
        day = self._fold.effects.audience_days.setdefault((now_ms // DAY_MS, audience_id), {})
        day[what] = day.get(what, 0) + more

    def _cause(self, person: Person, change: Change, now_ms: int) -> Cause:
        return Cause(
            stimulus_id=self._name(person, change, now_ms),
            kind="audience",
            name="join" if change.joined else "leave",
            at_ms=now_ms,
            audience_id=change.audience_id,
            is_located=self._fold.plan.audiences.by_id[change.audience_id].is_located,
        )

    def _name(self, person: Person, change: Change, now_ms: int) -> str:
        on = "join" if change.joined else "leave"
        return derive("audience", change.audience_id, person.person_id, on, str(now_ms))
