import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fencepost_geofence import boxtree, cells, index
from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Area, Circle
from fencepost_geofence.sphere import Box
from geofence.positions import area_lats, area_of, lats, lons, radii, star

names = st.sampled_from([f"f-{i}" for i in range(12)])
# Few middles, so that fences overlap, move into filled cells, and crowd them.
middles = st.sampled_from([(48.1, 11.5), (48.101, 11.502), (0.0, 180.0), (0.001, -179.999)])
circles = st.builds(
    lambda middle, radius_m: Circle(middle[0], middle[1], radius_m),
    middles | st.tuples(lats, lons),
    st.sampled_from([10.0, 60.0, 900.0]) | st.floats(10, 100_000),
)
areas = st.builds(
    lambda middle, radii_m: area_of(star(middle[0], middle[1], radii_m)),
    middles | st.tuples(area_lats, lons),
    radii,
)
offsets = st.floats(-0.02, 0.02)


class Changes(RuleBasedStateMachine):
    """An index that is changed and asked in any order, beside a dict that is searched through."""

    def __init__(self) -> None:
        super().__init__()
        self.index = FenceIndex()
        self.fences: dict[str, Fence] = {}
        self.spots: list[tuple[float, float]] = [(48.1, 11.5), (0.0, 180.0), (0.0, -180.0)]

    @rule(name=names, shape=circles | areas)
    def put(self, name: str, shape: Circle | Area) -> None:
        """Publish a fence, new, changed or moved."""
        self.fences[name] = Fence(name, shape)
        self.index.put(self.fences[name])

    @rule(name=names)
    def remove(self, name: str) -> None:
        """Take a fence back, or one that never was."""
        self.fences.pop(name, None)
        self.index.remove(name)

    @rule(middle=middles, north=offsets, east=offsets)
    def visit(self, middle: tuple[float, float], north: float, east: float) -> None:
        """Touch a place from now on."""
        lon = (middle[1] + east + 540) % 360 - 180
        self.spots = [*self.spots[-20:], (middle[0] + north, lon)]

    @invariant()
    def equals_brute_force(self) -> None:
        """What the index says at every place touched."""
        held = [self.fences[name] for name in sorted(self.fences)]
        for lat, lon in self.spots:
            expected = [fence for fence in held if fence.shape.contains(lat, lon)]
            assert self.index.at(lat, lon) == expected
        assert list(self.index) == held


class ChangesAtEveryLimit(Changes):
    """The same with limits so narrow that splitting, forgetting and loading happen all the time."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(cells, "CROWD", 1)
        self.patch.setattr(cells, "WORDS_MAX", 200)
        self.patch.setattr(boxtree, "DEAD_MIN", 2)
        super().__init__()

    def teardown(self) -> None:
        """Put the limits back."""
        self.patch.undo()


TestChanges = Changes.TestCase
TestChangesAtEveryLimit = ChangesAtEveryLimit.TestCase
MODEST = settings(
    max_examples=40, stateful_step_count=25, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
TestChanges.settings = TestChangesAtEveryLimit.settings = MODEST


def test_index_change_is_there_for_the_next_fix() -> None:
    """A fence that moves is found at its new place and no longer at its old one."""
    shops = FenceIndex([Fence("a", Circle(50, 7, 100))])
    assert shops.at(50, 7)

    shops.put(Fence("a", Circle(50.01, 7, 100)))

    assert shops.at(50, 7) == []
    assert [fence.fence_id for fence in shops.at(50.01, 7)] == ["a"]
    shops.remove("a")
    assert shops.at(50.01, 7) == []
    assert (len(shops), shops.get("a"), list(shops)) == (0, None, [])


def test_index_asks_its_tree_once_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixes in a cell that is filled cost no call into the R-tree."""
    asked: list[Box] = []
    honest = boxtree.BoxTree.numbers

    def numbers(tree: boxtree.BoxTree, box: Box) -> list[int]:
        asked.append(box)
        return honest(tree, box)

    monkeypatch.setattr(boxtree.BoxTree, "numbers", numbers)
    shops = FenceIndex([Fence("a", Circle(50.004, 7.004, 100))])

    for step in range(100):
        shops.at(50.004 + step * 1e-6, 7.004)

    assert len(asked) == 1


def test_index_cells_stay_within_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However far devices travel, filled cells take no more than their bound."""
    monkeypatch.setattr(cells, "WORDS_MAX", 1_000)
    kept = cells.Cells(lambda _: ())

    for step in range(1_000):
        kept.at(10 + step / 50, 7)

    assert sum(cells._weight(each) for each in kept._world.cells.values()) <= 1_000 + 40  # noqa: SLF001 - memory shows nowhere else


def test_index_cuts_hits_and_counts() -> None:
    """A position is given its first thousand fences by id, and somebody can see that it was cut."""
    fences = [Fence(f"f-{i:04}", Circle(50, 7, 100 + i)) for i in range(index.HITS_MAX + 1)]
    crowd = FenceIndex(fences)

    assert crowd.at(50, 7) == fences[: index.HITS_MAX]
    assert crowd.cut_positions == 1
    assert crowd.at(50.0009, 7) == fences[1:]  # 100.07 m away: outside of the smallest
    assert crowd.cut_positions == 1
