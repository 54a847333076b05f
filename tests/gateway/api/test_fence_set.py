"""The set of fences for a cell and its differences, without HTTP."""

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.api import fence_set as sets
from fencepost_gateway.api.fence_set import Ask, Held, read_held
from fencepost_gateway.api.nearby import nearby
from fencepost_gateway.documents.document import canonical_json
from fencepost_gateway.documents.fences import body_of
from fencepost_gateway.ports import DocumentRow, Store
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers import editions
from fencepost_gateway.workers.plans import Plans
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Circle
from geofence.positions import moved

NOW_MS = 1_780_315_200_000
HOMES = [(50.0, 7.0), (0.0, 180.0), (90.0, 0.0), (-33.33, -179.99)]


@dataclass
class Town:
    """Fences that come, change and go, as a store would publish them."""

    rows: dict[str, DocumentRow] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    revision: int = 0
    plans: Plans = field(default_factory=lambda: Plans("seed"))

    def __getattr__(self, name: str) -> object:
        """Give the other books of a store: of nobody."""
        return getattr(MemoryStore(), name)

    async def documents(self) -> tuple[int, Sequence[DocumentRow]]:
        """See ``Store.documents``."""
        return self.revision, list(self.rows.values())

    def draw(self, fence: Fence) -> None:
        """Give a fence its next version."""
        version = self.numbers.get(fence.fence_id, 0) + 1
        self.numbers[fence.fence_id] = version
        body = canonical_json(body_of(fence))
        self.rows[fence.fence_id] = DocumentRow("fence", fence.fence_id, version, body, 0, 0)

    def archive(self, fence_id: str) -> None:
        """Take a fence away; its versions stay."""
        if self.rows.pop(fence_id, None) is not None:
            self.numbers[fence_id] += 1

    def publish(self) -> None:
        """Let the gateway know."""
        self.revision += 1
        asyncio.run(self.plans.load(cast("Store", self)))

    def restart(self) -> None:
        """Begin anew with what is published."""
        self.plans = Plans("seed")
        asyncio.run(self.plans.load(cast("Store", self)))

    def ask(self, ask: Ask, have: str = "") -> dict[str, Any]:
        """Ask as a device does."""
        answer = nearby(self.plans, ask, read_held(have), NOW_MS)
        told: dict[str, Any] = json.loads(msgspec.json.encode(answer))
        return told


class Holder:
    """A device that holds a set and applies what it is told."""

    def __init__(self) -> None:
        self.have = ""
        self.fences: dict[str, Any] = {}

    def take(self, answer: dict[str, Any]) -> None:
        """Apply an answer as ``sdk/wire`` says."""
        if "gone" not in answer:
            self.fences = {}
        for fence_id in answer.get("gone", []):
            self.fences.pop(fence_id, None)
        self.fences |= {fence["id"]: fence for fence in answer["fences"]}
        self.have = answer.get("have", "")
        assert answer.get("count", len(self.fences)) == len(self.fences)


def circle(fence_id: str, where: tuple[float, float], *tags: str, radius_m: float = 60) -> Fence:
    """Draw a circle."""
    return Fence(fence_id, Circle(*where, radius_m), tags=frozenset(tags))


def fence_ids(answer: dict[str, Any]) -> list[str]:
    """Give the ids of the fences in an answer, in its order."""
    return [fence["id"] for fence in answer["fences"]]


class Draw(NamedTuple):
    """Put a fence somewhere near, new or in another way than before."""

    number: int
    away_m: float
    bearing: float
    radius_m: float
    tags: list[str]


class Step(NamedTuple):
    """Something changes, then the device asks."""

    draws: list[Draw]
    archived: list[int]
    event: Literal["", "restart", "forget"]
    north: int
    east: int
    limit: int
    tag: str


tags = st.sampled_from(["shop", "café & bar"])
draws = st.builds(
    Draw,
    st.integers(0, 30),
    st.floats(0, 9_000),
    st.floats(0, 6.28),
    st.floats(10, 900),
    st.lists(tags, max_size=2, unique=True),
)
steps = st.builds(
    Step,
    st.lists(draws, max_size=6),
    st.lists(st.integers(0, 30), max_size=3),
    st.sampled_from(["", "", "", "", "restart", "forget"]),
    st.integers(-4, 4),
    st.integers(-4, 4),
    st.sampled_from([0, 1, 2, 5, 200]),
    st.just("") | st.just("") | tags,
)


def cell(home: tuple[float, float], north: int, east: int) -> tuple[float, float]:
    """Give a cell of the grid some cells away from home."""
    lat = max(-90.0, min(90.0, round(home[0] + north / 100, 2)))
    lon = round(home[1] + east / 100, 2)
    return lat, round((lon + 540) % 360 - 180, 2)


