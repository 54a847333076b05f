"""
Statement: a person's word on consent as it comes over the wire, and the proof that is kept of it.

Pure. The proof is everything that is known of how the change came about; ``ProofRow`` holds whose
it is, what about, from which value to which, and both times.

Rule 1. Wording: the id of its version, its SHA-256 where the app gives it, the language.
Rule 2. The IP address is kept truncated from the first moment: /24 of version 4, /48 of version 6
        (ADR-0016).
Rule 3. Context is what a device says of itself: it is cut to a bound, and one that is no text is
        left out, because nothing depends on it.
Rule 4. ``device_ms`` is the time that the device gave; the row's is corrected for its clock.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from msgspec import Struct

from fencepost_channels.message import Channel
from fencepost_gateway.decide import consent
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.wire import Batch

CHANNELS = frozenset(Channel)
SAID_MAX = 64
_SHA256 = re.compile(r"[0-9a-f]{64}")
PREFIX_BITS = {4: 24, 6: 48}


class Caller(Struct, frozen=True):
    """Where a request comes from: its IP address, truncated, and what the proxy calls it."""

    ip: str = ""
    request_id: str = ""


class ConsentChange(Struct, frozen=True):
    """A statement that takes effect: the entry, what stood before, and the proof beside it."""

    person_id: str
    entry: ConsentEntry
    old_value: str
    proof: dict[str, Any]


def truncated_ip(text: str) -> str:
    """Give the network of an address (Rule 2); empty when it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, PREFIX_BITS[address.version]), strict=False))


def proof_of(event: wire.Consent, batch: Batch, caller: Caller, said_ms: int) -> dict[str, Any]:
    """Give what is known of a statement (Rules 1 to 4)."""
    app = batch.context.app if isinstance(batch.context.app, dict) else {}
    sdk = batch.sdk if isinstance(batch.sdk, dict) else {}
    known = {
        "text_sha256": event.text_sha256,
        "os": _said(batch.context.os),
        "app": _said(app.get("id")),
        "app_version": _said(app.get("version")),
        "sdk": _said(sdk.get("name")),
        "sdk_version": _said(sdk.get("version")),
        "ip": caller.ip,
        "request_id": caller.request_id,
    }
    return {
        "device_id": batch.device_id,
        "text": event.text,
        "language": event.language,
        "surface": event.surface,
        "method": event.method,
        "event_id": event.event_id,
        "zone": batch.context.zone[:SAID_MAX],
        "actor": "app",
        "device_ms": said_ms,
        **{name: value for name, value in known.items() if value},
    }


def _said(value: object) -> str:
    return value[:SAID_MAX] if isinstance(value, str) else ""


def fault_of(event: wire.Consent) -> tuple[str, str] | None:
    """Say why a statement can never be taken: code and member; None when it can."""
    if event.channel is not None and event.channel not in CHANNELS:
        return ("bad_value", "channel")
    if event.address is not None and event.channel is None:
        return ("bad_value", "address")
    if event.text_sha256 is not None and not _SHA256.fullmatch(event.text_sha256):
        return ("bad_value", "text_sha256")
    for purpose, value in event.values.items():
        if purpose not in consent.PURPOSES:
            return ("bad_value", "values")
        if value not in consent.VALUES:
            return ("bad_value", f"values.{purpose}")
    return None
