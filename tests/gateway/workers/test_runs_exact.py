"""Exact numbers: one live run under a key, one person through a limit of one, ten entries a day."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.plan import EventEntry, Reentry
from fencepost_gateway.decide.run import Run
from fencepost_gateway.decide.steps import Awaited
from fencepost_gateway.errors import StoreUnavailableError
from gateway.batches import event, user
from gateway.decide.builders import HOUR_MS, NOON_MS
from gateway.decide.journeys import JOURNEY as TRIP
from gateway.decide.journeys import Traveller, flow, head, plan_of, wait
from gateway.workers.run_house import JOURNEY, RunHouse

PEOPLE, ENTRIES, INSIDE = 64, 10, 7
BOUGHT = Awaited("bought", EventEntry("bought"))
ENTRY = {"entered", "not_entered"}
AFTER_MS = 3 * HOUR_MS
RULES = [Reentry("never"), Reentry("after_end"), Reentry("after", AFTER_MS)]
LIMITED: dict[str, Any] = {
    "reentry": "after_end",
    "lifetime": "5d",
    "steps": [
        {"id": "seat", "limit": {"to": 1}, "then": {"full": "rest"}},
        {"id": "prize", "message": {"template": "words", "channels": ["in_app"]}},
        {"id": "rest", "wait": {"for_duration": "2h"}},
    ],
}


@pytest.mark.feature("J07")
@settings(max_examples=100, deadline=None)
@given(
    reentry=st.sampled_from(RULES),
    deeds=st.lists(
        st.tuples(
            st.sampled_from(["begin", "begin", "bought", "time"]),
            st.sampled_from([0, 1, HOUR_MS, 2 * HOUR_MS]),
            st.sampled_from([None, "a", "b"]),
        ),
        max_size=30,
    ),
)
def test_never_two_live_runs_under_one_key(
    reentry: Reentry, deeds: list[tuple[str, int, str | None]]
) -> None:
    """Whatever happens, one lives; who is kept out is told from when on they may enter."""
    steps = wait("w", 2 * HOUR_MS)
    trip = flow(steps, top=head(reentry=reentry), instance="order", exit_on=(BOUGHT,))
    them, now_ms = Traveller(plan_of(trip)), NOON_MS
    entered: dict[str, list[Run]] = defaultdict(list)
    for name, by_ms, order in deeds:
        now_ms += by_ms
        them.waits_until(now_ms)
        if name != "time":
            known = entered[TRIP if order is None else f"{TRIP}#{order}"]
            opens_ms = _opens_ms(reentry, known)
            props: dict[str, Any] = {} if order is None else {"order": order}
            them.does(name, now_ms, **props)
            if name == "begin":
                last = next(r for r in reversed(them.steps) if r.outcome in ENTRY)
                assert last.outcome == ("entered" if opens_ms <= now_ms else "not_entered")
                assert last.inputs.get("opens_ms", opens_ms) == opens_ms
                known += [r for r in them.person.runs.values() if r.run_id == last.run_id]
        for runs in entered.values():
            assert sum(run.ended_ms is None for run in runs) <= 1


def _opens_ms(reentry: Reentry, known: list[Run]) -> float:
    """Say from when on one may enter; a run that lives may end, but nobody knows when."""
    if not known:
        return 0
    if reentry.mode == "never" or known[-1].ended_ms is None:
        return math.inf
    return 0 if reentry.mode == "after_end" else known[-1].entered_ms + AFTER_MS


@pytest.mark.guarantee("R10")
@pytest.mark.timeout(120)
@settings(max_examples=8, deadline=None)
@given(
    kind=st.sampled_from(["memory", "sqlite"]),
    limits=st.sampled_from([{"entries": ENTRIES, "per": "day"}, {"running": INSIDE}, None]),
    cuts=st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["", "", "before", "after"]))),
)
def test_sixty_four_at_once_get_what_there_is_and_no_more(
    kind: str, limits: dict[str, Any] | None, cuts: list[tuple[int, Any]]
) -> None:
    """However their entries are cut into commits, and wherever the process dies between them."""
    house = RunHouse(kind, LIMITED | ({"limits": limits} if limits else {}))
    try:
        told = event(1, at_ms=house.now_ms, name="begin")
        devices = [(f"d-{n}", (f"a-{n}", f"u-{n}"), told) for n in range(PEOPLE)]
        house.do(asyncio.wait_for(_all_at_once(house, devices), 60))
        _process(house, cuts)
        rows = house.do(house.store.records(0, 1_000))
        steps = Counter((r.body["step_id"], r.body["outcome"], r.body["way"]) for r in rows)
        tallies = house.do(house.store.broadcasts.tallies())
        people = house.do(house.store.persons([user(f"u-{n}") for n in range(PEOPLE)]))
    finally:
        house.close()

    most = PEOPLE if limits is None else limits.get("entries", INSIDE)
    assert steps["", "entered", ""] == tallies[JOURNEY, "total"] == most
    assert steps["", "not_entered", ""] == PEOPLE - most
    assert sum(run.ended_ms is None for p in people.values() for run in p.runs.values()) == most
    assert tallies[JOURNEY, "running"] == most
    assert (steps["seat", "took", ""], steps["seat", "took", "full"]) == (1, most - 1)
    assert steps["prize", "took", ""] == tallies[JOURNEY, "step seat"] == 1


async def _all_at_once(house: RunHouse, devices: list[tuple[str, Any, Any]]) -> None:
    await asyncio.gather(*(house.admit(*device) for device in devices))


def _process(house: RunHouse, cuts: list[tuple[int, Any]]) -> None:
    is_busy = True
    while is_busy:
        house.frail.bite, house.frail.fall = cuts.pop(0) if cuts else (64, "")
        try:
            is_busy = house.process()
        except StoreUnavailableError:
            house.restart()
