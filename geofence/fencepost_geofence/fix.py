"""
Fix: one position reading, as it came.

Pure, standard library only, imports nothing of ours: everything that weighs fixes starts here.
"""

from dataclasses import dataclass
from typing import Final

UNKNOWN_ACCURACY_M: Final = 65.0  # what a phone's cell and Wi-Fi position typically is
COARSE_M: Final = 200.0  # a finer fix is always weighed, however small the fence


@dataclass(slots=True)
class Fix:
    """
    One position reading.

    Attributes:
        at_ms: Event time, epoch milliseconds.
        lat: Degrees, -90 ... 90.
        lon: Degrees, -180 ... 180.
        accuracy_m: Radius that holds the true position with 68 % probability; None is unknown.
        speed_mps: As reported by the receiver.
        is_mock: The platform says the position was made up.

    """

    at_ms: int
    lat: float
    lon: float
    accuracy_m: float | None
    speed_mps: float | None = None
    is_mock: bool = False


def claimed_m(accuracy_m: float | None) -> float:
    """Give the accuracy to reckon with: unknown, zero and negative are unknown, never perfect."""
    return accuracy_m if accuracy_m is not None and accuracy_m > 0 else UNKNOWN_ACCURACY_M
