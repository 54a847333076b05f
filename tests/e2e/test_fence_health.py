"""Fence health, from positions over HTTP to the advice on the terminal."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from e2e.clock import now_ms
from e2e.rig import Gateway, gateway, until_answered
from gateway.batches import moment

pytestmark = [pytest.mark.timeout(120)]

LAT, LON = 47.518264, 8.394173  # digits that stand nowhere else
EVERY_MS = 5_000
FIXES = 90
COUNTED = 100  # of both devices: fixes that fell into it, and those weighed until a visit was over

FENCES = f"""
kind: fence
id: kiosk
name: Kiosk
circle: {{lat: {LAT}, lon: {LON}, radius_m: 15}}
---
kind: fence
id: kiosk-again
circle: {{lat: {LAT}, lon: {LON}, radius_m: 15}}
---
kind: fence
id: elsewhere
circle: {{lat: {LAT + 1}, lon: {LON}, radius_m: 60}}
"""


def stroll(device: str) -> dict[str, Any]:
    """Write what a device sends that passes the kiosk, with a receiver that says 30 m."""
    start_ms = now_ms() - FIXES * EVERY_MS
    allowed = {"collect": "y", "location_collect": "y", "location_precise": "y"}
    said: list[dict[str, Any]] = [{"type": "consent", "values": allowed, "method": "toggle"}]
    for i in range(FIXES):
        away = 0.0004 * math.cos(2 * math.pi * i / FIXES)
        said.append({"type": "fix", "lat": LAT + away, "lon": LON, "accuracy_m": 30.0})
    return {
        "v": 1,
        "device_id": device,
        "stream": "s",
        "sent_at": moment(now_ms()),
        "who": {"anonymous_id": device, "user_id": device},
        "events": [
            {"seq": i, "event_id": f"{device}-{i}", "at": moment(start_ms + i * EVERY_MS), **event}
            for i, event in enumerate(said, 1)
        ],
    }


async def health(running: Gateway, *arguments: str) -> str:
    """Run ``fencepost health``."""
    done = await running.command("health", *arguments)
    assert done.code == 0, done.err
    return done.out


@pytest.mark.feature("N10")
async def test_fence_too_small_for_its_receivers_is_named_with_the_size_it_needs(
    tmp_path: Path,
) -> None:
    """A fence of 15 m where phones are 30 m off; it survives a restart, without a coordinate."""
    async with gateway(tmp_path) as running:
        await running.apply("kiosk", {"fences.yaml": FENCES})
        before = await health(running)
        for device in ("heron", "crane"):
            status, answer = await running.batch(device, stroll(device))
            assert (status, answer["verdicts"]["others"]) == (200, [])

        async def is_counted() -> bool:
            found = await running.ask("GET", "/v1/fences/health?fence=kiosk")
            return [row["fixes"] >= COUNTED for row in found["health"]] == [True]

        await until_answered(is_counted)
        first = await running.ask("GET", "/v1/fences/health")
    async with gateway(tmp_path) as running:
        text = await health(running)
        plain = json.loads(await health(running, "--json"))
        quiet = await health(running, "elsewhere")
        unknown = await running.command("health", "nowhere")

    assert before.startswith("3 fences are live, and no position fell into one in 7 days")
    assert "kiosk  Kiosk, 15 m" in text
    advice = " ".join(text.split())
    assert "too small 15 m is smaller than the 29 m accuracy usually seen here" in advice
    assert "enlarge its radius to about 35 m, or expect misses" in advice
    assert "duplicate    kiosk" in text
    assert plain["health"] == first["health"]
    assert "elsewhere: nobody was in it in 7 days" in quiet
    assert (unknown.code, "no fence nowhere is live" in unknown.err) == (1, True)
    assert "518264" not in text + json.dumps(plain)
