"""
Permission: the consent gate of a claim.

Pure. Whatever policies hold for the person, all of them must allow it (``jurisdiction``).

Rule 1. Asked is the template's purpose; for marketing that a position caused, also
        ``location_marketing``. The first that is not allowed is the answer.
        A message of either purpose that a position caused goes to nobody who has paused the use
        of their location (``consent``, Rule 10).
Rule 2. A message that asks to confirm a consent goes where that consent waits for its answer, and
        nowhere else; and only if what that purpose needs first is allowed (``confirm``).
"""

from __future__ import annotations

from typing import Any

from fencepost_gateway.decide import confirm, consent
from fencepost_gateway.decide.consent import ConsentAnswer
from fencepost_gateway.decide.jurisdiction import Jurisdiction
from fencepost_gateway.decide.message import AddressRow, Check, ClaimFacts
from fencepost_gateway.decide.plan import Template


def check(
    law: Jurisdiction,
    facts: ClaimFacts,
    template: Template,
    *,
    channel: str,
    address: AddressRow | None,
) -> Check:
    """
    Say whether a message may go on a channel as far as consent goes.

    Args:
        law: The policies that hold for the person.
        facts: What the person stated, and what caused the message.
        template: What it is for.
        channel: Where it would go.
        address: The address, if there is one.

    """
    ref = address.ref if address else consent.ANY
    asked, answer = _ask(law, facts, template, channel=channel, ref=ref)
    inputs: dict[str, Any] = {
        "asked": asked,
        "purpose": answer.purpose,
        "value": answer.value,
        "said_for": answer.said_for,
        "policy": answer.policy,
        **law.told(),
    }
    if template.confirms:
        reason, asked_ms = _may_ask(facts, answer, template.confirms, channel=channel, ref=ref)
        inputs |= {} if asked_ms is None else {"asked_ms": asked_ms}
    else:
        reason = "" if answer.allowed else "consent"
    return Check("consent", not reason, channel, reason=reason, inputs=inputs)


def _ask(
    law: Jurisdiction, facts: ClaimFacts, template: Template, *, channel: str, ref: str
) -> tuple[list[str], ConsentAnswer]:
    """Ask for every purpose up to the first that is not allowed (Rule 1)."""
    purpose = template.confirms or template.purpose
    answer = consent.allows_under(law.policies, facts.consents, purpose, channel, ref)
    if not (answer.allowed and facts.message.cause.is_by_place):
        return [purpose], answer
    if template.purpose != "marketing" and not consent.is_paused(facts.consents):
        return [purpose], answer
    # While it is paused this says so, whatever else is allowed.
    asked = [purpose, "location_marketing"]
    return asked, consent.allows_under(law.policies, facts.consents, asked[1], channel, ref)


def _may_ask(
    facts: ClaimFacts, answer: ConsentAnswer, purpose: str, *, channel: str, ref: str
) -> tuple[str, int | None]:
    """Say why a message may not ask, empty if it may; and when another has asked (Rule 2)."""
    waiting = consent.question(facts.consents, purpose, channel, ref)
    if waiting is None:
        return ("consent" if answer.value == "n" else "not_pending"), None
    if answer.purpose != purpose:
        return "consent", None
    asked_ms = confirm.asked_before_ms(facts, waiting)
    return ("" if asked_ms is None else "confirmation_sent"), asked_ms
