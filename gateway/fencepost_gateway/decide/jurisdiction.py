"""
Jurisdiction: which policies hold for a person, and from which country that is known.

Pure; see ``countries`` for the data.

Rule 1. The ladder: what the person stated (attribute ``country``), the prefix of the telephone
        number, the country of the device's zone while that is fresh, the region of the locale.
        Every rung that names a country counts: where they disagree, the policies of all of them
        hold. A rung that names several, one of them known from above, adds nothing.
Rule 2. A country that no policy is written for, and a person of whom no country is known, are under
        the default policy.
Rule 3. Consent must be allowed by every policy that holds, quiet hours must be kept by all.
Rule 4. At the door nobody knows more of a person than this batch says. So a position passes only
        if every policy of the workspace lets it: never more lenient than the claim (ADR-0016).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from fencepost_gateway.decide.countries import (
    countries_of_phone,
    country_of_locale,
    country_of_zone,
    zones_of_country,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan, Policy
from fencepost_gateway.decide.zones import device_zone


class Jurisdiction(Struct, frozen=True):
    """
    The policies that hold, and the countries by the source that named them.

    ``is_asked``: the workspace has more than one, so that it matters.
    """

    policies: tuple[Policy, ...]
    countries: dict[str, tuple[str, ...]] = {}
    is_asked: bool = False

    @property
    def holds(self) -> bool:
        """Say whether a message may wait for a zone: no policy with hours wants it withheld."""
        asked = [policy.quiet_hours for policy in self.policies if policy.quiet_hours]
        held = [any(rule.on_zone_unknown == "hold" for rule in rules) for rules in asked]
        return bool(held) and all(held)

    def told(self) -> dict[str, Any]:
        """Give what a record says; nothing where a workspace has one policy for everybody."""
        if not self.is_asked:
            return {}
        names = [each.named for each in self.policies]
        return {"policies": names, "countries": {k: list(v) for k, v in self.countries.items()}}


def jurisdiction_of(plan: Plan, person: Person, phone: str, now_ms: int) -> Jurisdiction:
    """
    Say which policies hold for a person.

    Args:
        plan: The default policy, and those of jurisdictions.
        person: Attributes, device's zone and locale are read.
        phone: The person's number in E.164, empty if none.
        now_ms: Moment of the decision.

    """
    if not plan.policies:
        return Jurisdiction((plan.policy,))
    countries: dict[str, tuple[str, ...]] = {}
    known: set[str] = set()
    for source, named in _rungs(person, phone, now_ms):
        if named and known.isdisjoint(named):
            countries[source] = named
            known.update(named)
    held = [p for p in plan.policies if not known.isdisjoint(p.countries)]
    ruled = {country for policy in held for country in policy.countries}
    if not held or not known <= ruled:
        held.insert(0, plan.policy)
    return Jurisdiction(tuple(held), countries, is_asked=True)


def _rungs(person: Person, phone: str, now_ms: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    stated = person.attributes.get("country")
    # Taken whole or not at all: "Korea" is no code, and no guess is made.
    code = stated.upper() if isinstance(stated, str) else ""
    yield "stated", (code,) if zones_of_country(code) else ()
    yield "phone prefix", countries_of_phone(phone)
    zone = device_zone(person, now_ms)
    yield "zone", _one(country_of_zone(zone))
    yield "locale", _one(country_of_locale(person.locale))


def _one(country: str) -> tuple[str, ...]:
    return (country,) if country else ()
