"""
Shipped: the documents that hold until a workspace writes its own.

They travel in the package as YAML, are read through the same loader as everybody's, and are given
version 0: no workspace has published them.
"""

from __future__ import annotations

from importlib import resources

from fencepost_gateway.documents.document import SourceFile, StoredDocument
from fencepost_gateway.documents.loader import load


def default_documents() -> list[StoredDocument]:
    """Read the shipped documents: the default policy. Caps are the author's alone."""
    folder = resources.files("fencepost_gateway.documents") / "defaults" / "policies"
    files = [
        SourceFile(f"policies/{each.name}", each.read_text("utf-8")) for each in folder.iterdir()
    ]
    loaded = load(files)
    if loaded.problems:
        raise ValueError(f"the shipped documents are broken: {loaded.problems[0]}")
    return [StoredDocument(each.kind, each.id, 0, each.body) for each in loaded.documents]
