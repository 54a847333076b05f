"""
Tickets: what a link in a message carries, so that who opens it can answer.

Pure. ``<message>.<mac>``: the id of the message, which is derived from its cause and says nothing
of anybody, and an HMAC-SHA-256 over it, cut to 128 bits. Everything else stands in the store.

Rule 1. The key is made from the workspace's seed for this purpose alone.
Rule 2. A ticket is looked into only after its mac was compared, in constant time.
Rule 3. How long it counts, and whether it was used, the store knows: a ticket never says it.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

MAC_BYTES: Final = 16
TEXT_MAX: Final = 128


def write_ticket(seed: str, message_id: str) -> str:
    """Write the ticket of a message."""
    return f"{message_id}.{_mac(seed, message_id)}"


def read_ticket(seed: str, text: str) -> str:
    """Give the message of a ticket; empty: it is not one of ours, or was changed."""
    if len(text) > TEXT_MAX:
        return ""
    message_id, _, mac = text.rpartition(".")
    is_ours = hmac.compare_digest(
        mac.encode(errors="surrogatepass"), _mac(seed, message_id).encode()
    )
    return message_id if is_ours else ""


def _mac(seed: str, message_id: str) -> str:
    key = hmac.digest(seed.encode(), b"fencepost confirmations 1", sha256)
    mac = hmac.digest(key, message_id.encode(errors="surrogatepass"), sha256)[:MAC_BYTES]
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
