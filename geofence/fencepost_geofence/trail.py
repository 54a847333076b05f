"""
Trail: the recent fixes of a device, and the filter folded over them when somebody asks.

Pure, standard library only. Folding costs 16 us a fix, remembering one a fraction of a microsecond;
most fixes are near no fence.  See ADR-0010.

Rule 1. What the evidence is follows from the trail alone: the filter, begun at its first fix and
        folded over all others. So it does not matter which fixes anybody asked about, nor where
        the state was stored in between.
Rule 2. A trail that reaches 64 fixes forgets the older 32: the filter starts again, warmed up by
        the rest. After an hour without a fix everything is forgotten but the scale.
Rule 3. Before 32 fixes are forgotten they say how far the receiver's accuracy can be believed.
        An error that persists cancels out of second differences, and so does a steady walk; what
        remains, by its median, is set against what the claimed accuracy leads to expect. Fixes more
        than 15 s apart say nothing: between them people turn.
Rule 4. Fixes are kept in 14 bytes each: time in ms, degrees x 10^7 (1 cm), accuracy as half
        float. The filter sees what is kept, never what came, or storing would change the outcome.
"""

import math
from dataclasses import dataclass
from math import cos, exp, radians
from statistics import median
from struct import Struct
from typing import Final

from fencepost_geofence.evidence import (
    BIAS_S,
    FORGET_MS,
    LEAST_SCALE2,
    MOST_SCALE2,
    SIGMAS_68,
    Evidence,
    Refusal,
    begin,
    estimate,
    fold,
)
from fencepost_geofence.fix import UNKNOWN_ACCURACY_M, Fix
from fencepost_geofence.sphere import METRES_PER_DEGREE

MOST_FIXES: Final = 64
FORGOTTEN: Final = 32
WRAP_MS: Final = 1 << 32  # a trail is 64 hours at most, this is 49 days
UNITS_PER_DEGREE: Final = 1e7
MOST_ACCURACY_M: Final = 60_000.0  # a half float ends at 65,504

CLOSE_MS: Final = 30_000  # two steps together
FEWEST_SAYS: Final = 8
MEDIAN_OF_SQUARES: Final = 0.693  # of an exponential distribution with mean 1
BELIEF: Final = 0.25  # how much of what 32 fixes say is taken over

_packed = Struct("<Iiie")


@dataclass(slots=True)
class Weighed:
    """
    Where the device probably is after its last fix.

    Attributes:
        lat: Of the estimate.
        lon: Of the estimate.
        sigma_m: Standard deviation of one axis.
        refusal: Why the last fix was refused and must not decide.

    """

    lat: float
    lon: float
    sigma_m: float
    refusal: Refusal | None = None


@dataclass
class Trail:
    """
    Recent fixes, packed.

    Attributes:
        fixes: 14 bytes each, oldest first.
        scale2: Learned factor on the variance that accuracy claims, when the first was taken.

    """

    # By hand, so that what was folded so far is no field: it follows from the rest, and is neither
    # stored nor compared.
    __slots__ = ("_evidence", "_folded", "_refusal", "fixes", "scale2")

    fixes: bytearray
    scale2: float

    def __post_init__(self) -> None:
        """Nothing is folded yet."""
        self._evidence: Evidence | None = None
        self._folded = 0
        self._refusal: Refusal | None = None

    def add(self, fix: Fix, last_at_ms: int | None) -> None:
        """Remember a fix that is newer than the last one."""
        if last_at_ms is not None and fix.at_ms - last_at_ms > FORGET_MS:
            self.forget()
        elif len(self.fixes) == MOST_FIXES * _packed.size:
            self.scale2 = _believed(self.scale2, bytes(self.fixes[: FORGOTTEN * _packed.size]))
            self._forget(FORGOTTEN * _packed.size)
        accuracy_m = fix.accuracy_m
        self.fixes += _packed.pack(
            fix.at_ms % WRAP_MS,
            round(fix.lat * UNITS_PER_DEGREE),
            round(fix.lon * UNITS_PER_DEGREE),
            min(accuracy_m, MOST_ACCURACY_M) if accuracy_m is not None and accuracy_m > 0 else 0.0,
        )

    def weigh(self) -> Weighed:
        """Say where the device is after the last fix; at least one was added."""
        evidence = self._evidence
        start = self._folded * _packed.size
        for at_ms, lat, lon, accuracy_m in _packed.iter_unpack(memoryview(self.fixes)[start:]):
            fix = Fix(at_ms, lat / UNITS_PER_DEGREE, lon / UNITS_PER_DEGREE, accuracy_m or None)
            if evidence is None:
                evidence = begin(fix, self.scale2)
                continue
            fix.at_ms = evidence.at_ms + (at_ms - evidence.at_ms) % WRAP_MS
            evidence, self._refusal = fold(evidence, fix)
        if evidence is None:
            raise ValueError("an empty trail says nothing: add a fix before weighing it")
        self._evidence, self._folded = evidence, len(self.fixes) // _packed.size
        return Weighed(*estimate(evidence), self._refusal)

    def forget(self) -> None:
        """Let every position go; how far accuracy can be believed is kept."""
        self._forget(len(self.fixes))

    def _forget(self, size: int) -> None:
        del self.fixes[:size]
        self._evidence, self._folded, self._refusal = None, 0, None


def untrodden() -> Trail:
    """Give the trail of a device nobody has seen yet."""
    return Trail(bytearray(), 1.0)


def _believed(scale2: float, forgotten: bytes) -> float:
    """Correct the scale by what fixes say about their own accuracy (rule 3)."""
    fixes = list(_packed.iter_unpack(forgotten))
    north_m = METRES_PER_DEGREE / UNITS_PER_DEGREE
    east_m = north_m * cos(radians(fixes[0][1] / UNITS_PER_DEGREE))
    said = []
    for first, second, third in zip(fixes, fixes[1:], fixes[2:], strict=False):
        elapsed_ms = (third[0] - first[0]) % WRAP_MS
        if elapsed_ms > CLOSE_MS:
            continue
        east = east_m * (first[2] - 2 * second[2] + third[2])
        north = north_m * (first[1] - 2 * second[1] + third[1])
        keep = exp(-elapsed_ms / (2000 * BIAS_S))
        claimed2 = ((second[3] or UNKNOWN_ACCURACY_M) / SIGMAS_68) ** 2
        expected2 = 2 * claimed2 * (6 - 8 * keep + 2 * keep * keep)
        said.append((east * east + north * north) / expected2)
    if len(said) < FEWEST_SAYS:
        return scale2
    heard = min(max(median(said) / MEDIAN_OF_SQUARES, LEAST_SCALE2), MOST_SCALE2)
    return scale2 * math.pow(heard / scale2, BELIEF)
