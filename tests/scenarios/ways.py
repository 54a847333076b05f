"""
Ways: moments and spots of the stories, and the fixes of who walks or stands there.

Times are local to Europe/Monaco. Walks are straight lines at 1.3 m/s with a fix every 15 s, exact,
10 m of accuracy; who stands sends one a minute.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

MONACO = ZoneInfo("Europe/Monaco")
WALK_MPS = 1.3
EVERY_S = 15.0
STAND_S = 60.0
EARTH_M = 6_371_008.8

Spot = tuple[float, float]

STUDIO_FONTVIEILLE: Spot = (43.729837, 7.416387)
STUDIO_GRIMALDI: Spot = (43.743108, 7.431319)
STORE: Spot = (43.741244, 7.428224)
QUARTER: Spot = (43.727600, 7.415500)
CLUBSHOP: Spot = (43.730235, 7.416883)
BAKERY: Spot = (43.730465, 7.417188)
A: Spot = (43.732760, 7.419328)
B: Spot = (43.729339, 7.415781)
C: Spot = (43.730862, 7.417773)
D: Spot = (43.728008, 7.418315)
E: Spot = (43.740733, 7.426036)


def ms(text: str, zone: ZoneInfo = MONACO) -> int:
    """Give a moment written as people write it: local to Monaco unless it has an offset."""
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return round(aware.timestamp() * 1000)


def text(at_ms: int | None) -> str:
    """Write a moment as people in Monaco read it."""
    if at_ms is None:
        return "never"
    moment = datetime.fromtimestamp(at_ms / 1000, MONACO).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds")


def wire(at_ms: int) -> str:
    """Write a moment as the wire does."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def metres(a: Spot, b: Spot) -> float:
    """Give the distance between two spots, by great circle."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(half))


class Reading(Struct, frozen=True):
    """One fix, when it is taken."""

    at_ms: int
    where: Spot
    accuracy_m: float = 10.0


def walk(start: Spot, end: Spot, at: str, mps: float = WALK_MPS) -> list[Reading]:
    """Walk from one spot to another (Rule 2); the last fix is taken there."""
    took_s = metres(start, end) / mps
    at_ms, found, passed_s = ms(at), [], 0.0
    while passed_s < took_s:
        share = passed_s / took_s
        lat = start[0] + (end[0] - start[0]) * share
        lon = start[1] + (end[1] - start[1]) * share
        found.append(Reading(at_ms + round(passed_s * 1000), (lat, lon)))
        passed_s += EVERY_S
    return [*found, Reading(at_ms + round(took_s * 1000), end)]


def stand(where: Spot, since: str | int, until: str) -> list[Reading]:
    """Stand somewhere: a fix a minute, up to a moment."""
    since_ms = ms(since) if isinstance(since, str) else since
    moments = range(since_ms, ms(until), round(STAND_S * 1000))
    return [Reading(at_ms, where) for at_ms in moments]
