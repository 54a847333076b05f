"""
Senders: which campaigns and journeys send a template, and what they bring with them.

Pure. For ``advice``: a template is doubted where nothing sends it, and where it names the event of
a campaign that no event wakes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fencepost_gateway.documents.document import Document
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.documents.world import messages_of

_EVENTS = ("event", "external")


def senders(documents: Sequence[Document]) -> Mapping[str, list[Document]]:
    """Give the campaigns and journeys that send each template."""
    found: dict[str, list[Document]] = {}
    for document in documents:
        if document.kind in SENDING:
            for name in dict.fromkeys(_templates_of(document)):
                found.setdefault(name, []).append(document)
    return found


def brings_event(document: Document) -> bool:
    """Say whether one of the entries of a campaign or journey is an event."""
    written = document.body["entry"]
    entries = written if isinstance(written, list) else [written]
    return any(name in entry for entry in entries for name in _EVENTS)


def _templates_of(document: Document) -> Iterator[str]:
    for message in messages_of(document):
        wish = message.template
        yield from [wish] if isinstance(wish, str) else wish.arms.values()
