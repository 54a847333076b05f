"""Worlds for rules: random people, stimuli and trees over every form, small enough to collide."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.past import PastMessage, Visit
from fencepost_gateway.decide.person import Person, Presence, Reached
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.rules import RuleFacts, TransitionView
from gateway.decide.builders import DAY_MS, HOUR_MS, MIN_MS, POLICY, at

# Clocks go back in Monaco an hour after this, on Sunday 2026-10-25 at 01:00 UTC.
NOW_MS = at("2026-10-25 00:00")
EVENTS = ("a", "b", "c")
ZONES = ("Europe/Monaco", "Asia/Seoul", "Australia/Lord_Howe", "", "Mars")
FENCES = {
    "port": FenceView("port", tags=frozenset({"studio"}), meta={"zone": "Asia/Seoul"}),
    "gate": FenceView("gate", tags=frozenset({"airport"}), meta={"zone": "Europe/Monaco"}),
}
SPANS = ("90s", "10m", "2h", "1d", "30d")
# Ages on and beside the edges of the spans, and a little ahead of us.
AGES_MS = st.one_of(
    st.builds(
        lambda span_ms, off: span_ms + off,
        st.sampled_from([90_000, 10 * MIN_MS, 2 * HOUR_MS, DAY_MS, 30 * DAY_MS]),
        st.integers(-3, 3),
    ),
    st.integers(-4 * MIN_MS, 3 * HOUR_MS),
)
SCALARS = st.sampled_from([0, 1, "x", True])


def ago(age_ms: int) -> str:
    """Write the moment that is so long ago as devices send it."""
    base = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    return (base - timedelta(milliseconds=age_ms)).isoformat(timespec="milliseconds")


MOMENTS = AGES_MS.map(ago)
VALUES = st.one_of(SCALARS, MOMENTS)
BAGS = st.dictionaries(st.sampled_from(["x", "y", "when"]), VALUES, max_size=3)


def trait(person: Person, now_ms: int) -> tuple[Any, int | None]:
    """Work a trait out: how many events of the last ten minutes; it knows when one falls out."""
    times = [e.at_ms for e in person.recent if e.at_ms >= now_ms - 10 * MIN_MS]
    return len(times), min((t + 10 * MIN_MS + 1 for t in times), default=None)


@st.composite
def people(draw: st.DrawFn) -> Person:
    """Draw what may be known of somebody."""
    zone = draw(st.sampled_from(ZONES))
    person = Person("p", user_id=draw(st.sampled_from(["", "u"])), zone=zone)
    person.attributes = draw(BAGS)
    if draw(st.booleans()):
        person.attributes["zone"] = draw(st.sampled_from(ZONES))
    for name, age_ms, props in draw(
        st.lists(st.tuples(st.sampled_from(EVENTS), AGES_MS, BAGS), max_size=6)
    ):
        person.remember(name, NOW_MS - age_ms, props)
    for n, (fence_id, age_ms) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from([*FENCES, "gone"]), AGES_MS), max_size=4))
    ):
        person.visit(Visit(fence_id, NOW_MS - age_ms, f"v{n}"))
        if draw(st.booleans()):
            person.inside.append(Presence(fence_id, NOW_MS - age_ms, f"v{n}", "d"))
    for n, first_ms in enumerate(draw(st.lists(_firsts(), max_size=3))):
        message_id = draw(st.sampled_from(["", f"m{n}"]))
        tags = draw(st.sampled_from([(), ("yoga",)]))
        message = PastMessage(message_id, "greeting", "greet", tags, f"d{n}", first_ms)
        person.heard_of(message)
    if draw(st.booleans()):
        person.visits_lost_ms = NOW_MS - draw(AGES_MS)
        person.messages_lost_ms = NOW_MS - draw(AGES_MS)
        for name in draw(st.sets(st.sampled_from(EVENTS))):
            _forget(person, name, draw(AGES_MS))
    for value in draw(st.lists(st.sampled_from(["y", "n", "u"]), max_size=2)):
        channel = draw(st.sampled_from(["any", "sms"]))
        person.state([ConsentEntry("marketing", value, NOW_MS - draw(AGES_MS), channel)])
    person.reach = draw(st.sampled_from([{}, {"sms": [Reached("r1")]}, {"email": [Reached("r2")]}]))
    person.audiences = draw(st.sampled_from([{}, {"vips": NOW_MS - 5}]))
    person.arms = draw(st.sampled_from([{}, {"test": "A"}, {"test": "B"}]))
    return person


def _firsts() -> st.SearchStrategy[dict[str, int]]:
    moments = AGES_MS.map(lambda age_ms: NOW_MS - age_ms)
    return st.dictionaries(st.sampled_from(["sent", "clicked"]), moments, min_size=1)


def _forget(person: Person, name: str, age_ms: int) -> None:
    """Let an older event of a name have fallen out."""
    summary = person.summaries.get(name)
    if summary is None:
        return
    at_ms = min(NOW_MS - age_ms, *(e.at_ms for e in person.recent if e.name == name))
    summary.count += 1
    summary.first_ms = min(summary.first_ms, at_ms)
    person.lost[name] = at_ms


@st.composite
def worlds(draw: st.DrawFn) -> RuleFacts:
    """Draw somebody and what woke us."""
    woke = st.builds(TransitionView, st.sampled_from(["enter", "exit"]), st.sampled_from([*FENCES]))
    return RuleFacts(
        person=draw(people()),
        now_ms=NOW_MS + draw(st.integers(0, 3 * HOUR_MS)),
        event=draw(st.one_of(st.none(), BAGS)),
        transition=draw(st.one_of(st.none(), woke)),
        place=draw(st.sampled_from([None, *FENCES.values()])),
        fences=FENCES,
        workspace_zone="Europe/Monaco",
        policies=(POLICY,),
        traits={"busy": trait},
    )


def _spans(name: str = "within") -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([{name: span} for span in SPANS])


_COUNTS = st.sampled_from(
    [{}, {"count": {"min": 2}}, {"count": {"max": 1}}, {"count": {"min": 0}}, {"count": {"max": 0}}]
)
_WHERES = st.sampled_from(
    [
        {},
        {"where": {"x": 1}},
        {"where": {"event": "when", "within": "2h"}},
        {"where": {"not": {"event": "when", "within": "10m"}}},
    ]
)
_SINCE = st.sampled_from([{}, {"since": "2026-10-24T23:00:00Z"}])
_SELECTORS = st.sampled_from([{"id": "port"}, {"tag": "airport"}])
_COMPARISONS = st.one_of(
    st.sampled_from([{"is": 1}, {"is_not": "x"}, {"exists": False}, {"gte": 1}]),
    st.sampled_from([{"before": "2026-10-25"}, {"after": "2026-10-25T01:30:00"}]),
    _spans(),
)
_TIMES = st.sampled_from(
    [
        {"from": "02:10", "to": "02:50"},
        {"from": "01:00", "to": "02:30"},
        {"from": "22:00", "to": "02:15"},
        {"from": "08:00"},
        {"days": ["su"]},
        {"days": ["mo", "tu", "we", "th", "fr", "sa", "su"]},
        {"from": "09:30", "to": "10:00", "days": ["mo"]},
    ]
)


def _join(form: str, names: Any, *more: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Give leaves of a form."""

    def make(name: Any, *parts: dict[str, Any]) -> dict[str, Any]:
        leaf = {form: name}
        for part in parts:
            leaf |= part
        return deepcopy(leaf)

    names = st.sampled_from(names) if isinstance(names, (list, tuple)) else names
    return st.builds(make, names, *more)


