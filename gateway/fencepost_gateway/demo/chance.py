"""
Chance for the demonstration: numbers that look drawn and are hashes of their cause.

Pure. The same cause gives the same number in every process and on every machine, so a town, a
walk and a picture of them can be named by their seed.
"""

from __future__ import annotations

import math
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def uniform(*cause: str | int) -> float:
    """Give a number in [0, 1) for ``cause``."""
    digest = sha256("\x1f".join(map(str, cause)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def gauss(*cause: str | int) -> float:
    """Give a number of the standard normal distribution for ``cause`` (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(*cause, "radius")))
    return radius * math.cos(2.0 * math.pi * uniform(*cause, "angle"))


def pick(choices: Sequence[T], *cause: str | int) -> T:
    """Give one of ``choices`` for ``cause``."""
    return choices[int(uniform(*cause) * len(choices))]


def shuffled(items: Sequence[T], *cause: str | int) -> list[T]:
    """Give ``items`` in an order that depends on ``cause`` alone."""
    order = sorted(range(len(items)), key=lambda n: uniform(*cause, n))
    return [items[n] for n in order]
