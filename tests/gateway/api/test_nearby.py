from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.api import fence_set
from fencepost_sdk.monitor import read_fence
from gateway.rig import FENCES, OPEN_POLICY, Rig, open_rig
from geofence.positions import moved

NEARBY = "/v1/fences/nearby"


def shops(*places: tuple[str, float, float], radius_m: float = 50) -> dict[str, Any]:
    """Draw circles by id, lat and lon."""
    features = [
        {
            "type": "Feature",
            "id": name,
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "properties": {"radius_m": radius_m},
        }
        for name, lat, lon in places
    ]
    return {"type": "FeatureCollection", "features": features}


async def ask(rig: Rig, lat: str, lon: str, **more: str) -> dict[str, Any]:
    """Ask as the device; gives the answer, which must be 200."""
    query = {"lat": lat, "lon": lon, **more}
    response = await rig.client.get(NEARBY, params=query, headers=rig.device_headers())
    answer: dict[str, Any] = await response.json()
    assert response.status == 200, answer
    return answer


@pytest.mark.feature("P03")
async def test_nearby_gives_what_a_device_needs_to_watch_a_fence(tmp_path: Path) -> None:
    """Shape, version, place and every duration, around the middle of the cell."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=FENCES)

        answer = await ask(rig, "43.73", "7.4")
        have = answer.pop("have")

        assert have.endswith(",43.73,7.4,1000000,eb3c4e8b")
        assert answer == {
            "v": 1,
            "center": {"lat": 43.73, "lon": 7.4},
            "valid_radius_m": 1_000_000,
            "stale_after_s": 86_400,
            "fences": [
                {
                    "id": "studio",
                    "version": 1,
                    "shape": {"type": "Point", "coordinates": [7.42, 43.73], "radius_m": 60},
                    "place": {"name": "Yoga Loft", "meta": {"next_class": "10:00"}},
                    "library": None,
                    "tags": ["studio"],
                    "dwell_after_s": [300],
                    "presence_ttl_s": 3600,
                    "cooldown_s": 0,
                    "active": None,
                    "zone": None,
                }
            ],
        }


async def test_nearby_gives_the_rules_of_a_fence_that_has_its_own(tmp_path: Path) -> None:
    """The device tells a visit when the gateway does; what is as usual is left out."""
    own = {"dwell_after": "5m", "dwell_repeat": "10m", "enter_at": 0.9, "leave_at": 0.2}
    fences = shops(("own", 43.73, 7.42), ("usual", 43.73, 7.42))
    fences["features"][0]["properties"] |= own
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=fences)

        answer = await ask(rig, "43.73", "7.4")

        told = {fence["id"]: fence for fence in answer["fences"]}
        watched = {name: read_fence(fence) for name, fence in told.items()}
        published = {fence.fence_id: fence for fence in rig.gateway.surface.plans.fences}
        members = ("dwell_after_s", "dwell_repeat_s", "enter_at", "leave_at")
        for name, fence in published.items():
            rules = [getattr(fence, member) for member in members]
            assert [getattr(watched[name], member) for member in members] == rules
        assert not {"dwell_repeat_s", "enter_at", "leave_at"} & told["usual"].keys()


async def test_nearby_covers_the_whole_cell(tmp_path: Path) -> None:
    """Wherever in its cell the device is, its nearest fence is in an answer to limit 1."""
    spots = [(50 + i * 0.001, 7 + j * 0.001) for i in range(-5, 6) for j in range(-5, 6)]
    places = [(f"s-{i:03}", lat, lon) for i, (lat, lon) in enumerate(spots)]
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=shops(*places, radius_m=10))

        answer = await ask(rig, "50", "7.00", limit="1")

        named = {fence["id"] for fence in answer["fences"]}
        index = rig.gateway.surface.plans.tracker.index
        for lat, lon in [(49.995, 6.995), (50.005, 7.005), (50.0049, 6.9951), (50.001, 7.0)]:
            assert index.nearest(lat, lon, 1)[0][0].fence_id in named
        assert 600 < answer["valid_radius_m"] < 2_000


async def test_nearby_radius_says_how_far_the_answer_holds(tmp_path: Path) -> None:
    """Every fence that reaches within the radius is there; what lies beyond need not be."""
    places = [(f"s-{i:03}", *moved(50, 7, 100 * i, i)) for i in range(100)]
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=shops(*places))

        answer = await ask(rig, "50", "7", limit="20")

        index = rig.gateway.surface.plans.tracker.index
        reaching = index.nearest(50, 7, 100, within_m=answer["valid_radius_m"])
        assert {f["id"] for f in answer["fences"]} == {f.fence_id for f, _ in reaching}
        assert 20 < len(answer["fences"]) < 100


async def test_nearby_gives_at_most_its_bound_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a crowd the answer ends early, and its radius with it."""
    monkeypatch.setattr(fence_set, "FENCES_MAX", 3)
    places = [(f"s-{i}", 50 + i * 0.001, 7.0) for i in range(5)]
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=shops(*places))

        answer = await ask(rig, "50", "7")

        assert [f["id"] for f in answer["fences"]] == ["s-0", "s-1", "s-2"]
        assert 200 < answer["valid_radius_m"] < 290


