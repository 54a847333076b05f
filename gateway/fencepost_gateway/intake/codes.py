"""
Codes: what stands on a sign, a tag or a beacon, and proves that somebody was there.

Pure. ``fp1.<fence>.<expiry>.<mac>``: version, fence id, expiry in seconds of the epoch (base 36),
and an HMAC-SHA-256 over all before it, cut to 128 bits. Some 45 characters: a small QR code.

Rule 1. The key is made from the workspace's seed for this purpose alone.
Rule 2. A code is looked into only after its mac was compared, in constant time.
Rule 3. It counts up to its expiry by the time of the check-in, not of the upload.
Rule 4. Whoever has seen the code has it: it proves as much as the place where it hangs is guarded.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Container

VERSION: Final = "fp1"
MAC_BYTES: Final = 16
BASE: Final = 36
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Code(Struct, frozen=True):
    """What a genuine code says."""

    fence_id: str
    expires_s: int


def write_code(seed: str, code: Code) -> str:
    """Write and sign a code."""
    digits, rest = "", code.expires_s
    while rest:
        rest, digit = divmod(rest, BASE)
        digits = DIGITS[digit] + digits
    text = f"{VERSION}.{code.fence_id}.{digits or '0'}"
    return f"{text}.{_mac(seed, text)}"


def read_code(seed: str, text: str) -> Code | None:
    """Read a code; None: it is not one of ours, or was changed."""
    said, _, mac = text.rpartition(".")
    if not hmac.compare_digest(mac.encode(errors="surrogatepass"), _mac(seed, said).encode()):
        return None
    _, fence_id, digits = said.split(".")
    return Code(fence_id, int(digits, BASE))


def checked(seed: str, text: str, at_ms: int, live: Container[str]) -> tuple[str, str]:
    """Give why a code is refused at a moment, empty if it is not, and the fence that it is of."""
    code = read_code(seed, text)
    if code is None:
        return "code_forged", ""
    if code.expires_s * 1000 <= at_ms:
        return "code_expired", code.fence_id
    return "" if code.fence_id in live else "code_fence_gone", code.fence_id


def _mac(seed: str, text: str) -> str:
    key = hmac.digest(seed.encode(), b"fencepost check-in codes 1", sha256)
    mac = hmac.digest(key, text.encode(errors="surrogatepass"), sha256)[:MAC_BYTES]
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
