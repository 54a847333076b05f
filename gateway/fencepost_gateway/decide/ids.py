"""
Ids: every id the pipeline makes is a hash of its cause.

Pure. A repeat, a takeover, a replay and a test therefore make the same ids, and an insert that
meets its own id is a no-op. The table of what goes into each id is ``delivery.md`` section 1 of
the specification; the parts are joined by NUL, which no identity on the wire may contain.

User ids are compared exactly, letter by letter. Only one that is an email address is compared
case-folded, as people type theirs in many ways. ``normal_user_id`` is the one place that says so.
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256

ID_BYTES = 20  # 160 bits: 32 characters of base32, which fits a Web Push Topic as it is
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def derive(*parts: str) -> str:
    """Give the id made of ``parts``: 32 characters of lower-case base32."""
    digest = sha256("\0".join(parts).encode()).digest()
    return b32encode(digest[:ID_BYTES]).decode().lower()


def normal_user_id(user_id: str) -> str:
    """Give a user id as it is compared: an email address case-folded, any other as it is."""
    return user_id.casefold() if _EMAIL.fullmatch(user_id) else user_id


def person_id_of_user(workspace: str, user_id: str) -> str:
    """Name the person behind a user id, however it is written."""
    return derive("person", workspace, "user", normal_user_id(user_id))


def person_id_of_visitor(workspace: str, anonymous_id: str) -> str:
    """Name the person behind an anonymous id."""
    return derive("person", workspace, "anonymous", anonymous_id)


def chance(seed: str, *parts: str) -> float:
    """Draw a number in [0, 1) that depends on ``seed`` and ``parts`` alone."""
    return fraction(sha256("\0".join((seed, *parts)).encode()).digest())


def fraction(digest: bytes) -> float:
    """Read the front of ``digest`` as a number in [0, 1): 53 bits, all a float holds exactly."""
    return (int.from_bytes(digest[:7], "big") >> 3) / (1 << 53)
