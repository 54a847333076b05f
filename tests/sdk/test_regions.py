"""Which fences are watched: rules that hold for any of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_sdk.regions import FARTHEST_M, change, choose

MODEST = settings(max_examples=80, deadline=None)
distances = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.floats(-5_000, 2_000_000), max_size=30
)
versions = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3))


@MODEST
@given(distances, st.integers(0, 20), st.sets(st.text("abc", min_size=1, max_size=1)))
def test_nothing_left_out_is_nearer_than_what_is_kept(
    metres: dict[str, float], slots: int, held: set[str]
) -> None:
    """No slot stays empty, none goes to a farther fence, and what is held comes first."""
    kept = choose(metres, slots, held=held).fence_ids
    near = {key for key, each_m in metres.items() if each_m <= FARTHEST_M}
    left_out = near - set(kept)
    farthest = max(((key not in held, round(metres[key])) for key in kept), default=None)

    assert len(kept) == min(slots, len(near))
    assert set(kept) <= near
    assert farthest is None or all(
        (key not in held, round(metres[key])) >= farthest for key in left_out
    )


@MODEST
@given(distances, st.integers(1, 20))
def test_nobody_is_in_a_fence_left_out_before_choosing_again(
    metres: dict[str, float], slots: int
) -> None:
    """The trigger is no farther than what was left out, as near as movements are told."""
    choice = choose(metres, slots)
    left_out_m = [metres[key] for key in metres.keys() - set(choice.fence_ids)]

    assert all(choice.trigger_m <= max(100.0, each_m) for each_m in left_out_m)
    assert 100.0 <= choice.trigger_m <= 1_000.0


@MODEST
@given(versions, versions)
def test_a_change_leads_there_and_touches_nothing_else(
    registered: dict[str, int], wanted: dict[str, int]
) -> None:
    """Taken away and put: then what was wanted is registered, and the same was let alone."""
    told = change(registered, wanted)
    then = {key: version for key, version in registered.items() if key not in told.removed}
    untouched = set(then)
    then |= {key: wanted[key] for key in told.added}

    assert then == wanted
    assert untouched == {key for key in wanted if registered.get(key) == wanted[key]}
