from random import Random  # noqa: TID251 - hypothesis owns the generator

from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.place import FenceView, current_place
from gateway.decide.builders import MODEST

views = st.lists(
    st.builds(
        FenceView,
        fence_id=st.sampled_from("abcdefgh"),
        rank=st.integers(0, 3),
        area_m2=st.sampled_from([100.0, 400.0, 900.0]),
    ),
    max_size=6,
    unique_by=lambda view: view.fence_id,
)


@MODEST
@given(views, st.randoms(use_true_random=False))
def test_current_place_is_the_best_whatever_the_order(found: list[FenceView], dice: Random) -> None:
    """Library rank (no library last), then the smaller area, then the id."""
    shuffled = [*found]
    dice.shuffle(shuffled)
    fences = {view.fence_id: view for view in shuffled}

    chosen = current_place([view.fence_id for view in shuffled], fences)

    assert (chosen is None) == (not found)
    for other in found:
        assert chosen is not None
        ours = (chosen.rank == 0, chosen.rank, chosen.area_m2, chosen.fence_id)
        assert ours <= (other.rank == 0, other.rank, other.area_m2, other.fence_id)


def test_current_place_passes_over_fences_that_are_gone() -> None:
    """A visit may outlive its fence; it is no place any more."""
    assert current_place(["gone"], {}) is None
