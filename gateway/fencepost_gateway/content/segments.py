"""
Segments: how many short messages a text takes.

Pure. The alphabets are those of 3GPP TS 23.038 section 6.2.1; a text of several segments gives six
octets of each to the header that joins them.

Rule 1. A text whose every letter is in the default alphabet takes 160 septets, or 153 a segment;
        letters of the extension table take two.
Rule 2. One letter outside of it makes the whole text UCS-2: 70 units of 16 bits, or 67 a segment.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")


class Segments(Struct, frozen=True):
    """How a text is sent: ``outside`` is the first letter that is not in the default alphabet."""

    encoding: str
    units: int
    count: int
    outside: str = ""


def segments(text: str) -> Segments:
    """Count the segments of a text."""
    outside = next((c for c in text if c not in _BASIC and c not in _EXTENDED), "")
    if outside:
        return _counted("UCS-2", len(text.encode("utf-16-le")) // 2, (70, 67), outside)
    return _counted("GSM 7-bit", len(text) + sum(c in _EXTENDED for c in text), (160, 153), "")


def _counted(encoding: str, units: int, sizes: tuple[int, int], outside: str) -> Segments:
    alone, joined = sizes
    count = 1 if units <= alone else -(-units // joined)
    return Segments(encoding, units, count, outside)
