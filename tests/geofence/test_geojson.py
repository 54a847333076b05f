import copy
import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_geofence import geojson
from fencepost_geofence.fence import Fence
from fencepost_geofence.geojson import Problem
from fencepost_geofence.members import format_duration, parse_duration_s
from fencepost_geofence.shapes import Area, Circle
from geofence.positions import MODEST, area_lats, feature, fence_of, lons, polygon, radii, star

SHELL = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
POINT = {"type": "Point", "coordinates": [7, 50]}


def shape(*rings: object) -> dict[str, object]:
    """Write a polygon as it stands in a file."""
    return {"type": "Polygon", "coordinates": list(rings)}


def many(*polygons: object) -> dict[str, object]:
    """Write a multipolygon as it stands in a file."""
    return {"type": "MultiPolygon", "coordinates": list(polygons)}


def ring_of(count: int) -> list[list[float]]:
    """Draw a round ring of so many vertices."""
    turns = [2 * math.pi * i / count for i in range(count)]
    ring = [[7 + math.cos(turn), 50 + math.sin(turn)] for turn in turns]
    return [*ring, ring[0]]


def problems(geometry: object, **properties: object) -> list[Problem]:
    """Read one feature that must not become a fence."""
    reading = geojson.read(feature(geometry, "f", **properties))
    assert reading.fences == []
    return reading.problems


