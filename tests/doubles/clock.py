"""The clock of the doubles: other people's services live in real time."""

import time


def now_s() -> int:
    """Seconds since the epoch."""
    return int(time.time())
