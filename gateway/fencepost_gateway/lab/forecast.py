"""
Forecast: what many lives add up to, and how two sets of documents differ person by person.

Pure. Forecasts add up, in any order, to the same one: so it does not matter who worked out whom.

Rule 1. Test persons count for nothing.
Rule 2. A message that was sent counts once, on the day (in the workspace's zone) of its claim; one
        that was withheld by its last reason. What waits when the window ends is neither.
Rule 3. Somebody is gained who gets something only by the new documents, lost who gets something
        only by the others; changed, who gets something by both, but not the same: another campaign,
        step, channel or moment.
Rule 4. Why is the first step or claim in which the two lives differ, by what was decided in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, Final, Literal

from msgspec import Struct, field

from fencepost_gateway.decide.spans import local_time, zone_named
from fencepost_gateway.lab.rerun import Life, sends
from fencepost_gateway.ports import RecordRow

COUNTS: Final = (
    "sends", "by_step", "withheld", "entered", "kept_out", "waiting", "under_way"
)  # fmt: skip
_DECIDED: Final = ("campaign_id", "step_id", "outcome", "reason", "channel")

Moved = Literal["gained", "lost", "changed"]
Send = tuple[int, str, str, str, str]  # when, campaign, step, channel, fence


class Difference(Struct, frozen=True):
    """How one person fares otherwise, and the first thing that was decided otherwise (Rule 4)."""

    person_id: str
    moved: Moved
    at_ms: int
    now: dict[str, str] | None
    before: dict[str, str] | None
    user_id: str = ""


class Forecast(Struct):
    """
    What a set of documents comes to in a window.

    ``sends`` counts by (day, campaign, channel, fence), ``by_step`` by (journey, step), withheld
    by (campaign, reason), ``entered`` and ``kept_out`` by campaign and by (campaign, reason),
    ``waiting`` messages by campaign, ``under_way`` runs of journeys.
    """

    people: int = 0
    reached: int = 0
    events: int = 0
    sends: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    by_step: Counter[tuple[str, str]] = field(default_factory=Counter)
    withheld: Counter[tuple[str, str]] = field(default_factory=Counter)
    entered: Counter[str] = field(default_factory=Counter)
    kept_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    under_way: Counter[str] = field(default_factory=Counter)

    def add(self, other: Forecast) -> None:
        """Take in what others add up to."""
        self.people += other.people
        self.reached += other.reached
        self.events += other.events
        for name in COUNTS:
            getattr(self, name).update(getattr(other, name))

    def take(self, life: Life, zone: str) -> None:
        """Take in one life."""
        if life.is_tester:
            return
        self.people += 1
        self.events += life.events
        self.waiting.update(life.waiting)
        self.under_way.update(life.under_way)
        sent = list(sends(life))
        self.reached += bool(sent)
        for row in sent:
            key = (day_of(row.at_ms, zone), *_named(row.body, "campaign_id", "channel", "fence_id"))
            self.sends[key] += 1  # type: ignore[index] # four of them
            step_id = str(row.body.get("step_id") or "")
            if step_id:
                self.by_step[str(row.body["campaign_id"]), step_id] += 1
        for row in life.rows:
            campaign, outcome = str(row.body["campaign_id"]), row.body["outcome"]
            if row.kind == "claim" and outcome == "withheld":
                self.withheld[campaign, str(row.body["reason"])] += 1
            elif row.kind == "step" and outcome == "entered":
                self.entered[campaign] += 1
            elif row.kind == "step" and outcome == "not_entered":
                self.kept_out[campaign, str(row.body["reason"])] += 1


def day_of(at_ms: int, zone: str) -> str:
    """Give the day of a moment in a zone, UTC if none is known."""
    known = zone_named(zone or "UTC") or zone_named("UTC")
    return local_time(at_ms, known).date().isoformat() if known else ""


def compare(now: Life, before: Life) -> Difference | None:
    """Say how a person fares by the new documents, as against the others (Rules 3 and 4)."""
    if now.is_tester or before.is_tester:
        return None
    ours, theirs = _sends(now), _sends(before)
    if ours == theirs:
        return None
    moved: Moved = "changed" if ours and theirs else "gained" if ours else "lost"
    return _why(now, before, moved)


def _sends(life: Life) -> list[Send]:
    return [
        (row.at_ms, *_named(row.body, "campaign_id", "step_id", "channel", "fence_id"))  # type: ignore[misc] # four of them
        for row in sends(life)
    ]


def _why(now: Life, before: Life, moved: Moved) -> Difference:
    for ours, theirs in zip_longest(now.rows, before.rows):
        mine, other = _decided(ours), _decided(theirs)
        if mine != other or (ours and theirs and ours.at_ms != theirs.at_ms):
            at_ms = min(row.at_ms for row in (ours, theirs) if row is not None)
            return Difference(now.person_id, moved, at_ms, mine, other, now.user_id)
    return Difference(now.person_id, moved, 0, None, None, now.user_id)


def _decided(row: RecordRow | None) -> dict[str, str] | None:
    if row is None:
        return None
    found = {name: str(row.body[name]) for name in _DECIDED if row.body.get(name)}
    return {"kind": row.kind, **found}


def _named(body: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(str(body.get(name, "")) for name in names)


def total(counts: Mapping[Any, int], *, by: int) -> list[tuple[str, int]]:
    """Add up counts by one member of their keys, in its order."""
    found: Counter[str] = Counter()
    for key, count in counts.items():
        found[key[by]] += count
    return sorted(found.items())


def moved(differences: Iterable[Difference]) -> dict[str, int]:
    """Count who is gained, lost and changed."""
    found = Counter(each.moved for each in differences)
    return {name: found[name] for name in ("gained", "lost", "changed")}