async def test_nearby_ends_at_a_thousand_kilometres(tmp_path: Path) -> None:
    """A fence on the other side of the continent is none of a device's concern."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=shops(("near", 58, 7), ("far", 60, 7)))

        assert [f["id"] for f in (await ask(rig, "50", "7"))["fences"]] == ["near"]


async def test_nearby_known_answer_is_not_sent_again(tmp_path: Path) -> None:
    """304 for the ETag in hand, until a fence changes."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=FENCES)
        query, headers = {"lat": "43.73", "lon": "7.42"}, rig.device_headers()
        first = await rig.client.get(NEARBY, params=query, headers=headers)
        known = headers | {"If-None-Match": first.headers["ETag"]}

        again = await rig.client.get(NEARBY, params=query, headers=known)
        await rig.apply(OPEN_POLICY, fences=shops(("new", 43.73, 7.42)))
        changed = await rig.client.get(NEARBY, params=query, headers=known)

        assert (again.status, await again.read()) == (304, b"")
        assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "private"
        assert changed.status == 200
        assert changed.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("lat", "lon", "code", "path"),
    [
        ("43.731", "7.42", "not_snapped", "lat"),
        ("43.73", "7.4200001", "not_snapped", "lon"),
        ("43.73", "", "malformed", "lon"),
        ("nan", "7.42", "malformed", "lat"),
        ("1e1", "7.42", "malformed", "lat"),
        ("90.01", "7.42", "malformed", "lat"),
        ("43.73", "-180.01", "malformed", "lon"),
        ("٤٣", "7.42", "malformed", "lat"),
    ],
    ids=["lat", "lon", "missing", "nan", "power", "north", "west", "digits"],
)
async def test_nearby_refuses_coordinates_that_say_too_much(
    tmp_path: Path, lat: str, lon: str, code: str, path: str
) -> None:
    """Finer than a cell, or no position at all; what was sent is not repeated."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        query = {"lat": lat, "lon": lon}
        response = await rig.client.get(NEARBY, params=query, headers=rig.device_headers())

        problem = await response.json()
        assert (response.status, problem["code"], problem["path"]) == (400, code, path)
        assert "43.73" not in str(problem)


async def test_nearby_gives_a_difference_to_what_the_caller_has(tmp_path: Path) -> None:
    """``have`` of the last answer brings what changed since, under the new ETag."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=shops(("old", 43.73, 7.42), ("same", 43.73, 7.43)))
        have = (await ask(rig, "43.73", "7.42"))["have"]
        await rig.apply(OPEN_POLICY, fences=shops(("new", 43.73, 7.42)))
        await rig.client.delete("/v1/documents/fence/old", headers=rig.operator)
        await rig.settle()

        told = await ask(rig, "43.74", "7.42", have=have)

        assert [fence["id"] for fence in told["fences"]] == ["new"]
        assert (told["gone"], told["count"]) == (["old"], 2)
        assert told["have"] != have


