"""``fencepost audiences``: how many belong to them, and how many would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from fencepost_gateway.commands.line import Key, Url, fail, fail_problem, show

WEEKS_MAX = 104


def audiences(
    name: Annotated[str, typer.Argument(help="Id of one, week by week.")] = "",
    *,
    weeks: Annotated[int, typer.Option(help="How many weeks.", min=1, max=WEEKS_MAX)] = 12,
    size: Annotated[
        Path | None, typer.Option(help="A YAML file: how many its audiences would have.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say how large every audience is, how one went over the weeks, or how large it would be."""
    from fencepost_gateway import remote  # noqa: PLC0415 - a command loads what it needs
    from fencepost_gateway.reports.audience_words import (  # noqa: PLC0415
        tell_audience,
        tell_audiences,
    )
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    if name and size:
        fail("audiences takes an id, or --size with a file")
    base, operator_key = remote.address_of(read_settings(), url, key)
    try:
        if size is not None:
            answers = list(_sizes(base, operator_key, size))
            show([a for _, a, _ in answers], (line for *_, told in answers for line in told),
                 as_json=as_json)  # fmt: skip
            return
        answer = remote.audiences(base, operator_key, name, weeks)
    except remote.RemoteError as error:
        fail_problem(error.problem)
    show(answer, tell_audience(answer) if name else tell_audiences(answer), as_json=as_json)


def _sizes(base: str, key: str, path: Path) -> Iterator[tuple[str, Any, list[str]]]:
    """Ask for the size of each audience in a file, which nobody has published."""
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.documents.document import SourceFile  # noqa: PLC0415
    from fencepost_gateway.documents.loader import load  # noqa: PLC0415
    from fencepost_gateway.reports.audience_words import tell_size  # noqa: PLC0415

    try:
        loaded = load([SourceFile(str(path), path.read_text("utf-8"))])
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path} cannot be read ({type(error).__name__})")
    if loaded.problems:
        fail("\n".join(str(problem) for problem in loaded.problems))
    found = [document for document in loaded.documents if document.kind == "audience"]
    if not found:
        fail(f"{path} has no document of kind: audience")
    for document in found:
        answer = remote.audience_size(base, key, document.body["when"])
        yield document.id, answer, list(tell_size(document.id, answer))
