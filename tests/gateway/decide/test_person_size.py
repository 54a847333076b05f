"""The row of a person is bounded, whatever an app reports and whatever is published."""

from __future__ import annotations

from typing import Any

import msgspec

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.enter import RUNS_MAX
from fencepost_gateway.decide.flags import FLAGS_MAX, Flagged
from fencepost_gateway.decide.past import PastMessage, Visit
from fencepost_gateway.decide.person import Person, Reached
from fencepost_gateway.decide.plan import LIVING, LIVING_MAX
from fencepost_gateway.decide.run import Run, Standing
from fencepost_gateway.decide.scoring import WATCHES_MAX
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.trait_state import CELLS_MAX, TraitState, bound_all
from fencepost_gateway.decide.walk import PROPS_MAX_BYTES
from fencepost_gateway.decide.watch import Watch
from gateway.decide.builders import DAY_MS, NOON_MS

ROW_MAX_BYTES = 1 << 21
WIDE = "\U0001f9d8"  # four bytes a character, as wide as they come
NAME_MAX, ID_MAX = 128, 64
TRAITS, AUDIENCES, EXPERIMENTS = 100, 1_000, 100


def _id(kind: str, number: int) -> str:
    return f"{kind}-{number}".ljust(ID_MAX, "x")


def _hash(number: int) -> str:
    return str(number).ljust(32, "0")


def fullest(living: int = LIVING) -> Person:
    """Let an app report, and authors publish, all that a person can hold."""
    person = Person("p" * 32, "u" * 256)
    for number in range(400):
        props: dict[str, Any] = {"text": "x" * 2_000, "value": 1.5}
        name = f"{number:>03}".ljust(NAME_MAX, WIDE)
        person.remember(name, NOON_MS + number * DAY_MS, props)
        person.set_attributes({f"a{number}": "x" * 300})
        person.visit(Visit(_id("fence", number), NOON_MS + number, _hash(number)))
        told = dict.fromkeys(("sent", "received", "displayed", "clicked"), NOON_MS + number)
        tags = tuple(_id("tag", n) for n in range(16))
        campaign, template = _id("campaign", number), _id("template", number)
        person.heard_of(
            PastMessage(_hash(number), campaign, template, tags, _hash(number + 1), told)
        )
        person.reached_at(
            ("sms", "email", "web_push")[number % 3], Reached(_hash(number), "d" * 256)
        )
        where = ("location_marketing", "CT", NOON_MS, "web_push", _hash(number), "d" * 256)
        person.state([ConsentEntry(*where)])
    person.runs = {
        _id("campaign", n): Run(_hash(n), NOON_MS, 1, NOON_MS, "withheld") for n in range(RUNS_MAX)
    }
    for n in range(living):
        cause = Cause(_hash(n), "event", "e" * NAME_MAX, NOON_MS, {"text": "x" * PROPS_MAX_BYTES})
        at = Standing(_id("step", 1), NOON_MS, NOON_MS, NOON_MS, cause)
        at.sent = {_id("step", i): [_hash(i)] for i in range(100)}
        person.runs[_id("campaign", n)] = Run(_hash(n), NOON_MS, at=at)
    person.drawn = {f"{_id('campaign', n)}/{_id('step', n)}": "a" * ID_MAX for n in range(1_000)}
    person.arms = {_id("experiment", n): _id("arm", n) for n in range(EXPERIMENTS)}
    person.audiences = {_id("audience", n): NOON_MS for n in range(AUDIENCES)}
    for n in range(TRAITS):
        cells = {NOON_MS // 60_000 + step: 2**53 for step in range(1_000)}
        state = TraitState(_hash(n), "sum", "e" * NAME_MAX, cells, NOON_MS, 60_000)
        person.traits[_id("trait", n)] = state
    bound_all(person.traits)
    person.watches = [
        Watch(_id("campaign", n), n, "e" * NAME_MAX, DAY_MS, "no_consent", NOON_MS, n, NOON_MS, 1)
        for n in range(WATCHES_MAX)
    ]
    person.flags = [Flagged("teleport", "d" * 256, NOON_MS)] * FLAGS_MAX
    return person


def test_row_of_the_fullest_person_stays_below_two_mebibytes() -> None:
    """A hundred traits, a thousand audiences, forty journeys, long names: the docs' bound holds."""
    person = fullest()
    row = msgspec.msgpack.encode(person)

    assert sum(state.size for state in person.traits.values()) == CELLS_MAX
    assert len(row) < ROW_MAX_BYTES


def test_row_grows_with_the_journeys_that_a_workspace_allows_at_once() -> None:
    """At the most that it may allow, somebody on all of them stays below five mebibytes."""
    row, less = (msgspec.msgpack.encode(fullest(n)) for n in (LIVING_MAX, LIVING))

    assert len(row) < 5 << 20
    assert (len(row) - len(less)) / (LIVING_MAX - LIVING) < 20_000
