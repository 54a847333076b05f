import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.intake.codes import Code, read_code, write_code

STUDIO = Code("studio", 1_800_000_000)
TEXT = write_code("seed", STUDIO)


@given(st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True), st.integers(0, 1 << 40), st.text())
def test_code_says_what_it_was_made_of(fence_id: str, expires_s: int, seed: str) -> None:
    """Writing and reading are each other's inverse, and it fits a small QR code."""
    text = write_code(seed, Code(fence_id, expires_s))

    assert read_code(seed, text) == Code(fence_id, expires_s)
    assert len(text) <= len(fence_id) + 40


@pytest.mark.feature("Q22")
@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_code_with_one_character_changed_is_none(place: int, other: str) -> None:
    """Fence, expiry, version and mac alike."""
    forged = TEXT[:place] + other + TEXT[place + 1 :]

    # The last of 22 characters holds four bits that say nothing; another text is another code.
    assert forged == TEXT or read_code("seed", forged) is None


@pytest.mark.feature("Q22")
@given(st.text(max_size=140))
def test_code_of_somebody_else_is_none(text: str) -> None:
    """Whatever is sent, and what another workspace made."""
    assert read_code("seed", text) is None
    assert read_code("another", TEXT) is None
