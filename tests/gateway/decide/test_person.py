from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fencepost_gateway.decide.cause import place_of, rule_facts
from fencepost_gateway.decide.person import (
    ATTRIBUTES_MAX,
    NAMES_MAX,
    PROPS_MAX_BYTES,
    RECENT_MAX,
    Person,
    Presence,
    merge,
)
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.run import Run
from gateway.decide.builders import ENTER, EVENT, MODEST, NOON_MS, STUDIO, plan


def _person(person_id: str, events: list[tuple[str, int]]) -> Person:
    person = Person(person_id)
    for name, at_ms in events:
        person.remember(name, at_ms, {"n": at_ms})
    return person


def _mark(entered_ms: int, ended_ms: int | None = None) -> Run:
    return Run(f"run-{entered_ms}", entered_ms, 1, ended_ms)


# ---- history -------------------------------------------------------------------------------


@MODEST
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=150))
def test_history_is_the_newest_events_and_exact_summaries(events: list[tuple[str, int]]) -> None:
    """Whatever the order of arrival: newest by when it happened, oldest first, counts exact."""
    person = _person("p", events)
    times = sorted(at_ms for _, at_ms in events)

    assert [e.at_ms for e in person.recent] == times[-RECENT_MAX:]
    for name in {name for name, _ in events}:
        of_name = [at_ms for each, at_ms in events if each == name]
        summary = person.summaries[name]
        assert (summary.count, summary.first_ms, summary.last_ms) == (
            len(of_name),
            min(of_name),
            max(of_name),
        )


def test_late_upload_does_not_push_out_what_is_newer() -> None:
    """A month-old queue that arrives today must not erase today."""
    person = _person("p", [("new", NOON_MS + n) for n in range(RECENT_MAX)])
    for n in range(RECENT_MAX):
        person.remember("old", n, {})

    assert {e.name for e in person.recent} == {"new"}
    assert person.summaries["old"].count == RECENT_MAX


def test_names_are_bounded_and_known_ones_go_on_counting() -> None:
    """The name too many has no summary; it stands in the recent events alone."""
    person = _person("p", [(f"name-{n}", n) for n in range(NAMES_MAX + 1)])
    person.remember("name-0", NOON_MS, {})

    assert len(person.summaries) == NAMES_MAX
    assert f"name-{NAMES_MAX}" not in person.summaries
    known = person.summaries["name-0"]
    assert (known.count, known.first_ms, known.last_ms) == (2, 0, NOON_MS)
    assert len(person.recent) == RECENT_MAX


def test_attributes_are_set_removed_and_left_alone() -> None:
    """None removes, also what is not there; a missing key is left alone."""
    person = Person("p", attributes={"tier": "plus", "city": "x", "age": 3})

    person.set_attributes({"tier": "gold", "city": None, "none": None, "zero": 0})

    assert person.attributes == {"tier": "gold", "age": 3, "zero": 0}


# ---- runs ----------------------------------------------------------------------------------


def test_run_ends_with_its_last_message() -> None:
    """A run of two messages lives until both have come to an end."""
    person = Person("p", runs={"c": Run("run", NOON_MS, 2)})

    person.end_message("c", "run", "sent", NOON_MS + 1)
    after_the_first = deepcopy(person.runs["c"])
    person.end_message("c", "run", "withheld", NOON_MS + 2)

    assert after_the_first == Run("run", NOON_MS, 1)
    assert person.runs["c"] == Run("run", NOON_MS, 0, NOON_MS + 2, "withheld")


def test_message_of_another_or_an_ended_run_changes_nothing() -> None:
    """An outcome that comes late, or for a run since replaced, leaves the mark alone."""
    person = Person("p", runs={"c": _mark(5), "d": _mark(5, 6)})
    before = deepcopy(person)

    assert not person.end_message("x", "run-5", "sent", NOON_MS)
    assert not person.end_message("c", "run-4", "sent", NOON_MS)
    assert not person.end_message("d", "run-5", "sent", NOON_MS)
    assert person == before


# ---- merging -------------------------------------------------------------------------------

_histories = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=80)


@MODEST
@given(_histories, _histories)
def test_merge_adds_histories(ours: list[tuple[str, int]], theirs: list[tuple[str, int]]) -> None:
    """The merged person is one to whom all of it happened."""
    known, visitor, both = _person("k", ours), _person("v", theirs), _person("k", ours + theirs)

    merge(known, visitor)

    assert known.summaries == both.summaries
    assert [e.at_ms for e in known.recent] == [e.at_ms for e in both.recent]


@MODEST
@given(_histories, _histories, _histories)
def test_merge_of_several_does_not_depend_on_their_order(
    a: list[tuple[str, int]], b: list[tuple[str, int]], c: list[tuple[str, int]]
) -> None:
    """Two visitors merged one after the other, in either order, count the same."""
    one, other = _person("k", a), _person("k", a)
    for visitor in (b, c):
        merge(one, _person("v", visitor))
    for visitor in (c, b):
        merge(other, _person("v", visitor))

    assert one.summaries == other.summaries
    assert [e.at_ms for e in one.recent] == [e.at_ms for e in other.recent]


def test_merge_keeps_the_bounds() -> None:
    """Two full histories make one full history."""
    known = _person("k", [(f"k{n}", n) for n in range(NAMES_MAX)])
    visitor = _person("v", [(f"v{n}", n) for n in range(NAMES_MAX)])

    merge(known, visitor)

    assert (len(known.summaries), len(known.recent)) == (NAMES_MAX, RECENT_MAX)
    assert known.recent[0].at_ms <= known.recent[-1].at_ms


