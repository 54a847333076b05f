"""
Evidence: where a device probably is, and how sure of it the fixes allow us to be.

Pure, standard library only, so that the client SDK can use it. One filter per device; its state
depends on fixes only, never on fences. Reasons and rejected simpler ways are in ADR-0010.

Rule 1. Two hypotheses run side by side (an interacting multiple model): *still*, and *moving* with
        a velocity that fades over two minutes. They trade weight with every fix, at rates that fit
        stays of ten minutes.
Rule 2. The error of a receiver persists: part of each fix is a bias that decays over half a minute
        (Gauss-Markov), the rest is fresh. So a crowd of fixes in a minute counts as few.
Rule 3. Accuracy is a 68 % radius, 1.51 standard deviations of one axis. Unknown, zero or negative
        is 65 m. It is multiplied by a scale learned per device from how far fixes fall from where
        they were expected. The scale sees through boasting; modesty is taken at its word.
Rule 4. Any fix may be an outlier; after one the next is suspected more. A doubtful fix is weighed
        by half, not cut. Fixes refused in a row widen the speed that is held possible (somebody
        took a car). The fourth starts afresh: the device is elsewhere; farther off than outliers
        go, the second does. A start knows nothing of speed.
Rule 5. A fix that needs more than 340 m/s to get to (also in no time) and one older than the last
        decide nothing and leave no trace but the count of rule 4. An hour without a fix leaves
        nothing but the scale. Null island and mocked fixes are kept away by the tracker.
Rule 6. P(inside) is the normal probability that the boundary lies beyond the estimate:
        Phi(-distance / sigma). Enter at 0.6, leave at 0.05, chosen from the curve in
        ``docs/noise.md``.

Both axes share one covariance. A position is a complex number: metres east, and north times i, of
an origin that follows the device. A hypothesis is a bare tuple, because a fold is the dearest step
of a fix: 6 us where objects took 16.
"""

from dataclasses import dataclass
from math import cos, erf, exp, radians, sqrt
from typing import Final, Literal

from fencepost_geofence.fix import claimed_m
from fencepost_geofence.sphere import METRES_PER_DEGREE

ENTER_AT: Final = 0.6
LEAVE_AT: Final = 0.05

ORIGIN_REACH_M: Final = 50_000.0  # farther from it the flat picture bends
FASTEST_M_PER_MS: Final = 0.34  # sound; no fix of an airliner is refused
FORGET_MS: Final = 3_600_000  # after an hour without a fix nothing is known

SIGMAS_68: Final = 1.5096  # sqrt(-2 ln 0.32)
BIAS_S: Final = 30.0  # how long an error persists
FRESH_SHARE: Final = 0.3  # what is fresh in each fix, on top of the bias; margin for its accuracy
FLOOR_M2: Final = 2.0  # no fix is better than this
WORST_ACCURACY_M: Final = 100_000.0

SCALE_GAIN: Final = 0.01
USUAL_SURPRISE: Final = 0.65  # of an honest receiver in this model, by trial
MOST_SURPRISE: Final = 4.0
LEAST_SCALE2, MOST_SCALE2 = 0.8, 9.0

STAY_S: Final = 600.0
WALK_S: Final = 400.0
CREEP_M2_PER_S: Final = 0.01  # people on a chair move too
PACE_MPS: Final = 1.4  # one axis of a walker's velocity
PACE_S: Final = 120.0
FASTEST_PACE_MPS: Final = 40.0

OUTLIER: Final = 0.02
OUTLIER_AGAIN: Final = 0.25
OUTLIER_M2: Final = 150.0**2
REFUSED_BELOW: Final = 0.5
AFRESH_AFTER: Final = 4
OUTLIER_REACH_M: Final = 450.0
LEAST_SHARE: Final = 1e-4
NEVER: Final = 1e-300

Refusal = Literal["implausible_speed", "stale"]


Still = tuple[complex, complex, float, float, float]
"""Position and bias; variance of the position, covariance with the bias, variance of the bias."""

Moving = tuple[complex, complex, complex, float, float, float, float, float, float]
"""Position ``p``, velocity ``v``, bias ``b``; (co)variances ``pp pv pb vv vb bb``."""


