"""
Ours: the tracker in the harness.

Pure. What is scored is the real door, ``Tracker.follow``, in uploads of 45 fixes. Other thresholds
are swept over the same trail without following again: distances of its estimates to all fences are
taken at once with numpy, and only the reach of the tracker's rule 1 is left out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import shapely

from bench.noise.receiver import Heard
from bench.noise.score import Enters
from bench.noise.town import Floats, Town
from fencepost_geofence import geojson
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from fencepost_geofence.state import unseen
from fencepost_geofence.tracker import Tracker
from fencepost_geofence.trail import untrodden

UPLOAD = 45

_quantile = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True)
class Weighed:
    """Moments of the fixes, and how many sigma each estimate lies outside of each fence."""

    at_s: Floats
    sigmas: list[Floats]


def weigh(town: Town, heard: Heard) -> Weighed:
    """Fold a day's fixes and measure the estimates."""
    trail = untrodden()
    rows = []
    for fix in _fixes(town, heard):
        trail.add(fix)
        weighed = trail.weigh()
        rows.append((weighed.lat, weighed.lon, weighed.sigma_m))
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


def tracker(town: Town) -> Tracker:
    """Draw the town's fences; ids count the places."""
    return Tracker(FenceIndex(_fence(town, number) for number in range(len(town.places))))


def followed(town: Town, door: Tracker, heard: Heard) -> Enters:
    """Let the tracker follow a day."""
    told: list[list[float]] = [[] for _ in town.places]
    state, fixes = unseen(), _fixes(town, heard)
    for start in range(0, len(fixes), UPLOAD):
        for one in door.follow(state, fixes[start : start + UPLOAD]).transitions:
            if one.kind == "enter":
                told[int(one.fence_id)].append(one.at_ms / 1000)
    return told


def _fixes(town: Town, heard: Heard) -> list[Fix]:
    lats, lons = town.position(heard.points)
    return [
        Fix(int(at_s * 1000), lat, lon, accuracy_m)
        for at_s, lat, lon, accuracy_m in zip(
            heard.at_s.tolist(),
            lats.tolist(),
            lons.tolist(),
            heard.accuracy_m.tolist(),
            strict=True,
        )
    ]


def _fence(town: Town, number: int) -> Fence:
    zone = town.places[number].zone
    if zone.area is None:
        lats, lons = town.position(np.array([[zone.x, zone.y]]))
        return Fence(str(number), Circle(float(lats[0]), float(lons[0]), zone.radius_m))

    def to_degrees(points: Floats) -> Floats:
        lats, lons = town.position(points)
        return np.stack([lons, lats], axis=1)

    geometry = json.loads(shapely.to_geojson(shapely.transform(zone.area, to_degrees)))
    feature = {"type": "Feature", "id": str(number), "properties": {}, "geometry": geometry}
    return geojson.read({"type": "FeatureCollection", "features": [feature]}).fences[0]
