"""What every store promises of what is told of a delivery after its call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import permutations, product
from pathlib import Path
from typing import Any, get_args

import pytest

from contract.store_kit import (
    CHECK,
    LATER_MS,
    effects,
    ended,
    facts_of,
    message,
    rooms,
    slot_of,
    with_message,
)
from fencepost_gateway.decide.message import AddressRow, ClaimFacts, Verdict
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.intake.records import Outcome, Reported
from fencepost_gateway.intake.reports import LaneReport
from fencepost_gateway.ports import KEPT_MS, LEASE_MS, Claimed, Store, Taken
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite
from gateway.batches import NOW_MS, visitor

CHANNELS = ("sms", "email", "web_push", "in_app")
FINAL = {"sms": "delivered", "web_push": "delivered", "in_app": "delivered", "email": "failed"}


async def claimed_on(
    store: Store, channel: str, message_id: str = "m-1", now_ms: int = NOW_MS
) -> Claimed:
    """Claim a message to send it on a channel, in a slot."""

    def judge(facts: ClaimFacts) -> Verdict:
        to = AddressRow(channel, f"ref-{channel}", {}, NOW_MS)
        slot = slot_of(facts.message, now_ms)
        return Verdict("send", (CHECK,), channel=channel, address=to, slot=slot)

    found = await store.claim(message_id, judge, now_ms)
    assert found is not None
    return found


def told(found: Claimed, what: Word, key: str = "", **members: Any) -> LaneReport:
    """Give a report of a claimed message's delivery."""
    return LaneReport(key or what, what, LATER_MS, delivery_id=found.delivery_id, **members)


async def state_of(store: Store, message_id: str = "m-1") -> tuple[str, str]:
    """Give where a message stands, and why."""
    ends = {m.message_id: m for m in await store.messages("", 100)}
    return ends[message_id].state, ends[message_id].reason


async def test_report_moves_the_message_and_tells_the_log(store: Store) -> None:
    """State, record and log are one commit; the pipeline hears whose message it was."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await ended(store, found, "sent")
    taken = await store.reports.take([told(found, "failed", code="30003")], LATER_MS)

    assert taken == [Taken("new", found.delivery_id, "m-1", visitor(), "failed")]
    assert await state_of(store) == ("failed", "undelivered.30003")
    (*_, last) = await store.read_log(0, 10)
    assert last.record == Reported(
        person_id=visitor(),
        message_id="m-1",
        campaign_id="welcome",
        delivery_id=found.delivery_id,
        channel="sms",
        what="failed",
        at_ms=LATER_MS,
        state="failed",
        code="30003",
        campaign_version=1,
    )
    (*_, row) = await store.records(0, 10, subject="m-1")
    assert (row.kind, row.body["state"], row.body["code"]) == ("outcome", "failed", "30003")


@pytest.mark.guarantee("R19")
@pytest.mark.bad_input(107)
async def test_report_told_again_counts_once(store: Store) -> None:
    """The same id changes nothing for 35 days, within one request and over several."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await ended(store, found, "sent")
    again = told(found, "clicked")
    first = await store.reports.take([again, again], LATER_MS)
    log = await store.read_log(0, 10)
    later = await store.reports.take([again], LATER_MS + KEPT_MS)

    assert [t.what for t in (*first, *later)] == ["new", "repeated", "repeated"]
    assert await store.read_log(0, 10) == log
    assert await store.reports.prune(LATER_MS + 1, 10) == 1
    assert await store.reports.prune(LATER_MS + 1, 10) == 0


@pytest.mark.parametrize(
    "members",
    [
        {"delivery_id": "nobody"},
        {"provider_id": "SM-nobody"},
        {"provider_id": ""},
        {"ref": "nobody", "channel": "sms"},
        {"provider_id": "SM1", "channel": "email"},
    ],
)
async def test_report_of_an_unknown_delivery_changes_nothing(
    store: Store, members: dict[str, str]
) -> None:
    """Nor does one whose delivery is on another channel than the one who tells."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await ended(store, found, "sent", provider_id="SM1")
    log = await store.read_log(0, 10)
    taken = await store.reports.take([LaneReport("k", "failed", LATER_MS, **members)], LATER_MS)

    assert taken == [Taken("unknown")]
    assert (await state_of(store), await store.read_log(0, 10)) == (("sent", ""), log)


async def test_delivery_is_found_by_the_providers_name(store: Store) -> None:
    """Where the provider does not repeat our id, its own stands for the delivery."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await ended(store, found, "sent", provider_id="SM1")
    report = LaneReport("k", "delivered", LATER_MS, channel="sms", provider_id="SM1")
    (taken,) = await store.reports.take([report], LATER_MS)

    assert (taken.delivery_id, taken.state) == (found.delivery_id, "delivered")


@pytest.mark.parametrize("order", [("m-1", "m-2"), ("m-2", "m-1")])
async def test_reply_is_to_the_newest_message_to_that_address(
    store: Store, order: tuple[str, str]
) -> None:
    """Nobody says which message they answer; it moves no state."""
    await with_message(store, *order)
    older, newer = order
    await ended(store, await claimed_on(store, "sms", older), "sent")
    newest = await claimed_on(store, "sms", newer, NOW_MS + 60_000)
    await ended(store, newest, "sent", NOW_MS + 60_000)
    taken = [
        await store.reports.take([LaneReport(k, "replied", LATER_MS, "sms", ref="ref-sms")], 1)
        for k in ("a", "b")
    ]

    assert {(each.delivery_id, each.state) for (each,) in taken} == {(newest.delivery_id, "sent")}


