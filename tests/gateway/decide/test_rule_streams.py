"""History folded event by event, in any order, against somebody who remembers everything."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.past import MESSAGES_MAX, VISITS_MAX, PastMessage, Visit
from fencepost_gateway.decide.person import RECENT_MAX, UNSUMMED, PastEvent, Person, merge
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.rules import RuleFacts, compile_rule

NOW_MS = 10_000_000
SPAN_MS = {"90s": 90_000, "30m": 1_800_000, "2h": 7_200_000}
FENCES = {"f1": FenceView("f1", tags=frozenset({"t"})), "f2": FenceView("f2")}
Happened = tuple[str, int, int]  # name, when, property x

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "a", "b"]),
        st.integers(0, 100).map(lambda n: NOW_MS - n * 90_000),
        st.integers(0, 2),
    ),
    max_size=12,
)
FLOODS = st.integers(0, RECENT_MAX + 20)  # events of another name, that push the others out
COUNTS = st.sampled_from([{"min": 1}, {"min": 2}, {"max": 1}, {"min": 1, "max": 3}, {"max": 0}])
SPANS = st.sampled_from([None, *SPAN_MS])


def leaf(form: str, name: Any, span: str | None, count: dict[str, int]) -> dict[str, Any]:
    """Write a leaf that counts."""
    return {form: name, "count": count} | ({"within": span} if span else {})


def oracle(times: list[int], span: str | None, count: dict[str, int]) -> bool:
    """Count over everything that ever happened."""
    found = [t for t in times if span is None or t >= NOW_MS - SPAN_MS[span]]
    return count.get("min", 0) <= len(found) <= count.get("max", len(found))


def agrees(tree: Any, person: Person, want: bool) -> None:  # noqa: FBT001 - what is expected
    """Hold the answer against the oracle's: equal, or false and saying that memory ends."""
    facts = RuleFacts(person, NOW_MS, fences=FENCES)
    answer = compile_rule(tree).evaluate(facts)
    note = answer.operands[0].note
    event(f"note {note!r}")

    assert answer.ok is want or (not answer.ok and note == "history")


def remembered(happened: list[Happened], flood: int) -> Person:
    """Fold events in the order given, the flood first."""
    person = Person("p")
    for n in range(flood):
        person.remember("screen", NOW_MS - 20 * 90_000 + n, {})
    for name, at_ms, x in happened:
        person.remember(name, at_ms, {"x": x})
    return person


@settings(max_examples=300, deadline=None)
@given(EVENTS, FLOODS, st.sampled_from(["a", "b", "c"]), SPANS, COUNTS, st.booleans())
def test_did_is_what_a_perfect_memory_says(
    happened: list[Happened],
    flood: int,
    name: str,
    span: str | None,
    count: dict[str, int],
    has_where: bool,  # noqa: FBT001 - drawn
) -> None:
    """Count, span and where over bounded history: exact, or false with the note ``history``."""
    times = [at for each, at, x in happened if each == name and (x == 1 or not has_where)]
    tree = leaf("did", name, span, count) | ({"where": {"x": 1}} if has_where else {})

    agrees(tree, remembered(happened, flood), oracle(times, span, count))


@settings(max_examples=200, deadline=None)
@given(EVENTS, FLOODS, SPANS, st.integers(0, 6), st.integers(0, 6))
def test_sum_is_what_a_perfect_memory_says(
    happened: list[Happened], flood: int, span: str | None, low: int, more: int
) -> None:
    """A sum that may lack events is false, and says so."""
    total = sum(x for name, at, x in happened if name == "a" and oracle([at], span, {"min": 1}))
    tree = {"did": "a", "sum": {"of": "x", "min": low, "max": low + more}}
    tree |= {"within": span} if span else {}

    agrees(tree, remembered(happened, flood), low <= total <= low + more)


@settings(max_examples=200, deadline=None)
@given(
    EVENTS,
    FLOODS,
    st.sampled_from(["last", "first"]),
    st.sampled_from(["within", "older_than"]),
    st.sampled_from([*SPAN_MS]),
    st.booleans(),
)
def test_ages_are_those_of_a_perfect_memory(
    happened: list[Happened],
    flood: int,
    form: str,
    member: str,
    span: str,
    has_where: bool,  # noqa: FBT001 - drawn
) -> None:
    """The newest kept is the last; the oldest kept may not be the first."""
    times = [at for name, at, x in happened if name == "a" and (x == 1 or not has_where)]
    age_ms = NOW_MS - (max if form == "last" else min)(times, default=0)
    want = bool(times) and (age_ms <= SPAN_MS[span]) is (member == "within")
    tree = {form: "a", member: span} | ({"where": {"x": 1}} if has_where else {})

    agrees(tree, remembered(happened, flood), want)