BAD_SHAPES: dict[str, tuple[int, object, str, str]] = {
    "bow-tie": (
        57,
        shape([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]),
        "",
        "self-intersection at [0.5, 0.5]",
    ),
    "hole-outside": (58, shape(SHELL, [[5, 5], [6, 5], [6, 6], [5, 5]]), "", "hole lies outside"),
    "nested-holes": (
        58,
        shape(
            SHELL,
            [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]],
            [[1.5, 1.5], [2, 1.5], [2, 2], [1.5, 1.5]],
        ),
        "",
        "holes are nested at [1.5, 1.5]",
    ),
    "doubled-ring": (58, shape(SHELL, SHELL), "", "self-intersection"),
    "open-ring": (58, shape(SHELL[:-1]), "[0]", "the ring is open"),
    "three-positions": (58, shape([[0, 0], [1, 1], [0, 0]]), "[0]", "at least four positions"),
    "zero-area": (58, shape([[0, 0], [1, 0], [2, 0], [0, 0]]), "", "self-intersection"),
    "vanishing-area": (
        58,
        shape([[0, 0], [1e-170, 0], [0, 1e-170], [0, 0]]),
        "",
        "self-intersection",
    ),
    "one-point": (58, shape([[1, 1]] * 4), "", "too few points"),
    "spike": (58, shape([*SHELL[:3], [4, 6], *SHELL[2:]]), "", "ring self-intersection at [4, 4]"),
    "around-the-pole": (
        60,
        shape([[0, 80], [120, 80], [-120, 80], [0, 80]]),
        "[0]",
        "runs around a pole",
    ),
    "to-the-pole": (60, shape([[0, 80], [9, 80], [9, 90], [0, 80]]), "[0]", "beyond 85 degrees"),
    "half-the-world": (
        60,
        shape([[-80, 0], [80, 0], [80, 9], [-80, 9], [-80, 0]]),
        "[0]",
        "90 degrees of longitude or more",
    ),
    "whole-world": (
        60,
        shape([[-180, -80], [180, -80], [180, 80], [-180, 80], [-180, -80]]),
        "",
        "too few points",
    ),
    "nan": (62, shape([[0, 0], [math.nan, 0], [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "infinite": (62, shape([[0, 0], [1, math.inf], [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "1e308": (62, shape([[0, 0], [1e308, 0], [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "endless-integer": (62, shape([[0, 0], [10**400, 0], [1, 1], [0, 0]]), "[0][1]", "lon must"),
    "lon-181": (62, shape([[0, 0], [181, 0], [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "text": (62, shape([[0, 0], ["1", 0], [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "boolean": (62, shape([[0, 0], [True, 0], [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "one-number": (64, shape([[0, 0], [1], [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "no-position": (64, shape([[0, 0], None, [1, 1], [0, 0]]), "[0][1]", "lon must lie"),
    "no-ring": (58, shape(), "", "a list of rings"),
    "ring-is-text": (58, shape("ring"), "[0]", "at least four positions"),
    "coordinates-missing": (58, {"type": "Polygon"}, "", "a list of rings"),
    "no-polygons": (58, many(), "", "a list of polygons"),
    "overlapping-parts": (58, many([SHELL], [SHELL]), "", "self-intersection"),
    "second-part-open": (58, many([SHELL], [SHELL[:-1]]), "[1][0]", "the ring is open"),
    "parts-overlap-over-the-seam": (
        59,
        many(
            [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]],
            [[[-179.5, 0], [-178, 0], [-178, 1], [-179.5, 1], [-179.5, 0]]],
        ),
        "",
        "overlap across the antimeridian",
    ),
}


@pytest.mark.parametrize(
    ("geometry", "path", "what"),
    [
        pytest.param(*row[1:], id=name, marks=pytest.mark.bad_input(row[0]))
        for name, row in BAD_SHAPES.items()
    ],
)
def test_geojson_refuses_a_bad_shape_with_its_place(geometry: object, path: str, what: str) -> None:
    """Each fault has index, id, path, what is wrong and how to mend it."""
    (problem,) = problems(geometry)

    assert (problem.index, problem.fence_id) == (0, "f")
    assert problem.path == f"geometry.coordinates{path}"
    assert what in problem.what
    assert problem.how


@pytest.mark.bad_input(56)
def test_geojson_counts_vertices_before_reading_them() -> None:
    """5,000 vertices are read; one more is refused without looking at any."""
    assert isinstance(fence_of(shape(ring_of(5_000))).shape, Area)

    (problem,) = problems(shape([None] * 5_002))

    assert problem.what == "the polygon has 5,001 vertices"


@pytest.mark.bad_input(63)
@pytest.mark.parametrize(
    "radius_m",
    [0, -1, 9, 1e9, math.nan, "50", True, [50], None, pytest.param(10**5_000, id="endless")],
)
def test_geojson_refuses_a_radius_out_of_range(radius_m: object) -> None:
    """A Point is a fence with a radius of 10 ... 100,000 m only."""
    (problem,) = problems(POINT, radius_m=radius_m)

    assert problem.path == "properties.radius_m"


def test_geojson_recognises_swapped_coordinates() -> None:
    """A latitude that can only be a longitude is said to be swapped."""
    (problem,) = problems({"type": "Point", "coordinates": [37.5, 127.0]}, radius_m=50)

    assert problem.path == "geometry.coordinates"
    assert "swapped" in problem.how


@pytest.mark.bad_input(64)
def test_geojson_drops_further_dimensions() -> None:
    """Three, four and mixed dimensions give the same fence."""
    ring = [[0, 0, 9], [4, 0], [4, 4, 1, 2], [0, 4], [0, 0]]

    assert fence_of(shape(ring)) == fence_of(shape(SHELL))


def nested(depth: int) -> dict[str, object]:
    """Nest geometry collections."""
    geometry: dict[str, object] = dict(POINT)
    for _ in range(depth):
        geometry = {"type": "GeometryCollection", "geometries": [geometry]}
    return geometry


@pytest.mark.parametrize(
    ("geometry", "what"),
    [
        pytest.param(nested(1_000), "no shape", marks=pytest.mark.bad_input(65)),
        ({"type": ["Point"]}, "no shape"),
        ({"type": 10**5_000}, "no shape"),
        (None, "needs a geometry"),
        ("POINT (1 1)", "needs a geometry"),
    ],
    ids=["collection", "list", "number", "null", "text"],
)
def test_geojson_refuses_what_is_no_shape(geometry: object, what: str) -> None:
    """Only circles, areas and corridors are fences."""
    (problem,) = problems(geometry)

    assert problem.path == "geometry.type"
    assert what in problem.what


@pytest.mark.parametrize(
    ("member", "value", "path", "hint"),
    [
        ("tag", ["a"], "tag", "did you mean tags?"),
        ("colour", "red", "colour", "known members"),
        ("active", 7, "active", "quotes"),
        ("emit", "later", "emit", "live (at once) or settled"),
        ("emit", ["live"], "emit", "live (at once) or settled"),
        ("pass", "yes", "pass", "true"),
        ("passes", True, "passes", "did you mean pass?"),
        ("approach_s", "5m", "approach_s", "whole number of seconds"),
        ("approach_s", 9, "approach_s", "10 ... 3,600"),
        ("approach_s", 3_601, "approach_s", "10 ... 3,600"),
        ("approach_s", 60.5, "approach_s", "whole number of seconds"),
        ("approach_s", True, "approach_s", "whole number of seconds"),
        ("enter_at", 0.49, "enter_at", "0.5 ... 0.99"),
        ("enter_at", 1, "enter_at", "0.5 ... 0.99"),
        ("enter_at", "80%", "enter_at", "give a number"),
        ("leave_at", 0, "leave_at", "0.01 ... 0.5"),
        ("leave_at", 0.51, "leave_at", "0.01 ... 0.5"),
        ("leave_at", float("nan"), "leave_at", "0.01 ... 0.5"),
        ("dwell_repeat", "10m", "dwell_repeat", "dwell_after"),
        ("name", 5, "name", "quotes"),
        ("name", "a\0", "name", "quotes"),
        ("name", "x" * 9_000, "name", "shorten"),
        ("tags", "studio", "tags", '["studio"'),
        ("tags", [""], "tags", '["studio"'),
        ("place", "Cafe", "place", "meta"),
        ("place", {"title": "Cafe"}, "place.title", "name, meta"),
        ("place", {"name": 5}, "place.name", "quotes"),
        ("place", {"meta": []}, "place.meta", "gym"),
        ("library", "My Places", "library", "a-z"),
        ("dwell_after", "5", "dwell_after", "30s 10m 2h 7d"),
        ("dwell_after", "0s", "dwell_after", "30s 10m 2h 7d"),
        ("dwell_after", "\uff15m", "dwell_after", "30s 10m 2h 7d"),
        ("dwell_after", ["5m", 300], "dwell_after[1]", "30s 10m 2h 7d"),
        ("presence_ttl", "367d", "presence_ttl", "366d"),
        ("presence_ttl", "0s", "presence_ttl", "366d"),
        ("cooldown", None, "cooldown", "366d"),
        ("cooldown", [], "cooldown", "366d"),
        ("sensitive", "yes", "sensitive", "true"),
    ],
)
def test_geojson_refuses_a_bad_member(member: str, value: object, path: str, hint: str) -> None:
    """Unknown and malformed members say how to mend them."""
    (problem,) = problems(POINT, radius_m=50, **{member: value})

    assert problem.path == f"properties.{path}"
    assert hint in problem.how


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"dwell_after": "5m", "dwell_repeat": "59s"}, "dwell_repeat"),
        ({"dwell_after": "5m", "dwell_repeat": "often"}, "dwell_repeat"),
        ({"dwell_after": [], "dwell_repeat": "5m"}, "dwell_repeat"),
        ({"enter_at": 0.5, "leave_at": 0.5}, "enter_at"),
    ],
)
def test_geojson_refuses_members_that_do_not_fit_together(
    members: dict[str, object], path: str
) -> None:
    """A repeat follows a threshold, no oftener than each minute; one enters above leaving."""
    (problem,) = problems(POINT, radius_m=50, **members)

    assert problem.path == f"properties.{path}"


def test_geojson_refuses_a_radius_on_a_polygon() -> None:
    """A radius means nothing to a polygon."""
    (problem,) = problems(shape(SHELL), radius_m=50)

    assert problem.path == "properties.radius_m"


def test_geojson_reads_every_member() -> None:
    """All members of a fence, once."""
    fence = fence_of(
        POINT,
        "studio-1",
        radius_m=80,
        name="Studio",
        tags=["studio", "yoga"],
        place={"name": "Yoga House", "meta": {"gym": True}},
        library="studios",
        dwell_after=["1h", "5m", "5m"],
        dwell_repeat="30m",
        presence_ttl="30m",
        cooldown="0s",
        enter_at=0.8,
        leave_at=0.2,
        approach_s=300,
        emit="settled",
        **{"pass": True},
        active="Mo-Fr 08:00-18:00",
        zone="Asia/Seoul",
        sensitive=True,
    )

    assert fence == Fence(
        fence_id="studio-1",
        shape=Circle(50, 7, 80),
        name="Studio",
        tags=frozenset({"studio", "yoga"}),
        place_name="Yoga House",
        meta={"gym": True},
        library="studios",
        dwell_after_s=(300, 3_600),
        dwell_repeat_s=1_800,
        presence_ttl_s=1_800,
        enter_at=0.8,
        leave_at=0.2,
        passes=True,
        approach_s=300,
        emit="settled",
        active="Mo-Fr 08:00-18:00",
        zone="Asia/Seoul",
        sensitive=True,
    )


def collection(*features: object) -> dict[str, object]:
    """Write a feature collection."""
    return {"type": "FeatureCollection", "features": list(features)}


def test_geojson_tells_all_problems_at_once() -> None:
    """Every feature's problems come together; the good ones are read."""
    reading = geojson.read(
        collection(
            feature(POINT, "good", radius_m=50),
            feature(shape(SHELL[:-1], [[0, 0]]), "bad", nme="x", tags=1),
            "nonsense",
            {"type": "Feature", "id": "odd", "geometry": POINT, "properties": [50]},
        )
    )

    assert [fence.fence_id for fence in reading.fences] == ["good"]
    assert [(one.index, one.fence_id, one.path) for one in reading.problems] == [
        (1, "bad", "features[1].properties.nme"),
        (1, "bad", "features[1].properties.tags"),
        (1, "bad", "features[1].geometry.coordinates[0]"),
        (1, "bad", "features[1].geometry.coordinates[1]"),
        (2, None, "features[2]"),
        (3, "odd", "features[3].properties"),
        (3, "odd", "features[3].properties.radius_m"),
    ]


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        ([], "type"),
        ({"type": "Topology"}, "type"),
        ({"type": "FeatureCollection"}, "features"),
        (collection(*[None] * 50_001), "features"),
    ],
    ids=["list", "foreign", "no-features", "too-many"],
)
def test_geojson_refuses_what_is_no_file_of_fences(obj: object, path: str) -> None:
    """The whole file has a problem of its own."""
    (problem,) = geojson.read(obj).problems

    assert (problem.index, problem.path) == (None, path)


@pytest.mark.parametrize(
    "fence_id",
    [None, "", "Cafe", "a" * 65, 1.5, True, pytest.param(10**5_000, id="endless"), ["a"]],
)
def test_geojson_wants_ids_that_documents_can_name(fence_id: object) -> None:
    """Our own files name every feature."""
    reading = geojson.read(feature(POINT, fence_id, radius_m=50))

    assert reading.fences == []
    assert [problem.path for problem in reading.problems] == ["id"]


def test_geojson_takes_the_id_from_the_feature_or_its_properties() -> None:
    """A number is written out."""
    inner = {"type": "Feature", "geometry": POINT, "properties": {"id": "in", "radius_m": 50}}

    reading = geojson.read(collection(feature(POINT, 17, radius_m=50), inner))

    assert [fence.fence_id for fence in reading.fences] == ["17", "in"]


def test_geojson_takes_null_for_no_properties() -> None:
    """RFC 7946 lets ``properties`` be null."""
    plain = {"type": "Feature", "id": "a", "geometry": shape(SHELL), "properties": None}

    assert geojson.read(plain).problems == []


def test_geojson_refuses_an_id_given_twice() -> None:
    """One id, one feature."""
    twice = feature(POINT, "a", radius_m=50)

    reading = geojson.read(collection(twice, twice))

    assert [(one.index, one.path) for one in reading.problems] == [(1, "features[1].id")]


def test_geojson_names_foreign_features() -> None:
    """Ids come from id, name or position, are unique, and unknown members are passed over."""
    plain = {"type": "Feature", "geometry": POINT, "properties": {"radius_m": 50, "kind": "x"}}
    named: list[Any] = [copy.deepcopy(plain) for _ in range(7)]
    for one, name in zip(named, ["Café Änne", "Café Änne", "세종로", None], strict=False):
        one["properties"] |= {"name": name} if name else {}
    named[4]["id"] = "way/123"
    named[5]["id"] = "own"
    named[6]["id"] = "a" * 64
    named.append(named[6])

    reading = geojson.read(collection(*named), default_id_prefix="My File")

    assert reading.problems == []
    assert [fence.fence_id for fence in reading.fences] == [
        "cafe-anne",
        "cafe-anne-2",
        "my-file-2",
        "my-file-3",
        "way-123",
        "own",
        "a" * 64,
        "a" * 56 + "-2",
    ]


fences = st.builds(
    Fence,
    fence_id=st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True),
    shape=st.builds(Circle, st.floats(-90, 90), lons, st.floats(10, 100_000))
    | st.builds(
        lambda lat, lon, radii_m: fence_of(polygon(star(lat, lon, radii_m))).shape,
        area_lats,
        st.floats(-179.9, 179.9),
        radii,
    ),
    name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    tags=st.frozensets(st.sampled_from(["studio", "yoga", "카페"])),
    place_name=st.sampled_from(["", "Yoga House"]),
    meta=st.sampled_from([{}, {"gym": True, "rooms": [1, 2]}]),
    library=st.sampled_from(["", "studios"]),
    dwell_after_s=st.sets(st.integers(1, 90_000), max_size=3).map(lambda s: tuple(sorted(s))),
    presence_ttl_s=st.integers(1, 90_000),
    cooldown_s=st.integers(0, 90_000),
    enter_at=st.floats(0.51, 0.99),
    leave_at=st.floats(0.01, 0.5),
    passes=st.booleans(),
    approach_s=st.none() | st.integers(10, 3_600),
    emit=st.sampled_from(["live", "settled"]),
    active=st.sampled_from(["", "24/7"]),
    zone=st.sampled_from(["", "Asia/Seoul"]),
    sensitive=st.booleans(),
)


@given(st.integers(60, 90_000), st.integers(1, 90_000))
def test_geojson_reads_the_repeat_it_writes(repeat_s: int, after_s: int) -> None:
    """A repeat written and read is the same."""
    fence = Fence("a", Circle(50, 7, 50), dwell_after_s=(after_s,), dwell_repeat_s=repeat_s)

    assert geojson.read(geojson.to_feature(fence)).fences == [fence]


@MODEST
@given(fences)
def test_geojson_reads_what_it_writes(fence: Fence) -> None:
    """A fence written and read is the same fence."""
    text = json.dumps(geojson.to_collection([fence]))

    reading = geojson.read(json.loads(text))

    assert reading.problems == []
    (again,) = reading.fences
    if isinstance(again.shape, Area) and isinstance(fence.shape, Area):
        difference = again.shape.geometry ^ fence.shape.geometry
        assert difference.area < 1e-9 * fence.shape.geometry.area
        if fence.shape.geometry.bounds[2] <= 180:
            assert again == fence
    else:
        assert again == fence


@pytest.mark.bad_input(59)
def test_geojson_writes_fences_cut_at_the_antimeridian() -> None:
    """Written coordinates stay within 180 degrees; shells run counter-clockwise."""
    ring = [[177, -19], [177, -15], [-178, -15], [-178, -19], [177, -19]]
    west = [[-175, 0], [-174, 0], [-174, 1], [-175, 1], [-175, 0]]

    written = geojson.to_feature(fence_of(many([ring], [west])))["geometry"]

    assert written["type"] == "MultiPolygon"
    for part in written["coordinates"]:
        shell = part[0]
        assert all(abs(lon) <= 180 for lon, _ in shell)
        assert sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(shell)) > 0
    assert len(written["coordinates"]) == 3
    assert geojson.read(feature(written)).problems == []


def test_duration_is_written_in_its_largest_unit() -> None:
    """What is written reads the same."""
    written = [format_duration(seconds) for seconds in (0, 30, 600, 7_200, 604_800, 90)]

    assert written == ["0s", "30s", "10m", "2h", "7d", "90s"]
    assert [parse_duration_s(text) for text in written] == [0, 30, 600, 7_200, 604_800, 90]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "name", "meta", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)

VALID = collection(
    feature(shape(SHELL, [[1, 1], [2, 1], [2, 2], [1, 1]]), "a", name="A", tags=["x"]),
    feature(many([SHELL]), "b", dwell_after=["5m"], place={"name": "P", "meta": {}}),
    feature(POINT, "c", radius_m=50, presence_ttl="1h"),
    feature({"type": "LineString", "coordinates": [[0, 0], [0.1, 0]]}, "d", width_m=50),
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_geojson_never_fails_on_a_mangled_file(data: st.DataObject) -> None:
    """Any value anywhere gives fences or problems, never an exception."""
    obj: Any = copy.deepcopy(VALID)
    node: Any = {"": obj}
    key: Any = ""
    while isinstance(node[key], dict | list) and node[key] and data.draw(st.integers(0, 5)):
        node = node[key]
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
    node[key] = data.draw(json_values)

    obj = node[""] if key == "" else obj
    reading = geojson.read(obj)
    foreign = geojson.read(obj, default_id_prefix="x")

    assert reading.fences or reading.problems or obj in (VALID, collection())
    assert len(foreign.fences) >= len(reading.fences)
