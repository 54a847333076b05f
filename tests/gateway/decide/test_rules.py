from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.looked import Looked
from fencepost_gateway.decide.past import PastMessage, Visit
from fencepost_gateway.decide.person import NAMES_MAX, RECENT_MAX, Person, Presence, Reached
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.rule_comparisons import COMPARISONS
from fencepost_gateway.decide.rules import (
    DEPTH_MAX,
    FORMS,
    LATER_FORMS,
    NODES_MAX,
    Operand,
    RuleError,
    RuleFacts,
    TransitionView,
    compile_rule,
    compile_where,
)
from gateway.decide.builders import POLICY

NOW_MS = 1_780_300_800_000  # Monday 2026-06-01 08:00:00 UTC
DAY_MS = 86_400_000
STUDIO = FenceView(
    "studio-port", "Fence", frozenset({"studio"}), "studios", "Studio Port", {"gym": True}
)
GATE = FenceView("gate", meta={"zone": "Asia/Seoul"})


def facts(**changes: Any) -> RuleFacts:
    """Give facts with a person of whom a little is known."""
    person = Person(
        "p1",
        user_id="u1",
        attributes={
            "tier": "plus",
            "age": 30,
            "vip": True,
            "tags": ["a", "b"],
            "city": {"name": "\uff33eoul"},
            "renewal": "2026-06-01T07:00:00+00:00",
            "local": "2026-06-01T10:00:00",
            "nothing": None,
        },
        zone="Europe/Monaco",
    )
    person.remember("purchase", NOW_MS - 10 * DAY_MS, {"category": "yoga", "value": 20})
    person.remember("purchase", NOW_MS - 3 * DAY_MS, {"category": "spin", "value": 80})
    person.inside.append(Presence("studio-port", NOW_MS - 600_000, "v1", "d1"))
    person.visit(Visit("studio-port", NOW_MS - 20 * DAY_MS, "v0"))
    person.visit(Visit("studio-port", NOW_MS - 600_000, "v1"))
    person.heard_of(PastMessage("m1", "c1", "greet", first_ms={"clicked": NOW_MS - DAY_MS}))
    person.state([ConsentEntry("marketing", "y", 0)])
    person.reached_at("email", Reached("ref"))
    person.audiences["regulars"] = NOW_MS - DAY_MS
    person.arms["greet-test"] = "B"
    known: dict[str, Any] = {
        "policies": (POLICY,),
        "traits": {"visits": lambda whose, _now_ms: (len(whose.visits) + 1, None)},
        "person": person,
        "now_ms": NOW_MS,
        "event_name": "cart",
        "event": {"value": 60, "items": [{"sku": "x"}]},
        "transition": TransitionView("enter", "studio-port"),
        "place": STUDIO,
        "fences": {"studio-port": STUDIO, "gate": GATE},
        "workspace_zone": "Europe/Monaco",
        "values": {"tickets": Looked({"left": 3}, "box-office", NOW_MS - 600_000)},
    }
    return RuleFacts(**{**known, **changes})


