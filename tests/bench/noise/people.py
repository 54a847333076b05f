"""
People: where somebody really was, second by second.

Pure: a day is a function of the town and a seeded generator.

Rule 1. From place to place by the shortest way, on foot (1.0 ... 1.6 m/s), one leg in six riding
        (5 ... 10 m/s). What lies on the way is passed by.
Rule 2. A stay is log-normal with a median of 7 min. People sit: within 8 m of the place's spot, and
        inside its fence.
Rule 3. The error of a receiver depends on the surroundings: 68 % radius 6 m under open sky, 18 m
        between buildings, 20 ... 40 m indoors, which is where people stay.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.noise.town import Floats, Place, Point, Town

WALK_MPS, RIDE_MPS = (1.0, 1.6), (5.0, 10.0)
RIDE_SHARE = 1 / 6
STAY_MEDIAN_S, STAY_SIGMA, MIN_STAY_S = 420.0, 1.0, 20.0
SEAT_M = 8.0
WALK_REACH_M, RIDE_REACH_M = 900.0, 3_000.0
OPEN_M, BUILT_UP_M, INDOORS_M = 6.0, 18.0, (20.0, 40.0)


@dataclass(frozen=True, slots=True)
class Day:
    """A position and the receiver's 68 % radius there, one row a second."""

    points: Floats
    radius68_m: Floats


def walk(town: Town, seconds: int, chance: np.random.Generator) -> Day:
    """Let one person live for so many seconds."""
    points: list[Floats] = []
    radii: list[Floats] = []
    place = town.places[int(chance.integers(len(town.places)))]
    seat, done = _seat(place, chance), 0
    while done < seconds:
        stay_s = int(max(MIN_STAY_S, STAY_MEDIAN_S * math.exp(STAY_SIGMA * chance.normal())))
        points.append(np.tile(seat, (stay_s, 1)))
        radii.append(np.full(stay_s, chance.uniform(*INDOORS_M)))
        is_ride = bool(chance.random() < RIDE_SHARE)
        there = _next(town, place, RIDE_REACH_M if is_ride else WALK_REACH_M, chance)
        to = _seat(there, chance)
        mps = chance.uniform(*(RIDE_MPS if is_ride else WALK_MPS))
        way, radius = _leg(town, (seat, place, there, to), mps)
        points.append(way)
        radii.append(radius)
        done += stay_s + len(way)
        place, seat = there, to
    return Day(np.concatenate(points)[:seconds], np.concatenate(radii)[:seconds])


def _seat(place: Place, chance: np.random.Generator) -> Floats:
    """Choose where to sit (rule 2)."""
    spot = np.array(place.spot)
    angle, metres = chance.uniform(0, 2 * math.pi), SEAT_M * math.sqrt(chance.random())
    seat = spot + metres * np.array([math.cos(angle), math.sin(angle)])
    return seat if place.zone.distance_m(seat[None])[0] < 0 else spot


def _next(town: Town, here: Place, reach_m: float, chance: np.random.Generator) -> Place:
    others = [p for p in town.places if p is not here and math.dist(p.spot, here.spot) < reach_m]
    return (others or town.places)[int(chance.integers(len(others or town.places)))]


def _leg(
    town: Town, ends: tuple[Floats, Place, Place, Floats], mps: float
) -> tuple[Floats, Floats]:
    """Walk at a steady speed: out to the street, along it, and in again."""
    seat, place, there, to = ends
    way = town.way(place.corner, there)
    corners: list[Point] = [town.corners[i] for i in way]
    line = np.array([seat, *corners, to])
    radius = [BUILT_UP_M]
    radius += [BUILT_UP_M if town.streets[a][b][1] else OPEN_M for a, b in pairwise(way)]
    radius.append(BUILT_UP_M)
    lengths = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    metres = np.arange(0.0, along[-1], mps)
    x, y = (np.interp(metres, along, line[:, i]) for i in (0, 1))
    piece = np.clip(np.searchsorted(along, metres, side="right") - 1, 0, len(radius) - 1)
    return np.stack([x, y], axis=1), np.array(radius)[piece]