def test_merge_keeps_the_known_persons_word() -> None:
    """Attributes and locale of the known person stand over the visitor's."""
    known = Person("k", user_id="u", attributes={"tier": "plus"}, locale="ko")
    visitor = Person("v", attributes={"tier": "free", "city": "x"}, locale="en")

    merge(known, visitor)
    merge(blank := Person("b"), visitor)

    assert known.attributes == {"tier": "plus", "city": "x"}
    assert (known.locale, known.user_id, blank.locale) == ("ko", "u", "en")


def test_merge_keeps_the_zone_seen_last() -> None:
    """A device's zone is where they are: the newest is true."""
    known = Person("k", zone="Asia/Seoul", zone_at_ms=5)

    merge(known, Person("v", zone="Europe/Monaco", zone_at_ms=4))
    assert known.zone == "Asia/Seoul"

    merge(known, Person("v", zone="Europe/Monaco", zone_at_ms=6))
    assert (known.zone, known.zone_at_ms) == ("Europe/Monaco", 6)


def test_merge_counts_a_fence_once() -> None:
    """Two devices of one person in one fence are one presence, the known one's."""
    known = Person("k", inside=[Presence("a", 1, "v1", "d1")])
    visitor = Person("v", inside=[Presence("a", 2, "v2", "d2"), Presence("b", 3, "v3", "d2")])

    merge(known, visitor)

    assert [(p.fence_id, p.since_ms) for p in known.inside] == [("a", 1), ("b", 3)]
    assert known.presence("b") is not None
    assert known.presence("c") is None


def test_merge_of_runs() -> None:
    """A living run before an ended one; of two alive the older, of two ended the newer stays."""
    known = Person("k", runs={"a": _mark(5), "b": _mark(2), "c": _mark(1, 2), "d": _mark(1, 9)})
    theirs = {"a": _mark(3), "b": _mark(3), "c": _mark(8), "d": _mark(7, 8), "e": _mark(4)}

    merge(known, Person("v", runs=theirs))

    entered = {campaign_id: mark.entered_ms for campaign_id, mark in known.runs.items()}
    assert entered == {"a": 3, "b": 2, "c": 8, "d": 7, "e": 4}


@pytest.mark.parametrize("ended_ms", [None, 9])
def test_of_two_runs_entered_at_one_moment_the_known_persons_stays(ended_ms: int | None) -> None:
    """Both live, or both have ended: the visitor's gives way."""
    known = Person("k", runs={"a": structs.replace(_mark(5, ended_ms), run_id="known")})

    merge(known, Person("v", runs={"a": structs.replace(_mark(5, ended_ms), run_id="visitor")}))

    assert known.runs["a"].run_id == "known"


def test_run_that_gives_way_is_dropped_and_its_messages_with_it() -> None:
    """Of two living runs the older stays; the other's messages are withheld, a dead one's not."""
    known = Person("k", runs={"a": _mark(5), "b": _mark(2), "c": _mark(1, 2), "e": _mark(9)})
    theirs = {"a": _mark(3), "b": _mark(3), "c": _mark(8), "d": _mark(7), "e": _mark(9)}

    merge(known, Person("v", runs=theirs, dropped=["run-0"]))

    assert known.dropped == ["run-0", "run-5", "run-3"]


# ---- the facts for rules -------------------------------------------------------------------


def test_place_is_the_transitions_else_where_the_person_is() -> None:
    """The fence that was entered comes first; an app event has the current place."""
    elsewhere = FenceView("elsewhere", rank=1)
    the_plan = plan(fences={"studio": STUDIO, "elsewhere": elsewhere})
    person = Person("p", inside=[Presence("elsewhere", 1, "v", "d")])

    assert place_of(the_plan, person, ENTER) is STUDIO
    assert place_of(the_plan, person, EVENT) is elsewhere
    assert place_of(the_plan, Person("q"), EVENT) is None


def test_rules_see_the_event_or_the_transition_that_woke_them() -> None:
    """An app event brings name and properties, a transition its kind and fence; never both."""
    event = rule_facts(plan(), Person("p"), EVENT, NOON_MS)
    transition = rule_facts(plan(), Person("p"), ENTER, NOON_MS)

    assert (event.event_name, event.event, event.transition) == ("cart_updated", EVENT.props, None)
    assert (transition.event_name, transition.event) == ("", None)
    assert transition.transition is not None
    assert (transition.transition.kind, transition.transition.fence_id) == ("enter", "studio")
    assert (event.now_ms, event.workspace_zone) == (NOON_MS, "Europe/Monaco")


def test_large_properties_are_not_remembered() -> None:
    """A person stays small, whatever an app reports: the event stays, its bulk does not."""
    person = Person("p")
    person.remember("large", NOON_MS, {"text": "x" * PROPS_MAX_BYTES})
    person.remember("small", NOON_MS, {"text": "x"})

    assert [e.props for e in person.recent] == [{}, {"text": "x"}]
    assert person.summaries["large"].count == 1


def test_attributes_are_bounded() -> None:
    """Beyond the bound a new attribute is not taken; a known one still changes and goes."""
    person = Person("p")
    person.set_attributes({f"a{n}": n for n in range(ATTRIBUTES_MAX + 1)})
    person.set_attributes({"a0": "changed", "a1": None})

    assert len(person.attributes) == ATTRIBUTES_MAX - 1
    assert person.attributes["a0"] == "changed"
