"""A gateway, Twilio's double and a person who writes back, end to end."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from doubles.twilio_stub import TwilioStub, Webhook, error, told, written
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import OPEN_POLICY, Rig, open_rig

NUMBER = "+12025550123"
URL = "https://edge.example"
PATH = "/v1/callbacks/sms"
STOP = "unsubscribed"
DOCUMENTS = """
kind: campaign
id: news
entry: {event: news}
reentry: always
message: {template: news, channels: [sms]}
goal: none
---
kind: campaign
id: mail
entry: {event: mail}
reentry: always
message: {template: news, channels: [email]}
goal: none
---
kind: campaign
id: order
entry: {event: order}
reentry: always
message: {template: order, channels: [sms]}
goal: none
---
kind: template
id: news
purpose: marketing
sms: {text: News}
email: {subject: News, text: News}
---
kind: template
id: order
purpose: transactional
sms: {text: Your order is ready}
---
kind: brand
id: luma
name: Luma
contact: help@luma.example
"""
YES = {"collect": "CT", "marketing": "y"}


class Sms:
    """A gateway that sends by SMS, and somebody with a number."""

    def __init__(self, rig: Rig, twilio: TwilioStub) -> None:
        self.rig = rig
        self.twilio = twilio
        self.numbers = itertools.count(1)

    async def tell(self, sent: Webhook) -> tuple[int, str]:
        """Let Twilio call; gives the status and what it is to answer the person."""
        path = sent.url.removeprefix(URL)
        answer = await self.rig.client.post(path, data=sent.body, headers=sent.headers)
        body = await answer.read()
        text = fromstring(body).findtext("Message") if body.startswith(b"<?xml") else ""  # noqa: S314 - ours
        return answer.status, text or ""

    async def write(self, text: str, sid: str = "", **more: str) -> str:
        """Let the person write; gives what they are answered."""
        sid = sid or f"SM{next(self.numbers):032x}"
        status, said = await self.tell(written(URL + PATH, text, NUMBER, sid, **more))
        assert status == 200
        return said

    async def wants(self, *events: str) -> list[tuple[str, str]]:
        """Let things happen to the person; gives what the claims came to."""
        before = len(await self.rig.claims())
        await self.rig.send(*({"type": "track", "name": name} for name in events))
        await self.rig.settle()
        return (await self.rig.claims())[before:]

    async def listed(self) -> list[str]:
        """Give the reasons on the suppression list."""
        answer = await self.rig.client.get("/v1/lists/suppression", headers=self.rig.operator)
        return [each["reason"] for each in (await answer.json())["entries"]]


@asynccontextmanager
async def open_sms(folder: Path, **settings: Any) -> AsyncIterator[Sms]:
    """Open a gateway whose SMS go to Twilio's double; its person wants everything."""
    async with TwilioStub() as twilio:
        sms = ChannelSettings(driver="sms", settings=twilio.settings)
        mail = ChannelSettings(driver="capture", settings={"path": str(folder / "out.jsonl")})
        channels = {"sms": sms, "email": mail}
        async with open_rig(folder, public_url=URL, channels=channels, **settings) as rig:
            await rig.apply(DOCUMENTS, OPEN_POLICY)
            await rig.send(
                {"type": "consent", "values": YES},
                {"type": "address", "channel": "sms", "address": NUMBER},
                {"type": "address", "channel": "email", "address": "sora@example.com"},
            )
            await rig.settle()
            yield Sms(rig, twilio)


@pytest.mark.guarantee("R14")
@pytest.mark.guarantee("R18")
@pytest.mark.feature("C05")
@pytest.mark.feature("C07")
@pytest.mark.parametrize("word", ["STOP", "stop.", "수신거부", "\uff33\uff34\uff2f\uff30"])
async def test_stop_is_in_force_when_it_is_answered(tmp_path: Path, word: str) -> None:
    """No marketing of the brand starts after it, on any channel, nor anything to that number."""
    async with open_sms(tmp_path) as sms:
        before = await sms.wants("news", "mail")
        said = await sms.write(word)
        after = [*await sms.wants("news"), *await sms.wants("mail"), *await sms.wants("order")]
        proofs = await sms.rig.gateway.store.proofs.page(0, 99)

    assert before == [("send", ""), ("send", "")]
    assert said
    assert after == [
        ("withheld", "suppressed"),
        ("withheld", "consent"),
        ("withheld", "suppressed"),
    ]
    assert len(sms.twilio.received) == 1
    assert b"stop_reply" in proofs[-1].proof
    assert word.encode() not in proofs[-1].proof


