"""
Tickets: what a link in a message carries, so that who opens it can answer.

Pure. ``<subject>.<mac>``: the id of a message or a delivery, which is derived from its cause and
says nothing of anybody, and an HMAC-SHA-256 over it, cut to 128 bits. Everything else stands in
the store.

Rule 1. The key is made from the workspace's seed for one purpose alone: a ticket that opens one
        door opens no other.
Rule 2. A ticket is looked into only after its mac was compared, in constant time.
Rule 3. How long it counts, and whether it was used, the store knows: a ticket never says it.
Rule 4. A return token is the same in one word without dots and capitals, cut to 80 bits, so that
        it fits the local part of a mailbox (64 characters) beside a prefix.
Rule 5. ``about`` stands beside the ticket, not in it: the page that a tracked link leads to.
"""

from __future__ import annotations

import hmac
from base64 import b32encode, urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal

MAC_BYTES: Final = 16
RETURN_MAC_BYTES: Final = 10
SUBJECT_CHARS: Final = 32  # of a delivery's id
TEXT_MAX: Final = 128

Door = Literal["confirm", "unsubscribe", "preferences", "report", "open", "click", "return"]
_LABELS: Final[dict[Door, bytes]] = {
    "confirm": b"fencepost confirmations 1",
    "unsubscribe": b"fencepost unsubscriptions 1",
    "preferences": b"fencepost preferences 1",
    "report": b"fencepost reports 1",
    "open": b"fencepost openings 1",
    "click": b"fencepost clicks 1",
    "return": b"fencepost return paths 1",
}


def write_ticket(seed: str, door: Door, subject: str, about: str = "") -> str:
    """Write the ticket of a message or delivery for one door (Rule 5)."""
    return f"{subject}.{_mac(seed, door, _covered(subject, about))}"


def read_ticket(seed: str, door: Door, text: str, about: str = "") -> str:
    """Give the subject of a ticket; empty: it is not one of ours, or was changed."""
    if len(text) > TEXT_MAX:
        return ""
    subject, _, mac = text.rpartition(".")
    is_ours = hmac.compare_digest(
        mac.encode(errors="surrogatepass"),
        _mac(seed, door, _covered(subject, about)).encode(),
    )
    return subject if is_ours else ""


def _covered(subject: str, about: str) -> str:
    return f"{subject}\0{about}" if about else subject


def write_return_token(seed: str, delivery_id: str) -> str:
    """Write what names a delivery in a return path (Rule 4)."""
    return delivery_id + _return_mac(seed, delivery_id)


def read_return_token(seed: str, text: str) -> str:
    """Give the delivery that a return path names; empty: it is none of ours, or was changed."""
    word = text.lower()
    delivery_id, mac = word[:SUBJECT_CHARS], word[SUBJECT_CHARS:]
    is_ours = hmac.compare_digest(
        mac.encode(errors="surrogatepass"), _return_mac(seed, delivery_id).encode()
    )
    return delivery_id if is_ours else ""


def _mac(seed: str, door: Door, subject: str) -> str:
    mac = _digest(seed, door, subject)[:MAC_BYTES]
    return urlsafe_b64encode(mac).rstrip(b"=").decode()


def _return_mac(seed: str, delivery_id: str) -> str:
    mac = _digest(seed, "return", delivery_id)[:RETURN_MAC_BYTES]
    return b32encode(mac).decode().lower()  # 80 bits: sixteen characters, none of them padding


@lru_cache(maxsize=64)  # a message has four tickets or more, and a house one seed
def _key(seed: str, door: Door) -> bytes:
    return hmac.digest(seed.encode(), _LABELS[door], sha256)


def _digest(seed: str, door: Door, subject: str) -> bytes:
    return hmac.digest(_key(seed, door), subject.encode(errors="surrogatepass"), sha256)
