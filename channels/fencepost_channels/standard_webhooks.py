"""
Standard Webhooks: how a request between two systems is signed, both ways.

Pure. Source: the specification "Standard Webhooks" 1.0.0.

Rule 1. Signed is ``id.timestamp.body``, by HMAC-SHA256, in base64 after ``v1,``. Several secrets
        give several signatures, so that the receiver may change over; one that fits is enough.
Rule 2. A secret is its bytes, or what they are in base64 after ``whsec_``.
Rule 3. A request is believed for five minutes before and after its timestamp, and only then is its
        body read. Signatures are compared in a time that does not tell how far they agree.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

KEY_PREFIX: Final = "whsec_"
TOLERANCE_S: Final = 300
_VERSION: Final = "v1,"
_DIGITS_MAX: Final = 12


def sign(secret: str, signed: bytes) -> str:
    """Sign with a secret (Rule 2)."""
    key = secret.encode()
    if secret.startswith(KEY_PREFIX):
        with contextlib.suppress(binascii.Error):  # then it is a text that begins like one
            key = base64.b64decode(secret.removeprefix(KEY_PREFIX), validate=True)
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def signed_headers(
    secrets: Iterable[str], request_id: str, body: bytes, at_s: int
) -> dict[str, str]:
    """Write the headers of a request; without a signature where there is no secret (Rule 1)."""
    signed = _signed(request_id, at_s, body)
    signatures = " ".join(f"{_VERSION}{sign(secret, signed)}" for secret in secrets)
    headers = {"webhook-id": request_id, "webhook-timestamp": str(at_s)}
    return headers | ({"webhook-signature": signatures} if signatures else {})


def fault_of(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now_s: int) -> str:
    """
    Say why a request is not believed (Rule 3), in a constant word; empty when it is.

    Args:
        secrets: Any of them will do.
        headers: Names in lower case.
        body: Its bytes.
        now_s: Now, in seconds since the epoch.

    """
    request_id = headers.get("webhook-id", "")
    moment = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not (request_id and moment and given):
        return "not_signed"
    if not (moment.isascii() and moment.isdigit() and len(moment) <= _DIGITS_MAX):
        return "malformed"
    signed = _signed(request_id, int(moment), body)
    right = [f"{_VERSION}{sign(secret, signed)}".encode() for secret in secrets]
    told = [each.encode("utf-8", "replace") for each in given.split(" ")]
    if not any(hmac.compare_digest(one, each) for one in right for each in told):
        return "bad_signature"
    return "too_old" if abs(now_s - int(moment)) > TOLERANCE_S else ""


def _signed(request_id: str, at_s: int, body: bytes) -> bytes:
    return f"{request_id}.{at_s}.".encode("utf-8", "replace") + body
