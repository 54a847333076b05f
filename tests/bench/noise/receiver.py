"""
Receiver: what a phone reports of where it is.

Pure: fixes are a function of the day, the receiver and a seeded generator.

Rule 1. The error is a first-order Gauss-Markov process in each axis, in step with the radius of
        the surroundings. A 68 % radius is 1.51 standard deviations of one axis.
Rule 2. The reported accuracy is that radius times a log-normal factor, drawn anew for each fix,
        times ``boast`` (1 is honest, 0.5 claims twice the accuracy it has).
Rule 3. One fix in fifty starts a burst of 1 ... 3 outliers, 50 ... 300 m off at unchanged accuracy;
        each goes its own way, or with ``one_way`` all of a burst go the same.
Rule 4. 3 % of the fixes are missing.
"""

import math
from dataclasses import dataclass

import numpy as np

from bench.noise.people import Day
from bench.noise.town import Floats

SIGMAS_68 = 1.5096  # sqrt(-2 ln 0.32)
ACCURACY_SIGMA = 0.3
BURST_SHARE, BURST_FIXES, BURST_M = 0.02, 3, (50.0, 300.0)
MISSING_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Receiver:
    """How it errs."""

    interval_s: int
    tau_s: float = 30.0
    boast: float = 1.0
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """The fixes of one day: seconds, positions in metres, accuracy."""

    at_s: Floats
    points: Floats
    accuracy_m: Floats

    def __len__(self) -> int:
        """Give the number of fixes."""
        return len(self.at_s)


def listen(day: Day, receiver: Receiver, chance: np.random.Generator) -> Heard:
    """Report a day."""
    begin = int(chance.integers(receiver.interval_s))
    seconds = np.arange(begin, len(day.points), receiver.interval_s)
    radius = day.radius68_m[seconds]
    count = len(seconds)
    error = _drift(radius / SIGMAS_68, receiver, chance)
    error += _bursts(count, chance, one_way=receiver.one_way)
    accuracy = receiver.boast * radius * np.exp(ACCURACY_SIGMA * chance.normal(size=count))
    kept = chance.random(count) >= MISSING_SHARE
    points = day.points[seconds] + error
    return Heard(seconds[kept].astype(float), points[kept], accuracy[kept])


def _drift(sigma_m: Floats, receiver: Receiver, chance: np.random.Generator) -> Floats:
    """Let the error wander (rule 1)."""
    keep = math.exp(-receiver.interval_s / receiver.tau_s)
    fresh = math.sqrt(1 - keep * keep) * sigma_m[:, None] * chance.normal(size=(len(sigma_m), 2))
    error = np.empty_like(fresh)
    last = sigma_m[0] * chance.normal(size=2)
    for i, new in enumerate(fresh):
        error[i] = last = keep * last + new
    return error


def _bursts(count: int, chance: np.random.Generator, *, one_way: bool) -> Floats:
    """Throw some fixes far off (rule 3)."""
    off = np.zeros((count, 2))
    i = 0
    while i < count:
        i += int(chance.geometric(BURST_SHARE)) - 1
        last = i + int(chance.integers(1, BURST_FIXES + 1))
        there = _throw(chance)
        for k in range(i, min(last, count)):
            off[k] = there
            there = there if one_way else _throw(chance)
        i = last
    return off


def _throw(chance: np.random.Generator) -> Floats:
    angle, metres = chance.uniform(0, 2 * math.pi), chance.uniform(*BURST_M)
    return metres * np.array([math.cos(angle), math.sin(angle)])
