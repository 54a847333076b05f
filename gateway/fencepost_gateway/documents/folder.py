"""
Folder: the files of a folder of documents, as the loader takes them.

Rule 1. Read is what has one of the ``SUFFIXES``, in any folder below; hidden files and folders
        (``.git``, ``.github``) are not ours.
Rule 2. Paths are relative and have forward slashes, so that errors read alike everywhere.
"""

from __future__ import annotations

from pathlib import Path

from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import SUFFIXES
from fencepost_gateway.errors import StartError


def files_in(folder: Path) -> list[SourceFile]:
    """
    Read the files of a folder.

    Raises:
        StartError: The folder is none, holds no documents, or a file cannot be read as text.

    """
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.is_file() else f"there is no folder {folder}"
        raise StartError(f"{what}: name the folder that the documents are in")
    found = sorted(path for path in folder.rglob("*") if _is_ours(path, folder))
    if not found:
        raise StartError(f"{folder} holds no documents ({' '.join(SUFFIXES)})")
    return [read_file(path, path.relative_to(folder).as_posix()) for path in found]


def read_file(path: Path, name: str) -> SourceFile:
    """
    Read one file, known as ``name``.

    Raises:
        StartError: It cannot be read as text.

    """
    try:
        return SourceFile(name, path.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise StartError(f"{path}: byte {error.start} is not UTF-8; convert the file") from None
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from None


def _is_ours(path: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix in SUFFIXES and not is_hidden and path.is_file()
