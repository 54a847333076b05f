"""
World: everything that would be live, as the checks see it.

Pure. The documents of a folder laid over those that are live, read once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.documents.compile import fence_views, fences_of
from fencepost_gateway.documents.document import Document, Origin, StoredDocument
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.documents.models.audience import Trait
from fencepost_gateway.documents.models.brand import Brand
from fencepost_gateway.documents.models.campaign import Campaign, Message
from fencepost_gateway.documents.models.event import Event
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.policy import Policy
from fencepost_gateway.documents.models.source import Source
from fencepost_gateway.documents.models.template import Template
from fencepost_geofence.fence import Fence

LISTED_MAX = 6  # more names than this would hide the one that is meant


class World(Struct):
    """Everything that would be live."""

    documents: Sequence[Document]
    templates: dict[str, Template]
    fences: dict[str, Fence]
    views: dict[str, FenceView]
    libraries: set[str]
    audiences: dict[str, object]
    experiments: dict[str, set[str]]
    journeys: dict[str, Journey]
    sources: dict[str, Source]
    events: dict[str, Event]
    policies: list[Policy]
    brands: dict[str, Brand]
    zone: str

    @property
    def sending(self) -> list[Document]:
        """Give the campaigns and journeys."""
        return [each for each in self.documents if each.kind in SENDING]


def laid_over(documents: Sequence[Document], live: Iterable[StoredDocument]) -> list[Document]:
    """Lay documents over those that are live."""
    new = {(each.kind, each.id) for each in documents}
    kept = [
        Document(each.kind, each.id, each.body, Origin())
        for each in live
        if (each.kind, each.id) not in new
    ]
    return sorted([*kept, *documents], key=lambda each: (each.kind, each.id))


def world_of(documents: Sequence[Document]) -> World:
    """Read documents for the checks."""
    stored = [StoredDocument(each.kind, each.id, 0, each.body) for each in documents]
    all_fences = fences_of(stored)
    zones = [each.body.get("zone") for each in documents if each.kind == "workspace"]
    zone = next((zone for zone in zones if isinstance(zone, str)), "")
    return World(
        documents=documents,
        templates={
            each.id: Template.model_validate(each.body)
            for each in documents
            if each.kind == "template"
        },
        fences={fence.fence_id: fence for fence in all_fences},
        views=fence_views(stored, all_fences, zone),
        experiments={
            each.id: set(each.body["arms"]) for each in documents if each.kind == "experiment"
        },
        journeys={
            each.id: Journey.model_validate(each.body)
            for each in documents
            if each.kind == "journey"
        },
        sources={
            each.id: Source.model_validate(each.body) for each in documents if each.kind == "source"
        },
        events={
            made.called: made
            for each in documents
            if each.kind == "event"
            for made in (Event.model_validate(each.body),)
        },
        policies=[Policy.model_validate(each.body) for each in documents if each.kind == "policy"],
        brands={
            each.id: Brand.model_validate(each.body) for each in documents if each.kind == "brand"
        },
        libraries={each.id for each in documents if each.kind == "library"},
        audiences={each.id: each.body["when"] for each in documents if each.kind == "audience"},
        zone=zone,
    )


def messages_of(document: Document | StoredDocument) -> Iterator[Message]:
    """Give the messages that a document sends; others than campaigns and journeys send none."""
    if document.kind == "campaign":
        yield Campaign.model_validate(document.body).message
    if document.kind == "journey":
        steps = Journey.model_validate(document.body).steps
        yield from (step.message for step in steps if step.message is not None)


def nearest(wanted: str, known: Iterable[str], kind: str) -> str:
    """Say how to mend a name that nothing has."""
    names = sorted(known)
    near = difflib.get_close_matches(wanted, names, 1)
    if near:
        return f"did you mean {near[0]}?"
    another = f"name one of: {', '.join(names)}" if 0 < len(names) <= LISTED_MAX else "name another"
    return f"write the {kind}, or {another}"


def known_names(kind: str, world: World) -> set[str]:
    """Give the names that a reference of this kind may have."""
    if kind == "trait":
        traits = (each.body for each in world.documents if each.kind == "trait")
        return {name for body in traits for name in Trait.model_validate(body).readings}
    kinds = ("template", *SENDING) if kind == "message" else (kind,)
    found = {each.id for each in world.documents if each.kind in kinds}
    if kind == "message":
        found |= {str(tag) for each in world.sending for tag in each.body.get("tags", [])}
    return found
