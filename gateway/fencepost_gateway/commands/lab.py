"""
Lab: the commands that try things on a virtual clock, without a gateway.

``simulate`` plays one invented person, ``replay`` recorded tracks. Thin, as ``__main__`` is, which
takes them in.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from fencepost_gateway.commands.line import fail

ExpectFile = Annotated[
    Path | None, typer.Option(help="What must come of it; ends non-zero if it differs.")
]


def simulate(  # noqa: PLR0913 - one option each, as people type them
    scenario: Annotated[Path, typer.Argument(help="YAML file of a scenario.")],
    documents: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of documents and GeoJSON files of fences.",
            show_default="those that the scenario names",
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The timeline as JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with map and timeline; it needs no network.")
    ] = None,
    expect: ExpectFile = None,
    seed: Annotated[str, typer.Option(help="Seeds every draw.")] = "simulate",
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
) -> None:
    """Play one invented person through documents: transitions, steps and predicted decisions."""
    from fencepost_gateway.lab.rehearse import Wish, rehearse  # noqa: PLC0415 - as in __main__

    if lang not in ("en", "ko"):
        fail("--lang takes en or ko")
    wish = Wish(as_json, html, expect, seed, lang)
    sys.exit(asyncio.run(rehearse(scenario, documents or [], wish)))


def replay(
    fences: Annotated[list[Path], typer.Option(help="GeoJSON file of fences; repeatable.")],
    track: Annotated[
        list[Path], typer.Option(help="GPX, GeoJSON, OwnTracks or Overland trace; repeatable.")
    ],
    documents: Annotated[Path | None, typer.Option(help="Folder of documents.")] = None,
    zone: Annotated[str, typer.Option(help="Zone the people are in.")] = "UTC",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON record a line.")] = False,
    expect: ExpectFile = None,
) -> None:
    """Play real traces along real fences through the gateway's core, on a virtual clock."""
    from fencepost_gateway.lab.play import play  # noqa: PLC0415

    run = play(fences, track, documents, zone, as_json=as_json, expected=expect)
    sys.exit(asyncio.run(run))
