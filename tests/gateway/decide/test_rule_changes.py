"""When a rule's answer may change by time alone, against looking at every moment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.rules import RuleFacts, compile_rule
from gateway.decide.builders import DAY_MS, HOUR_MS, MIN_MS, at
from gateway.decide.rule_worlds import NOW_MS, TIMED, ago, moved, trees, worlds

FAR_MS = 5 * HOUR_MS  # of it every minute is looked at
OFTEN = settings(max_examples=250, deadline=None)


def probes(facts: RuleFacts, until_ms: int) -> list[int]:
    """Give the moments to look at: every minute, and where something in the world has an edge."""
    now_ms = facts.now_ms
    person = facts.person
    happened = [e.at_ms for e in person.recent] + [v.entered_ms for v in person.visits]
    happened += [p.since_ms for p in person.inside] + [*person.lost.values()]
    happened += [at_ms for m in person.messages for at_ms in m.first_ms.values()]
    happened += [ms for ms in (person.visits_lost_ms, person.messages_lost_ms) if ms is not None]
    spans = (0, 90_000, 10 * MIN_MS, 2 * HOUR_MS, DAY_MS, 30 * DAY_MS)
    found = {base + span + off for base in happened for span in spans for off in (-1, 0, 1)}
    found |= set(range(now_ms // MIN_MS * MIN_MS, min(until_ms, now_ms + FAR_MS), MIN_MS))
    found |= {until_ms - 1}
    return sorted(ms for ms in found if now_ms < ms < until_ms)


def assert_it_stays(tree: Any, facts: RuleFacts) -> None:
    """Look at every moment before the one that is named."""
    rule = compile_rule(tree)
    now = rule.holds(facts)
    next_ms = rule.next_change_ms(facts)

    assert next_ms is None or next_ms > facts.now_ms
    until_ms = facts.now_ms + 40 * DAY_MS if next_ms is None else next_ms
    changed = [ms for ms in probes(facts, until_ms) if rule.holds(moved(facts, ms)) is not now]
    assert changed == []


@OFTEN
@given(trees(), worlds())
def test_answer_stays_until_the_moment_that_was_named(tree: Any, facts: RuleFacts) -> None:
    """At every moment before, the rule answers what it answers now: it is never named too late."""
    assert_it_stays(tree, facts)


@pytest.mark.parametrize("form", TIMED)
def test_answer_of_each_form_stays_until_then(form: str) -> None:
    """As above, each form for itself: none of them hides behind another."""

    @settings(max_examples=80, deadline=None)
    @given(TIMED[form], worlds())
    def ask(tree: Any, facts: RuleFacts) -> None:
        assert_it_stays(tree, facts)

    ask()


@OFTEN
@given(trees(), worlds())
def test_following_the_moments_named_finds_every_change(tree: Any, facts: RuleFacts) -> None:
    """Who asks again only when told to knows the answer of every minute."""
    rule = compile_rule(tree)
    seen, known, next_ms = facts.now_ms, rule.holds(facts), rule.next_change_ms(facts)
    for ms in probes(facts, facts.now_ms + FAR_MS):
        while next_ms is not None and next_ms <= ms:
            seen = next_ms
            known, next_ms = rule.holds(moved(facts, seen)), rule.next_change_ms(moved(facts, seen))

        assert rule.holds(moved(facts, ms)) is known


BOUGHT_MS = NOW_MS - 3 * HOUR_MS
CASES = {
    "did within falls out after its last millisecond": (
        {"did": "a", "within": "1d"},
        BOUGHT_MS + DAY_MS + 1,
    ),
    "older_than becomes true after its last millisecond": (
        {"last": "a", "older_than": "1d"},
        BOUGHT_MS + DAY_MS + 1,
    ),
    "twice needs the older one": (
        {"did": "b", "within": "1d", "count": {"min": 2}},
        BOUGHT_MS - HOUR_MS + DAY_MS + 1,
    ),
    "once needs only the newest": ({"did": "b", "within": "1d"}, BOUGHT_MS + DAY_MS + 1),
    "never asks again": ({"did": "a"}, None),
    "what did not happen does not by waiting": ({"did": "c", "within": "1d"}, None),
    "none becomes true when the last falls out": (
        {"did": "a", "within": "1d", "count": {"max": 0}},
        BOUGHT_MS + DAY_MS + 1,
    ),
    "a where looks at the time as well": (
        {"did": "due", "where": {"event": "when", "within": "2h"}},
        NOW_MS + HOUR_MS + 1,
    ),
    "an age's where looks at the time as well": (
        {"last": "due", "within": "30d", "where": {"event": "when", "within": "2h"}},
        NOW_MS + HOUR_MS + 1,
    ),
    "a trait says when it changes": ({"trait": "busy", "gte": 2}, NOW_MS + 7),
    "a moment ahead comes within": ({"person": "renewal", "within": "1d"}, NOW_MS + HOUR_MS),
    "an hour that comes twice opens a window twice": (
        {"time": {"from": "02:10", "to": "02:50"}, "zone": "Europe/Monaco"},
        at("2026-10-25 00:10"),
    ),
    "a window over all days and hours has no edge": (
        {"time": {"days": ["mo", "tu", "we", "th", "fr", "sa", "su"]}, "zone": "Asia/Seoul"},
        None,
    ),
    "what is short-circuited asks for nothing": (
        {"any": [True, {"did": "a", "within": "1d"}]},
        None,
    ),
}


@pytest.mark.parametrize(("tree", "next_ms"), CASES.values(), ids=CASES)
def test_moment_is_exact(tree: Any, next_ms: int | None) -> None:
    """The moments of the common forms, to the millisecond."""
    person = Person("p")
    person.remember("b", BOUGHT_MS - HOUR_MS, {})
    for name in ("a", "b"):
        person.remember(name, BOUGHT_MS, {})

    person.remember("due", BOUGHT_MS, {"when": ago(HOUR_MS)})
    person.attributes["renewal"] = ago(-HOUR_MS)
    traits = {"busy": lambda _person, now_ms: (1, now_ms + 7)}

    assert compile_rule(tree).next_change_ms(RuleFacts(person, NOW_MS, traits=traits)) == next_ms


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["Europe/Monaco", "America/St_Johns", "Australia/Lord_Howe", "Asia/Seoul"]),
    st.sampled_from(["2026-03-07 20:00", "2026-03-28 22:00", "2026-04-04 10:00",
                     "2026-10-03 10:00", "2026-10-24 22:00", "2026-10-31 20:00"]),
    st.tuples(st.integers(0, 47), st.integers(0, 48)).filter(lambda ends: ends[0] != ends[1]),
    st.sets(st.sampled_from(["sa", "su", "mo"]), min_size=1),
)  # fmt: skip
def test_edges_of_a_window_are_those_of_a_scan(
    zone: str, start: str, ends: tuple[int, int], days: set[str]
) -> None:
    """Around clocks that change, waking at the edges tells the same as looking every minute."""
    first, last = (f"{half // 2:02}:{half % 2 * 30:02}" for half in ends)
    rule = compile_rule({"time": {"from": first, "to": last, "days": sorted(days)}, "zone": zone})
    facts = RuleFacts(Person("p"), at(start))
    known, next_ms = rule.holds(facts), rule.next_change_ms(facts)
    for ms in range(facts.now_ms, facts.now_ms + DAY_MS, MIN_MS):
        if next_ms is not None and next_ms <= ms:
            assert rule.holds(moved(facts, next_ms - 1)) is known
            known, next_ms = (
                rule.holds(moved(facts, next_ms)),
                rule.next_change_ms(moved(facts, next_ms)),
            )

        assert rule.holds(moved(facts, ms)) is known
