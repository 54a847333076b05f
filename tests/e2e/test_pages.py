"""The pages behind the links of a real mail, on a gateway process, and R14 by one click."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from doubles.smtp import Mail
from e2e.clock import now_ms, steady_ns
from e2e.rig import Gateway, gateway, receivers, until, until_answered
from faults.devices import Device, bought, consent
from faults.laws import is_at_rest
from fencepost_gateway.decide.ids import person_id_of_user
from gateway.api.pages import Page

pytestmark = [pytest.mark.timeout(120), pytest.mark.feature("Q12")]

URL = "http://edge.example.com"
PEOPLE = 40
BLAST_S = 4.0
EVERY_S = 0.05
DOCUMENTS = """
kind: policy
id: default
accepts: {transactional: [y, CT, CP], collect: [y, CT], "*": [y]}
defaults: {transactional: CT}
quiet_hours: none
---
kind: template
id: thanks
purpose: marketing
email:
  subject: Thank you
  text: |
    Thank you.
    {{ unsubscribe.link }}
    {{ preferences.link }}
---
kind: campaign
id: thanks
entry: {event: bought}
reentry: always
message: {template: thanks, channels: [email]}
goal: none
"""


def address_of(user_id: str) -> str:
    """Give somebody's mailbox."""
    return f"{user_id}@example.com"


async def settle(device: Device) -> None:
    """Allow marketing by email."""
    allowed = {"collect": "CT", "marketing": "y", "personalisation": "y"}
    mailbox = {"type": "address", "channel": "email", "address": address_of(device.user_id)}
    await device.send(consent(allowed), mailbox)


def way(mail: Mail, door: str) -> str:
    """Give the path of a link in a mail."""
    body = mail.message.get_body(("plain",))
    assert body is not None
    found: list[str] = re.findall(rf"{URL}(/v1/{door}/\S+)", body.get_content())
    return found[0]


async def page(running: Gateway, method: str, path: str, data: object = None) -> Page:
    """Ask for a page as a reader does, without a key."""
    async with running.http.request(method, running.url + path, data=data) as response:
        return Page(response.status, await response.text())


async def test_reader_of_a_mail_chooses_and_then_unsubscribes(tmp_path: Path) -> None:
    """By the links as they arrived: looking changes nothing, saving and one click do."""
    async with (
        receivers() as there,
        gateway(tmp_path, there.channels(), public_url=URL) as running,
    ):
        assert (await running.apply("live", {"all.yaml": DOCUMENTS})).code == 0
        wren = Device(running, "device-wren", "wren")
        await settle(wren)
        await wren.send(bought(1))
        await until(lambda: there.mta.received)
        first = there.mta.received[0]
        ways = {door: way(first, door) for door in ("unsubscribe", "preferences")}
        looked = await page(running, "GET", ways["unsubscribe"])
        form = await page(running, "GET", ways["preferences"])
        saved = await page(
            running, "POST", ways["preferences"], form.form(clear=("personalisation.any",))
        )
        await wren.send(bought(2))
        await until(lambda: len(there.mta.received) == 2)
        one_click = [("List-Unsubscribe", "One-Click")]
        done = await page(running, "POST", ways["unsubscribe"], one_click)
        await wren.send(bought(3))
        claims = await until_answered(lambda: third(running))
        asked = await running.command("requests")
        printed = running.printed()

    assert [p.status for p in (looked, form, saved, done)] == [200] * 4
    assert saved.on == {"marketing.email", "marketing.in_app"}
    assert [(c["body"]["outcome"], c["body"]["reason"]) for c in claims] == [
        ("send", ""),
        ("send", ""),
        ("withheld", "consent"),
    ]
    assert (asked.code, asked.out) == (0, "0 asked\n")
    assert "wren@example.com" not in printed
    assert ways["preferences"].rpartition(".")[2] not in printed


async def third(running: Gateway) -> list[dict[str, dict[str, str]]]:
    """Give the claims of wren's messages, once there are three."""
    found = await running.decisions("wren", "claim")
    return found if len(found) == 3 else []


@pytest.mark.guarantee("R14")
async def test_no_claim_starts_after_the_answer_to_one_click(tmp_path: Path) -> None:
    """Forty people unsubscribe in the middle of a blast: nobody's marketing starts after it."""
    answered_ms: dict[str, int] = {}
    async with (
        receivers() as there,
        gateway(tmp_path, there.channels(), public_url=URL) as running,
    ):
        assert (await running.apply("live", {"all.yaml": DOCUMENTS})).code == 0
        devices = [Device(running, f"device-{n}", f"user-{n}") for n in range(PEOPLE)]
        for device in devices:
            await settle(device)
            await device.send(bought(0))
        await until(lambda: len(there.mta.received) == PEOPLE)
        ways = {mail.recipients[0]: way(mail, "unsubscribe") for mail in there.mta.received}

        async def leave(device: Device, after_s: float) -> None:
            await asyncio.sleep(after_s)  # the plan
            done = await page(running, "POST", ways[address_of(device.user_id)])
            assert done.status == 200
            answered_ms[person_id_of_user("default", device.user_id)] = now_ms()

        async def blast() -> int:
            began_ns, sent = steady_ns(), 0
            while steady_ns() - began_ns < BLAST_S * 1e9:
                await devices[sent % PEOPLE].send(bought(sent + 1))
                sent += 1
                await asyncio.sleep(EVERY_S)  # the load
            return sent

        async with asyncio.TaskGroup() as tasks:
            for n, device in enumerate(devices):
                tasks.create_task(leave(device, 0.5 + n * (BLAST_S - 1) / PEOPLE))
            blasted = tasks.create_task(blast())
        await until_answered(lambda: rested(running), 60)
        claims = [c for device in devices for c in await running.decisions(device.user_id, "claim")]
    outcomes = Counter(c["body"]["outcome"] for c in claims)

    assert len(answered_ms) == PEOPLE
    assert [
        c["subject"]
        for c in claims
        if c["body"]["outcome"] == "send" and c["at_ms"] > answered_ms[c["person_id"]]
    ] == []
    assert sum(outcomes.values()) == blasted.result() + PEOPLE
    assert min(outcomes["send"] - PEOPLE, outcomes["withheld"]) > PEOPLE / 4, "too little happened"


async def rested(running: Gateway) -> bool:
    """Say whether every message has come to its end."""
    return is_at_rest(await running.ask("GET", "/metrics"))
