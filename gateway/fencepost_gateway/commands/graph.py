"""Graph: a journey as a picture, from a folder or from a running gateway."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fencepost_gateway.commands.line import Key, Url, fail, fail_problem

if TYPE_CHECKING:
    from fencepost_gateway.documents.document import StoredDocument


def graph(  # noqa: PLR0913 - one option each, as people type them
    journey: Annotated[str, typer.Argument(help="Id of the journey.")],
    folder: Annotated[Path, typer.Argument(help="Folder of documents.")] = Path(),
    *,
    live: Annotated[bool, typer.Option(help="What is live on a gateway, not a folder.")] = False,
    svg: Annotated[
        bool, typer.Option("--svg", help="A drawing, to be opened by a browser.")
    ] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Text for Mermaid: default.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Print a journey as a picture: `fencepost graph first-class --svg > first-class.svg`."""
    from fencepost_gateway.documents import mermaid as text  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.documents import svg as drawing  # noqa: PLC0415
    from fencepost_gateway.documents.models.journey import Journey  # noqa: PLC0415
    from fencepost_gateway.documents.picture import picture_of  # noqa: PLC0415

    if svg and mermaid:
        fail("--svg or --mermaid: choose one")
    documents = _live(url, key) if live else _read(folder)
    found = {each.id: each for each in documents if each.kind == "journey"}
    if journey not in found:
        near = difflib.get_close_matches(journey, found, 1)
        how = f"did you mean {near[0]}?" if near else f"there are: {', '.join(found) or 'none'}"
        fail(f"no journey {journey} {'is live' if live else f'in {folder}'}; {how}")
    arms = {each.id: sorted(each.body["arms"]) for each in documents if each.kind == "experiment"}
    picture = picture_of(Journey.model_validate(found[journey].body), arms)
    sys.stdout.write(drawing.svg(picture) if svg else text.mermaid(picture))


def _read(folder: Path) -> Sequence[StoredDocument]:
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.documents.document import SourceFile, StoredDocument  # noqa: PLC0415
    from fencepost_gateway.documents.loader import SUFFIXES, load  # noqa: PLC0415

    files = [SourceFile(**each) for each in remote.read_folder(folder, SUFFIXES)]
    loaded = load(files)
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    return [StoredDocument(each.kind, each.id, 0, each.body) for each in loaded.documents]


def _live(url: str | None, key: str | None) -> Sequence[StoredDocument]:
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.documents.document import StoredDocument  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), url, key)
    try:
        answer = remote.ask("GET", f"{base}/v1/documents", operator_key)
    except remote.RemoteError as error:
        fail_problem(error.problem)
    return [StoredDocument(**each) for each in answer["documents"]]
