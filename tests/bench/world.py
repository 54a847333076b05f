"""
World: fences, documents and devices to load a gateway with, and their batches as bytes.

Pure: a world is a function of its seed and size; ``now_ms`` comes in.

Rule 1. Fences stand ten to the square kilometre whatever their number, 70 % circles of
        30 ... 100 m and 30 % polygons, so that a curve over their number shows the index and not
        a denser town. One in four is a studio, which wakes the campaign.
Rule 2. A device walks at 1.4 m/s, one fix a second with a few metres of noise; every tenth event
        of a batch is an app event. What a second holds does not depend on the batch's size.
Rule 3. Event time begins twelve hours before ``now_ms`` and runs faster than life, so that a
        device's fixes are never late and never in the future.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

LAT, LON = 51.34, 12.37
METRES_PER_DEGREE = 111_195.0
FENCES_PER_KM2 = 10.0
CIRCLES_OF_TEN = 7
STUDIO_EVERY = 4
TRACK_EVERY = 10
CORNERS = 8
PACE_MPS = 1.4
NOISE_M = 2.0
TURN_RAD = 0.1  # how far a walker turns in a second, standard deviation
BACK_MS = 12 * 3_600_000
GRANTED = (
    "collect",
    "personalisation",
    "marketing",
    "location_collect",
    "location_precise",
    "location_marketing",
)

_DOCUMENTS = """\
kind: policy
id: default
accepts: {"*": [y]}
quiet_hours: none
---
kind: caps
id: default
rules:
  - {limit: 3, per: 24h, scope: {purpose: marketing}}
