"""
Kept flows: journeys that are compiled already, taken again by the next publication.

A publication that changes one journey of a thousand compiles one: at two hundred steps each takes
milliseconds, and deciding waits meanwhile.

Rule 1. A compiled journey is taken again while its document, its version and all else that it is
        made of (fences, the workspace's zone) are what they were.
Rule 2. What was not asked for is not kept: memory holds what the plan holds.
Rule 3. Older versions that somebody is still on (``pinned``) come first; nobody enters them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import msgspec

from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.steps import Flow
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.documents.journey_plans import flow_of
from fencepost_gateway.documents.models.journey import Journey
from fencepost_geofence.fence import Fence

_Name = tuple[str, int, bytes]


class KeptFlows:
    """Compiles journeys, and remembers those of the last time."""

    def __init__(self) -> None:
        self.pinned: Sequence[StoredDocument] = ()
        self._seen: tuple[Sequence[Fence], str] = [], ""
        self._made: dict[_Name, Flow] = {}

    def of(
        self,
        documents: Iterable[StoredDocument],
        views: Mapping[str, FenceView],
        all_fences: Sequence[Fence],
        zone: str,
    ) -> list[Flow]:
        """Give the pinned journeys and those among the documents, compiled, in the order given."""
        seen = all_fences, zone  # views are made of these, and are not to be compared
        known = self._made if seen == self._seen else {}
        found: dict[_Name, Flow] = {}
        for source in (*self.pinned, *documents):
            if source.kind == "journey":
                name = (source.id, source.version, _digest(source))
                found[name] = known.get(name) or flow_of(
                    source, Journey.model_validate(source.body), views, all_fences, zone
                )
        self._seen, self._made = seen, found
        return list(found.values())


def _digest(source: StoredDocument) -> bytes:
    """Tell bodies apart without keeping them."""
    return blake2b(msgspec.json.encode(source.body), digest_size=16).digest()
