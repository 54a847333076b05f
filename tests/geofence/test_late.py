from hypothesis import given, note, settings
from hypothesis import strategies as st

from fencepost_geofence.index import FenceIndex
from fencepost_geofence.tracker import Tracker
from geofence.walks import (
    SETTLED,
    TOWN,
    Arrival,
    arrivals,
    assert_alternates,
    by_fence,
    held,
    in_order,
    in_short,
    said,
    settled,
    told_by,
    walks,
)

TRACKER = Tracker(FenceIndex(TOWN))
LIVE = tuple(fence for fence in TOWN if fence.emit == "live")
LONG_MS = 4 * 3_600_000  # until everything is over


@settings(max_examples=int(__import__("os").environ.get("N", "60")), deadline=None)
@given(st.data())
def test_late_fixes_come_to_what_the_sorted_track_says(data: st.DataObject) -> None:
    """Any order within the horizon, any uploads, duplicates, ticks, storing: the same story."""
    fixes = data.draw(walks())
    coming = data.draw(arrivals(fixes))
    end = Arrival((), max(one.now_ms for one in coming) + data.draw(st.sampled_from([0, LONG_MS])))

    expected, sorted_told = told_by(TRACKER, [*in_order(fixes), end], store=False)
    state, told = told_by(TRACKER, [*coming, end])
    note("\n".join(map(repr, coming)))
    note("\n".join(["sorted", *map(in_short, sorted_told), "told", *map(in_short, told)]))

    assert held(state) == held(expected)
    assert said(told) == said(sorted_told)
    assert_alternates(told)


@settings(max_examples=int(__import__("os").environ.get("N", "60")), deadline=None)
@given(st.data())
def test_late_fixes_leave_settled_fences_alone(data: st.DataObject) -> None:
    """What waited for the horizon is told once, as the sorted track has it, moments included."""
    fixes = data.draw(walks())
    coming = data.draw(arrivals(fixes))
    end = Arrival((), max(one.now_ms for one in coming) + LONG_MS)

    _, expected = told_by(TRACKER, [*in_order(fixes), end], store=False)
    _, told = told_by(TRACKER, [*coming, end])
    note("\n".join(map(repr, coming)))
    note("\n".join(["sorted", *map(in_short, expected), "told", *map(in_short, told)]))

    waited = {fence.fence_id for fence in SETTLED}
    ours, theirs = by_fence(told), by_fence(expected)
    for fence_id in waited:
        assert ours.get(fence_id) == theirs.get(fence_id)


@settings(max_examples=int(__import__("os").environ.get("N", "60")), deadline=None)
@given(st.data())
def test_late_fixes_that_waited_for_a_network_take_back_what_timers_told(
    data: st.DataObject,
) -> None:
    """However far the server's time ran ahead, live fences come to the sorted track."""
    fixes = data.draw(walks())
    coming = data.draw(arrivals(fixes, far=True))
    end = Arrival((), max(one.now_ms for one in coming) + LONG_MS)
    tracker = Tracker(FenceIndex(LIVE))

    expected, sorted_told = told_by(tracker, [*in_order(fixes), end], store=False)
    state, told = told_by(tracker, [*coming, end])
    note("\n".join(map(repr, coming)))
    note("\n".join(["sorted", *map(in_short, sorted_told), "told", *map(in_short, told)]))

    assert held(state) == held(expected)
    assert said(told) == said(sorted_told)
    assert_alternates(told)


@settings(max_examples=int(__import__("os").environ.get("N", "60")), deadline=None)
@given(st.data())
def test_late_fixes_leave_each_visit_one_name(data: st.DataObject) -> None:
    """All that is told of a visit names it by its ENTER, and no two visits bear one name."""
    fixes = data.draw(walks())
    coming = data.draw(arrivals(fixes))
    _, told = told_by(TRACKER, [*coming, Arrival((), coming[-1].now_ms + LONG_MS)])
    note("\n".join(map(repr, coming)))
    note("\n".join(["told", *map(in_short, told)]))

    for story in settled(told).values():
        names = [one.visit_ms for one in story if one.kind == "enter"]
        assert len(names) == len(set(names))
        name = 0
        for one in story:
            name = one.visit_ms if one.kind == "enter" else name
            assert one.visit_ms == name
