"""What every store promises of an address that mail comes back from."""

from __future__ import annotations

import pytest

from contract.store_kit import CHECK, effects, ended, facts_of, message
from fencepost_gateway.decide.bounces import HOUR_MS, PROBE_MS
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.intake.reports import LaneReport
from fencepost_gateway.ports import AddressChange, Claimed, Store
from gateway.batches import NOW_MS, visitor

DAY_MS = 24 * HOUR_MS
MAILBOX = AddressChange(visitor(), "email", "mail-1", {"address": "x"}, "device-1", NOW_MS)

pytestmark = [pytest.mark.guarantee("R18"), pytest.mark.feature("C07", "G07")]


async def mailed(store: Store, message_id: str, days: float = 0) -> Claimed:
    """Claim a message to send it to the mailbox, so many days from now."""
    now_ms = NOW_MS + round(days * DAY_MS)
    position = await store.position()
    await store.commit(effects(position, message(message_id), addresses=[MAILBOX]))

    def judge(facts: ClaimFacts) -> Verdict:
        to = next(a for a in facts.addresses if a.channel == "email")
        return Verdict("send", (CHECK,), channel="email", address=to)

    found = await store.claim(message_id, judge, now_ms)
    assert found is not None
    return found


async def sent(store: Store, message_id: str, what: Word | None, days: float) -> None:
    """Send a message, and be told of it an hour later."""
    found = await mailed(store, message_id, days)
    at_ms = NOW_MS + round(days * DAY_MS)
    await ended(store, found, "sent", at_ms)
    if what is not None:
        told = LaneReport(f"{message_id} {what}", what, at_ms, delivery_id=found.delivery_id)
        await store.reports.take([told], at_ms + HOUR_MS)


async def listed(store: Store) -> tuple[str, int]:
    """Say why the mailbox must not be used, and since how many days."""
    await store.commit(effects(await store.position(), message("looked-at")))
    found = next(a for a in (await facts_of(store, "looked-at")).addresses if a.channel == "email")
    return found.suppressed, (found.suppressed_ms - NOW_MS) // DAY_MS


async def test_mailbox_that_is_gone_is_listed_and_stays_so_when_it_is_told_again(
    store: Store,
) -> None:
    """An app that tells the same address at every start must not undo what its server said."""
    found = await mailed(store, "m-1")
    await ended(store, found, "gone", code="hard_bounce")
    await store.commit(effects(await store.position(), addresses=[MAILBOX]))

    assert await listed(store) == ("hard_bounce", 0)


async def test_mail_that_keeps_coming_back_ends_by_itself(store: Store) -> None:
    """Not at the first and second time, nor at three within three days."""
    await sent(store, "m-1", "bounced_soft", 0)
    await sent(store, "m-2", "bounced_soft", 1)
    await sent(store, "m-3", "bounced_soft", 2)
    early = await listed(store)
    await sent(store, "m-4", "bounced_soft", 3)

    assert early == ("", NOW_MS // -DAY_MS)
    assert await listed(store) == ("soft_bounce", 3)


async def test_success_between_bounces_resets(store: Store) -> None:
    """Somebody who read one had room again."""
    await sent(store, "m-1", "bounced_soft", 0)
    await sent(store, "m-2", "opened", 1)
    await sent(store, "m-3", "bounced_soft", 2)
    await sent(store, "m-4", "bounced_soft", 4)

    assert (await listed(store))[0] == ""


async def test_refused_recipients_count_like_bounces(store: Store) -> None:
    """A server may say in the conversation that the mailbox is full."""
    for number, days in enumerate((0, 2, 4)):
        found = await mailed(store, f"m-{number}", days)
        at_ms = NOW_MS + days * DAY_MS
        await ended(store, found, "rejected", at_ms, code="recipient_refused")

    assert (await listed(store))[0] == "soft_bounce"


async def test_probe_pushes_the_next_one_three_days_on(store: Store) -> None:
    """One message at a time finds out whether the mailbox takes mail again."""
    for number, days in enumerate((0, 2, 4)):
        await sent(store, f"m-{number}", "bounced_soft", days)
    await mailed(store, "probe", 4 + 31)

    assert await listed(store) == ("soft_bounce", 4 + 31 + 3 - PROBE_MS // DAY_MS)


async def test_whoever_reads_is_listed_no_longer(store: Store) -> None:
    """But for one who is listed for another reason than mail that came back."""
    for number, days in enumerate((0, 2, 4)):
        await sent(store, f"m-{number}", "bounced_soft", days)
    await sent(store, "m-9", "clicked", 35)
    after = await listed(store)
    await store.suppress("email", "mail-1", "manual", NOW_MS)
    await sent(store, "m-10", "clicked", 36)

    assert after[0] == ""
    assert (await listed(store))[0] == "manual"


async def test_bounces_of_sms_are_told_and_list_nothing_softly(store: Store) -> None:
    """A telephone that was off for three days is no dead number."""
    number = AddressChange(visitor(), "sms", "phone-1", {"address": "x"}, "device-1", NOW_MS)
    await store.commit(effects(0, *(message(f"m-{n}") for n in range(3)), addresses=[number]))

    def judge(facts: ClaimFacts) -> Verdict:
        to = next(a for a in facts.addresses if a.channel == "sms")
        return Verdict("send", (CHECK,), channel="sms", address=to)

    for n in range(3):
        at_ms = NOW_MS + 2 * n * DAY_MS
        found = await store.claim(f"m-{n}", judge, at_ms)
        assert found is not None
        await ended(store, found, "sent", at_ms)
        told = LaneReport(f"r-{n}", "bounced_soft", at_ms, delivery_id=found.delivery_id)
        await store.reports.take([told], at_ms)

    (at,) = [a for a in (await facts_of(store, "m-0")).addresses if a.channel == "sms"]
    assert at.suppressed == ""