async def test_receipt_settles_what_nobody_knew(store: Store) -> None:
    """A message of unknown outcome that was delivered did leave: its slot is used for certain."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await ended(store, found, "unknown")
    await store.reports.take([told(found, "delivered")], LATER_MS)

    (slot,) = (await facts_of(store)).slots
    assert await state_of(store) == ("delivered", "")
    assert (slot.state, slot.used_at_ms) == ("confirmed", NOW_MS + LEASE_MS)
    (*_, last) = await store.read_log(0, 10)
    assert isinstance(last.record, Reported)
    assert last.record.settles


async def test_receipt_of_a_failure_gives_no_slot_back(store: Store) -> None:
    """Only a refused call is certain; what failed may be delivered yet."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await ended(store, found, "sent")
    await store.reports.take([told(found, "failed")], LATER_MS)

    assert [s.state for s in (await facts_of(store)).slots] == ["confirmed"]


async def test_receipt_before_the_confirm_is_the_confirm(store: Store) -> None:
    """The call has been accepted, whoever says so first: its run hears of it once."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await store.reports.take([told(found, "delivered")], LATER_MS)
    late: Settlement | None = await ended(store, found, "sent", LATER_MS)

    kinds = [type(r.record) for r in await store.read_log(0, 10)]
    assert (late, await state_of(store)) == (None, ("delivered", ""))
    assert kinds == [Outcome, Reported]
    assert [s.state for s in (await facts_of(store)).slots] == ["confirmed"]


async def test_name_that_a_provider_tells_first_is_kept(store: Store) -> None:
    """What ends a call before our confirm names it for every report that follows."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await store.reports.take([told(found, "sent", provider_id="SM1")], LATER_MS)
    report = LaneReport("k", "delivered", LATER_MS, channel="sms", provider_id="SM1")
    (taken,) = await store.reports.take([report], LATER_MS)

    assert (taken.what, taken.state) == ("new", "delivered")


async def test_receipt_stops_a_retry(store: Store) -> None:
    """The provider said later, and had taken it: it is not sent again."""
    await with_message(store)
    found = await claimed_on(store, "sms")
    await ended(store, found, "unavailable")
    await store.reports.take([told(found, "sent")], LATER_MS)

    assert await state_of(store) == ("sent", "")
    assert await store.due(NOW_MS + KEPT_MS, rooms(10)) == []
    assert [s.state for s in (await facts_of(store)).slots] == ["confirmed"]


async def test_device_moves_only_what_went_to_its_person(store: Store) -> None:
    """What an app tells of a delivery counts as a report does; somebody else's changes nothing."""
    await with_message(store)
    found = await claimed_on(store, "web_push")
    await ended(store, found, "sent")
    await store.commit(effects(0, reacted=[("somebody else", found.delivery_id, "displayed")]))
    kept = await state_of(store)
    await store.commit(effects(0, reacted=[(visitor(), found.delivery_id, "displayed")]))

    assert (kept, await state_of(store)) == (("sent", ""), ("delivered", ""))


# ---- R19: any order, any repetition ---------------------------------------------------------


Opens = Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture(params=["memory", "sqlite"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """Give what opens one store after the other."""
    count = iter(range(1 << 30))

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        folder = tmp_path / str(next(count))
        made: Store = MemoryStore() if request.param == "memory" else open_sqlite(folder)
        yield made
        await made.close()

    return opened


TOLD: tuple[Word, ...] = ("sent", "delivered", "failed", "clicked")


@pytest.mark.guarantee("R19")
@pytest.mark.feature("C07")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("channel", CHANNELS)
async def test_receipts_in_any_order_come_to_one_end(opens: Opens, channel: str) -> None:
    """Every order with one repeated anywhere, from every state a call may be left in."""
    orders = sorted({(*p[:i], again, *p[i:]) for p in permutations(TOLD) for again in TOLD
                     for i in range(5)})  # fmt: skip
    after = ("", "sent", "unknown", "unavailable")
    ends = set()
    async with opens() as store:
        cases = [*product(after, orders)]
        ids = [f"m-{n}" for n in range(len(cases))]
        await store.commit(effects(0, *[message(i) for i in ids]))
        for message_id, (outcome, order) in zip(ids, cases, strict=True):
            found = await claimed_on(store, channel, message_id)
            if outcome:
                await ended(store, found, outcome)
            reports = [told(found, what, f"{message_id} {what}") for what in order]
            for each in reports:
                await store.reports.take([each], LATER_MS)
        for end in await store.messages("", len(ids)):
            ends.add((end.state, end.reason))
        slots = {s.state for s in (await facts_of(store)).slots}

    assert ends == {(FINAL[channel], "undelivered" if channel == "email" else "")}
    assert slots == {"confirmed"}


def test_every_word_of_a_driver_is_a_word_of_ours() -> None:
    """What drivers read and what devices tell end in one list."""
    from fencepost_channels.callback import What  # noqa: PLC0415 - compared, not used

    assert set(get_args(What)) | {"received", "unshown"} == set(get_args(Word))
