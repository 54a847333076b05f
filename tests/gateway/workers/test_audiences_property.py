"""Audiences kept up by events and timers hold whom a look at everybody holds."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.cause import standing_facts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.records import LogRecord, TimerFired, Upload
from fencepost_gateway.ports import Effects
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import NOW_MS, batch, event

HOUR_MS = 3_600_000
NAMES = ("purchase", "read", "visit")
TRAITS = (
    {"kind": "trait", "id": "often", "count": "purchase", "within": "2h"},
    {"kind": "trait", "id": "spent", "sum": "purchase", "of": "value"},
)


def _leaves() -> st.SearchStrategy[dict[str, Any]]:
    name, span = st.sampled_from(NAMES), st.sampled_from(["20m", "1h", "3h"])
    return st.one_of(
        st.builds(lambda n, s, m: {"did": n, "within": s, "count": {"min": m}}, name, span,
                  st.integers(0, 2)),
        st.builds(lambda n: {"did": n, "where": {"kind": "a"}}, name),
        st.builds(lambda n, s: {"last": n, "older_than": s}, name, span),
        st.builds(lambda n, s: {"first": n, "within": s}, name, span),
        st.builds(lambda v: {"person": "tier", "is": v}, st.sampled_from(["plus", "gold"])),
        st.builds(lambda n: {"trait": "often", "gte": n}, st.integers(0, 3)),
        st.builds(lambda n: {"trait": "spent", "gt": n}, st.integers(0, 50)),
        st.just({"time": {"from": "10:00", "to": "11:30"}, "zone": "workspace"}),
        st.just({"audience": "first"}),
    )  # fmt: skip


RULES = st.recursive(
    _leaves(),
    lambda below: st.one_of(
        st.builds(lambda trees: {"all": trees}, st.lists(below, min_size=1, max_size=3)),
        st.builds(lambda trees: {"any": trees}, st.lists(below, min_size=1, max_size=3)),
        st.builds(lambda tree: {"not": tree}, below),
    ),
    max_leaves=5,
)
FLAT = RULES.filter(lambda tree: "audience" not in repr(tree))
DOINGS = st.lists(
    st.tuples(
        st.integers(1, HOUR_MS),
        st.one_of(
            st.builds(
                lambda name, kind, value: event(
                    1, name=name, props={"kind": kind, "value": value}
                ),
                st.sampled_from(NAMES), st.sampled_from("ab"), st.integers(0, 30),
            ),
            st.builds(lambda v: event(1, "set", traits={"tier": v}),
                      st.sampled_from(["plus", "gold", None])),
        ),
    ),
    max_size=12,
)  # fmt: skip


class Life:
    """One person in a gateway's fold, with timers that ring when they are due."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        workspace = {"kind": "workspace", "id": "w", "zone": "Europe/Monaco"}
        stored = [StoredDocument(d["kind"], d["id"], 1, d) for d in [*documents, workspace]]
        self._plans = Plans("seed")
        self._plans.plan = compile_plan(stored, 1, "seed")
        self._states = States()
        self._position = 0
        self.joined: dict[str, int] = {}

    @property
    def person(self) -> Person:
        """The person."""
        return self._states.person("p")

    def pass_time(self, until_ms: int) -> None:
        """Let the person's timer ring, at its moment, as often as it is due."""
        while (due_ms := self.person.rethink_ms) is not None and due_ms <= until_ms:
            self._fold(TimerFired("t", "", "p", due_ms), due_ms)

    def do(self, raw: dict[str, Any], at_ms: int) -> None:
        """Let the person do something."""
        (told,) = batch(raw).events
        done = wire.decode_event(told)
        assert isinstance(done, wire.Track | wire.SetTraits)
        upload = Upload("d", "p", "v", "u", "s", at_ms, [done], [at_ms])
        self._fold(upload, at_ms)

    def members(self, now_ms: int) -> set[str]:
        """Ask every rule anew, in order, of nobody's memory: the oracle."""
        found: dict[str, int] = {}
        known = self._plans.plan.audiences.all() if self.person.judged else ()
        for audience in known:
            person = msgspec.structs.replace(self.person, audiences=found)
            if audience.when.holds(standing_facts(self._plans.plan, person, now_ms)):
                found[audience.audience_id] = now_ms
        return set(found)

    def _fold(self, record: Any, at_ms: int) -> None:
        self._position += 1
        group = Group(self._states, self._plans, "demo", self._position)
        group.take(LogRecord(self._position, at_ms, record))
        self._count(group.close())

    def _count(self, effects: Effects) -> None:
        for (_, name), counted in effects.audience_days.items():
            grown = sum(n if what in ("joined", "filled") else -n for what, n in counted.items())
            self.joined[name] = self.joined.get(name, 0) + grown


FRESH: dict[str, Any] = {"did": "purchase", "within": "20m"}  # in by the event, out by time alone


@settings(max_examples=60, deadline=None)
@example(
    first=FRESH,
    second={"not": {"audience": "first"}},
    doings=[(1, event(1, name="purchase", props={}))],
)
@given(first=FLAT, second=RULES, doings=DOINGS)
def test_streaming_holds_whom_a_look_at_everybody_holds(
    first: dict[str, Any], second: dict[str, Any], doings: list[tuple[int, dict[str, Any]]]
) -> None:
    """At every event, at every ring, and between: members are those the rule holds for then."""
    documents: list[dict[str, Any]] = [
        *TRAITS,
        {"kind": "audience", "id": "first", "when": first},
        {"kind": "audience", "id": "a-second", "when": second},
    ]
    life, now_ms = Life(documents), NOW_MS
    for wait_ms, raw in [(1, event(1)), *doings, *[(HOUR_MS // 3, None)] * 12]:
        for probe_ms in (now_ms + wait_ms // 3, now_ms + 2 * wait_ms // 3):
            life.pass_time(probe_ms)
            assert set(life.person.audiences) == life.members(probe_ms)
        now_ms += wait_ms
        life.pass_time(now_ms)
        if raw is not None:
            life.do(raw, now_ms)
        assert set(life.person.audiences) == life.members(now_ms)

    assert {name for name, size in life.joined.items() if size} == set(life.person.audiences)