def bits(event: PastEvent) -> tuple[int, str, bytes]:
    """Give an event as what can be sorted."""
    return event.at_ms, event.name, bytes(event.packed)


@settings(max_examples=150, deadline=None)
@given(EVENTS.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))), FLOODS)
def test_order_of_arrival_leaves_no_trace(
    orders: tuple[list[Happened], list[Happened]], flood: int
) -> None:
    """Streamed as it came or sorted: the same person, down to what fell out."""
    streamed, sorted_ = (remembered(each, flood) for each in orders)

    assert (streamed.summaries, streamed.lost) == (sorted_.summaries, sorted_.lost)
    assert sorted(map(bits, streamed.recent)) == sorted(map(bits, sorted_.recent))


@settings(max_examples=150, deadline=None)
@given(EVENTS, EVENTS, FLOODS, st.sampled_from(["a", "b"]), SPANS, COUNTS)
def test_merged_history_is_what_a_perfect_memory_says(
    ours: list[Happened],
    theirs: list[Happened],
    flood: int,
    name: str,
    span: str | None,
    count: dict[str, int],
) -> None:
    """A visitor's history counts as if it had always been the person's."""
    known, visitor = remembered(ours, flood), remembered(theirs, flood)
    merge(known, visitor)
    times = [at for each, at, _ in (*ours, *theirs) if each == name]

    agrees(leaf("did", name, span, count), known, oracle(times, span, count))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3), st.integers(1, 60), SPANS, COUNTS)
def test_name_without_a_summary_is_never_told_wrong(
    times: int, others: int, span: str | None, count: dict[str, int]
) -> None:
    """More event names than summaries: what fell out unsummed leaves its moment as well."""
    person = Person("p")
    for n in range(200):
        person.remember(f"n{n}", NOW_MS - 7_000_000 - n, {})
    for n in range(times):
        person.remember("rare", NOW_MS - 1_900_000 + n, {})
    changed = {key for n in range(others * 2) for key in person.remember("n0", NOW_MS - n, {})}
    happened = [NOW_MS - 1_900_000 + n for n in range(times)]

    agrees(leaf("did", "rare", span, count), person, oracle(happened, span, count))
    assert (UNSUMMED in changed) is (UNSUMMED in person.lost)


# ---- visits and messages ----------------------------------------------------------------------

_AGES = st.lists(st.integers(0, 7_000_000), max_size=VISITS_MAX + 30)


@settings(max_examples=150, deadline=None)
@given(_AGES, st.randoms(use_true_random=False), SPANS, COUNTS)
def test_visits_are_those_of_a_perfect_memory(
    ages: list[int], shuffle: Any, span: str | None, count: dict[str, int]
) -> None:
    """In any order, told twice, some taken back: exact, or false with the note ``history``."""
    visits = [Visit(f"f{n % 2 + 1}", NOW_MS - age, f"v{n}") for n, age in enumerate(ages)]
    told = [*visits, *visits[::3]]
    shuffle.shuffle(told)
    person = Person("p")
    for visit in told:
        person.visit(visit)

    times = [v.entered_ms for v in visits if v.fence_id == "f1"]
    agrees(leaf("visited", {"tag": "t"}, span, count), person, oracle(times, span, count))
    assert len(person.visits) <= VISITS_MAX


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 7_000_000), st.booleans()), max_size=MESSAGES_MAX + 20),
    st.randoms(use_true_random=False),
    SPANS,
    COUNTS,
    st.sampled_from(["sent", "clicked"]),
)
def test_messages_are_those_of_a_perfect_memory(
    sent: list[tuple[int, bool]],
    shuffle: Any,
    span: str | None,
    count: dict[str, int],
    outcome: str,
) -> None:
    """Outcomes and engagements in any order, told twice: exact, or false with ``history``."""
    told = []
    for n, (age, is_clicked) in enumerate(sent):
        at_ms = NOW_MS - age
        told.append(PastMessage(f"m{n}", f"c{n % 2}", "greet", (), f"d{n}", {"sent": at_ms}))
        if is_clicked:
            told.append(PastMessage("", delivery_id=f"d{n}", first_ms={"clicked": at_ms + 1}))
    told += told[::4]
    shuffle.shuffle(told)
    person = Person("p")
    for each in told:
        person.heard_of(each)

    times = [
        NOW_MS - age + (outcome == "clicked")
        for n, (age, is_clicked) in enumerate(sent)
        if n % 2 == 1 and (outcome == "sent" or is_clicked)
    ]
    tree = leaf("got", "c1", span, count) | {"outcome": outcome}
    agrees(tree, person, oracle(times, span, count))
    assert len(person.messages) <= MESSAGES_MAX
