"""RFM: fifths by themselves, ties by id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.ranking import Standing, rank, scores
from gateway.decide.builders import MODEST, at

# Person, last order, orders, spend: the regulars of story 7.
REGULARS = """
P01 07-28 2 80
P02 07-20 9 610
P03 07-02 1 35
P04 06-21 6 420
P05 06-05 3 150
P06 05-12 4 240
P07 04-18 8 700
P08 03-30 5 310
P09 02-14 12 980
P10 01-05 7 505
"""


def regulars() -> list[Standing]:
    """Read them."""
    found = [line.split() for line in REGULARS.split("\n") if line]
    return [
        Standing(name, at(f"2026-{day} 12:00"), int(count), float(spend))
        for name, day, count, spend in found
    ]


def test_ranking_is_that_of_the_monthly_story() -> None:
    """At risk are those who came often and long ago: R at most 2, F at least 4."""
    ranking = rank("k", regulars(), at("2026-08-01 06:00"))
    found = {s.person_id: tuple(scores(ranking, s).values()) for s in regulars()}

    assert (found["P07"], found["P09"], found["P10"]) == ((2, 4, 5), (1, 5, 5), (1, 4, 4))
    assert {name for name, (r, f, _) in found.items() if r <= 2 and f >= 4} == {"P07", "P09", "P10"}


def test_ranking_lets_a_purchase_count_at_once() -> None:
    """Between two nights a score follows what the person does."""
    ranking = rank("k", regulars(), at("2026-08-01 06:00"))
    bought = Standing("P07", at("2026-08-10 12:00"), 9, 760.0)

    assert scores(ranking, bought) == {"r": 5, "f": 5, "m": 5}


@MODEST
@given(st.dictionaries(st.text("ab", max_size=4), st.integers(0, 5), max_size=40))
def test_fifths_are_equal_shares_with_ties_by_id(counts: dict[str, int]) -> None:
    """Of n persons the one at index i, by value and id, is in fifth 1 + 5 i // n."""
    standings = [Standing(name, 0, count, 0.0) for name, count in counts.items()]
    ranking = rank("k", standings, 0)
    in_order = sorted(standings, key=lambda s: (s.times, s.person_id))

    assert [scores(ranking, s)["f"] for s in in_order] == [
        1 + 5 * i // len(in_order) for i in range(len(in_order))
    ]
