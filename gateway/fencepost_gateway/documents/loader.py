"""
Loader: a folder's files become documents, or a list of everything wrong with them.

Pure: the caller read the files. YAML and JSON hold documents, GeoJSON holds fences, ``.txt``,
``.html`` and ``.mjml`` hold bodies that a template beside them names.

Rule 1. Every problem of every file is said at once; a file with problems gives no documents.
Rule 2. A document is (kind, id): the same twice is a problem, with the place of the first.
Rule 3. A file named by ``text``, ``html`` or ``mjml`` of an email or a fragment is taken into the
        body; the name is a relative path beside the document, and never leaves the files given.
Rule 4. With ``is_foreign`` GeoJSON that was not written for us is read too: ids are made where
        they lack, members we do not know are passed over.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from fencepost_gateway.documents import fences, kinds, yaml_text
from fencepost_gateway.documents.document import (
    Document,
    Origin,
    Path,
    Problem,
    SourceFile,
    parse_json,
    problem_in,
)
from fencepost_gateway.documents.kinds import Finding
from fencepost_geofence import geojson

YAML_SUFFIXES: Final = (".yaml", ".yml", ".json")
GEOJSON_SUFFIXES: Final = (".geojson",)
CONTENT_SUFFIXES: Final = (".txt", ".html", ".mjml")
SUFFIXES: Final = (*YAML_SUFFIXES, *GEOJSON_SUFFIXES, *CONTENT_SUFFIXES)
GEOJSON_MAX_BYTES: Final = 10 << 20
CONTENT_MAX_BYTES: Final = 64 << 10
_CONTENT_NAME = re.compile(r"[\w./-]+\.(txt|html|mjml)")


class Loaded(Struct):
    """The documents of a folder, in order of their files, and every problem found."""

    documents: list[Document]
    problems: list[Problem]


def load(files: Sequence[SourceFile], *, is_foreign: bool = False) -> Loaded:
    """
    Read all documents of ``files``.

    Args:
        files: The files with the ``SUFFIXES`` of a folder.
        is_foreign: Take GeoJSON as it comes (Rule 4), for replays.

    """
    beside = {file.path: file.text for file in files if file.path.endswith(CONTENT_SUFFIXES)}
    loaded = Loaded([], [])
    for file in sorted(files, key=lambda f: f.path):
        if file.path.endswith(CONTENT_SUFFIXES):
            continue
        if file.path.endswith(GEOJSON_SUFFIXES) or _looks_geojson(file):
            found = _read_geojson(file, is_foreign=is_foreign)
        elif file.path.endswith(YAML_SUFFIXES):
            found = _read_yaml(file, beside)
        else:
            what = "not a file of documents"
            how = f"documents end in one of: {' '.join(SUFFIXES)}"
            found = Loaded([], [Problem(file.path, what, how)])
        loaded.documents += found.documents
        loaded.problems += found.problems
    loaded.problems += doubled(loaded.documents)
    return loaded


def doubled(documents: Sequence[Document]) -> list[Problem]:
    """Find documents whose kind and id are taken (Rule 2)."""
    first: dict[tuple[str, str], Document] = {}
    problems = []
    for document in documents:
        known = first.setdefault((document.kind, document.id), document)
        if known is not document:
            line = known.origin.line(())
            spot = known.origin.file + (f":{line}" if line else "")
            how = f"keep one of them, or give it another id; the first is in {spot}"
            problems.append(problem_in(document, ("id",), "the id is taken", how))
    return problems


def _looks_geojson(file: SourceFile) -> bool:
    head = file.text[:4096] if file.path.endswith(".json") else ""
    return '"FeatureCollection"' in head or re.search(r'"type"\s*:\s*"Feature"', head) is not None


def _read_yaml(file: SourceFile, beside: Mapping[str, str]) -> Loaded:
    parsed, faults = yaml_text.parse(file.text)
    loaded = Loaded([], [Problem(file.path, f.what, f.how, line=f.line) for f in faults])
    for each in parsed:
        if each.faults:
            loaded.problems += [Problem(file.path, f.what, f.how, line=f.line) for f in each.faults]
            continue
        _read_document(file.path, each, beside, loaded)
    return loaded


def _read_document(
    path: str, parsed: yaml_text.Parsed, beside: Mapping[str, str], loaded: Loaded
) -> None:
    body, origin = parsed.value, Origin(path, parsed.lines)
    if not isinstance(body, dict):
        how = "write kind:, id: and so on"
        loaded.problems.append(Problem(path, "no mapping", how, line=origin.line(())))
        return
    kind, own_id = body.get("kind"), body.get("id")
    document = Document(str(kind), own_id if isinstance(own_id, str) else "?", body, origin)
    if kind not in kinds.MODELS or not isinstance(kind, str):
        what, how = kinds.unknown_kind(kind)
        line = origin.line(("kind",))
        loaded.problems.append(Problem(path, what, how, line=line))
        return
    findings = _take_files(body, path, beside) if kind in {"template", "fragment"} else []
    answer = kinds.validate(kind, body)
    absent = {each.path for each in findings}  # what stands there is a name, and no text
    findings += [f for f in answer if f.path not in absent] if isinstance(answer, list) else []
    if kind == "fence" and not findings:
        fence = fences.read_authored(body)
        if isinstance(fence, list):
            findings = fence
        else:
            document = Document(kind, fence.fence_id, fences.body_of(fence), origin)
    loaded.problems += [problem_in(document, f.path, f.what, f.how) for f in findings]
    if not findings:
        loaded.documents.append(document)


def _take_files(body: dict[str, Any], path: str, beside: Mapping[str, str]) -> list[Finding]:
    """Put the text of files that the document names in the place of their names (Rule 3)."""
    findings = []
    for place, holder in _holders(body):
        for member in ("text", "html", "mjml"):
            name = holder.get(member)
            if not isinstance(name, str) or not _CONTENT_NAME.fullmatch(name):
                continue
            spot = (*place, member)
            text = beside.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
            if text is None:
                how = "put the file beside the document, or write the text here"
                findings.append(Finding(spot, f"there is no file {name}", how))
            elif len(text.encode(errors="surrogatepass")) > CONTENT_MAX_BYTES:
                what = f"{name} is larger than {CONTENT_MAX_BYTES >> 10} KiB"
                findings.append(Finding(spot, what, "shorten it"))
            else:
                holder[member] = text
    return findings


def _holders(body: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give what may name files: the email of a template, or a fragment; in every language."""
    is_fragment = body["kind"] == "fragment"
    places: list[tuple[Path, Any]] = [((), body)]
    languages = body.get("languages")
    if isinstance(languages, dict):
        places += [(("languages", tag), each) for tag, each in languages.items()]
    for place, holder in places:
        if not isinstance(holder, dict):
            continue
        found = holder if is_fragment else holder.get("email")
        if isinstance(found, dict):
            yield place if is_fragment else (*place, "email"), found