TIMED = {
    "did": _join("did", EVENTS, st.one_of(_spans(), _SINCE), _COUNTS, _WHERES),
    "sum": _join("did", EVENTS, _spans(), st.just({"sum": {"of": "x", "min": 0, "max": 1}})),
    "last": _join("last", EVENTS, st.one_of(_spans(), _spans("older_than")), _WHERES),
    "first": _join("first", EVENTS, st.one_of(_spans(), _spans("older_than")), _WHERES),
    "inside": _join("inside", _SELECTORS, st.one_of(st.just({}), _spans("for"))),
    "visited": _join("visited", _SELECTORS, st.one_of(_spans(), _SINCE), _COUNTS),
    "got": _join(
        "got",
        ["greet", "greeting", "yoga", "other"],
        st.sampled_from([{}, {"outcome": "clicked"}]),
        st.one_of(_spans(), _SINCE),
        _COUNTS,
    ),
    "time": _join(
        "time",
        _TIMES,
        st.sampled_from([{"zone": z} for z in ("person", "place", "workspace", ZONES[2])]),
    ),
    "consent of an age": _join(
        "consent", ["marketing"], st.one_of(_spans("within"), _spans("older_than"))
    ),
    "trait": _join("trait", ["busy", "none"], st.sampled_from([{"gte": 1}, {"exists": True}])),
    "person": _join("person", ["x", "when", "user_id", "zone"], _COMPARISONS),
}
STILL = {
    "event": _join("event", ["x", "when"], _COMPARISONS),
    "place": _join("place", ["id", "meta.zone"], st.sampled_from([{"is": "port"}])),
    "transition": _join("transition", ["enter"], st.sampled_from([{}, {"fence": {"id": "port"}}])),
    "audience": st.just({"audience": "vips"}),
    "arm": _join("arm", ["test"], st.sampled_from([{"is": "A"}, {"is_not": "A"}])),
    "consent": _join("consent", ["marketing"], st.sampled_from([{}, {"channel": "sms"}])),
    "reachable": _join("reachable", ["sms", "email", "in_app"]),
    "constant": st.booleans(),
}
LEAVES = st.one_of(*TIMED.values(), *STILL.values())


def trees(leaves: st.SearchStrategy[Any] = LEAVES) -> st.SearchStrategy[Any]:
    """Give trees over ``leaves``."""
    return st.recursive(
        leaves,
        lambda below: st.one_of(
            st.lists(below, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(below, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
            below.map(lambda part: {"not": part}),
        ),
        max_leaves=6,
    )


def moved(facts: RuleFacts, now_ms: int) -> RuleFacts:
    """Give the same world at another moment."""
    return replace(facts, now_ms=now_ms)
