"""
Picture: wrong ENTERs against missed visits, one panel an interval. Pure; SVG of our own.

Wrong ENTERs are logarithmic, upward is worse; missed visits run to the right. The evidence filter
is a line (its thresholds swept), the ring on it the defaults, the others are dots, the shaded
corner is the target.
"""

import math
from collections.abc import Iterator, Mapping

from bench.noise.page import TARGETS
from bench.noise.trial import OURS, Result

WIDTH, HEIGHT, PANEL, LEFT, TOP, FLOOR = 960, 360, 300, 60, 50, 290
SPAN = 230
COLOURS = {
    "bare containment": "#b3261e",
    "accuracy added": "#8a5a00",
    "40 % of the circle, twice": "#5b5bd6",
    OURS: "#00695c",
}


def draw(results: Mapping[int, Result]) -> str:
    """Draw all panels."""
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>Wrong ENTERs a device-day against missed visits, by rule</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for number, (interval_s, result) in enumerate(results.items()):
        parts += _panel(LEFT + number * PANEL, interval_s, result)
    for number, (name, colour) in enumerate(COLOURS.items()):
        x = LEFT + number * 220
        parts.append(f'<circle cx="{x}" cy="342" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 10}" y="346">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: int, interval_s: int, result: Result) -> Iterator[str]:
    most = 2 + max(
        100 * score.missed_share for score in (*result.scores.values(), *result.curve.values())
    )
    high = math.ceil(math.log10(max(score.wrong_per_day for score in result.scores.values())))

    def place(missed: float, wrong: float) -> tuple[float, float]:
        level = math.log10(max(wrong, 1.0)) / high
        return left + SPAN * missed / most, FLOOR - (FLOOR - TOP) * level

    yield f'<text x="{left}" y="{TOP - 22}" font-weight="bold">a fix every {interval_s} s</text>'
    yield f'<path d="M{left} {TOP}V{FLOOR}H{left + SPAN}" fill="none" stroke="#444"/>'
    for power in range(high + 1):
        _, y = place(0, 10**power)
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10**power:,}</text>'
    for percent in range(0, int(most) + 1, max(1, int(most) // 5)):
        x, _ = place(percent, 1)
        yield f'<text x="{x:.1f}" y="{FLOOR + 16}" text-anchor="middle">{percent}</text>'
    yield f'<text x="{left + SPAN}" y="{FLOOR + 32}" text-anchor="end">visits missed, %</text>'
    yield f'<text x="{left}" y="{TOP - 6}" fill="#444">wrong ENTERs a device-day</text>'
    gain, points, _ = TARGETS[interval_s]
    right, top = place(100 * result.bare.missed_share + points, result.bare.wrong_per_day / gain)
    yield (
        f'<rect x="{left}" y="{top:.1f}" width="{right - left:.1f}" height="{FLOOR - top:.1f}" '
        'fill="#00695c" fill-opacity="0.12"/>'
    )
    curve = sorted(place(100 * s.missed_share, s.wrong_per_day) for s in result.curve.values())
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in curve)
    yield f'<polyline points="{line}" fill="none" stroke="{COLOURS[OURS]}" stroke-width="2"/>'
    for name, score in result.scores.items():
        x, y = place(100 * score.missed_share, score.wrong_per_day)
        fill = "#fff" if name == OURS else COLOURS[name]
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{COLOURS[name]}" '
            'stroke-width="2"/>'
        )
