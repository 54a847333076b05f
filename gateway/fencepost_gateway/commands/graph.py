"""Graph: a journey as a picture, from a folder or from a running gateway."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fencepost_gateway.commands.authored import chosen, in_folder, on_gateway
from fencepost_gateway.commands.line import Key, Url, fail


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
    documents = on_gateway(url, key) if live else in_folder(folder)
    found = chosen(documents, "journey", journey, "is live" if live else f"in {folder}")
    arms = {each.id: sorted(each.body["arms"]) for each in documents if each.kind == "experiment"}
    picture = picture_of(Journey.model_validate(found.body), arms)
    sys.stdout.write(drawing.svg(picture) if svg else text.mermaid(picture))