@pytest.mark.feature("P03")
@pytest.mark.parametrize("home", HOMES, ids=["town", "seam", "pole", "south"])
def test_difference_applied_is_the_whole_answer(
    home: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is published, wherever the device goes and whatever it asks, also after restarts."""
    monkeypatch.setattr(sets, "FENCES_MAX", 12)
    monkeypatch.setattr(sets, "BODY_BYTES", 2_600)
    monkeypatch.setattr(editions, "CHANGES_MAX", 9)

    @settings(max_examples=30, deadline=None)
    @given(script=st.lists(steps, min_size=1, max_size=12))
    def property_holds(script: list[Step]) -> None:
        town, device = Town(), Holder()
        for step in script:
            for draw in step.draws:
                where = moved(*home, draw.away_m, draw.bearing)
                name = f"f-{draw.number}"
                town.draw(circle(name, where, *draw.tags, radius_m=draw.radius_m))
            for number in step.archived:
                town.archive(f"f-{number}")
            town.publish()
            if step.event == "restart":
                town.restart()
            elif step.event == "forget":
                device = Holder()
            ask = Ask(*cell(home, step.north, step.east), step.limit, "", step.tag)
            device.take(town.ask(ask, device.have))
            whole = town.ask(ask)

            assert device.fences == {fence["id"]: fence for fence in whole["fences"]}
            assert device.have == whole.get("have", "")

    property_holds()


places = st.tuples(st.floats(0, 3_000), st.floats(0, 6.28), st.floats(10, 300))
corners = st.tuples(st.floats(-1, 1), st.floats(-1, 1))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(places, min_size=1, max_size=25), corners, st.integers(1, 4), st.sampled_from(HOMES)
)
def test_set_has_the_nearest_from_anywhere_in_the_cell(
    drawn: list[tuple[float, float, float]],
    corner: tuple[float, float],
    limit: int,
    home: tuple[float, float],
) -> None:
    """The device picks by its exact position, which the gateway never learns."""
    town = Town()
    for i, (away_m, bearing, radius_m) in enumerate(drawn):
        town.draw(circle(f"f-{i}", moved(*home, away_m, bearing), radius_m=radius_m))
    town.publish()
    told = fence_ids(town.ask(Ask(*home, limit)))
    lat = max(-90.0, min(90.0, home[0] + corner[0] * 0.005))
    lon = (home[1] + corner[1] * 0.005 + 540) % 360 - 180
    nearest = town.plans.tracker.index.nearest(lat, lon, limit)

    assert {fence.fence_id for fence, _ in nearest} <= set(told)


def test_set_goes_on_to_what_is_nearest_from_the_far_corner() -> None:
    """The nearest from the middle may be far from a corner that has another one just behind it."""
    town = Town()
    north_east = 0.571
    town.draw(circle("near", moved(50, 7, 500, north_east + math.pi), radius_m=10))
    town.draw(circle("behind", moved(50.005, 7.005, 1_000, north_east), radius_m=10))
    town.publish()
    nearest = town.plans.tracker.index.nearest(50.005, 7.005, 1)

    assert [fence.fence_id for fence, _ in nearest] == ["behind"]
    assert fence_ids(town.ask(Ask(50.0, 7.0, 1))) == ["near", "behind"]


def row_of_shops(count: int) -> Town:
    """Draw shops a hundred metres apart, to the east of 50, 7."""
    town = Town()
    for i in range(count):
        town.draw(circle(f"s-{i:02}", moved(50, 7, 100 * i, 1.57), radius_m=20))
    town.publish()
    return town


HERE = Ask(50.0, 7.0, 5)


def test_difference_of_nothing_is_nothing() -> None:
    """The same cell, the same fences: no fence travels."""
    town = row_of_shops(9)
    again = town.ask(HERE, town.ask(HERE)["have"])

    assert (again["fences"], again["gone"], again["count"]) == ([], [], 9)


def test_difference_names_what_came_changed_and_went() -> None:
    """One of each, and nothing else."""
    town = row_of_shops(9)
    have = town.ask(HERE)["have"]
    town.draw(circle("s-01", (50.0001, 7.001)))
    town.draw(circle("s-99", (50.0001, 7.002)))
    town.archive("s-03")
    town.publish()
    told = town.ask(HERE, have)

    assert (sorted(fence_ids(told)), told["gone"], told["count"]) == (["s-01", "s-99"], ["s-03"], 9)


def test_difference_reaches_into_the_next_cell() -> None:
    """Going on brings the fences ahead and takes away those behind."""
    town = row_of_shops(60)
    first = town.ask(HERE)
    told = town.ask(Ask(50.0, 7.03, 5), first["have"])
    ahead, behind = fence_ids(told), told["gone"]

    assert ahead
    assert behind
    assert set(behind) < set(fence_ids(first))
    assert not set(ahead) & set(fence_ids(first))


def test_difference_is_known_after_a_restart_and_elsewhere() -> None:
    """Another process with the same documents understands what this one wrote."""
    town = row_of_shops(9)
    have = town.ask(HERE)["have"]
    town.restart()

    assert town.ask(HERE, have)["gone"] == []


@pytest.mark.parametrize(
    "have",
    ["", "x", "f-000000000000000000000000,50,7,999,eb3c4e8b", "{edition},91,7,999,eb3c4e8b",
     "{edition},50,7,9999999,eb3c4e8b", "{edition},50,7,999,00000000",
     "{edition},-50,7,999,eb3c4e8b", "{edition},50,7,999,eb3c4e8b\n"],
    ids=["nothing", "nonsense", "edition", "place", "radius", "filter", "far", "tail"],
)  # fmt: skip
def test_set_that_nobody_knows_gets_the_whole_answer(have: str) -> None:
    """What cannot be told apart is told whole; it is never an error."""
    town = row_of_shops(9)
    edition = town.plans.editions.name

    told = town.ask(HERE, have.replace("{edition}", edition))

    assert "gone" not in told
    assert len(told["fences"]) == 9


def test_edition_from_before_a_restart_is_unknown_once_something_changed() -> None:
    """What changed is known as far as the process saw it."""
    town = row_of_shops(9)
    have = town.ask(HERE)["have"]
    town.archive("s-03")
    town.restart()

    assert "gone" not in town.ask(HERE, have)


def test_many_changes_make_the_past_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device is never told to forget more ids than a whole answer is worth."""
    monkeypatch.setattr(editions, "CHANGES_MAX", 3)
    town = row_of_shops(9)
    have = town.ask(HERE)["have"]
    for i in range(3):
        town.draw(circle(f"n-{i}", (50, 7.001)))
    town.publish()
    known = town.ask(HERE, have)
    town.archive("n-0")
    town.publish()

    assert len(known["fences"]) == 3
    assert "gone" not in town.ask(HERE, have)
    assert town.ask(HERE, known["have"])["gone"] == ["n-0"]


def test_answer_stays_within_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large fences make the radius shorter, not the answer longer."""
    monkeypatch.setattr(sets, "BODY_BYTES", 2_000)
    town = row_of_shops(40)
    told = town.ask(Ask(50.0, 7.0, 30))
    found = town.plans.tracker.index.nearest(50, 7, 99, within_m=told["valid_radius_m"])

    assert sum(len(json.dumps(fence)) for fence in told["fences"]) < 2_500
    assert fence_ids(told) == [fence.fence_id for fence, _ in found]
    assert 0 < len(found) < 30


def test_crowd_at_one_spot_is_told_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """More fences around the middle than fit: those deepest inside, and no differences."""
    monkeypatch.setattr(sets, "FENCES_MAX", 3)
    town = Town()
    for i in range(6):
        town.draw(circle(f"c-{i}", (50, 7), radius_m=100 + i))
    town.publish()
    told = town.ask(HERE)

    assert (fence_ids(told), told["valid_radius_m"]) == (["c-5", "c-4", "c-3"], 0)
    assert "have" not in told


def test_fences_equally_far_are_left_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set is exactly what its radius says, or its differences would be wrong."""
    monkeypatch.setattr(sets, "FENCES_MAX", 3)
    town = Town()
    for i, lat in enumerate([50.001, 50.002, 50.003, 50.003, 50.004]):
        town.draw(circle(f"c-{i}", (lat, 7), radius_m=20))
    town.publish()

    assert fence_ids(town.ask(HERE)) == ["c-0", "c-1"]


def test_difference_speaks_only_of_what_was_asked_for() -> None:
    """With a filter, fences that it leaves out are neither given nor said to be gone."""
    town = row_of_shops(9)
    town.draw(circle("t-1", (50, 7.001), "tea"))
    town.draw(circle("t-2", (50, 7.002), "tea"))
    town.publish()
    ask = Ask(50.0, 7.0, 5, tag="tea")
    have = town.ask(ask)["have"]
    town.draw(circle("t-2", (50, 7.002)))
    town.publish()
    told = town.ask(ask, have)

    assert (told["fences"], told["gone"], told["count"]) == ([], ["t-2"], 1)


def test_edition_names_the_fences_and_not_the_way_to_them() -> None:
    """The same ids and versions have the same name, whatever lay between."""
    town = row_of_shops(2)
    before = town.plans.editions.name
    town.draw(circle("s-07", (50, 7)))
    town.publish()
    between = town.plans.editions.name
    town.archive("s-07")
    town.publish()

    assert town.plans.editions.name == before != between
    assert town.plans.editions.changed_since(between) == frozenset({"s-07"})
    assert town.plans.editions.changed_since(before) == frozenset()


@given(st.integers(-9_000, 9_000), st.integers(-18_000, 18_000), st.integers(0, 1_000_000))
def test_held_reads_what_it_wrote(lat: int, lon: int, radius_m: int) -> None:
    """Every cell of the grid comes back as it was."""
    held = Held(f"f-{'0' * 24}", lat / 100, lon / 100, radius_m, "00000000")

    assert read_held(held.write()) == held
