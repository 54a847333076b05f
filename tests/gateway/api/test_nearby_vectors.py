"""The golden look-ups of ``sdk/wire``, asked of the gateway: SDKs and gateway agree."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.rig import OPEN_POLICY, Rig, open_rig

WIRE = Path(__file__).resolve().parents[3] / "sdk" / "wire"
SCHEMA = json.loads((WIRE / "v1.schema.json").read_text("utf-8"))
VECTORS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((WIRE / "vectors" / "nearby").glob("*.json"))
}
ANSWER = Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/nearby_answer"})


class Player:
    """Plays the steps of a vector; names what the gateway calls its sets ``h1``, ``h2`` ..."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._haves: dict[str, str] = {}
        self._held: dict[str, dict[str, Any]] = {}

    async def play(self, step: dict[str, Any]) -> dict[str, Any] | None:
        """Do one step; gives what is said, None for a publication."""
        if "publish" in step:
            await self._publish(**step["publish"])
            return None
        query = dict(step["ask"])
        if query.get("have") in self._haves:
            query["have"] = self._haves[query["have"]]
        response = await self._rig.client.get(
            "/v1/fences/nearby", params=query, headers=self._rig.device_headers()
        )
        body = await response.json()
        if response.status != 200:
            return {"problem": {key: body[key] for key in ("status", "code", "path")}}
        ANSWER.validate(body)
        return self._told(body)

    async def _publish(self, put: Any = (), archive: Any = ()) -> None:
        if put:
            await self._rig.apply(fences={"type": "FeatureCollection", "features": put})
        for fence_id in archive:
            path = f"/v1/documents/fence/{fence_id}"
            assert (await self._rig.client.delete(path, headers=self._rig.operator)).status == 200
        await self._rig.settle()

    def _told(self, body: dict[str, Any]) -> dict[str, Any]:
        if "gone" not in body:
            self._held = {}
        for fence_id in body.get("gone", []):
            self._held.pop(fence_id, None)
        self._held |= {fence["id"]: fence for fence in body["fences"]}
        if "have" in body:
            names = {text: name for name, text in self._haves.items()}
            name = names.get(body["have"], f"h{len(names) + 1}")
            self._haves[name], body["have"] = body["have"], name
        holds = {key: self._held[key]["version"] for key in sorted(self._held)}
        return {"answer": body, "holds": holds}


async def played(vector: dict[str, Any], folder: Path) -> list[dict[str, Any] | None]:
    """Give what the gateway says to a vector."""
    given = vector["given"]
    start_ms = round(datetime.fromisoformat(given["now"]).timestamp() * 1000)
    libraries = [f"kind: library\nid: {each}\nrank: 1\nteam: maps" for each in given["libraries"]]
    async with open_rig(folder, start_ms) as rig:
        await rig.consent()
        fences = {"type": "FeatureCollection", "features": given["fences"]}
        await rig.apply(OPEN_POLICY, *libraries, fences=fences)
        player = Player(rig)
        return [await player.play(step) for step in vector["when"]]


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
async def test_golden_look_up_gets_its_answer(vector: dict[str, Any], tmp_path: Path) -> None:
    """What the vector gives, asked as the vector says, is answered as the vector says."""
    assert await played(vector, tmp_path) == vector["then"]


def test_there_are_golden_look_ups() -> None:
    """A folder that has moved away must not turn the test above into nothing."""
    assert len(VECTORS) > 8
