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
Rule 5. Null island, a mocked fix, one that needs more than 340 m/s to get to (also in no time), and
        one older than the last decide nothing and leave no trace but the count of rule 4. An hour
        without a fix leaves nothing but the scale.
Rule 6. P(inside) is the normal probability that the boundary lies beyond the estimate:
        Phi(-distance / sigma). Enter at 0.6, leave at 0.05, chosen from the curve in
        ``docs/noise.md``.

Both axes share one covariance, so a hypothesis is six coordinates and six variances. Positions are
metres east and north of an origin that follows the device.
"""

from dataclasses import dataclass, replace
from math import cos, erf, exp, hypot, radians, sqrt
from typing import Final, Literal

from fencepost_geofence.fix import UNKNOWN_ACCURACY_M, Fix
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

Refusal = Literal["mock", "implausible_speed", "stale"]


@dataclass(slots=True)
class Motion:
    """
    One hypothesis: position, velocity and bias, and the covariance both axes share.

    Metres, seconds; ``p`` is position, ``v`` velocity, ``b`` bias.
    """

    x: float
    y: float
    vx: float
    vy: float
    bx: float
    by: float
    pp: float
    pv: float
    pb: float
    vv: float
    vb: float
    bb: float


@dataclass(slots=True)
class Evidence:
    """
    What the fixes of one device come to.

    Attributes:
        at_ms: Time of the last fix that spoke.
        origin_lat: Where the metres are counted from.
        origin_lon: The same.
        last_x: Where the last fix that spoke was reported, metres.
        last_y: The same.
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
    last_x: float
    last_y: float
    still: Motion
    moving: Motion
    still_share: float
    outlier_chance: float
    refused: int
    pace_mps: float
    scale2: float


def begin(fix: Fix, scale2: float = 1.0) -> Evidence:
    """Start from one fix, which must be neither mocked nor null island."""
    bias2, fresh2 = _variances(fix, scale2)
    motion = Motion(
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, bias2 + fresh2, 0.0, -bias2, FASTEST_PACE_MPS**2, 0.0, bias2
    )
    return Evidence(
        at_ms=fix.at_ms,
        origin_lat=fix.lat,
        origin_lon=fix.lon,
        last_x=0.0,
        last_y=0.0,
        still=motion,
        moving=replace(motion),
        still_share=0.5,
        outlier_chance=OUTLIER,
        refused=0,
        pace_mps=FASTEST_PACE_MPS,
        scale2=scale2,
    )


def fold(evidence: Evidence | None, fix: Fix) -> tuple[Evidence | None, Refusal | None]:
    """
    Take one fix into account.

    Args:
        evidence: What is known so far, updated in place; None before the first fix.
        fix: The fix.

    Returns:
        What is known now, and why the fix was refused, if it was.

    """
    if fix.is_mock:
        return evidence, "mock"
    if fix.lat == 0 and fix.lon == 0:
        return evidence, "implausible_speed"
    if evidence is None:
        return begin(fix), None
    refusal = _take(evidence, fix)
    if evidence.refused >= AFRESH_AFTER or fix.at_ms > evidence.at_ms + FORGET_MS:
        return begin(fix, evidence.scale2), None
    return evidence, refusal


def _take(evidence: Evidence, fix: Fix) -> Refusal | None:
    """Take a fix into account that follows others, unless it cannot (rule 5)."""
    elapsed_ms = fix.at_ms - evidence.at_ms
    if elapsed_ms < 0:
        return "stale"
    x, y = _metres(evidence, fix)
    metres = hypot(x - evidence.last_x, y - evidence.last_y)
    if metres > FASTEST_M_PER_MS * elapsed_ms:
        evidence.refused += elapsed_ms > 0
        return "implausible_speed"
    if 0 < elapsed_ms <= FORGET_MS:
        _weigh(evidence, fix, x, y)
        evidence.at_ms, evidence.last_x, evidence.last_y = fix.at_ms, x, y
        if abs(x) + abs(y) > ORIGIN_REACH_M:
            _follow(evidence, fix, x, y)
    return None


def estimate(evidence: Evidence) -> tuple[float, float, float]:
    """Give latitude, longitude and the standard deviation of one axis in metres."""
    still, moving, share = evidence.still, evidence.moving, evidence.still_share
    other = 1.0 - share
    dx, dy = still.x - moving.x, still.y - moving.y
    variance = share * still.pp + other * moving.pp + share * other * 0.5 * (dx * dx + dy * dy)
    lat = evidence.origin_lat + (moving.y + share * dy) / METRES_PER_DEGREE
    lon = evidence.origin_lon + (moving.x + share * dx) / _east_m(evidence.origin_lat)
    return lat, (lon + 540.0) % 360.0 - 180.0, sqrt(variance)


