"""What the fold keeps as history, and that taking it again does the same again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from fencepost_gateway.decide.person import PROPS_MAX_BYTES, Person
from fencepost_gateway.intake import history
from fencepost_gateway.intake.history import Told
from fencepost_gateway.intake.records import LogRecord
from fencepost_gateway.ports import Effects, HistoryRow
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.keeping import STOOD_EVERY_MS
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import NOW_MS
from gateway.rig import DOCUMENTS, INSIDE, NOON_MS, OPEN_POLICY, OUTSIDE, Rig, open_rig

AUDIENCES = """
kind: audience
id: buyers
when: {did: purchase, within: 7d}
---
kind: audience
id: regulars
when: {visited: {tag: studio}, within: 7d}
---
kind: campaign
id: thanks
entry: {audience: buyers, on: join}
message: {template: thanks, channels: [email, sms]}
goal: none
---
kind: template
id: thanks
purpose: transactional
email: {subject: Thanks, text: Thank you.}
sms: {text: Thank you.}
"""
SECRETS = ("43.7", "7.42", "someone@example.com", "+33612345678", "push.example.com")


async def live(rig: Rig) -> None:
    """Let a visitor do everything that is kept, log in on the way, and withdraw at the end."""
    push = {"endpoint": "https://push.example.com/1", "keys": {"auth": "a", "p256dh": "b"}}
    await rig.send({"type": "consent", "values": {"location_collect": "y", "location_precise": "y",
                   "collect": "y", "marketing": "y", "location_marketing": "y"}},
                   user_id=None)  # fmt: skip
    await rig.send({"type": "screen", "name": "Home"}, user_id=None)
    await rig.send({"type": "set", "traits": {"tier": "plus", "home_lat": 43.73}}, user_id=None)
    for where in (OUTSIDE,) * 3 + (INSIDE,) * 3:
        lat, lon = where
        rig.clock.move_to(rig.clock.now_ms() + 15_000)
        await rig.send({"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5}, user_id=None)
    await rig.settle()
    (shown,) = await rig.inbox()
    reacted = {"type": "engagement", "delivery_id": shown["delivery_id"], "action": "clicked"}
    await rig.send(reacted, user_id=None)
    await rig.send({"type": "identify", "user_id": "u1", "traits": {"tier": "gold"}})
    await rig.send({"type": "address", "channel": "email", "address": "someone@example.com"},
                   {"type": "address", "channel": "sms", "address": "+33612345678"},
                   {"type": "address", "channel": "web_push", "subscription": push},
                   {"type": "track", "name": "purchase", "props": {"value": 12.5}})  # fmt: skip
    await rig.settle()
    rig.clock.move_to(rig.clock.now_ms() + 400_000)
    await rig.fix(INSIDE)
    await rig.settle()
    await rig.fix((45.0, 9.0))  # nobody is that fast
    await rig.fix(INSIDE)
    await rig.settle()
    await rig.send({"type": "address", "channel": "sms", "address": "+33612345678",
                    "removed": True})  # fmt: skip
    await rig.send({"type": "consent", "values": {"location_collect": "n"}})
    await rig.settle()


async def log_of(rig: Rig) -> list[LogRecord]:
    """Give the log without publications, which the plan in force stands for."""
    found = await rig.gateway.store.read_log(0, 1000)
    return [each for each in found if type(each.record).__name__ != "Published"]


class Folded:
    """What records come to, folded one by one."""

    def __init__(self, plans: Plans, records: Iterable[LogRecord]) -> None:
        self.states = States()
        self.effects: list[Effects] = []
        for each in records:
            group = Group(self.states, plans, "default", each.position)
            group.take(each)
            self.effects.append(group.close())

    @property
    def rows(self) -> list[HistoryRow]:
        """Everything kept."""
        return [row for each in self.effects for row in each.history]

    def told(self) -> list[Any]:
        """Give the records and messages that it came to, as they would be written."""
        return [msgspec.to_builtins([*each.records, *each.messages]) for each in self.effects]


def recalled(log: Iterable[LogRecord], once: Folded) -> list[LogRecord]:
    """Give a log in which history stands in for what it was kept of."""
    found = []
    for each, effects in zip(log, once.effects, strict=True):
        kept = [history.unpack(row.body) for row in effects.history]
        is_own = type(each.record).__name__ in ("Outcome", "Touched")
        records = [each.record] if is_own else kept
        found += [LogRecord(each.position, each.appended_ms, one) for one in records]
    return found


def plain(person: Person) -> Any:
    """Give what a recalled person must agree in."""
    found = msgspec.structs.asdict(person)
    found["attributes"] = {k: v for k, v in person.attributes.items() if k not in history.HOME}
    return {k: v for k, v in found.items() if k not in ("stood_ms", "zone_at_ms")}


async def test_history_taken_again_does_the_same_again(tmp_path: Path) -> None:
    """The same persons, decision records and messages come of it as of what it was kept of."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, AUDIENCES)
        await live(rig)
        plans = Plans(rig.gateway.credentials.seed)
        await plans.load(rig.gateway.store)
        log = await log_of(rig)
    once = Folded(plans, log)
    again = Folded(plans, recalled(log, once))

    def flat(told: list[Any]) -> list[Any]:
        return [one for each in told for one in each]

    assert len(once.rows) > 10
    assert flat(again.told()) == flat(once.told())
    assert {i: plain(p) for i, p in again.states.persons.items()} == {
        i: plain(p) for i, p in once.states.persons.items()
    }
    assert again.rows == []


