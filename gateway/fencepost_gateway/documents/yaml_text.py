"""
YAML text: authored YAML 1.2 (or JSON) as plain values with the line of everything.

Pure. ruamel.yaml composes; the values are built here from its nodes, so that nothing is guessed:
``on``, ``NO``, ``22:00`` and dates stay text.

Rule 1. Doubled keys, keys that are no text, tags (``!foo``) and documents that are no mapping are
        refused with their line.
Rule 2. Numbers are finite and integers within +-(2**53 - 1), as on the wire.
Rule 3. Text is at most ``FILE_MAX_BYTES``, a value at most ``NODES_MAX`` nodes with aliases
        written out and ``DEPTH_MAX`` deep: an alias bomb ends there.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from msgspec import Struct, field
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fencepost_gateway.documents.document import Path, dotted

FILE_MAX_BYTES: Final = 1 << 20  # the reader is pure Python: this much takes it ten seconds
NODES_MAX: Final = 100_000
DEPTH_MAX: Final = 40
INTEGER_MAX: Final = 2**53 - 1
_MEND: Final = "mend the YAML; text with : # { [ in it needs quotes"

_TAG = "tag:yaml.org,2002:"
_PLAIN = {"str", "int", "float", "bool", "null", "timestamp", "map", "seq"}
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)


class Fault(Struct, frozen=True):
    """One thing that cannot be read, and its line."""

    line: int
    what: str
    how: str


class Parsed(Struct):
    """One document of a file: its value and the line of each path in it."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    nodes: int = 0


def parse(text: str) -> tuple[list[Parsed], list[Fault]]:
    """Read every document of ``text``; what is not YAML at all comes as the second."""
    if len(text.encode(errors="surrogatepass")) > FILE_MAX_BYTES:
        what = f"the file is larger than {FILE_MAX_BYTES >> 20} MiB"
        return [], [Fault(1, what, "split it; fences in number belong in GeoJSON")]
    found: list[Parsed] = []
    try:
        for node in YAML(typ="safe", pure=True).compose_all(text):
            if node is not None and not _is_empty(node):
                parsed = Parsed(None)
                parsed.value = _value(node, (), parsed)
                found.append(parsed)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = str(error.problem or error.context or "not YAML")
        is_tab = "'\\t'" in what
        how = "indent with blanks: YAML knows no tabs" if is_tab else _MEND
        return found, [Fault(mark.line + 1 if mark else 1, what, how)]
    except YAMLError:
        return found, [Fault(1, "a character that YAML does not allow", "save the file as UTF-8")]
    except RecursionError:
        return found, [Fault(1, "nested too deeply", f"at most {DEPTH_MAX} levels are read")]
    return found, []


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == f"{_TAG}null" and not node.value


def _value(node: Node, path: Path, parsed: Parsed) -> Any:
    line = node.start_mark.line + 1
    parsed.lines.setdefault(path, line)
    parsed.nodes += 1
    if parsed.nodes > NODES_MAX or len(path) > DEPTH_MAX:
        if parsed.nodes == NODES_MAX + 1 or len(path) == DEPTH_MAX + 1:
            what = "too large" if parsed.nodes > NODES_MAX else "nested too deeply"
            parsed.faults.append(Fault(line, what, "split it, and write aliases out"))
        return None
    if str(node.tag).removeprefix(_TAG) not in _PLAIN:
        parsed.faults.append(Fault(line, f"the tag {node.tag}", "write plain values, without !"))
        return None
    if isinstance(node, MappingNode):
        return _mapping(node, path, parsed)
    if isinstance(node, SequenceNode):
        return [_value(item, (*path, i), parsed) for i, item in enumerate(node.value)]
    return _scalar(node, line, parsed) if isinstance(node, ScalarNode) else None


def _mapping(node: MappingNode, path: Path, parsed: Parsed) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value if isinstance(key_node, ScalarNode) else None
        if key is None or (key_node.style is None and not _is_text(key)):
            shown = f"the key {key}" if key is not None else "a key that is a list or mapping"
            parsed.faults.append(
                Fault(line, f"{shown} is no text", "write keys as text, in quotes")
            )
            continue
        if key in values:
            spot = dotted((*path, key))
            first = parsed.lines[(*path, key)]
            how = f"keep one of them; the first is in line {first}"
            parsed.faults.append(Fault(line, f"{spot} is written twice", how))
            continue
        parsed.lines[(*path, key)] = line
        values[key] = _value(value_node, (*path, key), parsed)
    return values


def _is_text(key: str) -> bool:
    return not (_INT.fullmatch(key) or _FLOAT.fullmatch(key) or key in {"", "~", "null"})


def _scalar(node: ScalarNode, line: int, parsed: Parsed) -> Any:
    text = node.value
    if node.style is not None or node.tag == f"{_TAG}str":
        return _text(text, line, parsed)
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        number = int(text, 10 if text.lstrip("+-").isdigit() else 0)
        return _number(number, line, parsed, is_good=abs(number) <= INTEGER_MAX)
    if _NOT_FINITE.fullmatch(text):
        return _number(0, line, parsed, is_good=False)
    if _FLOAT.fullmatch(text):
        return _number(float(text), line, parsed, is_good=math.isfinite(float(text)))
    return _text(text, line, parsed)  # dates, 22:00, 1_000: YAML 1.2 core knows them as text


def _text(text: str, line: int, parsed: Parsed) -> str:
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        parsed.faults.append(Fault(line, "a character that cannot be stored", "take it out"))
    return text


def _number(number: float, line: int, parsed: Parsed, *, is_good: bool) -> int | float:
    if not is_good:
        how = "write a finite number; whole ones up to 9007199254740991"
        parsed.faults.append(Fault(line, "a number out of range", how))
    return number
