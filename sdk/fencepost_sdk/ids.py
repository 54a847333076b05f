"""
Ids: how random bytes become names.

Pure: moment and entropy are arguments. UUIDv7 is RFC 9562 section 5.7.
"""

from __future__ import annotations

import base64

UUID_ENTROPY_BYTES = 10
STREAM_ENTROPY_BYTES = 9
SECRET_ENTROPY_BYTES = 32


def uuid7(now_ms: int, entropy: bytes) -> str:
    """Make a time-ordered id from the moment and ten random bytes."""
    bits = (
        (now_ms & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (int.from_bytes(entropy[:2], "big") & 0x0FFF) << 64
        | 0b10 << 62
        | int.from_bytes(entropy[2:10], "big") & 0x3FFF_FFFF_FFFF_FFFF
    )
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def token(entropy: bytes) -> str:
    """Write random bytes in letters that need no quoting anywhere."""
    return base64.urlsafe_b64encode(entropy).rstrip(b"=").decode("ascii")
