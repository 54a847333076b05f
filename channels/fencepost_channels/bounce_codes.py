"""
Bounce codes: what a mail server's refusal says about the mailbox.

Pure. Codes are those of RFC 5321 section 4.2 (``550``) and RFC 3463 (``5.1.1``).

Rule 1. The enhanced code decides where there is one: it says what the matter is. ``550 5.7.26``
        means that our own mail is not authenticated, and ``550 5.2.2`` that the mailbox is full; to
        take either for a dead mailbox would end addresses that are good.
Rule 2. Without one the basic code decides.
"""

from __future__ import annotations

import re
from typing import Final

HARD: Final = frozenset({521, 550, 551, 553, 556})
HARD_ENHANCED: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.2.1", "5.7.1"})

# Neither is part of an address: 5.1.1.7 has no code in it, and the end of a sentence may follow.
_BASIC = re.compile(r"(?<![0-9.])([245][0-5][0-9])(?!\.?[0-9])")
_ENHANCED = re.compile(r"(?<![0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?!\.?[0-9])")


def is_hard(code: int | None, enhanced: str) -> bool:
    """
    Say whether a refusal means that the mailbox is not there for us.

    Args:
        code: The basic code; None: it is not known.
        enhanced: The enhanced code, empty when there was none.

    """
    return enhanced in HARD_ENHANCED if enhanced else code in HARD


def enhanced_in(text: str) -> str:
    """Give the first enhanced code in what a server said; empty: there is none."""
    found = _ENHANCED.search(text)
    return ".".join(str(int(part)) for part in found.groups()) if found else ""


def basic_in(text: str) -> int | None:
    """Give the first basic code in what a server said."""
    found = _BASIC.search(text)
    return int(found[1]) if found else None
