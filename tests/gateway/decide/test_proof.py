"""The chain of consent proofs detects every change, and names where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fencepost_gateway.decide.proof import ProofHead, ProofRow, hash_of, verify
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


def heads_of(rows: list[ProofRow], *numbers: int) -> list[ProofHead]:
    """Give a head a day, for the rows of these numbers."""
    return [
        ProofHead(day, number, rows[number - 1].hash, NOON_MS, b"ours")
        for day, number in enumerate(numbers, 20_000)
    ]


def ours(head: ProofHead) -> bool:
    """Take a head for signed by us."""
    return head.signature == b"ours"


def test_signed_heads_hold_while_the_chain_leads_to_them() -> None:
    """Several days may have the same head."""
    rows = chain(5)
    found = verify(rows, heads_of(rows, 2, 2, 5), ours)

    assert (found.heads, found.is_whole) == (3, True)


def test_rows_cut_off_the_end_are_found_by_a_signed_head() -> None:
    """The chain that is left is whole in itself; the head is not in it."""
    rows = chain(5)
    found = verify(rows[:3], heads_of(rows, 2, 5), ours)

    assert found.broken_at is None
    assert (found.heads, found.broken_day, found.is_whole) == (1, 20_001, False)


def test_chain_that_was_written_anew_is_found_by_a_signed_head() -> None:
    """Every hash follows, and yet it is another chain."""
    rows = chain(4)
    anew, head = [], b""
    for row in rows:
        row = structs.replace(row, new_value="n")  # noqa: PLW2901 - the row, written anew
        head = hash_of(head, row)
        anew.append(structs.replace(row, hash=head))
    found = verify(anew, heads_of(rows, 4), ours)

    assert verify(anew).is_whole
    assert (found.heads, found.broken_day) == (0, 20_000)


def test_head_that_nobody_of_us_signed_does_not_hold() -> None:
    """The signature is asked for each."""
    rows = chain(2)
    forged = structs.replace(heads_of(rows, 2)[0], signature=b"theirs")

    assert verify(rows, [forged], ours).broken_day == 20_000


@MODEST
@given(st.sampled_from(["day", "number", "hash", "signed_ms"]))
def test_signature_is_over_every_member(member: str) -> None:
    """Whatever of a head is changed, what was signed was something else."""
    head = heads_of(chain(2), 2)[0]
    value = getattr(head, member)
    other = value + 1 if isinstance(value, int) else value[::-1]

    assert structs.replace(head, **{member: other}).signed != head.signed
