"""Districts of real cities, as features; those that touch themselves are repaired."""

import json
from typing import Final

from fencepost_geofence import geojson
from fencepost_geofence.repair import repair
from geofence.truth.world import Feature
from real_data import real_data

CITIES: Final = ("leipzig", "san-francisco", "seoul")


def districts(city: str) -> list[Feature]:
    """Give the districts as the file has them, under ids of ours."""
    found = json.loads(real_data(f"{city}/districts.geojson").read_text(encoding="utf-8"))
    return [
        {"type": "Feature", "id": f"{city}-{i}", "geometry": each["geometry"], "properties": {}}
        for i, each in enumerate(found["features"])
    ]


def mended(feature: Feature) -> Feature:
    """Give a feature that can be read: the same, or repaired."""
    if not geojson.read(feature).problems:
        return feature
    repaired = repair(feature["geometry"])
    assert repaired is not None
    return {**feature, "geometry": repaired[0]}
