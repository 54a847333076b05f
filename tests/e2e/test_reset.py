"""After a log-out there is somebody new in front of the app, and nothing of the one before."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.documents import SPOTS
from e2e.people import CHANNELS, House, settled, somebody
from e2e.rig import Gateway, until
from fencepost_gateway.demo.cast import ALL_YES

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


async def view_of(running: Gateway, person_id: str) -> dict[str, Any]:
    """Look a person up."""
    answer = await running.ask("GET", f"/v1/persons?person={person_id}")
    (found,) = answer["persons"]
    return dict(found)


async def test_reset_starts_a_new_visitor(house: House) -> None:
    """Attributes, consent, inbox, places, runs and addresses stay behind; the browser does not."""
    running, receivers = house
    async with somebody(
        running, receivers, "wren", traits={"tier": "plus", "first_name": "Jenny"}
    ) as wren:
        await wren.walk(*SPOTS["lotus"])
        await until(lambda: wren.arrived() == dict.fromkeys(CHANNELS, 1))
        await settled(running)
        before = await running.ask("GET", "/v1/persons/wren")
        after_reset = await wren.phone.do("reset")
        await wren.phone.do("consent", values=dict(ALL_YES))
        await wren.phone.do("flush")
        await wren.walk(*SPOTS["lotus"])
        await until(lambda: len(wren.pushes) == 2)
        await settled(running)
        old = await running.ask("GET", "/v1/persons/wren")
        told = (await running.ask("GET", "/v1/decisions?limit=200"))["records"]
        arrived = wren.arrived()
    new_id = [r for r in told if r["kind"] == "transition"][-1]["person_id"]
    new = await view_of(running, new_id)

    assert after_reset == {"inbox": 0, "allowed": ["transactional"]}
    assert [p["fence_id"] for p in before["inside"]] == ["lotus"]
    assert (old["inside"], old["devices"]) == ([], [])
    assert old["attributes"]["tier"] == "plus"
    assert {c["channel"] for c in old["channels"]} == {"email", "sms"}
    assert new_id != old["person_id"]
    assert (new["user_id"], new["attributes"], new["visitors"]) == ("", {}, [])
    assert [p["fence_id"] for p in new["inside"]] == ["lotus"]
    assert [c["channel"] for c in new["channels"]] == ["web_push"]
    assert new["runs"][0]["run_id"] != old["runs"][0]["run_id"]
    assert {s["at_ms"] for s in new["consent"]}.isdisjoint(s["at_ms"] for s in old["consent"])
    # Nobody knows the new visitor's name, mailbox or number: their browser alone is there.
    assert arrived == {"in_app": 1, "email": 1, "sms": 1, "web_push": 2}


async def test_person_is_shown_on_the_command_line(house: House) -> None:
    """``fencepost person`` says it in words, in two languages, or as it is."""
    running, receivers = house
    async with somebody(running, receivers, "tern") as tern:
        await tern.phone.do("track", name="opened", props={"value": 2})
        await tern.phone.do("flush")
        await settled(running)
        english = await running.command("person", "tern")
        korean = await running.command("person", "--email", tern.email, "--lang", "ko")
        plain = await running.command("person", "--phone", tern.number, "--json")
        nobody = await running.command("person", "nobody")

    assert english.code == korean.code == plain.code == 0
    assert "opened: 1 time, first " in english.out
    assert tern.number not in english.out + korean.out + plain.out
    assert "동의" in korean.out
    assert '"user_id": "tern"' in plain.out
    assert nobody.code == 1
    assert "letter by letter" in nobody.err
