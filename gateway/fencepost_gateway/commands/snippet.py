"""Snippet: how to send an event that is defined, ready to be pasted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fencepost_gateway.commands.authored import chosen, in_folder, on_gateway
from fencepost_gateway.commands.line import Key, Url

PLACEHOLDER = "pk_..."


def snippet(
    event: Annotated[str, typer.Argument(help="Id of the event document.")],
    folder: Annotated[Path, typer.Argument(help="Folder of documents.")] = Path(),
    *,
    live: Annotated[bool, typer.Option(help="What is live on a gateway, not a folder.")] = False,
    python: Annotated[bool, typer.Option("--python", help="For an app in Python.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Print how to send an event by curl, with the write key of this gateway."""
    from fencepost_gateway import remote  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.documents import snippets  # noqa: PLC0415
    from fencepost_gateway.documents.models.event import Event  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    documents = on_gateway(url, key) if live else in_folder(folder)
    found = chosen(documents, "event", event, "is live" if live else f"in {folder}")
    settings = read_settings()
    base = remote.base_of(settings, url)
    write_key = remote.write_key_of(settings) or PLACEHOLDER
    language: snippets.Language = "python" if python else "curl"
    body = Event.model_validate(found.body)
    sys.stdout.write(snippets.snippet(body, language, base, write_key))
