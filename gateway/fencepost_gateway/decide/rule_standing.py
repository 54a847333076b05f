"""
Standing: the forms of a rule that ask how we stand with somebody.

``consent``, ``reachable`` and ``audience``.

Pure. As ``rule_leaves``.

Rule 1. All of it is for branching. Whether a message may go, the claim decides, by its own rows.
Rule 2. ``consent`` asks the policy in force. With ``channel`` it is given where it is for an
        address that reaches the person there; where none does, for the channel as such. With an age
        (``older_than``, ``within``) it is given, and was stated so long ago, or not longer; what
        nobody stated, as the policy presumes it, has no age.
Rule 3. ``reachable``: some address is known and not gone. ``in_app`` always is: every person comes
        through an SDK.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from fencepost_channels.message import Channel
from fencepost_gateway.decide.consent import (
    ANY,
    BY_CHANNEL,
    PURPOSES,
    ConsentAnswer,
    allows_under,
)
from fencepost_gateway.decide.rule_facts import Check, Faults, Json, Operand, Path, RuleFacts
from fencepost_gateway.decide.rule_leaves import read_duration_ms

CHANNELS = tuple(str(channel) for channel in Channel)
_IN_APP = str(Channel.IN_APP)


def compile_consent(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{consent: marketing, channel: sms, older_than: 700d}``."""
    purpose, channel = leaf["consent"], leaf.get("channel", ANY)
    _expect("purpose", purpose, sorted(PURPOSES), (*path, "consent"), faults)
    if "channel" in leaf:
        _expect("channel", channel, CHANNELS, (*path, "channel"), faults)
        if not faults.found and purpose not in BY_CHANNEL:
            faults.add((*path, "channel"), f"{purpose} knows no channels", "leave channel: out")
    ages = [member for member in ("older_than", "within") if member in leaf]
    if len(ages) > 1:
        faults.add(path, "two ages", "write one of: older_than, within")
    age = ages[0] if ages else ""
    span_ms = read_duration_ms(leaf, age, path, faults) if age else None
    if faults.found:
        return None
    text = f"consent {purpose}" + (f" channel {channel}" if "channel" in leaf else "")
    text += f" {age} {leaf[age]}" if age else ""

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        answer = _best(facts, purpose, channel)
        ok, note = answer is not None and answer.allowed, "" if answer else "missing"
        if ok and answer is not None and span_ms is not None:
            ok, note = _is_of_age(facts, answer.said_ms, span_ms, is_older=age == "older_than")
        if out is not None:
            found = _shown(answer, purpose) if answer else None
            times_ms = (answer.said_ms,) if age and answer and answer.said_ms is not None else ()
            out.append(Operand(text, found, ok, note, times_ms))
        return ok

    return check


def _is_of_age(
    facts: RuleFacts, said_ms: int | None, span_ms: int, *, is_older: bool
) -> tuple[bool, str]:
    """Say whether a statement is so old, and what to note of it."""
    if said_ms is None:
        return False, "missing"
    facts.may_change(said_ms + span_ms + 1)
    return (facts.now_ms - said_ms > span_ms) == is_older, ""


def _best(facts: RuleFacts, purpose: str, channel: str) -> ConsentAnswer | None:
    """Give the answer for the address that fares best (Rule 2); None without a policy."""
    if not facts.policies:
        return None
    refs = [at.ref for at in facts.person.reach.get(channel, ())] or [ANY]
    said = facts.person.consents
    answers = [allows_under(facts.policies, said, purpose, channel, ref) for ref in refs]
    return next((answer for answer in answers if answer.allowed), answers[-1])


def _shown(answer: ConsentAnswer, purpose: str) -> str:
    is_other = answer.purpose != purpose  # one that this purpose needs first
    return f"{answer.purpose} {answer.value}" if is_other else answer.value


def compile_reachable(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{reachable: web_push}``."""
    channel = leaf["reachable"]
    _expect("channel", channel, CHANNELS, (*path, "reachable"), faults)
    if faults.found:
        return None
    text = f"reachable {channel}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        addresses = 1 if channel == _IN_APP else len(facts.person.reach.get(channel, ()))
        if out is not None:
            out.append(Operand(text, addresses, addresses > 0))
        return addresses > 0

    return check


def compile_audience(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{audience: yoga-lapsed}``."""
    audience_id = leaf["audience"]
    if not isinstance(audience_id, str) or not audience_id:
        faults.add((*path, "audience"), "no audience", "write the id of an audience")
        return None
    text = f"audience {audience_id}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        since_ms = facts.person.audiences.get(audience_id)
        ok = since_ms is not None
        if out is not None:
            out.append(Operand(text, ok, ok, times_ms=() if since_ms is None else (since_ms,)))
        return ok

    return check


def _expect(what: str, value: object, known: Sequence[str], path: Path, faults: Faults) -> None:
    if value in known:
        return
    near = difflib.get_close_matches(str(value), known, 1)
    how = f"did you mean {near[0]}?" if near else f"write one of: {', '.join(known)}"
    faults.add(path, f"{value!r} is no {what}", how)
