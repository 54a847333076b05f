"""What README and docs promise, and every rule about a tie or a limit, has its named test."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from docs.blocks import ROOT

CLAIMS = tomllib.loads((ROOT / "tests/claims.toml").read_text("utf-8"))["claim"]
TIES = tomllib.loads((ROOT / "tests/ties.toml").read_text("utf-8"))["tie"]
LIMITS = tomllib.loads((ROOT / "docs/limits.toml").read_text("utf-8"))["limit"]
NODES = [(claim["promise"], node) for claim in CLAIMS for node in claim["tests"]]
NODES += [(tie["rule"], node) for tie in TIES for node in tie["tests"]]
NODES += [(limit["what"], node) for limit in LIMITS for node in limit.get("tests", [])]


def names_in(path: Path) -> set[str]:
    """Give the names of functions and classes a file defines."""
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)} | {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["promise"][:40])
def test_promise_has_a_test(claim: dict[str, list[str]]) -> None:
    """A promise that names no test is not made."""
    assert claim["tests"]


@pytest.mark.parametrize("tie", TIES, ids=lambda tie: tie["when"][:40])
def test_tie_has_a_test(tie: dict[str, list[str]]) -> None:
    """A rule that nothing holds is none."""
    assert tie["tests"]


@pytest.mark.parametrize(("promise", "node"), NODES)
def test_named_test_exists(promise: str, node: str) -> None:
    """A promise names tests that are there."""
    path, _, names = node.partition("::")

    assert promise
    assert set(names.split("::")) <= names_in(ROOT / path)