TRUE = {
    "is text": {"person": "tier", "is": "plus"},
    "is number": {"person": "age", "is": 30.0},
    "is bool": {"person": "vip", "is": True},
    "is_not": {"person": "tier", "is_not": "gold"},
    "is_not of a missing value": {"person": "nope", "is_not": "gold"},
    "in": {"person": "tier", "in": ["plus", "gold"]},
    "not_in": {"person": "age", "not_in": [1, 2]},
    "gt": {"person": "age", "gt": 29},
    "gte at the border": {"person": "age", "gte": 30},
    "lt": {"person": "age", "lt": 30.5},
    "lte at the border": {"person": "age", "lte": 30},
    "between takes both ends": {"person": "age", "between": [30, 40]},
    "contains in text": {"person": "tier", "contains": "lu"},
    "contains in a list": {"person": "tags", "contains": "b"},
    "starts_with": {"person": "tier", "starts_with": "pl"},
    "like": {"person": "tier", "like": "p*s"},
    "like without star": {"person": "tier", "like": "plus"},
    "fold takes case and width": {"person": "city.name", "is": "SEOUL", "fold": True},
    "exists": {"person": "tier", "exists": True},
    "exists false": {"person": "nope", "exists": False},
    "null is missing": {"person": "nothing", "exists": False},
    "before": {"person": "renewal", "before": "2026-06-01T08:00:00Z"},
    "after a date": {"person": "renewal", "after": "2026-05-31"},
    "a moment without offset is in the workspace's zone": {
        "person": "local",
        "before": "2026-06-01T08:00:01Z",
    },
    "within": {"person": "renewal", "within": "1h"},
    "a member of the person": {"person": "user_id", "is": "u1"},
    "event": {"event": "value", "gt": 50},
    "place meta": {"place": "meta.gym", "is": True},
    "place name": {"place": "name", "is": "Studio Port"},
    "place tags": {"place": "tags", "contains": "studio"},
    "did": {"did": "purchase"},
    "did at most": {"did": "refund", "count": {"max": 0}},
    "did where": {"did": "purchase", "where": {"category": "yoga"}, "within": "90d"},
    "did where rule": {"did": "purchase", "where": {"event": "value", "gte": 80}},
    "did twice": {"did": "purchase", "count": {"min": 2, "max": 2}},
    "did since": {"did": "purchase", "since": "2026-05-25", "count": {"min": 1, "max": 1}},
    "last": {"last": "purchase", "older_than": "2d"},
    "first": {"first": "purchase", "within": "11d"},
    "inside": {"inside": {"tag": "studio", "library": "studios"}},
    "inside for": {"inside": {"id": "studio-port"}, "for": "10m"},
    "visited": {"visited": {"tag": "studio"}, "within": "30d", "count": {"min": 2}},
    "trait": {"trait": "visits", "gte": 3},
    "audience": {"audience": "regulars"},
    "got": {"got": "greet", "outcome": "clicked", "within": "7d"},
    "consent": {"consent": "marketing", "channel": "email"},
    "reachable": {"reachable": "email"},
    "arm": {"arm": "greet-test", "is": "B"},
    "value": {"value": "tickets.left", "gt": 0},
    "value that is fresh enough": {"value": "tickets.left", "gt": 0, "max_age": "10m"},
    "transition": {"transition": "enter", "fence": {"tag": "studio"}, "initial": False},
    "transition of any fence": {"transition": "enter"},
    "transition that was no opening": {"transition": "enter", "opened": False},
    "transition of a clean visit": {"transition": "enter", "clean": True},
    "time": {"time": {"from": "09:30", "to": "10:01", "days": ["mo"]}},
    "time in a named zone": {"time": {"from": "17:00", "to": "18:00"}, "zone": "Asia/Seoul"},
    "true": True,
    "not": {"not": {"person": "tier", "is": "gold"}},
    "any": {"any": [False, {"person": "tier", "is": "plus"}]},
}

FALSE = {
    "missing": ({"person": "nope", "is": "x"}, "missing"),
    "missing and not_in": ({"person": "nope", "not_in": ["x"]}, "missing"),
    "type": ({"person": "age", "is": "30"}, "type"),
    "type and is_not": ({"person": "age", "is_not": "30"}, "type"),
    "a flag is no number": ({"person": "vip", "is": 1}, "type"),
    "number of a text": ({"person": "tier", "gt": 3}, "type"),
    "moment of a text": ({"person": "tier", "before": "2026-06-01"}, "type"),
    "case matters": ({"person": "tier", "is": "PLUS"}, ""),
    "starts_with takes stars as they are": ({"person": "tier", "starts_with": "p*"}, ""),
    "like is anchored": ({"person": "tier", "like": "lu*"}, ""),
    "like does not use a letter twice": ({"person": "tier", "like": "plu*us"}, ""),
    "within looks back only": ({"person": "renewal", "within": "59m"}, ""),
    "never happened": ({"last": "refund", "older_than": "1d"}, "missing"),
    "did too long ago": ({"did": "purchase", "within": "2d"}, ""),
    "outside": ({"inside": {"id": "gate"}}, ""),
    "inside not long enough": ({"inside": {"tag": "studio"}, "for": "11m"}, ""),
    "opening that was none": ({"transition": "enter", "opened": True}, ""),
    "flags that were none": ({"transition": "enter", "clean": False}, ""),
    "another transition": ({"transition": "exit"}, ""),
    "transition of another fence": ({"transition": "enter", "fence": {"id": "gate"}}, ""),
    "the end of a time is exclusive": ({"time": {"from": "09:00", "to": "10:00"}}, ""),
    "another day": ({"time": {"days": ["tu"]}}, ""),
    "zone of a place that says none": ({"time": {"days": ["mo"]}, "zone": "place"}, "zone"),
}


