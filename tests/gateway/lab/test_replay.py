import json
from pathlib import Path
from typing import Any

import gpxpy
import pytest
import shapely.geometry

from fencepost_gateway.errors import StartError
from fencepost_gateway.lab.play import play
from fencepost_gateway.lab.replay import Replay
from fencepost_gateway.lab.sources import read_documents
from fencepost_gateway.lab.tracks import read_track
from real_data import real_data

OLD_TOWN = Path(__file__).resolve().parents[3] / "examples" / "old-town"


def feature(kind: str, coordinates: list[Any], **properties: str) -> str:
    """Write a feature as GeoJSON."""
    geometry = {"type": kind, "coordinates": coordinates}
    return json.dumps({"features": [{"geometry": geometry, "properties": properties}]})


def bare_containment(fences: Path, track: Path) -> dict[str, list[str]]:
    """Per fence, what a test of each point by itself says; an oracle with shapely alone."""
    features = json.loads(fences.read_text())["features"]
    shapes = {str(f["id"]): shapely.geometry.shape(f["geometry"]) for f in features}
    points = [
        p for t in gpxpy.parse(track.read_text()).tracks for s in t.segments for p in s.points
    ]
    told: dict[str, list[str]] = {}
    for name, shape in shapes.items():
        inside = [shape.contains(shapely.geometry.Point(p.longitude, p.latitude)) for p in points]
        for before, after in zip([False, *inside], inside, strict=False):
            if before != after:
                told.setdefault(name, []).append("enter" if after else "exit")
    return told


@pytest.mark.feature("P08")
async def test_real_drive_gives_the_transitions_of_bare_containment() -> None:
    """Districts of Leipzig, a drive through it: the same transitions per fence, none reordered."""
    fences, track = real_data("leipzig/districts.geojson"), real_data("tracks/leipzig-drive.gpx")
    points = read_track(track)
    replay = Replay(read_documents([fences], []), "Europe/Berlin", points[0].at_ms)
    told: dict[str, list[str]] = {}
    async for played in replay.play({"drive": points}):
        body = played.row.body
        if body["kind"] == "expire":
            continue  # the drive ends inside a district
        told.setdefault(body["fence_id"], []).append(body["kind"])

    assert told == bare_containment(fences, track)
    assert sum(kinds.count("enter") for kinds in told.values()) == 8
    assert sum(kinds.count("exit") for kinds in told.values()) == 7


async def played_lines() -> list[str]:
    """Replay the example; gives its records as JSON."""
    documents = read_documents([OLD_TOWN / "fences.geojson"], [OLD_TOWN / "documents"])
    points = read_track(OLD_TOWN / "walk.gpx")
    replay = Replay(documents, "Europe/Berlin", points[0].at_ms)
    return [
        json.dumps([p.row.at_ms, p.row.kind, p.row.subject, p.row.body])
        async for p in replay.play({"walk": points})
    ]


async def test_example_shows_what_goes_and_what_is_capped() -> None:
    """The walk enters three campaigns; two messages go, the cap withholds the third."""
    bodies = [json.loads(line) for line in await played_lines()]
    claims = [(b["outcome"], b["reason"]) for _, kind, _, b in bodies if kind == "claim"]

    assert claims == [("send", ""), ("send", ""), ("withheld", "frequency_cap")]


