"""The timeline of a person: what happened and what was decided, with nothing that is theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from fencepost_gateway.commands.backtest import history as command
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.intake import history
from fencepost_gateway.intake.history import Announced, Happened
from fencepost_gateway.reports.history_words import LINES, tell_happening, what
from gateway.rig import DOCUMENTS, OPEN_POLICY, Rig, open_rig
from gateway.workers.test_keeping import SECRETS, live

VALUES = ("12.5", "gold", "plus", "Home")


async def ask(rig: Rig, **query: str) -> tuple[int, Any]:
    """Ask as an operator."""
    response = await rig.client.get("/v1/history", params=query, headers=rig.operator)
    return response.status, await response.json()


@pytest.mark.feature("G05")
async def test_timeline_tells_what_happened_and_no_value_of_it(tmp_path: Path) -> None:
    """App events, consent, places, reactions, decisions; no coordinate, address or property."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await live(rig)
        status, view = await ask(rig, user="u1")
        korean = (await ask(rig, user="u1", lang="ko"))[1]
    told = "\n".join(view["words"])
    kinds = {one["kind"] for one in view["timeline"]}
    moments = [one["at_ms"] for one in view["timeline"]]

    assert (status, view["before"]) == (200, None)
    assert {"did", "became", "said", "crossed", "reaches", "reacted", "step", "claim"} <= kinds
    assert moments == sorted(moments, reverse=True)
    assert "did purchase (with value)" in told
    assert "ENTER Studio" in told
    assert not [each for each in (*SECRETS, *VALUES) if each in json.dumps(view)]
    assert len(korean["words"]) == len(view["words"])
    assert "동의 표시" in "\n".join(korean["words"])


async def test_timeline_is_paged_back_to_its_beginning(tmp_path: Path) -> None:
    """Page by page it is what it is at once."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await live(rig)
        whole = (await ask(rig, user="u1", limit="500"))[1]["timeline"]
        pages, query = [], {"user": "u1", "limit": "3"}
        while True:
            _, view = await ask(rig, **query)
            pages.append(view["timeline"])
            if view["before"] is None:
                break
            query["before"] = str(view["before"])

    def happened(rows: list[dict[str, Any]]) -> list[str]:
        return [f"{r['recorded_ms']} {r['kind']}" for r in rows if "subject" not in r]

    assert len(pages) > 3
    paged = [one for page in pages for one in happened(page)]
    assert sorted(paged) == sorted(happened(whole))


async def test_nobody_has_no_timeline(tmp_path: Path) -> None:
    """Who is not known is said; whom to show must be said, too."""
    async with open_rig(tmp_path) as rig:
        unknown = await ask(rig, user="nobody")
        none = await ask(rig)
        both = await ask(rig, user="u1", person="p")
        response = await rig.client.get("/v1/history", params={"user": "u1"})

    assert (unknown[0], none[0], both[0], response.status) == (404, 400, 400, 401)


def test_every_happening_has_words() -> None:
    """In both languages; what concerns many is nobody's."""
    kinds = [each for each in get_args(Happened) if each is not Announced]
    examples: dict[Any, list[Any]] = {
        history.Crossed: [*["enter", "f"], *[0] * 13, "decided"],
        history.Said: [[]],
        history.Suspected: [0, ["mock"]],
        history.Forgot: [[]],
        history.Became: [{"tier": 1}],
        history.Did: [0, 1, "bought", {}],
        history.Called: [0, "c", "k", {}],
        history.Reacted: [0, 1, "d", "clicked"],
        history.Greeted: ["v", "u1"],
        history.Reaches: [0, "sms", "ref"],
        history.Zoned: [0, "Europe/Monaco"],
    }
    lines = [
        tell_happening(kind(*examples[kind]), {}, Tongue(language))
        for kind in kinds
        if kind in examples
        for language in ("en", "ko")
    ]

    assert {what(kind(*examples[kind])) for kind in kinds if kind in examples} <= LINES.keys() | {
        "crossed"
    }
    assert {kind for kind in kinds if kind not in examples} == {history.Stood, history.Heard}
    assert len(set(lines)) == len(lines)


def test_command_asks_a_gateway(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines as they come, and how to see what came earlier."""
    asked: list[dict[str, str]] = []

    def answer(_base: str, _key: str, wish: dict[str, str]) -> dict[str, Any]:
        asked.append(wish)
        return {"words": ["u1 (person p)"], "before": 7}

    monkeypatch.setattr("fencepost_gateway.remote.history", answer)
    command(user="u1", limit=5, url="http://127.0.0.1:1", key="k")

    assert capsys.readouterr().out == "u1 (person p)\nearlier: --before 7\n"
    assert asked == [{"user": "u1", "limit": "5", "lang": "en"}]