@pytest.mark.parametrize("tree", TRUE.values(), ids=TRUE.keys())
def test_rule_holds(tree: Any) -> None:
    """Each form and comparison is true where the reference says so."""
    answer = compile_rule(tree).evaluate(facts())

    assert answer.ok


@pytest.mark.parametrize(("tree", "note"), FALSE.values(), ids=FALSE.keys())
def test_rule_fails_with_its_note(tree: Any, note: str) -> None:
    """A false leaf says why it could not compare, when it could not."""
    answer = compile_rule(tree).evaluate(facts())

    assert (answer.ok, answer.operands[-1].note) == (False, note)


def test_every_form_and_comparison_has_a_case() -> None:
    """A form or comparison without a case above fails here."""
    words = {word for tree in TRUE.values() if isinstance(tree, dict) for word in tree}

    assert {*FORMS, *COMPARISONS} - words - {"all"} == set()


def test_operands_are_those_that_were_looked_at() -> None:
    """Evaluation stops when the answer is known; the operands stand in the order of reading."""
    rule = compile_rule(
        {
            "all": [
                {"person": "tier", "in": ["plus", "gold"]},
                {"event": "value", "gt": 100},
                {"person": "age", "gt": 1},
            ]
        }
    )

    answer = rule.evaluate(facts())

    assert answer.operands == (
        Operand("person.tier in [plus, gold]", "plus", ok=True),
        Operand("event.value gt 100", 60, ok=False),
    )


def test_holds_answers_as_evaluate_does() -> None:
    """The quick answer is the explained one."""
    trees = [*TRUE.values(), *(tree for tree, _ in FALSE.values())]
    rules = [compile_rule(tree) for tree in trees]

    assert [r.holds(facts()) for r in rules] == [r.evaluate(facts()).ok for r in rules]


def test_place_zone_is_the_place_s_own() -> None:
    """``zone: place`` reads the metadata member ``zone``."""
    rule = compile_rule({"time": {"from": "17:00", "to": "18:00"}, "zone": "place"})

    assert rule.holds(facts(place=GATE))


def test_zone_the_person_chose_wins_over_the_device_s() -> None:
    """The attribute ``zone`` is the person's own choice."""
    given = facts()
    given.person.attributes["zone"] = "Asia/Seoul"

    answer = compile_rule({"time": {"from": "17:00", "to": "18:00"}}).evaluate(given)

    assert answer.operands[0].value == "mo 17:00 Asia/Seoul"


@pytest.mark.parametrize(
    ("at", "day", "verdict"),
    [
        ("2026-06-05T23:00:00", "fr", "open"),
        ("2026-06-06T01:00:00", "fr", "open"),
        ("2026-06-06T02:00:00", "fr", "closed"),
        ("2026-06-06T23:00:00", "fr", "closed"),
        ("2026-06-06T01:00:00", "sa", "closed"),
    ],
)
def test_night_belongs_to_the_day_it_began(at: str, day: str, verdict: str) -> None:
    """A window past midnight counts for the day on which it began."""
    moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Europe/Monaco"))
    rule = compile_rule({"time": {"from": "22:00", "to": "02:00", "days": [day]}})

    assert rule.holds(facts(now_ms=int(moment.timestamp() * 1000))) == (verdict == "open")


