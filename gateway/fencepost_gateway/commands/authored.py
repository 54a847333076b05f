"""What the commands read documents from: a folder, or what is live on a gateway."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fencepost_gateway.commands.line import fail, fail_problem

if TYPE_CHECKING:
    from fencepost_gateway.documents.document import StoredDocument


def in_folder(folder: Path) -> Sequence[StoredDocument]:
    """Read a folder; what is wrong with it is said, and left out."""
    from fencepost_gateway.documents.document import StoredDocument  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.documents.folder import files_in  # noqa: PLC0415
    from fencepost_gateway.documents.loader import load  # noqa: PLC0415

    loaded = load(files_in(folder))
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    return [StoredDocument(each.kind, each.id, 0, each.body) for each in loaded.documents]


def on_gateway(url: str | None, key: str | None) -> Sequence[StoredDocument]:
    """Ask a gateway for everything that is live."""
    from fencepost_gateway import remote  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.documents.document import StoredDocument  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), url, key)
    try:
        answer = remote.ask("GET", f"{base}/v1/documents", operator_key)
    except remote.RemoteError as error:
        fail_problem(error.problem)
    return [
        StoredDocument(each["kind"], each["id"], each["version"], each["body"])
        for each in answer["documents"]
    ]


def chosen(
    documents: Sequence[StoredDocument], kind: str, document_id: str, where: str
) -> StoredDocument:
    """Give one of them, or end with the nearest."""
    found = {each.id: each for each in documents if each.kind == kind}
    if document_id not in found:
        other = next((each.kind for each in documents if each.id == document_id), None)
        if kind == "journey" and other == "campaign":
            fail(f"{document_id} is a campaign: one message, with no steps to draw")
        near = difflib.get_close_matches(document_id, found, 1)
        how = f"did you mean {near[0]}?" if near else f"there are: {', '.join(found) or 'none'}"
        fail(f"no {kind} {document_id} {where}; {how}")
    return found[document_id]
