"""Double opt-in, as the how-to has it: the app asks, one message asks, one click answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse

from docs.blocks import ROOT, blocks
from fencepost_gateway.intake.tickets import write_ticket
from gateway.rig import NOON_MS, OPEN_POLICY, Rig, captured, open_rig

HOW_TO = [
    block.text for block in blocks("yaml") if block.page == ROOT / "docs/how-to/double-opt-in.md"
]
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
URL = "https://edge.example.com"
DAY_MS = 86_400_000
LINK = URL + "/v1/confirm/"


async def asked(rig: Rig, **more: Any) -> None:
    """Let somebody ask for news in the app, as the how-to has it."""
    await rig.apply(*HOW_TO, NEWS, OPEN_POLICY)
    await rig.send(
        {"type": "consent", "values": {"collect": "CT"}},
        {"type": "address", "channel": "email", "address": "minji@example.com"},
        {"type": "consent", "values": {"marketing": "p"}, "channel": "email", "text": "news-v2"},
        {"type": "track", "name": "news_asked"},
        **more,
    )
    await rig.settle()


def path_in_the_mail(folder: Path) -> str:
    """Give the path of the link in the newest mail."""
    text = captured(folder)[-1]["content"]["text"]
    (line,) = [line for line in text.splitlines() if line.startswith(LINK)]
    return str(line.removeprefix(URL))


async def news(rig: Rig) -> tuple[str, str]:
    """Let a marketing message want to go; gives its verdict."""
    await rig.send({"type": "track", "name": "news"})
    await rig.settle()
    return (await rig.claims())[-1]


async def proofs(rig: Rig) -> list[tuple[str, str, dict[str, Any]]]:
    """Give old value, new value and proof of every change of marketing."""
    found = await rig.gateway.store.proofs.page(0, 99)
    return [
        (p.old_value, p.new_value, msgspec.msgpack.decode(p.proof))
        for p in found
        if p.purpose == "marketing"
    ]


async def click(rig: Rig, path: str, **headers: str) -> tuple[int, str]:
    """Press the button of the page; gives status and page."""
    response: ClientResponse = await rig.client.post(path, headers=headers)
    return response.status, await response.text()


async def test_double_opt_in_from_the_app_to_the_first_news(tmp_path: Path) -> None:
    """One mail asks; looking changes nothing; one click makes the p a y, with its proof."""
    async with open_rig(tmp_path, public_url=f"{URL}/") as rig:
        await asked(rig)
        assert await news(rig) == ("withheld", "consent")
        path = path_in_the_mail(tmp_path)
        shown = await rig.client.get(path)
        page = await shown.text()
        assert await news(rig) == ("withheld", "consent")

        done = await click(rig, path, **{"Accept-Language": "ko"})

        assert await news(rig) == ("send", "")
        first, second = await proofs(rig)
    assert (shown.status, '<form method="post">' in page) == (200, True)
    assert "advertising messages by email" in page
    assert (done[0], "이메일 광고 메시지" in done[1], "<form" in done[1]) == (200, True, False)
    assert (first[:2], first[2]["text"]) == (("u", "p"), "news-v2")
    assert second[:2] == ("p", "y")
    assert second[2]["method"] == "double_opt_in"
    assert second[2]["text"] == "confirm-news v1"
    assert len(second[2]["text_sha256"]) == 64
    assert (second[2]["language"], second[2]["actor"]) == ("ko", "person")
    assert second[2]["ip"] == "127.0.0.0/24"


async def test_second_click_and_second_mail_change_nothing(tmp_path: Path) -> None:
    """The answer is the same, and there is no second proof; nor does anything ask again."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await asked(rig)
        path = path_in_the_mail(tmp_path)
        await rig.send({"type": "track", "name": "news_asked"})
        await rig.settle()
        assert (await rig.claims())[-1] == ("withheld", "confirmation_sent")
        first, again = await click(rig, path), await click(rig, path)
        await rig.send({"type": "track", "name": "news_asked"})
        await rig.settle()

        assert first == again
        assert (await rig.claims())[-1] == ("withheld", "not_pending")
        assert len(await proofs(rig)) == 2
    assert len(captured(tmp_path)) == 1


async def test_answer_counts_for_thirty_days(tmp_path: Path) -> None:
    """After them the page says so and takes nothing."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await asked(rig)
        path = path_in_the_mail(tmp_path)
        rig.clock.move_to(NOON_MS + 30 * DAY_MS)
        status, page = await click(rig, path)

        assert (status, "expired" in page) == (410, True)
        assert len(await proofs(rig)) == 1


async def test_no_that_was_said_meanwhile_stands(tmp_path: Path) -> None:
    """A click on an old mail never undoes it."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await asked(rig)
        path = path_in_the_mail(tmp_path)
        rig.clock.move_to(NOON_MS + 1000)
        await rig.send({"type": "consent", "values": {"marketing": "n"}, "channel": "email"})
        status, page = await click(rig, path)

        assert (status, "any more" in page) == (410, True)
        assert [(old, new) for old, new, _ in await proofs(rig)] == [("u", "p"), ("p", "n")]


async def test_without_a_public_url_nothing_asks(tmp_path: Path) -> None:
    """The record says which setting is missing."""
    async with open_rig(tmp_path, public_url="") as rig:
        await asked(rig)

        assert (await rig.claims())[-1] == ("withheld", "no_public_url")
    assert captured(tmp_path) == []


@pytest.mark.parametrize("forged", [True, False], ids=["forged", "of another message"])
async def test_link_that_is_none_opens_nothing(tmp_path: Path, *, forged: bool) -> None:
    """A changed one, and a genuine one of a message that asked nothing, are the same page."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await asked(rig)
        (message_id,) = {r["subject"] for r in await rig.records("claim")}
        seed = "another" if forged else rig.gateway.credentials.seed
        path = "/v1/confirm/" + write_ticket(seed, "confirm", message_id if forged else "m-1")
        got = await rig.client.get(path)
        status, page = await click(rig, path)

        assert (got.status, status, "<form" in page) == (404, 404, False)
        assert len(await proofs(rig)) == 1


async def test_page_is_kept_by_nobody_and_loads_nothing(tmp_path: Path) -> None:
    """No cache, no script, no referrer, no frame; and nothing of the person on it."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await asked(rig)
        response = await rig.client.get(path_in_the_mail(tmp_path))
        page = await response.text()

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "minji" not in page
    assert "src=" not in page
