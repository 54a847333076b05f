"""Sources: reading and checking document files without a gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import (
    Document,
    Problem,
    SourceFile,
    StoredDocument,
    errors_of,
)
from fencepost_gateway.documents.folder import files_in, read_file
from fencepost_gateway.documents.loader import load
from fencepost_gateway.errors import StartError
from fencepost_gateway.reports.lines import counted


def read_documents(
    files: Sequence[Path],
    folders: Sequence[Path],
    warned: Callable[[Problem], None] | None = None,
) -> list[Document]:
    """
    Read GeoJSON files as they come and folders as ``apply`` does, and check them together.

    Args:
        files: GeoJSON.
        folders: Folders of documents.
        warned: Gets every warning of documents that may be used.

    Raises:
        StartError: Every problem with its place.

    """
    foreign = load([read_file(path, str(path)) for path in files], is_foreign=True)
    own = load([each for folder in folders for each in files_in(folder)])
    documents = [*foreign.documents, *own.documents]
    problems = [*foreign.problems, *own.problems]
    if not problems:
        problems = check(documents, [], lint_documents)
    wrong = errors_of(problems)
    if wrong:
        raise StartError("\n".join([f"{counted(len(wrong), 'problem')}:", *map(str, problems)]))
    if warned is not None:
        for each in problems:
            warned(each)
    return documents


def read_changes(
    paths: Sequence[Path],
    live: Sequence[StoredDocument],
    warned: Callable[[Problem], None] | None = None,
) -> list[Document]:
    """
    Read files and folders of documents, and check them together with what is live.

    Raises:
        StartError: Every problem with its place.

    """
    files: list[SourceFile] = []
    for path in paths:
        if path.is_file():
            files.append(read_file(path, path.name))
        elif path.is_dir():
            files += files_in(path)
        else:
            raise StartError(f"{path} is not there: name files and folders of documents")
    loaded = load(files)
    problems = loaded.problems or check(loaded.documents, live, lint_documents)
    wrong = errors_of(problems)
    if wrong:
        raise StartError("\n".join([f"{counted(len(wrong), 'problem')}:", *map(str, problems)]))
    if warned is not None:
        for each in problems:
            if each.file:  # of what is live already somebody was warned when it was published
                warned(each)
    return loaded.documents
