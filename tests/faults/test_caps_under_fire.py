"""
R11, whole: thousands of triggers race for caps, while everything goes wrong that can.

One person with eight devices gets half of the triggers, fifty others the rest; each trigger wants
an SMS and an in-app message. The gateway (in-flight 128) dies of SIGKILL every two seconds; the
provider refuses a fifth of the calls and leaves a tenth in silence after it took them; the clock
jumps by an hour forward and back, and by 400 days back.

A run is a few windows, eight days apart by the gateway's clock, the last in 2038; each is brought
to rest before the next begins. So every call has one window, whatever the clock said in between.

Pass lines, in every window and for every person:

1. The provider took no more than the cap lets: in all, by channel, by tag; and nothing twice.
2. It took exactly the cap where no outcome is unknown (triggers are added until the cap is used).
3. Every message the provider took holds a slot.
4. Whenever a claim was judged, the count it went by is that of a ledger told again from the
   records: nothing was let go in excess, nothing was kept back in vain.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from e2e.clock import steady_ns
from faults.caps_play import BY_SMS, DAY_MS, KILL_EVERY_S, TOTAL, WINTER, Play, number_of, run
from faults.checker import House, read_house
from faults.laws import conserved
from faults.provider import Provider
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.message import Message
from fencepost_gateway.ports import LEASE_MS, RecordRow


@dataclass(slots=True)
class Counted:
    """What became of the messages of one person in one window."""

    sms: int = 0
    in_app: int = 0
    unknown: int = 0


def count(play: Play, provider: Provider, house: House) -> dict[tuple[int, str], Counted]:
    """Count by window and person what was taken, by the provider's ledger and the inbox."""
    found: dict[tuple[int, str], Counted] = defaultdict(Counted)
    for call in provider.accepted:
        found[play.windows[int(call.body.removeprefix("n="))]].sms += 1
    for message_id, body in house.bodies.items():
        key = play.windows[number_of(body)]
        found[key].in_app += message_id in house.inbox
        found[key].unknown += house.slot_states.get(message_id) == "kept_unknown"
    return found


@dataclass(slots=True)
class Taken:
    """A slot as the records tell of it: counted as reserved at, claimed at, used at if it is."""

    reserved_ms: int
    claimed_ms: int
    used_ms: int | None = None

    def counts(self, at_ms: int) -> bool:
        """Say whether the slot counts at a moment: open ones always, used ones for a day."""
        return self.used_ms is None or max(self.used_ms, self.reserved_ms) + DAY_MS > at_ms


def misjudged(house: House) -> list[str]:
    """Judge the total again, claim by claim, by a ledger told from the records (pass line 4)."""
    wrong = []
    ledger: dict[str, dict[str, Taken]] = defaultdict(dict)  # person -> message -> slot
    for row in house.records:
        mine = ledger[row.person_id]
        if row.kind == "outcome" and "slot" in row.body:
            _end(mine, row)
        if row.kind != "claim":
            continue
        at_ms = max([row.at_ms, *(slot.reserved_ms for slot in mine.values())])
        used = sum(slot.counts(at_ms) for slot in mine.values())
        rules = [r for c in row.body["checks"] if c["gate"] == "caps" for r in c["inputs"]["rules"]]
        said = [rule["used"] for rule in rules if rule["rule"].endswith("total")]
        if rules and said != [used]:
            wrong.append(f"{row.subject}: said {said}, and it is {used}")
        if row.body["outcome"] == "send":
            mine[row.subject] = Taken(at_ms, row.at_ms)
            if used >= TOTAL:
                wrong.append(f"{row.subject}: sent as number {used + 1}")
    return wrong


def _end(mine: dict[str, Taken], row: RecordRow) -> None:
    slot = mine[row.subject]
    if row.body["slot"] == "released":
        del mine[row.subject]
    elif row.body["slot"] == "kept_unknown":  # the call may go on until its lease is over
        slot.used_ms = max(row.at_ms, slot.claimed_ms + LEASE_MS)
    else:
        slot.used_ms = row.at_ms


async def prove(folder: Path, seed: int, *, triggers: int, windows: int, within_s: float) -> str:
    """Play, check the pass lines, and give the row's one line."""
    began_ns = steady_ns()
    play, provider = await run(folder, seed, triggers, windows, within_s)
    house = read_house(folder / "data")
    counted = count(play, provider, house)
    people = [person_id_of_user("default", user_id) for user_id in play.devices]
    every = {(w, p): counted[w, p] for w in range(windows) for p in people}
    taken = {key: c.sms + c.in_app for key, c in every.items()}
    twice = [body for body, n in Counter(c.body for c in provider.accepted).items() if n > 1]
    fate = Counter(call.fate for call in provider.ledger)
    line = (
        f"\nR11 seed={seed} triggers={len(play.windows)} messages={len(house.messages)} "
        f"kills={len(play.gateways.kills_ns)} jumps={play.jumps} calls={dict(fate)} "
        f"windows={len(every)} taken={dict(Counter(taken.values()))} "
        f"unknown={sum(c.unknown for c in every.values())} slots={dict(house.slots)} "
        f"most={max(taken.values())} took_s={(steady_ns() - began_ns) / 1e9:.0f}"
    )

    assert len(play.gateways.kills_ns) >= within_s / KILL_EVERY_S / 3, (
        f"too little happened: {line}"
    )
    assert len(fate) == 3, f"too little happened: {line}"
    assert play.jumps > windows, f"too little happened: {line}"
    assert {key: n for key, n in taken.items() if n > TOTAL} == {}, line
    assert {key: c for key, c in every.items() if c.sms > BY_SMS or c.in_app > WINTER} == {}, line
    assert twice == [], line
    less = {key: n for key, n in taken.items() if n < TOTAL and not every[key].unknown}
    assert less == {}, line
    slots = slots_of_sms(house)
    assert {slots[c.body] for c in provider.accepted} <= {"confirmed", "kept_unknown"}, line
    assert misjudged(house) == [], line
    assert conserved(house) == {}, line
    assert len(house.messages) == 2 * len(play.windows), line
    return line


def slots_of_sms(house: House) -> dict[str, str]:
    """Give the state of the slot behind each SMS by its text."""
    found = {}
    for message_id, body in house.bodies.items():
        message = msgspec.msgpack.decode(body, type=Message)
        if message.campaign_id == "told":
            found[f"n={message.cause.props['n']}"] = house.slot_states.get(message_id, "")
    return found


@pytest.mark.guarantee("R11", "R22")
@pytest.mark.timeout(300)
async def test_caps_hold_under_fire(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thousand triggers, kills, refusals, silence and a jumping clock: never above a cap."""
    line = await prove(tmp_path, seed, triggers=1_000, windows=3, within_s=12)
    with capsys.disabled():
        print(line)  # noqa: T201 - the row's one line


@pytest.mark.long
@pytest.mark.guarantee("R11", "R22")
@pytest.mark.timeout(1800)
async def test_caps_hold_under_fire_for_ten_thousand_triggers_of_one_person(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """As above: ten thousand for one person, ten thousand for fifty others."""
    line = await prove(tmp_path, seed, triggers=20_000, windows=6, within_s=120)
    with capsys.disabled():
        print(line)  # noqa: T201 - the row's one line
