"""Statement: what is kept of how a consent came about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fencepost_gateway.intake import wire
from fencepost_gateway.intake.statement import Caller, proof_of, truncated_ip
from fencepost_gateway.intake.wire import Batch, Consent
from gateway.batches import NOW_MS, moment


@pytest.mark.parametrize(
    ("ip", "kept"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", ""),
        ("somewhere", ""),
    ],
)
def test_ip_is_kept_truncated(ip: str, kept: str) -> None:
    """The network, never the host; what is no address is nothing."""
    assert truncated_ip(ip) == kept


def made(context: dict[str, Any], sdk: Any = None, **members: Any) -> dict[str, Any]:
    """Give the proof of a statement in a batch with this context."""
    event = Consent(seq=1, event_id="e", at=None, values={"marketing": "y"}, **members)  # type: ignore[arg-type]  # not looked at
    batch: Batch = wire.decode_batch(
        msgspec.json.encode(
            {
                "v": 1,
                "device_id": "d",
                "stream": "s",
                "sent_at": moment(NOW_MS),
                "who": {"anonymous_id": "a"},
                "context": context,
                "sdk": sdk,
                "events": [],
            }
        )
    )
    return proof_of(event, batch, Caller("203.0.113.0/24", "r-1"), NOW_MS)


def test_proof_holds_wording_screen_device_versions_and_both_times() -> None:
    """Everything that is known of it, in one row."""
    proof = made(
        {"app": {"id": "com.luma", "version": "4.2"}, "os": "android 15", "zone": "Asia/Seoul"},
        {"name": "python", "version": "1.0"},
        text="loc-v3",
        text_sha256="ab" * 32,
        language="ko",
        surface="onboarding",
        method="toggle",
    )

    assert proof == {
        "device_id": "d",
        "text": "loc-v3",
        "language": "ko",
        "surface": "onboarding",
        "method": "toggle",
        "event_id": "e",
        "zone": "Asia/Seoul",
        "actor": "app",
        "device_ms": NOW_MS,
        "text_sha256": "ab" * 32,
        "os": "android 15",
        "app": "com.luma",
        "app_version": "4.2",
        "sdk": "python",
        "sdk_version": "1.0",
        "ip": "203.0.113.0/24",
        "request_id": "r-1",
    }


@pytest.mark.parametrize("odd", [7, ["x"], "text", {"version": 4}, {"version": "4" * 999}])
def test_odd_context_harms_nothing(odd: Any) -> None:
    """What a device says of itself is bounded, and left out where it is no text."""
    proof = made({"app": odd, "os": odd}, odd)

    assert len(proof.get("app_version", "")) <= 64
    assert isinstance(proof.get("os", ""), str)
