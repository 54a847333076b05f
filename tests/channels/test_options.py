from __future__ import annotations

import pytest

from fencepost_channels.driver import SettingsError
from fencepost_channels.options import read_options, whole_number, yes_or_no


def test_options_fill_in_defaults() -> None:
    """What is absent or empty takes its default."""
    given = read_options({"host": "x", "port": ""}, required=("host",), optional={"port": "25"})

    assert given == {"host": "x", "port": "25"}


@pytest.mark.bad_input(122)
def test_misspelt_option_names_the_nearest() -> None:
    """An unknown name is refused and the nearest known one is named."""
    with pytest.raises(SettingsError, match='unknown setting "pass_word"; did you mean "password"'):
        read_options({"pass_word": "hunter2"}, required=(), optional={"password": ""})


@pytest.mark.parametrize("raw", [{}, {"host": ""}])
def test_missing_option_is_named(raw: dict[str, str]) -> None:
    """A required name without a value is refused by name."""
    with pytest.raises(SettingsError, match='"host" is missing'):
        read_options(raw, required=("host",), optional={})


@pytest.mark.parametrize("value", ["0", "65536", "-1", "1_0", "２５", "", "9" * 9999])  # noqa: RUF001
def test_number_must_be_plain_and_in_range(value: str) -> None:
    """Only ASCII digits within the range are a number."""
    with pytest.raises(SettingsError, match="from 1 to 65535"):
        whole_number("port", value, low=1, high=65535)


def test_yes_or_no_is_one_of_the_two() -> None:
    """Yes and no have three spellings each, everything else is refused."""
    assert [yes_or_no("x", word) for word in ("true", "Yes", "0")] == [True, True, False]
    with pytest.raises(SettingsError):
        yes_or_no("x", "maybe")
