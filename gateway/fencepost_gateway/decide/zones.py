"""
Zones: in which time zones a person may be, and where each is known from.

Pure; see ``countries`` for the data.

Rule 1. Home is the person's own choice (attribute ``zone``); here is the device's zone, while it
        is at most ``DEVICE_ZONE_MAX_AGE_MS`` old. Those that are known count.
Rule 2. Neither known: all zones of the person's country, by the prefix of the telephone number,
        else by the attribute ``country``, else by the region of the locale.
Rule 3. No country either: the workspace's zone, if it has one. Else unknown: never silently UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from fencepost_gateway.decide.countries import (
    countries_of_phone,
    country_of_locale,
    zones_of_country,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.spans import zone_named

DEVICE_ZONE_MAX_AGE_MS = 30 * 86_400_000


class Zones(Struct, frozen=True):
    """
    The zones that count for a person and where they are known from; empty = unknown.

    ``is_known`` says that they are the person's own, home before here, not those of a country.
    """

    names: tuple[str, ...]
    source: str
    is_known: bool = False


def zones_of(person: Person, phone: str, workspace: str, now_ms: int) -> Zones:
    """
    Climb down the ladder of zones.

    Args:
        person: Own choice, device's zone, country and locale are read.
        phone: The person's number in E.164, empty if none.
        workspace: The workspace's zone, empty if not set.
        now_ms: Moment of the decision.

    """
    chosen = person.attributes.get("zone")
    home = chosen if isinstance(chosen, str) and zone_named(chosen) else ""
    is_fresh = now_ms - person.zone_at_ms <= DEVICE_ZONE_MAX_AGE_MS
    here = person.zone if is_fresh and zone_named(person.zone) else ""
    if home or here:
        names = tuple(dict.fromkeys(z for z in (home, here) if z))
        source = "chosen and device" if home and here else "chosen" if home else "device"
        return Zones(names, source, is_known=True)
    for source, countries in _countries(person.attributes, phone, person.locale):
        found = sorted({zone for each in countries for zone in zones_of_country(each)})
        names = tuple(zone for zone in found if zone_named(zone))
        if names:
            return Zones(names, f"{source} ({', '.join(countries)})")
    if zone_named(workspace):
        return Zones((workspace,), "workspace")
    return Zones((), "unknown")


def _countries(
    attributes: dict[str, Any], phone: str, locale: str
) -> Iterator[tuple[str, Iterable[str]]]:
    """Give the rungs of Rule 2, with the countries that each names."""
    stated = attributes.get("country")
    yield "phone prefix", countries_of_phone(phone)
    # Taken whole or not at all: "Korea" is no code, and no guess is made.
    yield "country", (stated.upper(),) if isinstance(stated, str) else ()
    yield "locale", (country_of_locale(locale),)
