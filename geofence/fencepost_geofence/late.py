"""
Late: what a fix that comes late changes of what was told.

Pure, standard library only.

A fix may come up to ``trail.HORIZON_MS`` after newer ones. Then the tracker goes back to before it,
and comes forth again over all fixes in order of time. What it tells now is compared with what was
told, fence by fence:

Rule 1. As long as both tell the same kinds in the same order, what was told stands, with its
        moments and its visit, even if they lie elsewhere now: nobody is greeted twice for that.
        No two visits of a fence bear one name.
Rule 2. From the first difference on, what was told is taken back, newest first: an ENTER by an
        EXIT, an EXIT or EXPIRE by an ENTER, others by their like, all ``superseded``. So ENTER and
        EXIT alternate for whoever listens.
Rule 3. Then the rest of what the sorted track has is told, ``late`` if its moment has passed.
Rule 4. Of two fixes of one moment the more accurate counts, then the one with the lesser latitude
        and longitude: any order gives the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fencepost_geofence.fix import Fix, claimed_m
from fencepost_geofence.state import DeviceState, FenceState, Kind, Told, Transition
from fencepost_geofence.trail import Trail, kept

_UNDONE: Final[dict[Kind, Kind]] = {"enter": "exit", "exit": "enter", "expire": "enter"}

Visit = tuple[str, int]
"""Fence and a moment: of the beginning of a visit, or its name."""


@dataclass(slots=True)
class Change:
    """
    What came of going back.

    Attributes:
        told: What is told now since then, in order of the moments.
        news: What has to be told for that.
        names: The names of visits, by fence and beginning.

    """

    told: list[Told] = field(default_factory=list)
    news: list[Transition] = field(default_factory=list)
    names: dict[Visit, int] = field(default_factory=dict)

    def rename(self, state: DeviceState) -> None:
        """Let the state call visits as they were told."""
        if self.names:
            state.fences = {
                fence_id: self._renamed(fence_id, held) for fence_id, held in state.fences.items()
            }
            state.past = [
                (at_ms, fence_id, held and self._renamed(fence_id, held))
                for at_ms, fence_id, held in state.past
            ]

    def _renamed(self, fence_id: str, held: FenceState) -> FenceState:
        named_ms = self.names.get((fence_id, held.began_ms), held.named_ms)
        return held if named_ms == held.named_ms else held._replace(named_ms=named_ms)


def compare(
    before: Sequence[Told],
    after: Sequence[Transition],
    known_ms: int,
    taken: set[Visit],
) -> Change:
    """
    Compare what was told since a moment with what the sorted track has since then.

    Args:
        before: What was told, in order of the moments.
        after: What the sorted track has.
        known_ms: What lies behind this moment would have been told in any case.
        taken: Fence and name of visits from before the moment; added to.

    """
    change = Change()
    undone: list[Told] = []
    fresh: list[Transition] = []
    for fence_id in dict.fromkeys([*(b.fence_id for b in before), *(a.fence_id for a in after)]):
        old = [one for one in before if one.fence_id == fence_id]
        new = [one for one in after if one.fence_id == fence_id]
        same = _same(old, new)
        new = _named(change, old[:same], new, taken)
        # With the moments they have now: that is where the state may be gone back from.
        change.told += [remembered(one) for one in new[:same]]
        undone += old[same:]
        fresh += [replace(one, late=one.at_ms <= known_ms) for one in new[same:]]
    change.told = sorted([*change.told, *map(remembered, fresh)], key=_moment)
    change.news = [_undo(one) for one in sorted(undone, key=_moment)[::-1]]
    change.news += sorted(fresh, key=_moment)
    return change


def _named(
    change: Change, stands: Sequence[Told], new: Sequence[Transition], taken: set[Visit]
) -> list[Transition]:
    """Give each visit the name it was told by, or one that no other bears."""
    named: list[Transition] = []
    name_ms: int | None = None
    for number, one in enumerate(new):
        if one.kind == "enter":
            name_ms = one.visit_ms
            if number < len(stands):
                name_ms = stands[number].visit_ms
            else:
                while (one.fence_id, name_ms) in taken:
                    name_ms += 1
            taken.add((one.fence_id, name_ms))
            change.names[one.fence_id, one.visit_began_ms] = name_ms
        # What comes before the first ENTER belongs to a visit that has its name.
        named.append(one if name_ms is None else replace(one, visit_ms=name_ms))
    return named


def remembered(one: Transition) -> Told:
    """Give what is remembered of a transition."""
    return Told(one.kind, one.fence_id, one.at_ms, one.visit_ms, one.after_s, one.initial)


def better(one: Fix, two: Fix) -> Fix:
    """Give the fix that counts of two of the same moment (rule 4)."""
    return min(one, two, key=lambda fix: _rank(kept(fix)))


def unknown(trail: Trail, fixes: Sequence[Fix]) -> list[Fix]:
    """Give the fixes a trail does not know, or knows worse."""
    known = {fix.at_ms: fix for fix in trail.since(fixes[0].at_ms)}
    return [
        fix for fix in fixes if fix.at_ms not in known or _rank(kept(fix)) < _rank(known[fix.at_ms])
    ]


def merged(known: Iterable[Fix], fixes: Iterable[Fix]) -> list[Fix]:
    """Give all fixes in order of time; of one moment the newly come."""
    together = {fix.at_ms: fix for fix in (*known, *fixes)}
    return [together[at_ms] for at_ms in sorted(together)]


def _same(old: Sequence[Told], new: Sequence[Transition]) -> int:
    """Say how many, from the first on, tell the same."""
    count = 0
    for one, two in zip(old, new, strict=False):
        if (one.kind, one.after_s, one.initial) != (two.kind, two.after_s, two.initial):
            break
        count += 1
    return count


def _undo(one: Told) -> Transition:
    return Transition(
        kind=_UNDONE.get(one.kind, one.kind),
        fence_id=one.fence_id,
        at_ms=one.at_ms,
        crossed_at_ms=one.at_ms,
        visit_ms=one.visit_ms,
        visit_began_ms=one.visit_ms,
        after_s=one.after_s,
        superseded=True,
        reason="decided",
    )


def _rank(fix: Fix) -> tuple[float, float, float]:
    return claimed_m(fix.accuracy_m), fix.lat, fix.lon


def _moment(one: Told | Transition) -> tuple[int, str]:
    return one.at_ms, one.fence_id
