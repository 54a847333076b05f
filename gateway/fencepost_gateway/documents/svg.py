"""
SVG: a journey's picture as one self-contained file.

Pure. ``layers`` places the boxes. Text is measured by its characters, since no fonts are known
here: the widths are those of a common sans serif, wide characters counted double.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from fencepost_gateway.documents.layers import Point, lay_out
from fencepost_gateway.documents.picture import Box, Picture, Shape
from fencepost_gateway.documents.step_words import cut

_MARGIN: Final = 28.0
_LINE: Final = 16.0
_CHAR: Final = 6.9
_HEAD: Final = 22.0
_WORDS_MAX: Final = 36
_AT: Final = 0.66
_COLOURS: Final[Mapping[Shape, tuple[str, str]]] = {  # fill and stroke
    "entry": ("#e8f0fe", "#1a56c4"),
    "message": ("#e6f4ea", "#137333"),
    "wait": ("#fff6dd", "#8a6100"),
    "choice": ("#f3e8fd", "#7627bb"),
    "act": ("#f1f3f4", "#5f6368"),
    "goal": ("#fde7f0", "#b3155b"),
    "end": ("#3c4043", "#3c4043"),
}
_SPACE: Final = 'xmlns="http://www.w3.org/2000/svg"'
_FONT: Final = 'font-family="system-ui, sans-serif" font-size="12"'
_TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z" fill="#5f6368"/></marker></defs>'
)
_CONTROL: Final = dict.fromkeys(range(32), " ")


def svg(picture: Picture) -> str:
    """Draw a picture."""
    sizes = {box.key: _size(box) for box in picture.boxes}
    rooms = {(a.start, a.to): _room(a.words) for a in picture.arrows}
    laid = lay_out(sizes, rooms)
    top = _MARGIN * 2 + _HEAD + _LINE * len(picture.about)
    about = max(_wide(line) for line in (*picture.about, picture.name))
    width = max(laid.width, about * 1.3) + 2 * _MARGIN
    height = laid.height + top + _MARGIN
    shift = (_MARGIN, top)
    lines = [
        (
            f'<svg {_SPACE} viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}" {_FONT}>'
        ),
        f"<title>{_text(picture.name)}</title>",
        _TIP,
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        *_heading(picture),
    ]
    for arrow in picture.arrows:
        route = _moved(laid.routes[arrow.start, arrow.to], shift)
        lines += _arrow(_ends_cut(route, sizes[arrow.start], sizes[arrow.to]), arrow.words)
    for box in picture.boxes:
        x, y = laid.middles[box.key]
        lines += _box(box, (x + shift[0], y + shift[1]), sizes[box.key])
    return "\n".join([*lines, "</svg>"]) + "\n"


def _heading(picture: Picture) -> Iterator[str]:
    yield (
        f'<text x="{_MARGIN:.0f}" y="{_MARGIN + 6:.0f}" font-size="16" font-weight="600" '
        f'fill="#202124">{_text(picture.name)}</text>'
    )
    for n, line in enumerate(picture.about):
        y = _MARGIN + _HEAD + n * _LINE + 4
        yield f'<text x="{_MARGIN:.0f}" y="{y:.0f}" fill="#5f6368">{_text(line)}</text>'


def _lines_of(box: Box) -> list[str]:
    is_named = box.title and not box.title.isdecimal()
    stage = [f"[{cut(box.stage, _WORDS_MAX)}]"] if box.stage else []
    return [*stage, *([box.title] if is_named else []), *box.lines]


def _size(box: Box) -> tuple[float, float]:
    if box.shape == "end":
        return 22.0, 22.0
    lines = _lines_of(box)
    padding = 46 if box.shape == "choice" else 28
    return max(90.0, max(map(_wide, lines)) + padding), len(lines) * _LINE + 18


def _wide(text: str) -> float:
    return _CHAR * sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _box(box: Box, middle: Point, size: tuple[float, float]) -> Iterator[str]:
    (x, y), (w, h) = middle, size
    fill, stroke = _COLOURS[box.shape]
    paint = f'fill="{fill}" stroke="{stroke}" stroke-width="1.4"'
    yield "<g>"
    if box.note:
        yield f"<title>{_text(box.note)}</title>"
    left, top = x - w / 2, y - h / 2
    if box.shape == "end":
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" {paint}/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10" fill="none" stroke="{stroke}"/></g>'
        return
    if box.shape == "choice":
        cut_x = 14
        points = [
            (left, y), (left + cut_x, top), (left + w - cut_x, top),
            (left + w, y), (left + w - cut_x, top + h), (left + cut_x, top + h),
        ]  # fmt: skip
        shown = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        yield f'<polygon points="{shown}" {paint}/>'
    else:
        radius = {"wait": h / 2, "entry": h / 2, "goal": 12}.get(box.shape, 4)
        yield (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{w:.1f}" height="{h:.1f}" '
            f'rx="{min(radius, 22):.1f}" {paint}/>'
        )
    for n, line in enumerate(_lines_of(box)):
        base = top + 9 + (n + 0.78) * _LINE
        is_title = line == box.title
        weight = ' font-weight="600"' if is_title else ""
        yield (
            f'<text x="{x:.1f}" y="{base:.1f}" text-anchor="middle" fill="#202124"{weight}>'
            f"{_text(line)}</text>"
        )
    yield "</g>"


def _moved(route: Sequence[Point], by: Point) -> list[Point]:
    return [(x + by[0], y + by[1]) for x, y in route]


def _ends_cut(
    route: Sequence[Point], start: tuple[float, float], to: tuple[float, float]
) -> list[Point]:
    """Let an arrow begin and end at the edges of its boxes; to itself it goes round."""
    (x1, y1), (x2, y2) = route[0], route[-1]
    if (x1, y1) == (x2, y2):
        side = x1 + start[0] / 2
        return [(side, y1 - 8), (side + 26, y1 - 8), (side + 26, y1 + 8), (side, y1 + 8)]
    way = 1 if y2 > y1 else -1
    first, last = (x1, y1 + way * start[1] / 2), (x2, y2 - way * to[1] / 2)
    return [first, *route[1:-1], last]


def _arrow(route: Sequence[Point], words: str) -> Iterator[str]:
    (x, y), rest = route[0], route[1:]
    path = f"M{x:.1f} {y:.1f}"
    for (ax, ay), (bx, by) in pairwise((route[0], *rest)):
        bend = (by - ay) / 2
        path += f"C{ax:.1f} {ay + bend:.1f} {bx:.1f} {by - bend:.1f} {bx:.1f} {by:.1f}"
    dashed = ' stroke-dasharray="5 3"' if rest[-1][1] < y else ""  # it leads back
    yield f'<path d="{path}" fill="none" stroke="#5f6368"{dashed} marker-end="url(#tip)"/>'
    if words:
        yield from _words(route, cut(words, _WORDS_MAX))


def _room(words: str) -> float:
    return _wide(cut(words, _WORDS_MAX)) * 0.92 + 8 if words else 0.0


def _words(route: Sequence[Point], words: str) -> Iterator[str]:
    """Write the words of an arrow where it comes to its next point: there is room for them."""
    (ax, ay), (bx, by) = route[0], route[1]
    at = _AT if by > ay else 1 - _AT
    x = ax + (bx - ax) * (3 * at**2 - 2 * at**3)  # the curve of _arrow, at this part of it
    y = ay + (by - ay) * (1.5 * at - 1.5 * at**2 + at**3)
    w = _room(words)
    yield (
        f'<rect x="{x - w / 2:.1f}" y="{y - 8:.1f}" width="{w:.1f}" height="16" rx="3" '
        'fill="#ffffff" fill-opacity="0.9"/>'
    )
    yield (
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" font-size="11" '
        f'fill="#3c4043">{_text(words)}</text>'
    )


def _text(text: str) -> str:
    return escape(text.translate(_CONTROL))
