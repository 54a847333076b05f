"""
Quiet hours: which hours a message must keep where the person is.

Pure. The hours of three hold at once: the policy's (the law's night), the person's own and the
campaign's. Each can only narrow what the others leave; ``solver`` finds the next instant.

Rule 1. The policy's hold for its purposes on its channels, every rule of them that covers both, in
        the person's zones: all of them (``strictest``), or home, else here (``first``); and in
        ``and_zone``, where the law names no zone. ``lifted_by`` names the consent that lifts them,
        and nothing but them.
Rule 2. The person's own (attribute ``quiet_hours``, see ``own_hours``) always hold, for marketing,
        and for service messages where the person asks for it.
Rule 3. The campaign's own hours hold for whatever it sends.
Rule 4. The zones of a country stand for one that is not known: all of them must allow it.
Rule 5. With no zone known nothing can be kept: marketing is not sent, service messages go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from fencepost_gateway.decide.hours import hours_limit, quiet_to_allowed, weekly_windows
from fencepost_gateway.decide.plan import LocalWindow, Policy
from fencepost_gateway.decide.solver import Limit
from fencepost_gateway.decide.spans import WEEKDAYS, zone_named
from fencepost_gateway.decide.zones import Zones

_DAYS = ("every_day", *WEEKDAYS)


class Hours(Struct, frozen=True):
    """Hours that a message must keep: whose they are, and in which zones besides the person's."""

    whose: str
    allowed: tuple[LocalWindow, ...]
    zones: str = "strictest"
    and_zone: str = ""


def policy_hours(
    policies: Sequence[Policy], purpose: str, channel: str, lifts: frozenset[str]
) -> list[Hours]:
    """
    Give the policies' hours that hold for a purpose on a channel (Rule 1).

    Args:
        policies: Those that hold for the person: the hours of all of them.
        purpose: Purpose of the message.
        channel: Where it would go.
        lifts: The consents of the person that lift hours.

    """
    return [
        Hours(_named(policy), rule.allowed, rule.zones, rule.and_zone)
        for policy in policies
        for rule in policy.quiet_hours
        if purpose in rule.purposes and channel in rule.channels and rule.lifted_by not in lifts
    ]


def _named(policy: Policy) -> str:
    return f"policy {policy.policy_id}" if policy.countries else "policy"


def own_hours(attribute: object, purpose: str, channel: str) -> list[Hours] | None:
    """
    Read the person's own quiet hours (Rule 2); None when they cannot be read.

    ``"22:00-07:00"``, a list of such, or ``{every_day: …, sa: …, channels: […], purposes: […]}``.
    The spans are those of *quiet*; a weekday that is named replaces ``every_day``.
    """
    if attribute is None:
        return []
    stated = attribute if isinstance(attribute, dict) else {"every_day": attribute}
    channels, purposes = stated.get("channels", []), stated.get("purposes", ["marketing"])
    if not isinstance(channels, list) or not isinstance(purposes, list):
        return None
    days = tuple((name, _texts(stated[name])) for name in _DAYS if name in stated)
    if not all(isinstance(text, str) for _, texts in days for text in texts):
        return None
    quiet = _quiet(days)
    if quiet is None:
        return None
    if purpose not in purposes or (channels and channel not in channels):
        return []
    return [Hours("person", _rest(quiet))] if quiet else []


def _texts(stated: object) -> tuple[Any, ...]:
    return tuple(stated) if isinstance(stated, list) else (stated,)


@lru_cache(maxsize=1024)  # a person's hours are read at every claim, and change hardly ever
def _quiet(days: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[LocalWindow, ...] | None:
    return weekly_windows({name: list(texts) for name, texts in days})


_rest = lru_cache(maxsize=1024)(quiet_to_allowed)


def limits(hours: Sequence[Hours], zones: Zones) -> Iterator[Limit]:
    """Give one limit for each of ``hours`` in each zone in which it must be kept."""
    for each in hours:
        first_only = each.zones == "first" and zones.is_known
        names = dict.fromkeys(zones.names[:1] if first_only else zones.names)
        for name in (*names, *([each.and_zone] if each.and_zone not in names else [])):
            zone = zone_named(name)
            if zone is not None:
                yield hours_limit(f"{each.whose} in {name}", each.allowed, zone)