---
kind: template
id: greeting
purpose: marketing
in_app: {layout: banner, title: "{{ place.name }}", body: "Good to see you."}
---
kind: campaign
id: greeting
entry: ENTRY
reentry: always
message: {template: greeting, channels: [in_app], max_age: 24h}
goal: none
"""

_ON_ENTER = "{transition: enter, fence: {tag: studio}, initial: true}"  # published after Rule 3
_ON_EVENT = "{event: order_placed}"  # nobody places one; without fences there is nothing to enter

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Body:
    """One batch: whose, its bytes, how many events."""

    device: int
    data: bytes
    events: int


def documents(fences: int) -> str:
    """Write the documents beside so many fences."""
    return _DOCUMENTS.replace("ENTRY", _ON_ENTER if fences else _ON_EVENT)


def side_m(fences: int) -> float:
    """Give the side of the square that so many fences stand in, metres."""
    return 1000.0 * math.sqrt(max(fences, 1) / FENCES_PER_KM2)


def fences_geojson(fences: int, seed: int) -> dict[str, Any]:
    """Draw the fences as a GeoJSON FeatureCollection."""
    chance = np.random.default_rng(seed)
    middles = chance.uniform(0.0, side_m(fences), (fences, 2)).tolist()
    radii = chance.uniform(30.0, 100.0, fences).tolist()
    features = [
        _feature(number, middle, radius_m)
        for number, (middle, radius_m) in enumerate(zip(middles, radii, strict=True))
    ]
    return {"type": "FeatureCollection", "features": features}


def _feature(number: int, middle: list[float], radius_m: float) -> dict[str, Any]:
    tag = "studio" if number % STUDIO_EVERY == 0 else "shop"
    properties: dict[str, Any] = {"name": f"Place {number}", "tags": [tag]}
    geometry: dict[str, Any]
    if number % 10 < CIRCLES_OF_TEN:
        properties["radius_m"] = radius_m
        geometry = {"type": "Point", "coordinates": _lon_lat(*middle)}
    else:
        ring = [_corner(middle, radius_m, corner) for corner in (*range(CORNERS), 0)]
        geometry = {"type": "Polygon", "coordinates": [ring]}
    name = f"place-{number}"
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}


def _corner(middle: list[float], radius_m: float, corner: int) -> list[float]:
    angle = 2 * math.pi * corner / CORNERS
    reach_m = radius_m * (1.0 if corner % 2 else 0.7)
    return _lon_lat(middle[0] + reach_m * math.cos(angle), middle[1] + reach_m * math.sin(angle))


def _lon_lat(east_m: float, north_m: float) -> list[float]:
    lon_m = METRES_PER_DEGREE * math.cos(math.radians(LAT))
    return [round(LON + east_m / lon_m, 7), round(LAT + north_m / METRES_PER_DEGREE, 7)]


class Crowd:
    """Devices that walk; ``batches`` gives what they say next."""

    def __init__(self, devices: int, fences: int, seed: int, now_ms: int) -> None:
        self._chance = np.random.default_rng(seed + 1)
        self._side_m = side_m(fences)
        self._at = self._chance.uniform(0.0, self._side_m, (devices, 2))
        self._heading = self._chance.uniform(0.0, 2 * math.pi, devices)
        self._seq = [0] * devices
        self._begin_ms = now_ms - BACK_MS
        self._now_ms = now_ms
        self._next = 0
        self.devices = devices

    def greetings(self) -> list[Body]:
        """Give each device's first batch: who it is and what it allows."""
        return [self._greeting(device) for device in range(self.devices)]

    def batches(self, count: int, size: int) -> list[Body]:
        """Give the next ``count`` batches of ``size`` events, one device after the other."""
        found = []
        for _ in range(count):
            found.append(self._batch(self._next, size))
            self._next = (self._next + 1) % self.devices
        return found

    def _greeting(self, device: int) -> Body:
        said = dict.fromkeys(GRANTED, "y")
        return self._body(device, [self._event(device, 0, "consent", {"values": said})])

    def _batch(self, device: int, size: int) -> Body:
        steps = list(self._walk(device, size))
        events = [
            self._event(device, second, "track", {"name": "page_viewed", "props": _props(second)})
            if second % TRACK_EVERY == TRACK_EVERY - 1
            else self._event(device, second, "fix", step)
            for second, step in enumerate(steps)
        ]
        return self._body(device, events)

    def _walk(self, device: int, seconds: int) -> Iterator[dict[str, Any]]:
        """Walk on for some seconds; gives a reading for each."""
        headings = self._heading[device] + np.cumsum(self._chance.normal(0, TURN_RAD, seconds))
        steps = PACE_MPS * np.stack((np.cos(headings), np.sin(headings)), axis=1)
        way = self._at[device] + np.cumsum(steps, axis=0)
        if not ((way >= 0) & (way <= self._side_m)).all():  # at the edge: turn round
            way = self._at[device] - np.cumsum(steps, axis=0)
            headings = headings + math.pi
        self._at[device] = np.clip(way[-1], 0.0, self._side_m)
        self._heading[device] = headings[-1]
        seen = way + self._chance.normal(0.0, NOISE_M, way.shape)
        accuracies = self._chance.uniform(4.0, 12.0, seconds).round(1)
        for (east_m, north_m), accuracy_m in zip(seen.tolist(), accuracies.tolist(), strict=True):
            lon, lat = _lon_lat(east_m, north_m)
            yield {"lat": lat, "lon": lon, "accuracy_m": accuracy_m, "speed_mps": PACE_MPS}

    def _event(
        self, device: int, second: int, kind: str, members: dict[str, Any]
    ) -> dict[str, Any]:
        seq = self._seq[device] + 1 + second
        at_ms = self._begin_ms + seq * 1000
        event_id = f"0199a1b2-8000-7abc-8def-{device % 10**5:05d}{seq:07d}"
        return {"seq": seq, "event_id": event_id, "type": kind, "at": _moment(at_ms), **members}

    def _body(self, device: int, events: list[dict[str, Any]]) -> Body:
        self._seq[device] += len(events)
        envelope = {
            "v": 1,
            "device_id": device_id(device),
            "stream": "k3Vq9xTzB2m",
            "sent_at": _moment(self._now_ms),
            "oldest_seq": 1,
            "sdk": {"name": "python", "version": "0.1.0"},
            "who": {"anonymous_id": f"a-{device}", "user_id": f"u-{device}"},
            "context": {"os": "linux", "locale": "de-DE", "zone": "Europe/Berlin"},
            "events": events,
        }
        return Body(device, _encode(envelope), len(events))

    def sent_now(self, now_ms: int) -> None:
        """Date the batches that follow; a device whose clock lags would be corrected."""
        self._now_ms = now_ms


def device_id(device: int) -> str:
    """Name a device as the SDK does: 36 characters."""
    return f"0199a1b2-7c3d-7e4f-8a5b-{device:012d}"


def _props(second: int) -> dict[str, Any]:
    return {"category": "yoga", "position": second, "price": 12.5}


def _moment(at_ms: int) -> str:
    whole = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
