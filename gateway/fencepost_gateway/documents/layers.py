"""
Layers: where the boxes of a picture stand, and how the arrows go between them.

Pure. The layered drawing of Sugiyama, Tagawa and Toda (1981), kept to what a journey needs.

Rule 1. An arrow that leads back is laid out as if it led forward, so that there are layers at all.
Rule 2. A box is in the layer after the last box that leads to it; an arrow over several layers
        passes each at a point of its own.
Rule 3. Within a layer the order is that of the neighbours' mean, up and down in turns; the order
        with the fewest crossings is kept.
Rule 4. Then each layer comes as near to its neighbours as the gaps allow: the least squares under
        an order, which pooling adjacent violators solves exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct, field

GAP_X: Final = 34.0
GAP_Y: Final = 58.0
ASIDE: Final = 24.0  # of two arrows between the same boxes
_SWEEPS: Final = 12
_PASSES: Final = 16

Point = tuple[float, float]
Pair = tuple[str, str]


class Laid(Struct):
    """The middles of the boxes and the points of the arrows, from above; and the size of it all."""

    middles: dict[str, Point] = field(default_factory=dict)
    routes: dict[Pair, list[Point]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def lay_out(sizes: Mapping[str, tuple[float, float]], pairs: Mapping[Pair, float]) -> Laid:
    """
    Place boxes of these sizes that lead to one another so.

    Args:
        sizes: Width and height by key, in the order of reading.
        pairs: From box to box, and how wide the words are that stand by the arrow's next point.

    """
    back = _leading_back(list(sizes), pairs)
    forward = {
        (b, a) if (a, b) in back else (a, b): room for (a, b), room in pairs.items() if a != b
    }
    layer = _layers(list(sizes), list(forward))
    size = dict(sizes)
    chains = {pair: _chain(pair, layer, size) for pair in forward}
    for pair, room in forward.items():
        after = chains[pair][1]
        size[after] = (max(size[after][0], room), size[after][1])
    links = [link for chain in chains.values() for link in pairwise(chain)]
    rows = _ordered(layer, links)
    x = _across(rows, links, size)
    y, height = _down(rows, size)
    left = min((x[k] - size[k][0] / 2 for k in x), default=0.0)
    laid = Laid({k: (x[k] - left, y[k]) for k in x})
    laid.width = max((x[k] - left + size[k][0] / 2 for k in x), default=0.0)
    laid.height = height
    for a, b in pairs:
        chain = chains.get((a, b)) if (a, b) not in back else chains.get((b, a), [])[::-1]
        aside = ASIDE if (a, b) in back and (b, a) in pairs else 0.0
        laid.routes[a, b] = [(x[k] - left + aside, y[k]) for k in (chain or (a, b))]
    return laid


def _leading_back(keys: Sequence[str], pairs: Iterable[Pair]) -> set[Pair]:
    """Find the arrows that close a circle, seen from the first box on (Rule 1)."""
    following: dict[str, list[str]] = {key: [] for key in keys}
    for a, b in pairs:
        following[a].append(b)
    back: set[Pair] = set()
    done: set[str] = set()
    for root in keys:
        path: dict[str, None] = {}
        stack = [(root, iter(following[root]))] if root not in done else []
        path.update(dict.fromkeys([root] if stack else []))
        while stack:
            at, ahead = stack[-1]
            to = next(ahead, None)
            if to is None:
                stack.pop()
                path.pop(at)
                done.add(at)
            elif to in path:
                back.add((at, to))
            elif to not in done:
                path[to] = None
                stack.append((to, iter(following[to])))
    return back


def _layers(keys: Sequence[str], forward: Sequence[Pair]) -> dict[str, int]:
    layer = dict.fromkeys(keys, 0)
    for _ in keys:  # no circles are left: the longest way is found in as many rounds at most
        is_settled = True
        for a, b in forward:
            if layer[b] <= layer[a]:
                layer[b] = layer[a] + 1
                is_settled = False
        if is_settled:
            break
    return layer


def _chain(pair: Pair, layer: dict[str, int], size: dict[str, tuple[float, float]]) -> list[str]:
    """Give the boxes and points an arrow goes through; new points join the layers."""
    a, b = pair
    points = []
    for at in range(layer[a] + 1, layer[b]):
        key = f"{a} {b} {at}"
        layer[key], size[key] = at, (6.0, 0.0)
        points.append(key)
    return [a, *points, b]


def _ordered(layer: Mapping[str, int], links: Sequence[Pair]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for key, at in layer.items():
        rows[at].append(key)
    above, below = _neighbours(links)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(_SWEEPS):
        order = rows[1:] if sweep % 2 == 0 else rows[-2::-1]
        near = above if sweep % 2 == 0 else below
        for row in order:
            place = {key: n for each in rows for n, key in enumerate(each)}
            wish = {
                key: sum(place[o] for o in near.get(key, ())) / len(near[key])
                if near.get(key)
                else place[key]
                for key in row
            }
            row.sort(key=wish.__getitem__)
        crossings = _crossings(rows, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _neighbours(links: Iterable[Pair]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for a, b in links:
        above.setdefault(b, []).append(a)
        below.setdefault(a, []).append(b)
    return above, below


def _crossings(rows: Sequence[Sequence[str]], links: Iterable[Pair]) -> int:
    place = {key: n for row in rows for n, key in enumerate(row)}
    level = {key: n for n, row in enumerate(rows) for key in row}
    between: dict[int, list[tuple[int, int]]] = {}
    for a, b in links:
        between.setdefault(level[a], []).append((place[a], place[b]))
    return sum(
        (a1 - b1) * (a2 - b2) < 0
        for found in between.values()
        for n, (a1, a2) in enumerate(found)
        for b1, b2 in found[:n]
    )


def _across(
    rows: Sequence[Sequence[str]], links: Sequence[Pair], size: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    above, below = _neighbours(links)
    x: dict[str, float] = {}
    for row in rows:
        x.update(_apart(row, dict.fromkeys(row, 0.0), size))
    for n in range(_PASSES):
        near = above if n % 2 == 0 else below
        for row in rows if n % 2 == 0 else rows[::-1]:
            wish = {
                key: sum(x[o] for o in near[key]) / len(near[key]) if key in near else x[key]
                for key in row
            }
            x.update(_apart(row, wish, size))
    return x


def _apart(
    row: Sequence[str], wish: Mapping[str, float], size: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Place a layer as near to its wishes as its gaps allow (Rule 4)."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (size[left][0] + size[right][0]) / 2 + GAP_X)
    pools: list[tuple[float, int]] = []
    for key, offset in zip(row, offsets, strict=False):
        pools.append((wish[key] - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (m1, n1), (m2, n2) = pools[-2:]
            pools[-2:] = [((m1 * n1 + m2 * n2) / (n1 + n2), n1 + n2)]
    means = [mean for mean, count in pools for _ in range(count)]
    return {key: mean + offset for key, mean, offset in zip(row, means, offsets, strict=False)}


def _down(
    rows: Sequence[Sequence[str]], size: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, float], float]:
    y: dict[str, float] = {}
    top = 0.0
    for row in rows:
        tall = max((size[key][1] for key in row), default=0.0)
        y.update(dict.fromkeys(row, top + tall / 2))
        top += tall + GAP_Y
    return y, max(top - GAP_Y, 0.0)
