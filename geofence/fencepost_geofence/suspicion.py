"""
Suspicion: what about a device's positions looks made up, or mistaken.

Pure. Looked at once an upload, after the tracker has followed its fixes. It
decides nothing: what must not decide the tracker and the filter keep away by themselves. A flag
says that something was seen, never where.

Rule 1. ``mock``: the platform says that a position was made up. ``null_island``: (0, 0). Both are
        as the tracker dropped them.
Rule 2. ``teleport``: from one fix to the next faster than sound, by more than receivers err: what
        both claim, and ``ERR_M`` on top. Two of one moment may contradict each other, too.
Rule 3. ``maybe_swapped``: a leap of more than a degree that is none when latitude and longitude
        change places; or the first fix of a device lies far from every fence, and near one when
        they do. Somebody's client is at fault: it is no teleport.
Rule 4. ``repeated_track``: the newest ``RUN`` positions, all distinct, stood in the trail before,
        in the same order; it remembers ten minutes and 24 fixes at least. Receivers never do that
        to the centimetre. Snapped positions and those of four decimals or fewer may, and are left
        alone.
Rule 5. ``constant_accuracy``: ``CONSTANT`` fixes of one accuracy on a way of more than ``WAY_M``.
        Some honest receivers do that: it is for the record alone (``WEAK``).
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import sqrt
from typing import Final, Literal

from fencepost_geofence.evidence import FASTEST_M_PER_MS
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import COARSE_M, Fix, claimed_m
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.sphere import METRES_PER_DEGREE, POLE_DEG, great_circle_m
from fencepost_geofence.trail import PACKED, Trail

Flag = Literal[
    "mock", "null_island", "teleport", "maybe_swapped", "repeated_track", "constant_accuracy"
]
WEAK: Final[frozenset[str]] = frozenset({"constant_accuracy"})

ERR_M: Final = 450.0  # errors of this size persist at any accuracy claimed
LEAP_DEG: Final = 1.0
NEAR_M: Final = 20_000.0
RUN: Final = 5
CONSTANT: Final = 48
WAY_M: Final = 500.0
BARE: Final = 1000  # units of 1 cm that four decimals are a multiple of

_UNHEARD: Final = frozenset({"mock", "null_island", "bad_position"})
_LEAST_DEG: Final = ERR_M / METRES_PER_DEGREE / sqrt(2)
_DEG_PER_MS: Final = FASTEST_M_PER_MS / METRES_PER_DEGREE / sqrt(2)
_SIZE: Final = PACKED.size
_AT, _PLACE = 4, 8  # where in it the position is, and how long


def suspect(
    before: Fix | None,
    fixes: Sequence[Fix],
    dropped: Collection[str],
    trail: Trail,
    index: FenceIndex,
) -> list[Flag]:
    """
    Say what is suspicious about an upload.

    Args:
        before: The device's newest fix before; None: it was unknown.
        fixes: Those of the upload, in order of time.
        dropped: Why the tracker dropped some of them.
        trail: The device's, with these fixes.
        index: The fences of the workspace.

    Returns:
        Flags in order of their names.

    """
    flags: set[Flag] = set()
    if dropped:
        flags.update(flag for flag in ("mock", "null_island") if flag in dropped)
        if not _UNHEARD.isdisjoint(dropped):
            fixes = [fix for fix in fixes if _is_heard(fix)]
    if not fixes:
        return sorted(flags)
    if before is None and mirrored(fixes[0], index):
        flags.add("maybe_swapped")
    flags.update(_leaps(fixes if before is None else [before, *fixes]))
    if _is_repeated(trail):
        flags.add("repeated_track")
    if _is_constant(trail):
        flags.add("constant_accuracy")
    return sorted(flags)


def mirrored(fix: Fix, index: FenceIndex) -> Fence | None:
    """Give the fence a fix would be near if it were swapped, and is not; nor any other (rule 3)."""
    lat, lon = fix.lat, fix.lon
    if abs(lat - lon) <= LEAP_DEG or abs(lon) > POLE_DEG:
        return None
    if index.nearest(lat, lon, 1, within_m=NEAR_M):
        return None
    return next((fence for fence, _ in index.nearest(lon, lat, 1, within_m=NEAR_M)), None)


def _is_heard(fix: Fix) -> bool:
    is_somewhere = abs(fix.lat) <= POLE_DEG and abs(fix.lon) <= 2 * POLE_DEG
    return is_somewhere and not fix.is_mock and (fix.lat != 0 or fix.lon != 0)


def _leaps(fixes: Sequence[Fix]) -> set[Flag]:
    """Say what leaps there are from one fix to the next."""
    found: set[Flag] = set()
    lats, lons = [fix.lat for fix in fixes], [fix.lon for fix in fixes]
    if max(lats) - min(lats) < _LEAST_DEG and max(lons) - min(lons) < _LEAST_DEG:
        return found  # as nearly always: the loop costs more
    for one, two in pairwise(fixes):
        least_deg = _LEAST_DEG + _DEG_PER_MS * (two.at_ms - one.at_ms)
        is_near = -least_deg < one.lat - two.lat < least_deg
        if not (is_near and -least_deg < one.lon - two.lon < least_deg) and _is_far(one, two):
            found.add(_named(one, two))
    return found


def _is_far(one: Fix, two: Fix) -> bool:
    """Say whether nobody gets from one fix to the other (rule 2)."""
    apart_m = great_circle_m(one.lat, one.lon, two.lat, two.lon)
    could_m = FASTEST_M_PER_MS * abs(two.at_ms - one.at_ms)
    return apart_m > could_m + ERR_M + claimed_m(one.accuracy_m) + claimed_m(two.accuracy_m)


def _named(one: Fix, two: Fix) -> Flag:
    """Say what a leap looks like (rules 2 and 3)."""
    is_leap = abs(one.lat - two.lat) > LEAP_DEG or abs(one.lon - two.lon) > LEAP_DEG
    if is_leap and abs(two.lon) <= POLE_DEG:
        swapped_m = great_circle_m(one.lat, one.lon, two.lon, two.lat)
        if swapped_m <= NEAR_M:
            return "maybe_swapped"
    return "teleport"


def _is_repeated(trail: Trail) -> bool:
    """Say whether the newest positions stood in the trail before, in their order (rule 4)."""
    fixes = trail.fixes
    here = len(fixes) - _SIZE + _AT
    place = fixes[here : here + _PLACE]
    found = fixes.find(place, 0, here)
    if found < 0:
        return False  # as nearly always
    run = _run(fixes, here)
    places = [fix[1:3] for fix in run]
    is_fine = all(kept_m <= COARSE_M for *_, kept_m in run)
    is_fine = is_fine and any(lat % BARE or lon % BARE for lat, lon in places)
    if len(set(places)) < RUN or not is_fine:
        return False
    while found >= 0:
        if [fix[1:3] for fix in _run(fixes, found)] == places:
            return True
        found = fixes.find(place, found + 1, here)
    return False


def _run(fixes: bytearray, at: int) -> list[tuple[int, int, int, float]]:
    """Give the ``RUN`` packed fixes of which the last has its position here."""
    end = at - _AT + _SIZE
    begin = max(0, end - RUN * _SIZE)
    if (end - begin) % _SIZE:
        return []  # bytes of two fixes that look like a position
    return list(PACKED.iter_unpack(memoryview(fixes)[begin:end]))


def _is_constant(trail: Trail) -> bool:
    """Say whether the accuracy stays the same on the way (rule 5)."""
    fixes = trail.fixes
    if len(fixes) < CONSTANT * _SIZE or fixes[-2:] != fixes[_SIZE - 2 : _SIZE]:
        return False
    known = trail.since(0)
    accuracy_m = known[0].accuracy_m
    if accuracy_m is None or accuracy_m > COARSE_M:
        return False
    if any(fix.accuracy_m != accuracy_m for fix in known):
        return False
    first = known[0].lat, known[0].lon
    return any(great_circle_m(*first, fix.lat, fix.lon) > WAY_M for fix in known)
