"""Without consent to location no coordinate comes further than the door, whoever sends it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from e2e.clock import now_ms
from e2e.documents import SPOTS
from e2e.people import LEAP_FIXES, House, settled, somebody
from fencepost_gateway.demo.cast import ALL_YES, NO_LOCATION
from gateway.batches import moment

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

HERE = (12.3456789, -98.7654321)
THERE = (12.3456781, -98.7654329)


def traces(lat: float, lon: float) -> list[bytes]:
    """Give what a store might hold of a position: floats of either order, digits, snapped too."""
    found = [struct.pack(order, degrees) for degrees in (lat, lon) for order in (">d", "<d")]
    return [*found, *(f"{abs(degrees):.5f}".encode() for degrees in (lat, lon))]


def stored(folder: Path) -> bytes:
    """Give every byte of the gateway's folder: database, log, index, keys."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def upload(device: str, seq: int, *events: dict[str, Any]) -> dict[str, Any]:
    """Write a batch of a client that is not ours."""
    at = moment(now_ms())
    return {
        "v": 1,
        "device_id": device,
        "stream": "s",
        "sent_at": at,
        "who": {"anonymous_id": device, "user_id": device},
        "events": [
            {"seq": seq + i, "event_id": f"{device}-{seq + i}", "at": at, **event}
            for i, event in enumerate(events)
        ],
    }


def fix(lat: float, lon: float) -> dict[str, Any]:
    """Write a position."""
    return {"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5.0}


async def test_fix_without_consent_is_rejected_and_not_stored(house: House) -> None:
    """A foreign client sends fixes nobody allowed: ``rejected(consent)``, and no byte of them."""
    running, _ = house
    status, answer = await running.batch("robin", upload("robin", 1, fix(*HERE)))
    allowed = {"type": "consent", "values": dict(ALL_YES), "method": "toggle"}
    _, control = await running.batch("finch", upload("finch", 1, allowed, fix(*THERE)))
    await settled(running)
    held = stored(running.data_dir)

    assert status == 200
    assert answer["verdicts"]["accepted"] == []
    assert answer["verdicts"]["others"] == [{"verdict": "rejected", "seq": 1, "code": "consent"}]
    assert [t for t in traces(*HERE) if t in held] == []
    assert control["verdicts"]["accepted"] == [[1, 2]]
    assert [t for t in traces(*THERE) if t in held], "the search would not find what is there"


async def test_revoked_location_takes_no_fix_and_forgets_the_place(house: House) -> None:
    """After ``location_collect: n`` the next fix is refused, and the visit is forgotten."""
    running, _ = house
    allowed = {"type": "consent", "values": dict(ALL_YES), "method": "toggle"}
    lat, lon = SPOTS["lotus"]
    away = fix(lat - 0.01, lon)
    await running.batch("stork", upload("stork", 1, allowed, away))
    denied = {"type": "consent", "values": {"location_collect": "n"}, "method": "toggle"}
    _, answer = await running.batch("stork", upload("stork", 3, denied, fix(*HERE)))
    await settled(running)

    assert answer["verdicts"]["accepted"] == [[3, 3]]
    assert answer["verdicts"]["others"] == [{"verdict": "rejected", "seq": 4, "code": "consent"}]
    assert [t for t in traces(*HERE) if t in stored(running.data_dir)] == []


async def test_app_without_location_consent_keeps_the_position_to_itself(house: House) -> None:
    """The SDK of somebody who refused drops positions itself: nothing on its disk, nothing sent."""
    running, there = house
    async with somebody(running, there, "heron", consent=NO_LOCATION) as heron:
        await heron.walk(*SPOTS["lotus"])
        stats = await heron.phone.do("stats")
        await settled(running)
        on_the_phone = stored(running.folder / "phones" / "heron")

    assert stats["refused"] == {"consent": 2 * LEAP_FIXES}
    assert await running.decisions("heron", "transition") == []
    assert [t for t in traces(*SPOTS["lotus"]) if t in on_the_phone] == []