async def test_nearby_of_another_cell_is_never_not_modified(tmp_path: Path) -> None:
    """The ETag is the edition's: with a set of another cell it does not mean that all is known."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=FENCES)
        query, headers = {"lat": "43.73", "lon": "7.42"}, rig.device_headers()
        first = await rig.client.get(NEARBY, params=query, headers=headers)
        known = headers | {"If-None-Match": first.headers["ETag"]}
        query["have"] = (await first.json())["have"]

        here = await rig.client.get(NEARBY, params=query, headers=known)
        there = await rig.client.get(NEARBY, params=query | {"lat": "43.74"}, headers=known)

        assert (here.status, there.status) == (304, 200)


def town(*features: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Draw circles around one spot with the properties given."""
    drawn = shops(*((name, 43.73, 7.42) for name, _ in features))
    for feature, (_, properties) in zip(drawn["features"], features, strict=True):
        feature["properties"] |= properties
    return drawn


LIBRARIES = """
kind: library
id: own
rank: 1
team: stores
---
kind: library
id: others
rank: 2
team: research
"""
MIXED = town(
    ("a", {"library": "own", "tags": ["yoga", "café & bar"]}),
    ("b", {"library": "own", "active": "Mo-Fr 08:00-18:00", "zone": "Europe/Monaco"}),
    ("c", {"library": "others", "tags": ["yoga"], "active": "Sa,Su", "zone": "Europe/Monaco"}),
)


@pytest.mark.feature("P03")
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"library": "own"}, ["a", "b"]),
        ({"library": "nobody-s"}, []),
        ({"tag": "yoga"}, ["a", "c"]),
        ({"tag": "café & bar"}, ["a"]),
        ({"open": "now"}, ["a", "b"]),
        ({"open": "now", "limit": "1"}, ["a", "b"]),
        ({"library": "others", "open": "now"}, []),
        ({"library": "own", "tag": "yoga", "open": "now"}, ["a"]),
    ],
)
async def test_nearby_filters_by_library_tag_and_opening_hours(
    tmp_path: Path, filters: dict[str, str], expected: list[str]
) -> None:
    """All filters must hold; a fence without hours is always open. It is a Monday, two o'clock."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, LIBRARIES, fences=MIXED)

        answer = await ask(rig, "43.73", "7.42", **filters)

        assert [fence["id"] for fence in answer["fences"]] == expected


async def test_nearby_tells_the_zone_of_hours_and_notices_when_it_changes(tmp_path: Path) -> None:
    """Hours without a zone of their own are in the workspace's: another one is another answer."""
    drawn = town(("a", {"active": "Mo-Fr 08:00-18:00"}), ("b", {}))
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, "kind: workspace\nid: w\nzone: Europe/Monaco", fences=drawn)
        first = await ask(rig, "43.73", "7.42")
        await rig.apply("kind: workspace\nid: w\nzone: Asia/Seoul", fences=drawn)
        second = await ask(rig, "43.73", "7.42", have=first["have"])

        assert [fence["zone"] for fence in first["fences"]] == ["Europe/Monaco", None]
        assert [fence["zone"] for fence in second["fences"]] == ["Asia/Seoul", None]


