"""Push subscriptions at the door: which are saved, by the settings of their driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.settings import ChannelSettings
from gateway.rig import Rig, open_rig

KEYS = {
    "p256dh": "BI5TO2-gv3tGJbswZnwB-2B--fi4qA_vWzAGKHAxh7Kjc-sdveAzGDZtBp-DpvWQAFPHNjPLBBsh"
    "xV4ahsH0ALQ",
    "auth": "AAAAAAAAAAAAAAAAAAAAAA",
}
MOZILLA = "https://updates.push.services.mozilla.com/wpush/v2/abc"
REFUSED = {"verdict": "rejected", "seq": 1, "code": "bad_value", "path": "subscription"}


async def others(rig: Rig, endpoint: str, **keys: str) -> list[dict[str, Any]]:
    """Save a subscription; give the verdict unless it was taken."""
    given = {"endpoint": endpoint, "keys": KEYS | keys}
    answer = await rig.send({"type": "address", "channel": "web_push", "subscription": given})
    found: list[dict[str, Any]] = answer["verdicts"]["others"]
    return found


@pytest.mark.bad_input(96)
@pytest.mark.bad_input(97)
@pytest.mark.bad_input(101)
@pytest.mark.parametrize(
    "endpoint",
    [
        "http://updates.push.services.mozilla.com/x",
        *(f"https://{host}/x" for host in (
            "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "①②⑦.0.0.1", "[::1]",
            "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25eth0]",
            "[fec0::1]", "224.0.0.1", "localhost.", "169.254.169.254", "100.100.100.200",
            "metadata.google.internal", "fcm.googleapis.com@evil", "evil.com#.googleapis.com",
            "fcm.googleapis.com.evil.com", "evilfcm.googleapis.com", "fcm.googleapis.com:22",
            "user:word@fcm.googleapis.com", "fcm.gооgleapis.com", "xn--fcm-googleapis-x.com",  # noqa: RUF001 - Cyrillic
        )),
        f"{MOZILLA}{'a' * 4096}",
    ],
)  # fmt: skip
async def test_endpoint_that_is_never_called_is_not_saved(tmp_path: Path, endpoint: str) -> None:
    """Only https to a push service of the allow-list; its browser is told at once."""
    async with open_rig(tmp_path) as rig:
        assert await others(rig, endpoint) == [REFUSED]


@pytest.mark.bad_input(103)
@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": KEYS["p256dh"][:-1] + "A"}, {"p256dh": KEYS["p256dh"][:86]},
        {"p256dh": "A" * 87}, {"p256dh": KEYS["p256dh"] + "=="},
        {"auth": "A" * 20}, {"auth": "A" * 22 + "="},
    ],
    ids=["off the curve", "64 bytes", "zero", "bad padding", "15 bytes", "bad padding of auth"],
)  # fmt: skip
async def test_keys_that_no_browser_has_are_not_saved(tmp_path: Path, keys: dict[str, str]) -> None:
    """Nothing could be encrypted for them."""
    async with open_rig(tmp_path) as rig:
        assert await others(rig, MOZILLA, **keys) == [REFUSED]


async def test_subscription_of_a_browser_is_saved(tmp_path: Path) -> None:
    """As each of the big browsers makes them."""
    async with open_rig(tmp_path) as rig:
        for host in ("fcm.googleapis.com", "web.push.apple.com", "db5p.notify.windows.com"):
            assert await others(rig, f"https://{host}/x") == []
        assert await others(rig, MOZILLA) == []


async def test_loopback_is_saved_where_the_driver_may_call_it(tmp_path: Path) -> None:
    """For tests and demos: the same setting opens the save, the call and the socket."""
    loopback = {"allow_hosts": "127.0.0.1", "allow_http": "true"}
    channels = {"web_push": ChannelSettings(driver="web_push", settings=loopback)}
    async with open_rig(tmp_path, channels=channels) as rig:
        assert await others(rig, "http://127.0.0.1:8080/x") == []
        assert [each["verdict"] for each in await others(rig, MOZILLA)] == ["rejected"]
