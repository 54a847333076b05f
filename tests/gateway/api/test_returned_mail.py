"""What comes back to the return path counts for the delivery that its token names, and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fencepost_channels.drivers import email
from fencepost_gateway.intake.tickets import write_return_token
from gateway.rig import OPEN_POLICY, Rig, captured, open_rig

FILES = Path(__file__).parents[2] / "channels" / "returned_mail"
FIXED = write_return_token("seed", "abcdefghijklmnopqrstuvwxyz234567")
NEWS = """
kind: campaign
id: news
entry: {event: news}
reentry: always
message: {template: news, channels: [email]}
goal: none
---
kind: template
id: news
purpose: marketing
email: {subject: News, text: News}
"""

pytestmark = [pytest.mark.guarantee("R18"), pytest.mark.feature("C07")]


@asynccontextmanager
async def mailing(folder: Path) -> AsyncIterator[Rig]:
    """Open a gateway whose email lane is told what comes back, with one email sent."""
    async with open_rig(folder) as rig:
        lanes: Any = rig.gateway.surface.lanes
        spec = replace(lanes["email"].spec, read_callback=email.read_callback)
        lanes["email"] = replace(lanes["email"], spec=spec)
        await rig.apply(NEWS, OPEN_POLICY)
        await rig.consent({"collect": "y", "marketing": "y"})
        await rig.send(
            {"type": "address", "channel": "email", "address": "mina@example.net"},
            {"type": "track", "name": "news"},
        )
        await rig.settle()
        yield rig


def token(rig: Rig, folder: Path, seed: str = "") -> str:
    """Give the return token of the newest email; with another ``seed`` a forged one."""
    delivery_id = str(captured(folder)[-1]["delivery_id"])
    return write_return_token(seed or rig.gateway.credentials.seed, delivery_id)


async def comes_back(rig: Rig, name: str, word: str) -> int:
    """Let a file of the folder come back to a token's return path."""
    wire = (FILES / f"{name}.eml").read_bytes()
    wire = wire.replace(FIXED.encode(), word.encode()).replace(
        FIXED.upper().encode(), word.encode()
    )
    response = await rig.client.post("/v1/callbacks/email", data=wire)
    status: int = response.status
    return status


async def again(rig: Rig) -> tuple[str, str]:
    """Ask for another email; give what its claim says."""
    await rig.send({"type": "track", "name": "news"})
    await rig.settle()
    return (await rig.claims())[-1]


async def states(rig: Rig) -> list[str]:
    """Give what is on record of the delivery."""
    return [r["body"]["state"] for r in await rig.records("outcome")]


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("postfix-unknown-user", "bounced_hard", "suppressed"),
        ("qmail-no-mailbox", "bounced_hard", "suppressed"),
        ("complaint", "complained", "suppressed"),
        ("list-opt-out", "opted_out", "consent"),
        ("postfix-mailbox-full", "bounced_soft", ""),
        ("postfix-delivered", "delivered", ""),
    ],
)
async def test_what_comes_back_counts_before_the_next_claim(
    tmp_path: Path, name: str, state: str, reason: str
) -> None:
    """A dead mailbox and a complaint are listed, a no is a no; a full mailbox is tried again."""
    async with mailing(tmp_path) as rig:
        status = await comes_back(rig, name, token(rig, tmp_path))
        await rig.settle()
        told = await states(rig)
        outcome, why = await again(rig)

    assert (status, told[-1]) == (200, state)
    assert why == reason or (reason == "consent" and why.startswith("consent"))
    assert outcome == ("withheld" if reason else "send")


@pytest.mark.parametrize("name", ["postfix-unknown-user", "complaint", "list-opt-out"])
async def test_forged_return_changes_nothing(tmp_path: Path, name: str) -> None:
    """It names a delivery that there is; whoever wrote it had not our key."""
    async with mailing(tmp_path) as rig:
        before = await states(rig)
        status = await comes_back(rig, name, token(rig, tmp_path, "guessed"))
        await rig.settle()
        told = await states(rig)
        outcome = await again(rig)

    assert (status, told, outcome) == (200, before, ("send", ""))


async def test_mail_that_unsubscribes_is_a_no_to_marketing_by_email(tmp_path: Path) -> None:
    """As the header offers it, for readers that know no button; the address is not listed."""
    async with mailing(tmp_path) as rig:
        word = token(rig, tmp_path)
        wire = f"From: mina@example.net\r\nSubject: unsubscribe {word}\r\n\r\n".encode()
        response = await rig.client.post("/v1/callbacks/email", data=wire)
        outcome, why = await again(rig)
        person = await rig.client.get("/v1/persons/u1", headers=rig.operator)
        told = str(await person.json())

    assert (response.status, outcome) == (200, "withheld")
    assert why != "suppressed"
    assert "mina@" not in told


async def test_reports_of_one_delivery_count_once_however_often_they_come(tmp_path: Path) -> None:
    """A pipe that failed half-way sends the same mail again."""
    async with mailing(tmp_path) as rig:
        word = token(rig, tmp_path)
        for _ in range(3):
            await comes_back(rig, "postfix-unknown-user", word)
        told = await states(rig)

    assert told.count("bounced_hard") == 1
