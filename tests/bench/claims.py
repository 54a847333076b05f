"""
``python -m bench.claims``: what one claim costs the writer, beside encoding its own record.

Whole decisions, not a call: facts in memory, no store. The second figure of each line is how many
times as long that is as writing the verdict as JSON, which every claim does once anyway.
``--rounds`` makes it shorter. No figure is a pass line.
"""

import argparse
from collections.abc import Iterator
from statistics import median

import msgspec

from fencepost_gateway.clock import SystemClock
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.message import AddressRow, ClaimFacts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import CapRule, CapScope, MessagePlan, Plan
from gateway.decide.builders import (
    DAY_MS,
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    main(parser.parse_args().rounds)
