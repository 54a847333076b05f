from itertools import pairwise

import pytest

from fencepost_gateway.decide.flow import Flow, LaneView
from fencepost_gateway.decide.settle import CallOutcome, Family
from gateway.decide.builders import NOON_MS

SENT = CallOutcome("sent")


def test_flow_makes_no_more_calls_a_second_than_it_may() -> None:
    """A second's worth at once, then one as the bucket fills up: 10 and 10 in the next second."""
    flow = Flow(per_second=10)
    began = []
    for ms in range(1_001):
        while flow.take(NOON_MS + ms):
            began.append(ms)
            flow.ended(SENT, NOON_MS + ms)

    assert began[:10] == [0] * 10
    assert 19 <= len(began) <= 20
    assert all(100 <= b - a <= 101 for a, b in pairwise(began[9:]))


def test_flow_says_when_it_has_room_again() -> None:
    """A lane that is full for its rate is worth asking then, and not before."""
    flow = Flow(per_second=4)
    while flow.take(NOON_MS):
        pass

    assert flow.wait_ms(NOON_MS) == 251
    assert flow.take(NOON_MS + 251)


def test_flow_slower_than_one_a_second_makes_one_call() -> None:
    """One a minute is one a minute, not none."""
    flow = Flow(per_second=1 / 60)

    assert [flow.take(NOON_MS + s * 1_000) for s in (0, 1, 59, 61)] == [True, False, False, True]


def test_flow_has_so_many_calls_under_way_and_no_more() -> None:
    """A call that ends, or is not made after all, leaves its place."""
    flow = Flow(in_flight=2)
    taken = [flow.take(NOON_MS) for _ in range(3)]
    flow.ended(SENT, NOON_MS)
    flow.give_back()

    assert (taken, flow.room(NOON_MS)) == ([True, True, False], 2)


@pytest.mark.parametrize(
    ("family", "calls"), [("unavailable", 5), ("unknown", 5), ("misconfigured", 1)]
)
def test_flow_is_shut_by_faults(family: Family, calls: int) -> None:
    """Five in a row, or wrong keys once; a view says for how long it has been so."""
    flow = Flow()
    for _ in range(calls):
        flow.take(NOON_MS)
        flow.ended(CallOutcome(family), NOON_MS)

    assert flow.room(NOON_MS + 29_999) == 0
    assert flow.view(NOON_MS + 29_999) == LaneView(29_999)
    assert flow.room(NOON_MS + 30_000) == 1  # half open


@pytest.mark.parametrize("family", ["gone", "opted_out", "rejected"])
def test_flow_is_not_shut_by_refusals(family: Family) -> None:
    """The provider is well; it is the address or the message that it will not have."""
    flow = Flow()
    for _ in range(100):
        flow.take(NOON_MS)
        flow.ended(CallOutcome(family), NOON_MS)

    assert flow.view(NOON_MS) is None


def test_pause_that_a_provider_asks_for_holds_the_whole_lane() -> None:
    """Retry-After of one call: nobody else calls meanwhile."""
    flow = Flow()
    flow.take(NOON_MS)
    flow.ended(CallOutcome("unavailable", retry_after_s=40.0), NOON_MS)

    assert [flow.room(NOON_MS + ms) > 0 for ms in (39_999, 40_000)] == [False, True]
    assert flow.wait_ms(NOON_MS) == 40_000


def test_full_lane_is_not_a_shut_one() -> None:
    """Nobody passes a lane by that has a place in a moment."""
    flow = Flow(in_flight=1)
    flow.take(NOON_MS)

    assert flow.view(NOON_MS + 3_600_000) == LaneView(None)