async def test_pending_marketing_is_withheld_with_the_stop_itself(tmp_path: Path) -> None:
    """What waits is over at once: a START later does not bring it back."""
    async with open_sms(tmp_path) as sms:
        sms.twilio.server.script.append(error(20429, 429, Retry_After="600"))
        await sms.wants("news")
        await sms.write("STOP")
        withheld = (await sms.rig.claims())[-1]
        await sms.write("START")
        sms.rig.clock.move_to(sms.rig.clock.now_ms() + 900_000)
        await sms.rig.settle()
        anew = await sms.wants("news")

    assert withheld == ("withheld", "consent")
    assert anew == [("send", "")]
    assert len(sms.twilio.received) == 1


@pytest.mark.guarantee("R19")
@pytest.mark.bad_input(107)
async def test_stop_that_is_told_again_is_no_second_one(tmp_path: Path) -> None:
    """Twilio tries again after a START: nothing changes, and nobody is answered twice."""
    async with open_sms(tmp_path) as sms:
        said = [await sms.write("STOP", sid="SM" + "a" * 32), await sms.write("START")]
        said.append(await sms.write("STOP", sid="SM" + "a" * 32))
        after = await sms.wants("news")

    assert STOP in said[0]
    assert "again" in said[1]
    assert (said[2], after) == ("", [("send", "")])


async def test_stop_is_confirmed_once(tmp_path: Path) -> None:
    """A second STOP is obeyed and not answered; where Twilio has answered, we do not."""
    async with open_sms(tmp_path) as sms:
        said = [await sms.write("STOP"), await sms.write("Stop!!")]
        await sms.write("START")
        said.append(await sms.write("STOP", OptOutType="STOP"))
        listed = await sms.listed()

    assert [bool(each) for each in said] == [True, False, False]
    assert said[0].startswith("Luma: ")
    assert listed == ["stop"]


async def test_provider_that_knows_of_an_opt_out_says_stop_for_the_person(tmp_path: Path) -> None:
    """21610 at the call, or told later of another message: both are STOP here too."""
    async with open_sms(tmp_path) as sms:
        sms.twilio.server.script.append(error(21610, 400))
        await sms.wants("news")
        at_once = await sms.listed(), await sms.wants("mail")
        await sms.write("START", OptOutType="START")
        sent = await sms.wants("news")
        await sms.tell(told(sms.twilio.received[-1], "failed", "21610"))
        later = await sms.listed(), await sms.wants("mail")

    assert at_once == later == (["stop"], [("withheld", "consent")])
    assert sent == [("send", "")]


async def test_clear_no_is_obeyed_and_looked_at(tmp_path: Path) -> None:
    """A person sees what was written until they have looked; then it is gone."""
    async with open_sms(tmp_path) as sms:
        said = await sms.write("please stop texting me")
        after = await sms.wants("news")
        shown = await _refusals(sms.rig)
        name = shown[0]["id"]
        looked = await sms.rig.client.post(
            "/v1/refusals/looked-at", json={"id": name}, headers=sms.rig.operator
        )
        rest = await _refusals(sms.rig)

    assert STOP in said
    assert after == [("withheld", "suppressed")]
    assert [(each["text"], each["reason"]) for each in shown] == [
        ("please stop texting me", "stop")
    ]
    assert (looked.status, rest) == (200, [])


async def test_doubtful_no_changes_nothing_until_a_person_says_so(tmp_path: Path) -> None:
    """What was written is shown; the one who looks at it may take it for a STOP."""
    async with open_sms(tmp_path) as sms:
        said = await sms.write("please don't stop")
        before = await sms.wants("news")
        (shown,) = await _refusals(sms.rig)
        await sms.rig.client.post(
            "/v1/refusals/looked-at",
            json={"id": shown["id"], "stop": True},
            headers=sms.rig.operator,
        )
        after = await sms.wants("news")
        unknown = await sms.rig.client.post(
            "/v1/refusals/looked-at", json={"id": "none"}, headers=sms.rig.operator
        )

    assert (said, before, shown["reason"]) == ("", [("send", "")], "")
    assert after == [("withheld", "suppressed")]
    assert unknown.status == 404


