"""
Rules: how others decide, in the same harness.

Pure. Each rule turns the fixes of a day and their distances to every fence into ENTERs.

Rule 1. ``bare``: a fix inside is inside (Tile38, Traccar).
Rule 2. ``accuracy_added``: inside when the accuracy circle touches the fence (Radar).
Rule 3. ``forty_percent``: inside when at least 40 % of the accuracy circle lies in the fence, and
        two fixes in a row say so; the same for leaving (Customer.io). The circle's share is exact
        for circles; a polygon counts as a straight edge, and at most as large as it is.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.noise.receiver import Heard
from bench.noise.score import Enters
from bench.noise.town import Floats, Zone

SHARE = 0.4


def bare(heard: Heard, zones: Sequence[Zone], distances: Sequence[Floats]) -> Enters:
    """Decide by containment (rule 1)."""
    del zones
    return [_rises(metres <= 0, heard.at_s) for metres in distances]


def accuracy_added(heard: Heard, zones: Sequence[Zone], distances: Sequence[Floats]) -> Enters:
    """Decide by touch of the accuracy circle (rule 2)."""
    del zones
    return [_rises(metres <= heard.accuracy_m, heard.at_s) for metres in distances]


def forty_percent(heard: Heard, zones: Sequence[Zone], distances: Sequence[Floats]) -> Enters:
    """Decide by overlap and two confirmations (rule 3)."""
    told = []
    for zone, metres in zip(zones, distances, strict=True):
        reach = metres < heard.accuracy_m
        inside = np.zeros(len(heard), dtype=bool)
        inside[reach] = _overlap(zone, metres[reach], heard.accuracy_m[reach]) >= SHARE
        told.append(_rises(_confirmed(inside), heard.at_s))
    return told


def _rises(inside: npt.NDArray[np.bool_], at_s: Floats) -> list[float]:
    before = np.concatenate([[False], inside[:-1]])
    return [float(moment) for moment in at_s[inside & ~before]]


def _confirmed(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Change sides only when two in a row agree."""
    agreed = inside[1:] == inside[:-1]
    last = np.concatenate([[0], np.where(agreed, np.arange(1, len(inside)), 0)])
    last = np.maximum.accumulate(last)
    sure: npt.NDArray[np.bool_] = inside[last] & (last > 0)
    return sure


def _overlap(zone: Zone, metres: Floats, accuracy: Floats) -> Floats:
    """Give the share of the accuracy circle inside the fence."""
    if zone.area is None:
        return _lens(metres + zone.radius_m, accuracy, zone.radius_m) / (np.pi * accuracy**2)
    turn = np.clip(metres / accuracy, -1, 1)
    share: Floats = (np.arccos(turn) - turn * np.sqrt(1 - turn**2)) / np.pi
    return np.minimum(share, zone.area.area / (np.pi * accuracy**2))


def _lens(apart: Floats, one: Floats, other: float) -> Floats:
    """Give the common area of two circles."""
    apart = np.maximum(apart, 1e-6)
    cos1 = np.clip((apart**2 + one**2 - other**2) / (2 * apart * one), -1, 1)
    cos2 = np.clip((apart**2 + other**2 - one**2) / (2 * apart * other), -1, 1)
    angle1, angle2 = np.arccos(cos1), np.arccos(cos2)
    part1 = one**2 * (angle1 - np.sin(2 * angle1) / 2)
    part2 = other**2 * (angle2 - np.sin(2 * angle2) / 2)
    return np.asarray(part1 + part2, dtype=np.float64)
