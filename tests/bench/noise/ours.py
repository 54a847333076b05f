"""
Ours: the evidence filter in the harness.

Pure. The filter is the package's own, fix by fix. Distances of its estimates to all fences are
taken at once with numpy, so that thresholds can be swept without folding again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench.noise.receiver import Heard
from bench.noise.score import Enters
from bench.noise.town import Floats, Town
from fencepost_geofence.evidence import Evidence, estimate, fold
from fencepost_geofence.membership import Fix

_quantile = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True)
class Weighed:
    """Moments of the fixes, and how many sigma each estimate lies outside of each fence."""

    at_s: Floats
    sigmas: list[Floats]


def weigh(town: Town, heard: Heard) -> Weighed:
    """Fold a day's fixes and measure the estimates."""
    lats, lons = town.position(heard.points)
    evidence: Evidence | None = None
    rows = []
    for at_s, lat, lon, accuracy_m in zip(
        heard.at_s.tolist(), lats.tolist(), lons.tolist(), heard.accuracy_m.tolist(), strict=True
    ):
        evidence, _ = fold(evidence, Fix(int(at_s * 1000), lat, lon, accuracy_m))
        rows.append(estimate(evidence) if evidence else (lat, lon, np.inf))
    estimates = np.array(rows)
    points = town.metres(estimates[:, 0], estimates[:, 1])
    sigmas = [place.zone.distance_m(points) / estimates[:, 2] for place in town.places]
    return Weighed(heard.at_s, sigmas)


def enters(weighed: Weighed, enter_at: float, leave_at: float) -> Enters:
    """Decide by P(inside) with two thresholds."""
    inside_below, outside_above = -_quantile(enter_at), -_quantile(leave_at)
    told: list[Sequence[float]] = []
    for sigmas in weighed.sigmas:
        sides = np.where(sigmas <= inside_below, 1, np.where(sigmas >= outside_above, -1, 0))
        said = np.flatnonzero(sides)
        side = sides[said]
        before = np.concatenate([[-1], side[:-1]])
        told.append(weighed.at_s[said[(side == 1) & (before == -1)]].tolist())
    return told
