"""
Proof: the chain of consent changes, and whether it is whole.

Pure. One row a change, written in the commit of the change and never touched again.

Rule 1. A row's hash is SHA-256 over the hash before it and the row itself, in one canonical form:
        the members in their order, as msgpack. The first row follows nothing.
Rule 2. Rows are numbered from 1 without a gap, and the number is part of the row: a row that was
        changed, moved, put in or taken out is found, and named by its number.
Rule 3. Rows cut off the end are found only by who knows the number and hash of the last: the head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec import Struct

_pack = msgspec.msgpack.Encoder().encode


class ProofRow(Struct, frozen=True):
    """One change of consent: whose, what, from which value to which, when, and by which means."""

    number: int
    person_id: str
    purpose: str
    channel: str
    address: str
    old_value: str
    new_value: str
    at_ms: int
    received_ms: int
    proof: bytes  # msgpack, exactly as it was written
    hash: bytes = b""


class Verified(Struct, frozen=True):
    """How many rows follow from each other, the last one's hash, and the first that does not."""

    count: int
    head: bytes
    broken_at: int | None = None


def hash_of(before: bytes, row: ProofRow) -> bytes:
    """Give the hash by which ``row`` follows from ``before`` (Rule 1)."""
    members = [getattr(row, name) for name in row.__struct_fields__ if name != "hash"]
    return hashlib.sha256(before + _pack(members)).digest()


def verify(rows: Iterable[ProofRow]) -> Verified:
    """Walk the chain from its first row; stop at the first that does not follow (Rule 2)."""
    head, count = b"", 0
    for row in rows:
        if row.number != count + 1 or row.hash != hash_of(head, row):
            return Verified(count, head, count + 1)
        head, count = row.hash, row.number
    return Verified(count, head)