async def test_history_holds_no_coordinate_and_no_address(tmp_path: Path) -> None:
    """Neither in words nor in numbers: what is kept of a number is its country's prefix."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, AUDIENCES)
        await live(rig)
        rows = await rig.gateway.store.history.page(0, 1000)
        known = await rig.gateway.store.people.story(rows[-1].person_id, (0, 0), 1 << 60, 1)
    told = [msgspec.to_builtins(history.unpack(row.body)) for row in rows]

    for secret in SECRETS:
        assert secret not in str(told)
    assert "+33" in str(told)
    assert {row.person_id for row in rows} == {known[0].person_id}
    assert {kind for each in told for kind, *_ in each["happened"]} == {
        "said", "did", "became", "zoned", "crossed", "reacted", "greeted", "reaches", "forgot",
        "suspected",
    }  # fmt: skip


def test_fat_properties_are_left_out_of_history() -> None:
    """Properties that a person's row does not remember are not kept either."""
    fat = "x" * PROPS_MAX_BYTES
    told = Told("p", "d", "s", [
        history.Did(NOW_MS, 1, "read", {"text": fat}),
        history.Did(NOW_MS, 2, "read", {"text": "short"}),
        history.Became({"biography": fat, "tier": "plus"}),
    ])  # fmt: skip
    kept = history.unpack(history.pack(told)).happened

    assert kept == [
        history.Did(NOW_MS, 1, "read", {}),
        history.Did(NOW_MS, 2, "read", {"text": "short"}),
        history.Became({"tier": "plus"}),
    ]


def test_how_somebody_stood_is_kept_before_the_first_row_and_every_three_months() -> None:
    """What was known of a person before outlives what is pruned; of a stranger it is nothing."""

    def happened_ms(states: States, at_ms: int) -> list[Any]:
        group = Group(states, Plans("seed"), "default", 0)
        told = Told("p", "d", "s", [history.Became({"tier": "gold"})])
        group._fold.keeping.begin(at_ms)  # noqa: SLF001 - the part under test
        group._fold.keeping.keep(states.person("p"), told.happened[0])  # noqa: SLF001
        group._fold.keeping.end()  # noqa: SLF001
        (row,) = group.close().history
        return history.unpack(row.body).happened

    known, stranger = States(), States()
    known.persons["p"] = Person("p", attributes={"tier": "plus", "home_lat": 1.5})
    first = happened_ms(known, NOON_MS)

    assert isinstance(first[0], history.Stood)
    stood = msgspec.msgpack.decode(first[0].packed, type=Person)
    assert stood == Person("p", attributes={"tier": "plus"})
    assert len(happened_ms(known, NOON_MS + STOOD_EVERY_MS)) == 1
    assert len(happened_ms(known, NOON_MS + STOOD_EVERY_MS + 1)) == 2
    assert len(happened_ms(stranger, NOON_MS)) == 1


def test_the_prefix_of_a_number_is_the_longest_calling_code() -> None:
    """Which country it is, and no digit more; of other addresses nothing."""
    assert history.prefix_of("sms", {"address": "+12425550100"}) == "+1242"
    assert history.prefix_of("sms", {"address": "+15550100"}) == "+1"
    assert history.prefix_of("sms", {"address": "5550100"}) == ""
    assert history.prefix_of("email", {"address": "+1@example.com"}) == ""