async def test_nearby_open_now_changes_with_the_hour(tmp_path: Path) -> None:
    """What is open is no set to hold: it has its own ETag, a short life, and no differences."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, LIBRARIES, fences=MIXED)
        query = {"lat": "43.73", "lon": "7.42", "open": "now"}
        first = await rig.client.get(NEARBY, params=query, headers=rig.device_headers())
        known = rig.device_headers() | {"If-None-Match": first.headers["ETag"]}
        again = await rig.client.get(NEARBY, params=query, headers=known)
        rig.clock.move_to(rig.clock.now_ms() + 5 * 3_600_000)
        evening = await rig.client.get(NEARBY, params=query, headers=known)
        body = await evening.json()

        assert (again.status, evening.status) == (304, 200)
        assert [fence["id"] for fence in body["fences"]] == ["a"]
        assert body["stale_after_s"] == 300
        assert "have" not in body


async def test_nearby_limit_counts_what_is_asked_for(tmp_path: Path) -> None:
    """The nearest one that is wanted is there, however many others are nearer."""
    places = [(f"s-{i:02}", *moved(50, 7, 200 * i, 1.57)) for i in range(60)]
    drawn = shops(*places)
    drawn["features"][50]["properties"]["tags"] = ["tea"]
    drawn["features"][10]["properties"] |= {"active": "off", "zone": "UTC"}
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=drawn)

        tea = await ask(rig, "50", "7", limit="1", tag="tea")
        opened = await ask(rig, "50", "7", limit="11", open="now")

        assert [fence["id"] for fence in tea["fences"]] == ["s-50"]
        assert {f"s-{i:02}" for i in range(12)} - {fence["id"] for fence in opened["fences"]} == {
            "s-10"
        }
        assert opened["valid_radius_m"] < 12_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "501"),
        ("limit", "-1"),
        ("library", ""),
        ("library", "Own"),
        ("library", "own\n"),
        ("tag", ""),
        ("tag", "x" * 65),
        ("open", ""),
        ("open", "true"),
    ],
)
async def test_nearby_names_the_filter_that_is_wrong(tmp_path: Path, name: str, value: str) -> None:
    """A filter that cannot mean anything is an error with its name, not an empty answer."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        query = {"lat": "43.73", "lon": "7.42", name: value}
        response = await rig.client.get(NEARBY, params=query, headers=rig.device_headers())

        problem = await response.json()
        assert (response.status, problem["code"], problem["path"]) == (400, "malformed", name)


async def test_nearby_takes_one_filter_of_a_kind(tmp_path: Path) -> None:
    """Two tags could mean both or either: they are refused."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        response = await rig.client.get(
            f"{NEARBY}?lat=43.73&lon=7.42&tag=a&tag=b", headers=rig.device_headers()
        )

        assert (response.status, (await response.json())["path"]) == (400, "tag")


@pytest.mark.parametrize(("lat", "lon"), [("90", "0"), ("-90.00", "180.000"), ("0", "-180")])
async def test_nearby_answers_at_the_edges_of_the_world(tmp_path: Path, lat: str, lon: str) -> None:
    """Poles and seam are places like others."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        await rig.apply(OPEN_POLICY, fences=shops(("here", float(lat), float(lon))))

        assert [f["id"] for f in (await ask(rig, lat, lon))["fences"]] == ["here"]


@pytest.mark.parametrize("values", [{"collect": "y"}, {"collect": "y", "location_collect": "n"}])
async def test_nearby_needs_consent(tmp_path: Path, values: dict[str, str]) -> None:
    """Asking is a position: without location_collect nothing is told, withdrawn or never given."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY, fences=FENCES)
        await rig.consent()
        rig.clock.move_to(rig.clock.now_ms() + 600_000)
        user = "u1" if "location_collect" in values else "u2"
        await rig.send({"type": "consent", "values": values}, user_id=user)

        query = {"lat": "43.73", "lon": "7.42"}
        response = await rig.client.get(NEARBY, params=query, headers=rig.device_headers())

        assert (response.status, (await response.json())["code"]) == (403, "location_consent")


async def test_nearby_answers_only_a_known_device(tmp_path: Path) -> None:
    """Another secret is told nothing."""
    async with open_rig(tmp_path) as rig:
        await rig.consent()
        query = {"lat": "43.73", "lon": "7.42"}
        stranger = rig.device_headers(secret="guess")

        response = await rig.client.get(NEARBY, params=query, headers=stranger)

        assert (response.status, (await response.json())["code"]) == (401, "device_secret")
