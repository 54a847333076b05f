"""
``python -m bench.geofence``: from fixes to transitions on one core, beside two bare indexes.

Rule 1. Ours is the tracker with its state machine, an upload of ``UPLOAD`` fixes of a device a
        call, and once more with one fix a call. The others only say which fences hold a position,
        keep no state, and know a circle as a polygon of 32 corners. ``rtree`` is asked a position
        a call and judged by prepared shapely geometry: as shapely's manual shows it (``prep``, a
        ``Point``), and as tersely as it can be written (``contains_xy``, bare numbers). ``STRtree``
        is asked a hundred positions a call.
Rule 2. They take turns over the same fixes, and every round moves the devices on. The ratio is the
        median of the rounds' ratios. Our cells are empty before the first round; the others'
        indexes are as fast at once.
Rule 3. CPU time is measured. No figure is a pass line; ``docs/performance.md`` reads them.
Rule 4. A Tile38 server (``TILE38_URL``, ``bench.tile38``) takes its turns too, when one is given:
        a channel a fence, a ``SET`` a fix, the time its own process takes.
"""

import argparse
import cProfile
import gc
import os
import pstats
import resource
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import numpy as np
import shapely
from rtree.index import Index
from shapely.geometry.base import BaseGeometry
from shapely.prepared import prep

from bench.tile38 import Server, clock_of, fenced, moved
from bench.town import Town, town, tracks
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Area, Circle
from fencepost_geofence.state import DeviceState, unseen
from fencepost_geofence.tracker import Tracker

SEED = 11
UPLOAD = 20
BULK = 100
QUARTER_CORNERS = 8
METRES_PER_DEGREE = 111_195.0
CROWD_FIXES, CROWD_STEP_DEG = 40, 5e-5  # 5.6 m each
PROFILE_LINES = 25

Uploads = list[tuple[int, list[Fix]]]
"""Device and fixes of each."""
Run = Callable[[Uploads], int]
"""Takes uploads; gives how many transitions or hits there were."""
Clock = Callable[[], float]
"""Seconds spent so far."""


def main(args: argparse.Namespace) -> None:
    """Measure every set of fences."""
    devices, rounds = (20, 2) if args.quick else (args.devices, args.rounds)
    sizes = [(1_000, False), (10_000, False), (100_000, False), (10_000, True)]
    if args.quick:
        sizes = [(500, False), (500, True)]
    if args.profile:
        profile(args.profile, devices, rounds, dense=args.dense)
        return
    url = os.environ.get("TILE38_URL", "")
    memory(500 if args.quick else 100_000, devices)
    crowd(2_000 if args.quick else 50_000)
    print(  # noqa: T201 - a benchmark prints
        f"CPU us a fix, {devices} devices, median of {rounds} rounds; x: its cost by ours\n"
        "                     ours,    ours,   ours,    rtree +         rtree +         STRtree\n"
        "fences         hits  1st round  median  single     prep      x    terse      x   bulk    x"
    )
    if not url:
        print("no Tile38 server was measured (TILE38_URL)")  # noqa: T201 - as above
    for count, dense in sizes:
        place, name = town(count, SEED, dense=dense), "dense" if dense else ""
        with fenced(url, place.fences) if url else nullcontext() as server:
            compare(place, devices, rounds, name, server)


def compare(place: Town, devices: int, rounds: int, name: str, server: Server | None) -> None:
    """Let all take turns over one set of fences, and print a line."""
    walks = tracks(place, devices, rounds * UPLOAD, SEED)
    geometries = [geometry_of(fence) for fence in place.fences]
    runs: list[Run] = [ours(place.fences), single(place.fences)]
    runs += [taught_rtree(geometries), terse_rtree(geometries), bare_strtree(geometries)]
    timed: list[tuple[Run, Clock]] = [(run, cpu_s) for run in runs]
    how = ""
    if server:
        how, clock = clock_of(server)
        timed.insert(0, (sets(server), clock))
    spent: list[list[float]] = [[] for _ in timed]
    hits = found = 0
    for number in range(rounds):
        uploads = [(i, w[number * UPLOAD : (number + 1) * UPLOAD]) for i, w in enumerate(walks)]
        for (run, clock), times in zip(timed, spent, strict=True):
            gc.collect()
            begin_s = clock()
            found = run(uploads)
            times.append((clock() - begin_s) * 1e6 / (devices * UPLOAD))
        hits += found  # of the last, which counts positions held
    theirs = spent.pop(0) if server else []
    mine, one, *others = spent
    told = "".join(f"  {median(each):7.2f}  {ratio(each, mine):5.1f}" for each in others)
    print(  # noqa: T201 - as above
        f"{len(place.fences):7,} {name:5} {hits / devices / UPLOAD / rounds:6.2f}  {mine[0]:8.2f}"
        f"  {median(mine):6.2f}  {median(one):6.2f}{told}"
    )
    if theirs:
        print(  # noqa: T201 - as above
            f"        Tile38 {how}: {median(theirs):.2f} us a fix, {ratio(theirs, mine):.1f} x"
        )


def ratio(theirs: Sequence[float], mine: Sequence[float]) -> float:
    """Give how many times as long they took, the median over rounds."""
    return median(a / b for a, b in zip(theirs, mine, strict=True))


def ours(fences: Sequence[Fence]) -> Run:
    """Follow whole uploads."""
    tracker = Tracker(FenceIndex(fences))
    states: dict[int, DeviceState] = {}

    def run(uploads: Uploads) -> int:
        told = 0
        for device, fixes in uploads:
            state = states.get(device) or states.setdefault(device, unseen())
            told += len(tracker.follow(state, fixes).transitions)
        return told

    return run


