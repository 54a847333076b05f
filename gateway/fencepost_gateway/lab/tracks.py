"""
Tracks: recorded traces of real receivers, from GPX and GeoJSON files.

Rule 1. A file that holds no usable trace is an error that names file, place and remedy; nothing
        is guessed. Points need times: without them nothing can be replayed.
Rule 2. GPX 1.0 and 1.1 tracks (``trkpt``); routes and waypoints are no traces. GeoJSON: Point
        features with a ``time``, or a LineString with ``coordTimes`` (what GPX converters write).
Rule 3. ``accuracy_m`` comes from GPX ``hdop`` times 5 (flag: estimated) or a feature's
        ``accuracy_m``; else it is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gpxpy
import gpxpy.gpx
from msgspec import Struct

HDOP_TO_M = 5.0
FILE_MAX_BYTES = 64 << 20


class TrackPoint(Struct, frozen=True):
    """One reading of a trace."""

    at_ms: int
    lat: float
    lon: float
    accuracy_m: float | None = None


class TrackError(Exception):
    """A trace cannot be read: file, place, what is wrong and how to mend it."""


def read_track(path: Path) -> list[TrackPoint]:
    """
    Read a trace, in the order of the file.

    Raises:
        TrackError: The file is not a trace that can be replayed.

    """
    try:
        if path.stat().st_size > FILE_MAX_BYTES:
            raise TrackError(f"{path}: larger than {FILE_MAX_BYTES >> 20} MiB; split it")
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrackError(f"{path}: byte {error.start} is not UTF-8; convert the file") from None
    except OSError as error:
        raise TrackError(f"{path}: cannot be read ({error.strerror})") from None
    is_json = text.lstrip()[:1] == "{"
    points = list(_geojson(path, text) if is_json else _gpx(path, text))
    if not points:
        raise TrackError(
            f"{path}: holds no track points (trkpt in GPX, timed Points or a LineString with "
            "coordTimes in GeoJSON)"
        )
    return points


def _gpx(path: Path, text: str) -> Iterator[TrackPoint]:
    try:
        gpx = gpxpy.parse(text)
    except (gpxpy.gpx.GPXException, ValueError) as error:
        raise TrackError(f"{path}: is not GPX ({str(error)[:200]})") from None
    for t, track in enumerate(gpx.tracks):
        for s, segment in enumerate(track.segments):
            for p, point in enumerate(segment.points):
                where = f"{path}: track {t + 1}, segment {s + 1}, point {p + 1}"
                hdop = point.horizontal_dilution
                accuracy_m = None if hdop is None or hdop <= 0 else hdop * HDOP_TO_M
                yield _point(where, point.latitude, point.longitude, point.time, accuracy_m)


def _geojson(path: Path, text: str) -> Iterator[TrackPoint]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrackError(f"{path}: is not JSON ({error})") from None
    features = document.get("features", [document])
    for index, feature in enumerate(features if isinstance(features, list) else []):
        try:
            geometry, properties = feature["geometry"], feature.get("properties") or {}
            yield from _feature(f"{path}: feature {index}", geometry, properties)
        except (KeyError, TypeError, IndexError, AttributeError):
            raise TrackError(f"{path}: feature {index} is not a GeoJSON feature") from None


def _feature(where: str, geometry: Any, properties: dict[str, Any]) -> Iterator[TrackPoint]:
    if geometry["type"] == "Point":
        lon, lat = geometry["coordinates"][:2]
        moment = properties.get("time")
        yield _point(where, lat, lon, _moment(where, moment), properties.get("accuracy_m"))
    elif geometry["type"] == "LineString":
        times = properties.get("coordTimes") or []
        if len(times) != len(geometry["coordinates"]):
            raise TrackError(f"{where}: needs coordTimes, one time for each position")
        for number, (position, moment) in enumerate(
            zip(geometry["coordinates"], times, strict=True)
        ):
            here = f"{where}, position {number}"
            yield _point(here, position[1], position[0], _moment(here, moment), None)


def _moment(where: str, text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise TrackError(f"{where}: the time is not ISO 8601") from None


def _point(
    where: str, lat: float, lon: float, moment: datetime | None, accuracy_m: float | None
) -> TrackPoint:
    if moment is None:
        raise TrackError(f"{where}: has no time, and a replay needs one for each point")
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):  # noqa: PLR2004 - degrees
        raise TrackError(f"{where}: lies outside -90 ... 90, -180 ... 180 degrees")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return TrackPoint(round(aware.timestamp() * 1000), lat, lon, accuracy_m)
