"""
Addresses: how an address is named without being shown.

Pure. An address is kept raw for its driver alone; everything else (consent, suppression, records)
knows it by a keyed hash of its normal form, so that two spellings are one address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fencepost_gateway.decide.ids import derive
from fencepost_gateway.intake import wire

DOTS = "•••"
SHOWN_MAX = 4  # of a number; what is no longer is not shown at all
# Hexadecimal, in either case; FCM's are told by their case, and have a colon.
_APNS_TOKEN = re.compile(r"[0-9a-fA-F]{64,200}")


def raw_address(event: wire.Address) -> dict[str, Any]:
    """Give an address as its driver reads it."""
    if event.subscription is not None:
        return {"subscription": event.subscription}
    if event.registration is not None:
        return {"registration": event.registration}
    if event.target is not None:
        return {"target": event.target}
    return {"address": event.address or ""}


def raw_of(channel: str, text: str) -> dict[str, Any]:
    """Give the address that a person or an operator wrote as one word."""
    if channel == "web_push":
        return {"subscription": {"endpoint": text}}
    if channel == "push":
        service = "apns" if _APNS_TOKEN.fullmatch(text) else "fcm"
        return {"registration": {"service": service, "token": text}}
    if channel == "webhook":
        return {"target": text}
    return {"address": text}


def address_ref(seed: str, channel: str, raw: Mapping[str, Any]) -> str:
    """Name an address; the seed keeps anybody else from trying names."""
    subscription, registration = raw.get("subscription"), raw.get("registration")
    if isinstance(subscription, dict):
        normal = str(subscription.get("endpoint"))
    elif isinstance(registration, dict):
        token = str(registration.get("token"))
        normal = token.lower() if _APNS_TOKEN.fullmatch(token) else token
    elif "target" in raw:
        normal = str(raw["target"])  # another system's name: told as it is
    else:
        normal = str(raw.get("address", "")).strip().casefold()
    return derive("address", seed, channel, normal)


def masked(channel: str, raw: Mapping[str, Any]) -> str:
    """Show an address so that its owner knows it again and nobody else learns it; or nothing."""
    text = str(raw.get("address", "")).strip()
    if channel == "sms":
        return f"{DOTS}{text[-2:]}" if len(text) > SHOWN_MAX else ""
    local, at, domain = text.rpartition("@")
    if channel != "email" or not at or not local:
        return ""
    name, dot, top = domain.rpartition(".")
    return f"{local[0]}{DOTS}@{name[:1]}{DOTS}{dot}{top}" if name else f"{local[0]}{DOTS}"
