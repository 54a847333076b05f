import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.documents.imports import cells
from geofence.positions import MODEST

texts = st.text(max_size=20) | st.text("='+-@\t\r\"[{tru1,|;", max_size=8)
values = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.bad_input(67)
@MODEST
@given(texts)
def test_cell_never_begins_a_formula_and_reads_as_it_was(text: str) -> None:
    """What a spreadsheet would run gets a quote, and loses it again."""
    written = cells.safe(text)

    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cells.plain(written) == text


@MODEST
@given(values)
def test_cell_of_metadata_keeps_its_type(value: object) -> None:
    """Truth values, numbers, texts and lists come back as they went."""
    assert cells.read_value(cells.write_value(value)) == value


@MODEST
@given(st.lists(texts.filter(bool), max_size=4))
def test_cell_of_a_list_keeps_its_texts(given_texts: list[str]) -> None:
    """Texts with dividers in them are written as JSON."""
    assert cells.read_list(cells.write_list(given_texts)) == given_texts


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("04109", "04109"),
        ("true", True),
        ("12.5", 12.5),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
    ],
)
def test_cell_that_is_no_value_is_text(cell: str, value: object) -> None:
    """A postal code is no number."""
    assert cells.read_value(cell) == value


@pytest.mark.parametrize(
    "cell", ["", "1,5", "1_000", "nan", "inf", "1e999", "0x10", "\u0661", "5 m"]
)
def test_cell_that_is_no_number_is_refused(cell: str) -> None:
    """Only finite numbers with a decimal point."""
    assert cells.read_number(cell) is None
