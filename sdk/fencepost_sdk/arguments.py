"""
Arguments: what a public call may be given.

Pure. A sentence names the argument and what it must be, never the value: values may be personal.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from fencepost_sdk import consent, wire
from fencepost_sdk.guard import InvalidCallError
from fencepost_sdk.limits import Limits
from fencepost_sdk.transport import Host, parse_host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEXT_LIMITS = Limits(string_bytes=512)  # names and ids, not prose


def check_text(name: str, value: object) -> None:
    """Refuse what is no short text of the wire."""
    if not isinstance(value, str) or not value:
        raise InvalidCallError(f"{name} must be a string with something in it")
    found = wire.check(value, TEXT_LIMITS, name)
    if found is not None:
        raise InvalidCallError(f"{name} cannot travel: {found.code}")


def check_object(limits: Limits, path: str, value: object) -> None:
    """Refuse what is no object of the wire; None is none."""
    if value is not None and not hasattr(value, "items"):
        raise InvalidCallError(f"{path} must be a mapping")
    found = wire.check(value, limits, path)
    if found is not None:
        raise InvalidCallError(f"{found.path} cannot travel: {found.code}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuse what is none of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise InvalidCallError(f"{name} must be one of {', '.join(choices)}")


def check_key(value: object) -> None:
    """Refuse what cannot stand in a header."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidCallError("key must be the write key of the workspace, like pk_...")
    if not value or " " in value:
        raise InvalidCallError("key must have something in it, and no blanks")


def host(url: object) -> Host:
    """Read the gateway's address."""
    if not isinstance(url, str):
        raise InvalidCallError("host must be an address like https://edge.example.com")
    try:
        return parse_host(url)
    except ValueError as error:
        raise InvalidCallError(str(error)) from error


def moment_ms(at: object) -> int | None:
    """Read when something happened; None is now."""
    if at is None:
        return None
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise InvalidCallError("at must be an aware datetime")
    return wire.datetime_ms(at)


def consent_values(values: Mapping[str, str]) -> Mapping[str, str]:
    """Check purposes and values of a consent change."""
    if not (hasattr(values, "items") and values):
        raise InvalidCallError("values must map purposes to values")
    for purpose, value in values.items():
        check_choice("purpose", purpose, tuple(consent.NEEDS))
        check_choice(purpose, value, sorted(consent.VALUES))
    return values


def proof(method: str, text: str | None, surface: str | None, language: str) -> dict[str, object]:
    """Say how a consent change came about."""
    for name, value in (("text", text), ("surface", surface)):
        if value is not None:
            check_text(name, value)
    return {
        "text": text or "",
        "language": language,
        "surface": surface or "",
        "method": method,
    }


def wording_proof(wording: object) -> dict[str, object]:
    """Say by which words a person consented, without sending them."""
    if wording is None:
        return {}
    if not isinstance(wording, str) or not wording:
        raise InvalidCallError("wording must be a string with something in it")
    body = wording.encode("utf-8", "surrogatepass")
    return {"text_sha256": hashlib.sha256(body).hexdigest()}
