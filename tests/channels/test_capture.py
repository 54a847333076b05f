from __future__ import annotations

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from fencepost_channels.conformance import CONTENTS, DELIVERY_ID, Lent
from fencepost_channels.driver import SettingsError
from fencepost_channels.drivers.capture import connect, parse_address, parse_settings
from fencepost_channels.errors import Sent
from fencepost_channels.message import Channel, Outgoing, Purpose, SmsContent

MESSAGE = Outgoing(
    DELIVERY_ID, Purpose.MARKETING, SmsContent("요가\n18:00"), ttl_s=900, facts={"campaign": "yoga"}
)
TO = parse_address({"address": "+821012345678", "kind": "sms"})


async def test_capture_writes_one_line_a_message(lent: Lent, tmp_path: Path) -> None:
    """A line holds all of the message, whatever its text."""
    path = tmp_path / "captured.jsonl"

    async with connect(parse_settings({"path": str(path)}), lent) as send:
        outcome = await send(MESSAGE, TO)

    (line,) = path.read_text().splitlines()
    assert outcome == Sent(DELIVERY_ID)
    assert json.loads(line) == {
        "channel": "sms",
        "delivery_id": DELIVERY_ID,
        "purpose": "marketing",
        "ttl_s": 900,
        "address": {"address": "+821012345678"},
        "content": {"text": "요가\n18:00", "media": []},
        "facts": {"campaign": "yoga"},
    }


async def test_capture_takes_every_channel_and_keeps_what_is_there(
    lent: Lent, tmp_path: Path
) -> None:
    """Messages of all channels, sent at once and after a reopening, are all in the file."""
    settings = parse_settings({"path": str(tmp_path / "captured.jsonl")})

    for _ in range(2):
        async with connect(settings, lent) as send:
            await asyncio.gather(
                *(send(replace(MESSAGE, content=CONTENTS[channel]), TO) for channel in Channel)
            )

    lines = (tmp_path / "captured.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["channel"] for line in lines) == sorted([*Channel] * 2)


async def test_capture_file_is_private(lent: Lent, tmp_path: Path) -> None:
    """A new file has mode 0600."""
    path = tmp_path / "captured.jsonl"

    async with connect(parse_settings({"path": str(path)}), lent):
        mode = stat.S_IMODE(path.stat().st_mode)

    assert mode == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
async def test_capture_refuses_a_file_others_may_read(
    lent: Lent, tmp_path: Path, mode: int
) -> None:
    """A file that is not its owner's alone is refused, and stays as it was."""
    path = tmp_path / "captured.jsonl"
    path.touch()
    path.chmod(mode)

    with pytest.raises(SettingsError, match='"path"'):
        async with connect(parse_settings({"path": str(path)}), lent):
            pass

    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("kind", ["link", "folder", "absent"])
async def test_capture_refuses_what_is_no_file(lent: Lent, tmp_path: Path, kind: str) -> None:
    """Links, folders and files in folders that are not there are refused."""
    path = tmp_path / "captured.jsonl"
    match kind:
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
        case "folder":
            path.mkdir()
        case _:
            path = tmp_path / "absent" / "captured.jsonl"

    with pytest.raises(SettingsError, match='"path"'):
        async with connect(parse_settings({"path": str(path)}), lent):
            pass

    assert not (tmp_path / "elsewhere").exists()