async def _refusals(rig: Rig) -> list[dict[str, Any]]:
    answer = await rig.client.get("/v1/refusals", headers=rig.operator)
    found: list[dict[str, Any]] = (await answer.json())["refusals"]
    return found


async def test_help_is_answered_and_not_for_ever(tmp_path: Path) -> None:
    """Who to turn to, in their language; two machines that talk to each other come to an end."""
    async with open_sms(tmp_path) as sms:
        english = await sms.write("Help")
        rest = [await sms.write("INFO") for _ in range(6)]
        sms.rig.clock.move_to(sms.rig.clock.now_ms() + 3_600_000)
        again = await sms.write("HELP")

    assert (
        english
        == again
        == ("Luma: Reply STOP to get no more messages from us. Contact: help@luma.example")
    )
    assert [bool(each) for each in rest] == [True] * 4 + [False] * 2


async def test_operators_own_words_are_answered(tmp_path: Path) -> None:
    """By word and language; an empty text answers nothing."""
    own = {"stop": "Bye.", "stop_ko": "안녕히 가세요.", "help": ""}
    async with open_sms(tmp_path, sms_replies=own) as sms:
        said = [await sms.write("STOP"), await sms.write("HELP"), await sms.write("START")]
        korean = await sms.write("수신거부")

    assert said[:2] == ["Bye.", ""]
    assert said[2].startswith("Luma: ")
    assert korean == "안녕히 가세요."


async def test_store_that_is_away_leaves_a_stop_untold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, so that Twilio tells it again: never a 2xx for a STOP that is not in force."""
    async with open_sms(tmp_path) as sms:

        async def away(*_: object) -> None:
            raise StoreUnavailableError("away")

        monkeypatch.setattr(sms.rig.gateway.store.refusals, "take", away)
        status, _ = await sms.tell(written(URL + PATH, "STOP", NUMBER))

    assert status == 503


@pytest.mark.bad_input(107)
async def test_stop_that_nobody_signed_changes_nothing(tmp_path: Path) -> None:
    """403; the person goes on to get what they asked for."""
    async with open_sms(tmp_path) as sms:
        forged = written(URL + PATH, "STOP", NUMBER)
        forged.headers["x-twilio-signature"] = "AAAA"
        status, _ = await sms.tell(forged)
        after = await sms.wants("news")

    assert (status, after) == (403, [("send", "")])


@pytest.mark.guarantee("R26")
async def test_what_a_person_writes_is_in_no_log_and_no_metric(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their number and their words; not even where they are obeyed."""
    async with open_sms(tmp_path) as sms:
        await sms.wants("news")
        for text in ("leave me alone you canary", "canary, which bus stop?", "canary"):
            await sms.write(text)
        await sms.tell(told(sms.twilio.received[0], "delivered"))
        metrics = await (await sms.rig.client.get("/metrics")).text()
        on_record = json.dumps(await sms.rig.records())
    said = "".join(capsys.readouterr()) + metrics + on_record

    assert "canary" not in said
    assert NUMBER not in said


COSTS = """
kind: workspace
id: luma-workspace
sms_costs: {currency: EUR, prices: {US: 0.01}, other: 0.2, per_day: 0.025}
"""


@pytest.mark.bad_input(114)
@pytest.mark.feature("C05")
async def test_day_that_is_spent_sends_no_more_sms(tmp_path: Path) -> None:
    """Service messages count as well; the record shows segments, cost and what is left."""
    async with open_sms(tmp_path) as sms:
        await sms.rig.apply(DOCUMENTS, OPEN_POLICY, COSTS)
        first = [*await sms.wants("news"), *await sms.wants("order"), *await sms.wants("news")]
        checks = {c["gate"]: c for c in (await sms.rig.records("claim"))[-1]["body"]["checks"]}
        sms.rig.clock.move_to(sms.rig.clock.now_ms() + 86_400_000)
        tomorrow = await sms.wants("news")

    assert first == [("send", ""), ("send", ""), ("withheld", "spend_cap")]
    assert checks["render"]["inputs"]["segments"] == 1
    spent = {"segments": 1, "cost": "0.01", "spent": "0.02", "currency": "EUR", "per_day": "0.025"}
    assert checks["spend"]["inputs"] == spent
    assert tomorrow == [("send", "")]
