"""Both stores: lists of addresses, re-timing, and where messages stand."""

from msgspec.structs import replace

from contract.store_kit import (
    REF,
    address,
    claimed,
    defers,
    effects,
    ended,
    facts_of,
    message,
    rooms,
    withholds,
)
from fencepost_gateway.decide.message import ListedAddress
from fencepost_gateway.ports import Store
from gateway.batches import NOW_MS, visitor

SPREAD_MS = 1_800_000
HOUR_MS = 3_600_000


def _listed(ref: str = REF, reason: str = "manual", at_ms: int = NOW_MS) -> ListedAddress:
    return ListedAddress("sms", ref, reason, at_ms, "import")


async def _with(store: Store, *names: str) -> None:
    made = effects(1, *(message(name) for name in names), addresses=[address(visitor())])
    await store.commit(made)


async def test_list_keeps_the_first_entry_and_says_what_is_new(store: Store) -> None:
    """Putting the same again changes nothing, neither reason nor source nor time."""
    first = await store.lists.put("suppression", [_listed(), _listed("ref-2")])
    again = await store.lists.put("suppression", [_listed(reason="other", at_ms=NOW_MS + 1)])
    found = await store.lists.page("suppression", ("", ""), 10)

    assert (first, again) == ([True, True], [False])
    assert found == [_listed(), _listed("ref-2")]


async def test_list_is_given_in_pages_and_in_order(store: Store) -> None:
    """Channel, then reference; each page begins behind the last."""
    entries = [_listed(f"ref-{n}") for n in range(5)]
    await store.lists.put("allow", [*reversed(entries), replace(entries[0], channel="email")])
    first = await store.lists.page("allow", ("", ""), 3)
    rest = await store.lists.page("allow", (first[-1].channel, first[-1].ref), 10)

    assert [(e.channel, e.ref) for e in first + rest] == [
        ("email", "ref-0"),
        *(("sms", f"ref-{n}") for n in range(5)),
    ]
    assert await store.lists.page("suppression", ("", ""), 10) == []


async def test_claim_reads_both_lists(store: Store) -> None:
    """What is put on a list or taken off counts at the next claim."""
    await _with(store, "m-1")
    before = (await facts_of(store)).addresses[0]
    await store.lists.put("suppression", [_listed(reason="complaint")])
    await store.lists.put("allow", [_listed()])
    listed = (await facts_of(store)).addresses[0]
    dropped = [await store.lists.drop("suppression", "sms", REF) for _ in range(2)]
    await store.lists.drop("allow", "sms", REF)
    after = (await facts_of(store)).addresses[0]

    assert (before.suppressed, before.allowed) == ("", False)
    assert (listed.suppressed, listed.allowed) == ("complaint", True)
    assert dropped == [True, False]
    assert after == before


async def test_retiming_brings_deferred_messages_forward_and_leaves_retries_alone(
    store: Store,
) -> None:
    """Within the spread, at the share of it that each had; never later; retries keep their wait."""
    late_ms = NOW_MS // SPREAD_MS * SPREAD_MS + 10 * HOUR_MS + 420_000
    soon_ms = NOW_MS + 1
    await _with(store, "m-late", "m-soon", "m-retry", "m-new")
    await store.claim("m-late", defers(late_ms), NOW_MS)
    await store.claim("m-soon", defers(soon_ms), NOW_MS)
    await ended(store, await claimed(store, "m-retry"), "unavailable", retry_after_s=3_000)
    moved = await store.retime(NOW_MS, SPREAD_MS)
    due = {d.message_id: d.due_ms for d in await store.due(NOW_MS + 20 * HOUR_MS, rooms(10))}

    assert moved == 1
    assert due["m-late"] == NOW_MS + 420_000
    assert due["m-soon"] == soon_ms
    assert due["m-retry"] == NOW_MS + 3_000_000
    assert due["m-new"] == NOW_MS


async def test_messages_tell_where_each_stands_and_why(store: Store) -> None:
    """State and reason of the last claim or call, page by page."""
    await _with(store, "m-1", "m-2", "m-3", "m-4")
    await store.claim("m-1", withholds, NOW_MS)
    await store.claim("m-2", defers(NOW_MS + 1), NOW_MS)
    await ended(store, await claimed(store, "m-3"), "rejected", code="too_large")
    first = await store.messages("", 2)
    rest = await store.messages(first[-1].message_id, 10)
    stands = {m.message_id: (m.state, m.reason) for m in first + rest}

    assert len(first) == 2
    assert stands == {
        "m-1": ("withheld", "consent"),
        "m-2": ("deferred", "quiet_hours"),
        "m-3": ("failed", "rejected.too_large"),
        "m-4": ("queued", ""),
    }
    assert {(m.campaign_id, m.entered_ms) for m in first + rest} == {("welcome", NOW_MS)}