def test_bounded_history_says_so() -> None:
    """Where the kept events do not reach back far enough, a false count says ``history``."""
    person = Person("p1")
    person.remember("purchase", NOW_MS - 20 * DAY_MS, {"category": "yoga"})
    for n in range(RECENT_MAX):
        person.remember("screen", NOW_MS - n, {})
    tree = {"did": "purchase", "where": {"category": "yoga"}, "within": "30d"}

    answer = compile_rule(tree).evaluate(facts(person=person))

    assert answer.operands[0].note == "history"


def test_count_is_exact_beyond_the_kept_events() -> None:
    """Without ``where`` and span the summary counts, however much was forgotten."""
    person = Person("p1")
    for n in range(RECENT_MAX + 20):
        person.remember("screen", NOW_MS - n, {})
    tree = {"did": "screen", "count": {"min": RECENT_MAX + 20, "max": RECENT_MAX + 20}}

    assert compile_rule(tree).holds(facts(person=person))


def test_name_beyond_the_kept_summaries_is_not_called_missing() -> None:
    """Once one without a summary fell out nobody can say that another never happened."""
    person = Person("p1")
    for n in range(NAMES_MAX + 1):
        person.remember(f"event-{n}", NOW_MS + n, {})
    for n in range(RECENT_MAX):
        person.remember("event-0", NOW_MS + NAMES_MAX + 1 + n, {})

    answer = compile_rule({"last": "other", "within": "7d"}).evaluate(facts(person=person))

    assert answer.operands[0].note == "history"


FAULTS = {
    "no rule": (3, "no rule"),
    "unknown form": ({"persn": "tier", "is": 1}, "no form of a rule"),
    "two forms": ({"person": "a", "event": "b", "is": 1}, "two forms"),
    "no comparison": ({"person": "tier"}, "no comparison"),
    "two comparisons": ({"person": "age", "gt": 1, "lt": 3}, "several comparisons"),
    "unknown member": ({"person": "tier", "iss": 1}, "unknown member iss"),
    "empty all": ({"all": []}, "all needs a list"),
    "fold of a number": ({"person": "age", "is": 1, "fold": True}, "does not fit is"),
    "fold of an order": ({"person": "age", "gt": 1, "fold": True}, "fold means nothing"),
    "mixed list": ({"person": "age", "in": [1, "a"]}, "does not fit in"),
    "order of text": ({"person": "age", "gt": "a"}, "does not fit gt"),
    "between upside down": ({"person": "age", "between": [2, 1]}, "does not fit between"),
    "exists of text": ({"person": "age", "exists": "yes"}, "does not fit exists"),
    "no moment": ({"person": "a", "before": "soon"}, "does not fit before"),
    "no duration": ({"person": "a", "within": "3w"}, "does not fit within"),
    "infinite": ({"person": "a", "gt": float("inf")}, "does not fit gt"),
    "unknown place member": ({"place": "gym", "is": True}, "a place has no gym"),
    "later form": ({"source": "x", "gte": 3}, "source comes later"),
    "sum without bounds": ({"did": "a", "sum": {"of": "v"}}, "no sum"),
    "sum and count": ({"did": "a", "sum": {"of": "v", "min": 1}, "count": {"min": 1}}, "both"),
    "did twice bounded": ({"did": "a", "within": "1d", "since": "2026-01-01"}, "both within"),
    "count of text": ({"did": "a", "count": {"min": "1"}}, "no whole number"),
    "count upside down": ({"did": "a", "count": {"min": 2, "max": 1}}, "max is below min"),
    "where of something else": ({"did": "a", "where": {"not": {"did": "b"}}}, "did in a where"),
    "where of a list": ({"did": "a", "where": {"b": [1]}}, "does not fit is"),
    "empty selector": ({"inside": {}}, "no selector"),
    "unknown selector": ({"inside": {"tags": "x"}}, "unknown member tags"),
    "selector of a list": ({"inside": {"id": ["x"]}}, "id is no text"),
    "no transition": ({"transition": "visit"}, "'visit' is no transition"),
    "opened of no truth": ({"transition": "enter", "opened": 1}, "not true or false"),
    "clean of no truth": ({"transition": "enter", "clean": "yes"}, "not true or false"),
    "transition of a list": ({"transition": ["enter"]}, "is no transition"),
    "no time": ({"time": {}}, "no time"),
    "bad clock": ({"time": {"from": "7:30"}}, "no local time"),
    "empty window": ({"time": {"from": "07:00", "to": "07:00"}}, "are the same"),
    "bad day": ({"time": {"days": ["monday"]}}, "no days"),
    "bad zone": ({"time": {"days": ["mo"]}, "zone": "Mars"}, "is no time zone"),
    "age without age": ({"last": "a"}, "needs an age"),
}


