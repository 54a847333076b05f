"""
Plans: the plan and the fences in force.

One holder for pipeline, claim and door. The pipeline moves it forward at the log record of a
publication, so a change takes effect on the next event and on every claim after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from fencepost_gateway.documents.compile import compile_plan, fences_of
from fencepost_gateway.documents.document import StoredDocument
from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.tracker import Tracker

if TYPE_CHECKING:
    from fencepost_gateway.ports import DocumentRow, Store


class Plans:
    """What is published now."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self.fences: list[Fence] = []
        self._use(0, [])

    async def load(self, store: Store) -> None:
        """Take what the store has published last."""
        revision, rows = await store.documents()
        self._use(revision, rows)

    def _use(self, revision: int, rows: Sequence[DocumentRow]) -> None:
        documents = stored(rows)
        self.plan = compile_plan(documents, revision, self._seed)
        since = {r.id: r.first_ms for r in rows if r.kind == "fence"}
        self.fences = fences_of(documents, since)
        self.tracker = Tracker(FenceIndex(self.fences))


def stored(rows: Sequence[DocumentRow]) -> list[StoredDocument]:
    """Give the rows of a store as documents."""
    return [StoredDocument(r.kind, r.id, r.version, msgspec.json.decode(r.body)) for r in rows]
