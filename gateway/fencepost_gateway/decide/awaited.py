"""
Awaited: whether what happened is what a run waits for, or is ended by.

Pure. A reaction is found among what the person's row knows of the messages of the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import structs

from fencepost_gateway.decide.cause import operands_of
from fencepost_gateway.decide.entries import opens, where_of
from fencepost_gateway.decide.steps import Reaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.rules import RuleFacts
    from fencepost_gateway.decide.run import Standing
    from fencepost_gateway.decide.steps import Awaited
    from fencepost_gateway.decide.stimulus import Cause


def is_awaited(
    awaited: Awaited, at: Standing, cause: Cause, facts: Callable[[], RuleFacts]
) -> dict[str, Any] | None:
    """
    Say whether what happened is meant; None if not, else what was looked at.

    Args:
        awaited: What is waited for.
        at: Where the run stands.
        cause: What happened.
        facts: Lays out what rules may know of it; most of what happens never comes so far.

    """
    entry = awaited.what
    if isinstance(entry, Reaction) or not opens(entry, cause):
        return None
    theirs = at.cause.props
    if any(cause.props.get(name) != theirs.get(name) for name in awaited.same):
        return None
    where = where_of(entry)
    if where is None:
        return {}
    answer = where.evaluate(facts())
    return {"operands": operands_of(answer)} if answer.ok else None


def reacted_ms(person: Person, at: Standing, awaited: Awaited) -> int | None:
    """Give when the person reacted as awaited; None: they have not."""
    if not isinstance(awaited.what, Reaction):
        return None
    sent = at.sent.get(awaited.what.step_id, ())
    found = [
        known.first_ms[awaited.what.what]
        for known in person.messages
        if known.message_id in sent and awaited.what.what in known.first_ms
    ]
    return min(found, default=None)


def stands_on(before: Cause, now: Cause) -> Cause:
    """Give what a run stands on by now; what tells no event, or no place, keeps that of before."""
    return structs.replace(
        now,
        props=now.props or before.props,
        fence_id=now.fence_id or before.fence_id,
        visit_id=now.visit_id or before.visit_id,
        is_located=now.is_by_place or before.is_by_place,
    )


def nowhere(cause: Cause) -> Cause:
    """Give a cause without where it happened: location was withdrawn."""
    return structs.replace(cause, fence_id="", visit_id="", is_located=cause.is_by_place)


def by_time(
    before: Cause, kind: Literal["timer", "reaction", "jump"], name: str, at_ms: int
) -> Cause:
    """Give what a run stands on that a timer, or a reaction, has moved."""
    return structs.replace(before, kind=kind, name=name, at_ms=at_ms, is_located=before.is_by_place)