@pytest.mark.parametrize(("tree", "what"), FAULTS.values(), ids=FAULTS.keys())
def test_faulty_rule_is_refused(tree: Any, what: str) -> None:
    """What cannot be compiled is refused with what is wrong and how to mend it."""
    with pytest.raises(RuleError) as caught:
        compile_rule(tree)

    fault = caught.value.faults[0]
    assert what in fault.what
    assert fault.how


def test_all_faults_are_told_at_once() -> None:
    """Every fault comes with its path."""
    tree = {"all": [{"person": "a", "iss": 1}, {"not": {"event": "b", "gt": "x"}}]}

    with pytest.raises(RuleError) as caught:
        compile_rule(tree)

    assert [f.path for f in caught.value.faults] == [
        ("all", 0, "iss"),
        ("all", 1, "not", "gt"),
    ]


@pytest.mark.parametrize("form", LATER_FORMS)
def test_later_form_names_what_to_use_now(form: str) -> None:
    """A form that comes later is refused with a way to do without."""
    with pytest.raises(RuleError) as caught:
        compile_rule({form: "x"})

    assert (caught.value.faults[0].what, caught.value.faults[0].how) == (
        f"{form} comes later",
        LATER_FORMS[form],
    )


def test_rule_is_bounded_in_depth_and_size() -> None:
    """Deeper than 20 levels or larger than 200 nodes is refused, once."""
    deep: Any = True
    for _ in range(DEPTH_MAX):
        deep = {"not": deep}
    wide = {"all": [True] * NODES_MAX}

    for tree in (deep, wide):
        with pytest.raises(RuleError) as caught:
            compile_rule(tree)
        assert len(caught.value.faults) == 1
    assert compile_rule({"all": [True] * (NODES_MAX - 1)}).holds(facts())
    assert compile_rule(deep["not"]).holds(facts()) is False


def test_where_compares_several_properties() -> None:
    """Equalities of a ``where`` are AND-ed; dots go deeper."""
    where = compile_where({"value": 60, "kind.name": "x"})

    assert where.holds(facts(event={"value": 60, "kind": {"name": "x"}}))
    assert not where.holds(facts(event={"value": 60, "kind": {"name": "y"}}))


def test_rules_of_one_tree_are_equal() -> None:
    """Plans can be compared although closures cannot."""
    tree = {"person": "tier", "is": "plus"}

    assert compile_rule(tree) == compile_rule(dict(tree))
    assert compile_rule(tree) != compile_rule({"not": tree})


def test_nodes_and_depth_are_counted_through_wheres() -> None:
    """Two hundred wheres of two hundred equalities are not two hundred nodes."""
    leaf: Any = {"did": "a", "where": {"event": "b", "is": 1}}
    wide = {"all": [{"did": "a", "where": {f"k{n}": 1 for n in range(98)}}] * 2}
    for _ in range(DEPTH_MAX - 1):
        leaf = {"not": leaf}

    for tree, what in ((leaf, "deeper than"), (wide, "over")):
        with pytest.raises(RuleError) as caught:
            compile_rule(tree)
        assert [what in fault.what for fault in caught.value.faults] == [True]
    assert compile_rule(leaf["not"]).tree == leaf["not"]


def test_number_beyond_any_fraction_is_a_number() -> None:
    """YAML has no largest number; one that no fraction can hold is compared as any other."""
    person = Person("p1", attributes={"age": 1.5})

    assert compile_rule({"person": "age", "lt": 10**400}).holds(facts(person=person))
