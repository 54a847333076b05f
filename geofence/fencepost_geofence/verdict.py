"""
Verdict: what the evidence says about one fence, and why it does not say more.

Pure, standard library only. Shapes are the caller's: the estimate's signed distance comes in.

::

    P(inside)           outside             inside
    ---------           -------             ------
    at least ENTER_AT   becomes inside      decided
    between             undecided           undecided
    at most LEAVE_AT    decided             becomes outside

Rule 1. Undecided leaves the side as it is. The first undecided fix in a row is ``one_fix``, later
        ones are ``oscillating``: the device sits on the boundary, or its receiver sways over it.
Rule 2. A fix with accuracy worse than max(200 m, 2 x fence size) is ``low_accuracy`` and changes
        neither the side nor rule 1's count.
Rule 3. What the filter refused (``mock``, ``implausible_speed``, ``stale``) decides nothing either.
"""

from dataclasses import dataclass
from typing import Final, Literal

from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT, Refusal, inside_probability
from fencepost_geofence.fix import COARSE_M

COARSE_SIZES: Final = 2.0

Reason = Literal["decided", "low_accuracy", "one_fix", "oscillating"] | Refusal


@dataclass(slots=True)
class Side:
    """Which side of a fence the device is on, since when, and whether the last fix doubted it."""

    is_inside: bool
    since_ms: int
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the side changed, the reason, and P(inside)."""

    is_changed: bool
    reason: Reason
    p_inside: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """P(inside) at which a fence is entered, and at which it is left."""

    enter_at: float = ENTER_AT
    leave_at: float = LEAVE_AT


DEFAULT: Final = Thresholds()


def is_coarse(accuracy_m: float | None, size_m: float) -> bool:
    """Say whether a fix can tell nothing of a fence of this size (rule 2)."""
    return accuracy_m is not None and accuracy_m > max(COARSE_M, COARSE_SIZES * size_m)


def judge(
    side: Side,
    estimate: tuple[float, float],
    at_ms: int,
    *,
    refusal: Refusal | Literal["low_accuracy"] | None = None,
    thresholds: Thresholds = DEFAULT,
) -> Verdict:
    """
    Judge one fence after a fix, and update the side in place.

    Args:
        side: Where the device was held to be.
        estimate: Signed distance of the estimate from the boundary, and its standard deviation.
        at_ms: Time of the fix.
        refusal: Why the fix must not decide, if so.
        thresholds: When to enter and when to leave.

    Returns:
        The verdict.

    """
    p_inside = inside_probability(*estimate)
    if refusal is not None:
        return Verdict(is_changed=False, reason=refusal, p_inside=p_inside)
    if thresholds.leave_at < p_inside < thresholds.enter_at:
        reason: Reason = "oscillating" if side.is_doubted else "one_fix"
        side.is_doubted = True
        return Verdict(is_changed=False, reason=reason, p_inside=p_inside)
    side.is_doubted = False
    is_inside = p_inside >= thresholds.enter_at
    is_changed = is_inside != side.is_inside
    if is_changed:
        side.is_inside, side.since_ms = is_inside, at_ms
    return Verdict(is_changed=is_changed, reason="decided", p_inside=p_inside)
