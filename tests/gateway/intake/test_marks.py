"""Marks: each seq is decided once, in any order, within bounded room."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.intake import marks
from fencepost_gateway.intake.marks import Marks, ranges

seqs = st.lists(st.integers(1, 60), max_size=80)


def held(found: Marks) -> set[int]:
    """Give every seq that a mark says is decided."""
    above = {seq for low, high in found.above for seq in range(low, high + 1)}
    return set(range(1, found.upto + 1)) | above


@given(seqs)
def test_marks_agree_with_a_plain_set(order: list[int]) -> None:
    """Whatever the order, a seq is new exactly once, and the marks hold what was added."""
    found, plain = Marks(), set[int]()
    for seq in order:
        assert found.add(seq) == (seq not in plain)
        plain.add(seq)

    assert held(found) == plain


@given(seqs)
def test_marks_stay_in_their_shortest_form(order: list[int]) -> None:
    """Intervals are sorted, apart from each other and from what is decided below."""
    found = Marks()
    for seq in order:
        found.add(seq)

    edges = [found.upto, *(edge for pair in found.above for edge in pair)]
    gaps = list(zip(edges[::2], edges[1::2], strict=False))
    assert all(low <= high for low, high in found.above)
    assert all(after > before + 1 for before, after in gaps)


def test_a_gap_stays_open() -> None:
    """What was not sent may still come, after whatever came in between."""
    found = Marks()
    for seq in (1, 2, 5, 1_000_000):
        found.add(seq)

    assert (found.upto, found.above) == (2, [[5, 5], [1_000_000, 1_000_000]])
    assert [found.add(seq) for seq in (4, 3, 3)] == [True, True, False]
    assert found.upto == 5


def test_gaps_beyond_the_bound_close_from_below(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can make a mark grow without end; the newest gaps stay open."""
    monkeypatch.setattr(marks, "GAPS_MAX", 4)
    found = Marks()
    for seq in range(10, 100, 10):
        found.add(seq)

    assert len(found.above) == 4
    assert found.upto == 50
    assert not found.add(45)
    assert found.add(65)


@given(st.sets(st.integers(1, 60)))
def test_ranges_name_each_seq_once(found: set[int]) -> None:
    """Both ends belong to a range; ranges are apart."""
    written = ranges(sorted(found, reverse=True))

    assert [s for low, high in written for s in range(low, high + 1)] == sorted(found)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(written))
