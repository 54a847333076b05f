"""
Sketch: fences and a way as SVG, without tiles and without a network.

Pure. North is up; a degree of longitude is as much narrower as it is there. The view is what the
person went through with some air around it; of fences that reach beyond it a part is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import cos, radians
from typing import Final

from msgspec import Struct

from fencepost_gateway.lab.tracks import TrackPoint
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Circle
from fencepost_geofence.sphere import METRES_PER_DEGREE

WIDTH_PX: Final = 720.0
HEIGHTS_PX: Final = (320.0, 620.0)
LEAST_M: Final = 160.0  # across
AIR: Final = 0.18
NEAR_PX: Final = 24.0  # pins this close are one
BARS_M: Final = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 200_000)

XY = tuple[float, float]


class Pin(Struct):
    """Something happened here; ``numbers`` are those of the timeline."""

    x: float
    y: float
    numbers: list[int]


class View(Struct, frozen=True):
    """From degrees to the drawing."""

    west: float
    north: float
    px_per_lat: float
    px_per_lon: float
    height_px: float

    def xy(self, lat: float, lon: float) -> XY:
        """Give where a position is on the drawing."""
        return (lon - self.west) * self.px_per_lon, (self.north - lat) * self.px_per_lat

    @property
    def px_per_m(self) -> float:
        """Give the scale."""
        return self.px_per_lat / METRES_PER_DEGREE


def view_of(spots: Sequence[tuple[float, float]]) -> View:
    """Give the view of positions (lat, lon)."""
    lats, lons = [lat for lat, _ in spots], [lon for _, lon in spots]
    lat, lon = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    narrow = max(0.01, cos(radians(lat)))
    high = (max(lats) - min(lats)) * METRES_PER_DEGREE
    wide = (max(lons) - min(lons)) * METRES_PER_DEGREE * narrow
    across_m = max(wide * (1 + 2 * AIR), LEAST_M)
    down_m = max(high * (1 + 2 * AIR), LEAST_M / 2)
    least, most = HEIGHTS_PX
    px_per_m = min(WIDTH_PX / across_m, most / down_m)
    height_px = max(least, min(most, down_m * px_per_m))
    px_per_lat = px_per_m * METRES_PER_DEGREE
    px_per_lon = px_per_lat * narrow
    west, north = lon - WIDTH_PX / 2 / px_per_lon, lat + height_px / 2 / px_per_lat
    return View(west, north, px_per_lat, px_per_lon, height_px)


def drawn_fences(fences: Iterable[Fence], view: View, touched: set[str]) -> Iterator[str]:
    """Draw fences; those that something happened at stand out."""
    shown = [(fence, _outline(fence, view)) for fence in fences]
    for fence, path in shown:
        kind = "fence touched" if fence.fence_id in touched else "fence"
        title = escape(fence.name or fence.fence_id)
        yield f'<path class="{kind}" d="{path}"><title>{title}</title></path>'
    taken: list[XY] = []
    for fence, _ in shown:
        lat, lon, *_rest = fence.shape.hub
        x, y = view.xy(lat, lon)
        room = all(abs(x - a) > WIDTH_PX / 8 or abs(y - b) > NEAR_PX for a, b in taken)
        if 0 < x < WIDTH_PX and 0 < y < view.height_px and room:
            taken.append((x, y))
            name = escape(fence.name or fence.fence_id)
            yield f'<text class="name" x="{x:.0f}" y="{y + 18:.0f}">{name}</text>'


def _outline(fence: Fence, view: View) -> str:
    shape = fence.shape
    if isinstance(shape, Circle):
        x, y = view.xy(shape.lat, shape.lon)
        r = shape.radius_m * view.px_per_m
        arc = f"a{r:.1f} {r:.1f} 0 1 0"
        return f"M{x - r:.1f} {y:.1f}{arc}{2 * r:.1f} 0{arc}{-2 * r:.1f} 0Z"
    area = shape.area if isinstance(shape, Corridor) else shape
    rings = [ring for part in area.geometry.geoms for ring in (part.exterior, *part.interiors)]
    return "".join(_line([view.xy(lat, lon) for lon, lat in ring.coords]) + "Z" for ring in rings)


def drawn_way(points: Sequence[TrackPoint], view: View) -> Iterator[str]:
    """Draw the way, its fixes, where it begins and where it ends."""
    way = [view.xy(point.lat, point.lon) for point in points]
    if not way:
        return
    yield f'<path class="way" d="{_line(way)}"/>'
    for x, y in dict.fromkeys((round(x), round(y)) for x, y in way):
        yield f'<circle class="fix" cx="{x}" cy="{y}" r="1.8"/>'
    for (px, py), kind in ((way[0], "begin"), (way[-1], "finish")):
        yield f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="5"/>'


def pins_at(spots: Iterable[tuple[int, TrackPoint]], view: View) -> list[Pin]:
    """Place what happened; what lies close together shares one pin."""
    pins: list[Pin] = []
    for number, point in spots:
        x, y = view.xy(point.lat, point.lon)
        near = (p for p in pins if abs(p.x - x) < NEAR_PX and abs(p.y - y) < NEAR_PX)
        pin = next(near, None)
        if pin is None:
            pins.append(Pin(x, y, [number]))
        else:
            pin.numbers.append(number)
    return pins


def drawn_pins(pins: Iterable[Pin]) -> Iterator[str]:
    """Draw pins; each leads to its first entry of the timeline."""
    for pin in pins:
        text = spans_of(pin.numbers)
        half = 7 + 3.4 * len(text)
        yield (
            f'<a href="#e{pin.numbers[0]}" aria-label="{text}">'
            f'<g class="pin" transform="translate({pin.x:.1f} {pin.y:.1f})">'
            f'<path d="M0 0l-4 -7h8Z"/><rect x="{-half:.1f}" y="-25" width="{2 * half:.1f}" '
            f'height="19" rx="9"/><text y="-11.5">{text}</text></g></a>'
        )


def spans_of(numbers: Sequence[int]) -> str:
    """Write numbers briefly: ``1-3, 7``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}\u2013{r[-1]}" for r in runs)


def drawn_scale(view: View) -> str:
    """Draw a bar of a round length."""
    metres: int = next((m for m in reversed(BARS_M) if m * view.px_per_m < WIDTH_PX / 4), BARS_M[0])
    length, y = metres * view.px_per_m, view.height_px - 14
    thousand = 1_000
    text = f"{metres} m" if metres < thousand else f"{metres // thousand} km"
    return (
        f'<path class="bar" d="M14 {y - 5:.0f}v5h{length:.1f}v-5"/>'
        f'<text class="bar" x="{14 + length / 2:.1f}" y="{y - 8:.0f}">{text}</text>'
    )


def _line(way: Sequence[XY]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in way)
