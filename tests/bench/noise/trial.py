"""
Trial: people, receivers and rules put together.

Pure but for the town's files. Seeds name the trial: constants were tuned on ``TUNING``, and only
``REPORTING`` is reported; a day and its fixes never occur in both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.noise import ours, rules
from bench.noise.people import Day, walk
from bench.noise.receiver import Heard, Receiver, listen
from bench.noise.score import Enters, Score, Stay, add, truth_of
from bench.noise.town import Town

TUNING, REPORTING = 1, 2
INTERVALS_S = (5, 30, 120)
HOURS = 12
DAY_S = 86_400.0
SWEEP = ((0.5, 0.5), (0.5, 0.3), (0.5, 0.2), (0.55, 0.1), (0.6, 0.1), (0.6, 0.05), (0.65, 0.05),
         (0.7, 0.1), (0.7, 0.05), (0.8, 0.05), (0.9, 0.02))  # fmt: skip

OTHERS = {
    "bare containment": rules.bare,
    "accuracy added": rules.accuracy_added,
    "40 % of the circle, twice": rules.forty_percent,
}
OURS = "evidence filter"


@dataclass(frozen=True, slots=True)
class People:
    """Days, and what was true in them."""

    town: Town
    seed: int
    days: list[Day]
    truth: list[list[list[Stay]]]


@dataclass(slots=True)
class Result:
    """Scores by rule at one interval; ours also by thresholds."""

    scores: dict[str, Score] = field(default_factory=dict)
    curve: dict[tuple[float, float], Score] = field(default_factory=dict)

    @property
    def bare(self) -> Score:
        """Give what everything is compared with."""
        return self.scores["bare containment"]

    def gain(self, score: Score) -> float:
        """Say how many times fewer wrong ENTERs there are than with bare containment."""
        return self.bare.wrong_per_day / max(score.wrong_per_day, 1 / score.days)

    def missed_points(self, score: Score) -> float:
        """Give percentage points missed beyond bare containment."""
        return 100 * (score.missed_share - self.bare.missed_share)


def people(town: Town, seed: int, count: int, hours: float = HOURS) -> People:
    """Let people live."""
    days = [
        walk(town, int(hours * 3600), np.random.default_rng([seed, 0, number]))
        for number in range(count)
    ]
    zones = [place.zone for place in town.places]
    return People(town, seed, days, [truth_of(day, zones) for day in days])


def heard_by(crowd: People, receiver: Receiver) -> Iterator[Heard]:
    """Let each carry a receiver."""
    for number, day in enumerate(crowd.days):
        seeds = [crowd.seed, 1, number, receiver.interval_s]
        yield listen(day, receiver, np.random.default_rng(seeds))


def run(
    crowd: People,
    receiver: Receiver,
    sweep: Sequence[tuple[float, float]] = (),
) -> Result:
    """Score all rules with one kind of receiver."""
    result = Result(
        {name: Score() for name in (*OTHERS, OURS)}, {thresholds: Score() for thresholds in sweep}
    )
    zones = [place.zone for place in crowd.town.places]
    door = ours.tracker(crowd.town)
    for number, heard in enumerate(heard_by(crowd, receiver)):
        distances = [zone.distance_m(heard.points) for zone in zones]
        told: dict[str, Enters] = {n: f(heard, zones, distances) for n, f in OTHERS.items()}
        told[OURS] = ours.followed(crowd.town, door, heard)
        _add(crowd, number, receiver, result.scores, told)
        if sweep:
            weighed = ours.weigh(crowd.town, heard)
            swept = {pair: ours.enters(weighed, *pair) for pair in sweep}
            _add(crowd, number, receiver, result.curve, swept)
    return result


def _add(
    crowd: People,
    number: int,
    receiver: Receiver,
    scores: Mapping[Any, Score],
    told: Mapping[Any, Enters],
) -> None:
    for key, enters in told.items():
        scores[key].days += len(crowd.days[number].points) / DAY_S
        add(scores[key], crowd.truth[number], enters, receiver.interval_s)
