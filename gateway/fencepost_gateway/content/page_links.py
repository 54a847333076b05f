"""
Page links: which pages the messages of a plan lead to.

Pure. Of templates as they were compiled, with the fragments that they render; only the channels
that a step may take. A link that Liquid makes is another one for everybody: those are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from msgspec import Struct

from fencepost_gateway.content.authored import Source, sources_of
from fencepost_gateway.content.dead_links import addresses_in, made_in
from fencepost_gateway.content.fragments import names_in
from fencepost_gateway.documents.document import Document

if TYPE_CHECKING:
    from fencepost_gateway.decide.plan import Campaign, Plan


class PageLinks(Struct, frozen=True):
    """The links of a message, without what stands behind ``#``; how many more Liquid makes."""

    urls: tuple[str, ...] = ()
    made: int = 0


def messages_in(plan: Plan) -> Iterator[tuple[Campaign, str]]:
    """Give what sends: campaigns, and every message step of the journeys in use, with its id."""
    for campaign in plan.campaigns.values():
        if not campaign.is_journey:
            yield campaign, ""
    for flow in plan.flows.values():
        for step_id in flow.steps:
            part = flow.part(step_id)
            if part is not None:
                yield part, step_id


def page_links(plan: Plan, part: Campaign) -> PageLinks:
    """Give the links of what a campaign, or a message step, sends."""
    wish, urls, made = part.message, dict[str, None](), 0
    for template_id in sorted({wish.template_id, *wish.by_arm.values()}):
        for source in _sources(plan, template_id, wish.channels):
            urls |= dict.fromkeys(urldefrag(address).url for address in addresses_in(source))
            made += made_in(source)
    return PageLinks(tuple(urls), made)


def _sources(plan: Plan, template_id: str, channels: tuple[str, ...]) -> Iterator[Source]:
    template = plan.templates.get(template_id)
    if template is None:
        return
    body: dict[str, Any] = {**template.sources, "languages": template.languages}
    wanted, seen = list[str](), set[str]()
    for source in sources_of(Document("template", template_id, body)):
        if source.channel in channels:
            yield source
            wanted += names_in(source.text)
    while wanted:
        fragment = plan.fragments.get(name := wanted.pop())
        if fragment is None or name in seen:
            continue
        seen.add(name)
        body = {**fragment.texts, "languages": fragment.languages}
        for source in sources_of(Document("fragment", name, body)):
            yield source
            wanted += names_in(source.text)
