"""The chain of consent proofs detects every change, and names where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fencepost_gateway.decide.proof import ProofRow, hash_of, verify
from gateway.decide.builders import MODEST, NOON_MS

MEMBERS = [name for name in ProofRow.__struct_fields__ if name != "number"]


def chain(count: int) -> list[ProofRow]:
    """Give so many rows that follow from each other."""
    rows, head = [], b""
    for number in range(1, count + 1):
        row = ProofRow(number, "p", "marketing", "sms", "any", "u", "y", NOON_MS, NOON_MS, b"\x80")
        head = hash_of(head, row)
        rows.append(structs.replace(row, hash=head))
    return rows


def changed(row: ProofRow, member: str, at: int, bit: int) -> ProofRow:
    """Change one bit of one member."""
    value = getattr(row, member)
    if isinstance(value, int):
        return structs.replace(row, **{member: value ^ 1 << bit})
    body = bytearray(value.encode() if isinstance(value, str) else value)
    body[at % len(body)] ^= 1 << (bit % 7)
    return structs.replace(
        row, **{member: body.decode() if isinstance(value, str) else bytes(body)}
    )


def test_untouched_chain_is_whole() -> None:
    """Every row follows; the head is the last one's hash."""
    rows = chain(5)

    assert verify(rows) == verify(iter(rows))
    assert (verify(rows).count, verify(rows).head) == (5, rows[-1].hash)
    assert verify(rows).broken_at is None
    assert (verify([]).count, verify([]).head) == (0, b"")


@MODEST
@given(
    st.integers(1, 8), st.data(), st.sampled_from(MEMBERS), st.integers(0, 40), st.integers(0, 30)
)
def test_one_changed_byte_is_found_at_its_row(
    count: int, data: st.DataObject, member: str, at: int, bit: int
) -> None:
    """Whichever byte of whichever row is changed, that row is named."""
    rows = chain(count)
    which = data.draw(st.integers(0, count - 1))
    rows[which] = changed(rows[which], member, at, bit)

    assert verify(rows).broken_at == which + 1


@MODEST
@given(st.integers(2, 8), st.data())
def test_row_taken_out_or_moved_is_found(count: int, data: st.DataObject) -> None:
    """A gap is named where it is, also when the rows behind it are numbered anew."""
    rows = chain(count)
    which = data.draw(st.integers(0, count - 2))
    gap = rows[:which] + rows[which + 1 :]
    renumbered = [structs.replace(row, number=n) for n, row in enumerate(gap, 1)]
    swapped = [*rows[:which], rows[which + 1], rows[which], *rows[which + 2 :]]

    assert verify(gap).broken_at == which + 1
    assert verify(renumbered).broken_at == which + 1
    assert verify(swapped).broken_at == which + 1


def test_row_that_was_written_anew_with_its_hash_is_found_at_the_next() -> None:
    """Who can compute one hash has to write every later row anew: the head tells."""
    rows = chain(4)
    forged = structs.replace(rows[1], new_value="n")
    rows[1] = structs.replace(forged, hash=hash_of(rows[0].hash, forged))

    assert verify(rows).broken_at == 3
    assert verify(rows).count == 2
