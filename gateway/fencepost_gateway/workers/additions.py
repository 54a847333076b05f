"""
Additions: what comes into a message that no template writes.

Reads nothing, writes nothing. Links to answer by, links that tell of the reader, what the law wants
said, and the mark of a proof: all that needs to know where we can be reached.

Rule 1. Without ``public_url`` nobody could answer: what asks for a confirmation has no content, and
        neither has marketing by email, which must say how to unsubscribe (RFC 8058, CAN-SPAM).
Rule 2. Links and pixel that tell of the reader (``content.tracking``) come in after rendering, and
        not for whoever denies ``personalisation``, nor into a proof.
Rule 3. What the law wants said comes in after those (``content.labels``), where no template can
        take it out; only the mark of a proof comes later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fencepost_channels.message import Content
from fencepost_gateway.content.labels import Duties, finish
from fencepost_gateway.content.proof import as_proof
from fencepost_gateway.content.renderer import Outline, RenderProblem
from fencepost_gateway.content.scope import ANSWERS, CONFIRM
from fencepost_gateway.content.tracking import Tracking
from fencepost_gateway.decide.plan import Plan, Template
from fencepost_gateway.decide.rendered import obeyed
from fencepost_gateway.intake.answer_links import answer_link
from fencepost_gateway.intake.tickets import Door
from fencepost_gateway.workers.composed import Added, Case


class Additions:
    """Puts in what a message needs besides its template."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        self._tracking = Tracking(public_url)

    def answerable(
        self, template: Template, outlines: Mapping[str, Outline | RenderProblem]
    ) -> dict[str, Outline | RenderProblem]:
        """Withhold what has a link to answer by, as long as nobody could reach us (Rule 1)."""
        if self._public_url:
            return {**outlines}
        found = {}
        for channel, outline in outlines.items():
            wanted = _answer_in(template, channel, outline)
            problem = RenderProblem("no_public_url", f"{wanted}.link")
            found[channel] = problem if wanted else outline
        return found

    def links(self, plan: Plan, case: Case, roots: Collection[str]) -> dict[str, str]:
        """Give the links by which a message can be answered that its template names."""
        doors: tuple[Door, ...] = ("unsubscribe", "preferences")
        if case.template.confirms:
            doors = (*doors, CONFIRM)
        return {door: self._link(plan, case, door) for door in doors if door in roots}

    def put_in(
        self, plan: Plan, case: Case, channel: str, rendered: Content | RenderProblem
    ) -> Added:
        """Put all of it into what was rendered (Rules 2 and 3)."""
        content, message_id = rendered, case.facts.message.message_id
        if channel in case.tracks_on and not isinstance(content, RenderProblem):
            content = self._tracking.track(content, plan, case.template, message_id, channel)
        is_tracked = content != rendered
        obeys = obeyed(case.policies, case.template.purpose, channel)
        if obeys and not isinstance(content, RenderProblem):
            link = self._link(plan, case, "unsubscribe")
            content = finish(content, channel, Duties(case.policies, case.brand, link))
        if case.facts.message.proof is not None:
            content = as_proof(content)
        return Added(channel, content, is_tracked)

    def _link(self, plan: Plan, case: Case, door: Door) -> str:
        return answer_link(self._public_url, plan.seed, door, case.facts.message.message_id)


def _answer_in(template: Template, channel: str, outline: Outline | RenderProblem) -> str:
    """Name the link to answer by that a message has; empty: it needs none."""
    if template.confirms:
        return "confirm"
    if channel == "email" and template.purpose == "marketing":
        return "unsubscribe"
    roots = outline.roots if isinstance(outline, Outline) else ()
    return next((name for name in ANSWERS if name in roots), "")
