"""What is told of a message after its call, all the way: person, journeys, records, words."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any, get_args

import pytest

from faults.checker import read_house
from faults.laws import conserved
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.phrases import MESSAGE_STATES, STATES
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.intake.addresses import address_ref
from fencepost_gateway.intake.records import Reported
from fencepost_gateway.intake.reports import LaneReport
from fencepost_gateway.workers.heard import hear_report
from gateway.policies import make_policy
from gateway.rig import DOCUMENTS, NOON_MS, OPEN_POLICY, Rig, captured, open_rig

NUMBER = "+4915112345678"
SALE = """
kind: journey
id: sale
goal: none
entry: {event: viewed}
steps:
  - id: offer
    message: {template: sale, channels: [sms]}
  - id: reaction
    wait: {for: {WHAT: offer}, timeout: 1d}
    then: {WHAT: thanks, timeout: end}
  - id: thanks
    message: {template: sale, channels: [sms]}
---
kind: template
id: sale
purpose: marketing
tracking: {clicks: true}
sms: {text: Sale}
"""


async def begun(rig: Rig, what: str) -> None:
    """Let somebody get the offer."""
    await rig.apply(SALE.replace("WHAT", what), OPEN_POLICY)
    await rig.send(
        {"type": "consent", "values": {"collect": "CT", "marketing": "y"}},
        {"type": "address", "channel": "sms", "address": NUMBER},
        {"type": "track", "name": "viewed"},
    )
    await rig.settle()


async def tell(rig: Rig, **members: Any) -> None:
    """Let something be told of a delivery."""
    named: dict[str, Any] = {"key": str(members), "at_ms": rig.clock.now_ms()} | members
    report = LaneReport(**named)
    await rig.gateway.store.reports.take([report], rig.clock.now_ms())
    await rig.settle()


@pytest.mark.feature("C07")
@pytest.mark.parametrize(
    ("told", "awaited"),
    [
        ("delivered", "delivered"),
        ("clicked", "delivered"),
        ("failed", "failed"),
        ("bounced_soft", "failed"),
        ("clicked", "clicked"),
    ],
)
async def test_report_wakes_the_journey_that_waits_for_it(
    tmp_path: Path, told: Word, awaited: str
) -> None:
    """A reaction is known by what it means: who clicked has got it, what bounced has failed."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, awaited)
        before = len(captured(tmp_path))
        await tell(rig, what=told, delivery_id=captured(tmp_path)[0]["delivery_id"])

    assert (before, len(captured(tmp_path))) == (1, 2)
    assert conserved(read_house(tmp_path)) == {}


async def test_reply_is_to_the_message_that_went_last(tmp_path: Path) -> None:
    """Who writes back says no id; their number does."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "replied")
        ref = address_ref(rig.gateway.credentials.seed, "sms", {"address": NUMBER})
        await tell(rig, what="replied", channel="sms", ref=ref)

    assert len(captured(tmp_path)) == 2


async def test_in_app_receipts_end_where_all_others_do(tmp_path: Path) -> None:
    """An app that says it has the message, or shows it, moves it to delivered; unshown does not."""
    stands = {}
    for status in ("received", "unshown"):
        async with open_rig(tmp_path / status) as rig:
            await rig.apply(DOCUMENTS, OPEN_POLICY)
            await rig.consent()
            await rig.walk_in()
            (shown,) = await rig.inbox()
            delivery_id = shown["delivery_id"]
            await rig.send({"type": "receipt", "delivery_id": delivery_id, "status": status})
            await rig.settle()
            (end,) = await rig.gateway.store.messages("", 9)
            stands[status] = end.state
        assert conserved(read_house(tmp_path / status)) == {}

    assert stands == {"received": "delivered", "unshown": "sent"}


async def test_report_is_explained_in_both_languages(tmp_path: Path) -> None:
    """What was told, with the provider's code; the state is counted under its own name."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "delivered")
        delivery_id = captured(tmp_path)[0]["delivery_id"]
        await tell(rig, what="failed", delivery_id=delivery_id, code="30003")
        said = {}
        for language in ("en", "ko"):
            response = await rig.client.get(
                f"/v1/decisions/{delivery_id}?lang={language}", headers=rig.operator
            )
            said[language] = await response.text()

    assert "Failed (30003)" in said["en"]
    assert "보내지 못했습니다 (30003)" in said["ko"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_word_can_be_said(language: str) -> None:
    """No report is shown by its code name alone."""
    words = [getattr(STATES[word], language) for word in get_args(Word)]

    assert all(words)
    assert getattr(MESSAGE_STATES["delivered"], language)


@pytest.mark.guarantee("R19")
def test_person_keeps_the_same_of_reports_in_any_order() -> None:
    """First times are first by when it happened, whichever was told first or twice."""
    found = []
    words: tuple[tuple[Word, int], ...] = (
        ("sent", 5), ("delivered", 9), ("opened", 3), ("clicked", 7), ("clicked", 4),
    )  # fmt: skip
    for order in permutations([*words, words[0]]):
        person = Person("p")
        for what, at_ms in order:
            told = Reported("p", "m-1", "sale", "d-1", "sms", what, NOON_MS + at_ms, "delivered")
            hear_report(person, told, Plan(1, make_policy()), NOON_MS + 99)
        found.append(person.messages)
    (message,) = found[0]

    assert all(each == found[0] for each in found)
    assert {k: v - NOON_MS for k, v in message.first_ms.items()} == {
        "sent": 5, "delivered": 3, "opened": 3, "clicked": 4,
    }  # fmt: skip
