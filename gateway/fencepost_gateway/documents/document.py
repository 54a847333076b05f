"""
Document: what people author, apart from where it was written and how it is compiled.

Pure. A document is (kind, id, body): the body is plain JSON with everything it needs inside, files
beside it included, so that what is stored can be compiled without the folder it came from.

Rule 1. The canonical form (sorted keys, no blanks, UTF-8) is what is stored and compared: the same
        document again has the same bytes, and publishing it changes nothing.
Rule 2. A problem says file, line (GeoJSON: feature index and id), path, what is wrong, how to mend.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

Path = tuple[str | int, ...]

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class SourceFile(Struct, frozen=True):
    """One file of a folder of documents; ``path`` is relative, with forward slashes."""

    path: str
    text: str


class Origin(Struct, frozen=True):
    """
    Where a document was written.

    Attributes:
        file: Path of the file; empty for a document that is live already.
        lines: Line by path inside the document, from 1; the empty path is the document itself.
        feature: Index of the GeoJSON feature, when it is one.

    """

    file: str = ""
    lines: dict[Path, int] = {}
    feature: int | None = None

    def line(self, path: Path) -> int | None:
        """Give the line of ``path``, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


class Document(Struct, frozen=True):
    """An authored document; ``body`` holds its files and nothing but plain JSON."""

    kind: str
    id: str
    body: dict[str, Any]
    origin: Origin = Origin()

    @property
    def canonical(self) -> bytes:
        """The bytes that are stored (Rule 1)."""
        return canonical_json(self.body)

    @property
    def sha256(self) -> str:
        """Hash of the canonical bytes, in hexadecimal."""
        return hashlib.sha256(self.canonical).hexdigest()


class StoredDocument(Struct, frozen=True):
    """A document as the gateway keeps it: live, with the number of its version."""

    kind: str
    id: str
    version: int
    body: dict[str, Any]


class Problem(Struct, frozen=True):
    """One thing wrong with a document (Rule 2), or doubtful: a warning stops nothing."""

    file: str
    what: str
    how: str
    where: str = ""
    line: int | None = None
    feature: int | None = None
    is_warning: bool = False

    def __str__(self) -> str:
        """Write the problem on one line."""
        spot = self.file or "live document"
        if self.line is not None:
            spot += f":{self.line}"
        if self.feature is not None:
            spot += f": feature {self.feature}"
        if self.where:
            spot += f": {self.where}"
        doubt = "warning: " if self.is_warning else ""
        return f"{spot}: {doubt}{self.what}; {self.how}"


def canonical_json(body: object) -> bytes:
    """Write plain JSON in its one canonical form."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def parse_json(text: str) -> Any:
    """
    Read JSON that ``canonical_json`` can write again.

    Raises:
        ValueError: It is no JSON, or holds an escaped half of a character.
        RecursionError: It is nested too deeply.

    """
    tree = json.loads(text)
    if _SURROGATE.search(text):
        canonical_json(tree)
    return tree


def dotted(path: Path) -> str:
    """Write a path as people read it: ``message.channels.0``."""
    return ".".join(str(step) for step in path)


def errors_of(found: Iterable[Problem]) -> list[Problem]:
    """Give what stops a publication: everything but the warnings."""
    return [each for each in found if not each.is_warning]


def problem_in(
    document: Document, path: Path, what: str, how: str, *, is_warning: bool = False
) -> Problem:
    """Say what is wrong, or doubtful, at ``path`` of ``document``."""
    origin = document.origin
    return Problem(
        file=origin.file,
        what=what,
        how=how,
        where=", ".join([f"{document.kind} {document.id}", *_spots(document.body, path)]),
        line=origin.line(path),
        feature=origin.feature,
        is_warning=is_warning,
    )


def _spots(body: dict[str, Any], path: Path) -> Iterator[str]:
    """Name the step of a journey as its author knows it: by id, else by number from 1."""
    match path:
        case ("steps", int(number), *below):
            steps = body.get("steps")
            step = steps[number] if isinstance(steps, list) and number < len(steps) else None
            own = step.get("id") if isinstance(step, dict) else None
            yield f"step {own if isinstance(own, str) else number + 1}"
            path = tuple(below)
    if path:
        yield dotted(path)
