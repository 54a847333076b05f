"""
Messages: the form of a rule that asks which messages somebody got: ``got``.

Pure. As ``rule_leaves``; how a count is bounded says ``rule_tally``.

Rule 1. The name is that of a template, a campaign or a tag of campaigns: whichever fits.
Rule 2. ``outcome`` is what became of the message (``sent`` unless it says otherwise) or what the
        person did with it; a message counts once, when that happened first.
Rule 3. What a device told of a delivery nobody has named (yet) may be of any message: it leaves a
        count of that engagement open.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from fencepost_gateway.decide.past import PastMessage, later_ms
from fencepost_gateway.decide.rule_facts import Check, Faults, Json, Path, RuleFacts
from fencepost_gateway.decide.rule_tally import read_bounds, read_span, tally

# `opened` is told by channels that can know it; the others by every channel, or the SDK.
OUTCOMES = (
    "sent", "withheld", "failed", "unknown", "delivered", "bounced", "complained",
    "received", "unshown", "displayed", "opened", "clicked", "dismissed", "replied",
)  # fmt: skip


def compile_got(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{got: greet, outcome: clicked, within: 7d, count: {min: 2}}``."""
    name, outcome = leaf["got"], leaf.get("outcome", "sent")
    if not isinstance(name, str) or not name:
        faults.add((*path, "got"), "no name", "write a template, a campaign or a tag")
    if outcome not in OUTCOMES:
        near = difflib.get_close_matches(str(outcome), OUTCOMES, 1)
        how = f"did you mean {near[0]}?" if near else f"write one of: {', '.join(OUTCOMES)}"
        faults.add((*path, "outcome"), f"{outcome!r} is no outcome", how)
    bounds = read_bounds(leaf, path, faults)
    span = read_span(leaf, path, faults)
    if bounds is None or faults.found:
        return None

    def kept(facts: RuleFacts) -> tuple[list[int], int | None]:
        moments: list[int] = []
        lost_ms = facts.person.messages_lost_ms
        for message in facts.person.messages:
            at_ms = message.first_ms.get(outcome)
            if not message.message_id:
                lost_ms = later_ms(lost_ms, at_ms)
            elif at_ms is not None and _is_named(message, name):
                moments.append(at_ms)
        return moments, lost_ms

    return tally(f"got {name} {outcome}", span, bounds, kept)


def _is_named(message: PastMessage, name: str) -> bool:
    return name in {message.template_id, message.campaign_id, *message.tags}