@dataclass(slots=True)
class Evidence:
    """
    What the fixes of one device come to.

    Attributes:
        at_ms: Time of the last fix that spoke.
        origin_lat: Where the metres are counted from.
        origin_lon: The same.
        east_m: A degree of longitude there.
        last: Where the last fix that spoke was reported.
        still: The hypothesis that the device stays where it is.
        moving: The hypothesis that it moves.
        still_share: Probability of the first.
        outlier_chance: How much the next fix is suspected.
        refused: Fixes refused in a row.
        pace_mps: Speed held possible.
        scale2: Learned factor on the variance that the accuracy claims.

    """

    at_ms: int
    origin_lat: float
    origin_lon: float
    east_m: float
    last: complex
    still: Still
    moving: Moving
    still_share: float
    outlier_chance: float
    refused: int
    pace_mps: float
    scale2: float


def begin(
    at_ms: int, lat: float, lon: float, accuracy_m: float | None, scale2: float = 1.0
) -> Evidence:
    """Start from one fix."""
    bias2, fresh2 = _variances(accuracy_m, scale2)
    both2 = bias2 + fresh2
    return Evidence(
        at_ms=at_ms,
        origin_lat=lat,
        origin_lon=lon,
        east_m=_east_m(lat),
        last=0j,
        still=(0j, 0j, both2, -bias2, bias2),
        moving=(0j, 0j, 0j, both2, 0.0, -bias2, FASTEST_PACE_MPS**2, 0.0, bias2),
        still_share=0.5,
        outlier_chance=OUTLIER,
        refused=0,
        pace_mps=FASTEST_PACE_MPS,
        scale2=scale2,
    )


def fold(
    evidence: Evidence, at_ms: int, lat: float, lon: float, accuracy_m: float | None
) -> Refusal | None:
    """
    Take one fix into account.

    Args:
        evidence: What is known so far; updated in place.
        at_ms: Time of the fix.
        lat: Latitude, degrees.
        lon: Longitude, degrees.
        accuracy_m: Radius that holds the true position with 68 % probability; None is unknown.

    Returns:
        Why the fix was refused, if it was.

    """
    elapsed_ms = at_ms - evidence.at_ms
    if elapsed_ms < 0:
        return "stale"
    at = _place(evidence, lat, lon)
    is_implausible = abs(at - evidence.last) > FASTEST_M_PER_MS * elapsed_ms
    if is_implausible:
        evidence.refused += elapsed_ms > 0
    elif 0 < elapsed_ms <= FORGET_MS:
        _weigh(evidence, elapsed_ms / 1000, at, accuracy_m)
        evidence.at_ms, evidence.last = at_ms, at
        if abs(at) > ORIGIN_REACH_M:
            _follow(evidence, at, lat, lon)
    if evidence.refused >= AFRESH_AFTER or elapsed_ms > FORGET_MS:
        _restart(evidence, begin(at_ms, lat, lon, accuracy_m, evidence.scale2))
        return None
    return "implausible_speed" if is_implausible else None


def estimate(evidence: Evidence) -> tuple[float, float, float]:
    """Give latitude, longitude and the standard deviation of one axis in metres."""
    share = evidence.still_share
    other = 1.0 - share
    still, moving = evidence.still, evidence.moving
    apart = still[0] - moving[0]
    apart2 = apart.real * apart.real + apart.imag * apart.imag
    variance = share * still[2] + other * moving[3] + share * other * 0.5 * apart2
    at = moving[0] + share * apart
    lat = evidence.origin_lat + at.imag / METRES_PER_DEGREE
    lon = evidence.origin_lon + at.real / evidence.east_m
    return lat, (lon + 540.0) % 360.0 - 180.0, sqrt(variance)


def inside_probability(distance_m: float, sigma_m: float) -> float:
    """Give P(inside) from the estimate's signed distance (rule 6)."""
    return 0.5 - 0.5 * erf(distance_m / (sigma_m * 1.4142135623730951))


def _variances(accuracy_m: float | None, scale2: float) -> tuple[float, float]:
    """Give the variance of the bias and of what is fresh in a fix (rules 2 and 3)."""
    bias2 = scale2 * (min(claimed_m(accuracy_m), WORST_ACCURACY_M) / SIGMAS_68) ** 2
    return bias2, FRESH_SHARE * bias2 + FLOOR_M2


def _east_m(lat: float) -> float:
    return METRES_PER_DEGREE * max(cos(radians(lat)), 0.01)  # at a pole east is nowhere


def _place(evidence: Evidence, lat: float, lon: float) -> complex:
    """Place a fix on the device's own map."""
    east = (lon - evidence.origin_lon + 540.0) % 360.0 - 180.0
    north = lat - evidence.origin_lat
    return complex(east * evidence.east_m, north * METRES_PER_DEGREE)


