"""
Proof: the chain of consent changes, and whether it is whole.

Pure. One row a change, written in the commit of the change and never touched again.

Rule 1. A row's hash is SHA-256 over the hash before it and the row itself, in one canonical form:
        the members in their order, as msgpack. The first row follows nothing.
Rule 2. Rows are numbered from 1 without a gap, and the number is part of the row: a row that was
        changed, moved, put in or taken out is found, and named by its number.
Rule 3. Rows cut off the end, and a chain that was written anew, are found only by who knows the
        number and hash of the last row: the head. It is signed once a day (UTC).
Rule 4. A signed head holds when its signature does and the chain leads to it: the row of its number
        has its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

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


class ProofHead(Struct, frozen=True):
    """The head of the chain as it was signed on a day (days since 1970)."""

    day: int
    number: int
    hash: bytes
    signed_ms: int
    signature: bytes = b""

    @property
    def signed(self) -> bytes:
        """Give what the signature is over."""
        return _pack(["fencepost proof head 1", self.day, self.number, self.hash, self.signed_ms])


class Verified(Struct, frozen=True):
    """
    How many rows follow from each other, the last one's hash, and the first that does not.

    ``heads`` is how many signed heads hold, ``broken_day`` the day of the first that does not.
    """

    count: int
    head: bytes
    broken_at: int | None = None
    heads: int = 0
    broken_day: int | None = None

    @property
    def is_whole(self) -> bool:
        """Say that nothing is wrong."""
        return self.broken_at is None and self.broken_day is None


def hash_of(before: bytes, row: ProofRow) -> bytes:
    """Give the hash by which ``row`` follows from ``before`` (Rule 1)."""
    members = [getattr(row, name) for name in row.__struct_fields__ if name != "hash"]
    return hashlib.sha256(before + _pack(members)).digest()


def verify(
    rows: Iterable[ProofRow],
    heads: Sequence[ProofHead] = (),
    is_signed: Callable[[ProofHead], bool] = lambda _: False,
) -> Verified:
    """
    Walk the chain from its first row; stop at the first that does not follow (Rule 2).

    Args:
        rows: All of them, in order.
        heads: Those that were signed, by day.
        is_signed: Says whether the signature of a head is ours.

    """
    wanted, led_to = {each.number for each in heads}, {0: b""}
    head, count = b"", 0
    for row in rows:
        if row.number != count + 1 or row.hash != hash_of(head, row):
            return Verified(count, head, count + 1)
        head, count = row.hash, row.number
        if count in wanted:
            led_to[count] = head
    for held, each in enumerate(heads):
        if led_to.get(each.number) != each.hash or not is_signed(each):
            return Verified(count, head, heads=held, broken_day=each.day)
    return Verified(count, head, heads=len(heads))