def inside_probability(distance_m: float, sigma_m: float) -> float:
    """Give P(inside) from the estimate's signed distance (rule 6)."""
    return 0.5 - 0.5 * erf(distance_m / (sigma_m * 1.4142135623730951))


def _variances(fix: Fix, scale2: float) -> tuple[float, float]:
    """Give the variance of the bias and of what is fresh in a fix (rules 2 and 3)."""
    accuracy_m = fix.accuracy_m
    if accuracy_m is None or not accuracy_m > 0:
        accuracy_m = UNKNOWN_ACCURACY_M
    bias2 = scale2 * (min(accuracy_m, WORST_ACCURACY_M) / SIGMAS_68) ** 2
    return bias2, FRESH_SHARE * bias2 + FLOOR_M2


def _east_m(lat: float) -> float:
    return METRES_PER_DEGREE * max(cos(radians(lat)), 0.01)  # at a pole east is nowhere


def _metres(evidence: Evidence, fix: Fix) -> tuple[float, float]:
    """Place a fix on the device's own map."""
    east = (fix.lon - evidence.origin_lon + 540.0) % 360.0 - 180.0
    north = fix.lat - evidence.origin_lat
    return east * _east_m(evidence.origin_lat), north * METRES_PER_DEGREE


def _follow(evidence: Evidence, fix: Fix, x: float, y: float) -> None:
    """Move the map's origin after the device, which is at x, y on the old map."""
    ratio = _east_m(fix.lat) / _east_m(evidence.origin_lat)
    evidence.origin_lat, evidence.origin_lon = fix.lat, fix.lon
    evidence.last_x, evidence.last_y = 0.0, 0.0
    for motion in (evidence.still, evidence.moving):
        motion.x, motion.y = (motion.x - x) * ratio, motion.y - y


def _weigh(evidence: Evidence, fix: Fix, x: float, y: float) -> None:
    """Carry both hypotheses to the moment of the fix, and let it judge between them."""
    elapsed_s = (fix.at_ms - evidence.at_ms) / 1000
    bias2, fresh2 = _variances(fix, evidence.scale2)
    share = _exchange(evidence, elapsed_s)
    still, moving = evidence.still, evidence.moving
    keep = exp(-elapsed_s / BIAS_S)
    renewed2 = bias2 * (1.0 - keep * keep)
    _rest(still, elapsed_s, keep, renewed2)
    _move(moving, elapsed_s, evidence.pace_mps, keep, renewed2)
    chance = evidence.outlier_chance
    likely, trust, surprise = _absorb(still, x, y, fresh2, chance)
    likely2, trust2, surprise2 = _absorb(moving, x, y, fresh2, chance)
    share *= likely / (share * likely + (1.0 - share) * likely2)
    evidence.still_share = share = min(max(share, LEAST_SHARE), 1.0 - LEAST_SHARE)
    trust = share * trust + (1.0 - share) * trust2
    surprise = share * surprise + (1.0 - share) * surprise2
    is_far = hypot(x - moving.x, y - moving.y) > OUTLIER_REACH_M
    _learn(evidence, trust, surprise, is_far=is_far)


def _exchange(evidence: Evidence, elapsed_s: float) -> float:
    """Let each hypothesis begin where the other may have left; give the new share of still."""
    fade = exp(-elapsed_s * (1.0 / STAY_S + 1.0 / WALK_S))
    rest = STAY_S / (STAY_S + WALK_S)
    stayed = evidence.still_share * (rest + (1.0 - rest) * fade)
    stopped = (1.0 - evidence.still_share) * rest * (1.0 - fade)
    share = stayed + stopped
    left = (evidence.still_share - stayed) / (1.0 - share)
    still, moving = evidence.still, evidence.moving
    evidence.still = _mixed(still, moving, stayed / share)
    evidence.moving = _mixed(still, moving, left)
    return share


def _mixed(one: Motion, two: Motion, share: float) -> Motion:
    """Merge two hypotheses by moments; what they disagree about becomes variance."""
    dx, dy, du, dw = one.x - two.x, one.y - two.y, one.vx - two.vx, one.vy - two.vy
    da, db = one.bx - two.bx, one.by - two.by
    rest = 1.0 - share
    half = 0.5 * share * rest
    return Motion(
        two.x + share * dx,
        two.y + share * dy,
        two.vx + share * du,
        two.vy + share * dw,
        two.bx + share * da,
        two.by + share * db,
        share * one.pp + rest * two.pp + half * (dx * dx + dy * dy),
        share * one.pv + rest * two.pv + half * (dx * du + dy * dw),
        share * one.pb + rest * two.pb + half * (dx * da + dy * db),
        share * one.vv + rest * two.vv + half * (du * du + dw * dw),
        share * one.vb + rest * two.vb + half * (du * da + dw * db),
        share * one.bb + rest * two.bb + half * (da * da + db * db),
    )


