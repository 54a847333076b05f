from __future__ import annotations

import pytest

from fencepost_gateway.documents import yaml_text


def value(text: str) -> object:
    """Read one document that has no faults."""
    (parsed,), faults = yaml_text.parse(text)

    assert (parsed.faults, faults) == ([], [])
    return parsed.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("NO", "NO"),
        ("22:00", "22:00"),
        ("2026-06-01", "2026-06-01"),
        ("2026-06-01T08:00:00+02:00", "2026-06-01T08:00:00+02:00"),
        ("10%", "10%"),
        ("1_000", "1_000"),
        ("017", 17),
        ("0x1f", 31),
        ("-3", -3),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ('"true"', "true"),
        ("'12'", "12"),
    ],
)
def test_plain_values_are_not_guessed(text: str, expected: object) -> None:
    """YAML 1.2: only true, false, null and numbers are anything but text."""
    found = value(f"a: {text}")

    assert found == {"a": expected}
    assert type(found["a"]) is type(expected)


def test_every_path_has_its_line() -> None:
    """Errors can name the line of any member."""
    (first, second), _ = yaml_text.parse("a: 1\nb:\n  - c: 2\n  - 3\n---\n# remark\nd: 4\n")

    assert first.lines[("b", 0, "c")] == 3
    assert first.lines[("b", 1)] == 4
    assert second.lines[("d",)] == 7


def test_json_is_read_too() -> None:
    """JSON is YAML."""
    assert value('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a is written twice"),
        ("a: 1\n1: 2\n", 2, "the key 1 is no text"),
        ("? [a]\n: b\n", 1, "a key that is a list or mapping is no text"),
        ("a: !!python/object/apply:os.system [x]\n", 1, "the tag"),
        ("a: .nan\n", 1, "a number out of range"),
        ("a: 9007199254740992\n", 1, "a number out of range"),
        ("a: 1e999\n", 1, "a number out of range"),
        ('a: "\\0"\n', 1, "a character that cannot be stored"),
    ],
    ids=["twice", "number key", "list key", "tag", "nan", "integer", "infinite", "nul"],
)
def test_value_that_is_not_plain_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    """What JSON could not hold is refused where it stands."""
    (parsed,), _ = yaml_text.parse(text)

    assert (parsed.faults[0].line, what in parsed.faults[0].what) == (line, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2\n", 2), ("a: b: c\n", 1), ("\ta: 1", 1), ("a: *b\n", 1), ("\x00", 1)],
)
def test_text_that_is_no_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    """A syntax error says where it is."""
    _, faults = yaml_text.parse(text)

    assert faults[0].line == line


def test_alias_bomb_ends_at_the_node_budget() -> None:
    """Aliases count as often as they are written out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (parsed,), _ = yaml_text.parse("\n".join(lines))

    assert [fault.what for fault in parsed.faults] == ["too large"]


def test_deep_nesting_ends() -> None:
    """Brackets without end are refused, not followed."""
    _, faults = yaml_text.parse("[" * 20_000)
    (shallow,), _ = yaml_text.parse("[" * 60 + "]" * 60)

    assert faults[0].what == "nested too deeply"
    assert shallow.faults[0].what == "nested too deeply"


def test_large_file_is_refused_unread() -> None:
    """Beyond the limit nothing is parsed."""
    parsed, faults = yaml_text.parse("a" * (yaml_text.FILE_MAX_BYTES + 1))

    assert (parsed, len(faults)) == ([], 1)