def _read_geojson(file: SourceFile, *, is_foreign: bool) -> Loaded:
    if len(file.text.encode(errors="surrogatepass")) > GEOJSON_MAX_BYTES:
        what = f"the file is larger than {GEOJSON_MAX_BYTES >> 20} MiB"
        return Loaded([], [Problem(file.path, what, "split it")])
    try:
        tree = parse_json(file.text)
    except json.JSONDecodeError as error:
        how = "mend the JSON"
        return Loaded([], [Problem(file.path, f"not JSON: {error.msg}", how, line=error.lineno)])
    except (RecursionError, ValueError):
        how = "write GeoJSON as RFC 7946 has it"
        return Loaded([], [Problem(file.path, "nested too deeply, or no number or text", how)])
    stem = posixpath.basename(file.path).rsplit(".", 1)[0]
    reading = geojson.read(tree, stem if is_foreign else None)
    problems = [
        Problem(
            file=file.path,
            what=problem.what,
            how=problem.how,
            where=", ".join(filter(None, (_named(problem.fence_id), problem.path))),
            feature=problem.index,
        )
        for problem in reading.problems
    ]
    # Features and fences run in step when nothing was wrong; else nothing is applied anyway.
    documents = [
        Document("fence", fence.fence_id, fences.body_of(fence), Origin(file.path, feature=index))
        for index, fence in enumerate(reading.fences)
    ]
    return Loaded(documents, problems)


def _named(fence_id: str | None) -> str:
    return f"fence {fence_id}" if fence_id else ""
