"""The clock of the processes under test is the machine's; so is that of whoever watches them."""

import random
import time

Dice = random.Random


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def steady_ns() -> int:
    """Nanoseconds of the one clock that all processes of this machine share."""
    return time.monotonic_ns()


def dice(seed: int) -> Dice:
    """Give a generator that draws the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - a fault plan is no secret
