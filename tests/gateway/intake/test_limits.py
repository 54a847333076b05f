"""Limits: the first thing in a value that is too much, and where it is."""

from typing import Any

import pytest

from fencepost_gateway.intake import limits


def nested(levels: int, inner: Any = 1) -> Any:
    """Give objects within objects."""
    value = inner
    for _ in range(levels):
        value = {"d": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        "",
        "\u202e right to left",
        "x" * limits.STRING_MAX_BYTES,
        limits.INTEGER_MAX,
        -limits.INTEGER_MAX,
        {"k" * limits.KEY_MAX_BYTES: 1},
        {str(n): n for n in range(limits.KEYS_MAX)},
        [0] * limits.ARRAY_MAX,
        nested(limits.DEPTH_MAX),
        nested(limits.DEPTH_MAX - 1, []),
        {"__proto__": 1, "constructor": 2, "__class__": 3},
    ],
    ids=lambda v: repr(v)[:20],
)
def test_value_at_its_limit_is_taken(value: Any) -> None:
    """A limit is the last thing that is allowed."""
    assert limits.fault(value) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(limits.INTEGER_MAX + 1, ("integer_range", ""), id="integer"),
        pytest.param(-limits.INTEGER_MAX - 1, ("integer_range", ""), id="negative"),
        pytest.param(float("inf"), ("number_range", ""), id="infinite"),
        pytest.param(float("nan"), ("number_range", ""), id="not-a-number"),
        pytest.param({"a": ["b", "c\0"]}, ("nul", "a.1"), id="nul-in-text"),
        pytest.param({"a": {"b\0": 1}}, ("nul", "a"), id="nul-in-key"),
        pytest.param("x" * (limits.STRING_MAX_BYTES + 1), ("too_large", ""), id="long-text"),
        pytest.param("é" * limits.STRING_MAX_BYTES, ("too_large", ""), id="bytes-not-characters"),
        pytest.param({"k" * (limits.KEY_MAX_BYTES + 1): 1}, ("keys", ""), id="long-key"),
        pytest.param({"é" * 65: 1}, ("keys", ""), id="long-key-in-bytes"),
        pytest.param({str(n): n for n in range(257)}, ("keys", ""), id="many-keys"),
        pytest.param({"a": [0] * (limits.ARRAY_MAX + 1)}, ("too_large", "a"), id="long-array"),
        pytest.param(nested(limits.DEPTH_MAX + 1), ("depth", ".".join("d" * 20)), id="depth"),
        pytest.param(
            nested(limits.DEPTH_MAX, [1]), ("depth", ".".join("d" * 20)), id="depth-array"
        ),
    ],
)
def test_value_beyond_its_limit_is_named_with_its_path(value: Any, found: tuple[str, str]) -> None:
    """The code says what is too much, the path says where."""
    assert limits.fault(value) == found
