"""
Composed: what comes of composing a message, and what the claim and the record are told of it.

Pure. No text and no position leaves by ``Rendered``: only what the content relied on, and how it
came about.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fencepost_channels.message import Content, InAppContent, SmsContent
from fencepost_gateway.content.nearest import ROOTS, NearestScope, Position
from fencepost_gateway.content.renderer import Outline, RenderProblem
from fencepost_gateway.content.scope import PERSONAL
from fencepost_gateway.content.segments import segments
from fencepost_gateway.decide.message import ClaimFacts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Brand, Policy, Template
from fencepost_gateway.decide.rendered import LOCATION_NEEDS, Rendered, obeyed


class Composed(Struct, frozen=True):
    """The content of one channel, or why there is none, and what the claim is told of it."""

    content: Content | RenderProblem
    rendered: Rendered


class Composition(Struct, frozen=True):
    """What was composed, by channel, and for which arm of the campaign's experiment."""

    arm: str = ""
    by_channel: dict[str, Composed] = {}


class Case(Struct, frozen=True):
    """
    One message, whom it is made of, and what may be known of its person.

    ``tracks_on`` are the channels whose links may tell of them; ``denied`` is what is lacking to
    look from where they are.
    """

    facts: ClaimFacts
    shown: Person
    template: Template
    policies: tuple[Policy, ...]
    brand: Brand | None
    now_ms: int
    is_generic: bool
    tracks_on: frozenset[str]
    denied: str

    @property
    def is_marketing(self) -> bool:
        """Say whether the message is to sell something."""
        return self.template.purpose == "marketing"


class Added(Struct, frozen=True):
    """What a channel says with everything in it; ``is_tracked``: it tells of its reader."""

    channel: str
    content: Content | RenderProblem
    is_tracked: bool


def composed(
    case: Case,
    outline: Outline,
    nearest: NearestScope,
    position: Position | None,
    added: Added,
) -> Composed:
    """Give content, with what the claim asks again and the record says of it."""
    content, channel = added.content, added.channel
    problem = content if isinstance(content, RenderProblem) else None
    rendered = Rendered(
        problem.code if problem else "",
        _member(problem) if problem else "",
        location=not outline.roots.isdisjoint({"place", *ROOTS}),
        place="place" in outline.roots,
        relied_on=_relied_on(case, outline, nearest, position, is_tracked=added.is_tracked),
        hangs_on=content.inside if isinstance(content, InAppContent) else "",
        told=_told(case, outline, position) | _counted(content),
        obeys=obeyed(case.policies, case.template.purpose, channel),
        segments=segments(content.text).count if isinstance(content, SmsContent) else 0,
    )
    return Composed(content, rendered)


def without(problem: RenderProblem, case: Case, channel: str) -> Composed:
    """Give what is known where there was nothing to render."""
    obeys = obeyed(case.policies, case.template.purpose, channel)
    return Composed(problem, Rendered(problem.code, _member(problem), obeys=obeys))


def _relied_on(
    case: Case,
    outline: Outline,
    nearest: NearestScope,
    position: Position | None,
    *,
    is_tracked: bool,
) -> tuple[str, ...]:
    relied = []
    is_personal = not case.is_generic and not outline.roots.isdisjoint(PERSONAL)
    if is_tracked or (case.is_marketing and is_personal):
        relied.append("personalisation")
    if nearest.is_used and position is not None and position.source == "fix":
        relied += LOCATION_NEEDS[case.template.purpose]
    return tuple(relied)


def _told(case: Case, outline: Outline, position: Position | None) -> dict[str, Any]:
    """Say for the record how the content came about."""
    told: dict[str, Any] = {}
    if outline.language:
        told["language"] = outline.language
    if outline.fragments:
        told["fragments"] = list(outline.fragments)
    if case.is_generic and not outline.roots.isdisjoint(PERSONAL):
        told["content"] = "generic"
    if not outline.roots.isdisjoint(ROOTS):
        told["nearest"] = {"source": position.source if position else "none"}
        if position is not None and position.age_ms is not None:
            told["nearest"]["age_s"] = position.age_ms // 1000
    return told


def _counted(content: Content | RenderProblem) -> dict[str, Any]:
    """Say for the record how many short messages a text takes, and in which alphabet."""
    if not isinstance(content, SmsContent):
        return {}
    found = segments(content.text)
    return {"segments": found.count, "encoding": found.encoding}


def _member(problem: RenderProblem) -> str:
    return f"{problem.member} ({problem.detail})" if problem.detail else problem.member
