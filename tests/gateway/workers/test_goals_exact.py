"""
Goals are counted exactly, whatever people do and whenever it is heard.

Visitors and users enter, buy and log in, in any order, late or not, through the real door, pipeline
and store; the process dies now and then, and batches are told twice. What stands in the counts is
what somebody finds who reads the whole history at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from fencepost_gateway.decide.ids import chance
from fencepost_gateway.decide.watch import key_of
from fencepost_gateway.documents.yaml_text import parse
from gateway.batches import DAY_MS, MINUTE_MS, NOW_MS, event, user, visitor
from gateway.workers.run_house import EDITIONS, JOURNEY, RunHouse

HOUR_MS = 60 * MINUTE_MS
WITHIN_MS = 3 * DAY_MS  # as the house has it
SPAN_MS = 25 * DAY_MS  # less than watches are kept for
VALUE = 10
PEOPLE = 3
MEASURED: dict[str, Any] = parse(
    """
    {reentry: always, lifetime: 2h, holdout: 40%, steps: [
      {id: hello, message: {template: ad, channels: [in_app]}}]}
    """
)[0][0].value
AD = {
    "kind": "template",
    "id": "ad",
    "purpose": "marketing",
    "in_app": {"layout": "banner", "title": "hi", "body": "hi"},
}
WHO = st.integers(0, PEOPLE - 1)
LATE_MS = st.sampled_from([0, 0, 0, HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS])
DEEDS = st.one_of(
    st.tuples(st.just("begin"), WHO, LATE_MS),
    st.tuples(st.just("begin"), WHO, LATE_MS),
    st.tuples(st.just("bought"), WHO, LATE_MS),
    st.tuples(st.just("bought"), WHO, LATE_MS),
    st.tuples(st.just("log in"), WHO, st.sampled_from([0, 0, 1])),
    st.tuples(st.just("log in"), WHO, st.sampled_from([0, 0, 1])),
    st.tuples(
        st.just("time"), st.just(0), st.sampled_from([1, HOUR_MS, HOUR_MS, DAY_MS, WITHIN_MS])
    ),
    st.tuples(st.just("process"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("again"), st.integers(0, 50), st.just(0)),
)

BOTH = [  # both enter and one buys; both are one
    *(("begin", 0, 0), ("time", 0, HOUR_MS), ("begin", 1, 0), ("time", 0, HOUR_MS)),
    *(("bought", 1, 0), ("log in", 0, 0), ("log in", 1, 0)),
]


class Entry(Struct, frozen=True):
    """Somebody entered, drawn to be in a group."""

    at_ms: int
    day: int
    group: str


class History:
    """All that happened; what there is to count is worked out at the end."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self.names = {number: visitor(f"a-{number}") for number in range(PEOPLE)}
        self.entries: dict[str, list[Entry]] = {}
        self.bought: dict[str, list[int]] = {}

    def begin(self, number: int, at_ms: int, now_ms: int) -> None:
        """Let somebody enter: inside an open window it is nothing new."""
        name = self.names[number]
        group = "holdout" if chance(self._seed, "holdout", JOURNEY, name) < 0.4 else "treated"
        known = self.entries.setdefault(name, [])
        if all(abs(each.at_ms - at_ms) >= WITHIN_MS for each in known):
            known.append(Entry(at_ms, now_ms // DAY_MS, group))

    def log_in(self, number: int, name: str) -> None:
        """Let somebody turn out to be somebody: the older of two that overlap stays."""
        before = self.names[number]
        if before == name:
            return
        self.names[number] = name
        self.bought.setdefault(name, []).extend(self.bought.pop(before, []))
        both = [*self.entries.pop(before, []), *self.entries.get(name, [])]
        stay: list[Entry] = []
        for each in sorted(both, key=lambda entry: (entry.at_ms, entry.day, entry.group)):
            if not stay or each.at_ms - stay[-1].at_ms >= WITHIN_MS:
                stay.append(each)
        self.entries[name] = stay

    def counts(self) -> dict[str, int]:
        """Read it all."""
        total: Counter[str] = Counter()
        for name, entries in self.entries.items():
            done = self.bought.get(name, [])
            for entry in entries:
                total[f"{entry.group} entered"] += 1
                if any(entry.at_ms < at_ms <= entry.at_ms + WITHIN_MS for at_ms in done):
                    total[f"{entry.group} converted"] += 1
                    total[f"{entry.group} worth"] += VALUE * 10_000
        return dict(total)


class Lives:
    """Lets it all happen, to a gateway and to a history."""

    def __init__(self, kind: str) -> None:
        self.house, self.history = RunHouse(kind, EDITIONS[3]), History("seed")
        self.house.publish(MEASURED, ("template", "ad", AD))
        self.house.restart()
        self._logged_in: dict[int, str] = {}
        self._left_ms = SPAN_MS
        for number in range(PEOPLE):
            values = {"collect": "y", "marketing": "y"}
            self._tell(number, event(1, "consent", NOW_MS, values=values, method="toggle"))

    def _tell(self, number: int, told: dict[str, Any]) -> None:
        who = f"a-{number}", self._logged_in.get(number)
        self.house.send(f"d-{number}", who, told)

    def does(self, name: str, number: int, late_ms: int) -> None:
        """Let somebody enter, or buy."""
        at_ms = self.house.now_ms - late_ms
        props = {"value": VALUE} if name == "bought" else {}
        self._tell(number, event(1, at_ms=at_ms, name=name, props=props))
        if name == "begin":
            self.history.begin(number, at_ms, self.house.now_ms)
        else:
            self.history.bought.setdefault(self.history.names[number], []).append(at_ms)

    def logs_in(self, number: int, user_number: int) -> None:
        """Let a visitor turn out to be somebody."""
        if number not in self._logged_in:
            user_id = f"u-{user_number}"
            self._tell(number, event(1, "identify", self.house.now_ms, user_id=user_id))
            self._logged_in[number] = user_id
            self.history.log_in(number, user(user_id))

    def passes(self, ms: int) -> None:
        """Let time pass, though not so much that watches are forgotten."""
        ms = min(ms, self._left_ms)
        self._left_ms -= ms
        self.house.move(ms)

    def process(self, most: int) -> None:
        """Let a group of records be taken."""
        self.house.frail.bite = most
        self.house.process()

    def happen(self, name: str, number: int, more: int) -> None:
        """Let one deed be done."""
        acts: dict[str, Callable[[], None]] = {
            "log in": lambda: self.logs_in(number, more),
            "time": lambda: self.passes(more),
            "process": lambda: self.process(number),
            "restart": self.house.restart,
            "again": lambda: self.house.send_again(number),
        }
        acts.get(name, lambda: self.does(name, number, more))()


def counted(house: RunHouse) -> dict[str, int]:
    """Give what the store has counted."""
    total: Counter[str] = Counter()
    for each in house.do(house.store.journeys.counts(0, JOURNEY)):
        key = key_of(each.what)
        if key is not None:
            assert (key.event, key.within_ms) == ("bought", WITHIN_MS)
            total[f"{key.group} {key.figure}"] += each.count
    return {name: count for name, count in total.items() if count}


@pytest.mark.feature("S16", "X05")
@pytest.mark.timeout(120)
@settings(max_examples=60, deadline=None)
@given(
    deeds=st.lists(DEEDS, min_size=10, max_size=40),
    kind=st.sampled_from(["memory", "memory", "sqlite"]),
)
@example(deeds=BOTH, kind="sqlite")
@example(deeds=[*BOTH[:-2], ("process", 3, 0), ("restart", 0, 0), *BOTH[-2:]], kind="sqlite")
def test_counts_are_those_of_the_whole_history(
    deeds: list[tuple[str, int, int]], kind: str
) -> None:
    """Treated and holdout, entered and converted, and what it was worth: by brute force."""
    lives = Lives(kind)
    try:
        for name, number, more in deeds:
            lives.happen(name, number, more)
        lives.house.frail.bite = 64
        while lives.house.process():
            pass
        assert counted(lives.house) == lives.history.counts()
    finally:
        lives.house.close()
