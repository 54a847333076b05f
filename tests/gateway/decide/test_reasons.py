import ast
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import get_args

import pytest

from fencepost_gateway.content import labels, renderer
from fencepost_gateway.decide import (
    census,
    channel_gates,
    claim,
    control,
    enter,
    message_gates,
    permission,
    receipts,
    waiting,
)
from fencepost_gateway.decide.reasons import REASONS, sentence
from fencepost_gateway.decide.settle import Family
from fencepost_gateway.intake import codes
from fencepost_gateway.workers import compose, device_stage


def _texts(node: ast.AST) -> Iterator[str]:
    """Give the texts an expression may come to; what only chooses between them is left out."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value


def _stated(module: ModuleType, call: str, position: int) -> set[str]:
    """Collect ``reason=…``, ``reason = …`` and the argument of ``call`` at ``position``."""
    tree = ast.parse(inspect.getsource(module))
    found: set[str] = set()
    for node in ast.walk(tree):
        if (isinstance(node, ast.keyword) and node.arg == "reason") or (
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "reason"
        ):
            found |= set(_texts(node.value))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == call:
            found |= {text for each in node.args[position : position + 1] for text in _texts(each)}
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            found |= {text for each in node.value.elts[:1] for text in _texts(each)}
    return found


AT_THE_ENTRY = _stated(enter, "", 0) | _stated(census, "", 0)
AT_THE_CLAIM = {
    code
    for module in (claim, message_gates, channel_gates, waiting)
    for code in _stated(module, "Verdict", 2)
} | _stated(permission, "", 0)
AT_THE_CLAIM |= set(message_gates.LEFT_BY.values())
AT_THE_ENTRY |= set(control.BARS.values())
AT_RENDERING = {
    code for module in (renderer, labels, compose) for code in _stated(module, "RenderProblem", 0)
}
AT_A_CHECK_IN = {
    code
    for module, call, position in ((device_stage, "self._refuse", 1), (codes, "", 0))
    for code in _stated(module, call, position)
    if code.startswith("code_")
}
AFTER_A_CALL = set(get_args(Family)) - {"sent"} | _stated(receipts, "", 0)


def test_every_reason_has_a_sentence_and_every_sentence_its_reason() -> None:
    """What a gate may say and what page, command line and reference explain are one table."""
    stated = AT_THE_ENTRY | AT_A_CHECK_IN | AT_THE_CLAIM | AT_RENDERING | AFTER_A_CALL

    assert stated == set(REASONS)


def test_reading_of_the_sources_finds_reasons() -> None:
    """The scan above must not come up empty when code moves."""
    assert "reentry_wait" in AT_THE_ENTRY
    assert {"expires_in_quiet_hours", "too_old", "no_address"} <= AT_THE_CLAIM
    assert AT_RENDERING


@pytest.mark.parametrize("code", sorted(REASONS))
def test_sentence_is_korean_too(code: str) -> None:
    """It is another text, polite, and ends with a full stop."""
    said = sentence(code, "ko")

    assert said != sentence(code)
    assert said.endswith("니다.")


@pytest.mark.parametrize("code", sorted(REASONS))
def test_sentence_is_one(code: str) -> None:
    """It begins with a capital, ends with a full stop and is not the code."""
    said = sentence(code)

    assert said[0].isupper()
    assert said.endswith(".")
    assert code not in said.split()


def test_finer_code_of_a_driver_keeps_its_familys_sentence() -> None:
    """``rejected.too_large`` is said as ``rejected``; what nobody knows is shown as it is."""
    assert sentence("rejected.too_large") == sentence("rejected")
    assert sentence("no_such.code") == "no_such.code"