def _rest(motion: Motion, elapsed_s: float, keep: float, renewed2: float) -> None:
    """Let time pass for somebody who sits; on rising the pace is a walker's."""
    motion.vx = motion.vy = motion.pv = motion.vb = 0.0
    motion.vv = PACE_MPS * PACE_MPS
    motion.pp += CREEP_M2_PER_S * elapsed_s
    motion.pb *= keep
    motion.bx *= keep
    motion.by *= keep
    motion.bb = keep * keep * motion.bb + renewed2


def _move(motion: Motion, elapsed_s: float, pace_mps: float, keep: float, renewed2: float) -> None:
    """Let time pass for somebody whose velocity fades towards chance (Ornstein-Uhlenbeck)."""
    fade = exp(-elapsed_s / PACE_S)
    lost = 1.0 - fade
    reach_s = PACE_S * lost
    pace2 = pace_mps * pace_mps
    motion.x += reach_s * motion.vx
    motion.y += reach_s * motion.vy
    motion.vx *= fade
    motion.vy *= fade
    motion.bx *= keep
    motion.by *= keep
    grown = motion.pv + reach_s * motion.vv
    wander = PACE_S * PACE_S * (2.0 * elapsed_s / PACE_S - 3.0 + 4.0 * fade - fade * fade)
    motion.pp += reach_s * (motion.pv + grown) + pace2 * wander
    motion.pv = fade * grown + pace2 * PACE_S * lost * lost
    motion.pb = keep * (motion.pb + reach_s * motion.vb)
    motion.vv = fade * fade * motion.vv + pace2 * (1.0 - fade * fade)
    motion.vb *= fade * keep
    motion.bb = keep * keep * motion.bb + renewed2


def _absorb(
    motion: Motion, x: float, y: float, fresh2: float, outlier_chance: float
) -> tuple[float, float, float]:
    """Correct a hypothesis by a fix; give its likelihood, the trust in the fix, the surprise."""
    position, velocity, bias = motion.pp + motion.pb, motion.pv + motion.vb, motion.pb + motion.bb
    spread2 = position + bias + fresh2
    dx, dy = x - motion.x - motion.bx, y - motion.y - motion.by
    square = 0.5 * (dx * dx + dy * dy)
    wide2 = OUTLIER_M2 + spread2
    sound = (1.0 - outlier_chance) * exp(-square / spread2) / spread2
    likely = sound + outlier_chance * exp(-square / wide2) / wide2 + NEVER
    trust = sound / likely
    shrink = trust * (spread2 - (1.0 - trust) * square)
    position, velocity, bias = position / spread2, velocity / spread2, bias / spread2
    dx, dy = trust * dx, trust * dy
    motion.x += position * dx
    motion.y += position * dy
    motion.vx += velocity * dx
    motion.vy += velocity * dy
    motion.bx += bias * dx
    motion.by += bias * dy
    motion.pp -= shrink * position * position
    motion.pv -= shrink * position * velocity
    motion.pb -= shrink * position * bias
    motion.vv -= shrink * velocity * velocity
    motion.vb -= shrink * velocity * bias
    motion.bb -= shrink * bias * bias
    return likely, trust, square / spread2


def _learn(evidence: Evidence, trust: float, surprise: float, *, is_far: bool) -> None:
    """Remember how the fix was taken: suspicion, pace (rule 4) and scale (rule 3)."""
    evidence.outlier_chance = OUTLIER + OUTLIER_AGAIN * (1.0 - trust)
    if trust < REFUSED_BELOW:
        evidence.refused += 2 if is_far else 1
        evidence.pace_mps = min(3.0 * evidence.pace_mps, FASTEST_PACE_MPS)
    else:
        evidence.refused = 0
        moving = evidence.moving
        going_mps = 0.5 * hypot(moving.vx, moving.vy)
        evidence.pace_mps = max(PACE_MPS, 0.7 * evidence.pace_mps, going_mps)
    factor = exp(SCALE_GAIN * trust * (min(surprise, MOST_SURPRISE) - USUAL_SURPRISE))
    evidence.scale2 = min(max(evidence.scale2 * factor, LEAST_SCALE2), MOST_SCALE2)
