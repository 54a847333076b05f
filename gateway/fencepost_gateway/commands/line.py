"""What the commands share: how a gateway is named, and how a failure is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn

import typer

Url = Annotated[str | None, typer.Option(help="Address of the gateway.", show_default="settings")]
Key = Annotated[str | None, typer.Option(help="Key of operator or team.", show_default="keys.json")]


def show(answer: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print an answer in words, or as it is."""
    if as_json:
        lines = [json.dumps(answer, ensure_ascii=False, indent=1)]
    for line in lines:
        print(line)


def fail(message: str) -> NoReturn:
    """End with what is wrong and how to mend it."""
    print(f"fencepost: {message}", file=sys.stderr)
    sys.exit(1)


def fail_problem(problem: dict[str, object]) -> NoReturn:
    """End with a problem that the gateway answered."""
    listed = problem.get("summary") or problem.get("problems")
    for one in listed if isinstance(listed, list) else []:
        print(one["text"], file=sys.stderr)
    title, detail = str(problem.get("title") or ""), str(problem.get("detail") or "")
    fail(f"{title.rstrip('.')}: {detail}" if title and detail else title or detail)
