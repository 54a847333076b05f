"""
Proof words: a proof of consent as one line, and what became of the chain.

Pure. An address is shown by its reference, a wording by its id.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from fencepost_gateway.decide.proof import ProofRow, Verified

DAY_MS = 86_400_000

_plain = msgspec.msgpack.Decoder()


def tell_proof(row: ProofRow) -> str:
    """Tell one change: number, when, what about, from which value to which; below, how."""
    about = ":".join([row.purpose, *(x for x in (row.channel, row.address) if x != "any")])
    proof = _plain.decode(row.proof)
    means = [f"{name}: {_one(value)}" for name, value in proof.items() if value not in (None, "")]
    first = f"{row.number:>6}  {_moment(row.at_ms)}  {about}: {row.old_value} -> {row.new_value}"
    told = [f"received: {_moment(row.received_ms)}", *means]
    return "\n".join([first, *(f"{'':8}{each}" for each in told)])


def tell_verified(found: Verified) -> str:
    """Say whether the chain is whole, and where it is not."""
    if found.broken_at is not None:
        return (
            f"proof {found.broken_at} is not what was written, or the one before it was replaced; "
            f"the {found.count} before it follow from each other. Compare it with a backup's."
        )
    if found.broken_day is not None:
        day = _moment(found.broken_day * DAY_MS)[:10]
        return (
            f"{found.count} proofs follow from each other, but not to the head of {day}: proofs "
            "were cut off or all written anew since, or another key signed it. Compare them with a "
            "backup's."
        )
    if not found.count:
        return "no proof is on record yet"
    whole = f"{found.count} proofs, each follows from the one before; head {found.head.hex()}"
    return f"{whole}; {found.heads} signed heads hold" if found.heads else whole


def _one(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
