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
Rule 3. What the filter refused (``implausible_speed``, ``stale``) decides nothing either.
"""

from typing import Final, Literal

from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT, Refusal
from fencepost_geofence.fix import COARSE_M

COARSE_SIZES: Final = 2.0

Reason = Literal["decided", "low_accuracy", "one_fix", "oscillating"] | Refusal


def is_coarse(accuracy_m: float | None, size_m: float) -> bool:
    """Say whether a fix can tell nothing of a fence of this size (rule 2)."""
    return accuracy_m is not None and accuracy_m > max(COARSE_M, COARSE_SIZES * size_m)


def side_of(p_inside: float, enter_at: float = ENTER_AT, leave_at: float = LEAVE_AT) -> bool | None:
    """
    Say on which side of a fence a device is.

    Args:
        p_inside: Probability that it is inside.
        enter_at: From which on it is held to be inside.
        leave_at: Up to which it is held to be outside; less than ``enter_at``.

    Returns:
        True inside, False outside, None if neither is certain enough.

    """
    if p_inside >= enter_at:
        return True
    return False if p_inside <= leave_at else None
