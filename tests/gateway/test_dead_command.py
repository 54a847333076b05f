"""Dead letters by the command line and the API, against a real gateway."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from contract.store_kit import address, effects, message, settles
from fencepost_gateway.commands.dead import dead
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.errors import StartError
from gateway.batches import DAY_MS
from gateway.rig import Rig, open_rig


async def _run(rig: Rig, what: Any, **options: Any) -> None:
    url = str(rig.client.make_url("")).rstrip("/")
    key = rig.gateway.credentials.operator_key
    await asyncio.to_thread(partial(dead, what, url=url, key=key, **options))


async def _fail(rig: Rig, *ids: str) -> None:
    store, now_ms = rig.gateway.store, rig.clock.now_ms()
    alive = {"entered_ms": now_ms, "expires_at_ms": now_ms + DAY_MS}
    found = [structs.replace(message(name, "person-1"), **alive) for name in ids]
    await store.commit(
        effects(0, *found, addresses=[address("person-1", at_ms=now_ms)], now_ms=now_ms)
    )

    def judge(facts: ClaimFacts) -> Verdict:
        return Verdict("send", (), channel="sms", address=facts.addresses[0])

    for message_id in ids:
        claimed = await store.claim(message_id, judge, now_ms)
        assert claimed is not None
        outcome, settle = settles("misconfigured", now_ms)
        delivery = (claimed.delivery_id, claimed.lease_token)
        await store.confirm(*delivery, outcome, settle, now_ms, inbox=None)


async def test_dead_messages_are_listed_and_tried_again_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One by its id, those of a campaign, or all; what is tried again is judged anew."""
    async with open_rig(tmp_path / "data") as rig:
        await _fail(rig, "m-1", "m-2", "m-3")
        await _run(rig, "messages")
        listed = capsys.readouterr().out
        await _run(rig, "messages", as_json=True)
        found = json.loads(capsys.readouterr().out)
        await _run(rig, "messages", redrive="m-1")
        await _run(rig, "messages", of="another")
        await _run(rig, "messages", of="welcome")
        await _run(rig, "messages", redrive_all=True)
        moved = capsys.readouterr().out
        await rig.settle()
        claims = await rig.claims()
        with pytest.raises(StartError, match="write one of"):
            await _run(rig, "messages", redrive="m-1", redrive_all=True)

    assert listed.count("misconfigured") == 3
    assert listed.endswith("3 given up\n")
    assert [each["message_id"] for each in found] == ["m-1", "m-2", "m-3"]
    assert moved == "1 tried again\n0 tried again\n2 tried again\n0 tried again\n"
    assert claims[-3:] == [("withheld", "campaign_ended")] * 3


async def test_dead_messages_are_given_in_pages(tmp_path: Path) -> None:
    """The last page says that it is."""
    async with open_rig(tmp_path / "data") as rig:
        await _fail(rig, "m-1", "m-2", "m-3")
        pages = []
        query = "?limit=2"
        while query:
            answer = await rig.client.get(f"/v1/messages/dead{query}", headers=rig.operator)
            page = await answer.json()
            pages.append([each["message_id"] for each in page["messages"]])
            query = f"?limit=2&after={page['next']}" if page["next"] else ""
        refused = await rig.client.post(
            "/v1/messages/dead/redrive", headers=rig.operator, json={"all": True, "message_id": "m"}
        )

    assert pages == [["m-1", "m-2"], ["m-3"]]
    assert refused.status == 400


async def test_dead_webhooks_are_listed_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have the same command."""
    async with open_rig(tmp_path / "data") as rig:
        await _run(rig, "webhooks")
        await _run(rig, "webhooks", of="crm")

    assert capsys.readouterr().out == "0 given up\n0 tried again\n"