def _restart(evidence: Evidence, fresh: Evidence) -> None:
    for name in Evidence.__slots__:
        setattr(evidence, name, getattr(fresh, name))


def _follow(evidence: Evidence, at: complex, lat: float, lon: float) -> None:
    """Move the map's origin after the device."""
    east_m = _east_m(lat)
    ratio = east_m / evidence.east_m
    evidence.origin_lat, evidence.origin_lon, evidence.east_m = lat, lon, east_m
    evidence.last = 0j

    def moved(old: complex) -> complex:
        return complex((old.real - at.real) * ratio, old.imag - at.imag)

    evidence.still = (moved(evidence.still[0]), *evidence.still[1:])
    evidence.moving = (moved(evidence.moving[0]), *evidence.moving[1:])


def _weigh(evidence: Evidence, elapsed_s: float, at: complex, accuracy_m: float | None) -> None:
    """Carry both hypotheses to the moment of the fix, and let it judge between them."""
    bias2, fresh2 = _variances(accuracy_m, evidence.scale2)
    keep = exp(-elapsed_s / BIAS_S)
    renewed2 = bias2 * (1.0 - keep * keep)
    share, still, moving = _exchange(evidence, elapsed_s)
    still = _rest(still, elapsed_s, keep, renewed2)
    moving = _move(moving, elapsed_s, evidence.pace_mps, keep, renewed2)
    is_far = abs(at - moving[0]) > OUTLIER_REACH_M
    chance = evidence.outlier_chance
    evidence.still, likely, trust, surprise = _correct_still(still, at, fresh2, chance)
    evidence.moving, likely2, trust2, surprise2 = _correct_moving(moving, at, fresh2, chance)
    share *= likely / (share * likely + (1.0 - share) * likely2)
    evidence.still_share = share = min(max(share, LEAST_SHARE), 1.0 - LEAST_SHARE)
    trust = share * trust + (1.0 - share) * trust2
    surprise = share * surprise + (1.0 - share) * surprise2
    _learn(evidence, trust, surprise, is_far=is_far)


def _exchange(evidence: Evidence, elapsed_s: float) -> tuple[float, Still, Moving]:
    """
    Let each hypothesis begin where the other may have left; give the new share of still, and both.

    Two are merged by moments: what they disagree about becomes variance. Who sits has no velocity,
    and the pace of a walker on rising.
    """
    fade = exp(-elapsed_s * (1.0 / STAY_S + 1.0 / WALK_S))
    rest = STAY_S / (STAY_S + WALK_S)
    stayed = evidence.still_share * (rest + (1.0 - rest) * fade)
    stopped = (1.0 - evidence.still_share) * rest * (1.0 - fade)
    share = stayed + stopped
    p1, b1, pp1, pb1, bb1 = evidence.still
    p2, v2, b2, pp2, pv2, pb2, vv2, vb2, bb2 = evidence.moving
    dp, db = p1 - p2, b1 - b2
    dpp = 0.5 * (dp.real * dp.real + dp.imag * dp.imag)
    dpb = 0.5 * (dp.real * db.real + dp.imag * db.imag)
    dbb = 0.5 * (db.real * db.real + db.imag * db.imag)
    dpv = -0.5 * (dp.real * v2.real + dp.imag * v2.imag)
    dvb = -0.5 * (v2.real * db.real + v2.imag * db.imag)
    dvv = 0.5 * (v2.real * v2.real + v2.imag * v2.imag)
    part = stayed / share
    other = 1.0 - part
    both = part * other
    still = (
        p2 + part * dp,
        b2 + part * db,
        part * pp1 + other * pp2 + both * dpp,
        part * pb1 + other * pb2 + both * dpb,
        part * bb1 + other * bb2 + both * dbb,
    )
    part = (evidence.still_share - stayed) / (1.0 - share)
    other = 1.0 - part
    both = part * other
    moving = (
        p2 + part * dp,
        other * v2,
        b2 + part * db,
        part * pp1 + other * pp2 + both * dpp,
        other * pv2 + both * dpv,
        part * pb1 + other * pb2 + both * dpb,
        part * PACE_MPS * PACE_MPS + other * vv2 + both * dvv,
        other * vb2 + both * dvb,
        part * bb1 + other * bb2 + both * dbb,
    )
    return share, still, moving


