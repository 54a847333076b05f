import numpy as np
import pytest

from geofence.truth.districts import CITIES, districts, mended
from geofence.truth.judge import (
    wrong_around,
    wrong_at,
    wrong_crossed,
    wrong_distances,
    wrong_nearest,
)
from geofence.truth.world import Spots, World, drawn, moved_all, spots_in, world_of

SEED = 20_261_122


def shared_out(spots: Spots, count: int) -> Spots:
    """Take about so many of the positions, from all of them."""
    step = max(1, len(spots[0]) // count)
    return spots[0][::step], spots[1][::step]


def ways_from(rng: np.random.Generator, starts: Spots) -> Spots:
    """Draw where ways end, a metre to some kilometres on."""
    count = len(starts[0])
    return moved_all(*starts, 10 ** rng.uniform(0, 3.5, count), rng.uniform(0, 2 * np.pi, count))


@pytest.fixture(scope="module")
def world() -> World:
    """Some hundred fences everywhere."""
    return world_of(drawn(np.random.default_rng(SEED), 400))


@pytest.fixture(scope="module")
def spots(world: World) -> Spots:
    """Some thousand positions, most of them at boundaries."""
    return spots_in(np.random.default_rng(SEED), world, 6_000)


@pytest.mark.bad_input(59, 60)
def test_index_gives_the_fences_that_hold_a_position_on_the_ellipsoid(
    world: World, spots: Spots
) -> None:
    """Fences of every kind and size, everywhere on earth: what is told is true."""
    wrong, tally = wrong_at(world, spots)

    assert wrong == []
    assert tally["sure"] > len(spots[0]) > 2 * tally["close"] > 0


def test_index_gives_the_fences_that_are_near(world: World, spots: Spots) -> None:
    """All whose boundary is in reach, all whose box is, and no other."""
    wrong, tally = wrong_around(world, spots)

    assert wrong == []
    assert tally["near"] > len(spots[0])


def test_index_gives_the_nearest_fences(world: World, spots: Spots) -> None:
    """The five nearest by their own distances, of all that the ellipsoid has anywhere close."""
    wrong, tally = wrong_nearest(world, shared_out(spots, 300), 5)

    assert wrong == []
    assert tally["measured"] > 5 * 300


def test_index_gives_the_fences_on_a_way(world: World, spots: Spots) -> None:
    """All that a walk along the way meets, step by step."""
    starts = shared_out(spots, 1_500)

    wrong, tally = wrong_crossed(world, starts, ways_from(np.random.default_rng(SEED), starts))

    assert wrong == []
    assert tally["sure"] > 1_500 > 2 * tally["close"] > 0


def test_shapes_measure_as_the_ellipsoid_does(world: World, spots: Spots) -> None:
    """Side and distance up to 100 km, within the error that is known and stated."""
    wrong, tally = wrong_distances(world, spots, 15)

    assert wrong == []
    assert min(tally["inside"], tally["outside"]) > 1_000


@pytest.mark.long
@pytest.mark.timeout(7_200)  # 15 minutes of one core, an hour of a busy one
@pytest.mark.bad_input(59, 60)
def test_a_million_positions_and_five_thousand_fences_have_no_difference(
    request: pytest.FixtureRequest,
) -> None:
    """Twenty worlds, real districts among their fences, other ones with every seed of the run."""
    rng = np.random.default_rng(request.config.getoption("randomly_seed"))
    real = [mended(feature) for city in CITIES for feature in districts(city)]
    for _ in range(20):
        world = world_of([*real, *drawn(rng, 5_000 - len(real))])
        spots = spots_in(rng, world, 50_000)
        starts = shared_out(spots, 1_500)
        wrong = [
            *wrong_at(world, spots)[0],
            *wrong_around(world, spots)[0],
            *wrong_nearest(world, shared_out(spots, 500), 5)[0],
            *wrong_crossed(world, starts, ways_from(rng, starts))[0],
            *wrong_distances(world, starts, 10)[0],
        ]

        assert wrong == []
