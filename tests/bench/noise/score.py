"""
Score: what a rule told, against where people really were.

Pure. Truth knows every second; ten metres and thirty seconds are nobody's fault.

Rule 1. Somebody is *there* while at most 10 m outside of a fence. What matters must last
        max(60 s, 2 intervals): absences shorter than that split no visit, and a visit is required
        when it holds at least that time inside in one piece.
Rule 2. A required visit is missed when no ENTER falls between 30 s before it and 30 s after it. So
        a rule that clings to a fence misses the next visit.
Rule 3. An ENTER in no such span, of required visits or others, is false.
Rule 4. A visit may have as many ENTERs as somebody really came in (short absences count here, so
        telling them apart is no fault); all beyond that are duplicates.
Rule 5. The delay runs from the first second inside to the first ENTER of a required visit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.noise.people import Day
from bench.noise.town import Floats, Zone

NEAR_M, NEAR_S, REQUIRED_S = 10.0, 30.0, 60.0

Enters = Sequence[Sequence[float]]
"""Per fence: the moments of its ENTERs, ascending."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A time without a moment farther than 10 m outside; ``entered_s`` is its first inside."""

    begin_s: float
    end_s: float
    entered_s: float
    inside_s: int


@dataclass(slots=True)
class Score:
    """Counts over any number of days."""

    days: float = 0.0
    required: int = 0
    missed: int = 0
    false: int = 0
    duplicate: int = 0
    delays_s: list[float] = field(default_factory=list)

    @property
    def wrong_per_day(self) -> float:
        """False and duplicate ENTERs per device-day."""
        return (self.false + self.duplicate) / self.days

    @property
    def missed_share(self) -> float:
        """Share of required visits without an ENTER."""
        return self.missed / self.required

    def delay_s(self, percent: float) -> float:
        """Give a percentile of the delay."""
        return float(np.percentile(self.delays_s, percent))


def truth_of(day: Day, zones: Sequence[Zone]) -> list[list[Stay]]:
    """Find who was where, and when."""
    moved = np.ones(len(day.points), dtype=bool)
    moved[1:] = (np.diff(day.points, axis=0) != 0).any(axis=1)
    where = np.cumsum(moved) - 1  # people sit: distances are measured once a spot
    spots = day.points[moved]
    return [list(_stays(zone.distance_m(spots)[where])) for zone in zones]


def _stays(metres: Floats) -> Iterator[Stay]:
    there = np.concatenate([[False], metres <= NEAR_M, [False]])
    edges = np.flatnonzero(there[1:] != there[:-1])
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        inside = np.flatnonzero(metres[begin:end] <= 0)
        entered = begin + int(inside[0]) if len(inside) else begin
        yield Stay(float(begin), float(end - 1), float(entered), len(inside))


def add(score: Score, truth: Sequence[Sequence[Stay]], told: Enters, interval_s: int) -> None:
    """Score what was told of one day."""
    matters_s = max(REQUIRED_S, 2 * interval_s)
    for stays, enters in zip(truth, told, strict=True):
        met = 0
        for visit in _visits(stays, matters_s):
            met += _score_visit(score, visit, enters, matters_s)
        score.false += len(enters) - met


def _visits(stays: Sequence[Stay], matters_s: float) -> Iterator[list[Stay]]:
    visit: list[Stay] = []
    for stay in stays:
        if visit and stay.begin_s - visit[-1].end_s > matters_s:
            yield visit
            visit = []
        visit.append(stay)
    if visit:
        yield visit


def _score_visit(score: Score, visit: list[Stay], enters: Sequence[float], matters_s: float) -> int:
    """Score one visit; give the number of ENTERs that belong to it."""
    begin_s, end_s = visit[0].begin_s - NEAR_S, visit[-1].end_s + NEAR_S
    met = [moment for moment in enters if begin_s <= moment <= end_s]
    allowed = max(1, sum(stay.inside_s > 0 for stay in visit))
    score.duplicate += max(0, len(met) - allowed)
    if max(stay.inside_s for stay in visit) >= matters_s:
        score.required += 1
        if met:
            score.delays_s.append(met[0] - next(s.entered_s for s in visit if s.inside_s))
        else:
            score.missed += 1
    return len(met)
