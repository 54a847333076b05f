"""
Scope: what a template may name: ``person place event value now nearest`` and its answer links.

Pure. Values are data: mappings, lists, text, numbers, true and false, copied here; nothing of them
is ever parsed again.

Rule 1. Null and empty text are missing, so that a template never prints a blank for a value.
Rule 2. ``person`` holds the attributes, and ``user_id``, ``locale`` and ``zone`` beside them.
Rule 3. ``now`` is ISO 8601 in the person's zone, else the workspace's; neither known, it is
        missing: a wall clock of the wrong zone is worse than none.
Rule 4. ``unsubscribe.link`` and ``preferences.link`` are there for every template, ``confirm.link``
        for one that ``confirms``, and for no other.
Rule 5. Generic content has no ``person``, ``event`` and ``value``: they are there, with nothing in
        them, so that what the template says of missing values holds. ``nearest`` looks things up
        when it is asked, and nobody is asked on account of a template that does not name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fencepost_gateway.content.language import Data
from fencepost_gateway.decide.place import FenceView, place_facts
from fencepost_gateway.decide.rule_facts import PERSON_MEMBERS, person_zone
from fencepost_gateway.decide.spans import local_time, zone_named

if TYPE_CHECKING:
    from fencepost_gateway.decide.looked import Looked
    from fencepost_gateway.decide.person import Person

ANSWERS: Final = ("unsubscribe", "preferences")
ROOTS: Final = ("person", "place", "event", "value", "now", "nearest", "nearest_in", *ANSWERS)
PERSONAL: Final = frozenset({"person", "event", "value", "nearest", "nearest_in"})
CONFIRM: Final = "confirm"


def scope_for(  # noqa: PLR0913 - what a template may name, one each
    person: Person,
    place: FenceView | None,
    event: Mapping[str, Any] | None,
    now_ms: int,
    *,
    workspace_zone: str = "",
    answer_links: Mapping[str, str] | None = None,
    is_generic: bool = False,
    nearest: Mapping[str, Data] | None = None,
    values: Mapping[str, Looked] | None = None,
) -> dict[str, Any]:
    """
    Lay out what the template of a message may name.

    Args:
        person: Who gets it.
        place: Place of the transition, else the current one.
        event: Properties of the app event that caused it.
        now_ms: Moment of the rendering.
        workspace_zone: Used when the person's zone is unknown.
        answer_links: Where the receiver answers, by ``ANSWERS`` and ``CONFIRM``; empty: nowhere.
        is_generic: Leave the person's data out (Rule 4).
        nearest: What ``NearestScope.roots`` gave; None: nobody is near anything.
        values: What the run that wants the message has looked up.

    """
    own = {name: getattr(person, name) for name in PERSON_MEMBERS}
    zone = zone_named(person_zone(person)) or zone_named(workspace_zone)
    now = local_time(now_ms, zone).isoformat(timespec="seconds") if zone else None
    found = data({
        "person": {} if is_generic else {**own, **person.attributes},
        "place": place_facts(place) if place else {},
        "event": {} if is_generic else event or {},
        "value": {} if is_generic else {name: each.value for name, each in (values or {}).items()},
        "now": now,
        **{name: {"link": link} for name, link in (answer_links or {}).items() if link},
    })  # fmt: skip
    found.update(nearest or {"nearest": Data(), "nearest_in": Data()})
    return found


def data(value: Mapping[str, Any]) -> Data:
    """Copy a mapping as data, without what is missing (Rule 1)."""
    return Data((str(key), _value(found)) for key, found in value.items() if not _is_missing(found))


def _value(value: object) -> object:
    if isinstance(value, Mapping):
        return data(value)
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value if not _is_missing(item)]
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _is_missing(value: object) -> bool:
    return value is None or value == ""
