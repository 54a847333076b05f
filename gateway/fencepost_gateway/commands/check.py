"""
Check: documents without a gateway, and whether the pages that they link to are there.

Rule 1. Nothing is asked of the network, except with ``--links``.
Rule 2. What is surely gone is an error: no such host, nobody answers, 404, 410. What another answer
        means is not known (403 may be meant for machines), so that is a warning.
Rule 3. Each address is asked once, ``AT_ONCE`` at a time; its body is not read, and neither key nor
        name goes along.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fencepost_gateway.commands.line import fail

if TYPE_CHECKING:
    import aiohttp

    from fencepost_gateway.documents.document import Document, Problem

AT_ONCE: Final = 8
TIMEOUT_S: Final = 10
GONE: Final = frozenset({404, 410})
REFUSED: Final = 400  # from here on (RFC 9110 section 15)
NO_HEAD: Final = frozenset({405, 501})


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of YAML and GeoJSON documents.")],
    *,
    links: Annotated[
        bool, typer.Option(help="Ask the network whether the pages of links are there.")
    ] = False,
) -> None:
    """Check documents without a gateway: errors and warnings with file, line and remedy."""
    from fencepost_gateway.lab.sources import read_documents  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.reports.lines import counted  # noqa: PLC0415

    warnings: list[Problem] = []
    documents = read_documents([], [folder], warnings.append)
    if not documents:
        fail(f"the files of {folder} hold no documents: begin one with kind: and id:")
    dead = asyncio.run(_dead(documents)) if links else []
    for each in [*warnings, *dead]:
        print(each)
    if any(not each.is_warning for each in dead):
        print("fencepost: not every link leads somewhere", file=sys.stderr)
        sys.exit(1)
    doubts = f", {counted(len(warnings) + len(dead), 'warning')}" if warnings or dead else ""
    fine = counted(len(documents), "document is fine", "documents are fine")
    print(f"{fine}{doubts}")


async def _dead(documents: Sequence[Document]) -> list[Problem]:
    """Ask for every page that a document links to, and say what is wrong where it is written."""
    from fencepost_gateway.content.authored import sources_of  # noqa: PLC0415
    from fencepost_gateway.content.dead_links import addresses_in  # noqa: PLC0415
    from fencepost_gateway.documents.document import problem_in  # noqa: PLC0415

    written = [
        (document, source, address)
        for document in documents
        if document.kind in {"template", "fragment"}
        for source in sources_of(document)
        for address in addresses_in(source)
    ]
    answers = await _ask_all(dict.fromkeys(address for *_, address in written))
    return [
        problem_in(
            document,
            source.path,
            f"{address} {answers[address][0]}",
            "write another address, or take it out",
            is_warning=not answers[address][1],
        )
        for document, source, address in written
        if answers[address][0]
    ]


async def _ask_all(addresses: Iterable[str]) -> Mapping[str, tuple[str, bool]]:
    import aiohttp  # noqa: PLC0415 - a command loads what it needs

    wanted, turns = list(addresses), asyncio.Semaphore(AT_ONCE)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:

        async def one(address: str) -> tuple[str, bool]:
            async with turns:
                return await _ask(session, address)

        return dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))


async def _ask(session: aiohttp.ClientSession, address: str) -> tuple[str, bool]:
    """Say what is wrong with an address, and whether that is sure; empty: nothing (Rule 2)."""
    import aiohttp  # noqa: PLC0415

    try:
        async with session.head(address, allow_redirects=True) as response:
            status = response.status
        if status in NO_HEAD:
            async with session.get(address) as response:
                status = response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return f"cannot be reached ({type(error).__name__})", True
    if status < REFUSED:
        return "", False
    return f"answers {status}", status in GONE
