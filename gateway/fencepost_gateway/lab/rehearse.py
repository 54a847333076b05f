"""Rehearse: ``fencepost simulate`` on the terminal."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from fencepost_gateway.decide.tongue import ENGLISH
from fencepost_gateway.documents.compile import fences_of
from fencepost_gateway.documents.document import Document, Origin, Problem, StoredDocument
from fencepost_gateway.errors import StartError
from fencepost_gateway.lab.authored import read_authored
from fencepost_gateway.lab.drawn import LegTooLongError, NoSuchFenceError, fixes_along
from fencepost_gateway.lab.expect import Expect, told_apart
from fencepost_gateway.lab.page import page
from fencepost_gateway.lab.scenario import Scenario
from fencepost_gateway.lab.script import start_of
from fencepost_gateway.lab.simulate import SEED, Simulated, Simulation
from fencepost_gateway.lab.sources import read_documents
from fencepost_gateway.lab.timeline import plain, text_lines, tongue_of
from fencepost_gateway.lab.tracks import TrackError, TrackPoint, read_track
from fencepost_geofence.fence import Fence


class Wish(Struct, frozen=True):
    """How a simulation is shown, and what is expected of it."""

    as_json: bool = False
    html: Path | None = None
    expect: Path | None = None
    seed: str = SEED
    language: str = "en"


async def rehearse(path: Path, documents: Sequence[Path], wish: Wish) -> int:
    """
    Play a scenario and show what comes of it; gives the exit code.

    Args:
        path: The scenario.
        documents: Folders and GeoJSON files; none: those that the scenario names.
        wish: How it is shown.

    Raises:
        StartError: A file cannot be used; says which, where and how to mend it.

    """
    expect = read_authored(wish.expect, Expect)[0] if wish.expect else None
    simulated = await simulated_from(path, documents, wish.seed)
    tongue = tongue_of(simulated, wish.language)
    if wish.as_json:
        print(json.dumps(plain(simulated), ensure_ascii=False, indent=1))
    else:
        for line in text_lines(simulated, tongue):
            print(line)
    if wish.html is not None:
        _write(wish.html, page(simulated, tongue))
    return 0 if expect is None else compare(expect, simulated, wish.expect)


async def simulated_from(path: Path, documents: Sequence[Path], seed: str) -> Simulated:
    """Read a scenario with what it names, and play it; ``StartError`` as in ``rehearse``."""
    scenario, origin = read_authored(path, Scenario)
    named = [path.parent / name for name in scenario.documents]
    ground = _ground(documents or named, path)
    points = _points(scenario, origin, path, ground)
    return await Simulation(scenario, ground, points, seed=seed).play()


def compare(expect: Expect, simulated: Simulated, path: Path | None) -> int:
    """Say what differs from what was expected; gives the exit code."""
    records = [(told.at_ms, told.kind, told.body) for told in simulated.timeline]
    return say_apart(told_apart(expect, records, simulated.start_ms, path))


def say_apart(lines: Sequence[str]) -> int:
    """Say on the error output what differs; gives the exit code."""
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


def _ground(paths: Sequence[Path], scenario: Path) -> list[Document]:
    if not paths:
        how = "write documents: [FOLDER, FENCES.geojson] into it, or name them after it"
        raise StartError(f"{scenario}: names no documents; {how}")
    files = [each for each in paths if each.suffix == ".geojson"]
    return read_documents(files, [each for each in paths if each not in files])


def _points(
    scenario: Scenario, origin: Origin, path: Path, ground: Sequence[Document]
) -> list[TrackPoint]:
    start_ms = start_of(scenario)
    if scenario.track is not None:
        try:
            track = read_track(path.parent / scenario.track)
        except TrackError as error:
            raise StartError(str(error)) from None
        moved_ms = start_ms - min(point.at_ms for point in track)
        return [
            TrackPoint(point.at_ms + moved_ms, point.lat, point.lon, point.accuracy_m)
            for point in track
        ]
    stored = [StoredDocument(each.kind, each.id, 1, each.body) for each in ground]
    fences = {fence.fence_id: fence for fence in fences_of(stored)}
    try:
        return fixes_along(scenario.path, fences, start_ms)
    except NoSuchFenceError as error:
        raise StartError(str(_no_fence(error, fences, origin, path))) from None
    except LegTooLongError as error:
        raise StartError(str(_too_long(error, origin, path))) from None


def _no_fence(
    error: NoSuchFenceError, fences: Mapping[str, Fence], origin: Origin, path: Path
) -> Problem:
    near = difflib.get_close_matches(error.fence_id, fences, 1)
    how = f"did you mean {near[0]}?" if near else "name a fence of the documents"
    what, line = f"there is no fence {error.fence_id}", origin.line(("path", error.leg))
    return Problem(str(path), what, how, where=f"path.{error.leg}", line=line)


def _too_long(error: LegTooLongError, origin: Origin, path: Path) -> Problem:
    what = f"this leg takes {ENGLISH.span(error.lasts_ms)}"
    how = "write stay: shorter"
    if error.length_m:
        what += f", for {error.length_m / 1000:,.0f} km"
        how = (
            "if latitude and longitude changed places, turn them; else say how fast: speed_mps: 30"
        )
    where = f"path.{error.leg}"
    return Problem(str(path), what, how, where=where, line=origin.line(("path", error.leg)))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise StartError(f"{path}: cannot be written ({error.strerror})") from None
    print(f"written: {path}", file=sys.stderr)