async def test_replay_gives_the_same_twice() -> None:
    """Ids, order and words depend on trace and documents alone."""
    assert await played_lines() == await played_lines()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tracks/bad-no-trkpt.gpx", "no track points"),
        ("tracks/bad-no-trkseg.gpx", "no track points"),
        ("tracks/no-times.gpx", "point 1: has no time"),
        ("leipzig/districts.geojson", "no track points"),
    ],
)
async def test_bad_trace_is_refused_with_its_place(name: str, says: str) -> None:
    """A file that cannot be replayed is named, with where and what."""
    path = real_data(name)
    with pytest.raises(StartError) as caught:
        await play([OLD_TOWN / "fences.geojson"], [path], None, "UTC", as_json=True)

    assert str(path) in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not GPX"),
        ("<gpx", "is not GPX"),
        ("{", "is not JSON"),
        ('{"features": [7]}', "feature 0 is not a GeoJSON feature"),
        (feature("Point", [7, 91], time="2026-01-01T00:00:00Z"), "outside"),
        (feature("Point", [7, 9], time="noon"), "ISO 8601"),
        (feature("LineString", [[7, 9]]), "coordTimes"),
    ],
    ids=["empty", "cut", "half-json", "no-feature", "off-the-globe", "bad-time", "no-times"],
)
async def test_broken_trace_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    """Whatever the file holds, the answer is a sentence with its place."""
    path = tmp_path / "trace.gpx"
    path.write_text(text)

    with pytest.raises(StartError, match=says):
        await play([OLD_TOWN / "fences.geojson"], [path], None, "UTC", as_json=True)


async def test_geojson_trace_is_read(tmp_path: Path) -> None:
    """Points with times, and a line with coordTimes, are traces as good as GPX."""
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"]
    line = {"type": "LineString", "coordinates": [[7.0, 9.0], [7.1, 9.1]]}
    path = tmp_path / "trace.geojson"
    path.write_text(json.dumps({"geometry": line, "properties": {"coordTimes": times}}))
    points = read_track(path)

    assert [(p.lat, p.lon) for p in points] == [(9.0, 7.0), (9.1, 7.1)]
    assert points[1].at_ms - points[0].at_ms == 5_000


async def test_unknown_zone_and_broken_documents_are_refused(tmp_path: Path) -> None:
    """Nothing is assumed, and every problem of the documents is listed."""
    (tmp_path / "d.yaml").write_text("kind: campaign\nid: A b\n")
    fences, track = [OLD_TOWN / "fences.geojson"], [OLD_TOWN / "walk.gpx"]

    with pytest.raises(StartError, match="no such time zone"):
        await play(fences, track, None, "Europe/Monte", as_json=True)
    with pytest.raises(StartError, match=r"d\.yaml:2"):
        await play(fences, track, tmp_path, "UTC", as_json=True)


AUDIENCES = """
kind: trait
id: visits
count: opened
within: 1h
---
kind: audience
id: lately-here
when: {visited: {tag: studio}, within: 30m}
---
kind: audience
id: not-here
when: {not: {audience: lately-here}}
"""


async def with_audiences(folder: Path, walkers: int) -> list[tuple[int, str, dict[str, Any]]]:
    """Replay the example with audiences that time changes; gives what they came to."""
    (folder / "audiences.yaml").write_text(AUDIENCES, "utf-8")
    documents = read_documents([OLD_TOWN / "fences.geojson"], [OLD_TOWN / "documents", folder])
    points = read_track(OLD_TOWN / "walk.gpx")
    replay = Replay(documents, "Europe/Berlin", points[0].at_ms)
    tracks = {f"walk-{n}": points for n in range(walkers)}
    played = [(p.row.at_ms, p.row.kind, p.row.body) async for p in replay.play(tracks)]
    return [(at_ms, kind, body) for at_ms, kind, body in played if kind == "audience"]


async def test_replay_lets_time_change_audiences_at_its_own_moment(tmp_path: Path) -> None:
    """Who was here leaves half an hour after the last visit began, twice alike."""
    told = await with_audiences(tmp_path, 1)
    joined = [ms for ms, _, b in told if (b["audience_id"], b["on"]) == ("lately-here", "join")]
    left = [ms for ms, _, b in told if (b["audience_id"], b["on"]) == ("lately-here", "leave")]
    by_time = [ms for ms, _, b in told if b["why"] == "time"]

    assert told == await with_audiences(tmp_path, 1)
    assert len(joined) == len(left) == 1
    assert left[0] - joined[0] >= 30 * 60_000
    assert by_time == left * 2  # who left the one has joined the other


async def test_replay_tells_every_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come of one moment, none is left behind."""
    whole = await with_audiences(tmp_path, 3)
    monkeypatch.setattr("fencepost_gateway.lab.replay.PAGE", 1)

    assert whole
    assert await with_audiences(tmp_path, 3) == whole
