"""
Trail: the recent fixes of a device, and the filter folded over them when somebody asks.

Pure, standard library only. Folding costs some microseconds a fix, remembering one a fraction of
one; most fixes tell nothing new. See ADR-0010.

Rule 1. What the evidence is follows from the fixes alone, in order of time: not from which of them
        anybody asked about, where the state was stored in between, or in which order they came.
Rule 2. Fixes are counted in blocks of 24. A fix is weighed with its own block and the one before:
        the filter begins at the older one's first fix, so up to 24 fixes warm it up.
Rule 3. Before a block is left behind it says how far the receiver's accuracy can be believed. An
        error that persists cancels out of second differences, and so does a steady walk; what
        remains, by its median, is set against what the claimed accuracy leads to expect. Fixes more
        than 75 s apart say nothing: between them people turn.
Rule 4. Blocks are kept while a fix may still come late (``HORIZON_MS``), and as long as those that
        follow need them; two at least.
        After half a day without a fix all of them go.
Rule 5. Fixes are kept in 14 bytes each: time in ms, degrees x 10^7 (1 cm), accuracy as half
        float. All see what is kept, never what came, or storing would change the outcome.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, exp, radians
from statistics import median
from struct import Struct
from typing import Final

from fencepost_geofence.evidence import (
    BIAS_S,
    LEAST_SCALE2,
    MOST_SCALE2,
    SIGMAS_68,
    Evidence,
    Refusal,
    begin,
    estimate,
    fold,
)
from fencepost_geofence.fix import COARSE_M, UNKNOWN_ACCURACY_M, Fix
from fencepost_geofence.sphere import METRES_PER_DEGREE

HORIZON_MS: Final = 600_000  # a fix older than the newest by more comes too late
BLOCK: Final = 24
WRAP_MS: Final = 1 << 32
TOO_LONG_MS: Final = 12 * 3_600_000  # sooner than anybody lets positions go for their age
UNITS_PER_DEGREE: Final = 1e7
MOST_ACCURACY_M: Final = 60_000.0  # a half float ends at 65,504

CLOSE_MS: Final = 75_000  # two steps together
FEWEST_SAYS: Final = 5
MEDIAN_OF_SQUARES: Final = 0.693  # of an exponential distribution with mean 1
BELIEF: Final = 0.25  # how much of what a block says is taken over

PACKED: Final = Struct("<Iiie")  # a fix as it is kept (rule 5)
_SIZE: Final = PACKED.size


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
        fixes: 14 bytes each, oldest first, from the first of a block on.
        scales2: Learned factors on the variance that accuracy claims, one as each block began.
        last_ms: Time of the newest fix; None before the first.
        fine_ms: Time of the newest that was not coarse; None before the first.
        gone: Both of the fixes that were let go.

    """

    # By hand, so that what was folded so far is no field: it follows from the rest, and is neither
    # stored nor compared.
    __slots__ = (
        "_begun",
        "_evidence",
        "_folded",
        "_refusal",
        "fine_ms",
        "fixes",
        "gone",
        "last_ms",
        "scales2",
    )

    fixes: bytearray
    scales2: list[float]
    last_ms: int | None
    fine_ms: int | None
    gone: tuple[int | None, int | None]

    def __post_init__(self) -> None:
        """Nothing is folded yet."""
        self._evidence: Evidence | None = None
        self._refusal: Refusal | None = None
        self._begun = -1
        self._folded = 0

    def add(self, fix: Fix) -> tuple[float, float, float | None]:
        """Remember a fix newer than all others; give latitude, longitude, accuracy as kept."""
        if self.last_ms is not None and fix.at_ms - self.last_ms > TOO_LONG_MS:
            self.forget()
        count = len(self.fixes) // _SIZE
        if count % BLOCK == 0 and count:
            self._turn(fix.at_ms)
        accuracy_m = fix.accuracy_m
        packed = PACKED.pack(
            fix.at_ms % WRAP_MS,
            round(fix.lat * UNITS_PER_DEGREE),
            round(fix.lon * UNITS_PER_DEGREE),
            min(accuracy_m, MOST_ACCURACY_M) if accuracy_m is not None and accuracy_m > 0 else 0.0,
        )
        self.fixes += packed
        self.last_ms = fix.at_ms
        _, lat, lon, kept_m = PACKED.unpack(packed)
        if kept_m <= COARSE_M:
            self.fine_ms = fix.at_ms
        return lat / UNITS_PER_DEGREE, lon / UNITS_PER_DEGREE, kept_m or None

    def newest(self) -> Fix | None:
        """Give the newest fix, as it is kept."""
        return next(self._back(), None)

    def since(self, at_ms: int) -> list[Fix]:
        """Give the fixes at and after a moment, as they are kept, oldest first."""
        found: list[Fix] = []
        for fix in self._back():
            if fix.at_ms < at_ms:
                break
            found.append(fix)
        return found[::-1]

    def cut(self, at_ms: int) -> list[Fix]:
        """Take the fixes at and after a moment away, and give them."""
        gone = self.since(at_ms)
        if gone:
            del self.fixes[len(self.fixes) - len(gone) * _SIZE :]
            kept = len(self.fixes) // _SIZE
            del self.scales2[max(1, -(-kept // BLOCK)) :]
            if self._folded > kept:
                self._unfold()
            before_ms = gone[0].at_ms
            self.last_ms, self.fine_ms = self.gone
            for fix in self._back(before_ms):
                self.last_ms = max(self.last_ms or fix.at_ms, fix.at_ms)
                if fix.accuracy_m is None or fix.accuracy_m <= COARSE_M:
                    self.fine_ms = fix.at_ms
                    break
        return gone

    def _back(self, newest_ms: int | None = None) -> Iterator[Fix]:
        """Give the fixes from the newest back; it is not newer than this."""
        at_ms = self.last_ms if newest_ms is None else newest_ms
        for start in range(len(self.fixes) - _SIZE, -1, -_SIZE):
            packed_ms, lat, lon, kept_m = PACKED.unpack_from(self.fixes, start)
            assert at_ms is not None  # noqa: S101 - a trail with fixes knows when its last one was
            at_ms -= (at_ms - packed_ms) % WRAP_MS
            yield Fix(at_ms, lat / UNITS_PER_DEGREE, lon / UNITS_PER_DEGREE, kept_m or None)

    def weigh(self) -> Weighed:
        """Say where the device is after the last fix; at least one was added."""
        count = len(self.fixes) // _SIZE
        if not count:
            raise ValueError("an empty trail says nothing: add a fix before weighing it")
        first = max(0, (count - 1) // BLOCK - 1)
        if self._begun != first:
            self._unfold()
            self._begun, self._folded = first, first * BLOCK
        evidence = self._evidence
        start = self._folded * _SIZE
        for packed_ms, lat, lon, kept_m in PACKED.iter_unpack(memoryview(self.fixes)[start:]):
            place = lat / UNITS_PER_DEGREE, lon / UNITS_PER_DEGREE
            if evidence is None:
                evidence = begin(packed_ms, *place, kept_m, self.scales2[first])
                continue
            at_ms = evidence.at_ms + (packed_ms - evidence.at_ms) % WRAP_MS
            self._refusal = fold(evidence, at_ms, *place, kept_m)
        assert evidence is not None  # noqa: S101 - there was a fix to begin with
        self._evidence, self._folded = evidence, count
        return Weighed(*estimate(evidence), self._refusal)

    def forget(self) -> None:
        """Let every position go; how far accuracy can be believed is kept."""
        self.gone = self.last_ms, self.fine_ms
        self.fixes.clear()
        del self.scales2[:-1]
        self._unfold()

    def _turn(self, at_ms: int) -> None:
        """Begin a block: learn from the one that ended, let go of those nobody needs (rule 4)."""
        self.scales2.append(_believed(self.scales2[-1], bytes(self.fixes[-BLOCK * _SIZE :])))
        first = 0
        # A block can go once the next has nothing in it that a late fix may come before.
        while first + 2 < len(self.scales2):
            if self._moment_ms((first + 2) * BLOCK - 1) >= at_ms - HORIZON_MS:
                break
            first += 1
        if first:
            self._let_go(first)

    def _let_go(self, blocks: int) -> None:
        """Let go of the oldest blocks."""
        fine_ms = self.gone[1]
        for number in range(blocks * BLOCK - 1, -1, -1):
            if PACKED.unpack_from(self.fixes, number * _SIZE)[3] <= COARSE_M:
                fine_ms = self._moment_ms(number)
                break
        self.gone = self._moment_ms(blocks * BLOCK - 1), fine_ms
        del self.fixes[: blocks * BLOCK * _SIZE]
        del self.scales2[:blocks]
        self._folded -= blocks * BLOCK
        self._begun -= blocks
        if self._begun < 0:
            self._unfold()

    def _moment_ms(self, number: int) -> int:
        (packed_ms,) = PACKED.unpack_from(self.fixes, number * _SIZE)[:1]
        last_ms = self.last_ms or 0
        return last_ms - (last_ms - int(packed_ms)) % WRAP_MS

    def _unfold(self) -> None:
        self._evidence, self._refusal, self._begun, self._folded = None, None, -1, 0


def kept(fix: Fix) -> Fix:
    """Give a fix as a trail keeps it."""
    trail = untrodden()
    return Fix(fix.at_ms, *trail.add(fix))


def untrodden() -> Trail:
    """Give the trail of a device nobody has seen yet."""
    return Trail(bytearray(), [1.0], None, None, (None, None))


def _believed(scale2: float, block: bytes) -> float:
    """Correct the scale by what fixes say about their own accuracy (rule 3)."""
    fixes = list(PACKED.iter_unpack(block))
    north_m = METRES_PER_DEGREE / UNITS_PER_DEGREE
    east_m = north_m * cos(radians(fixes[0][1] / UNITS_PER_DEGREE))
    said = []
    # Every other one: neighbours share two fixes, and say much the same.
    for first, second, third in zip(fixes[::2], fixes[1::2], fixes[2::2], strict=False):
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
