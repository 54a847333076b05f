"""
``python -m bench.claims``: what one claim costs the writer, beside encoding its own record.

Whole decisions, not a call: facts in memory, no store. The second figure of each line is how many
times as long that is as writing the verdict as JSON, which every claim does once anyway.
Then each gate by itself, in a decision with consent, quiet hours and three caps, and a stimulus
that wakes nothing. ``--rounds`` makes it shorter. No figure is a pass line.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import msgspec

from fencepost_gateway.clock import SystemClock
from fencepost_gateway.decide import channel_gates, message_gates
from fencepost_gateway.decide.case import case_of
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.enter import enter
from fencepost_gateway.decide.message import AddressRow, ClaimFacts
from fencepost_gateway.decide.person import RECENT_MAX, Person
from fencepost_gateway.decide.plan import CapRule, CapScope, MessagePlan, Plan
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.stimulus import Cause
from gateway.decide.builders import (
    DAY_MS,
    ENTER,
    HOUR_MS,
    NOON_MS,
    RENDERED,
    campaign,
    facts,
    message,
    plan,
    slot,
)

ROUNDS = 2_000
REPEATS = 5
NIGHT_MS = NOON_MS - 11 * HOUR_MS
CAPS = (
    CapRule("caps.week", 3, rolling_ms=7 * DAY_MS),
    CapRule("caps.sms", 1, CapScope(channels=frozenset({"sms"})), calendar="day"),
)
SLOTS = tuple(slot(f"s{n}", NOON_MS - n * 3 * DAY_MS, NOON_MS - n * 3 * DAY_MS) for n in (1, 2, 3))
Case = tuple[str, Plan, ClaimFacts, int]


def cases() -> Iterator[Case]:
    """Give decisions that go through few gates and through many."""
    sms = message(channels=("sms",), entered_ms=NIGHT_MS, expires_at_ms=NIGHT_MS + 5 * DAY_MS)
    waits = MessagePlan("greet", ("sms",), caps="defer")
    email = campaign(message=MessagePlan("greet", ("email",)))
    by_mail = facts(message=message(channels=("email",)))
    abroad = AddressRow("sms", "sms-1", {"address": "+12125550100"}, 0)
    own = Person("person-1", attributes={"quiet_hours": "22:00-07:00"})
    full = with_limit(CAPS, 2)
    yield "no hours, no caps", plan(email), by_mail, NOON_MS
    yield "hours and caps, sent", plan(caps=CAPS), facts(message=sms, slots=SLOTS), NOON_MS
    yield "and the person's own hours", plan(caps=CAPS), facts(message=sms, person=own), NOON_MS
    yield "night, deferred", plan(caps=CAPS), facts(message=sms, slots=SLOTS), NIGHT_MS
    yield (
        "night and a full cap, deferred",
        plan(campaign(message=waits), caps=full),
        facts(message=sms, slots=SLOTS),
        NIGHT_MS,
    )
    yield (
        "zone unknown, an American number",
        plan(caps=CAPS, workspace_zone=""),
        facts(message=sms, addresses=(abroad,)),
        NOON_MS,
    )


def with_limit(rules: tuple[CapRule, ...], limit: int) -> tuple[CapRule, ...]:
    """Give the rules with another limit, which the slots here use up."""
    return tuple(msgspec.structs.replace(rule, limit=limit) for rule in rules)


def measure(case: Case, rounds: int, clock: SystemClock) -> tuple[float, float, str]:
    """Give µs a decision, how many encodings that is, and what came of it."""
    _, the_plan, the_facts, now_ms = case
    verdict = judge(the_plan, the_facts, RENDERED, now_ms)
    encode = msgspec.json.Encoder().encode
    took_us: list[float] = []
    beside_us: list[float] = []
    for _ in range(REPEATS):
        start_s = clock.monotonic_s()
        for _ in range(rounds):
            judge(the_plan, the_facts, RENDERED, now_ms)
        middle_s = clock.monotonic_s()
        for _ in range(rounds):
            encode(verdict)
        took_us.append((middle_s - start_s) / rounds * 1e6)
        beside_us.append((clock.monotonic_s() - middle_s) / rounds * 1e6)
    return median(took_us), median(took_us) / median(beside_us), verdict.outcome


def main(rounds: int) -> None:
    """Measure every case."""
    clock = SystemClock()
    for case in cases():
        took_us, ratio, outcome = measure(case, rounds, clock)
        print(f"{case[0]}: {took_us:.1f} us, {ratio:.1f} encodings ({outcome})")  # noqa: T201 - a benchmark prints

    for name, took_us in [*gates(rounds, clock), *idle(rounds, clock)]:
        print(f"{name}: {took_us:.2f} us")  # noqa: T201 - a benchmark prints


def gates(rounds: int, clock: SystemClock) -> Iterator[tuple[str, float]]:
    """Give µs a gate of a whole decision: consent, quiet hours, three caps, all of them open."""
    sms = message(channels=("sms",), cause=ENTER)
    given = facts(message=sms, slots=SLOTS)
    the_plan = plan(caps=(*CAPS, CapRule("caps.month", 9, calendar="month")))
    case = case_of(the_plan, given, RENDERED, NOON_MS, {})
    if case is None:
        raise SystemExit("the campaign of the benchmark is not live")
    yield (
        "laying out",
        timed(lambda: case_of(the_plan, given, RENDERED, NOON_MS, {}), rounds, clock),
    )
    for gate in message_gates.ORDER:
        yield gate.__name__.strip("_"), timed(partial(gate, case), rounds, clock)
    way = channel_gates.way_of(case, "sms")
    found = channel_gates.timing_of(case, way)
    yield "address", timed(lambda: channel_gates.way_of(case, "sms"), rounds, clock)
    for of_way in (channel_gates.reachable, channel_gates.suppression, channel_gates.consent):
        yield of_way.__name__, timed(partial(of_way, case, way), rounds, clock)
    yield "hours of the way", timed(lambda: channel_gates.timing_of(case, way), rounds, clock)
    quiet = partial(channel_gates.quiet_hours, case, way, found)
    yield "quiet_hours", timed(quiet, rounds, clock)
    yield "render", timed(partial(channel_gates.render, case, way), rounds, clock)
    yield "caps", timed(partial(channel_gates.caps, case, way, found), rounds, clock)
    whole = partial(judge, the_plan, given, RENDERED, NOON_MS)
    yield "full decision: consent, quiet hours, 3 caps", timed(whole, rounds, clock)


def idle(rounds: int, clock: SystemClock) -> Iterator[tuple[str, float]]:
    """Give µs of a stimulus that wakes nothing: asking the wake index, and remembering it."""
    person, the_plan = Person("person-1"), plan()
    cause = Cause("stimulus", "event", "screen", NOON_MS)
    for _ in range(RECENT_MAX):
        person.remember("screen", NOON_MS, {"name": "home"})

    def taken() -> None:
        person.remember("screen", NOON_MS, {"name": "home"})
        if "screen" in the_plan.on_event:
            enter(Scene(the_plan, "main", person, Census({}), NOON_MS), cause)

    yield "a stimulus that wakes nothing", timed(taken, rounds, clock)


def timed(call: Callable[[], object], rounds: int, clock: SystemClock) -> float:
    """Give the µs of a call in the quietest of the repeats: its own cost, not the neighbours'."""
    took_us = []
    for _ in range(REPEATS):
        start_s = clock.monotonic_s()
        for _ in range(rounds):
            call()
        took_us.append((clock.monotonic_s() - start_s) / rounds * 1e6)
    return min(took_us)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    main(parser.parse_args().rounds)