def single(fences: Sequence[Fence]) -> Run:
    """Follow fix by fix."""
    follow = ours(fences)
    return lambda uploads: follow([(device, [fix]) for device, fixes in uploads for fix in fixes])


def taught_rtree(geometries: Sequence[BaseGeometry]) -> Run:
    """Ask an R-tree and prepared geometry, a position a call, as manuals show it."""
    tree = Index((i, geometry.bounds, None) for i, geometry in enumerate(geometries))
    prepared = [prep(geometry) for geometry in geometries]

    def run(uploads: Uploads) -> int:
        hits = 0
        for fix in _each(uploads):
            point = shapely.Point(fix.lon, fix.lat)
            for number in tree.intersection(point.bounds):
                hits += prepared[number].contains(point)
        return hits

    return run


def terse_rtree(geometries: Sequence[BaseGeometry]) -> Run:
    """Ask the same with the least that can be written."""
    tree = Index((i, geometry.bounds, None) for i, geometry in enumerate(geometries))
    shapely.prepare(geometries)

    def run(uploads: Uploads) -> int:
        hits = 0
        for fix in _each(uploads):
            lat, lon = fix.lat, fix.lon
            for number in tree.intersection((lon, lat, lon, lat)):
                hits += bool(shapely.contains_xy(geometries[number], lon, lat))
        return hits

    return run


def bare_strtree(geometries: Sequence[BaseGeometry]) -> Run:
    """Ask shapely's own tree, a hundred positions a call."""
    tree = shapely.STRtree(geometries)

    def run(uploads: Uploads) -> int:
        fixes = list(_each(uploads))
        hits = 0
        for begin in range(0, len(fixes), BULK):
            group = fixes[begin : begin + BULK]
            points = shapely.points([fix.lon for fix in group], [fix.lat for fix in group])
            hits += tree.query(points, predicate="intersects").shape[1]
        return hits

    return run


def sets(server: Server) -> Run:
    """Tell a Tile38 server of every fix; the channels are set."""

    def run(uploads: Uploads) -> int:
        return len(server.ask(moved(device, fix) for device, fixes in uploads for fix in fixes))

    return run


def geometry_of(fence: Fence) -> BaseGeometry:
    """Draw a fence for those who know polygons only."""
    shape = fence.shape
    if isinstance(shape, Area):
        return shape.geometry
    if not isinstance(shape, Circle):
        raise TypeError("a town has circles and areas")
    disc = shapely.buffer(shapely.Point(0, 0), shape.radius_m, quad_segs=QUARTER_CORNERS)
    north = 1 / METRES_PER_DEGREE
    east = north / float(np.cos(np.radians(shape.lat)))
    middle = np.array([shape.lon, shape.lat])
    return shapely.transform(disc, lambda corners: middle + corners * (east, north))


def memory(count: int, devices: int) -> None:
    """Say what a fence and a device take; to be called first, while the heap has no holes."""
    town(10, SEED)  # what is imported and made once is not a fence's
    before_b = resident_b()
    place = town(count, SEED)
    tracker = Tracker(FenceIndex(place.fences))
    fence_b = (resident_b() - before_b) / count
    walks = tracks(place, devices, UPLOAD, SEED)
    for walk in walks:
        tracker.follow(unseen(), walk)  # fills the cells
    tracemalloc.start()
    states = [unseen() for _ in walks]
    for state, walk in zip(states, walks, strict=True):
        tracker.follow(state, walk)
    device_b = tracemalloc.get_traced_memory()[0] / devices
    tracemalloc.stop()
    print(  # noqa: T201 - as above
        f"{count:,} fences: {fence_b:,.0f} B of resident memory a fence; "
        f"{device_b:,.0f} B a tracked device\n"
    )


def crowd(count: int) -> None:
    """Say what a fix costs in very many fences over one point: a walk out of their middle."""
    index = FenceIndex(Fence(f"f-{i:05}", Circle(48, 11, 60.0 + i % 100)) for i in range(count))
    tracker, state = Tracker(index), unseen()
    took_ms: list[float] = []
    for step in range(CROWD_FIXES):
        fix = Fix((step + 1) * 5_000, 48 + step * CROWD_STEP_DEG, 11, 5.0)
        begin_s = cpu_s()
        tracker.follow(state, [fix])
        took_ms.append((cpu_s() - begin_s) * 1e3)
    first_ms, *others = took_ms
    print(  # noqa: T201 - as above
        f"{count:,} fences over one point, CPU ms a fix: first {first_ms:.0f}, others median "
        f"{median(others):.1f}, worst {max(others):.0f}; {index.cut_positions} look-ups cut\n"
    )


def resident_b() -> int:
    """Give the memory this process holds now (Linux)."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def profile(count: int, devices: int, rounds: int, *, dense: bool) -> None:
    """Print the functions that ours spends its time in."""
    place = town(count, SEED, dense=dense)
    walks = tracks(place, devices, rounds * UPLOAD, SEED)
    run = ours(place.fences)
    watch = cProfile.Profile()
    for number in range(rounds):
        uploads = [(i, w[number * UPLOAD : (number + 1) * UPLOAD]) for i, w in enumerate(walks)]
        watch.runcall(run, uploads)
    pstats.Stats(watch).sort_stats("tottime").print_stats(PROFILE_LINES)


def cpu_s() -> float:
    """Give the CPU time used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _each(uploads: Uploads) -> Iterator[Fix]:
    for _, fixes in uploads:
        yield from fixes


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.geofence", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="prove that it runs; no figures")
    parser.add_argument("--profile", type=int, metavar="FENCES", help="ours under cProfile")
    parser.add_argument("--dense", action="store_true", help="with --profile: the dense set")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--devices", type=int, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main(read_arguments())