def _rest(still: Still, elapsed_s: float, keep: float, renewed2: float) -> Still:
    """Let time pass for somebody who sits."""
    p, b, pp, pb, bb = still
    return p, keep * b, pp + CREEP_M2_PER_S * elapsed_s, keep * pb, keep * keep * bb + renewed2


def _move(
    moving: Moving, elapsed_s: float, pace_mps: float, keep: float, renewed2: float
) -> Moving:
    """Let time pass for somebody whose velocity fades towards chance (Ornstein-Uhlenbeck)."""
    p, v, b, pp, pv, pb, vv, vb, bb = moving
    fade = exp(-elapsed_s / PACE_S)
    lost = 1.0 - fade
    reach_s = PACE_S * lost
    pace2 = pace_mps * pace_mps
    grown = pv + reach_s * vv
    wander = PACE_S * PACE_S * (2.0 * elapsed_s / PACE_S - 3.0 + 4.0 * fade - fade * fade)
    return (
        p + reach_s * v,
        fade * v,
        keep * b,
        pp + reach_s * (pv + grown) + pace2 * wander,
        fade * grown + pace2 * PACE_S * lost * lost,
        keep * (pb + reach_s * vb),
        fade * fade * vv + pace2 * (1.0 - fade * fade),
        fade * keep * vb,
        keep * keep * bb + renewed2,
    )


def _correct_still(
    still: Still, at: complex, fresh2: float, chance: float
) -> tuple[Still, float, float, float]:
    """Correct by a fix; give its likelihood, the trust in the fix and the surprise, too."""
    p, b, pp, pb, bb = still
    spread2 = pp + 2.0 * pb + bb + fresh2
    off = at - p - b
    likely, trust, shrink, square = _believe(off, spread2, chance)
    position, bias = (pp + pb) / spread2, (pb + bb) / spread2
    off *= trust
    corrected = (
        p + position * off,
        b + bias * off,
        pp - shrink * position * position,
        pb - shrink * position * bias,
        bb - shrink * bias * bias,
    )
    return corrected, likely, trust, square / spread2


def _correct_moving(
    moving: Moving, at: complex, fresh2: float, chance: float
) -> tuple[Moving, float, float, float]:
    """Do the same for somebody who moves."""
    p, v, b, pp, pv, pb, vv, vb, bb = moving
    spread2 = pp + 2.0 * pb + bb + fresh2
    off = at - p - b
    likely, trust, shrink, square = _believe(off, spread2, chance)
    position, velocity, bias = (pp + pb) / spread2, (pv + vb) / spread2, (pb + bb) / spread2
    off *= trust
    corrected = (
        p + position * off,
        v + velocity * off,
        b + bias * off,
        pp - shrink * position * position,
        pv - shrink * position * velocity,
        pb - shrink * position * bias,
        vv - shrink * velocity * velocity,
        vb - shrink * velocity * bias,
        bb - shrink * bias * bias,
    )
    return corrected, likely, trust, square / spread2


def _believe(off: complex, spread2: float, chance: float) -> tuple[float, float, float, float]:
    """Give likelihood, trust, how much variance goes, and half the square of the miss."""
    square = 0.5 * (off.real * off.real + off.imag * off.imag)
    wide2 = OUTLIER_M2 + spread2
    sound = (1.0 - chance) * exp(-square / spread2) / spread2
    likely = sound + chance * exp(-square / wide2) / wide2 + NEVER
    trust = sound / likely
    return likely, trust, trust * (spread2 - (1.0 - trust) * square), square


def _learn(evidence: Evidence, trust: float, surprise: float, *, is_far: bool) -> None:
    """Remember how the fix was taken: suspicion, pace (rule 4) and scale (rule 3)."""
    evidence.outlier_chance = OUTLIER + OUTLIER_AGAIN * (1.0 - trust)
    if trust < REFUSED_BELOW:
        evidence.refused += 2 if is_far else 1
        evidence.pace_mps = min(3.0 * evidence.pace_mps, FASTEST_PACE_MPS)
    else:
        evidence.refused = 0
        going_mps = 0.5 * abs(evidence.moving[1])
        evidence.pace_mps = max(PACE_MPS, 0.7 * evidence.pace_mps, going_mps)
    factor = exp(SCALE_GAIN * trust * (min(surprise, MOST_SURPRISE) - USUAL_SURPRISE))
    evidence.scale2 = min(max(evidence.scale2 * factor, LEAST_SCALE2), MOST_SCALE2)
