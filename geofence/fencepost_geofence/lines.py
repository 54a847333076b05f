"""
Lines: from the coordinates of GeoJSON lines to a corridor, or to its faults.

Pure. Longitude comes first here, as in the file. Nothing is repaired.

Rule 1. A line has at least two different positions; all lines of a corridor together have at most
        5,000, counted before any is read. Numbers beyond the second are dropped (RFC 7946 section
        3.1.1).
Rule 2. A line may cross itself, but not wildly: each crossing costs when the outline is drawn.
Rule 3. As of areas: less than 90 degrees of longitude in all, within 85 degrees of latitude, and an
        edge longer than 180 degrees is the short way across the antimeridian.
"""

from collections.abc import Sequence
from typing import Final

from fencepost_geofence.corridor import MAX_WIDTH_M, MIN_WIDTH_M, Corridor, Line
from fencepost_geofence.members import quoted
from fencepost_geofence.rings import (
    MAX_LAT,
    MAX_VERTICES,
    MAX_WIDTH_DEG,
    Fault,
    Ring,
    is_wild,
    is_within,
    read_position,
    unroll,
)
from fencepost_geofence.sphere import SEAM_DEG, TURN_DEG

MIN_LINE: Final = 2  # positions
_WHERE: Final = "properties.width_m"


def read_corridor(
    lines: Sequence[tuple[str, object]], width_m: object, faults: list[Fault]
) -> Corridor | None:
    """
    Make a corridor of lines.

    Args:
        lines: Path and coordinates of each line, straight from the file; at least one.
        width_m: What the feature gives as its width.
        faults: Takes all that is wrong.

    """
    before = len(faults)
    count = sum(len(each) for _, each in lines if isinstance(each, list))
    if count > MAX_VERTICES:
        how = f"simplify it to at most {MAX_VERTICES:,} positions, or split it"
        faults.append(Fault(lines[0][0], f"the corridor has {count:,} positions", how))
        return None
    read = [_read_line(path, coordinates, faults) for path, coordinates in lines]
    if width_m is None:
        faults.append(Fault(_WHERE, "a LineString needs width_m", "give the width in metres"))
    elif not is_within(width_m, MIN_WIDTH_M, MAX_WIDTH_M):
        how = f"give a number of metres, {MIN_WIDTH_M:,.0f} ... {MAX_WIDTH_M:,.0f}"
        faults.append(Fault(_WHERE, f"{quoted(width_m)} is not a width", how))
    elif len(faults) == before:
        joined = _in_normal_form([line for line in read if line])
        if fault := _out_of_bounds(lines[0][0], joined):
            faults.append(fault)
        else:
            return Corridor(joined, float(width_m))
    return None


def _read_line(path: str, coordinates: object, faults: list[Fault]) -> Ring | None:
    if not isinstance(coordinates, list) or len(coordinates) < MIN_LINE:
        faults.append(Fault(path, "a line needs at least two positions", "add the missing ones"))
        return None
    points: Ring = []
    for i, position in enumerate(coordinates):
        point = read_position(f"{path}[{i}]", position, faults)
        if point is None:
            return None
        if not points or point != points[-1]:
            points.append(point)
    if len(points) < MIN_LINE:
        how = "draw a circle (Point with radius_m), or a longer line"
        faults.append(Fault(path, "the line has no length", how))
        return None
    return points


def _in_normal_form(lines: list[Ring]) -> tuple[Line, ...]:
    """Let longitudes run on across the seam, and begin east of -180."""
    unrolled = [unroll(line, lines[0][0][0]) for line in lines]
    west = min(lon for line in unrolled for lon, _ in line)
    turn = TURN_DEG if west < -SEAM_DEG else 0.0
    return tuple(tuple((lat, lon + turn) for lon, lat in line) for line in unrolled)


def _out_of_bounds(path: str, lines: tuple[Line, ...]) -> Fault | None:
    lons = [lon for line in lines for _, lon in line]
    if any(abs(lat) > MAX_LAT for line in lines for lat, _ in line):
        what = f"the line goes beyond {MAX_LAT:.0f} degrees lat"
        return Fault(path, what, "draw a circle (Point with radius_m) instead")
    if max(lons) - min(lons) >= MAX_WIDTH_DEG:
        what = f"the line spans {MAX_WIDTH_DEG:.0f} degrees of longitude or more"
        return Fault(path, what, "split it into several fences")
    if is_wild(lines):
        return Fault(path, "the line crosses itself too often", "simplify it, or draw a Polygon")
    return None
